"""Bytes and text of files, no more of them than makes sense; what goes wrong with what is in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from ..errors import FormatError, InputError

#: What Python and its libraries raise at values that are not what they should be. Arrow's errors are
#: kinds of these; an error of the program itself is an AssertionError or a NameError, and stays one.
WRONG_VALUES = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    MemoryError,
)
#: Characters of a library's own words that a message repeats.
_MOST_SAID = 200


@contextmanager
def reading_as(what: str, source: Path | str, remedy: str = "") -> Iterator[None]:
    """While values are taken out of a file: what goes wrong is the file's fault, and told as that.

    Args:
        what: the file should be, such as ``"a run's manifest"``.
        source: what messages call the file.
        remedy: what to do.

    Raises:
        FormatError: it is not what it should be.
    """
    try:
        yield
    except InputError:
        raise
    except WRONG_VALUES as error:
        told = f"; {remedy}" if remedy else ""
        raise FormatError(f"{source}: not {what} ({said(error)}){told}") from None


def said(error: BaseException) -> str:
    """What an error of a library says, in one short line."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, MemoryError):
        return "too large for the memory there is"
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else ""
    text = text.partition("; use sys.")[
        0
    ]  # of an integer of thousands of digits: advice for programs
    if isinstance(error, KeyError):
        text = f"{text} is missing"
    elif isinstance(error, (TypeError, AttributeError)):
        text = f"a value of another kind than expected: {text}"
    return (text or type(error).__name__)[:_MOST_SAID]


def is_file(path: Path) -> bool:
    """There is such a file; there is none of a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """There is such a folder; there is none of a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, most: int) -> bytes:
    """A file's bytes, of which there may be so many.

    Raises:
        InputError: it cannot be read.
        FormatError: it holds more.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError:  # a NUL in its name
        raise InputError(f"{path}: cannot be read (no file has such a name)") from None
    if len(data) > most:
        raise FormatError(f"{path}: more than {size(most)}, which is more than such a file holds")
    return data


def read_text(path: Path, most: int) -> str:
    """A file's text in UTF-8, of which there may be so many bytes; a byte order mark is left out.

    Raises:
        InputError: it cannot be read.
        FormatError: it is no UTF-8, or holds more.
    """
    data = read_bytes(path, most)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path}: cannot be read as UTF-8 text (byte {error.start:,} is 0x{data[error.start]:02x})"
        ) from None


def size(n_bytes: int) -> str:
    """A number of bytes for people."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if n_bytes >= 1 << power:
            return f"{n_bytes / (1 << power):.3g} {unit}"
    return f"{n_bytes:,} bytes"


def csv_rows(
    lines: Iterable[str],
    delimiter: str,
    source: Path | str,
    numbers: Iterable[int] = (),
) -> Iterator[list[str]]:
    """Rows of cells, one of each line; an empty line gives an empty row.

    Args:
        lines: a row each.
        delimiter: between cells.
        source: what messages call the file.
        numbers: of the lines in the file; from 1 if not given.

    Raises:
        FormatError: they cannot be cut into cells, one cell is longer than 128 KiB, or a quote is opened
            and not closed on its line, so that its cell would take the next row with it.
    """
    number = iter(numbers or count(1))
    # A line more than there is: an open quote of the last one takes it.
    reader = csv.reader(chain(lines, [""]), delimiter=delimiter)
    before: list[str] | None = None
    for k in count(1):
        at = next(number, 0)
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise FormatError(f"{source}: row {at}: not a CSV that can be read ({error})") from None
        if row is None:
            return
        if reader.line_num != k:
            raise FormatError(
                f'{source}: row {at}: a quote (") is opened and not closed on its line; close it, or '
                'write it as "" within quotes'
            )
        if before is not None:
            yield before
        before = row
