"""``bluezone-sim bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CriterionError, InputError
from ..files import check_file, write_file
from ..reading.bounded import read_bytes
from ..reading.documents import MOST_JSON
from .common import Json, progress_bar
from .printing import console, echo, print_json

if TYPE_CHECKING:
    from ..benchmarks.regressions import Judgement
    from ..benchmarks.results import Baseline
    from ..benchmarks.rounds import BenchmarkResult


def register(app: typer.Typer) -> None:
    """Adds the command."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(bench)
    group.command()(engine)
    group.command()(limit)
    group.command()(epidemic)
    app.add_typer(group, name="bench")


def bench(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Figures by name or pattern, such as 'ids/*,match/*'."),
    ] = None,
    list_figures: Annotated[bool, typer.Option("--list", help="Name the figures.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the ratios as JSON; - for stdout."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An earlier --json to compare with; exit 1 if worse."),
    ] = None,
    max_regression: Annotated[
        float, typer.Option(min=0, max=1, help="How much a ratio may fall.")
    ] = 0.15,
) -> None:
    """Measure the core, each figure beside a plain baseline in the same process.

    `bench limit` sets it beside C, `bench engine` measures whole runs, `bench epidemic` epidemics.
    """
    if context.invoked_subcommand is not None:
        return
    if list_figures:
        _list_figures()
        return
    from ..benchmarks.core import chosen
    from ..benchmarks.results import table, to_json
    from ..simulation.memory import peak_memory_mib

    patterns = tuple(p.strip() for p in only.split(",")) if only is not None else ()
    names = _fitting(chosen(patterns))
    before = None if baseline is None else _comparable(baseline, names, patterns)
    to_stdout = json_file == Path("-")
    if json_file is not None and not to_stdout:
        check_file(json_file)
    verdict = _judged(names, {} if before is None else before.ratios, max_regression)
    console(stderr=to_stdout).print(table(verdict.results))
    echo(f"peak memory {peak_memory_mib():,.0f} MiB", err=True)
    if to_stdout:
        echo(to_json(verdict.results), nl=False)
    elif json_file is not None:
        write_file(json_file, to_json(verdict.results))
    for line in verdict.unclear:
        echo(f"not clear, so not counted: {line}", err=True)
    if verdict.worse:
        raise CriterionError("regression\n" + "\n".join(f"  - {line}" for line in verdict.worse))
    if before is not None:
        echo(f"No figure fell by more than {max_regression:.0%}.", err=to_stdout)


def _list_figures() -> None:
    from ..benchmarks.core import FIGURES

    for name, figure in FIGURES.items():
        echo(f"{name}  (only by its name: {figure.alone})" if figure.alone else name)


def _comparable(path: Path, names: list[str], patterns: tuple[str, ...]) -> Baseline:
    """The baseline, with a word on what is not as it was; it has the figures that are to be compared."""
    from ..benchmarks.core import FIGURES, wanted
    from ..benchmarks.regressions import check_figures
    from ..benchmarks.results import parse_baseline

    before = parse_baseline(read_bytes(path, MOST_JSON), str(path))
    for line in before.differences():
        echo(line, err=True)
    if before.ignored:
        echo(f"{path}: of threads, so not compared: {', '.join(before.ignored)}", err=True)
    compared = [name for name in names if FIGURES[name].threads == 1]
    check_figures(compared, before, lambda name: wanted(name, patterns))
    return before


def _judged(names: list[str], ratios: dict[str, float], most: float) -> Judgement:
    """Measures figures, and those again that seem to have fallen."""
    from ..benchmarks.core import cases
    from ..benchmarks.regressions import judge
    from ..benchmarks.rounds import ROUNDS, measure

    def again(suspected: list[str]) -> list[BenchmarkResult]:
        echo(f"measured again: {', '.join(suspected)}", err=True)
        return measure(cases(suspected), ROUNDS)

    with progress_bar(quiet=False) as bar:
        tell = bar or (lambda share, stage: None)
        tell(0.0, "making")
        found = measure(cases(names), ROUNDS, lambda done: tell(done / ROUNDS, f"round {done}"))
    return judge(found, ratios, most, again)


def _fitting(names: list[str]) -> list[str]:
    """Those that the free memory holds; the others are told."""
    from ..benchmarks.core import too_large

    fitting = []
    for name in names:
        why = too_large(name)
        if why is None:
            fitting.append(name)
        else:
            echo(f"{name}: left out, it {why}", err=True)
    return fitting


def engine(
    people: Annotated[int, typer.Option(min=1000, help="Size of the population.")] = 1_000_000,
    protocol: Annotated[str | None, typer.Option(help="bluezone or gaen; by default both.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="Identifiers of phones whose keys are published (lazy) or of every phone (full); or "
            "every phone's contacts and records too (whole)."
        ),
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="From 10,000 people up to 5 million.")
    ] = False,
    peer: Annotated[
        bool, typer.Option("--peer", help="Beside Covasim, at the same size; extra `peers`.")
    ] = False,
    peer_python: Annotated[
        str | None, typer.Option(help="Python that has Covasim, by default this one.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs whose median is told.")] = 3,
    threads: Annotated[int | None, typer.Option(min=1, help="By default one a core.")] = None,
    as_json: Json = False,
) -> None:
    """Measure runs from beginning to end: contacts, radio, identifiers and matching of 14 days.

    Yên Bái's contact structure, 60 % of smartphones with the app, three cases a thousand people.
    """
    from dataclasses import asdict

    from ..benchmarks.whole_runs import (
        CURVE,
        DEFAULT,
        MODES,
        PROTOCOLS,
        engine_table,
        measure_apart,
        measure_peer,
        too_many,
    )

    for name, value, known in (("protocol", protocol, PROTOCOLS), ("mode", mode, MODES)):
        if value is not None and value not in known:
            raise InputError(f"--{name} {value}: expected one of {', '.join(known)}")
    asked = [(p, m) for p, m in DEFAULT if protocol in (None, p) and mode in (None, m)] or [
        (p, m) for p in PROTOCOLS for m in MODES if p == protocol and m == mode
    ]
    figures = []
    for size in CURVE if curve else (people,):
        why = too_many(size)
        if why is not None:
            echo(f"{size:,} people: left out, it {why}", err=True)
            continue
        for p, m in asked:
            figures.append(measure_apart(size, p, m, rounds, threads))
            rate = figures[-1].person_days_per_s / 1e6
            echo(f"{size:,} people, {p}, {m}: {rate:.2f} M person-days/s", err=True)
    if not figures:
        raise InputError("no size fits the memory that is free")
    beside = measure_peer(people, figures[0].days, peer_python) if peer else None
    if as_json:
        document = {
            "runs": [asdict(f) for f in figures],
            "peer": None if beside is None else asdict(beside),
        }
        print_json("bench engine", document)
        return
    console(150).print(engine_table(figures, beside))


def epidemic(
    people: Annotated[int, typer.Option(min=1000, help="Size of the population.")] = 100_000,
    days: Annotated[int, typer.Option(min=1, help="Days of the epidemic.")] = 100,
    curve: Annotated[
        bool, typer.Option("--curve", help="From 10,000 people up to a million.")
    ] = False,
    peer: Annotated[
        bool,
        typer.Option("--peer", help="Beside Covasim, at the largest size; extra `peers`."),
    ] = False,
    peer_python: Annotated[
        str | None, typer.Option(help="Python that has Covasim, by default this one.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="By default one a core.")] = None,
    as_json: Json = False,
) -> None:
    """Measure an epidemic: six adoption levels and no app, in step over one town."""
    from dataclasses import asdict

    from ..benchmarks.epidemics import CURVE, epidemics_table, measure_apart
    from ..benchmarks.whole_runs import measure_peer

    figures = []
    for size in CURVE if curve else (people,):
        figures.append(measure_apart(size, days, threads))
        echo(f"{size:,} people: {figures[-1].seconds:.1f} s", err=True)
    beside = measure_peer(figures[-1].people, days, peer_python) if peer else None
    if as_json:
        document = {
            "epidemics": [asdict(f) for f in figures],
            "peer": None if beside is None else asdict(beside),
        }
        print_json("bench epidemic", document)
        return
    console(150).print(epidemics_table(figures, beside))


def limit(as_json: Json = False) -> None:
    """Measure the core beside the same work in C, which a C compiler of this machine compiles.

    One thread, 512 keys a call; both with the instructions that Numba may use here.
    """
    from dataclasses import asdict

    from ..benchmarks.limit import limit_table, measure_limit
    from ..benchmarks.machine import processor, units
    from ..benchmarks.results import scaled

    figures = []
    for figure in measure_limit():
        figures.append(figure)
        ours, limit = scaled(figure.ours, figure.unit), scaled(figure.limit, figure.unit)
        echo(f"{figure.name}: {' '.join(ours)}, in C {' '.join(limit)}", err=True)
    if as_json:
        document = {
            "processor": processor(),
            "units": units(),
            "figures": [asdict(f) for f in figures],
        }
        print_json("bench limit", document)
        return
    echo(f"{processor()}, {units()}")
    console().print(limit_table(figures))
