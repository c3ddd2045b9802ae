"""Records of capture files as columns, read a window at a time.

Readers yield every whole record before a fault, then raise; so the caller can say how much was read.
Given a :class:`Damage` they note the fault there, look for the next record that makes sense, and go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError

#: Bytes that are read at a time.
WINDOW_BYTES = 4 << 20
#: A longer record than this is a fault of the file: HCI and BLE packets have at most 64 KiB.
MOST_BYTES = 1 << 20
#: How far a record may be earlier than the one before. Phones correct their clocks by network time: one
#: of the captures of DP-3T exp34 steps back by 4.3 s.
BACKWARDS_US = 10_000_000

#: Link types of pcap and pcapng that carry Bluetooth (tcpdump.org), and btsnoop's.
LINK_TYPES = {
    157: "nRF sniffer, before its number of its own",
    187: "HCI H4",
    192: "PPI, as Ubertooth has it",
    201: "HCI H4 with direction",
    251: "LE link layer",
    254: "Linux Bluetooth monitor",
    256: "LE link layer with radio header",
    272: "nRF sniffer",
    1001: "HCI, btsnoop",
    1002: "HCI H4, btsnoop",
    2001: "Linux Bluetooth monitor, btsnoop",
}
PCAP_LINKS = (157, 187, 192, 201, 251, 254, 256, 272)


@dataclass
class Damage:
    """What a reader left out of a file at fault, and went on.

    Attributes:
        told: each fault in words, the first ones.
        n: how many there were.
        n_bytes: bytes that were passed over.
    """

    told: list[str] = field(default_factory=list)
    n: int = 0
    n_bytes: int = 0

    def note(self, fault: str, n_bytes: int = 0) -> None:
        """Notes a fault."""
        self.n += 1
        self.n_bytes += n_bytes
        if len(self.told) < _MOST_TOLD:
            self.told.append(fault)


#: Faults of a file that are told one by one.
_MOST_TOLD = 20


@dataclass(frozen=True)
class Frames:
    """Whole records of a window of the file.

    Attributes:
        data: ``uint8[…]``, the window.
        at, size: ``int64[n]``, where each record's packet is in ``data``.
        time_us: ``int64[n]``, unix microseconds.
        observer: ``int32[n]``, the interface.
        link: ``int32[n]``, link type, see :data:`LINK_TYPES`; others occur.
        flags: ``int64[n]``, btsnoop's; 1 (received) or 2 (sent) where a pcapng tells it, else 0.
        n_cut: records of which the file holds a part only.
        n_untimed: packets that tell no time, which are left out.
    """

    data: NDArray[np.uint8]
    at: NDArray[np.int64]
    size: NDArray[np.int64]
    time_us: NDArray[np.int64]
    observer: NDArray[np.int32]
    link: NDArray[np.int32]
    flags: NDArray[np.int64]
    n_cut: int = 0
    n_untimed: int = 0

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.integer] | slice) -> Frames:
        """Some of the records, of the same window."""
        return replace(
            self,
            at=self.at[rows],
            size=self.size[rows],
            time_us=self.time_us[rows],
            observer=self.observer[rows],
            link=self.link[rows],
            flags=self.flags[rows],
        )


class Walk(Protocol):
    """A walk over records, from window to window."""

    #: What a record is called.
    what: str

    def walk(self, window: bytes) -> tuple[Frames, int, str]:
        """Records from the window's first byte on: the records, how many bytes they took, a fault or "".

        It stops before a record that the window holds a part of.
        """

    def find(self, window: bytes, at: int) -> int | None:
        """Where the next record that makes sense begins, at ``at`` or after it; None: not in here."""


def windows(
    stream: BinaryIO, walk: Walk, begin: int, damage: Damage | None = None
) -> Iterator[Frames]:
    """Reads on from byte ``begin``, window by window.

    Raises:
        FormatError: without ``damage``: the file ends in mid-record, or the walk found a fault; the byte
            is named.
    """
    rest, n, lost_at = b"", 0, -1
    while True:
        new = stream.read(WINDOW_BYTES)
        window = rest + new if rest else new
        if lost_at >= 0:  # what is here belongs to nothing until a record begins
            found = walk.find(window, 0)
            keep = len(window) if found is None else found
            if found is None:
                keep = max(0, len(window) - MOST_BYTES) if new else len(window)
            begin, window, rest = begin + keep, window[keep:], window[keep:]
            if damage is not None:
                damage.n_bytes += keep
            if found is None:
                if not new:
                    return
                continue
            lost_at = -1
        frames, used, fault = walk.walk(window)
        if len(frames) or frames.n_untimed:
            yield frames
        n, begin, rest = n + len(frames), begin + used, window[used:]
        at_end = not new and bool(rest)
        if at_end and not fault:
            fault = f"the file ends in mid-{walk.what}, {len(rest):,} bytes into it"
        if fault:
            told = f"byte {begin:,}, {walk.what} {n + 1:,}: {fault}"
            if damage is None:
                raise FormatError(told)
            damage.note(told, 1)
            # The next one begins a byte later at the earliest.
            begin, rest, lost_at = begin + 1, rest[1:], begin
        elif not new:
            return


class Reader(Protocol):
    """A reader of a format: the file from its first byte on."""

    def __call__(self, stream: BinaryIO, damage: Damage | None = None, /) -> Iterator[Frames]:
        """Records; see :func:`windows`."""


def in_order(
    frames: Iterator[Frames], damage: Damage | None = None
) -> Iterator[tuple[Frames, int]]:
    """The same with the number of records that are a little earlier than the one before.

    Raises:
        FormatError: without ``damage``: a record is more than :data:`BACKWARDS_US` earlier than the one
            before on its interface.
    """
    last: dict[int, int] = {}
    n = 0
    for part in frames:
        first_fault, jump, n_back = len(part), 0, 0
        for who in np.unique(part.observer).tolist():
            rows = np.flatnonzero(part.observer == who)
            time = part.time_us[rows]
            step = np.diff(time, prepend=last.get(who, int(time[0])))
            n_back += int(np.count_nonzero(step < 0))
            bad = np.flatnonzero(step < -BACKWARDS_US)
            if len(bad) and rows[bad[0]] < first_fault:
                first_fault, jump = int(rows[bad[0]]), int(step[bad[0]])
            last[who] = int(time[-1])
        if first_fault < len(part):
            told = (
                f"record {n + first_fault + 1:,}: time runs backwards by {-jump / 1e6:,.1f} s; was the "
                "phone's clock set?"
            )
            if damage is None:
                yield part.take(slice(first_fault)), 0
                raise FormatError(told)
            damage.note(told)
        n += len(part)
        yield part, n_back


def check_links(found: set[int], known: tuple[int, ...]) -> None:
    """Raises FormatError unless one of the link types is known."""
    if not found & set(known):
        expected = ", ".join(f"{k} ({LINK_TYPES[k]})" for k in known)
        raise FormatError(
            f"link type {', '.join(map(str, sorted(found)))}: holds no Bluetooth packets; "
            f"expected one of {expected}"
        )
