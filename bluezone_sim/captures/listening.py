"""When a phone listened, from its own log: the scans that it told its controller to make, and where the
log does not tell them, the packets that it heard.

Bluetooth Core Specification, volume 4, part E: LE set scan enable (7.8.11), LE set extended scan enable
(7.8.65) with its duration, reset (7.3.2), and the event of a scan that ended by itself (7.7.65.17).

Android's controllers filter: a scan may be on for hours of which an app asks for seconds. Where a log
tells of such filters (source.android.com, "HCI requirements", LE_APCF_Command), long scans tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..tables.rows import ASSUMED_SCAN_GAP_S, HEARD, TOLD, UNBROKEN, Listening
from .formats.frames import Frames
from .formats.hci import COMMAND, EVENT, hci_packets, u8
from .packets import Packets

_RESET, _SCAN, _EXTENDED_SCAN, _FILTER = 0x0C03, 0x200C, 0x2042, 0xFD57
_LE_META, _SCAN_TIMEOUT = 0x3E, 0x11
_ASSUMED_GAP_US = 1_000_000 * ASSUMED_SCAN_GAP_S
#: A scan that goes on so soon is the same one: phones begin it anew to change what they look for.
_RESTART_US = 1_000_000
#: A scan that lasts no longer may be one of an app, filtered or not: those of Bluezone and Exposure
#: Notification last 4 to 150 s.
_APP_SCAN_US = 300_000_000


@dataclass
class _Phone:
    """What is known of one observer so far; times in unix microseconds."""

    first: int
    last: int
    sniffs: bool = False
    told: bool = False
    filters: bool = False
    on_since: int | None = None
    #: Stretches, (start, end): scans that were told, and those in which packets came.
    told_on: list[tuple[int, int]] = field(default_factory=list)
    heard_in: list[tuple[int, int]] = field(default_factory=list)
    heard: tuple[int, int] | None = None


@dataclass
class ListeningFollower:
    """Follows logs window by window."""

    _phones: dict[int, _Phone] = field(default_factory=dict)

    def follow(self, frames: Frames, *, sniffs: bool) -> None:
        """Takes records, whatever they hold; ``sniffs``: what made them listens without a pause."""
        for who in np.unique(frames.observer).tolist():
            time = frames.time_us[frames.observer == who]
            first, last = int(time.min()), int(time.max())
            phone = self._phones.setdefault(who, _Phone(first, last))
            phone.sniffs |= sniffs
            phone.first, phone.last = min(phone.first, first), max(phone.last, last)
        if not sniffs:
            for time_us, who, code, on in _switches(frames):
                if code == _FILTER:
                    self._phones[who].filters = True
                else:
                    self._switch(self._phones[who], time_us, on=on)

    def hear(self, packets: Packets) -> None:
        """Takes advertisements of records that :meth:`follow` has seen."""
        for who in np.unique(packets.observer).tolist():
            phone = self._phones[who]
            if phone.sniffs:
                continue
            time = np.sort(packets.time_us[packets.observer == who])
            starts = np.flatnonzero(np.diff(time, prepend=-(1 << 60)) > _ASSUMED_GAP_US)
            ends = np.append(starts[1:], len(time)) - 1
            for a, b in zip(time[starts].tolist(), time[ends].tolist(), strict=True):
                if phone.heard is not None and abs(a - phone.heard[1]) <= _ASSUMED_GAP_US:
                    a, b = min(a, phone.heard[0]), max(b, phone.heard[1])
                elif phone.heard is not None:
                    phone.heard_in.append(phone.heard)
                phone.heard = a, b

    def listening(self) -> Listening:
        """All that is known by now."""
        rows: list[tuple[int, int, int, int]] = []
        for who, phone in self._phones.items():
            told, heard = list(phone.told_on), list(phone.heard_in)
            if phone.on_since is not None:
                told.append((phone.on_since, phone.last))
            if phone.heard is not None:
                heard.append(phone.heard)
            told = _joined(told)
            if phone.filters:
                told = [(a, b) for a, b in told if b - a <= _APP_SCAN_US]
            unbroken = [(phone.first, phone.last)] if phone.sniffs else []
            rows += [
                (who, a // 1000, -(-b // 1000), how)
                for how, stretches in ((UNBROKEN, unbroken), (TOLD, told), (HEARD, heard))
                for a, b in stretches
                if b >= a
            ]
        return merged(rows)

    @staticmethod
    def _switch(phone: _Phone, time_us: int, *, on: bool) -> None:
        if not phone.told and not on:  # it was on as the log began
            phone.told_on.append((phone.first, time_us))
        if phone.on_since is not None:
            phone.told_on.append((phone.on_since, time_us))
        phone.told, phone.on_since = True, time_us if on else None


def _joined(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Scans that go on at once as one."""
    out: list[tuple[int, int]] = []
    for a, b in sorted(stretches):
        if out and a - out[-1][1] <= _RESTART_US:
            out[-1] = out[-1][0], max(out[-1][1], b)
        else:
            out.append((a, b))
    return out


def _switches(frames: Frames) -> list[tuple[int, int, int, bool]]:
    """(unix microseconds, observer, command or 0, scanning from then on), in order of the log."""
    hci = hci_packets(frames)
    at, size = hci.at, hci.size
    code = u8(hci.data, at).astype(np.int64) | u8(hci.data, at + 1).astype(np.int64) << 8
    of_scan = ((code == _SCAN) & (size >= 4)) | ((code == _EXTENDED_SCAN) & (size >= 9))
    commands = (hci.kind == COMMAND) & (of_scan | (code == _RESET) | (code == _FILTER))
    ended = (hci.kind == EVENT) & (size >= 3)
    ended &= (u8(hci.data, at) == _LE_META) & (u8(hci.data, at + 2) == _SCAN_TIMEOUT)
    on = commands & of_scan & (u8(hci.data, at + 3) == 1)
    rows = np.flatnonzero(commands | ended)
    columns = (frames.time_us, frames.observer, np.where(commands, code, 0), on)
    return list(zip(*(column[rows].tolist() for column in columns), strict=True))


def merged(rows: Iterable[tuple[int, int, int, int]]) -> Listening:
    """Stretches (observer, start, end, how known) that overlap or touch as one, known as the best of
    them is."""
    out: list[list[int]] = []
    for who, a, b, how in sorted(rows):
        if out and out[-1][0] == who and a <= out[-1][2]:
            out[-1][2], out[-1][3] = max(out[-1][2], b), min(out[-1][3], how)
        else:
            out.append([who, a, b, how])
    table: NDArray[np.int64] = np.array(out, np.int64).reshape(-1, 4)
    return Listening(
        observer=table[:, 0].astype(np.int32),
        start_ms=table[:, 1],
        end_ms=table[:, 2],
        known=table[:, 3].astype(np.uint8),
    )
