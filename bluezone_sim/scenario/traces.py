"""Reads contact traces: text or Parquet to :class:`bluezone_sim.world.trace.Trace`.

Clean files are read column by column. A file with a row that cannot be read is walked once more, row by
row, so that every fault has its row.
"""

from __future__ import annotations

import datetime as dt
import functools
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..world.days import Days
from ..world.trace import Trace, merge_rows
from .contacts import TraceTable

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

#: What can be wrong with a row that could be read; in this order one row has one fault.
_FAULTS = {
    "no_number": "a time, duration or distance is missing or not a number",
    "negative_time": "negative time",
    "no_duration": "duration is not above 0",
    "bad_distance": "negative distance",
    "self_contact": "a contact of a person with themself",
    "unknown_id": "an id that is missing, or not in the file of people",
    "duplicate": "the same pair at the same time as an earlier row",
}
#: Longest trace, days: a longer one has times in another unit.
_MOST_DAYS = 3660
#: Start of the year 9999: later times are not seconds.
_LATEST_S = 253_370_764_800


@dataclass
class _Rows:
    """Columns as read, and the row of the file that each came from."""

    columns: dict[str, NDArray[Any]]
    line: NDArray[np.int64]
    bad: dict[str, list[int]]


def cached(table: TraceTable, timezone: str) -> Trace:
    """:func:`read_trace`, once for a file that stays as it is."""
    try:
        stats = [Path(p).stat() for p in (table.file, table.people) if p]
    except OSError as error:
        raise FormatError(f"{error.filename}: cannot be read ({error.strerror})") from None
    state = tuple((s.st_mtime_ns, s.st_size) for s in stats)
    return _cached(table, timezone, state)


@functools.lru_cache(maxsize=2)
def _cached(table: TraceTable, timezone: str, state: tuple[tuple[int, int], ...]) -> Trace:
    return read_trace(table, timezone)


def read_trace(table: TraceTable, timezone: str) -> Trace:
    """Reads a trace.

    Args:
        table: the file and what its columns mean.
        timezone: IANA name; contacts are cut at local midnight.

    Raises:
        FormatError: the file cannot be read, or, with ``bad_rows = "refuse"``, a row is bad; the message
            names the first of each kind.
    """
    path = Path(table.file)
    rows = _parquet(path) if path.suffix == ".parquet" else _text(path)
    columns = rows.columns
    people = _people(Path(table.people)) if table.people else None
    ids, group, groups, i, j = _numbered(columns, people)
    start_s, duration_s = _times(table, columns, timezone, path)
    distance = columns.get("distance_m")
    distance_m = (
        np.full(len(i), table.distance_m) if distance is None else distance.astype(np.float64)
    )
    order = columns.get("t", columns.get("start_s"))
    assert order is not None
    kinds = _kinds(order, start_s, duration_s, distance_m, i, j)
    n_rows = len(i) + sum(map(len, rows.bad.values()))
    for name, mask in kinds.items():
        rows.bad.setdefault(name, []).extend(rows.line[mask].tolist())
    bad = {name: lines for name, lines in rows.bad.items() if lines}
    if bad and table.bad_rows == "refuse":
        raise FormatError(_refusal(path, bad))
    good = ~np.logical_or.reduce(list(kinds.values()))
    if not good.any():
        raise FormatError(f"{path}: holds no contact")
    counted = {name: len(lines) for name, lines in bad.items()}
    counted["out_of_order"] = int(np.count_nonzero(np.diff(order[good]) < 0))
    if (start_s[good] + duration_s[good]).max() > _LATEST_S:
        raise FormatError(f"{path}: times reach beyond the year 9998; expected seconds")
    start, length = start_s[good].astype(np.int64), duration_s[good].astype(np.int64)
    days = _days(int(start.min()), int((start + length).max()), timezone, path)
    merged, counted["overlapping"] = merge_rows(
        (i[good], j[good]), start, length, distance_m[good], days
    )
    return Trace(
        ids=ids,
        group=group,
        groups=groups,
        **merged,  # type: ignore[arg-type]
        days=days,
        rows=n_rows,
        counted={k: v for k, v in counted.items() if v},
    )


def _kinds(
    order: NDArray[Any],
    start_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    distance_m: NDArray[np.float64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
) -> dict[str, NDArray[np.bool_]]:
    """Bad rows by kind; the first kind that fits a row has it."""
    low, high = np.minimum(i, j), np.maximum(i, j)
    found = {
        "no_number": ~(np.isfinite(start_s) & np.isfinite(duration_s) & np.isfinite(distance_m)),
        "negative_time": order < 0,
        "no_duration": duration_s <= 0,
        "bad_distance": distance_m < 0,
        "self_contact": (i == j) & (i >= 0),
        "unknown_id": low < 0,
    }
    left = np.ones(len(i), np.bool_)
    for name, mask in found.items():
        found[name] = mask & left
        left &= ~mask
    # A stable sort keeps the first of equal rows in front.
    rows = np.flatnonzero(left)
    key = (low[rows] * (int(high.max(initial=0)) + 1) + high[rows]).astype(np.int64)
    sort = np.lexsort((start_s[rows], key))
    again = (np.diff(key[sort]) == 0) & (np.diff(start_s[rows][sort]) == 0)
    found["duplicate"] = np.zeros(len(i), np.bool_)
    found["duplicate"][rows[sort[1:][again]]] = True
    return found


def _refusal(path: Path, bad: dict[str, list[int]]) -> str:
    """What to say of a file with bad rows: each kind, how many, where the first is."""
    parts = []
    for name, lines in sorted(bad.items(), key=lambda item: min(item[1])):
        more = f" (and {len(lines) - 1:,} more)" if len(lines) > 1 else ""
        parts.append(f"row {min(lines)}: {_FAULTS.get(name, name)}{more}")
    return (
        f"{path}: {'; '.join(parts)}. Correct the file, or leave such rows out and have them counted "
        'with bad_rows = "count"'
    )


# -- files -------------------------------------------------------------------------------------------


def _open(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        raise FormatError(f"{path}: cannot be read ({error})") from None


def _parquet(path: Path) -> _Rows:
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
    return _Rows(columns, np.arange(1, len(table) + 1), {})


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


def _text(path: Path) -> _Rows:
    import pyarrow as pa
    from pyarrow import csv

    data = _open(path)
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
        rows = _Rows(columns, np.arange(1, len(table) + 1) + header, {})
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


def _line_by_line(data: bytes, delimiter: str, names: list[str | None], header: bool) -> _Rows:
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
    return _Rows(columns, np.array(lines, np.int64), bad)


# -- people and times --------------------------------------------------------------------------------


def _people(path: Path) -> dict[str, str]:
    """Id to group, from a file of two columns or more; a header is one whose first cell is ``id``."""
    out: dict[str, str] = {}
    for number, line in enumerate(_open(path).decode("utf-8-sig", "replace").splitlines(), 1):
        delimiter = next((d for d in "\t,;" if d in line), " ")
        cells = [c.strip() for c in line.split(delimiter)]
        if not line.strip() or (number == 1 and cells[0].lower() in ("id", "i")):
            continue
        if cells[0] in out:
            raise FormatError(f"{path}: row {number}: id {cells[0]!r} is there already")
        out[cells[0]] = cells[1] if len(cells) > 1 else ""
    if not out:
        raise FormatError(f"{path}: holds nobody; expected rows of id and group")
    return out


def _numbered(
    columns: dict[str, NDArray[Any]], people: dict[str, str] | None
) -> tuple[
    tuple[str, ...], NDArray[np.int32], tuple[str, ...], NDArray[np.int64], NDArray[np.int64]
]:
    """Everybody by (group, id), and the rows' two people as numbers, -1 for unknown ones."""
    i, j = columns["i"], columns["j"]
    if i.dtype != j.dtype and np.str_ in (i.dtype.type, j.dtype.type):
        i, j = i.astype(np.str_), j.astype(np.str_)
    values, inverse = np.unique(np.concatenate([i, j]), return_inverse=True)
    names = values.astype(np.str_)
    if people is None:
        member = np.full(len(values), "", dtype=object)
        if {"Ci", "Cj"} <= set(columns):
            groups_of = np.concatenate([columns["Ci"], columns["Cj"]]).astype(np.str_)
            member[inverse] = groups_of
        known = {n: g for n, g in zip(names.tolist(), member.tolist(), strict=True) if n != ""}
    else:
        known = people
    ids = sorted(known, key=lambda name: (known[name], *_natural(name)))
    groups = sorted({known[name] for name in ids})
    number = {name: k for k, name in enumerate(ids)}
    of = np.array([number.get(name, -1) for name in names.tolist()], np.int64)
    rows = of[inverse]
    return (
        tuple(ids),
        np.searchsorted(groups, [known[name] for name in ids]).astype(np.int32),
        tuple(groups),
        rows[: len(i)],
        rows[len(i) :],
    )


def _natural(name: str) -> tuple[int, int, str]:
    """Numbers in their order, before names in theirs."""
    return (0, int(name), "") if name.isdecimal() else (1, 0, name)


def _times(
    table: TraceTable, columns: dict[str, NDArray[Any]], timezone: str, path: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Start and duration of each row, unix seconds, whole ones."""
    zero = 0
    if table.start is not None:
        zero = _midnight(table.start, timezone)
    if "t" not in columns:
        start, duration = columns["start_s"], columns["duration_s"]
        return np.rint(start + zero), np.rint(duration)
    t = columns["t"]
    duration = np.full(len(t), float(table.step_s))
    if table.steps_per_day is None:
        return np.rint(t * table.t_unit_s + zero), duration
    finite = np.where(np.isfinite(t), t, 0)
    day, step = np.divmod(finite - table.first_step, table.steps_per_day)
    last = int(day.max(initial=0))
    if last > _MOST_DAYS:
        raise FormatError(
            f"{path}: t reaches day {last:,}; with steps_per_day t must count steps, not seconds"
        )
    begins = np.array(
        [
            _midnight((table.start or dt.date(1970, 1, 1)) + dt.timedelta(days=k), timezone)
            for k in range(last + 1)
        ]
    )
    at = begins[np.clip(day, 0, last).astype(np.int64)]
    seconds = at + table.day_start_h * 3600 + step * table.step_s
    return np.where(np.isfinite(t), np.rint(seconds), np.nan), duration


def _midnight(day: dt.date, timezone: str) -> int:
    return int(dt.datetime.combine(day, dt.time(), ZoneInfo(timezone)).timestamp())


def _days(first_s: int, last_s: int, timezone: str, path: Path) -> Days:
    """The local days from the first second to the last."""
    first, last = (
        dt.datetime.fromtimestamp(s, ZoneInfo(timezone)).date() for s in (first_s, last_s - 1)
    )
    n = (last - first).days + 1
    if n > _MOST_DAYS:
        raise FormatError(f"{path}: spans {n:,} days; expected at most {_MOST_DAYS}")
    return Days.look_back(last, n, timezone)


def describe_counted(counted: dict[str, int]) -> Iterator[tuple[str, int]]:
    """What was counted, in words."""
    words = {
        **_FAULTS,
        "out_of_order": "rows earlier than the one before them (sorted)",
        "overlapping": "rows that begin before the pair's last one ends (cut)",
    }
    for name, n in counted.items():
        yield words.get(name, name), n
