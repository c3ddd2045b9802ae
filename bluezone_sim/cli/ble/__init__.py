"""``bluezone-sim ble``: adapters, scans, and the bench for QA."""

from __future__ import annotations

import typer

# Each adds its commands.
from . import listening, measuring, sending  # noqa: F401
from .common import ble


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(ble, name="ble", help="Real adapters: scan, advertise, measure, drive.")
