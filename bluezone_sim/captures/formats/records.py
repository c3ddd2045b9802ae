"""Files of records that each follow a head of fixed size: btsnoop, pcap, and Apple's PacketLogger."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from ...errors import FormatError
from . import btsnoop
from .frames import MOST_BYTES, PCAP_LINKS, Damage, Frames, check_links, windows

#: First bytes of a pcap, its byte order, and the parts of a second in which it counts.
PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
#: A record's length on air and in the file, flags, unix microseconds, a fault or "".
_Head = tuple[int, int, int, int, str]
#: Records that follow a stretch at fault are no farther from those before it.
_NEAR_US = 400 * 86_400_000_000
#: PacketLogger's kinds of record (Wireshark, wiretap/packetlogger.c), as btsnoop's flags have them
#: (1 received, 2 command or event); those that are no HCI packets.
_PACKETLOGGER = {0x00: 2, 0x01: 3, 0x02: 0, 0x03: 1}
_PACKETLOGGER_OTHER = (0x08, 0x09, 0x0A, 0x0B, *range(0xF7, 0xFF))
#: Seconds of the years 2000 to 2100.
_SECONDS = (946_684_800, 4_102_444_800)


class _Records:
    """Records behind heads of fixed size, see :class:`~.frames.Walk`."""

    what = "record"

    def __init__(self, head_bytes: int, link: int, head_of: Callable[[bytes, int], _Head]):
        self._bytes, self._link, self._head_of = head_bytes, link, head_of
        self._last_us: int | None = None

    def _head(self, window: bytes, at: int) -> _Head:
        original, kept, flag, time_us, fault = self._head_of(window, at)
        if kept > original or original > MOST_BYTES:
            fault = f"lengths of {original:,} and {kept:,} bytes make no sense"
        elif not fault and not original:
            fault = "a packet of 0 bytes makes no sense"
        return original, kept, flag, time_us, fault

    def walk(self, window: bytes) -> tuple[Frames, int, str]:
        at, end, n_cut, fault = 0, len(window), 0, ""
        starts, sizes, flags, times = [], [], [], []
        while end - at >= self._bytes:
            original, kept, flag, time_us, fault = self._head(window, at)
            after = at + self._bytes + kept
            if fault or after > end:
                break
            n_cut += kept < original
            starts.append(at + self._bytes)
            sizes.append(kept)
            flags.append(flag)
            times.append(time_us)
            at = after
        n = len(starts)
        if n:
            self._last_us = times[-1]
        flag_of = np.array(flags, np.int64)
        frames = Frames(
            data=np.frombuffer(window, np.uint8),
            at=np.array(starts, np.int64),
            size=np.array(sizes, np.int64),
            time_us=np.array(times, np.int64),
            observer=np.zeros(n, np.int32),
            # Without flags it is no packet.
            link=np.where(flag_of < 0, 0, self._link).astype(np.int32),
            flags=flag_of,
            n_cut=n_cut,
        )
        return frames, at, fault

    def find(self, window: bytes, at: int) -> int | None:
        end = len(window)
        while end - at >= self._bytes:
            after = self._sensible(window, at)
            if after == end or (
                after is not None
                and end - after >= self._bytes
                and self._sensible(window, after) is not None
            ):
                return at
            at += 1
        return None

    def _sensible(self, window: bytes, at: int) -> int | None:
        """Where the record at a place ends, if its head makes sense."""
        _, kept, _, time_us, fault = self._head(window, at)
        near = self._last_us is None or abs(time_us - self._last_us) < _NEAR_US
        whole = kept and at + self._bytes + kept <= len(window)
        return at + self._bytes + kept if not fault and near and whole else None


def read_btsnoop(stream: BinaryIO, damage: Damage | None = None) -> Iterator[Frames]:
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
    check_links({link}, (1001, 1002, 2001))
    unpack = struct.Struct(">IIIIq").unpack_from

    def head_of(window: bytes, at: int) -> _Head:
        original, kept, flag, _, time = unpack(window, at)
        fault = ""
        if not 0 <= time - btsnoop.EPOCH_US < 1 << 52:
            fault = f"time {time} is no time since 1970"
        return original, kept, flag, time - btsnoop.EPOCH_US, fault

    yield from windows(stream, _Records(24, link, head_of), 16, damage)


def read_pcap(stream: BinaryIO, damage: Damage | None = None) -> Iterator[Frames]:
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
    check_links({link}, PCAP_LINKS)
    unpack = struct.Struct(order + "4I").unpack_from

    def head_of(window: bytes, at: int) -> _Head:
        second, part, kept, original = unpack(window, at)
        fault = ""
        if part >= parts:
            fault = f"{part:,} parts of a second that has {parts:,}"
        return original, kept, 0, second * 1_000_000 + part * 1_000_000 // parts, fault

    yield from windows(stream, _Records(16, link, head_of), 24, damage)


def packetlogger_order(head: bytes) -> str:
    """Byte order of a PacketLogger file by its first bytes, ``<`` or ``>``; empty where it is none."""
    if len(head) < 13:
        return ""
    for order in "><":
        size, second, part = struct.unpack_from(order + "3I", head)
        if 9 <= size < 1 << 16 and part < 1_000_000 and _SECONDS[0] <= second < _SECONDS[1]:
            return order if head[12] in (*_PACKETLOGGER, *_PACKETLOGGER_OTHER) else ""
    return ""


def read_packetlogger(stream: BinaryIO, damage: Damage | None = None) -> Iterator[Frames]:
    """Records of a PacketLogger file (.pklg), as macOS and the sysdiagnose of iOS have it.

    No file header; a record is its length from after the length on, seconds, microseconds, its kind and
    the packet (Wireshark, wiretap/packetlogger.c). Kinds that are no HCI packets, such as notes, count as
    records.

    Raises:
        FormatError: a record that makes no sense, or the file ends in mid-record.
    """
    first = stream.read(13)
    order = packetlogger_order(first)
    if not order:
        raise FormatError("byte 0: expected a record of PacketLogger")
    stream.seek(0)
    unpack = struct.Struct(order + "3I").unpack_from

    def head_of(window: bytes, at: int) -> _Head:
        size, second, part = unpack(window, at)
        kind, fault = window[at + 12], ""
        if size < 9 or part >= 1_000_000 or not _SECONDS[0] <= second < _SECONDS[1]:
            fault = f"a length of {size:,} bytes, {second:,} s and {part:,} µs make no record"
        elif kind not in _PACKETLOGGER and kind not in _PACKETLOGGER_OTHER:
            fault = f"kind {kind:#04x} of a record is not known"
        kept = max(0, size - 9)
        return kept, kept, _PACKETLOGGER.get(kind, -1), second * 1_000_000 + part, fault

    yield from windows(stream, _Records(13, 1001, head_of), 0, damage)
