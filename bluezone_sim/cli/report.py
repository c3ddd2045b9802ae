"""``bluezone-sim report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .printing import echo

#: What ``--format`` takes.
FORMATS = ("html", "png", "svg", "pdf", "csv")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(report)


def report(
    directory: Annotated[Path, typer.Argument(help="Directory of a run or sweep.")],
    formats: Annotated[
        str, typer.Option("--format", help="html, png, svg, pdf, csv; several with commas.")
    ] = "html",
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to; by default the one that is read.")
    ] = None,
) -> None:
    """Write the report of a run or sweep: one HTML file, or figures and tables for papers."""
    chosen = [f.strip() for f in formats.split(",") if f.strip()]
    for name in chosen:
        if name not in FORMATS:
            raise InputError(f"--format {name}: expected one or more of {', '.join(FORMATS)}")
    from ..api import write_reports

    for path in write_reports(directory, chosen, out or directory):
        echo(f"Written: {path}")
