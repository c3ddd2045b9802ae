"""HCI packets to advertisements heard, and to what the phone itself sends.

Bluetooth Core Specification, volume 4, part E: LE advertising reports (7.7.65.2), LE extended
advertising reports (7.7.65.13), and the commands that set advertising data (7.8.7, 7.8.54). Several
reports in one event follow one another, each whole, as controllers send them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..packets import ADV_EXT_IND, NO_CHANNEL, SCAN_RSP, Packets
from .btsnoop import REPORT_TYPES
from .frames import Frames

COMMAND, ACL, EVENT = 1, 2, 4
_LE_META, _REPORT, _EXTENDED_REPORT = 0x3E, 0x02, 0x0D
_SET_DATA, _SET_EXTENDED_DATA, _BROADCOM_MULTI = 0x2008, 0x2037, 0xFD54
#: Bytes of a report before its data: legacy (RSSI follows the data), extended.
_HEAD, _EXTENDED_HEAD = 9, 24
#: Longest advertising data that fragments may add up to (7.8.54).
_MOST_DATA = 1650
#: A fragment waits no longer for the next one of its set: those of a chain follow within some
#: milliseconds (volume 6, part B, section 4.4.2.5: at most 245 ms from one to the next).
_CHAIN_US = 1_000_000
#: Advertisers whose chains are being put together; the oldest gives way.
_MOST_CHAINS = 256

_KIND_OF_REPORT = np.full(256, 255, np.uint8)
for _kind, _report in REPORT_TYPES.items():
    _KIND_OF_REPORT[_report] = _kind


@dataclass(frozen=True)
class Own:
    """Advertising data that a phone set for itself."""

    time_us: int
    observer: int
    data: bytes


@dataclass
class HciReader:
    """Reads frames window by window; chains of fragments run on from one to the next.

    Attributes:
        n_malformed: events whose reports do not add up to their length.
        n_fragments: reports that were joined to others.
        n_incomplete: advertisements of which the controller dropped a part.
        n_stale: fragments whose rest did not follow in time, which are left out.
    """

    n_malformed: int = 0
    n_fragments: int = 0
    n_incomplete: int = 0
    n_stale: int = 0
    _chains: dict[tuple[int, int, int], tuple[int, bytes]] = field(default_factory=dict)
    _own_parts: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def read(self, frames: Frames) -> tuple[Packets, list[Own]]:
        """Advertisements in frames of an HCI link type, and what the phone set to send."""
        hci = hci_packets(frames)
        data, at, size = hci.data, hci.at, hci.size
        rows = np.flatnonzero((hci.kind == EVENT) & (size >= 4) & (u8(data, at) == _LE_META))
        sub = u8(data, at[rows] + 2)
        parts = [
            self._reports(frames, at, size, rows[sub == _REPORT], extended=False),
            self._reports(frames, at, size, rows[sub == _EXTENDED_REPORT], extended=True),
        ]
        record = np.concatenate([p[0] for p in parts])
        found = concatenate([p[1] for p in parts])
        return found.take(np.argsort(record, kind="stable")), self._commands(frames, hci)

    def end(self) -> None:
        """Fragments that still wait when the log ends are stale."""
        self.n_stale += len(self._chains)
        self._chains.clear()

    def _reports(
        self,
        frames: Frames,
        at: NDArray[np.int64],
        size: NDArray[np.int64],
        rows: NDArray[np.int64],
        *,
        extended: bool,
    ) -> tuple[NDArray[np.int64], Packets]:
        """(record, packet) of every report in some events, ordered by (record, report)."""
        data = frames.data
        head, tail = (_EXTENDED_HEAD, 0) if extended else (_HEAD, 1)
        # An event may say more than the file kept of it.
        end = at[rows] + np.minimum(size[rows], 2 + u8(data, at[rows] + 1).astype(np.int64))
        left, next_at = u8(data, at[rows] + 3).astype(np.int64), at[rows] + 4
        records, starts, lengths, order = [], [], [], []
        live, number = np.arange(len(rows)), 0
        while len(live := live[left[live] > number]):
            begin = next_at[live]
            length = u8(data, begin + head - 1).astype(np.int64)
            whole = begin + head + length + tail <= end[live]
            self.n_malformed += int(np.count_nonzero(~whole))
            live, begin, length = live[whole], begin[whole], length[whole]
            next_at[live] = begin + head + length + tail
            records.append(rows[live])
            starts.append(begin)
            lengths.append(length)
            order.append(np.full(len(live), number))
            number += 1
        if not records:
            return np.empty(0, np.int64), new_packets(0, 0)
        record, begin, length = (np.concatenate(x) for x in (records, starts, lengths))
        by = np.lexsort((np.concatenate(order), record))
        record, begin, length = record[by], begin[by], length[by]
        packets = _gather(frames, record, begin, length, extended=extended)
        if extended:
            keep, packets = self._join(data, begin, packets)
            record = record[keep]
        return record, packets

    def _join(
        self, data: NDArray[np.uint8], begin: NDArray[np.int64], packets: Packets
    ) -> tuple[NDArray[np.int64], Packets]:
        """Joins the fragments of extended advertisements; (rows kept, packets)."""
        event = u8(data, begin).astype(np.int64) | u8(data, begin + 1).astype(np.int64) << 8
        status = (event >> 5) & 3
        self.n_incomplete += int(np.count_nonzero(status == 2))
        extended = packets.kind == ADV_EXT_IND
        if not self._chains and not np.any(extended & (status == 1)):
            return np.arange(len(packets)), packets
        keep = np.ones(len(packets), bool)
        whole: dict[int, bytes] = {}
        sid = u8(data, begin + 11)
        for row in np.flatnonzero(extended).tolist():
            key = (int(packets.observer[row]), int(packets.address[row]), int(sid[row]))
            now = int(packets.time_us[row])
            since, before = self._chains.pop(key, (now, b""))
            if before and abs(now - since) > _CHAIN_US:
                self.n_stale += 1
                before = b""
            here = before + packets.data[row, : packets.size[row]].tobytes()
            if status[row] == 1 and len(here) <= _MOST_DATA:
                if len(self._chains) >= _MOST_CHAINS:
                    del self._chains[next(iter(self._chains))]
                    self.n_stale += 1
                self._chains[key] = (now, here)
                keep[row] = False
                self.n_fragments += 1
            elif before:
                whole[row] = here[:_MOST_DATA]
        width = max([packets.data.shape[1], *map(len, whole.values())])
        joined = np.zeros((len(packets), width), np.uint8)
        joined[:, : packets.data.shape[1]] = packets.data
        length = packets.size.copy()
        for row, ad in whole.items():
            joined[row, : len(ad)] = np.frombuffer(ad, np.uint8)
            length[row] = len(ad)
        kept = np.flatnonzero(keep)
        columns = {name: getattr(packets, name) for name in packets.__dataclass_fields__}
        return kept, Packets(**{**columns, "size": length, "data": joined}).take(kept)

    def _commands(self, frames: Frames, hci: HciPackets) -> list[Own]:
        """What the phone sets to send; a Python loop, since phones do so some times an hour."""
        at, size = hci.at, hci.size
        code = u8(hci.data, at).astype(np.int64) | u8(hci.data, at + 1).astype(np.int64) << 8
        wanted = np.isin(code, (_SET_DATA, _SET_EXTENDED_DATA, _BROADCOM_MULTI))
        out = []
        for row in np.flatnonzero(wanted & (hci.kind == COMMAND)).tolist():
            body = hci.data[at[row] + 3 : at[row] + size[row]].tobytes()
            who = int(frames.observer[row])
            found = self._own(who, int(code[row]), body)
            if found:
                out.append(Own(int(frames.time_us[row]), who, found))
        return out

    def _own(self, who: int, code: int, body: bytes) -> bytes:
        if code == _SET_DATA:
            return body[1 : 1 + min(body[0], 31)] if body else b""
        if code == _BROADCOM_MULTI:  # Android's vendor command before Bluetooth 5: 2 sets the data
            return body[2 : 2 + min(body[1], 31)] if len(body) >= 2 and body[0] == 2 else b""
        if len(body) < 4:
            return b""
        handle, operation, data = (who, body[0]), body[1], body[4 : 4 + body[3]]
        if operation in (0, 2):  # a fragment between, or the last one
            data = (self._own_parts.pop(handle, b"") + data)[:_MOST_DATA]
        if operation in (0, 1):
            self._own_parts[handle] = data
            return b""
        return data if operation in (2, 3) else b""


@dataclass(frozen=True)
class HciPackets:
    """HCI packets inside frames.

    Attributes:
        data: ``uint8[…]``, as of the frames.
        at, size: ``int64[n]``, where each is.
        kind: ``int64[n]``, as H4 has it: :data:`COMMAND`, :data:`ACL`, :data:`EVENT`; 0 for none.
        received: ``int8[n]``, 1 from the controller, 0 to it, -1 where that is not told.
    """

    data: NDArray[np.uint8]
    at: NDArray[np.int64]
    size: NDArray[np.int64]
    kind: NDArray[np.int64]
    received: NDArray[np.int8]


#: Kind and direction by the flags of bare packets (link type 1001), and by the operation code of Linux's
#: monitor (254, 2001; BlueZ, doc/btmon.rst): 2 command, 3 event, 4 and 5 ACL sent and received.
_BARE = np.array([ACL, ACL, COMMAND, EVENT])
_MONITOR = np.zeros(256, np.int64)
_MONITOR[2:6] = COMMAND, EVENT, ACL, ACL
#: Monitors of several adapters: the adapter's number stands above the interface's in ``Frames.observer``.
ADAPTER = 1 << 16


def hci_packets(frames: Frames) -> HciPackets:
    """The HCI packets inside frames of the HCI link types."""
    data, at, size, flags = frames.data, frames.at.copy(), frames.size.copy(), frames.flags
    kind = np.zeros(len(frames), np.int64)
    received = np.full(len(frames), -1, np.int8)
    for link in np.unique(frames.link).tolist():
        rows = np.flatnonzero(frames.link == link)
        skip = {1001: 0, 187: 1, 1002: 1, 201: 5, 254: 4, 2001: 0}[link]
        if link == 1001:
            kind[rows] = _BARE[flags[rows] & 3]
            received[rows] = flags[rows] & 1
        elif link in (254, 2001):
            code = _monitor_code(frames, rows)
            kind[rows] = _MONITOR[np.minimum(code, 255)]
            received[rows] = code & 1
        else:
            kind[rows] = u8(data, at[rows] + skip - 1)
            if link == 1002:
                received[rows] = flags[rows] & 1
            elif link == 201:
                received[rows] = u8(data, at[rows] + 3) & 1
            else:  # 187: the flags of a pcapng's block
                received[rows] = np.array([-1, 1, 0, -1])[flags[rows] & 3]
        kind[rows[size[rows] <= skip]] = 0
        at[rows] += skip
        size[rows] -= skip
    return HciPackets(data, at, size, kind, received)


def _monitor_code(frames: Frames, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The monitor's operation codes: behind two bytes of adapter, or in btsnoop's flags."""
    at, flags = frames.at[rows], frames.flags[rows]
    told = u8(frames.data, at + 2).astype(np.int64) << 8 | u8(frames.data, at + 3)
    return np.where(frames.link[rows] == 254, told, flags & 0xFFFF)


def by_adapter(frames: Frames) -> Frames:
    """The same, each adapter of a monitor's log an observer of its own; see :data:`ADAPTER`."""
    rows = np.flatnonzero(np.isin(frames.link, (254, 2001)))
    if not len(rows):
        return frames
    at, flags = frames.at[rows], frames.flags[rows]
    told = u8(frames.data, at).astype(np.int64) << 8 | u8(frames.data, at + 1)
    adapter = np.where(frames.link[rows] == 254, told, flags >> 16 & 0xFFFF)
    # What is of no packet, such as a note, may name no adapter.
    adapter = np.where(_MONITOR[np.minimum(_monitor_code(frames, rows), 255)] > 0, adapter, 0)
    observer = frames.observer.copy()
    observer[rows] += (adapter * ADAPTER).astype(np.int32)
    return replace(frames, observer=observer)


def u8(data: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bytes at places; 0 past the end, which no caller takes for a whole packet."""
    if not len(data):
        return np.zeros(len(at), np.uint8)
    return np.where(at < len(data), data[np.minimum(at, len(data) - 1)], 0).astype(np.uint8)


def _gather(
    frames: Frames,
    record: NDArray[np.int64],
    begin: NDArray[np.int64],
    length: NDArray[np.int64],
    *,
    extended: bool,
) -> Packets:
    """Columns of reports that are known to be whole."""
    data = frames.data
    out = new_packets(len(record), int(length.max(initial=0)))
    out.time_us[:], out.observer[:] = frames.time_us[record], frames.observer[record]
    address = begin + (3 if extended else 2)
    out.address[:] = word(data, address, 6)
    out.address_random[:] = (data[address - 1] & 1) == 1
    out.size[:] = length
    ad = begin + (_EXTENDED_HEAD if extended else _HEAD)
    out.data[:] = rows_of(data, ad, length)
    if not extended:
        out.kind[:] = _KIND_OF_REPORT[data[begin]]
        out.rssi_dbm[:] = data[ad + length].view(np.int8)
        return out
    event = data[begin]
    legacy = (event & 0x10) != 0
    # connectable 1, scannable 2, directed 4, scan response 8
    table = np.zeros(16, np.uint8)
    table[[3, 5, 2, 0]] = 0, 1, 6, 2
    table[8:] = SCAN_RSP
    out.kind[:] = np.where(legacy, table[event & 15], ADV_EXT_IND)
    out.rssi_dbm[:] = data[begin + 13].view(np.int8)
    return out


def new_packets(n: int, width: int) -> Packets:
    """A table to be filled."""
    return Packets(
        time_us=np.zeros(n, np.int64),
        observer=np.zeros(n, np.int32),
        address=np.zeros(n, np.uint64),
        address_random=np.zeros(n, np.bool_),
        rssi_dbm=np.zeros(n, np.int16),
        channel=np.full(n, NO_CHANNEL, np.uint8),
        kind=np.zeros(n, np.uint8),
        size=np.zeros(n, np.int32),
        data=np.zeros((n, width), np.uint8),
    )


def word(data: NDArray[np.uint8], at: NDArray[np.int64], size: int) -> NDArray[np.uint64]:
    """Little-endian numbers of up to eight bytes at places inside ``data``."""
    out = np.zeros(len(at), np.uint64)
    for i in range(size):
        out |= data[at + i].astype(np.uint64) << np.uint64(8 * i)
    return out


def rows_of(
    data: NDArray[np.uint8], at: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """``uint8[n, widest]``: runs of bytes at places inside ``data``, zeros beyond their size."""
    column = np.arange(int(size.max(initial=0)))
    place = np.minimum(at[:, None] + column, max(len(data) - 1, 0))
    return np.where(column < size[:, None], data[place], np.uint8(0)).astype(np.uint8)


def concatenate(parts: list[Packets]) -> Packets:
    """One table of many."""
    parts = [p for p in parts if len(p)] or parts[:1]
    width = max(p.data.shape[1] for p in parts)
    out = new_packets(sum(map(len, parts)), width)
    begin = 0
    for part in parts:
        rows = slice(begin, begin + len(part))
        for name in part.__dataclass_fields__:
            if name == "data":
                out.data[rows, : part.data.shape[1]] = part.data
            else:
                getattr(out, name)[rows] = getattr(part, name)
        begin += len(part)
    return out
