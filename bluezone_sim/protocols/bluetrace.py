"""BlueTrace (Singapore; OpenTrace): temporary ids that only the server can read.

TempID = base64(AES-256-GCM ciphertext of uid(21) || be32(start) || be32(expiry), iv(16), tag(16)), valid
15 minutes, exchanged over a GATT connection. A case uploads its history and the server decrypts it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import FormatError, SignatureError, TableError
from . import ad
from .ad import Advertisement
from .protocol import DAY_S, Protocol

#: Service and characteristic of OpenTrace's published configuration.
SERVICE = UUID("b82ab3fc-1595-4f6a-80f0-fe094cc218f9")
CHARACTERISTIC = UUID("117bdd58-57ce-4e7a-8e87-7cccdda2a804")
#: Company id in OpenTrace's advertisements, with three random bytes that tell phones apart.
COMPANY_ID = 0x03FF
UID_BYTES, IV_BYTES, TAG_BYTES = 21, 16, 16
_PLAIN = UID_BYTES + 8


@dataclass(frozen=True)
class TempId:
    """What the server reads in a temporary id.

    Attributes:
        uid: 21 bytes, the user.
        start_s, expiry_s: validity, unix seconds.
    """

    uid: bytes
    start_s: int
    expiry_s: int

    def valid_at(self, time_s: float) -> bool:
        """A sighting at this time lies within the validity, both ends included."""
        return self.start_s <= time_s <= self.expiry_s


class BlueTrace(Protocol):
    """BlueTrace. Matching happens on the server, see :func:`decrypt`."""

    name = "bluetrace"
    #: Ciphertext, iv and tag; 84 characters in base64.
    id_size = _PLAIN + IV_BYTES + TAG_BYTES
    interval_s = 900
    #: OpenTrace purges after 21 days.
    retention_s = 21 * DAY_S
    #: Temporary ids that a phone fetches at a time.
    batch = 100

    def advertisement(self, identifier: bytes, payload: bytes = b"\0\0\0") -> bytes:
        """Service UUID and three random bytes; the id itself is read over GATT, so it is not here."""
        ad.check_identifier(identifier, self.id_size)
        if len(payload) != 3:
            raise TableError(f"payload: expected 3 bytes, found {len(payload)}")
        return ad.build(
            [
                (ad.UUIDS_128[1], SERVICE.bytes[::-1]),
                (ad.MANUFACTURER, COMPANY_ID.to_bytes(2, "little") + payload),
            ]
        )

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """That the service is there; iPhones send no manufacturer data."""
        found = ad.walk(data)
        if found is None or not ad.has_uuid(found, SERVICE):
            return None
        return Advertisement(
            (self.name,), payload=ad.manufacturer_data(found, COMPANY_ID) or b"", gatt=True
        )


def encrypt(key: bytes, temp_id: TempId, iv: bytes) -> str:
    """A temporary id as the server hands it out, in base64; see :func:`seal`."""
    return base64.b64encode(seal(key, temp_id, iv)).decode("ascii")


def seal(key: bytes, temp_id: TempId, iv: bytes) -> bytes:
    """The 61 bytes of a temporary id.

    Args:
        key: 32 bytes, the server's.
        temp_id: what it says.
        iv: 16 random bytes, never used twice.

    Raises:
        TableError: something is of another size.
    """
    for name, value, size in (
        ("key", key, 32),
        ("uid", temp_id.uid, UID_BYTES),
        ("iv", iv, IV_BYTES),
    ):
        if len(value) != size:
            raise TableError(f"{name}: expected {size} bytes, found {len(value)}")
    times = (temp_id.start_s, temp_id.expiry_s)
    if any(not 0 <= t < 1 << 32 for t in times):
        raise TableError(f"start_s, expiry_s: expected 32-bit unix seconds, found {times}")
    plain = temp_id.uid + b"".join(t.to_bytes(4, "big") for t in times)
    sealed = AESGCM(key).encrypt(iv, plain, None)
    return sealed[:_PLAIN] + iv + sealed[_PLAIN:]


def decrypt(key: bytes, text: str) -> TempId:
    """Reads a temporary id, on the server.

    Raises:
        FormatError: not base64, or of another length.
        SignatureError: its tag does not verify: tampered with, or of another server.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError(f"temporary id {text[:16]!r}…: not base64") from None
    if len(raw) != _PLAIN + IV_BYTES + TAG_BYTES:
        raise FormatError(
            f"temporary id: expected {_PLAIN + IV_BYTES + TAG_BYTES} bytes, found {len(raw)}"
        )
    found = open_sealed(key, raw)
    if found is None:
        raise SignatureError("temporary id: its tag does not verify")
    return found


def open_sealed(key: bytes, raw: bytes) -> TempId | None:
    """Reads the 61 bytes of a temporary id; None where its tag does not verify."""
    iv = raw[_PLAIN : _PLAIN + IV_BYTES]
    try:
        plain = AESGCM(key).decrypt(iv, raw[:_PLAIN] + raw[_PLAIN + IV_BYTES :], None)
    except InvalidTag:
        return None
    start, expiry = (int.from_bytes(plain[i : i + 4], "big") for i in (UID_BYTES, UID_BYTES + 4))
    return TempId(plain[:UID_BYTES], start, expiry)


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
