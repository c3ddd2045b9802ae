"""``bluezone-sim bench``."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CriterionError, InputError
from .common import console, read_bytes


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(bench)


def bench(
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
    """Measure the core, each figure beside a plain baseline in the same process."""
    from ..bench.core import FIGURES, cases, too_large
    from ..bench.measure import measure
    from ..bench.report import parse_baseline, regressions, scaled, table, to_json

    before = None if baseline is None else parse_baseline(read_bytes(baseline), str(baseline))
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
            typer.echo(f"{name}: left out, it {why}", err=True)
    found = []
    for case in cases(fitting):
        found.append(measure(case))
        value, unit = scaled(found[-1].value, found[-1].unit)
        typer.echo(f"{case.name}: {value} {unit}", err=True)
    console().print(table(found))
    if json_file is not None:
        part = json_file.with_name(f".{json_file.name}.part")
        try:
            part.write_text(to_json(found), encoding="utf-8")
            part.replace(json_file)
        except OSError as error:
            raise InputError(f"{json_file}: cannot be written ({error})") from None
    if before is not None:
        missing = sorted(set(before) - {m.name for m in found}) if only is None else []
        for name in missing:
            typer.echo(f"{name}: in the baseline, not measured here", err=True)
        worse = regressions(found, before, max_regression)
        if worse:
            raise CriterionError("regression\n" + "\n".join(f"  - {line}" for line in worse))
        typer.echo(f"No figure fell by more than {max_regression:.0%}.")
