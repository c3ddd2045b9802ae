"""The systems: what they put on air, what they publish, how they match.

Whoever brings a protocol of their own builds its value of the names here; none of them loads NumPy before
it is used. ``ratchet`` is a SHA-256 chain of many keys at once; ``ad`` walks and builds AD structures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ad
from .ad import Advertisement
from .protocol import FixedId, Gatt, KeyFormat, Keys, Protocol, ServerIds, Wire
from .registry import followed, get, get_key_protocol, names, recognise

if TYPE_CHECKING:
    from ..kernels.crypto.sha256 import ratchet
    from .units import UnitKeys

__all__ = [
    "Advertisement",
    "FixedId",
    "Gatt",
    "KeyFormat",
    "Keys",
    "Protocol",
    "ServerIds",
    "UnitKeys",
    "Wire",
    "ad",
    "followed",
    "get",
    "get_key_protocol",
    "names",
    "ratchet",
    "recognise",
]


def __getattr__(name: str) -> Any:
    if name == "ratchet":
        from ..kernels.crypto.sha256 import ratchet

        return ratchet
    if name == "UnitKeys":
        from .units import UnitKeys

        return UnitKeys
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
