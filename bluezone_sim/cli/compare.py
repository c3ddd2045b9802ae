"""``bluezone-sim compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, conclude, show
from .printing import console, print_json

#: Keys of the scenario that differ, of which so many are told.
_MOST_CHANGES = 8


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(compare)


def compare(
    a: Annotated[Path, typer.Argument(help="Directory of a run or sweep.")],
    b: Annotated[Path, typer.Argument(help="Another, which is judged.")],
    as_json: Json = False,
) -> None:
    """Set two runs or sweeps side by side; exit 1 where a criterion of the scenario is missed."""
    from ..analysis import compare as comparing
    from ..api import open_any
    from ..report.panels import compare_tables
    from ..tables.table import WIDE

    first, second = open_any(a), open_any(b)
    found = comparing.compare(first, second)
    if as_json:
        print_json("compare", found.to_dict())
    else:
        terminal = console(WIDE)
        for letter, path, of in (("A", a, first), ("B", b, second)):
            terminal.print(f"{letter}, {path}: {of.headline()}")
        changes = comparing.changes(first.scenario, second.scenario)
        for key, of_a, of_b in changes[:_MOST_CHANGES]:
            terminal.print(f"  {key}: {of_a} in A, {of_b} in B")
        if len(changes) > _MOST_CHANGES:
            terminal.print(f"  and {len(changes) - _MOST_CHANGES} keys more")
        show(terminal, compare_tables(found))
        if bool(comparing.campaigns_in(first)) != bool(comparing.campaigns_in(second)):
            terminal.print("Only one of them has a campaign, so campaigns are not compared.")
        if first.epidemic is not None or second.epidemic is not None:
            terminal.print(
                "Epidemics are not compared: put what differs into arms, or into a sweep."
            )
    conclude(found.verdicts, quiet=as_json)
