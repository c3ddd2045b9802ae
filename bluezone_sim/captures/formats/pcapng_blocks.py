"""Blocks of pcapng (IETF draft-ietf-opsawg-pcapng), read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from . import pcapng
from .frames import MOST_BYTES, PCAP_LINKS, Damage, Frames, check_links, windows

#: Kinds of block that may follow a stretch at fault.
_KINDS = (
    *(pcapng.SECTION, pcapng.INTERFACE, pcapng.OBSOLETE, pcapng.SIMPLE),
    *(4, pcapng.STATISTICS, pcapng.ENHANCED),
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

    what = "packet"

    def __init__(self) -> None:
        self.order = "<"
        self.interfaces: list[_Interface] = []
        self.first = 0  # observers of earlier sections
        self.links: set[int] = set()
        self.n_blocks = 0

    def walk(self, window: bytes) -> tuple[Frames, int, str]:
        at, end, n_cut, n_untimed, fault = 0, len(window), 0, 0, ""
        starts: list[int] = []
        sizes: list[int] = []
        who: list[int] = []
        times: list[int] = []
        links: list[int] = []
        flags: list[int] = []
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
            if kind in (pcapng.ENHANCED, pcapng.OBSOLETE):
                if length < 32:
                    fault = f"a packet block of {length} bytes makes no sense"
                    break
                number, high, low, kept, original = epb(window, body)
                if kind == pcapng.OBSOLETE:  # two bytes of interface, two of dropped packets
                    number = struct.unpack_from(self.order + "H", window, body)[0]
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
                flags.append(self._direction(window, body + 20 + kept + -kept % 4, after - 4))
            elif kind == pcapng.SECTION:
                self.first += len(self.interfaces)
                self.interfaces = []
            elif kind == pcapng.INTERFACE:
                fault = self._describe(window[body : after - 4])
            elif kind == pcapng.SIMPLE:
                n_untimed += 1
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
            flags=np.array(flags, np.int64),
            n_cut=n_cut,
            n_untimed=n_untimed,
        )
        return frames, at, fault

    def find(self, window: bytes, at: int) -> int | None:
        head = struct.Struct(self.order + "II").unpack_from
        while len(window) - at >= 12:
            kind, length = head(window, at)
            whole = 12 <= length <= min(MOST_BYTES, len(window) - at) and not length % 4
            if kind in _KINDS and whole and head(window, at + length - 8)[1] == length:
                return at
            at += 1
        return None

    def _direction(self, window: bytes, at: int, end: int) -> int:
        """1 received, 2 sent, 0 not told: bits of the flags among a packet's options."""
        while at + 4 <= end:
            code, size = struct.unpack_from(self.order + "HH", window, at)
            if code == 2 and size == 4 and at + 8 <= end:
                flags: int = struct.unpack_from(self.order + "I", window, at + 4)[0]
                return flags & 3
            if code == 0:
                break
            at += 4 + size + -size % 4
        return 0

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


def read_pcapng(stream: BinaryIO, damage: Damage | None = None) -> Iterator[Frames]:
    """Packets of a pcapng file; packets of link types without Bluetooth are among them.

    Raises:
        FormatError: a block that makes no sense, no interface with Bluetooth packets, or the file ends
            in mid-block.
    """
    state = _Pcapng()
    yield from windows(stream, state, 0, damage)
    if state.links:
        check_links(state.links, PCAP_LINKS)
