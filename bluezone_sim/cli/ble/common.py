"""What the commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ble = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

AdapterName = Annotated[
    str | None, typer.Option("--adapter", help="Such as hci0; by default the first that can.")
]
ProtocolName = Annotated[str, typer.Option("--protocol", help="As in the README.")]


def say(text: str) -> None:
    """Progress and troubles, on stderr."""
    typer.echo(text, err=True)


def numbers(text: str | None, option: str) -> list[float]:
    from ...errors import InputError

    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"{option} {text}: expected numbers such as 0.14,0.4,0.6,1") from None
