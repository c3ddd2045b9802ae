"""What comes packed: gzip and zip, unpacked in pieces and no further than makes sense.

A gzip of 4 MB can hold 4 GB of zeros. Logs shrink to a tenth, tables of text to a thirtieth: what gives
more than :data:`RATIO` times its size was made to fill the memory or the disk.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from ..errors import FormatError, InputError
from .bounded import said, size

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
#: How many times its size a file may give when it is unpacked; so much it may give at any rate.
RATIO, ALWAYS = 100, 64 << 20
#: Bytes of a zip's list of members; an Android bug report's has a hundred thousand.
MOST_DIRECTORY = 8 << 20
_STEP = 1 << 20
#: What phones, servers and Android's bug reports pack with; bzip2 and LZMA cannot be unpacked in pieces.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END = struct.Struct("<4s4H2LH")


class Readable(Protocol):
    """What gives bytes."""

    def read(self, size: int, /) -> bytes: ...


class Budget:
    """How many bytes one file may give, all that it holds together.

    Args:
        source: what messages call the file.
        packed: its bytes.
        most: so many at the most, whatever its size.
    """

    def __init__(self, source: Path | str, packed: int, most: int):
        self.source = source
        self.most = min(most, max(ALWAYS, RATIO * packed))
        self._left = self.most

    @property
    def spent(self) -> bool:
        """More was given than may be."""
        return self._left < 0

    def take(self, n: int) -> None:
        """Raises FormatError where ``n`` bytes are more than what is left."""
        self._left -= n
        if self._left < 0:
            raise FormatError(
                f"{self.source}: gives more than {size(self.most)} when unpacked, which no file of its "
                "size should; unpack it and give what is in it, if that is meant"
            )

    def copy(self, stream: Readable, out: IO[bytes]) -> None:
        """All that a stream gives, piece by piece."""
        while step := stream.read(_STEP):
            self.take(len(step))
            out.write(step)


@contextmanager
def unpacking(
    source: Path | str, fault: str = "cannot be unpacked", remedy: str = "is it truncated?"
) -> Iterator[None]:
    """While something is unpacked: what goes wrong is its fault.

    Args:
        source: what messages call it.
        fault: what they say of it.
        remedy: what to do.

    Raises:
        FormatError: it is damaged, cut, encrypted, or packed in a way that nobody reads.
    """
    try:
        yield
    except InputError:
        raise
    except (
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        struct.error,
        RuntimeError,  # encrypted, or packed in a way that Python does not know
        ValueError,
        ArithmeticError,
        OSError,  # a place before the file's begin
        MemoryError,
    ) as error:
        raise FormatError(f"{source}: {fault} ({said(error)}); {remedy}") from None


def gunzipped(data: bytes, source: Path | str, most: int) -> bytes:
    """What a gzip holds.

    Raises:
        FormatError: it is damaged or cut, or holds too much.
    """
    out, budget = io.BytesIO(), Budget(source, len(data), most)
    told = "its gzip is damaged or cut short", "fetch or pack the file again"
    with unpacking(source, *told), gzip.open(io.BytesIO(data)) as stream:
        budget.copy(stream, out)
    return out.getvalue()


@contextmanager
def zip_of(file: Path | IO[bytes], source: Path | str) -> Iterator[zipfile.ZipFile]:
    """A zip, opened; for as long as it is, what goes wrong is its fault.

    Raises:
        InputError: it cannot be read.
        FormatError: see :func:`unpacking`.
    """
    try:
        stream = file.open("rb") if isinstance(file, Path) else file
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror or error})") from None
    with stream:
        _check_directory(stream, source)
        with unpacking(source), zipfile.ZipFile(stream) as archive:
            yield archive


def _check_directory(stream: IO[bytes], source: Path | str) -> None:
    """Raises FormatError where the list of members is longer than any that is not made to be long."""
    end = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, end - _END.size - 0xFFFF))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    stream.seek(0)
    if 0 <= at <= len(tail) - _END.size:
        directory = _END.unpack_from(tail, at)[5]
        if directory > MOST_DIRECTORY:
            raise FormatError(
                f"{source}: its list of members is longer than {size(MOST_DIRECTORY)}"
            )


@contextmanager
def member_of(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path | str
) -> Iterator[IO[bytes]]:
    """A member of a zip, opened.

    Raises:
        FormatError: it is packed in a way that nobody reads, or damaged.
    """
    if info.compress_type not in _METHODS:
        raise FormatError(
            f"{source}: packed with method {info.compress_type}; phones read deflated members alone, so "
            "pack it again"
        )
    with unpacking(source), archive.open(info) as stream:
        yield stream
