"""When the rows of a trace are: from whatever its times count to unix seconds."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ....errors import FormatError
from ....tables.days import Days
from ...schema.trace import TraceTable
from .columns import TraceRows

#: Longest trace, days: a longer one has times in another unit.
_MOST_DAYS = 3660
#: Start of the year 9999: later times are not seconds.
_LATEST_S = 253_370_764_800
#: Unix seconds of 1980: times beyond are no seconds from a midnight.
_EARLIEST_UNIX_S = 315_532_800
#: Rows from which the step is told, times that a pair is seen again that it takes, and the share of them
#: that agree: half of SocioPatterns' contacts last one step, so that about half of theirs do.
_STEP_ROWS, _STEP_GAPS, _STEP_SHARE = 500_000, 10, 0.2
_STEP_S = 20


def times_of(
    table: TraceTable, rows: TraceRows, timezone: str, path: Path, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Start and length of each row, seconds, whole ones; NaN where a cell is no number.

    Args:
        table: what the scenario and its dialect say.
        rows: the columns.
        timezone: IANA name.
        path: what messages call the file.
        notes: what was concluded is added.

    Returns:
        Start, length, and in words what a row stands for.

    Raises:
        FormatError: the times cannot be those that ``table`` says.
    """
    t, end, length = (rows.numbers.get(k) for k in ("t", "end", "duration"))
    assert t is not None
    if table.t_ends and (end is not None or length is not None):
        raise FormatError(f"{path}: t_ends has no effect beside an end or a duration; leave it out")
    if table.t_unit_s != 1 and not rows.iso:
        _check_units(rows, path)
    start = _seconds(table, t, rows, timezone, path)
    if end is not None:
        length = _seconds(table, end, rows, timezone, path) - start
        words = "a row is from t to its end"
    elif length is not None:
        words = "a row is its duration from t"
    else:
        step = table.step_s or _step(table, rows, path, notes)
        length = np.full(len(t), float(step))
        words = f"a row is the {step} s from t"
        if table.t_ends:
            start, words = start - step, f"a row is the {step} s up to t"
    if rows.iso:
        words += "; t is a date, " + ("local" if rows.local else "with its zone")
    elif table.start is None:
        words += "; t is unix time"
    elif table.steps_per_day is None:
        words += f"; t counts from the local midnight of {table.start}"
    else:
        words += f"; t counts steps from {table.start}"
    return np.rint(start), np.rint(length), words


def _check_units(rows: TraceRows, path: Path) -> None:
    """Refuses a unit of t beside columns that say theirs, and beside a duration that says none."""
    twice = [word for role, word in rows.units.items() if role in ("t", "end")]
    if twice:
        raise FormatError(
            f"{path}: column {twice[0]} says its unit, and --unit (t_unit_s) would multiply it once "
            "more; leave that out"
        )
    if "duration" in rows.numbers and "duration" not in rows.units:
        raise FormatError(
            f"{path}: --unit (t_unit_s) is of t and end, and the duration says no unit; name it "
            "duration_s, duration_ms or duration_min with --columns (columns)"
        )


def _seconds(
    table: TraceTable, t: NDArray[np.float64], rows: TraceRows, timezone: str, path: Path
) -> NDArray[np.float64]:
    if rows.iso:
        if table.start is not None or table.steps_per_day is not None:
            raise FormatError(
                f"{path}: its times are dates already; leave start and steps_per_day out"
            )
        return _from_local(t, timezone) if rows.local else t
    if table.steps_per_day is not None:
        return _from_steps(table, t, timezone, path)
    with np.errstate(over="ignore"):  # what is beyond all numbers is told below
        seconds = t * table.t_unit_s
    known = seconds[~np.isnan(seconds)]
    if len(known) and np.abs(known).max() > _LATEST_S:
        raise FormatError(
            f"{path}: times reach beyond the year 9998; expected seconds. Milliseconds are read with "
            "t_unit_s = 0.001 (--unit 0.001)"
        )
    if table.start is None:
        return seconds
    if len(known) and np.median(known) > _EARLIEST_UNIX_S:
        day = dt.datetime.fromtimestamp(min(float(np.median(known)), _LATEST_S), dt.UTC).date()
        raise FormatError(
            f"{path}: its times are unix seconds already (of {day}), and start would be added to them; "
            "leave start out (or set t_unit_s, where they count something shorter)"
        )
    return seconds + midnight(table.start, timezone)


def _from_steps(
    table: TraceTable, t: NDArray[np.float64], timezone: str, path: Path
) -> NDArray[np.float64]:
    assert table.steps_per_day is not None
    finite = np.where(np.isfinite(t), t, 0)
    day, step = np.divmod(finite - table.first_step, table.steps_per_day)
    last = int(day.max(initial=0))
    if last > _MOST_DAYS:
        raise FormatError(
            f"{path}: t reaches day {last:,}; with steps_per_day t must count steps, not seconds"
        )
    first = table.start or dt.date(1970, 1, 1)
    begins = np.array([midnight(first + dt.timedelta(days=k), timezone) for k in range(last + 1)])
    at = begins[np.clip(day, 0, last).astype(np.int64)]
    seconds = at + table.day_start_h * 3600 + step * (table.step_s or _STEP_S)
    return np.where(np.isfinite(t), seconds, np.nan)


def _from_local(t: NDArray[np.float64], timezone: str) -> NDArray[np.float64]:
    """Unix seconds of local times that were read as if they were UTC; of two that are alike the first."""
    zone = ZoneInfo(timezone)
    finite = np.where(np.isfinite(t), t, 0)
    quarter, of = np.unique(finite // 900, return_inverse=True)
    off = [
        dt.datetime.fromtimestamp(q * 900, dt.UTC).replace(tzinfo=zone).utcoffset() for q in quarter
    ]
    seconds = np.array([o.total_seconds() if o is not None else 0.0 for o in off])
    return np.asarray(t - seconds[of])


def _step(table: TraceTable, rows: TraceRows, path: Path, notes: list[str]) -> int:
    """How long a row stands for: what the rows of one pair are apart, where nearly all agree."""
    some = slice(0, _STEP_ROWS)
    t = rows.numbers["t"][some]
    if not rows.iso and table.steps_per_day is None:
        t = t * table.t_unit_s
    low, high = np.minimum(rows.i[some], rows.j[some]), np.maximum(rows.i[some], rows.j[some])
    order = np.lexsort((t, high, low))
    same = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)
    gaps = np.diff(t[order])[same]
    gaps = gaps[gaps > 0]
    if len(gaps) < _STEP_GAPS or table.steps_per_day is not None:
        notes.append(
            f"how long a row stands for is not said: taken as {_STEP_S} s (--step, step_s)"
        )
        return _STEP_S
    values, counts = np.unique(gaps, return_counts=True)
    common = float(values[counts.argmax()])
    agreed = counts.max() >= _STEP_SHARE * len(gaps) and common == values[0]
    if not agreed or common != int(common) or not 1 <= common <= 86_400:
        raise FormatError(
            f"{path}: rows have a time and no length, and do not say it: those of one pair are "
            f"{values[0]:g} s apart at the least and mostly {common:g} s; give --step (step_s)"
        )
    if common != _STEP_S:
        notes.append(
            f"a row is taken to stand for {common:g} s, as the rows of a pair are apart (--step, step_s)"
        )
    return int(common)


def midnight(day: dt.date, timezone: str) -> int:
    """Unix seconds of a local midnight."""
    return int(dt.datetime.combine(day, dt.time(), ZoneInfo(timezone)).timestamp())


def days_of(
    first_s: int,
    last_s: int,
    observed: tuple[dt.date, ...] | None,
    timezone: str,
    path: Path,
) -> Days:
    """The local days of a trace: those that were observed, else from the first second to the last.

    Raises:
        FormatError: they lie ahead of now, or are too many.
    """
    zone = ZoneInfo(timezone)
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    if last_s > ahead.timestamp():
        when = dt.datetime.fromtimestamp(min(last_s, _LATEST_S), zone).date()
        raise FormatError(
            f"{path}: its times reach {when}, ahead of now; they may count something shorter than "
            "seconds (t_unit_s, --unit), or from another day (start, --start)"
        )
    first, last = (dt.datetime.fromtimestamp(s, zone).date() for s in (first_s, last_s - 1))
    if observed is not None:
        first, last = observed
    n = (last - first).days + 1
    if n > _MOST_DAYS:
        raise FormatError(f"{path}: spans {n:,} days; expected at most {_MOST_DAYS}")
    return Days.look_back(last, n, timezone)
