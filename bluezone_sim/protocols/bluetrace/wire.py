"""BlueTrace on air: a service to connect to, and the messages that phones read and write there.

A central reads a peripheral's message, and writes its own to the same characteristic with the RSSI at
which it heard the peripheral. OpenTrace, and so TraceTogether: ``ReadRequestPayload`` and
``WriteRequestPayload`` of opentrace-community/opentrace-android; COVIDSafe: the same classes of
AU-COVIDSafe/mobile-android, with names of their own for the fields. What COVIDSafe encrypts for its
server (from version 2 on) is no temporary id of this size.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from ...errors import FormatError
from ...reading.documents import parse_json
from .. import ad
from ..ad import Sent

#: Service and characteristic of OpenTrace's published configuration; COVIDSafe's characteristic has the
#: number of its service.
SERVICE = UUID("b82ab3fc-1595-4f6a-80f0-fe094cc218f9")
CHARACTERISTIC = UUID("117bdd58-57ce-4e7a-8e87-7cccdda2a804")
COVIDSAFE_CHARACTERISTIC = SERVICE
#: Service of OpenTrace's test builds.
STAGING_SERVICE = UUID("17e033d3-490e-4bc9-9fe8-2f567643f4d3")
SERVICES = (SERVICE, STAGING_SERVICE)
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
    if not any(ad.has_uuid(structures, service) for service in SERVICES):
        return None
    return Sent(payload=ad.manufacturer_data(structures, COMPANY_ID) or b"", gatt=True)


@dataclass(frozen=True)
class _Fields:
    """Names of a message's fields: of both, of a peripheral's, of a central's."""

    id: str
    organisation: str
    version: str
    peripheral: str
    central: str
    rssi: str


#: OpenTrace's, and COVIDSafe's.
_FIELDS = (
    _Fields("id", "o", "v", "mp", "mc", "rs"),
    _Fields("msg", "org", "v", "modelP", "modelC", "rssi"),
)


def answer(value: bytes) -> bytes:
    """The temporary id in what a peripheral's characteristic answers.

    Raises:
        FormatError: it is something else.
    """
    return temporary_id(parse_exchange(value, "peripheral"))


def written(value: bytes) -> tuple[bytes, int]:
    """(temporary id, RSSI in dBm) in what a central writes to a characteristic; the app keeps that RSSI.

    Raises:
        FormatError: it is something else.
    """
    message = parse_exchange(value, "central")
    return temporary_id(message), max(-127, min(20, message["rs"]))


def temporary_id(message: dict[str, Any]) -> bytes:
    """The id of a message, as it is before base64.

    Raises:
        FormatError: it is of another form or size.
    """
    try:
        raw = base64.b64decode(message["id"], validate=True)
    except ValueError:
        raise FormatError("id: not base64") from None
    if len(raw) != ID_BYTES:
        raise FormatError(f"id: {len(raw)} bytes, expected {ID_BYTES}")
    return raw


def parse_exchange(
    data: bytes, role: Literal["peripheral", "central"], source: str = "message"
) -> dict[str, Any]:
    """A GATT message, by OpenTrace's names whoever sent it.

    Args:
        data: JSON.
        role: who sent it: a peripheral answers ``mp id o v``, a central writes ``mc rs id o v``.
        source: what errors name.

    Raises:
        FormatError: not JSON, or a field is missing or of another kind.
    """
    message = parse_json(data, source)
    names, ours = _FIELDS[isinstance(message, dict) and _FIELDS[1].id in message], _FIELDS[0]
    wanted: list[tuple[str, str, type]] = [(ours.id, names.id, str)]
    if role == "peripheral":
        wanted.append((ours.peripheral, names.peripheral, str))
    else:
        wanted += [(ours.central, names.central, str), (ours.rssi, names.rssi, int)]
    wanted += [(ours.organisation, names.organisation, str), (ours.version, names.version, int)]
    out: dict[str, Any] = {}
    for name, field, kind in wanted:
        value = message.get(field) if isinstance(message, dict) else None
        if value is None and names is not ours and kind is str and name in ("mp", "mc"):
            continue  # COVIDSafe leaves the model out where the id is encrypted with it
        if not isinstance(value, kind) or isinstance(value, bool):
            raise FormatError(f"{source}: {field}: expected {kind.__name__}")
        out[name] = value
    return out
