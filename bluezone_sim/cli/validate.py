"""``bluezone-sim validate …``: the model beside measurements and surveys."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Adds the group; each command judges one part of the model by its exit code."""
    group = typer.Typer(
        help="Compare the model with measurements; exit 1 where it is off by more than its tolerance.",
        no_args_is_help=True,
    )
    app.add_typer(group, name="validate")
