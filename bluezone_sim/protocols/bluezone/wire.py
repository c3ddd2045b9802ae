"""Bluezone on air: Android's advertisement with the identifier, and the iPhone's without it."""

from __future__ import annotations

from uuid import UUID

from ...errors import FormatError, TableError
from .. import ad
from ..ad import Sent

#: Company id of the manufacturer data, and the 16-bit service UUID ("VN").
COMPANY_ID = 0x22B5
SERVICE_UUID = 0x4E56
#: An iPhone's service, and the characteristic that answers with its identifier.
IOS_SERVICE = UUID("00004e56-73f5-4bc4-a12f-17d1ad07a667")
IOS_CHARACTERISTIC = UUID("00004e56-73f5-4bc4-a12f-17d1ad07a689")
#: An iPhone in the background: Apple's company id, and the app's bit in the overflow area.
APPLE_ID = 0x004C
OVERFLOW_AREA = b"\x01\x08" + bytes(15)
#: LE general discoverable, as Android's connectable advertisements say.
_FLAGS = 0x02
ID_BYTES = 12
#: How long an identifier is on air, seconds.
INTERVAL_S = 900
#: Bytes of a version 1 identifier, and its digits.
V1_ID_BYTES = 6
V1_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """An Android phone's: flags, service UUID 4E56, manufacturer data 22B5 with the identifier."""
    return ad.build(
        [
            (ad.FLAGS, bytes([_FLAGS])),
            (ad.UUIDS_16[1], SERVICE_UUID.to_bytes(2, "little")),
            (ad.MANUFACTURER, COMPANY_ID.to_bytes(2, "little") + identifier),
        ]
    )


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """Android's form with the identifier, an iPhone's, or an iPhone's in the background."""
    if ad.has_uuid(structures, SERVICE_UUID):
        return _identifier(structures, ID_BYTES)
    if ad.has_uuid(structures, IOS_SERVICE):
        return Sent(gatt=True)
    if ad.manufacturer_data(structures, APPLE_ID) == OVERFLOW_AREA:
        return Sent(gatt=True, overflow=True)
    return None


def _identifier(structures: list[tuple[int, bytes]], size: int) -> Sent | None:
    identifier = ad.manufacturer_data(structures, COMPANY_ID)
    return None if identifier is None or len(identifier) != size else Sent(identifier)


def build_v1(identifier: bytes, payload: bytes = b"") -> bytes:
    """:func:`build` with a fixed identifier.

    Raises:
        TableError: it has something else than letters and digits.
    """
    if any(c not in V1_DIGITS for c in identifier):
        raise TableError(f"identifier: expected letters and digits, found {identifier!r}")
    return build(identifier)


def parse_v1(structures: list[tuple[int, bytes]]) -> Sent | None:
    """The fixed identifier, or None."""
    if not ad.has_uuid(structures, SERVICE_UUID):
        return None
    found = _identifier(structures, V1_ID_BYTES)
    return None if found is None or any(c not in V1_DIGITS for c in found.identifier) else found


def answer(value: bytes) -> bytes:
    """The identifier that an iPhone's characteristic answers with.

    Raises:
        FormatError: it is of another size.
    """
    if len(value) != ID_BYTES:
        raise FormatError(f"expected {ID_BYTES} bytes, found {len(value)}")
    return value


def ios_advertisement() -> bytes:
    """An iPhone's in the foreground: the service and no identifier. The name is in the scan response."""
    return ad.build([(ad.FLAGS, b"\x1a"), (ad.UUIDS_128[1], IOS_SERVICE.bytes[::-1])])


def ios_overflow() -> bytes:
    """An iPhone's in the background: the service is a bit of Apple's overflow area."""
    apple = APPLE_ID.to_bytes(2, "little") + OVERFLOW_AREA
    return ad.build([(ad.FLAGS, b"\x1a"), (ad.MANUFACTURER, apple)])
