"""Rows of a trace's file as columns: text or Parquet, ids as text whatever they look like."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import FormatError
from ....reading.parquet import arrow, read_parquet
from ...schema.trace import TraceTable
from .columns import GROUPS, NUMBERS, PEOPLE, TraceRows
from .dialects import DIALECTS
from .layout import Layout, beside_header, header_columns, said_columns, text_layout
from .text import Lines, cells_of, is_number, is_time, lines_of

_BLOCK = 1 << 23
_ZONES = "{path}: some of its times say their zone and some do not; give it to all"


def rows_of(path: Path, raw: bytes, table: TraceTable) -> tuple[TraceRows, Layout]:
    """The columns of a trace.

    Raises:
        FormatError: the file cannot be read, or nothing says what its columns are.
    """
    if _is_parquet(path, raw):
        return _parquet(path, raw, table)
    lines, others = lines_of(path, raw, table.encoding), 0
    if table.dialect is not None and (event := DIALECTS[table.dialect].event):
        lines, others = lines.with_second(event), len(lines.line)
        others -= len(lines.line)
    layout = text_layout(path, table, lines)
    rows = _text(path, lines, layout)
    rows.others = others
    return rows, layout


def cell_of(path: Path, raw: bytes, table: TraceTable, layout: Layout, role: str, row: int) -> str:
    """A cell as the file has it, read once more: what is kept of a column are its numbers.

    Args:
        path: what messages call the file.
        raw: its bytes.
        table: how it is read.
        layout: its columns.
        role: of the cell's column.
        row: of the file, from 1, as :attr:`TraceRows.line` has it.
    """
    at = next(k for k, column in enumerate(layout.columns) if column.role == role)
    if _is_parquet(path, raw):
        found = read_parquet(raw, path).column(at)[row - 1].as_py()
        return "" if found is None else str(found)
    lines = lines_of(path, raw, table.encoding)
    text = lines.data.split(b"\n")[int(np.searchsorted(lines.line, row))].decode()
    cells = cells_of(text, lines.delimiter, path, (row,))[0]
    return (
        cells[at] if at < len(cells) else text
    )  # quotes within a cell are cut in more than one way


def _is_parquet(path: Path, raw: bytes) -> bool:
    return raw[:4] == b"PAR1" or path.suffix == ".parquet"


# -- text ----------------------------------------------------------------------------------------------


def _text(path: Path, lines: Lines, layout: Layout) -> TraceRows:
    """Column by column; where a row cannot be read, once more with every cell as text."""
    import pyarrow as pa

    first = next((r for r in lines.head(1 + layout.header)[layout.header :]), [])
    iso = {
        c.role
        for c, cell in zip(layout.columns, first, strict=False)
        if c.role in ("t", "end") and is_time(cell)
    }
    numbers = {c.role for c in layout.columns if c.role in NUMBERS} - iso
    columns: dict[str, Any]
    bad: dict[str, list[int]] = {}
    try:
        columns = _read_csv(lines, layout, numbers)
    except pa.ArrowInvalid:
        columns, bad = _cell_by_cell(lines, layout)
    if not columns or len(next(iter(columns.values()))) + sum(map(len, bad.values())) != len(
        lines.line
    ) - int(layout.header):
        columns, bad = _cell_by_cell(lines, layout)
    kept = np.ones(len(lines.line), np.bool_)
    kept[: int(layout.header)] = False
    for rows in bad.values():
        kept[rows] = False
    comma = lines.delimiter != ","
    out = _trace_rows(path, layout, columns, lines.line[kept], iso, comma)
    out.bad = {what: lines.line[rows].tolist() for what, rows in bad.items()}
    return out


def _read_csv(lines: Lines, layout: Layout, numbers: set[str]) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv

    names = _unique(layout)
    wanted = [c.role for c in layout.columns if c.role != "skip"]
    texts = pa.dictionary(pa.int32(), pa.string())
    comma = lines.delimiter != "," and any(
        "," in cell and is_number(cell)
        for row in lines.head(200)[int(layout.header) :]
        for column, cell in zip(layout.columns, row, strict=False)
        if column.role in numbers
    )
    table = csv.read_csv(
        pa.BufferReader(lines.data),
        read_options=csv.ReadOptions(
            column_names=names, skip_rows=int(layout.header), block_size=_BLOCK
        ),
        parse_options=csv.ParseOptions(delimiter=lines.delimiter),
        convert_options=csv.ConvertOptions(
            column_types={n: pa.float64() if n in numbers else texts for n in wanted},
            include_columns=wanted,
            null_values=[""],
            decimal_point="," if comma else ".",
        ),
    )
    return {name: table[name] for name in wanted}


def _unique(layout: Layout) -> list[str]:
    return [c.role if c.role != "skip" else f"_{k}" for k, c in enumerate(layout.columns)]


def _cell_by_cell(
    lines: Lines, layout: Layout
) -> tuple[dict[str, list[str]], dict[str, list[int]]]:
    """Every cell as text; rows with another number of cells are left out, by what is wrong with them.

    Returns:
        Columns, and the indices of the rows left out.
    """
    n = len(layout.columns)
    kept: list[list[str]] = []
    bad: dict[str, list[int]] = {}
    for k, line in enumerate(lines.data.decode().split("\n")):
        if k == 0 and layout.header:
            continue
        try:
            cells = cells_of(line, lines.delimiter, "")[0]
        except FormatError:
            bad.setdefault("cannot be cut into cells", []).append(k)
            continue
        if len(cells) == n:
            kept.append(cells)
        else:
            what = f"has {len(cells)} columns where the first row has {n} (mixed separators?)"
            bad.setdefault(what, []).append(k)
    columns = {
        name: [row[k] for row in kept]
        for k, name in enumerate(_unique(layout))
        if layout.columns[k].role != "skip"
    }
    return columns, bad


# -- Parquet -------------------------------------------------------------------------------------------


def _parquet(path: Path, raw: bytes, table: TraceTable) -> tuple[TraceRows, Layout]:
    found = read_parquet(raw, path)
    if (said := said_columns(path, table, found.num_columns)) is not None:
        skipped = beside_header(path, table, said[0], found.column_names)
        layout = Layout(*said, skipped=skipped)
    else:
        layout = Layout(header_columns(path, found.column_names), "its columns' names")
    with arrow(path, "Parquet of contacts"):
        columns, iso = _arrow_columns(path, layout, found)
        line = np.arange(1, found.num_rows + 1)
        return _trace_rows(path, layout, columns, line, iso), layout


def _arrow_columns(path: Path, layout: Layout, found: Any) -> tuple[dict[str, Any], set[str]]:
    """Columns by role, and those that are dates."""
    import pyarrow as pa

    iso: set[str] = set()
    columns: dict[str, Any] = {}
    for column, values in zip(layout.columns, found.columns, strict=True):
        if column.role == "skip":
            continue
        kind = values.type
        if pa.types.is_dictionary(kind) and not _of_text(kind.value_type):
            values = values.cast(kind.value_type)
            kind = values.type
        if column.role in NUMBERS:
            if pa.types.is_timestamp(kind):
                iso.add(column.role)
                zone = kind.tz is not None
                values = values.cast(pa.timestamp("ms", kind.tz)).cast(pa.int64())
                texts = [_iso_text(v, zone) for v in values.to_pylist()]
                columns[column.role] = texts
                continue
            try:
                columns[column.role] = values.cast(pa.float64())
            except pa.ArrowException:
                raise FormatError(
                    f"{path}: column {column.word}: expected numbers, found {kind}"
                ) from None
            continue
        if pa.types.is_floating(kind):
            raise FormatError(
                f"{path}: column {column.word}: ids are floating-point numbers, which do not keep "
                "long ids apart; write them as whole numbers or as text"
            )
        texts = pa.dictionary(pa.int32(), pa.string())
        columns[column.role] = (
            values.cast(texts) if pa.types.is_dictionary(kind) else values.cast(pa.string())
        )
    return columns, iso


def _of_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind)
    )


def _iso_text(ms: int | None, zone: bool) -> str:
    if ms is None:
        return ""
    text = str(np.datetime64(ms, "ms"))
    return text + ("Z" if zone else "")


# -- columns -------------------------------------------------------------------------------------------


def _trace_rows(
    path: Path,
    layout: Layout,
    columns: dict[str, Any],
    line: NDArray[np.int64],
    iso: set[str],
    comma: bool = False,
) -> TraceRows:
    numbers: dict[str, NDArray[np.float64]] = {}
    zones: dict[str, bool] = {}
    _check_dates(path, layout, iso)
    for column in layout.columns:
        if column.role not in NUMBERS:
            continue
        values = columns[column.role]
        if column.role in iso:
            numbers[column.role], zones[column.role] = _iso_seconds(path, *_coded(values))
        else:
            with np.errstate(over="ignore"):
                found = _floats(values, comma) * column.factor
            # What is beyond all numbers is none.
            numbers[column.role] = np.where(np.isfinite(found), found, np.nan)
    if len(set(zones.values())) > 1:
        raise FormatError(_ZONES.format(path=path))
    local = any(zones.values())
    names, i, j = _together(columns[PEOPLE[0]], columns[PEOPLE[1]])
    out = TraceRows(numbers, names, i, j, line, [], iso=bool(iso), local=local)
    out.units = {c.role: c.word for c in layout.columns if c.unit and c.role in NUMBERS}
    if GROUPS[0] in columns:
        out.groups, out.group_i, out.group_j = _together(columns[GROUPS[0]], columns[GROUPS[1]])
    if "state" in columns:
        words, codes = _coded(columns["state"])
        out.state = np.array([w.lower() for w in words] or [""], object)[codes]
    return out


def _check_dates(path: Path, layout: Layout, iso: set[str]) -> None:
    """Refuses a row whose one time is a date and whose other is a number."""
    times = {c.role: c.word for c in layout.columns if c.role in ("t", "end")}
    if iso and iso != set(times):
        date = next(word for role, word in times.items() if role in iso)
        number = next(word for role, word in times.items() if role not in iso)
        raise FormatError(
            f"{path}: column {date} holds dates and column {number} does not; write both alike"
        )


def _coded(values: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Texts, each once and without blanks around it, and the index of each row's."""
    import pyarrow as pa

    if isinstance(values, list):
        values = pa.chunked_array([pa.array(values, pa.string())])
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    values = values.unify_dictionaries()
    words = values.chunk(0).dictionary.to_pylist() if values.num_chunks else []
    codes = (
        np.concatenate(
            [np.asarray(c.indices.fill_null(-1)).astype(np.int64) for c in values.chunks]
        )
        if values.num_chunks
        else np.zeros(0, np.int64)
    )
    clean = [word.strip() for word in words]
    place: dict[str, int] = {}
    of = np.array([place.setdefault(word, len(place)) for word in clean], np.int64)
    if (codes < 0).any():
        blank = place.setdefault("", len(place))
        of = np.append(of, blank)  # index -1
    return list(place), of[codes] if len(of) else codes


def _together(one: Any, other: Any) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Two columns of one kind: their texts, each once, and the indices of either's rows."""
    words, i = _coded(one)
    more, j = _coded(other)
    place = {word: k for k, word in enumerate(words)}
    of = np.array([place.setdefault(word, len(place)) for word in more], np.int64)
    return list(place), i, of[j] if len(of) else j


def _floats(values: Any, comma: bool) -> NDArray[np.float64]:
    """Numbers; ``comma`` may be their decimal sign, where it is not between the cells."""
    if isinstance(values, list):
        words, codes = _coded(values)
        words = [w if comma or "," not in w else "" for w in words]
        parsed = [float(w.replace(",", ".", 1)) if is_number(w) else math.nan for w in words]
        return np.array(parsed or [math.nan])[codes]
    return np.asarray(values.to_numpy(), np.float64)


def _iso_seconds(
    path: Path, words: list[str], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], bool]:
    """Seconds since 1970 of ISO times, and whether they say no zone, so that they are local ones."""
    out = np.full(len(words) or 1, np.nan)
    zoneless: set[bool] = set()
    for k, word in enumerate(words):
        if is_time(word):
            try:
                when = dt.datetime.fromisoformat(word)
            except ValueError:  # no such day, or no such hour
                continue
            zoneless.add(when.tzinfo is None)
            out[k] = (when.replace(tzinfo=dt.UTC) if when.tzinfo is None else when).timestamp()
    if len(zoneless) > 1:
        raise FormatError(_ZONES.format(path=path))
    return out[codes], True in zoneless
