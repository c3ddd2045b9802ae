"""HCI packets to advertisements heard, and to what the phone itself sends.

Bluetooth Core Specification, volume 4, part E: LE advertising reports (7.7.65.2), LE extended
advertising reports (7.7.65.13), and the commands that set advertising data (7.8.7, 7.8.54). Several
reports in one event follow one another, each whole, as controllers send them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..packets import ADV_EXT_IND, NO_CHANNEL, SCAN_RSP, Packets
from .btsnoop import REPORT_TYPES
from .frames import Frames

COMMAND, EVENT = 1, 4
_LE_META, _REPORT, _EXTENDED_REPORT = 0x3E, 0x02, 0x0D
_SET_DATA, _SET_EXTENDED_DATA, _BROADCOM_MULTI = 0x2008, 0x2037, 0xFD54
#: Bytes of a report before its data: legacy (RSSI follows the data), extended.
_HEAD, _EXTENDED_HEAD = 9, 24
#: Longest advertising data that fragments may add up to (7.8.54).
_MOST_DATA = 1650
#: Advertisers whose chains are being put together; the oldest gives way.
_MOST_CHAINS = 256

_KIND_OF_REPORT = np.full(256, 255, np.uint8)
for _kind, _report in REPORT_TYPES.items():
    _KIND_OF_REPORT[_report] = _kind


@dataclass(frozen=True)
class Own:
    """Advertising data that the phone set for itself."""

    time_us: int
    data: bytes


@dataclass
class HciReader:
    """Reads frames window by window; chains of fragments run on from one to the next.

    Attributes:
        n_malformed: events whose reports do not add up to their length.
        n_fragments: reports that were joined to others.
        n_incomplete: advertisements of which the controller dropped a part.
    """

    n_malformed: int = 0
    n_fragments: int = 0
    n_incomplete: int = 0
    _chains: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    _own_parts: dict[int, bytes] = field(default_factory=dict)

    def read(self, frames: Frames) -> tuple[Packets, list[Own]]:
        """Advertisements in frames of an HCI link type, and what the phone set to send."""
        data, at, size, kind = hci_packets(frames)
        rows = np.flatnonzero((kind == EVENT) & (size >= 4) & (u8(data, at) == _LE_META))
        sub = u8(data, at[rows] + 2)
        parts = [
            self._reports(frames, at, size, rows[sub == _REPORT], extended=False),
            self._reports(frames, at, size, rows[sub == _EXTENDED_REPORT], extended=True),
        ]
        record = np.concatenate([p[0] for p in parts])
        found = concatenate([p[1] for p in parts])
        return found.take(np.argsort(record, kind="stable")), self._commands(frames, at, size, kind)

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
            before = self._chains.pop(key, b"")
            here = before + packets.data[row, : packets.size[row]].tobytes()
            if status[row] == 1 and len(here) <= _MOST_DATA:
                if len(self._chains) >= _MOST_CHAINS:
                    del self._chains[next(iter(self._chains))]
                self._chains[key] = here
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

    def _commands(
        self,
        frames: Frames,
        at: NDArray[np.int64],
        size: NDArray[np.int64],
        kind: NDArray[np.int64],
    ) -> list[Own]:
        """What the phone sets to send; a Python loop, since phones do so some times an hour."""
        code = u8(frames.data, at).astype(np.int64) | u8(frames.data, at + 1).astype(np.int64) << 8
        wanted = (kind == COMMAND) & np.isin(code, (_SET_DATA, _SET_EXTENDED_DATA, _BROADCOM_MULTI))
        out = []
        for row in np.flatnonzero(wanted).tolist():
            body = frames.data[at[row] + 3 : at[row] + size[row]].tobytes()
            found = self._own(int(code[row]), body)
            if found:
                out.append(Own(int(frames.time_us[row]), found))
        return out

    def _own(self, code: int, body: bytes) -> bytes:
        if code == _SET_DATA:
            return body[1 : 1 + min(body[0], 31)] if body else b""
        if code == _BROADCOM_MULTI:  # Android's vendor command before Bluetooth 5: 2 sets the data
            return body[2 : 2 + min(body[1], 31)] if len(body) >= 2 and body[0] == 2 else b""
        if len(body) < 4:
            return b""
        handle, operation, data = body[0], body[1], body[4 : 4 + body[3]]
        if operation in (0, 2):  # a fragment between, or the last one
            data = (self._own_parts.pop(handle, b"") + data)[:_MOST_DATA]
        if operation in (0, 1):
            self._own_parts[handle] = data
            return b""
        return data if operation in (2, 3) else b""


def hci_packets(
    frames: Frames,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(data, start, size, kind) of the HCI packets inside frames: kind as H4 has it, 0 for none."""
    data, at, size, flags = frames.data, frames.at.copy(), frames.size.copy(), frames.flags
    kind = np.zeros(len(frames), np.int64)
    for link in np.unique(frames.link).tolist():
        rows = frames.link == link
        if link == 1001:  # bare packets; the flags tell
            kind[rows] = np.array([0, 0, COMMAND, EVENT])[flags[rows] & 3]
            continue
        skip = {187: 1, 1002: 1, 201: 5, 254: 4, 2001: 0}[link]
        if link in (254, 2001):  # the monitor's operation code: 2 command, 3 event
            code = flags & 0xFFFF
            if link == 254:
                code = u8(data, at + 2).astype(np.int64) << 8 | u8(data, at + 3)
            kind[rows] = np.where(code == 2, COMMAND, np.where(code == 3, EVENT, 0))[rows]
        else:
            kind[rows] = u8(data, at + skip - 1)[rows]
        kind[rows & (size <= skip)] = 0
        at[rows] += skip
        size[rows] -= skip
    return data, at, size, kind


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
