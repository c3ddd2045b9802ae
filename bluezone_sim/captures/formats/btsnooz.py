"""btsnooz, the short log in the text of an Android bug report, to btsnoop.

AOSP, system/bt, tools/scripts/btsnooz.py and btif/src/btif_debug_btsnoop.cc: base64 of a version and the
time of the last packet in milliseconds, then deflated records, each a head of little-endian numbers
(version 1: length, milliseconds since the one before, kind; version 2 has the packet's own length beside
that which was kept) and the packet without its H4 byte.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable

from ...errors import FormatError
from . import btsnoop

BEGIN, END = b"--- BEGIN:BTSNOOP_LOG_SUMMARY", b"--- END:BTSNOOP_LOG_SUMMARY"
#: Android keeps 128 KiB of it at most, vendors some more.
_MOST_TEXT, _MOST_BYTES = 16 << 20, 16 << 20
#: Kinds of packet: H4 byte, received.
_KINDS = {
    0x10: (4, 1),
    0x11: (2, 1),
    0x12: (3, 1),
    0x17: (5, 1),
    0x20: (1, 0),
    0x21: (2, 0),
    0x22: (3, 0),
    0x2D: (5, 0),
}
_HEADS = {1: struct.Struct("<HIB"), 2: struct.Struct("<HHQB")}


def to_btsnoop(lines: Iterable[bytes]) -> bytes:
    """The btsnoop log in the lines of a bug report.

    Raises:
        FormatError: there is none, or it is at fault; what is wrong is told.
    """
    text: list[bytes] = []
    size, inside = 0, False
    for line in lines:
        if inside and line.startswith(END):
            return _decoded(b"".join(text))
        if inside:
            size += len(line)
            if size > _MOST_TEXT:
                raise FormatError(f"the btsnooz is longer than {_MOST_TEXT >> 20} MiB of text")
            text.append(line.strip())
        inside = inside or line.startswith(BEGIN)
    if inside:
        raise FormatError(
            "the btsnooz has no end (--- END:BTSNOOP_LOG_SUMMARY); is the file truncated?"
        )
    raise FormatError("holds no btsnooz (--- BEGIN:BTSNOOP_LOG_SUMMARY)")


def _decoded(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise FormatError(f"btsnooz: not base64 ({error})") from None
    if len(raw) < 9 or raw[0] not in _HEADS:
        found = raw[0] if raw else "nothing"
        raise FormatError(f"btsnooz: version {found}, expected 1 or 2")
    unpack = zlib.decompressobj()
    try:
        data = unpack.decompress(raw[9:], _MOST_BYTES)
    except zlib.error as error:
        raise FormatError(f"btsnooz: cannot be inflated ({error})") from None
    if unpack.unconsumed_tail:
        raise FormatError(f"btsnooz: more than {_MOST_BYTES >> 20} MiB")
    if not unpack.eof:
        raise FormatError("btsnooz: ends in mid-stream; is the file truncated?")
    return _records(data, raw[0], int.from_bytes(raw[1:9], "little"))


def _records(data: bytes, version: int, last_ms: int) -> bytes:
    head = _HEADS[version]
    found: list[tuple[int, int, int, bytes]] = []
    at = elapsed = 0
    while at < len(data):
        if at + head.size > len(data):
            raise FormatError(f"btsnooz: record {len(found) + 1} is truncated")
        numbers = head.unpack_from(data, at)
        length, delta, kind = numbers[0], numbers[-2], numbers[-1]
        begin = at + head.size
        at = begin + length - 1
        if not length or at > len(data) or kind not in _KINDS:
            raise FormatError(
                f"btsnooz: record {len(found) + 1}: {length} bytes of kind {kind:#04x} make no sense"
            )
        elapsed += delta
        original = max(length, numbers[1]) if version == 2 else length
        found.append((elapsed, original, kind, data[begin:at]))
    out = [btsnoop.MAGIC, struct.pack(">II", 1, btsnoop.H4)]
    for since, original, kind, packet in found:
        h4, received = _KINDS[kind]
        time_us = (last_ms - elapsed + since) * 1000 + btsnoop.EPOCH_US
        if not 0 <= time_us < 1 << 62:
            raise FormatError(f"btsnooz: the time of its last packet, {last_ms} ms, makes no sense")
        out.append(struct.pack(">IIIIq", original, len(packet) + 1, received, 0, time_us))
        out.append(bytes([h4]) + packet)
    return b"".join(out)
