"""How inputs are damaged, and the pieces that others are made of."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from .reader import Reader

#: Of one input that is made from another.
_MOST_BYTES = 1 << 16

_NUMBERS = tuple(
    struct.pack(order + form, value)
    for order in "<>"
    for form, values in (
        ("B", (0, 1, 127, 128, 255)),
        ("H", (0, 0x7FFF, 0x8000, 0xFFFF)),
        ("I", (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)),
        ("Q", (0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
    )
    for value in values
)
#: What texts break on: numbers without end, nesting, NULs, separators, half letters, dates of no year.
_TEXTS = (
    b"9" * 5000, b"-1", b"1e999", b"NaN", b"Infinity", b"9223372036854775808", b"0x" + b"f" * 5000,
    b"[" * 2000, b"{" * 2000, b'{"a":' * 1500, b"]" * 2000, b"\0", b"\\u0000", b"\xed\xa0\x80", b"\xff",
    b"\x1b[2J", b"\xe2\x80\xae", b"\r", b"\n", b'"', b"'", b",", b"\t", b"=1+1", b"null", b"true", b"[]",
    b"{}", b'""', b"x" * 70_000, b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00", b"2020-02-31", b"1_0",
)  # fmt: skip


def damaged(rng: random.Random, reader: Reader, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with some bytes replaced, a piece cut out, doubled or put in, an end cut off."""
    data = bytearray(rng.choice(seeds))
    packed = reader.pack is not None and rng.random() < 0.7
    if packed and reader.within is not None:
        with suppress(Exception):  # one that cannot be unpacked any more is packed once more
            data = bytearray(reader.within(bytes(data)))
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        _damage(rng, data, reader.words, seeds)
    out = bytes(data[:_MOST_BYTES])
    return reader.pack(out) if packed and reader.pack is not None else out


def _damage(
    rng: random.Random, data: bytearray, words: Sequence[bytes], seeds: Sequence[bytes]
) -> None:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 2, 4, 8, 30, 300)))
    kind = rng.randrange(8)
    if kind == 0 and data:
        data[at - 1] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at:end] = rng.randbytes(end - at)
    elif kind == 2:
        number = rng.choice(_NUMBERS)
        data[at : at + len(number)] = number
    elif kind == 3:
        data[at:end] = b""
    elif kind == 4:
        data[at:at] = data[at:end] * rng.choice((1, 2, 50))
    elif kind == 5:
        data[at : rng.choice((at, end))] = rng.choice((*words, *_TEXTS))
    elif kind == 6:
        other = rng.choice(seeds)
        begin = rng.randrange(len(other) + 1)
        data[at:end] = other[begin : begin + rng.choice((4, 40, 400))]
    elif rng.random() < 0.3:
        del data[at:]


def values_of(data: bytes) -> list[Any]:
    """Cells of every kind that a table can have, as the bytes choose."""
    rng = random.Random(data)
    kinds = (
        None, 0, -1, 1, 60, -60, 1_597_219_200, 1_597_219_200_123, (1 << 63) - 1, -(1 << 63), 0.5,
        1e308, float("inf"), float("nan"), "", "a", "fd6f:" + "0a" * 20, "\0", "é" * 9, b"", bytes(4),
        bytes(16), b"\xff" * 20, "11:22:33:44:55:66", "x" * 5000,
    )  # fmt: skip
    return [rng.choice(kinds) for _ in range(7 * 6)]


def zipped(name: str, **others: bytes) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
            for other, content in others.items():
                archive.writestr(other.replace("__", "."), content)
        return out.getvalue()

    return pack


def unzipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(archive.namelist()[0])


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)
