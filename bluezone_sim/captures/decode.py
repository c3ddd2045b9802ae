"""Advertisements to sightings: the one decoding that imports, live scans and recordings go through.

It takes packets, whatever heard them, and the identifiers that were read over GATT.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..protocols.ad import Advertisement
from ..tables.fields import RSSI_DBM, UNKNOWN_RSSI_DBM
from ..tables.rows import TRANSPORT_ADVERTISEMENT, TRANSPORT_GATT, Sightings
from .formats.hci import Own
from .gatt_reads import GattRead
from .packets import Packets

#: Reads of an address that are remembered from window to window.
_MOST_READS = 16
#: Advertising data that are remembered with what they were; the table is emptied when it is full.
_MOST_KNOWN = 1 << 16


class _Rows(NamedTuple):
    """Rows of packets, and the parts that their sightings are made of."""

    at: list[int]
    identifiers: list[bytes]
    payloads: list[bytes]
    transport: list[int]


def sightings_of(
    packets: Packets,
    found: Sequence[Advertisement | None],
    identifiers: Mapping[int, bytes] | None = None,
    protocol: str | None = None,
) -> list[Sightings]:
    """Packets whose identifier is known, one row each: a table for each protocol and size of its parts.

    Args:
        packets: what was heard.
        found: what each packet's data carry.
        identifiers: those read over GATT, by address.
        protocol: its sightings only, also where the data might be another's as well; None: those of all,
            each as of the first protocol that sends its form.
    """
    known = identifiers or {}

    def read(row: int, name: str) -> bytes:
        return known.get(int(packets.address[row]), b"")

    kinds = _by_kind(packets, found, read, protocol)
    return [_table(name, packets, rows) for (name, *_), rows in kinds.items()]


def _by_kind(
    packets: Packets,
    found: Sequence[Advertisement | None],
    read: Callable[[int, str], bytes],
    protocol: str | None = None,
) -> dict[tuple[str, int, int], _Rows]:
    """Rows by protocol and bytes of identifier and payload.

    Args:
        read: ``(row, protocol)`` gives the identifier that was read of the row's advertiser, or none.
    """
    kinds: dict[tuple[str, int, int], _Rows] = {}
    for row, what in enumerate(found):
        if what is None or (protocol is not None and protocol not in what.protocols):
            continue
        identifier, payload, transport = what.identifier, what.payload, TRANSPORT_ADVERTISEMENT
        if what.gatt:
            # What was advertised beside says nothing of the identifier that was read.
            payload, transport = b"", TRANSPORT_GATT
            identifier = read(row, protocol or what.protocols[0])
        if not identifier:
            continue
        kind = (protocol or what.protocols[0], len(identifier), len(payload))
        rows = kinds.setdefault(kind, _Rows([], [], [], []))
        rows.at.append(row)
        rows.identifiers.append(identifier)
        rows.payloads.append(payload)
        rows.transport.append(transport)
    return kinds


def _told(rssi_dbm: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which are an RSSI: 127 says that there is none, and 21 to 126 are reserved. What tells none is
    weaker than any, so that no rule takes it for near."""
    return (rssi_dbm >= RSSI_DBM.low) & (rssi_dbm <= RSSI_DBM.high)


def _table(name: str, packets: Packets, rows: _Rows) -> Sightings:
    at = np.array(rows.at)
    rssi = packets.rssi_dbm[at]
    return Sightings(
        observer=packets.observer[at],
        time_ms=packets.time_us[at] // 1000,
        identifier=_matrix(rows.identifiers),
        rssi_dbm=np.where(_told(rssi), rssi, UNKNOWN_RSSI_DBM).astype(np.int16),
        protocol=name,
        payload=_matrix(rows.payloads) if rows.payloads[0] else None,
        transport=np.array(rows.transport, np.uint8),
        packets=np.ones(len(at), np.int32),
        address=packets.address[at],
    )


def _matrix(rows: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1).copy()


def concatenate_sightings(tables: Sequence[Sightings], protocol: str) -> Sightings:
    """One table of many of one protocol; a column that any of them lacks, or that has another width in
    some, is left out."""
    if not tables:
        return Sightings(
            observer=np.empty(0, np.int32),
            time_ms=np.empty(0, np.int64),
            identifier=np.empty((0, protocols.get(protocol).id_size), np.uint8),
            rssi_dbm=np.empty(0, np.int16),
            protocol=protocol,
        )
    names = [f for f in tables[0].__dataclass_fields__ if f != "protocol"]
    columns = {name: [getattr(t, name) for t in tables] for name in names}
    return Sightings(
        protocol=protocol,
        **{
            name: np.concatenate(parts)
            for name, parts in columns.items()
            if all(part is not None for part in parts)
            and len({part.shape[1:] for part in parts}) == 1
        },
    )


class OwnIdentifier(NamedTuple):
    """What a phone set to send: unix microseconds, protocol, identifier, and which phone."""

    time_us: int
    protocol: str
    identifier: bytes
    observer: int


@dataclass
class SightingDecoder:
    """Decodes packets window by window; its memory is bounded whatever is on air.

    Attributes:
        n_gatt: advertisements by protocol whose identifier has to be read over a connection and was not,
            so that they give no sighting.
    """

    n_gatt: dict[str, int] = field(default_factory=dict)
    _known: dict[bytes, Advertisement | None] = field(default_factory=dict)
    _own: dict[tuple[int, str], bytes] = field(default_factory=dict)
    _rssi: dict[tuple[int, int], int] = field(default_factory=dict)
    _reads: dict[tuple[int, int], list[GattRead]] = field(default_factory=dict)

    def decode(self, packets: Packets) -> list[Advertisement | None]:
        """What each packet's data carry; None where they are of no protocol."""
        width = packets.data.shape[1]
        raw = packets.data.tobytes()
        return [
            self.look(raw[i * width : i * width + size])
            for i, size in enumerate(packets.size.tolist())
        ]

    def look(self, data: bytes) -> Advertisement | None:
        """What advertising data carry, decoded once for all packets that repeat them."""
        try:
            return self._known[data]
        except KeyError:
            pass
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._known[data] = protocols.recognise(data)
        return found

    def sightings(
        self, packets: Packets, own: Sequence[Own] = (), reads: Sequence[GattRead] = ()
    ) -> list[Sightings]:
        """A table for each protocol that was heard or read; see :func:`sightings_of`.

        An advertisement of an address that was read over a connection is a sighting of what was read,
        while the interval lasts in which it was: so the app writes it (Bluezone's cache of addresses).

        Where the phone's own commands set an identifier of the same protocol, ``own_identifier`` holds
        the one on air; zeros before the first.

        Args:
            packets: in order of the capture.
            own: what phones set to send, in order.
            reads: what was read over connections, in order.
        """
        found = self.decode(packets)
        out = self.reads(packets, reads)
        self._remember(packets, reads)
        kinds = _by_kind(packets, found, lambda row, name: self._read_of(packets, row, name))
        sent = self._sent(own)
        for (name, size, _), rows in kinds.items():
            table = _table(name, packets, rows)
            before = self._own_at(table, packets.time_us[rows.at], size, sent)
            out.append(replace(table, own_identifier=before))
        for key, times in sent.items():
            self._own[key] = times[-1][1]
        return out

    def identifiers(self, own: Sequence[Own]) -> list[OwnIdentifier]:
        """What phones set to send, as far as it is of a protocol."""
        return [
            OwnIdentifier(o.time_us, what.protocols[0], what.identifier, o.observer)
            for o in own
            if (what := self.look(o.data)) is not None and what.identifier
        ]

    def reads(self, packets: Packets, reads: Sequence[GattRead]) -> list[Sightings]:
        """What was read, a table a protocol, with the RSSI of the peer's last advertisement before."""
        rows: dict[str, list[GattRead]] = {}
        for read in reads:
            rows.setdefault(read.protocol, []).append(read)
        return [
            Sightings(
                observer=np.array([r.observer for r in mine], np.int32),
                time_ms=np.array([r.time_us // 1000 for r in mine], np.int64),
                identifier=_matrix([r.identifier for r in mine]),
                rssi_dbm=np.array([self._rssi_of(packets, r) for r in mine], np.int16),
                protocol=name,
                transport=np.full(len(mine), TRANSPORT_GATT, np.uint8),
                packets=np.ones(len(mine), np.int32),
                address=np.array([r.address for r in mine], np.uint64),
            )
            for name, mine in rows.items()
        ]

    def _rssi_of(self, packets: Packets, read: GattRead) -> int:
        if read.rssi_dbm is not None:
            return read.rssi_dbm
        mine = np.flatnonzero(
            (packets.address == np.uint64(read.address))
            & (packets.observer == read.observer)
            & (packets.time_us <= read.time_us)
            & _told(packets.rssi_dbm)
        )
        if len(mine):
            return int(packets.rssi_dbm[mine[-1]])
        return self._rssi.get((read.observer, read.address), UNKNOWN_RSSI_DBM)

    def _remember(self, packets: Packets, reads: Sequence[GattRead]) -> None:
        """Keeps what was read, and each advertiser's last RSSI for reads in later windows."""
        for read in reads:
            key = read.observer, read.address
            if len(self._reads) > _MOST_KNOWN:
                self._reads.clear()
            # Only the last one of earlier windows can still hold.
            self._reads[key] = [*self._reads.get(key, [])[-_MOST_READS:], read]
        told = _told(packets.rssi_dbm)
        if len(self._rssi) > _MOST_KNOWN:
            self._rssi.clear()
        who, address, rssi = (
            column[told].tolist()
            for column in (packets.observer, packets.address, packets.rssi_dbm)
        )
        self._rssi.update(zip(zip(who, address, strict=True), rssi, strict=True))

    def _read_of(self, packets: Packets, row: int, name: str) -> bytes:
        """The identifier that was last read of a packet's advertiser, while it holds."""
        reads = self._reads.get((int(packets.observer[row]), int(packets.address[row])), [])
        now = int(packets.time_us[row])
        at = bisect_right([read.time_us for read in reads], now)
        if at and reads[at - 1].protocol == name:
            interval_us = 1_000_000 * protocols.get(name).interval_s
            if not interval_us or reads[at - 1].time_us // interval_us == now // interval_us:
                return reads[at - 1].identifier
        self.n_gatt[name] = self.n_gatt.get(name, 0) + 1
        return b""

    def _sent(self, own: Sequence[Own]) -> dict[tuple[int, str], list[tuple[int, bytes]]]:
        out: dict[tuple[int, str], list[tuple[int, bytes]]] = {}
        for mine in self.identifiers(own):
            key = mine.observer, mine.protocol
            out.setdefault(key, []).append((mine.time_us, mine.identifier))
        return out

    def _own_at(
        self,
        table: Sightings,
        time_us: NDArray[np.int64],
        size: int,
        sent: dict[tuple[int, str], list[tuple[int, bytes]]],
    ) -> NDArray[np.uint8] | None:
        """``uint8[n, size]``: what each row's observer itself sent then; None where none of them told."""
        out = np.zeros((len(table), size), np.uint8)
        told = False
        for who in np.unique(table.observer).tolist():
            key, mine = (who, table.protocol), np.flatnonzero(table.observer == who)
            before, times = self._own.get(key), sent.get(key, [])
            if before is None and not times:
                continue
            told = True
            values = b"".join([before or bytes(size), *(identifier for _, identifier in times)])
            # Commands are in the capture's order; where its clock steps back, the later one counts.
            at = np.maximum.accumulate(np.array([time for time, _ in times], np.int64))
            at_row = np.searchsorted(at, time_us[mine], side="right")
            out[mine] = np.frombuffer(values, np.uint8).reshape(-1, size)[at_row]
        return out if told else None
