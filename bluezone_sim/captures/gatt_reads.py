"""Identifiers that a phone reads over a connection, from its HCI packets.

Bluetooth Core Specification, volume 3, part F: a read request names a handle, the response carries the
value; what the handle stands for was told before, in responses to "read by type" for characteristic
declarations (part G, section 3.3.1).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from .. import protocols
from ..errors import FormatError
from ..protocols.protocol import Protocol, called
from .formats.frames import Frames
from .formats.hci import EVENT, hci_packets, u8

ACL = 2
_ATT_CHANNEL = 4
_READ_BY_TYPE, _READ_BY_TYPE_ANSWER, _READ, _READ_ANSWER = 0x08, 0x09, 0x0A, 0x0B
_DECLARATION = b"\x03\x28"
#: LE meta events that open a connection, and the event that closes one.
_CONNECTED, _DISCONNECTED = (0x01, 0x0A), 0x05
#: Connections that are followed; the oldest gives way.
_MOST_CONNECTIONS = 64
_MOST_HANDLES = 256


@dataclass(frozen=True)
class GattRead:
    """An identifier that a phone read from a peer.

    Attributes:
        time_us: unix microseconds.
        observer: who read it.
        address: the peer's, 48 bits.
        protocol: whose characteristic it was.
        identifier: as the protocol has it.
    """

    time_us: int
    observer: int
    address: int
    protocol: str
    identifier: bytes


def characteristics() -> dict[UUID, Protocol]:
    """Characteristics that hold an identifier, and whose they are."""
    systems = (protocols.get(name) for name in protocols.names())
    return {s.wire.gatt.characteristic: s for s in systems if s.wire.gatt is not None}


def identifier_in(value: bytes, system: Protocol) -> bytes:
    """The identifier in the value of a protocol's characteristic.

    Raises:
        FormatError: the value is not what the protocol says.
    """
    assert system.wire.gatt is not None
    try:
        identifier: bytes = called(system.wire.gatt.parse)(value)
        if len(identifier) != system.id_bytes:
            raise FormatError(f"expected {system.id_bytes} bytes, found {len(identifier)}")
    except FormatError as error:
        raise FormatError(f"{system.title}'s characteristic: {error}") from None
    return identifier


@dataclass
class _Connection:
    address: int
    handles: dict[int, Protocol] = field(default_factory=dict)
    declarations: bool = False
    asked: int | None = None


@dataclass
class GattReader:
    """Follows connections window by window. Only link types that tell the direction are followed."""

    _open: dict[tuple[int, int], _Connection] = field(default_factory=dict)
    _known: dict[UUID, Protocol] = field(default_factory=characteristics)

    def read(self, frames: Frames) -> list[GattRead]:
        """Identifiers read in frames of an HCI link type, in order.

        A Python loop, since connections are few.
        """
        data, at, size, kind = hci_packets(frames)
        code = u8(data, at)
        sub = u8(data, at + 2)
        opened = (kind == EVENT) & (code == 0x3E) & np.isin(sub, _CONNECTED) & (size >= 14)
        closed = (kind == EVENT) & (code == _DISCONNECTED) & (size >= 5)
        channel = u8(data, at + 6).astype(np.int64) | u8(data, at + 7).astype(np.int64) << 8
        talk = (kind == ACL) & (channel == _ATT_CHANNEL) & (size >= 9)
        # The packet type is the last byte before it; the direction is told by the format.
        received = np.where(frames.link == 201, u8(data, frames.at + 3) == 1, frames.flags & 1 == 1)
        out = []
        for row in np.flatnonzero(opened | closed | talk).tolist():
            packet = data[at[row] : at[row] + size[row]].tobytes()
            who = int(frames.observer[row])
            if opened[row]:
                if packet[3] == 0:
                    if len(self._open) >= _MOST_CONNECTIONS:
                        del self._open[next(iter(self._open))]
                    address = int.from_bytes(packet[8:14], "little")
                    self._open[who, _handle(packet[4:6])] = _Connection(address)
            elif closed[row]:
                self._open.pop((who, _handle(packet[3:5])), None)
            else:
                peer = self._open.get((who, _handle(packet[:2])))
                end = 8 + int.from_bytes(packet[4:6], "little")
                if peer is None:
                    continue
                found = self._follow(peer, packet[8:end], received=bool(received[row]))
                if found is not None:
                    time_us, (name, identifier) = int(frames.time_us[row]), found
                    out.append(GattRead(time_us, who, peer.address, name, identifier))
        return out

    def _follow(self, peer: _Connection, pdu: bytes, *, received: bool) -> tuple[str, bytes] | None:
        """One attribute PDU; (protocol, identifier) where it answers a read of a characteristic."""
        kind, body = pdu[0] if pdu else 0, pdu[1:]
        if not received:
            peer.declarations = kind == _READ_BY_TYPE and body[4:] == _DECLARATION
            peer.asked = int.from_bytes(body[:2], "little") if kind == _READ else None
        elif kind == _READ_BY_TYPE_ANSWER and peer.declarations and body and body[0] == 21:
            # Handle, properties, handle of the value, 128-bit UUID.
            for i in range(1, len(body) - 20, 21):
                system = self._known.get(UUID(bytes=body[i + 5 : i + 21][::-1]))
                if system is not None and len(peer.handles) < _MOST_HANDLES:
                    peer.handles[int.from_bytes(body[i + 3 : i + 5], "little")] = system
        elif kind == _READ_ANSWER and peer.asked in peer.handles:
            system, peer.asked = peer.handles[peer.asked], None
            with contextlib.suppress(FormatError):  # some other value, or a part of a long one
                return system.name, identifier_in(body, system)
        return None


def _handle(raw: bytes) -> int:
    return int.from_bytes(raw, "little") & 0x0FFF
