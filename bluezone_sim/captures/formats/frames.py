"""Records of capture files as columns, read a window at a time: btsnoop, pcap and
pcapng.

Readers yield every whole record before a fault, then raise; so the caller can say how much was read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from . import btsnoop, pcapng

#: Bytes that are read at a time.
WINDOW_BYTES = 4 << 20
#: A longer record than this is a fault of the file: HCI and BLE packets have at most 64 KiB.
MOST_BYTES = 1 << 20
#: How far a record may be earlier than the one before. Phones correct their clocks by network time: one
#: of the captures of DP-3T exp34 steps back by 4.3 s.
BACKWARDS_US = 10_000_000

#: Link types of pcap and pcapng that carry Bluetooth (tcpdump.org), and btsnoop's.
LINK_TYPES = {
    187: "HCI H4",
    201: "HCI H4 with direction",
    251: "LE link layer",
    254: "Linux Bluetooth monitor",
    256: "LE link layer with radio header",
    272: "nRF sniffer",
    1001: "HCI, btsnoop",
    1002: "HCI H4, btsnoop",
    2001: "Linux Bluetooth monitor, btsnoop",
}
_PCAP_LINKS = (187, 201, 251, 254, 256, 272)
#: First bytes of a pcap, its byte order, and the parts of a second in which it counts.
PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}


@dataclass(frozen=True)
class Frames:
    """Whole records of a window of the file.

    Attributes:
        data: ``uint8[…]``, the window.
        at, size: ``int64[n]``, where each record's packet is in ``data``.
        time_us: ``int64[n]``, unix microseconds.
        observer: ``int32[n]``, the interface.
        link: ``int32[n]``, link type, see :data:`LINK_TYPES`; others occur.
        flags: ``int64[n]``, btsnoop's, else 0.
        n_cut: records of which the file holds a part only.
    """

    data: NDArray[np.uint8]
    at: NDArray[np.int64]
    size: NDArray[np.int64]
    time_us: NDArray[np.int64]
    observer: NDArray[np.int32]
    link: NDArray[np.int32]
    flags: NDArray[np.int64]
    n_cut: int = 0

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


#: A walk over a window from its first byte: the records, how many bytes they took, a fault or "".
_Walk = Callable[[bytes], tuple[Frames, int, str]]


def _windows(stream: BinaryIO, walk: _Walk, begin: int, what: str) -> Iterator[Frames]:
    """Reads on from byte ``begin``, window by window.

    Raises:
        FormatError: the file ends in mid-record, or the walk found a fault; the byte is named.
    """
    rest, n = b"", 0
    while True:
        new = stream.read(WINDOW_BYTES)
        window = rest + new if rest else new
        frames, used, fault = walk(window)
        if len(frames):
            yield frames
        n, begin, rest = n + len(frames), begin + used, window[used:]
        if fault:
            raise FormatError(f"byte {begin:,}, {what} {n + 1:,}: {fault}")
        if not new:
            break
    if rest:
        raise FormatError(
            f"byte {begin:,}, {what} {n + 1:,}: the file ends in mid-{what}, {len(rest):,} bytes into it"
        )


def in_order(frames: Iterator[Frames]) -> Iterator[tuple[Frames, int]]:
    """The same with the number of records that are a little earlier than the one before.

    Raises:
        FormatError: a record is more than :data:`BACKWARDS_US` earlier than the one before on its
            interface.
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
            yield part.take(slice(first_fault)), 0
            raise FormatError(
                f"record {n + first_fault + 1:,}: time runs backwards by {-jump / 1e6:,.1f} s; was the "
                "phone's clock set?"
            )
        n += len(part)
        yield part, n_back


def read_btsnoop(stream: BinaryIO) -> Iterator[Frames]:
    """Records of a btsnoop file, its header still unread.

    Raises:
        FormatError: another header, a link type without HCI packets, a record that makes no sense, or
            the file ends in mid-record.
    """
    head = stream.read(16)
    if len(head) < 16 or head[:8] != btsnoop.MAGIC:
        raise FormatError(
            "byte 0: expected the 16 bytes of a btsnoop header; is the file truncated?"
        )
    version, link = struct.unpack(">II", head[8:])
    if version != 1:
        raise FormatError(f"byte 8: btsnoop version {version}, expected 1")
    _check_links({link}, (1001, 1002, 2001))
    unpack = struct.Struct(">IIIIq").unpack_from

    def head_of(window: bytes, at: int) -> _Head:
        original, kept, flag, _, time = unpack(window, at)
        fault = ""
        if not 0 <= time - btsnoop.EPOCH_US < 1 << 52:
            fault = f"time {time} is no time since 1970"
        return original, kept, flag, time - btsnoop.EPOCH_US, fault

    yield from _windows(stream, partial(_walk_records, 24, link, head_of), 16, "record")


def read_pcap(stream: BinaryIO) -> Iterator[Frames]:
    """Packets of a pcap file (IETF draft-ietf-opsawg-pcap).

    Raises:
        FormatError: another header, a link type without Bluetooth packets, a record that makes no sense,
            or the file ends in mid-record.
    """
    head = stream.read(24)
    if len(head) < 24 or head[:4] not in PCAP_MAGICS:
        raise FormatError("byte 0: expected the 24 bytes of a pcap header; is the file truncated?")
    order, parts = PCAP_MAGICS[head[:4]]
    # The upper bits tell of a frame check sequence.
    link = struct.unpack_from(order + "I", head, 20)[0] & 0x0FFF_FFFF
    _check_links({link}, _PCAP_LINKS)
    unpack = struct.Struct(order + "4I").unpack_from

    def head_of(window: bytes, at: int) -> _Head:
        second, part, kept, original = unpack(window, at)
        fault = ""
        if part >= parts:
            fault = f"{part:,} parts of a second that has {parts:,}"
        return original, kept, 0, second * 1_000_000 + part * 1_000_000 // parts, fault

    yield from _windows(stream, partial(_walk_records, 16, link, head_of), 24, "record")


#: A record's length on air and in the file, flags, unix microseconds, a fault or "".
_Head = tuple[int, int, int, int, str]


def _walk_records(
    head_bytes: int, link: int, head_of: Callable[[bytes, int], _Head], window: bytes
) -> tuple[Frames, int, str]:
    """Records that each follow a head of fixed size, see :data:`_Walk`."""
    at, end, n_cut, fault = 0, len(window), 0, ""
    starts, sizes, flags, times = [], [], [], []
    while end - at >= head_bytes:
        original, kept, flag, time_us, fault = head_of(window, at)
        if kept > original or original > MOST_BYTES:
            fault = f"lengths of {original:,} and {kept:,} bytes make no sense"
        after = at + head_bytes + kept
        if fault or after > end:
            break
        n_cut += kept < original
        starts.append(at + head_bytes)
        sizes.append(kept)
        flags.append(flag)
        times.append(time_us)
        at = after
    n = len(starts)
    frames = Frames(
        data=np.frombuffer(window, np.uint8),
        at=np.array(starts, np.int64),
        size=np.array(sizes, np.int64),
        time_us=np.array(times, np.int64),
        observer=np.zeros(n, np.int32),
        link=np.full(n, link, np.int32),
        flags=np.array(flags, np.int64),
        n_cut=n_cut,
    )
    return frames, at, fault


def _check_links(found: set[int], known: tuple[int, ...]) -> None:
    if not found & set(known):
        expected = ", ".join(f"{k} ({LINK_TYPES[k]})" for k in known)
        raise FormatError(
            f"link type {', '.join(map(str, sorted(found)))}: holds no Bluetooth packets; "
            f"expected one of {expected}"
        )


@dataclass
class _Interface:
    """What an interface description block says."""

    link: int
    ticks_per_s: int = 1_000_000
    offset_s: int = 0

    def to_us(self, ticks: int) -> int:
        return ticks * 1_000_000 // self.ticks_per_s + self.offset_s * 1_000_000


class _Pcapng:
    """A walk over blocks; sections and interfaces are carried from window to window."""

    def __init__(self) -> None:
        self.order = "<"
        self.interfaces: list[_Interface] = []
        self.first = 0  # observers of earlier sections
        self.links: set[int] = set()
        self.n_blocks = 0

    def walk(self, window: bytes) -> tuple[Frames, int, str]:
        """Blocks of a window, see :data:`_Walk`."""
        at, end, n_cut, fault = 0, len(window), 0, ""
        starts: list[int] = []
        sizes: list[int] = []
        who: list[int] = []
        times: list[int] = []
        links: list[int] = []
        head, epb = (struct.Struct(self.order + f).unpack_from for f in ("II", "5I"))
        while end - at >= 12:
            kind, length = head(window, at)
            if kind == pcapng.SECTION:
                magic = window[at + 8 : at + 12]
                if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                    fault = f"byte-order magic {magic.hex()} of a section makes no sense"
                    break
                self.order = ">" if magic[0] == 0x1A else "<"
                head, epb = (struct.Struct(self.order + f).unpack_from for f in ("II", "5I"))
                kind, length = head(window, at)
            elif not self.n_blocks:
                fault = "expected a section header block"
                break
            if length < 12 or length % 4 or length > MOST_BYTES:
                fault = f"a block of {length:,} bytes makes no sense"
                break
            if at + length > end:
                break
            if head(window, at + length - 8)[1] != length:
                fault = "the lengths at both ends of a block differ"
                break
            body, after = at + 8, at + length
            if kind == pcapng.ENHANCED:
                if length < 32:
                    fault = f"a packet block of {length} bytes makes no sense"
                    break
                number, high, low, kept, original = epb(window, body)
                if number >= len(self.interfaces):
                    fault = f"a packet of interface {number}, which is not described"
                    break
                if kept > length - 32:
                    fault = f"a packet of {kept:,} bytes in a block of {length:,}"
                    break
                interface = self.interfaces[number]
                time = interface.to_us(high << 32 | low)
                if not 0 <= time < 1 << 52:
                    fault = f"time {time} µs is no time since 1970"
                    break
                n_cut += kept < original
                starts.append(body + 20)
                sizes.append(kept)
                times.append(time)
                who.append(self.first + number)
                links.append(interface.link)
            elif kind == pcapng.SECTION:
                self.first += len(self.interfaces)
                self.interfaces = []
            elif kind == pcapng.INTERFACE:
                fault = self._describe(window[body : after - 4])
            elif kind == pcapng.SIMPLE:
                fault = "a simple packet block, which tells no time"
            if fault:
                break
            self.n_blocks += 1
            at = after
        frames = Frames(
            data=np.frombuffer(window, np.uint8),
            at=np.array(starts, np.int64),
            size=np.array(sizes, np.int64),
            time_us=np.array(times, np.int64),
            observer=np.array(who, np.int32),
            link=np.array(links, np.int32),
            flags=np.zeros(len(starts), np.int64),
            n_cut=n_cut,
        )
        return frames, at, fault

    def _describe(self, body: bytes) -> str:
        if len(body) < 8:
            return "an interface description of less than 8 bytes"
        found = _Interface(struct.unpack_from(self.order + "H", body)[0])
        at = 8
        while at + 4 <= len(body):
            code, size = struct.unpack_from(self.order + "HH", body, at)
            value = body[at + 4 : at + 4 + size]
            if code == 0:
                break
            if len(value) < size:
                return "an option of an interface runs past its block"
            if code == 9 and size == 1:
                base, power = (2, value[0] & 0x7F) if value[0] & 0x80 else (10, value[0])
                if power > (63 if base == 2 else 18):
                    return f"a time resolution of {base}^-{power} s makes no sense"
                found.ticks_per_s = base**power
            elif code == 14 and size == 8:
                found.offset_s = struct.unpack(self.order + "q", value)[0]
            at += 4 + size + -size % 4
        self.interfaces.append(found)
        self.links.add(found.link)
        return ""


def read_pcapng(stream: BinaryIO) -> Iterator[Frames]:
    """Packets of a pcapng file; packets of link types without Bluetooth are among them.

    Raises:
        FormatError: a block that makes no sense, no interface with Bluetooth packets, or the file ends
            in mid-block.
    """
    state = _Pcapng()
    yield from _windows(stream, state.walk, 0, "packet")
    if state.links:
        _check_links(state.links, _PCAP_LINKS)


#: By the name of the format.
READERS: dict[str, Callable[[BinaryIO], Iterator[Frames]]] = {
    "btsnoop": read_btsnoop,
    "pcap": read_pcap,
    "pcapng": read_pcapng,
}
