"""A contact trace, its rows merged and in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from .days import EPOCH, Days

#: In :class:`PeopleKnown`: the file does not say it of this person.
UNKNOWN = -1


@dataclass(frozen=True)
class PeopleKnown:
    """What a file says of a trace's people.

    Attributes:
        ids, group: of each person.
        app, ios, case: ``int16[n]``, 1 for yes and 0 for no; None where there is no such column. ``ios``
            may be :data:`UNKNOWN`.
        age: ``int16[n]``, years, or :data:`UNKNOWN`; None without the column.
        reading: which column is what, in words.
    """

    ids: Sequence[str]
    group: Sequence[str]
    app: NDArray[np.int16] | None = None
    ios: NDArray[np.int16] | None = None
    age: NDArray[np.int16] | None = None
    case: NDArray[np.int16] | None = None
    reading: str = ""

    def in_order(self, ids: Sequence[str]) -> PeopleKnown:
        """The same of ``ids``, which are all there."""
        at = {name: k for k, name in enumerate(self.ids)}
        order = np.array([at[name] for name in ids], np.int64)
        columns = {k: getattr(self, k) for k in ("app", "ios", "age", "case")}
        return PeopleKnown(
            ids=tuple(ids),
            group=tuple(self.group[k] for k in order),
            reading=self.reading,
            **{k: None if v is None else v[order] for k, v in columns.items()},
        )


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
        distance_m: ``float32[s]``; NaN in a trace with RSSI, until a radio says what it means.
        first: ``bool[s]``, a contact's first segment.
        days: the local days from the first contact to the last, or those that were observed.
        rows: rows of the file.
        counted: kind of bad or odd row to their number.
        rssi_dbm: ``float32[s]``, as measured; None where the file has none.
        known: what the file of people says of them, in the order of ``ids``; None without one.
        reading: what the columns were read as, in words.
        notes: what was taken for granted, in words.
        sha256: of the bytes of the file, and of those of the people's.
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
    rssi_dbm: NDArray[np.float32] | None = None
    known: PeopleKnown | None = None
    reading: str = ""
    notes: tuple[str, ...] = ()
    sha256: tuple[str, str | None] = ("", None)

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
        return [int(n) for n in np.bincount(self.group, minlength=len(self.groups))]

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
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        n = self.n_people
        both = coo_array(
            (
                np.tile(self.duration_s.astype(np.float64), 2),
                (np.concatenate([self.a, self.b]), np.concatenate([self.b, self.a])),
            ),
            shape=(n, n),
        ).tocsr()
        closest = np.asarray(both.argmax(axis=1), np.int32).ravel()
        met = np.flatnonzero(np.diff(both.indptr)).astype(np.int32)
        # Indices of 32 bits: of 64, SciPy before 1.12 says in a callback that it cannot read them, where
        # nobody hears it, and goes on with a number for each person.
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
) -> tuple[dict[str, NDArray[np.generic]], dict[str, int]]:
    """Rows of a trace as segments: those that follow each other without a gap are one contact.

    A pair's rows are joined: together they last as long as the union of their intervals, whoever's badge
    they are of. Where several say a distance, the one that began first does; of those that began
    together, the first of the file.

    Args:
        person: ``int64[r]`` twice, the two people of each row.
        start_s, duration_s, distance_m: of each row.
        days: the local days that hold them.

    Returns:
        Columns ``a``, ``b``, ``start_s``, ``duration_s``, ``distance_m``, ``first`` as in
        :class:`Trace`, and the number of rows that overlap others, by kind.
    """
    a, b = np.minimum(*person), np.maximum(*person)
    order = _order(a, b, start_s)
    a, b, start_s, distance_m = a[order], b[order], start_s[order], distance_m[order]
    end_s = start_s + duration_s[order]
    same = _as_before(a) & _as_before(b)
    # What one row covers, an earlier one of the pair does not cover again.
    pair = np.cumsum(~same, dtype=np.int64)
    wide = int(end_s.max(initial=0)) + 1
    covered = np.maximum.accumulate(end_s + pair * wide) - pair * wide
    before = np.concatenate(([0], covered[:-1]))
    overlaps = same & (start_s < before)
    counted = _overlaps(pair, start_s, end_s, same, overlaps)
    start_s = np.where(overlaps, np.minimum(before, end_s), start_s)
    keep = np.flatnonzero(end_s > start_s)
    a, b, distance_m = a[keep], b[keep], distance_m[keep]
    start_s, end_s = start_s[keep], end_s[keep]
    head = np.flatnonzero(~(_joined(a, b, start_s, end_s) & _as_before(distance_m)))
    last = np.append(head[1:], len(a)) - 1
    row, start_s, end_s, cut = _split_at_midnight(start_s[head], end_s[last], days)
    a, b, distance_m = a[head][row], b[head][row], distance_m[head][row]
    columns: dict[str, NDArray[np.generic]] = {
        "a": a.astype(np.int32),
        "b": b.astype(np.int32),
        "start_s": start_s,
        "duration_s": (end_s - start_s).astype(np.int32),
        "distance_m": distance_m.astype(np.float32),
        "first": ~_joined(a, b, start_s, end_s) | cut,
    }
    return columns, counted


def _as_before(column: NDArray[Any]) -> NDArray[np.bool_]:
    """``bool[n]``: the same as in the row before."""
    return np.concatenate(([False], column[1:] == column[:-1]))


def _joined(
    a: NDArray[np.int64], b: NDArray[np.int64], start_s: NDArray[np.int64], end_s: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """``bool[n]``: of the pair of the row before, and begins where that one ends."""
    meets = np.concatenate(([False], start_s[1:] == end_s[:-1]))
    return np.asarray(_as_before(a) & _as_before(b) & meets)


def _order(
    a: NDArray[np.int64], b: NDArray[np.int64], start_s: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rows by (a, b, start), equal ones as they are: one sort of one number, where it holds all three."""
    first, last = int(start_s.min()), int(start_s.max())
    people, seconds = int(b.max()) + 1, last - first + 1
    if people * people * seconds < 2**62:
        key = (a * people + b) * seconds + (start_s - first)
        return np.asarray(np.argsort(key, kind="stable"))
    return np.lexsort((start_s, b, a))


def _overlaps(
    pair: NDArray[np.integer],
    start_s: NDArray[np.int64],
    end_s: NDArray[np.int64],
    same: NDArray[np.bool_],
    overlaps: NDArray[np.bool_],
) -> dict[str, int]:
    """Rows that overlap an earlier one of their pair: the same again, of another length, or later."""
    together = same & _as_before(start_s)
    some = np.flatnonzero(together | np.append(together[1:], False))
    rows = np.stack([pair[some], start_s[some], end_s[some]], axis=1)
    alike = len(rows) - len(np.unique(rows, axis=0)) if len(rows) else 0
    n_together = int(np.count_nonzero(together))
    return {
        "duplicate": alike,
        "other_length": n_together - alike,
        "overlapping": int(np.count_nonzero(overlaps)) - n_together,
    }


def _split_at_midnight(
    start_s: NDArray[np.int64], end_s: NDArray[np.int64], days: Days
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Rows cut at every local midnight: row, start, end, and whether a piece starts with a day."""
    row, day = _ranges(days.index_of(start_s), days.index_of(end_s - 1) + 1)
    midnight = days.start_s[day]
    following = np.append(days.start_s, days.end_s)[day + 1]
    begin = np.maximum(start_s[row], midnight)
    return row, begin, np.minimum(end_s[row], following), begin == midnight
