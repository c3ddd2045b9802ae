"""``bluezone-sim match``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .common import Json, console, read_bytes


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(match)


def match(
    keys: Annotated[Path, typer.Option(help="Keys, in Bluezone's CHECK_CONTACT_F0 message.")],
    history: Annotated[Path, typer.Option(help="A phone's data_trace.txt.")],
    as_json: Json = False,
) -> None:
    """Look published keys up in a phone's history."""
    from ..results.phone import look_up

    found = look_up(read_bytes(keys), read_bytes(history), str(keys), str(history))
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        console().print(found.table())
        typer.echo(found.summary())
