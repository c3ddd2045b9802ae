"""The systems: what they put on air, what they publish, how they match."""

from __future__ import annotations

from .ad import Advertisement
from .protocol import KeyProtocol, Unrolled
from .registry import get, get_key_protocol, names, recognise

__all__ = [
    "Advertisement",
    "KeyProtocol",
    "Unrolled",
    "get",
    "get_key_protocol",
    "names",
    "recognise",
]
