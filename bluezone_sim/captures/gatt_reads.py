"""Identifiers that phones read and write over connections, from a phone's HCI packets.

Bluetooth Core Specification, volume 3, part F: a read request names a handle, the response carries the
value; what the handle stands for was told before, in responses to "read by type" for characteristic
declarations (part G, section 3.3.1). Phones keep these tables: on a later connection they ask for a
handle at once. Values that are longer than a packet follow in blobs, and are written in parts.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from .. import protocols
from ..errors import FormatError
from ..protocols.protocol import Protocol, called
from .formats.frames import Frames
from .formats.hci import ACL, EVENT, hci_packets, u8

_ATT_CHANNEL = 4
_READ_BY_TYPE, _READ_BY_TYPE_ANSWER, _READ, _READ_ANSWER = 0x08, 0x09, 0x0A, 0x0B
_READ_BLOB, _READ_BLOB_ANSWER = 0x0C, 0x0D
_WRITE, _PREPARE, _EXECUTE, _WRITE_COMMAND = 0x12, 0x16, 0x18, 0x52
_DECLARATION = b"\x03\x28"
#: LE meta events that open a connection (complete, enhanced complete and its second version, all with
#: status, handle, role, and the peer's address at the same places), and the event that closes one.
_CONNECTED, _DISCONNECTED = (0x01, 0x0A, 0x29), 0x05
#: Connections and peers that are followed; the oldest gives way.
_MOST_CONNECTIONS, _MOST_PEERS = 64, 1024
_MOST_HANDLES = 256
#: Longest value of an attribute (part F, section 3.2.9).
_MOST_VALUE = 512


@dataclass(frozen=True)
class GattRead:
    """An identifier that a phone read from a peer, or that the peer wrote.

    Attributes:
        time_us: unix microseconds.
        observer: who read it.
        address: the peer's, 48 bits.
        protocol: whose characteristic it was.
        identifier: as the protocol has it.
        rssi_dbm: what the peer wrote beside it: how strongly it heard this phone; None where it was read.
    """

    time_us: int
    observer: int
    address: int
    protocol: str
    identifier: bytes
    rssi_dbm: int | None = None


def characteristics() -> dict[UUID, Protocol]:
    """Characteristics that hold an identifier, and whose they are."""
    systems = (protocols.get(name) for name in protocols.names())
    return {
        uuid: s
        for s in systems
        if s.wire.gatt is not None
        for uuid in (s.wire.gatt.characteristic, *s.wire.gatt.also)
    }


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


#: What handles stand for.
_Handles = dict[int, Protocol]


@dataclass
class _Connection:
    """A connection: its peer, and what is under way in each direction.

    Attributes:
        theirs: the peer's handles, as far as they were told.
        ours: this phone's own.
        asked: the request that the peer has not answered yet: its kind, and its handle or the type that
            it asks for.
        answers: the same of the request that this phone has not answered yet.
        value: parts of a value that is read in blobs.
        parts: parts of a packet, by direction.
        prepared: parts of a value that the peer writes, and their handle.
    """

    address: int
    theirs: _Handles
    ours: _Handles
    asked: tuple[int, int | bytes] = (0, 0)
    answers: tuple[int, int | bytes] = (0, 0)
    value: bytes = b""
    parts: dict[bool, bytes] = field(default_factory=dict)
    prepared: tuple[int, bytes] = (0, b"")


@dataclass
class GattReader:
    """Follows connections window by window. Only packets whose direction is told are followed."""

    _open: dict[tuple[int, int], _Connection] = field(default_factory=dict)
    _theirs: dict[tuple[int, int], _Handles] = field(default_factory=dict)
    _ours: dict[int, _Handles] = field(default_factory=dict)
    _known: dict[UUID, Protocol] = field(default_factory=characteristics)

    def read(self, frames: Frames) -> list[GattRead]:
        """Identifiers read and written in frames of an HCI link type, in order.

        A Python loop, since connections are few.
        """
        hci = hci_packets(frames)
        data, at, size, kind = hci.data, hci.at, hci.size, hci.kind
        code = u8(data, at)
        sub = u8(data, at + 2)
        opened = (kind == EVENT) & (code == 0x3E) & np.isin(sub, _CONNECTED) & (size >= 14)
        closed = (kind == EVENT) & (code == _DISCONNECTED) & (size >= 5)
        talk = (kind == ACL) & (size > 4) & (hci.received >= 0)
        out = []
        for row in np.flatnonzero(opened | closed | talk).tolist():
            packet = data[at[row] : at[row] + size[row]].tobytes()
            who = int(frames.observer[row])
            if opened[row]:
                if packet[3] == 0:
                    address = int.from_bytes(packet[8:14], "little")
                    self._connect(who, _handle(packet[4:6]), address)
            elif closed[row]:
                self._open.pop((who, _handle(packet[3:5])), None)
            else:
                peer = self._open.get((who, _handle(packet[:2])))
                if peer is None:
                    continue
                received = bool(hci.received[row])
                found = self._follow(peer, _attribute(peer, packet, received=received), received)
                if found is not None:
                    time_us, (name, identifier, rssi) = int(frames.time_us[row]), found
                    out.append(GattRead(time_us, who, peer.address, name, identifier, rssi))
        return out

    def _connect(self, who: int, handle: int, address: int) -> None:
        _make_room(self._open, _MOST_CONNECTIONS)
        _make_room(self._theirs, _MOST_PEERS)
        theirs = self._theirs.setdefault((who, address), {})
        self._open[who, handle] = _Connection(address, theirs, self._ours.setdefault(who, {}))

    def _follow(
        self, peer: _Connection, pdu: bytes, received: bool
    ) -> tuple[str, bytes, int | None] | None:
        """One attribute PDU; (protocol, identifier, RSSI that came with it) where there is one in it."""
        kind, body = pdu[0] if pdu else 0, pdu[1:]
        if kind in (_READ, _READ_BLOB, _READ_BY_TYPE):
            what = body[4:] if kind == _READ_BY_TYPE else int.from_bytes(body[:2], "little")
            if received:
                peer.answers = kind, what
            else:
                peer.asked = kind, what
        elif kind == _READ_BY_TYPE_ANSWER:
            asked = peer.asked if received else peer.answers
            if asked == (_READ_BY_TYPE, _DECLARATION):
                self._declared(peer.theirs if received else peer.ours, body)
            elif received and asked[0] == _READ_BY_TYPE and body:
                return _found(self._of_type(asked[1]), body[3 : 1 + body[0]])
        elif kind in (_READ_ANSWER, _READ_BLOB_ANSWER) and received:
            return self._answered(peer, kind, body)
        elif kind in (_WRITE, _WRITE_COMMAND) and received:
            return self._written(peer, int.from_bytes(body[:2], "little"), body[2:])
        elif kind == _PREPARE and received:
            handle, offset = (int.from_bytes(body[i : i + 2], "little") for i in (0, 2))
            before = peer.prepared[1] if peer.prepared[0] == handle else b""
            if offset == len(before) and offset <= _MOST_VALUE:
                peer.prepared = handle, before + body[4:]
        elif kind == _EXECUTE and received:
            (handle, value), peer.prepared = peer.prepared, (0, b"")
            if body[:1] == b"\x01":
                return self._written(peer, handle, value)
        return None

    def _declared(self, handles: _Handles, body: bytes) -> None:
        """Notes characteristics: handle, properties, handle of the value, 128-bit UUID."""
        if body[:1] != b"\x15":
            return
        for i in range(1, len(body) - 20, 21):
            system = self._known.get(UUID(bytes=body[i + 5 : i + 21][::-1]))
            value = int.from_bytes(body[i + 3 : i + 5], "little")
            if system is None:
                handles.pop(value, None)  # the table is another one by now
            elif len(handles) < _MOST_HANDLES:
                handles[value] = system

    def _of_type(self, uuid: int | bytes) -> Protocol | None:
        if isinstance(uuid, bytes) and len(uuid) == 16:
            return self._known.get(UUID(bytes=uuid[::-1]))
        return None

    def _answered(
        self, peer: _Connection, kind: int, value: bytes
    ) -> tuple[str, bytes, int | None] | None:
        (asked, handle), peer.asked = peer.asked, (0, 0)
        if asked != kind - 1 or not isinstance(
            handle, int
        ):  # a request is one less than its answer
            return None
        peer.value = (peer.value + value if kind == _READ_BLOB_ANSWER else value)[:_MOST_VALUE]
        return _found(peer.theirs.get(handle), peer.value)

    def _written(
        self, peer: _Connection, handle: int, value: bytes
    ) -> tuple[str, bytes, int | None] | None:
        """What a peer wrote. Where this phone's own table was never told, the value has to speak for
        itself."""
        known = peer.ours.get(handle)
        systems = (
            {s.name: s for s in self._known.values()} if known is None else {known.name: known}
        )
        for system in systems.values():
            assert system.wire.gatt is not None
            if system.wire.gatt.written is not None:
                with contextlib.suppress(FormatError):
                    identifier, rssi = called(system.wire.gatt.written)(value)
                    return system.name, identifier, rssi
        return None


def _found(system: Protocol | None, value: bytes) -> tuple[str, bytes, int | None] | None:
    if system is not None:
        with contextlib.suppress(FormatError):  # some other value, or a part of a long one
            return system.name, identifier_in(value, system), None
    return None


def _attribute(peer: _Connection, packet: bytes, *, received: bool) -> bytes:
    """The attribute PDU that an ACL packet ends; empty where it is a part, or of another channel.

    Volume 4, part E, section 5.4.2: bits 12 and 13 of the handle are 1 where a packet continues; volume
    3, part A, section 3.1: length and channel stand before the PDU.
    """
    whole = packet[4:]
    if int.from_bytes(packet[:2], "little") >> 12 & 3 == 1:
        whole = peer.parts.pop(received, b"") + whole
    if len(whole) < 4:
        return b""
    length, channel = (int.from_bytes(whole[i : i + 2], "little") for i in (0, 2))
    if channel != _ATT_CHANNEL:
        return b""
    if len(whole) < 4 + length:
        peer.parts[received] = whole
        return b""
    return whole[4 : 4 + length]


def _make_room(table: dict[tuple[int, int], Any], most: int) -> None:
    if len(table) >= most:
        del table[next(iter(table))]


def _handle(raw: bytes) -> int:
    return int.from_bytes(raw, "little") & 0x0FFF
