"""Reads contact traces: columns of a file to :class:`bluezone_sim.tables.trace.Trace`."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from ...tables.days import Days
from ...tables.trace import Trace, merge_rows
from ..schema.layers import TraceTable
from .trace_columns import parquet_rows, read_bytes, text_rows

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
    rows = parquet_rows(path) if path.suffix == ".parquet" else text_rows(path)
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


# -- people and times --------------------------------------------------------------------------------


def _people(path: Path) -> dict[str, str]:
    """Id to group, from a file of two columns or more; a header is one whose first cell is ``id``."""
    out: dict[str, str] = {}
    for number, line in enumerate(read_bytes(path).decode("utf-8-sig", "replace").splitlines(), 1):
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
