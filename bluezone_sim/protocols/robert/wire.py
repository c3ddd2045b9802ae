"""ROBERT on air: service UUID FD64 and its service data, HELLO and four bytes or none."""

from __future__ import annotations

from .. import ad
from ..ad import Sent

#: Registered to Inria.
SERVICE_UUID = 0xFD64
ID_BYTES = 16
#: Version, TX power and two reserved bytes may follow a HELLO on air.
TAIL_BYTES = 4


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Flags, service UUID FD64, its service data."""
    return ad.with_service_data(SERVICE_UUID, identifier + payload, flags=0x1A)


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """HELLO and what follows it, or None."""
    sent = ad.service_data(structures, SERVICE_UUID)
    if sent is None or len(sent) not in (ID_BYTES, ID_BYTES + TAIL_BYTES):
        return None
    return Sent(sent[:ID_BYTES], sent[ID_BYTES:])
