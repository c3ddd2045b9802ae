"""A contact trace, its rows merged and in order."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..kernels import rng
from .days import EPOCH, Days


@dataclass(frozen=True)
class Trace:
    """Contacts of a trace: segments of one pair at one distance within one local day.

    Sorted by (a, b, start); segments of a pair do not overlap.

    Attributes:
        ids: the file's name of each person; people are numbered by (group, id).
        group: ``int32[n]``, index into ``groups``.
        groups: names, one empty one where the file has none.
        a, b: ``int32[s]``, ``a < b``.
        start_s: ``int64[s]``, unix seconds.
        duration_s: ``int32[s]``.
        distance_m: ``float32[s]``.
        first: ``bool[s]``, a contact's first segment.
        days: the local days from the first contact to the last.
        rows: rows of the file.
        counted: kind of bad or odd row to their number.
    """

    ids: tuple[str, ...]
    group: NDArray[np.int32]
    groups: tuple[str, ...]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    first: NDArray[np.bool_]
    days: Days
    rows: int
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def n_people(self) -> int:
        """Number of people."""
        return len(self.ids)

    @property
    def last_day(self) -> dt.date:
        """The local day of the last contact."""
        return EPOCH + dt.timedelta(days=int(self.days.number[-1]))

    def group_sizes(self) -> list[int]:
        """People of each group."""
        return [int(n) for n in np.bincount(self.group)]

    @cached_property
    def contact(self) -> NDArray[np.uint64]:
        """``uint64[s]``: the contact that each segment belongs to, a hash of pair and start."""
        key = np.zeros(len(self.a), np.uint64)
        began = self.start_s[self.first][np.cumsum(self.first) - 1]
        for part in (self.a, self.b, began):
            with np.errstate(over="ignore"):
                key = rng.draws(0, (key + part.astype(np.uint64)).view(np.int64))
        return key

    @cached_property
    def by_person(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each person's segments start, ``int64[n + 1]``, and the segments, in order of time."""
        segment = np.arange(len(self.a))
        who = np.concatenate([self.a, self.b])
        what = np.concatenate([segment, segment])
        order = np.lexsort((what, self.start_s[what], who))
        start = np.searchsorted(who[order], np.arange(self.n_people + 1))
        return start, what[order]

    @cached_property
    def companions(self) -> NDArray[np.int32]:
        """``int32[n]``: groups of people linked by who each spends the most time with."""
        n = self.n_people
        both = coo_array(
            (
                np.tile(self.duration_s.astype(np.float64), 2),
                (np.concatenate([self.a, self.b]), np.concatenate([self.b, self.a])),
            ),
            shape=(n, n),
        ).tocsr()
        closest = np.asarray(both.argmax(axis=1)).ravel()
        met = np.flatnonzero(np.diff(both.indptr))
        links = coo_array((np.ones(len(met)), (met, closest[met])), shape=(n, n))
        return np.asarray(connected_components(links, directed=False)[1], np.int32)


def _ranges(
    low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, position) of every position in ``low .. high - 1``, row by row."""
    length = high - low
    row = np.repeat(np.arange(len(low)), length)
    return row, low[row] + np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)


def merge_rows(
    person: tuple[NDArray[np.int64], NDArray[np.int64]],
    start_s: NDArray[np.int64],
    duration_s: NDArray[np.int64],
    distance_m: NDArray[np.float64],
    days: Days,
) -> tuple[dict[str, NDArray[np.generic]], int]:
    """Rows of a trace as segments: those that follow each other without a gap are one contact.

    Args:
        person: ``int64[r]`` twice, the two people of each row.
        start_s, duration_s, distance_m: of each row.
        days: the local days that hold them.

    Returns:
        Columns ``a``, ``b``, ``start_s``, ``duration_s``, ``distance_m``, ``first`` as in
        :class:`Trace`, and the number of rows that began before the pair's last one ended and were cut.
    """
    a, b = np.minimum(*person), np.maximum(*person)
    order = np.lexsort((start_s, b, a))
    a, b, start_s, distance_m = a[order], b[order], start_s[order], distance_m[order]
    end_s = start_s + duration_s[order]
    same = np.concatenate(([False], (np.diff(a) == 0) & (np.diff(b) == 0)))
    # What one row covers, an earlier one of the pair does not cover again.
    covered = end_s.copy()
    pair = np.cumsum(~same)
    wide = int(end_s.max(initial=0)) + 1
    covered = np.maximum.accumulate(covered + pair * wide) - pair * wide
    before = np.concatenate(([0], covered[:-1]))
    overlaps = same & (start_s < before)
    start_s = np.where(overlaps, np.minimum(before, end_s), start_s)
    keep = np.flatnonzero(end_s > start_s)
    row, start_s, end_s, cut = _split_at_midnight(start_s[keep], end_s[keep], days)
    a, b, distance_m = a[keep][row], b[keep][row], distance_m[keep][row]
    same = np.concatenate(([False], (np.diff(a) == 0) & (np.diff(b) == 0)))
    joined = same & np.concatenate(([False], start_s[1:] == end_s[:-1])) & ~cut
    one = joined & np.concatenate(([False], distance_m[1:] == distance_m[:-1]))
    head = np.flatnonzero(~one)
    last = np.append(head[1:], len(a)) - 1
    columns: dict[str, NDArray[np.generic]] = {
        "a": a[head].astype(np.int32),
        "b": b[head].astype(np.int32),
        "start_s": start_s[head],
        "duration_s": (end_s[last] - start_s[head]).astype(np.int32),
        "distance_m": distance_m[head].astype(np.float32),
        "first": ~joined[head],
    }
    return columns, int(np.count_nonzero(overlaps))


def _split_at_midnight(
    start_s: NDArray[np.int64], end_s: NDArray[np.int64], days: Days
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Rows cut at every local midnight: row, start, end, and whether a piece starts with a day."""
    row, day = _ranges(days.index_of(start_s), days.index_of(end_s - 1) + 1)
    midnight = days.start_s[day]
    following = np.append(days.start_s, days.end_s)[day + 1]
    begin = np.maximum(start_s[row], midnight)
    return row, begin, np.minimum(end_s[row], following), begin == midnight
