"""TCN on air: service UUID C019 and its service data, the contact number."""

from __future__ import annotations

from .. import ad
from ..ad import Sent
from ..protocol import DAY_S

SERVICE_UUID = 0xC019
_FLAGS = 0x02
ID_BYTES = 16
#: How long phones keep numbers, seconds.
RETENTION_S = 14 * DAY_S


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Flags, service UUID C019, its service data."""
    return ad.with_service_data(SERVICE_UUID, identifier, flags=_FLAGS)


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """The contact number, or None."""
    sent = ad.service_data(structures, SERVICE_UUID)
    return None if sent is None or len(sent) != ID_BYTES else Sent(sent)
