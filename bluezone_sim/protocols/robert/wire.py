"""ROBERT on air: service UUID FD64 and its service data, HELLO and up to four bytes behind it."""

from __future__ import annotations

from .. import ad
from ..ad import Sent

#: Registered to Inria.
SERVICE_UUID = 0xFD64
ID_BYTES = 16
#: What may follow a HELLO on air: nothing; version, TX power and two reserved bytes; or, as StopCovid's
#: Android client has it, two or three of them.
TAIL_BYTES = (0, 4, 2, 3)


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Flags, service UUID FD64, its service data."""
    return ad.with_service_data(SERVICE_UUID, identifier + payload, flags=0x1A)


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """HELLO and what follows it, or None."""
    return ad.service_sent(structures, SERVICE_UUID, ID_BYTES)
