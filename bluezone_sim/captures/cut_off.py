"""Recordings whose process was killed: what they had, as a file of its own."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..files import cut_off, leftovers
from .formats import parquet, pcapng

#: Bytes of a block's head and of the numbers at the end of a file.
_U32 = struct.Struct("<I")


@dataclass(frozen=True)
class Part:
    """What a recording had when its process was killed.

    Attributes:
        of: what it was to be.
        path: where it is now.
        n: packets, or rows of sightings.
    """

    of: Path
    path: Path
    n: int

    def __str__(self) -> str:
        what = "rows" if self.path.suffix.lower() == ".parquet" else "packets"
        return f"{self.of}: its recording was cut off; its {self.n:,} {what} are now in {self.path}"


def set_aside(path: Path) -> Part | None:
    """Gives what a killed recording left a name of its own, cut to what is whole.

    Args:
        path: what was to be recorded.

    Returns:
        None where nothing was left, or nothing of it is whole.

    Raises:
        InputError: its writer lives, or the folder cannot be written to.
    """
    found: list[Part] = []
    whole = _WHOLE.get(path.suffix.lower())

    def keep(left: Path) -> None:
        assert whole is not None
        try:
            with left.open("r+b") as stream:
                size, n = whole(stream)
                if n:
                    stream.truncate(size)
            if n:
                part = Part(path, _free(path), n)
                os.replace(left, part.path)
                found.append(part)
        except OSError as error:
            raise InputError(
                f"{path}: its recording was cut off, and what it had cannot be given a name "
                f"({error.strerror or error}); it is {left}"
            ) from None

    if whole is not None:
        cut_off(path, keep)
    return found[0] if found else None


def set_aside_in(folder: Path) -> list[Part]:
    """The same for all recordings of a folder; those that somebody still writes stay."""
    found = []
    for place in leftovers(folder):
        with suppress(InputError):
            found.append(set_aside(place))
    return [part for part in found if part is not None]


def _free(path: Path) -> Path:
    """``walk.part1.pcapng``, or the next number."""
    n = 1
    while os.path.lexists(part := path.with_name(f"{path.stem}.part{n}{path.suffix}")):
        n += 1
    return part


def _whole_pcapng(stream: BinaryIO) -> tuple[int, int]:
    """Bytes of whole blocks, and the packets among them."""
    at, n, end = 0, 0, os.fstat(stream.fileno()).st_size
    while end - at >= 12:
        stream.seek(at)
        kind, length = struct.unpack("<II", stream.read(8))
        if length < 12 or length % 4 or at + length > end:
            break
        stream.seek(at + length - 4)
        if _U32.unpack(stream.read(4))[0] != length:
            break
        at += length
        n += kind == pcapng.ENHANCED
    return at, n


def _whole_btsnoop(stream: BinaryIO) -> tuple[int, int]:
    """Bytes of whole records, and how many."""
    at, n, end = 16, 0, os.fstat(stream.fileno()).st_size
    while end - at >= 24:
        stream.seek(at + 4)
        length = struct.unpack(">I", stream.read(4))[0]
        if not length or at + 24 + length > end:  # no record is empty; a hole in the file is
            break
        at += 24 + length
        n += 1
    return at, n


def _whole_parquet(stream: BinaryIO) -> tuple[int, int]:
    """Bytes up to the last footer that makes sense, and the rows that it tells of."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    magic = parquet.MAGIC
    if os.fstat(stream.fileno()).st_size < 2 * len(magic) + 4:
        return 0, 0
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.rfind(magic)
        while at > len(magic) + 4:
            start = at - 4 - _U32.unpack(data[at - 4 : at])[0]
            if start >= len(magic):
                footer = magic + data[start : at + len(magic)]
                with suppress(pa.ArrowException, OSError):
                    told = pq.read_metadata(pa.BufferReader(footer))
                    return at + len(magic), told.num_rows
            at = data.rfind(magic, 0, at)
    return 0, 0


_WHOLE: dict[str, Callable[[BinaryIO], tuple[int, int]]] = {
    ".pcapng": _whole_pcapng,
    ".btsnoop": _whole_btsnoop,
    ".parquet": _whole_parquet,
}
