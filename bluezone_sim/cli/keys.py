"""``bluezone-sim keys``: files of published keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json
from .printing import console, echo, print_json


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(name="keys", help="Files of published keys.", no_args_is_help=True)
    group.command()(check)
    app.add_typer(group)


def check(
    files: Annotated[
        list[Path], typer.Argument(help="Files of keys, or folders; told by their content.")
    ],
    protocol: Annotated[
        str | None, typer.Option(help="System of the keys, where their file leaves it open.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="PEM, DER or base64; signatures are verified with it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell batches, ages, overlaps, signatures, report types, and what phones would refuse.

    Exit 0 where there is nothing, 1 where phones would refuse something, 2 where a file cannot be read.
    """
    from ..captures.key_check import check_keys

    found = check_keys(files, protocol, public_key)
    if as_json:
        print_json("keys check", found.to_dict())
    else:
        if found.files:
            console().print(found.table())
        echo(found.summary())
    if found.exit_code:
        raise typer.Exit(found.exit_code)
