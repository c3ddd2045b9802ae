"""``bluezone-sim run``."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CriterionError, InputError
from ..reading.bounded import is_folder
from .common import Json, Scenario, Settings, conclude, progress_bar, settings_of, show
from .printing import console, echo, print_json

if TYPE_CHECKING:
    from ..api import Result
    from ..scenario.model import Scenario as Model
    from ..storage.repeat import Recorded


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(run)


def run(
    scenario: Scenario,
    seed: Annotated[int | None, typer.Option(help="Replace the scenario's seed.")] = None,
    settings: Settings = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Towns and epidemics, of a scenario with [epidemic]; upwards from seed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write; by default runs/<id>.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace --out if it holds a run and nothing else.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default one a core. Results do not change.")
    ] = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Run a scenario: print its tables, write its run directory with a report.

    The folder of an earlier run, or its manifest.json, is run again, and compared: exit 1 where other
    numbers come out. Where its trace is now is said with --set contacts.trace.file=PATH.
    """
    from ..storage.repeat import folder_of

    earlier = _earlier(folder_of(scenario), settings_of(settings), quiet, seed, seeds)
    from ..scenario import load

    chosen = load(scenario, settings_of(settings)) if earlier is None else earlier.scenario
    if earlier is not None:
        seed = earlier.seed
    if seeds is not None:
        chosen = _with_seeds(chosen, seeds)
    seed = chosen.seed if seed is None else seed
    target = _default_out(chosen.name, seed) if out is None else out
    from ..storage.run_save import check_free

    if earlier is not None and is_folder(target) and target.samefile(earlier.folder):
        raise InputError(
            f"{target}: is the run that is repeated, and would go before both are compared; give another "
            "--out"
        )
    check_free(target, force=force)
    from ..api import run as simulate

    with progress_bar(quiet=quiet) as report:
        result = simulate(chosen, seed, threads=threads, progress=report)
    result.save(target, force=force)
    from ..analysis.compare import arm_of, campaigns_in
    from ..analysis.criteria import judge

    verdicts = judge(chosen, [arm_of(result)], campaigns=campaigns_in(result))
    if as_json:
        document = {**result.to_dict(), "expect": [asdict(v) for v in verdicts]}
        print_json("run", document)
    elif not quiet:
        _print(result)
    if not quiet:
        echo(f"Written: {target}/ (open {target / 'report.html'})", err=as_json)
    if earlier is not None:
        _compare(earlier, target, quiet=quiet, as_json=as_json)
    conclude(verdicts, quiet=quiet or as_json)


def _earlier(
    folder: Path | None, changes: dict[str, Any], quiet: bool, *seeds: int | None
) -> Recorded | None:
    """The run that is to be repeated, where a folder is given."""
    if folder is None:
        return None
    from ..storage.inputs import TRACE_FILES, with_files
    from ..storage.repeat import recorded

    if changes.keys() - TRACE_FILES.keys() or any(seed is not None for seed in seeds):
        raise InputError(
            f"{folder}: is run again as it was. To change it, write its scenario to a file and run that: "
            f"bluezone-sim show {folder} > my.toml, then bluezone-sim run my.toml with --seed or --set"
        )
    found, notes = with_files(recorded(folder), {key: str(at) for key, at in changes.items()})
    for note in [] if quiet else notes:
        echo(f"note: {note}", err=True)
    return found


def _compare(earlier: Recorded, target: Path, *, quiet: bool, as_json: bool) -> None:
    from ..storage.repeat import compared

    found = compared(earlier, target)
    if found.other:
        raise CriterionError(found.summary())
    if not quiet:
        echo(found.summary(), err=as_json)


def _with_seeds(chosen: Model, seeds: int) -> Model:
    """The scenario with so many epidemics."""
    from ..scenario.loading import point_scenario

    if chosen.epidemic is None:
        raise InputError(
            f"--seeds {seeds}: {chosen.name} has no epidemic; give it an [epidemic], or let "
            f"`bluezone-sim sweep {chosen.name} --seeds {seeds}` run it with many seeds"
        )
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: expected at least 1")
    return point_scenario(chosen, {"epidemic.seeds": seeds})


def _default_out(name: str, seed: int) -> Path:
    """``runs/<id>``: scenario, seed and time, numbered where two runs end up with one name."""
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    first = Path("runs") / f"{name}-seed{seed}-{now}"
    path, n = first, 1
    while os.path.lexists(path):
        n += 1
        path = first.with_name(f"{first.name}-{n}")
    return path


def _print(result: Result) -> None:
    from ..report.panels import tables

    terminal = console()
    terminal.print(result.headline())
    if found := result.answer():
        terminal.print(found)
    show(terminal, tables(result))
    terminal.print(f"{result.seconds:.1f} s, {result.peak_memory_mib:,.0f} MiB")
