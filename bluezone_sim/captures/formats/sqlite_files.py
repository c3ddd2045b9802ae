"""sqlite files: opened read-only, and told apart by their tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...errors import FormatError, InputError
from ...reading.bounded import said
from .containers import head_of

#: First bytes of an sqlite file.
MAGIC = b"SQLite format 3\0"
#: Bytes of a cell, or of a row.
_MOST_CELL = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A database that nothing is written to.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is no sqlite, or sqlite finds it at fault, then or later.
    """
    magic = head_of(path, len(MAGIC))
    if magic != MAGIC:
        raise FormatError(f"{path}: expected an sqlite file, found {magic!r}")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        # A column may be an expression that gives a gigabyte a row, or never ends.
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_CELL)
        database.execute("PRAGMA trusted_schema = OFF")
        yield database
    except InputError:
        raise
    # The latter where its own words are no UTF-8, as those of a damaged file.
    except (sqlite3.Error, MemoryError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{path}: sqlite cannot read it ({said(error)}); is the file truncated?"
        ) from None
    finally:
        database.close()


def tables(path: Path) -> set[str]:
    """Names of the tables of a file.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is no sqlite, or at fault.
    """
    with opened(path) as database:
        return _tables(database)


def _tables(database: sqlite3.Connection) -> set[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(name) for (name,) in rows}


def check_columns(
    database: sqlite3.Connection, path: Path, table: str, columns: Sequence[str]
) -> None:
    """Raises FormatError unless a table is there, with some columns."""
    found = _tables(database)
    if table not in found:
        raise FormatError(
            f"{path}: expected a table {table!r}, found {', '.join(sorted(found)) or 'no table'}"
        )
    there = [str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")]
    missing = [name for name in columns if name not in there]
    if missing:
        raise FormatError(
            f"{path}: table {table}: column {', '.join(missing)} missing; found {', '.join(there)}"
        )
