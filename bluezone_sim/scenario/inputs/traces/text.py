"""Text files of traces and people: bytes to clean lines, each with its number in the file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....errors import FormatError, InputError
from ....reading.bounded import csv_rows, read_bytes, said
from ....reading.packed import GZIP, gunzipped

#: The largest traces that are published, of a thousand phones over weeks, have a hundred megabytes.
MOST_BYTES = 1 << 30
_MOST_ROWS = 30_000_000
_COMMENTS = b"#%"
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?")


def raw_bytes(path: Path) -> bytes:
    """A file's bytes, as they are.

    Raises:
        FormatError: it cannot be read, or holds more than a trace does.
    """
    try:
        return read_bytes(path, MOST_BYTES)
    except InputError as error:
        raise FormatError(str(error)) from None


@dataclass(frozen=True)
class Lines:
    """The rows of a text file.

    Attributes:
        source: what messages call the file.
        data: UTF-8, one row a line, without comments, blank lines and repeated blanks.
        line: ``int64[r]``, each row's number in the file, from 1.
        delimiter: between cells.
        comment: the last comment before the first row; empty where there is none.
    """

    source: Path
    data: bytes
    line: NDArray[np.int64]
    delimiter: str
    comment: str

    def head(self, rows: int) -> list[list[str]]:
        """The cells of the first rows."""
        at = -1
        for _ in range(rows):
            at = self.data.find(b"\n", at + 1)
            if at < 0:
                break
        text = self.data if at < 0 else self.data[:at]
        return cells_of(text.decode(), self.delimiter, self.source, self.line.tolist())

    def with_second(self, word: str) -> Lines:
        """The rows whose second cell is ``word``; all of them where it is none's."""
        rows = self.data.split(b"\n")
        sign, wanted = self.delimiter.encode(), word.encode()
        kept = [k for k, row in enumerate(rows) if row.split(sign, 2)[1:2] == [wanted]]
        if not kept:
            return self
        data = b"\n".join(rows[k] for k in kept)
        return Lines(self.source, data, self.line[kept], self.delimiter, self.comment)


def cells_of(
    text: str, delimiter: str, source: Path | str, numbers: Sequence[int] = ()
) -> list[list[str]]:
    """A row of cells of each line, without blanks around them.

    Args:
        text: lines, none of them empty.
        delimiter: between cells.
        source: what messages call the file.
        numbers: of the lines in the file; from 1 if not given.

    Raises:
        FormatError: they cannot be cut into cells, or a quote is open at the end of a line.
    """
    rows = csv_rows(text.split("\n"), delimiter, source, numbers)
    return [[cell.strip() for cell in row] for row in rows]


def lines_of(path: Path, raw: bytes, encoding: str) -> Lines:
    """The rows of a text file; gzip is unpacked.

    Args:
        path: what messages call it.
        raw: its bytes.
        encoding: of its text.

    Raises:
        FormatError: it is no text of that encoding, or empty.
    """
    data = _decoded(path, _unpacked(path, raw), encoding)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if data.count(b"\n") > _MOST_ROWS:
        raise FormatError(f"{path}: more than {_MOST_ROWS:,} rows; give it in parts")
    data, line, comment = _without_comments(data.removesuffix(b"\n"))
    if not len(line):
        raise FormatError(f"{path}: row 1 is empty; expected a header or a contact")
    delimiter = _delimiter(data[: (data + b"\n").find(b"\n")])
    if delimiter == " ":
        data = _single_blanks(data)
    return Lines(path, data, line, delimiter, comment)


def _unpacked(path: Path, raw: bytes) -> bytes:
    if raw[:2] != GZIP:
        return raw
    return gunzipped(raw, path, MOST_BYTES)


def _decoded(path: Path, data: bytes, encoding: str) -> bytes:
    """UTF-8 without a byte order mark."""
    try:
        name = codecs.lookup(encoding).name
        str(b"\0\0\0\0", encoding, "ignore")  # base64 and its like are none of text
    except (LookupError, ValueError):
        raise FormatError(
            f"{path}: there is no encoding {encoding!r}; expected one such as utf-8 or latin-1"
        ) from None
    utf16 = next((b for b in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) if data.startswith(b)), b"")
    if name == "utf-8":
        if utf16:
            raise FormatError(
                f"{path}: begins with the byte order mark of UTF-16; give --encoding utf-16 "
                '(in a scenario: encoding = "utf-16")'
            )
        data = data.removeprefix(codecs.BOM_UTF8)
    try:
        if name != "utf-8":
            data = data.decode(encoding).encode()
        elif not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{path}: row {row}: byte {error.start:,} (0x{data[error.start]:02x}) is not {name}; say "
            'what the text is with --encoding, such as latin-1 (in a scenario: encoding = "latin-1")'
        ) from None
    except UnicodeError as error:  # of an encoding that is none of text
        raise FormatError(f"{path}: cannot be read as {name} ({said(error)})") from None
    at = data.find(b"\0")
    if at >= 0:
        row = data.count(b"\n", 0, at) + 1
        raise FormatError(
            f"{path}: row {row}: byte {at:,} is a NUL, so this is no text, or text of another encoding "
            "(--encoding), such as utf-16"
        )
    return data


def _without_comments(data: bytes) -> tuple[bytes, NDArray[np.int64], str]:
    """Lines that are neither blank nor comments, their numbers, and the comment above the first."""
    buffer = np.frombuffer(data + b"\n", np.uint8)
    ends = np.flatnonzero(buffer == ord("\n"))
    starts = np.concatenate(([0], ends[:-1] + 1))
    first = buffer[starts]
    drop = (first == ord("\n")) | np.isin(first, np.frombuffer(_COMMENTS, np.uint8))
    for k in np.flatnonzero((first == ord(" ")) | (first == ord("\t"))):
        text = data[starts[k] : ends[k]].strip()
        drop[k] = not text or text[:1] in (b"#", b"%")
    comment = ""
    kept = np.flatnonzero(~drop)
    for k in np.flatnonzero(drop)[:1000]:
        text = data[starts[k] : ends[k]].strip()
        if text and (not len(kept) or k < kept[0]):
            comment = text.decode()
    if len(kept) < len(drop):
        pieces = []
        # Runs of lines that stay, as slices.
        runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1) if len(kept) else []
        pieces = [data[starts[run[0]] : ends[run[-1]]] for run in runs]
        data = b"\n".join(pieces)
    return data, kept.astype(np.int64) + 1, comment


def _delimiter(head: bytes) -> str:
    """What stands between cells: a comma may also be a decimal sign, so that two of them are needed."""
    for sign in b";\t,|":
        if head.count(sign) >= 2:
            return chr(sign)
    return " " if len(head.split()) >= 3 else ("," if b"," in head else " ")


def _single_blanks(data: bytes) -> bytes:
    framed = b"\n" + data + b"\n"
    if not any(mark in framed for mark in (b"  ", b"\t", b"\n ", b" \n")):
        return data
    data = re.sub(rb"[ \t]+", b" ", framed)
    return data.replace(b"\n ", b"\n").replace(b" \n", b"\n")[1:-1]


def is_number(text: str) -> bool:
    """A number, with a point or a comma."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def is_time(text: str) -> bool:
    """A date and time as ISO 8601 has it."""
    return _ISO.fullmatch(text) is not None
