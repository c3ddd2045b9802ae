"""``bluezone-sim verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import FormatError
from .common import Json
from .printing import echo, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(verify)


def verify(
    directory: Annotated[
        Path, typer.Argument(help="Directory of a run, sweep, drive, report or validation.")
    ],
    as_json: Json = False,
) -> None:
    """Check every file of a directory against its digests; exit 2 where one is damaged or missing."""
    from ..storage.verify import verify as check

    found = check(directory)
    if as_json:
        print_json("verify", found.to_dict())
    lines = found.summary()
    if found.faults:
        raise FormatError("\n".join(lines))
    if not as_json:
        echo("\n".join(lines))
