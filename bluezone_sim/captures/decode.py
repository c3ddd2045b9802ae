"""Advertisements to sightings: the one decoding that imports, live scans and recordings go through.

It takes packets, whatever heard them, and the identifiers that were read over GATT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..protocols.ad import Advertisement
from ..tables.rows import TRANSPORT_ADVERTISEMENT, TRANSPORT_GATT, Sightings
from .formats.hci import Own
from .gatt_reads import GattRead
from .packets import NO_RSSI, Packets

#: Weaker than any RSSI that HCI can tell: stands for an RSSI that the capture does not tell, so that no
#: rule takes such a row for near.
UNKNOWN_RSSI_DBM = -128
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
    kinds = _by_kind(packets, found, identifiers or {}, protocol)
    return [_table(name, packets, rows) for (name, *_), rows in kinds.items()]


def _by_kind(
    packets: Packets,
    found: Sequence[Advertisement | None],
    identifiers: Mapping[int, bytes],
    protocol: str | None = None,
) -> dict[tuple[str, int, int], _Rows]:
    """Rows by protocol and bytes of identifier and payload."""
    kinds: dict[tuple[str, int, int], _Rows] = {}
    for row, what in enumerate(found):
        if what is None or (protocol is not None and protocol not in what.protocols):
            continue
        identifier, payload, transport = what.identifier, what.payload, TRANSPORT_ADVERTISEMENT
        if what.gatt:
            # What was advertised beside says nothing of the identifier that was read.
            payload, transport = b"", TRANSPORT_GATT
            identifier = identifiers.get(int(packets.address[row]), b"")
        if not identifier:
            continue
        kind = (protocol or what.protocols[0], len(identifier), len(payload))
        rows = kinds.setdefault(kind, _Rows([], [], [], []))
        rows.at.append(row)
        rows.identifiers.append(identifier)
        rows.payloads.append(payload)
        rows.transport.append(transport)
    return kinds


def _table(name: str, packets: Packets, rows: _Rows) -> Sightings:
    at = np.array(rows.at)
    rssi = packets.rssi_dbm[at]
    return Sightings(
        observer=packets.observer[at],
        time_ms=packets.time_us[at] // 1000,
        identifier=_matrix(rows.identifiers),
        rssi_dbm=np.where(rssi == NO_RSSI, UNKNOWN_RSSI_DBM, rssi).astype(np.int16),
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


@dataclass
class SightingDecoder:
    """Decodes packets window by window; its memory is bounded whatever is on air.

    Attributes:
        n_gatt: advertisements by protocol whose identifier has to be read over a connection, so that
            they give no sighting.
    """

    n_gatt: dict[str, int] = field(default_factory=dict)
    _known: dict[bytes, Advertisement | None] = field(default_factory=dict)
    _own: dict[str, bytes] = field(default_factory=dict)
    _rssi: dict[int, int] = field(default_factory=dict)

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

    def sightings(self, packets: Packets, own: Sequence[Own] = ()) -> list[Sightings]:
        """A table for each protocol that was heard; see :func:`sightings_of`.

        Where the phone's own commands set an identifier of the same protocol, ``own_identifier`` holds
        the one on air; zeros before the first.

        Args:
            packets: in order of the capture.
            own: what the phone set to send, in order.
        """
        found = self.decode(packets)
        for what in found:
            if what is not None and what.gatt:
                name = what.protocols[0]
                self.n_gatt[name] = self.n_gatt.get(name, 0) + 1
        sent = self._sent(own)
        out = []
        for (name, size, _), rows in _by_kind(packets, found, {}).items():
            before = self._own_at(name, size, packets.time_us[rows.at], sent.get(name, []))
            out.append(replace(_table(name, packets, rows), own_identifier=before))
        for name, times in sent.items():
            self._own[name] = times[-1][1]
        return out

    def reads(self, packets: Packets, reads: Sequence[GattRead]) -> list[Sightings]:
        """What was read over connections, a table a protocol, with the RSSI of the peer's last
        advertisement before.

        Args:
            packets: of the same window.
            reads: in order.
        """
        rssi = [self._last_rssi(packets, read) for read in reads]
        self._remember(packets)
        rows: dict[str, list[int]] = {}
        for k, read in enumerate(reads):
            rows.setdefault(read.protocol, []).append(k)
        return [
            Sightings(
                observer=np.array([reads[k].observer for k in mine], np.int32),
                time_ms=np.array([reads[k].time_us // 1000 for k in mine], np.int64),
                identifier=_matrix([reads[k].identifier for k in mine]),
                rssi_dbm=np.array([rssi[k] for k in mine], np.int16),
                protocol=name,
                transport=np.full(len(mine), TRANSPORT_GATT, np.uint8),
                packets=np.ones(len(mine), np.int32),
                address=np.array([reads[k].address for k in mine], np.uint64),
            )
            for name, mine in rows.items()
        ]

    def identifiers(self, own: Sequence[Own]) -> list[tuple[int, str, bytes]]:
        """(unix microseconds, protocol, identifier) of what the phone set to send."""
        return [
            (o.time_us, what.protocols[0], what.identifier)
            for o in own
            if (what := self.look(o.data)) is not None and what.identifier
        ]

    def _last_rssi(self, packets: Packets, read: GattRead) -> int:
        mine = np.flatnonzero(
            (packets.address == np.uint64(read.address))
            & (packets.time_us <= read.time_us)
            & (packets.rssi_dbm != NO_RSSI)
        )
        if len(mine):
            return int(packets.rssi_dbm[mine[-1]])
        return self._rssi.get(read.address, UNKNOWN_RSSI_DBM)

    def _remember(self, packets: Packets) -> None:
        """Keeps each advertiser's last RSSI for reads in later windows."""
        told = packets.rssi_dbm != NO_RSSI
        if len(self._rssi) > _MOST_KNOWN:
            self._rssi.clear()
        address, rssi = packets.address[told], packets.rssi_dbm[told]
        self._rssi.update(zip(address.tolist(), rssi.tolist(), strict=True))

    def _sent(self, own: Sequence[Own]) -> dict[str, list[tuple[int, bytes]]]:
        out: dict[str, list[tuple[int, bytes]]] = {}
        for time_us, name, identifier in self.identifiers(own):
            out.setdefault(name, []).append((time_us, identifier))
        return out

    def _own_at(
        self, name: str, size: int, time_us: NDArray[np.int64], sent: list[tuple[int, bytes]]
    ) -> NDArray[np.uint8] | None:
        before = self._own.get(name)
        if before is None and not sent:
            return None
        table = b"".join([before or bytes(size), *(identifier for _, identifier in sent)])
        # Commands are in the capture's order; where its clock steps back, the later one counts.
        at = np.maximum.accumulate([time for time, _ in sent]) if sent else np.empty(0, np.int64)
        return np.frombuffer(table, np.uint8).reshape(-1, size)[
            np.searchsorted(at, time_us, side="right")
        ]
