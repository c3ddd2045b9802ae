"""``bluezone-sim matrix``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ..errors import CriterionError
from .common import Json, console, progress_bar, settings_of


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(matrix)


def matrix(
    protocol: Annotated[
        str, typer.Option(help="Radio profile, such as bluezone-v1, bluezone, gaen.")
    ] = "bluezone-v1",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the profile, such as ios.background.sends=service.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of phones and packets.")] = 1,
    as_json: Json = False,
) -> None:
    """Run the white paper's 24 cases, packet by packet; exit 1 where they differ from it."""
    from ..results.matrix import build_matrix

    with progress_bar(quiet=as_json) as report:
        found = build_matrix(
            protocol, settings_of(settings), seed, report or (lambda done, stage: None)
        )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), allow_nan=False))
    else:
        terminal = console()
        terminal.print(found.table())
        typer.echo(found.words() + "\n")
        terminal.print(found.measured_table())
        terminal.print(found.NOTE, style="dim")
    if found.missed:
        raise CriterionError(
            f"{len(found.missed)} of 24 cases differ from the white paper: "
            f"{', '.join(map(str, found.missed))}"
        )
