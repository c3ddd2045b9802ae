"""The systems: what they put on air, what they publish, how they match."""

from __future__ import annotations

from .base import KeyProtocol, Unrolled
from .bluezone import Bluezone

__all__ = ["KeyProtocol", "Unrolled", "get", "names"]

_PROTOCOLS = {"bluezone": Bluezone}


def names() -> tuple[str, ...]:
    """Names that :func:`get` knows."""
    return tuple(_PROTOCOLS)


def get(name: str) -> Bluezone:
    """The protocol of that name.

    Raises:
        InputError: there is none; the nearest right name is given.
    """
    from difflib import get_close_matches

    from ..errors import InputError

    if name in _PROTOCOLS:
        return _PROTOCOLS[name]()
    near = get_close_matches(str(name), _PROTOCOLS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"protocol {name!r}: expected one of {', '.join(_PROTOCOLS)}{hint}")
