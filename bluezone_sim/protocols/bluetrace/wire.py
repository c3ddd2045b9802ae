"""BlueTrace on air: a service to connect to, and the message that phones read and write there."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

from ...errors import FormatError
from .. import ad
from ..ad import Sent

#: Service and characteristic of OpenTrace's published configuration.
SERVICE = UUID("b82ab3fc-1595-4f6a-80f0-fe094cc218f9")
CHARACTERISTIC = UUID("117bdd58-57ce-4e7a-8e87-7cccdda2a804")
#: Company id in OpenTrace's advertisements, with three random bytes that tell phones apart.
COMPANY_ID = 0x03FF
#: A temporary id: ciphertext, iv and tag; 84 characters in base64.
UID_BYTES, IV_BYTES, TAG_BYTES = 21, 16, 16
ID_BYTES = UID_BYTES + 8 + IV_BYTES + TAG_BYTES


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Service UUID and three random bytes; the id itself is read over GATT, so it is not here."""
    return ad.build(
        [
            (ad.UUIDS_128[1], SERVICE.bytes[::-1]),
            (ad.MANUFACTURER, COMPANY_ID.to_bytes(2, "little") + payload),
        ]
    )


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """That the service is there; iPhones send no manufacturer data."""
    if not ad.has_uuid(structures, SERVICE):
        return None
    return Sent(payload=ad.manufacturer_data(structures, COMPANY_ID) or b"", gatt=True)


def answer(value: bytes) -> bytes:
    """The temporary id in what the characteristic answers.

    Raises:
        FormatError: it is something else.
    """
    message = parse_exchange(value, "message")
    try:
        raw = base64.b64decode(message["id"], validate=True)
    except ValueError:
        raise FormatError("id: not base64") from None
    if len(raw) != ID_BYTES:
        raise FormatError(f"id: {len(raw)} bytes, expected {ID_BYTES}")
    return raw


def parse_exchange(data: bytes, source: str = "message") -> dict[str, Any]:
    """A GATT message.

    Raises:
        FormatError: not JSON, or a field is missing or of another kind.
    """
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise FormatError(f"{source}: not JSON") from None
    kinds: dict[str, type] = {"id": str, "mp": str, "o": str, "v": int}
    for field, kind in kinds.items():
        if not isinstance(message, dict) or not isinstance(message.get(field), kind):
            raise FormatError(f"{source}: {field}: expected {kind.__name__}")
    if not isinstance(message.get("rs", 0), int):
        raise FormatError(f"{source}: rs: expected int")
    return {k: message[k] for k in (*kinds, "rs") if k in message}
