"""``bluezone-sim sweep``."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..reading.documents import toml_value
from .common import Json, Scenario, Settings, StoppedError, conclude, settings_of, show
from .printing import console, echo, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..api import Sweep
    from ..sweeping.sweep import Progress

#: Seconds between lines of progress where standard error is no terminal.
_EVERY_S = 30.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(sweep)


def sweep(
    scenario: Scenario,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2",
            help="An axis, such as adoption=0.2,0.4 or radio.density=off,on; again for more axes.",
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds, from the scenario's upwards.")] = None,
    settings: Settings = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes; by default one a core, as memory allows. Same results."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory of the results; by default sweeps/<name>-<hash>.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on Dask: local, or tcp://host:port.")
    ] = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Run a grid of scenarios with many seeds; run it again to go on where it stopped."""
    from ..api import sweep as sweep_all
    from ..scenario import load

    chosen = load(scenario, settings_of(settings))
    axes = axes_of(grid)
    target = _default_out(chosen, axes) if out is None else out

    def warn(message: str) -> None:
        echo(f"bluezone-sim: {message}", err=True)

    last: list[Progress] = []
    try:
        with _progress(quiet=quiet) as show:

            def progress(at: Progress) -> None:
                last[:] = [at]
                show(at)

            result = sweep_all(
                chosen,
                axes,
                seeds,
                workers=workers,
                out=target,
                dask=dask,
                progress=progress,
                warn=warn,
            )
    except KeyboardInterrupt:
        how = f"{last[0].done} of {last[0].total} simulations are" if last else "what was done is"
        raise StoppedError(
            f"interrupted; {how} kept in {target}, and the same command goes on from there"
        ) from None
    from ..analysis.criteria import judge

    verdicts = judge(chosen, result.arms, campaigns=result.campaigns)
    if as_json:
        expect = [asdict(v) for v in verdicts]
        document = {**result.to_dict(), "expect": expect, "out": str(target)}
        print_json("sweep", document)
    elif not quiet:
        _print(result)
    if not quiet:
        echo(f"Written: {target}/ (bluezone-sim report {target})", err=as_json)
    conclude(verdicts, quiet=quiet or as_json)


def axes_of(given: list[str] | None) -> dict[str, list[Any]]:
    """``KEY=V1,V2`` to the key and its values: each TOML where it can be, else text."""
    out: dict[str, list[Any]] = {}
    for item in given or []:
        key, sign, text = item.partition("=")
        key = key.strip()
        if not sign or not key or not text.strip():
            raise InputError(f"--grid {item}: expected KEY=V1,V2, such as radio.density=off,on")
        if key in out:
            raise InputError(f"--grid {key}: given twice; write its values in one list")
        out[key] = _values(text, item)
    return out


def _values(text: str, item: str) -> list[Any]:
    # Lists, tables and quoted text may hold commas of their own.
    whole = toml_value(f"[{text}]", f"--grid {item}")
    if isinstance(whole, list):
        return whole
    values = []
    for part in text.split(","):
        part = part.strip()
        if not part:
            raise InputError(f"--grid {item}: an empty value; expected V1,V2")
        values.append(toml_value(part, f"--grid {item}"))
    return values


def _default_out(scenario: Any, axes: dict[str, list[Any]]) -> Path:
    """The same for the same scenario and axes, whatever their values: so that it is gone on with."""
    from ..sweeping.plan import base_of, plan

    given = scenario.sweep.grid if scenario.sweep else {}
    keys = plan(scenario, {**{k: v[:1] for k, v in {**given, **axes}.items()}}, 1).axes
    text = json.dumps([base_of(scenario, keys), list(keys)], sort_keys=True)
    return Path("sweeps") / f"{scenario.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr where that is a terminal, else a line now and then."""
    if quiet:
        yield lambda at: None
        return
    if not sys.stderr.isatty():
        said = [time.monotonic()]

        def line(at: Progress) -> None:
            if time.monotonic() - said[0] >= _EVERY_S:
                said[0] = time.monotonic()
                echo(f"{at.done} of {at.total} simulations{left_in_words(at)}", err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("simulations{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda at: bar.update(
            task, completed=at.done, total=at.total, description=left_in_words(at)
        )


def left_in_words(at: Progress) -> str:
    """How long it still takes, to the minute where that is what matters."""
    if at.seconds_left is None:
        return ""
    s = round(at.seconds_left)
    if s < 90:
        return f", {s} s left"
    return f", {round(s / 60)} min left" if s < 5400 else f", {s / 3600:.1f} h left"


def _print(result: Sweep) -> None:
    from ..report.panels import sweep_tables
    from ..tables.table import WIDE

    terminal = console(WIDE)
    terminal.print(result.headline())
    show(terminal, sweep_tables(result))
    about = result.about
    terminal.print(
        f"{about['core_hours']:.2g} core-hours, up to {about['peak_memory_mib']:,.0f} MiB a process"
    )
