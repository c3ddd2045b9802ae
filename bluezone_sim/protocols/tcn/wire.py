"""TCN on air: service UUID C019 and its service data, the contact number; an iPhone's service alone.

TCNCoalition/TCN, README: an Android phone broadcasts the number, with four bytes of the app's own behind
it (tcn-client-android); an iPhone shows the service only, and the number is read over a connection.
"""

from __future__ import annotations

from uuid import UUID

from ...errors import FormatError
from .. import ad
from ..ad import Sent
from ..protocol import DAY_S

SERVICE_UUID = 0xC019
#: The same in full, and the characteristic that answers with the number.
SERVICE = UUID(ad.long_uuid(SERVICE_UUID))
CHARACTERISTIC = UUID("d61f4f27-3d6b-4b04-9e46-c9d2ea617f62")
_FLAGS = 0x02
ID_BYTES = 16
#: What may stand behind the number: nothing (the protocol), or four bytes of tcn-client-android.
TAIL_BYTES = (0, 4)
#: How long phones keep numbers, seconds.
RETENTION_S = 14 * DAY_S


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Flags, service UUID C019, its service data."""
    return ad.with_service_data(SERVICE_UUID, identifier + payload, flags=_FLAGS)


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """The contact number, an iPhone's service without it, or None."""
    if ad.has_uuid(structures, SERVICE_UUID) and not ad.has_service_data(structures, SERVICE_UUID):
        return Sent(gatt=True)
    return ad.service_sent(structures, SERVICE_UUID, ID_BYTES)


def answer(value: bytes) -> bytes:
    """The number that an iPhone's characteristic answers with.

    Raises:
        FormatError: it is of another size.
    """
    if len(value) != ID_BYTES:
        raise FormatError(f"expected {ID_BYTES} bytes, found {len(value)}")
    return value
