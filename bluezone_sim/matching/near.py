"""Minutes near, by key and phone, and for how long a phone listened."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..scenario.profiles import load_profile
from ..scenario.schema.rules import MinutesWithin
from ..tables.rows import ASSUMED_SCAN_GAP_S, HEARD, TOLD, UNBROKEN, Listening, Matches

#: What is told as near, whatever the rule.
_NEAR = MinutesWithin(name="minutes-near")
#: A phone of which nothing is heard for so long, while the scan goes on, was away. An iPhone is the
#: longest silent of those that stay: the app asks to connect again after 120 s, and a read may take 10 s.
AWAY_S = 150.0
#: Scans may be late by so much (assumed; pauses of the phones of DP-3T exp34 are 301 s at the longest).
LATE_S = 30.0


@dataclass(frozen=True)
class Nearness:
    """What counts as near.

    Attributes:
        threshold: dBm that the RSSI has to reach, or dB of attenuation that it must not pass.
        by_attenuation: which of them.
    """

    threshold: float
    by_attenuation: bool

    def rows(self, matches: Matches) -> NDArray[np.bool_]:
        """``bool[n]``: the rows that are near."""
        if self.by_attenuation and matches.attenuation_db is not None:
            return np.asarray(matches.attenuation_db <= self.threshold)
        return np.asarray(matches.rssi_dbm >= self.threshold)

    def __str__(self) -> str:
        if self.by_attenuation:
            return f"at {math.floor(self.threshold)} dB of attenuation or less"
        return f"at {self.threshold:g} dBm or more"


def nearness(matches: Matches) -> Nearness:
    """Within 2 m: by attenuation where the protocol tells it, else by the RSSI of Bluezone's app for two
    Android phones."""
    if matches.attenuation_db is not None:
        return Nearness(_NEAR.attenuation_2m_db, by_attenuation=True)
    return Nearness(_NEAR.thresholds.android_android_dbm, by_attenuation=False)


def scan_period_s() -> float:
    """Time from one scan to the next that is assumed where nothing tells it: Bluezone v2's."""
    return load_profile("bluezone").android.background.scan_period_s()


@dataclass(frozen=True)
class NearTime:
    """Minutes near of one key at one phone.

    Attributes:
        key: row of the published keys.
        observer: the phone.
        minutes: near.
        listened: it is known when the phone listened; else each row stands for an assumed scan period.
    """

    key: int
    observer: int
    minutes: float
    listened: bool


def near_times(
    matches: Matches, stands_for: NDArray[np.float64], listening: Listening | None = None
) -> list[NearTime]:
    """Minutes near of each key at each phone that has rows of it, by (key, observer).

    Args:
        matches: of any number of keys and phones.
        stands_for: ``float64[n]``, seconds, see :func:`stands_for_s`.
        listening: as given there.
    """
    near = nearness(matches).rows(matches)
    return [
        NearTime(
            key=int(matches.key[rows[0]]),
            observer=(who := int(matches.observer[rows[0]])),
            minutes=float(stands_for[rows[near[rows]]].sum()) / 60,
            listened=_of(listening, who) is not None,
        )
        for rows in _pairs(matches)
    ]


def stands_for_s(
    matches: Matches, listening: Listening | None = None, period_s: float | None = None
) -> NDArray[np.float64]:
    """``float64[n]``: seconds of its key's presence that each row stands for.

    Where it is known when the phone listened: a scan that a pause follows, neither longer than a scan
    period, stands for the time until the next one, and its rows share that; in a scan without a pause a
    row stands for the time until the next row, unless nothing was heard for :data:`AWAY_S`. Nothing
    counts beyond what was observed.

    Where it is not known, rows no more than :data:`ASSUMED_SCAN_GAP_S` apart are taken for one scan, and
    it for one that begins a scan period. With one row a scan both are the simulator's rule, records times
    period.

    Args:
        matches: of any number of keys and phones.
        listening: of the phones; those that have no row there are not known.
        period_s: the scan period; by default :func:`scan_period_s`.
    """
    period_ms = 1000 * (scan_period_s() if period_s is None else period_s)
    out = np.zeros(len(matches))
    for rows in _pairs(matches):
        known = _of(listening, int(matches.observer[rows[0]]))
        time = matches.time_ms[rows]
        if known is None:
            out[rows] = _assumed_ms(time, period_ms)
        else:
            out[rows] = _observed_ms(time, known, period_ms)
    return out / 1000


def _pairs(matches: Matches) -> list[NDArray[np.int64]]:
    """Rows of each key at each phone, in order of time."""
    order = np.lexsort((matches.time_ms, matches.observer, matches.key))
    key, who = matches.key[order], matches.observer[order]
    first = np.flatnonzero((np.diff(key, prepend=-1) != 0) | (np.diff(who, prepend=-1) != 0))
    return np.split(order, first[1:]) if len(first) else []


def _of(listening: Listening | None, observer: int) -> Listening | None:
    if listening is None:
        return None
    rows = np.flatnonzero(listening.observer == observer)
    return listening.take(rows) if len(rows) else None


def _assumed_ms(time: NDArray[np.int64], period_ms: float) -> NDArray[np.float64]:
    """Of rows of one key at one phone, in order of time."""
    first = np.flatnonzero(np.diff(time, prepend=time[0] - (1 << 40)) > 1000 * ASSUMED_SCAN_GAP_S)
    n_rows = np.diff(np.append(first, len(time)))
    start, last = time[first], time[first + n_rows - 1]
    until = np.minimum(start + period_ms, np.append(start[1:], 1 << 62))
    return np.repeat((np.maximum(until, last) - start) / n_rows, n_rows)


def _observed_ms(
    time: NDArray[np.int64], scans: Listening, period_ms: float
) -> NDArray[np.float64]:
    """Of rows of one key at one phone, in order of time, and the phone's scans."""
    at = np.clip(np.searchsorted(scans.start_ms, time, side="right") - 1, 0, None)
    next_ms = np.append(scans.start_ms[1:], scans.end_ms[-1])
    pause = next_ms - scans.end_ms <= period_ms + 1000 * LATE_S
    pause &= np.arange(len(scans)) < len(scans) - 1
    # A sample of the time until the next scan; otherwise the scan itself is the time.
    sample = pause & (scans.end_ms - scans.start_ms <= period_ms)
    n_rows = np.bincount(at, minlength=len(scans))
    shares = (next_ms - scans.start_ms) / np.maximum(n_rows, 1)
    gap = np.diff(time, append=time[-1])
    joined = np.append(at[1:] == at[:-1], False) & (gap <= 1000 * AWAY_S)
    return np.where(sample[at], shares[at], np.where(joined, gap, 0.0))


def observed_s(listening: Listening, observer: int) -> float:
    """Seconds for which a phone listened."""
    rows = listening.observer == observer
    return float((listening.end_ms - listening.start_ms)[rows].sum()) / 1000


def in_words(listening: Listening | None, observer: int) -> str:
    """How long a phone was observed, and how that is known; what is assumed where it is not."""
    mine = None if listening is None else _of(listening, observer)
    if mine is None:
        return (
            "when it listened is not told: a scan is taken to stand until the next one, "
            f"{scan_period_s():g} s at most (assumed)"
        )
    seconds = observed_s(mine, observer)
    span = (int(mine.end_ms[-1]) - int(mine.start_ms[0])) / 1000
    how = {
        TOLD: "as its log tells",
        UNBROKEN: "without a pause",
        HEARD: "as what it heard tells (assumed: it listened while packets came)",
    }[int(mine.known.max())]
    n = len(mine)
    scans = "1 scan" if n == 1 else f"{n:,} scans"
    return f"listened for {duration(seconds)} in {scans} over {duration(span)}, {how}"


def duration(seconds: float) -> str:
    """Such as ``2.0 s``, ``14.7 min``, ``5.2 h``."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
