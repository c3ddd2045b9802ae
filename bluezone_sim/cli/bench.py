"""``bluezone-sim bench``."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CriterionError, InputError
from ..files import write_file
from ..reading.bounded import read_bytes
from ..reading.documents import MOST_JSON
from .common import Json
from .printing import console, echo


def register(app: typer.Typer) -> None:
    """Adds the command."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(bench)
    group.command()(engine)
    app.add_typer(group, name="bench")


def bench(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="Figures by name or pattern, such as 'match/gaen/*'."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An earlier --json to compare with; exit 1 if worse."),
    ] = None,
    max_regression: Annotated[
        float, typer.Option(min=0, max=1, help="How much a ratio may fall.")
    ] = 0.15,
) -> None:
    """Measure the core, each figure beside a plain baseline in the same process; or `bench engine`."""
    if context.invoked_subcommand is not None:
        return
    from ..benchmarks.core import FIGURES, cases, too_large
    from ..benchmarks.regressions import parse_baseline, regressions, scaled, table, to_json
    from ..benchmarks.rounds import measure

    before = (
        None if baseline is None else parse_baseline(read_bytes(baseline, MOST_JSON), str(baseline))
    )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise InputError(f"{json_file}: there is no folder {json_file.parent}")
    names = [n for n in FIGURES if only is None or fnmatch(n, only) or n == only]
    if not names:
        raise InputError(f"--only {only}: no such figure; there are {', '.join(FIGURES)}")
    fitting = []
    for name in names:
        why = too_large(name)
        if why is None:
            fitting.append(name)
        else:
            echo(f"{name}: left out, it {why}", err=True)
    found = []
    for case in cases(fitting):
        found.append(measure(case))
        value, unit = scaled(found[-1].value, found[-1].unit)
        echo(f"{case.name}: {value} {unit}", err=True)
    console().print(table(found))
    if json_file is not None:
        write_file(json_file, to_json(found))
    if before is not None:
        missing = sorted(set(before) - {m.name for m in found}) if only is None else []
        for name in missing:
            echo(f"{name}: in the baseline, not measured here", err=True)
        worse = regressions(found, before, max_regression)
        if worse:
            raise CriterionError("regression\n" + "\n".join(f"  - {line}" for line in worse))
        echo(f"No figure fell by more than {max_regression:.0%}.")


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
    import json
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
        echo(json.dumps(document, indent=1))
        return
    console(150).print(engine_table(figures, beside))
