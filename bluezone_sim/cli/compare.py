"""``bluezone-sim compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .common import Json, conclude, show
from .printing import console, echo


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
        echo(json.dumps(found.to_dict(), allow_nan=False))
    else:
        terminal = console(WIDE)
        terminal.print(f"A: {first.headline()}")
        terminal.print(f"B: {second.headline()}")
        show(terminal, compare_tables(found))
        if bool(comparing.campaigns_in(first)) != bool(comparing.campaigns_in(second)):
            terminal.print("Only one of them has a campaign, so campaigns are not compared.")
        if first.epidemic is not None or second.epidemic is not None:
            terminal.print(
                "Epidemics are not compared: put what differs into arms, or into a sweep."
            )
    conclude(found.verdicts, quiet=as_json)
