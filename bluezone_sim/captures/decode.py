"""Advertisements to sightings: which of them belong to a contact-tracing system, and what they carry."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..tables.rows import TRANSPORT_ADVERTISEMENT, TRANSPORT_GATT, Sightings
from .formats.hci import Own
from .gatt_reads import Read
from .packets import NO_RSSI, Packets

#: Weaker than any RSSI that HCI can tell: stands for an RSSI that the capture does not tell, so that no
#: rule takes such a row for near.
UNKNOWN_RSSI_DBM = -128
#: Advertising data that are remembered with what they were; the table is emptied when it is full.
_MOST_KNOWN = 1 << 16

#: (protocol, identifier, payload); an empty identifier has to be read over GATT.
_Found = tuple[str, bytes, bytes]


@dataclass
class Recogniser:
    """Turns packets into sightings, window by window.

    Attributes:
        n_gatt: advertisements by protocol whose identifier has to be read over a connection, so that
            they give no sighting.
    """

    n_gatt: dict[str, int] = field(default_factory=dict)
    _known: dict[bytes, _Found | None] = field(default_factory=dict)
    _own: dict[str, bytes] = field(default_factory=dict)
    _rssi: dict[int, int] = field(default_factory=dict)

    def sightings(
        self,
        packets: Packets,
        own: list[Own],
        observer: NDArray[np.int32],
    ) -> list[Sightings]:
        """A table for each protocol that was heard, rows in the packets' order.

        Where the phone's own commands set an identifier of the same protocol, ``own_identifier`` holds
        the one on air; zeros before the first.

        Args:
            packets: in order of the capture.
            own: what the phone set to send, in order.
            observer: ``int32[n]``, number of the phone that heard each.
        """
        found = [self._look(ad) for ad in _advertising_data(packets)]
        by_kind: dict[tuple[str, int, int], list[int]] = {}
        for row, what in enumerate(found):
            if what is None:
                continue
            if not what[1]:
                self.n_gatt[what[0]] = self.n_gatt.get(what[0], 0) + 1
                continue
            by_kind.setdefault((what[0], len(what[1]), len(what[2])), []).append(row)
        sent = self._sent(own)
        out = []
        for (name, size, payload), rows in by_kind.items():
            at = np.array(rows)
            rssi = packets.rssi_dbm[at]
            out.append(
                Sightings(
                    observer=observer[at],
                    time_ms=packets.time_us[at] // 1000,
                    identifier=_stack(found, rows, 1, size),
                    rssi_dbm=np.where(rssi == NO_RSSI, UNKNOWN_RSSI_DBM, rssi).astype(np.int16),
                    protocol=name,
                    payload=_stack(found, rows, 2, payload) if payload else None,
                    transport=np.full(len(rows), TRANSPORT_ADVERTISEMENT, np.uint8),
                    own_identifier=self._own_at(
                        name, size, packets.time_us[at], sent.get(name, [])
                    ),
                    address=packets.address[at],
                )
            )
        for name, times in sent.items():
            self._own[name] = times[-1][1]
        return out

    def reads(
        self, packets: Packets, reads: list[Read], observer: NDArray[np.int32]
    ) -> Sightings | None:
        """What was read over connections, with the RSSI of the peer's last advertisement before.

        Args:
            packets: of the same window.
            reads: Bluezone's identifiers, in order.
            observer: ``int32[n]``, number of the phone that read each.
        """
        size = protocols.get("bluezone").id_size
        rows = [k for k, r in enumerate(reads) if len(r.value) == size]
        if not rows:
            self._remember(packets)
            return None
        rssi = [self._last_rssi(packets, reads[k]) for k in rows]
        self._remember(packets)
        return Sightings(
            observer=observer[rows],
            time_ms=np.array([reads[k].time_us // 1000 for k in rows], np.int64),
            identifier=np.frombuffer(b"".join(reads[k].value for k in rows), np.uint8)
            .reshape(-1, size)
            .copy(),
            rssi_dbm=np.array(rssi, np.int16),
            protocol="bluezone",
            transport=np.full(len(rows), TRANSPORT_GATT, np.uint8),
            address=np.array([reads[k].address for k in rows], np.uint64),
        )

    def _last_rssi(self, packets: Packets, read: Read) -> int:
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

    def identifiers(self, own: list[Own]) -> list[tuple[int, str, bytes]]:
        """(unix microseconds, protocol, identifier) of what the phone set to send."""
        return [(o.time_us, *what[:2]) for o in own if (what := self._look(o.data)) and what[1]]

    def _look(self, data: bytes) -> _Found | None:
        try:
            return self._known[data]
        except KeyError:
            pass
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        ad = protocols.recognise(data)
        found = None if ad is None else (ad.protocols[0], ad.identifier, ad.payload)
        self._known[data] = found
        return found

    def _sent(self, own: list[Own]) -> dict[str, list[tuple[int, bytes]]]:
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


def _advertising_data(packets: Packets) -> list[bytes]:
    width = packets.data.shape[1]
    raw = packets.data.tobytes()
    return [raw[i * width : i * width + size] for i, size in enumerate(packets.size.tolist())]


def _stack(found: list[_Found | None], rows: list[int], part: int, size: int) -> NDArray[np.uint8]:
    pieces = b"".join(what[part] for row in rows if (what := found[row]) is not None)  # type: ignore[misc]
    return np.frombuffer(pieces, np.uint8).reshape(-1, size).copy()
