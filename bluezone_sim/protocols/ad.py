"""Advertising data: AD structures walked strictly, built, and recognised by protocol.

Bluetooth Core Specification, volume 3, part C, section 11: a length byte, a type byte, the data; a
length of zero ends the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from ..errors import TableError

#: Longest advertising data of a legacy advertisement, bytes.
MAX_BYTES = 31

FLAGS = 0x01
UUIDS_16 = (0x02, 0x03)
UUIDS_128 = (0x06, 0x07)
NAMES = (0x08, 0x09)
SERVICE_DATA_16 = 0x16
MANUFACTURER = 0xFF


class Sent(NamedTuple):
    """What a protocol's own parser finds; see :class:`Advertisement`."""

    identifier: bytes = b""
    payload: bytes = b""
    gatt: bool = False
    overflow: bool = False


@dataclass(frozen=True)
class Advertisement:
    """What a parser found in advertising data.

    Attributes:
        protocols: names of the protocols that send this form, as in :func:`bluezone_sim.protocols.get`.
        identifier: the rotating identifier; empty where it has to be read over GATT.
        payload: other bytes of the protocol (GAEN: the encrypted metadata).
        gatt: the identifier is read over a connection.
        overflow: an iOS app in the background, by its bit in Apple's overflow area. Apps share the 128
            bits, so it may be another one.
    """

    protocols: tuple[str, ...]
    identifier: bytes = b""
    payload: bytes = b""
    gatt: bool = False
    overflow: bool = False


def walk(data: bytes) -> list[tuple[int, bytes]] | None:
    """(type, data) of each AD structure; None where one is truncated."""
    out = []
    at = 0
    while at < len(data) and data[at]:
        end = at + 1 + data[at]
        if end > len(data):
            return None
        out.append((data[at + 1], data[at + 2 : end]))
        at = end
    return out


def build(structures: Sequence[tuple[int, bytes]]) -> bytes:
    """Advertising data of some AD structures.

    Raises:
        TableError: it does not fit a legacy advertisement.
    """
    out = b"".join(bytes([len(data) + 1, kind]) + data for kind, data in structures)
    if len(out) > MAX_BYTES:
        raise TableError(f"advertising data: {len(out)} bytes do not fit {MAX_BYTES}")
    return out


def has_uuid(structures: Sequence[tuple[int, bytes]], uuid: int | UUID) -> bool:
    """A service UUID is listed."""
    if isinstance(uuid, int):
        kinds, size, wanted = UUIDS_16, 2, uuid.to_bytes(2, "little")
    else:
        kinds, size, wanted = UUIDS_128, 16, uuid.bytes[::-1]
    return any(
        data[i : i + size] == wanted
        for kind, data in structures
        if kind in kinds and len(data) % size == 0
        for i in range(0, len(data), size)
    )


def service_data(structures: Sequence[tuple[int, bytes]], uuid: int) -> bytes | None:
    """Data of a 16-bit service; None where there is none, or more than one."""
    prefix = uuid.to_bytes(2, "little")
    found = [d[2:] for kind, d in structures if kind == SERVICE_DATA_16 and d[:2] == prefix]
    return found[0] if len(found) == 1 else None


def has_service_data(structures: Sequence[tuple[int, bytes]], uuid: int) -> bool:
    """There are data of a 16-bit service, of whatever form."""
    prefix = uuid.to_bytes(2, "little")
    return any(kind == SERVICE_DATA_16 and data[:2] == prefix for kind, data in structures)


def service_sent(structures: Sequence[tuple[int, bytes]], uuid: int, id_bytes: int) -> Sent | None:
    """An identifier at the head of a service's data, and what stands behind it; None where there is too
    little. How much may stand behind it the protocol says (``Wire.payload_bytes``)."""
    sent = service_data(structures, uuid)
    return None if sent is None or len(sent) < id_bytes else Sent(sent[:id_bytes], sent[id_bytes:])


def manufacturer_data(structures: Sequence[tuple[int, bytes]], company: int) -> bytes | None:
    """Data of a company; None where there is none, or more than one."""
    prefix = company.to_bytes(2, "little")
    found = [d[2:] for kind, d in structures if kind == MANUFACTURER and d[:2] == prefix]
    return found[0] if len(found) == 1 else None


def with_service_data(uuid: int, data: bytes, *, flags: int | None) -> bytes:
    """The common form: flags, the service's UUID, its data."""
    name = uuid.to_bytes(2, "little")
    structures = [] if flags is None else [(FLAGS, bytes([flags]))]
    return build([*structures, (UUIDS_16[1], name), (SERVICE_DATA_16, name + data)])


def check_identifier(identifier: bytes, size: int) -> None:
    """Raises TableError unless an identifier has its protocol's size."""
    if len(identifier) != size:
        raise TableError(f"identifier: expected {size} bytes, found {len(identifier)}")


_BASE = "-0000-1000-8000-00805f9b34fb"


def long_uuid(uuid: int | UUID) -> str:
    """A service UUID as BlueZ and bleak write it."""
    return f"0000{uuid:04x}{_BASE}" if isinstance(uuid, int) else str(uuid)
