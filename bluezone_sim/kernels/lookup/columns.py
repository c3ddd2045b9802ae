"""Hits made into the columns of a table, in order, without those that are out of time."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import bare, entry

_DAY_S, _DAY_MS = 86_400, 86_400_000


class Seen(NamedTuple):
    """Columns of what was observed, contiguous: int64[m], int32[m], int16[m]."""

    time_ms: NDArray[np.int64]
    observer: NDArray[np.int32]
    rssi_dbm: NDArray[np.int16]


class Columns(NamedTuple):
    """Columns of :class:`bluezone_sim.tables.rows.Matches`, by the same names."""

    key: NDArray[np.int32]
    row: NDArray[np.int64]
    observer: NDArray[np.int32]
    day_s: NDArray[np.int64]
    interval: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    rssi_dbm: NDArray[np.int16]


def new_columns(n: int) -> Columns:
    """Room for so many rows."""
    return Columns(
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int16),
    )


@bare
def _later(hits, i, unit, row, number):
    """Row ``i`` belongs behind a hit of that unit, row and number."""
    if hits[i, 0] != unit:
        return hits[i, 0] > unit
    return hits[i, 2] > row if hits[i, 2] != row else hits[i, 1] > number


@bare
def _sort(hits, n):
    """Orders hits by unit, row and number (Shell, 1959: those of histories in time are so already)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            unit, number, row = hits[i, 0], hits[i, 1], hits[i, 2]
            at = i
            while at >= gap and _later(hits, at - gap, unit, row, number):
                hits[at, 0], hits[at, 1] = hits[at - gap, 0], hits[at - gap, 1]
                hits[at, 2] = hits[at - gap, 2]
                at -= gap
            hits[at, 0], hits[at, 1], hits[at, 2] = unit, number, row
        gap //= 3


@bare
def _fill(hits, n, starts_s, times_ms, seen, out):
    step_ms, tolerance_ms = times_ms
    _sort(hits, n)
    kept = 0
    for i in range(n):
        unit, number, row = hits[i, 0], hits[i, 1], hits[i, 2]
        start_ms = 1000 * starts_s[unit]
        begin, time = start_ms + number * step_ms, seen.time_ms[row]
        if time < begin - tolerance_ms or time > begin + step_ms + tolerance_ms:
            continue
        out.key[kept] = unit
        out.row[kept] = row
        out.observer[kept] = seen.observer[row]
        out.day_s[kept] = start_ms // _DAY_MS * _DAY_S
        out.interval[kept] = number
        out.time_ms[kept] = time
        out.rssi_dbm[kept] = seen.rssi_dbm[row]
        kept += 1
    return kept


@cache
def _entry() -> Any:
    none = np.zeros(0, np.int64)
    seen = Seen(none, np.zeros(0, np.int32), np.zeros(0, np.int16))
    return entry(_fill, np.zeros((0, 3), np.int64), 0, none, (0, 0), seen, new_columns(0))


def fill(
    hits: NDArray[np.int64],
    n: int,
    starts_s: NDArray[np.int64],
    times_ms: tuple[int, int],
    seen: Seen,
) -> tuple[Columns, int]:
    """Columns of the first ``n`` hits, by key and row, and how many of their rows are in time, the first.

    Args:
        hits: as of :class:`.exact.Hits`; their order changes.
        n: of them.
        starts_s: ``int64[u]``, contiguous, unix time at which each unit starts.
        times_ms: length of an interval, and how far outside of it a sighting still matches.
        seen: what the hits' rows are of.
    """
    out = new_columns(n)
    kept: int = _entry()(hits, n, starts_s, times_ms, seen, out)
    return out, kept
