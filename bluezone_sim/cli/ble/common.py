"""What the commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from ..printing import echo

ble = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

AdapterName = Annotated[
    str | None, typer.Option("--adapter", help="Such as hci0; by default the first that can.")
]
ProtocolName = Annotated[
    str, typer.Option("--protocol", help="Such as bluezone, gaen, dp3t-lowcost, tcn.")
]


def say(text: str) -> None:
    """Progress and troubles, on stderr."""
    echo(text, err=True)


def above_zero(value: float | None, option: str) -> None:
    """Refuses a number that is not, where one is given."""
    from ...errors import InputError

    if value is not None and not value > 0:
        raise InputError(f"{option} {value:g}: expected more than 0")


def numbers(text: str | None, option: str, example: str) -> list[float]:
    """Numbers with commas between them; none where nothing is given."""
    from ...errors import InputError

    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"{option} {text}: expected numbers such as {example}") from None
