"""Exposure windows, as Exposure Notification makes them of a key's sightings.

google/exposure-notifications-internals (KeyExposureEvaluator, ContactTracingFeature): the sightings of
one key on one phone, in order of time, fall into windows of 30 minutes from each window's first; within
a window they fall into scan instances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import Columns, Matches, Sightings

#: A sighting so long after its window's first one begins another.
WINDOW_S = 1800
#: Sightings of one scan are no farther apart: one and a half times the longest scan, 4 s and 13 s more
#: where another connection is in use.
LONGEST_SCAN_S = 25.5
#: Time since the last scan is told in minutes, five at most, two where it is not known.
_MOST_MIN, _UNKNOWN_MIN = 5, 2
UNKNOWN = -1


@dataclass(frozen=True, slots=True, repr=False)
class ScanInstances(Columns):
    """What one scan heard of one key, sorted by (key, observer, time).

    Attributes:
        window: ``int64[n]``, number of the exposure window, from 0 in this order.
        key: ``int32[n]``, row of the published keys.
        observer: ``int32[n]``.
        window_start_s: ``int64[n]``, first sighting of the window, unix seconds.
        time_s: ``int64[n]``, first sighting of the scan, unix seconds.
        typical_db: ``int32[n]``, mean attenuation of the scan, rounded.
        min_db: ``int32[n]``, least attenuation of the scan.
        since_last_s: ``int32[n]``, seconds since the phone's scan before.
        row: ``int64[n]``, first match of the scan.
    """

    window: NDArray[np.int64]
    key: NDArray[np.int32]
    observer: NDArray[np.int32]
    window_start_s: NDArray[np.int64]
    time_s: NDArray[np.int64]
    typical_db: NDArray[np.int32]
    min_db: NDArray[np.int32]
    since_last_s: NDArray[np.int32]
    row: NDArray[np.int64]

    def __post_init__(self) -> None:
        self._check_lengths()


def previous_scans(sightings: Sightings) -> NDArray[np.int64]:
    """``int64[n]``: unix seconds of the last sighting of the phone's scan before; -1 where there is none.

    A history knows only of scans that heard something.
    """
    time = sightings.time_ms // 1000
    order = np.lexsort((time, sightings.observer))
    who, t = sightings.observer[order], time[order]
    new = (np.diff(who, prepend=-1) != 0) | (np.diff(t, prepend=0) > LONGEST_SCAN_S)
    scan = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    before = np.full(len(first), UNKNOWN, np.int64)
    same = who[first[1:]] == who[first[1:] - 1]
    before[1:][same] = t[first[1:] - 1][same]
    out = np.empty(len(t), np.int64)
    out[order] = before[scan]
    return out


def whole_db(attenuation_db: NDArray[np.number]) -> NDArray[np.float64]:
    """Attenuations as phones keep them: whole decibels, none below 0."""
    return np.maximum(np.floor(np.asarray(attenuation_db, np.float64) + 0.5), 0)


def scan_instances(
    matches: Matches,
    previous_s: NDArray[np.int64] | None = None,
    attenuation_db: NDArray[np.floating] | None = None,
    *,
    scan_period_s: float | None = None,
) -> ScanInstances:
    """Exposure windows of matches, scan by scan.

    Args:
        matches: of any number of keys and phones.
        previous_s: ``int64[n]``, when the phone last scanned before each match, unix seconds, -1 where
            that is not known, see :func:`previous_scans`; None: never known.
        attenuation_db: ``float[n]``; by default the matches' own.
        scan_period_s: time since the scan before, where it is not known; by default two minutes.

    Raises:
        TableError: the protocol tells no attenuation and none is given.
    """
    attenuation = matches.attenuation_db if attenuation_db is None else attenuation_db
    if attenuation is None:
        raise TableError("matches: no attenuation, since the protocol does not tell its TX power")
    time = matches.time_ms // 1000
    order = np.lexsort((time, matches.observer, matches.key))
    key, who, t = matches.key[order], matches.observer[order], time[order]
    db = whole_db(attenuation[order])
    pair_starts = (np.diff(key, prepend=-1) != 0) | (np.diff(who, prepend=-1) != 0)
    window_starts = _window_starts(np.cumsum(pair_starts) - 1, np.flatnonzero(pair_starts), t)
    scan_starts = window_starts | (np.diff(t, prepend=0) > LONGEST_SCAN_S)
    first = np.flatnonzero(scan_starts)
    window = (np.cumsum(window_starts) - 1)[first]
    before = np.full(len(t), UNKNOWN) if previous_s is None else previous_s[order]
    minutes = np.minimum(t[first] // 60 - before[first] // 60, _MOST_MIN)
    unknown_s = 60 * _UNKNOWN_MIN if scan_period_s is None else min(scan_period_s, 60 * _MOST_MIN)
    since_s = np.where(before[first] == UNKNOWN, unknown_s, 60 * minutes)
    empty = not len(first)
    length = np.diff(np.append(first, len(t)))
    total = db if empty else np.add.reduceat(db, first)
    least = db if empty else np.minimum.reduceat(db, first)
    return ScanInstances(
        window=window,
        key=key[first],
        observer=who[first],
        window_start_s=t[np.flatnonzero(window_starts)][window],
        time_s=t[first],
        typical_db=np.floor(total / length + 0.5).astype(np.int32),
        min_db=least.astype(np.int32),
        since_last_s=np.rint(since_s).astype(np.int32),
        row=order[first],
    )


def _window_starts(
    pair: NDArray[np.int64], first: NDArray[np.int64], t: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """``bool[n]``: sightings that begin a window; all pairs take a step at a time."""
    out = np.zeros(len(t), bool)
    if not len(t):
        return out
    # Pairs one after the other on one axis, farther apart than a window.
    since = t - t.min()
    place = pair * (int(since.max()) + WINDOW_S + 1) + since
    end = np.append(first[1:], len(t))
    at, live = first.copy(), np.arange(len(first))
    while len(live):
        out[at[live]] = True
        at[live] = np.searchsorted(place, place[at[live]] + WINDOW_S)
        live = live[at[live] < end[live]]
    return out
