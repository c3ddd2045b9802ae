"""Columns of contact traces: text or Parquet, each row with its number in the file.

Clean text is read column by column. One with a row that cannot be read is walked once more, row by row,
so that every fault has its row.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError

#: Other names under which published traces have our columns.
_ALIASES = {
    "t": ("t", "time", "timestamp", "step"),
    "i": ("i", "id1", "user1", "person1", "source", "a"),
    "j": ("j", "id2", "user2", "person2", "target", "b"),
    "start_s": ("start_s", "start"),
    "duration_s": ("duration_s", "duration"),
    "distance_m": ("distance_m", "distance", "dist", "d"),
    "Ci": ("ci", "group_i", "class_i"),
    "Cj": ("cj", "group_j", "class_j"),
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_NUMBERS = ("t", "start_s", "duration_s", "distance_m")


@dataclass
class TraceColumns:
    """Columns as read, and the row of the file that each came from."""

    columns: dict[str, NDArray[Any]]
    line: NDArray[np.int64]
    bad: dict[str, list[int]]


def read_bytes(path: Path) -> bytes:
    """A file's bytes, unpacked where they are gzip's.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        raise FormatError(f"{path}: cannot be read ({error})") from None


def parquet_rows(path: Path) -> TraceColumns:
    """The columns of a Parquet file that are known by name.

    Raises:
        FormatError: not Parquet, or without the columns of a trace.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise FormatError(f"{path}: not Parquet ({error})") from None
    names = [_NAMES.get(name.lower()) for name in table.column_names]
    columns = {}
    for name, column in zip(names, table.columns, strict=True):
        if name:
            columns[name] = _as_numpy(name, column, path)
    _check_names(path, columns)
    return TraceColumns(columns, np.arange(1, len(table) + 1), {})


def _as_numpy(name: str, column: Any, path: Path) -> NDArray[Any]:
    import pyarrow as pa

    if name in _NUMBERS:
        try:
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowException:
            raise FormatError(f"{path}: column {name}: expected numbers") from None
        return np.asarray(values, np.float64)
    if column.null_count == 0 and pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy())
    return np.asarray(column.cast(pa.string()).fill_null("").to_pylist(), dtype=np.str_)


def text_rows(path: Path) -> TraceColumns:
    """The columns of a text file, by its header or by their position.

    Raises:
        FormatError: not text, or without the columns of a trace.
    """
    import pyarrow as pa
    from pyarrow import csv

    data = read_bytes(path)
    try:
        head = data[: data.find(b"\n") if b"\n" in data else len(data)].decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise FormatError(f"{path}: row 1: not UTF-8 text") from None
    if not head:
        raise FormatError(f"{path}: row 1 is empty; expected a header or a contact")
    delimiter = next((d for d in "\t,;" if d in head), " ")
    cells = [c.strip() for c in head.split(delimiter)]
    header = not _is_number(cells[0])
    names = _header(cells) if header else _by_position(path, cells)
    kinds = {n: pa.float64() for n in names if n in _NUMBERS}
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                column_names=[n or f"_{k}" for k, n in enumerate(names)], skip_rows=int(header)
            ),
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(
                column_types=kinds, include_columns=[n for n in names if n], null_values=[""]
            ),
        )
        columns = {n: _as_numpy(n, table[n], path) for n in names if n}
        rows = TraceColumns(columns, np.arange(1, len(table) + 1) + header, {})
        blank = data.count(b"\n") + (not data.endswith(b"\n")) - header != len(table)
    except pa.ArrowInvalid:
        blank = True
    if blank:  # rows and lines differ: count them one by one
        rows = _line_by_line(data, delimiter, names, header)
    _check_names(path, rows.columns)
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _header(cells: list[str]) -> list[str | None]:
    return [_NAMES.get(cell.strip("\"'").lower()) for cell in cells]


def _by_position(path: Path, cells: list[str]) -> list[str | None]:
    """Columns of a file without a header, from its first row."""
    if len(cells) == 3:
        return ["t", "i", "j"]
    if len(cells) == 4:
        return ["t", "i", "j", "distance_m"]
    if len(cells) == 5:
        if _is_number(cells[3]) and _is_number(cells[4]):
            return ["start_s", "duration_s", "i", "j", "distance_m"]
        return ["t", "i", "j", "Ci", "Cj"]
    raise FormatError(
        f"{path}: row 1 has {len(cells)} columns and no header; expected t, i, j; or t, i, j, Ci, Cj; "
        "or t, i, j, distance_m; or start_s, duration_s, i, j, distance_m"
    )


def _check_names(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    for wanted in ({"t", "i", "j"}, {"start_s", "duration_s", "i", "j"}):
        if wanted <= set(columns):
            return
    raise FormatError(
        f"{path}: has the columns {', '.join(columns) or 'of none'} that are known here; expected t, i, "
        "j or start_s, duration_s, i, j"
    )


def _line_by_line(
    data: bytes, delimiter: str, names: list[str | None], header: bool
) -> TraceColumns:
    """The same file row by row: a row that cannot be read is noted and left out."""
    kept: list[list[str]] = []
    lines: list[int] = []
    bad: dict[str, list[int]] = {}
    wanted = [(k, n) for k, n in enumerate(names) if n]
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        if (number == 1 and header) or not line.strip():
            continue
        cells = line.split(delimiter)
        if len(cells) != len(names):
            what = f"has {len(cells)} columns where the first row has {len(names)}"
            bad.setdefault(what + " (mixed separators?)", []).append(number)
        elif all(n not in _NUMBERS or _is_number(cells[k]) for k, n in wanted):
            kept.append(cells)
            lines.append(number)
        else:
            bad.setdefault("no_number", []).append(number)
    columns: dict[str, NDArray[Any]] = {}
    for k, name in wanted:
        values = np.array([row[k].strip() for row in kept], dtype=np.str_)
        columns[name] = values.astype(np.float64) if name in _NUMBERS else values
    return TraceColumns(columns, np.array(lines, np.int64), bad)
