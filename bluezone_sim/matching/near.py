"""Minutes near, by key and phone, and for how long a phone listened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..scenario.profiles import load_profile
from ..scenario.schema.rules import MinutesWithin
from ..tables.rows import HEARD, SAME_SCAN_S, TOLD, UNBROKEN, Listening, Matches

#: What is told as near, whatever the rule: within 2 m.
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
            return f"at {self.threshold:g} dB of attenuation or less"
        return f"at {self.threshold:g} dBm or more"


def nearness(matches: Matches) -> Nearness:
    """By attenuation where the protocol tells it, else by the RSSI of Bluezone's app for two Android
    phones."""
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
    matches: Matches,
    listening: Listening | None = None,
    near: NDArray[np.bool_] | None = None,
    period_s: float | None = None,
) -> list[NearTime]:
    """Minutes near of each key at each phone that has rows of it, by (key, observer).

    Where it is known when the phone listened: a scan that a pause follows, no longer than a scan period,
    stands for the time until the next one, if half of its rows are near; in a scan without a pause the
    time from one row to the next counts where the first is near, unless nothing was heard for
    :data:`AWAY_S`. Nothing counts beyond what was observed.

    Where it is not known, near rows no more than :data:`SAME_SCAN_S` apart are taken for one scan, which
    stands for the scan period that it is assumed to begin, or for as long as it lasted; time that several
    stand for counts once. With one row a scan both are the simulator's rule, records times period.

    Args:
        matches: of any number of keys and phones.
        listening: of the phones; those that have no row there are not known.
        near: ``bool[n]``, rows that are near; by default as :func:`nearness` says.
        period_s: the scan period; by default :func:`scan_period_s`.
    """
    near = nearness(matches).rows(matches) if near is None else near
    period_ms = 1000 * (scan_period_s() if period_s is None else period_s)
    order = np.lexsort((matches.time_ms, matches.observer, matches.key))
    key, who = matches.key[order], matches.observer[order]
    first = np.flatnonzero((np.diff(key, prepend=-1) != 0) | (np.diff(who, prepend=-1) != 0))
    out = []
    ends = np.append(first, len(order))[1:]
    for a, b in zip(first.tolist(), ends.tolist(), strict=True):
        rows = order[a:b]
        time, close = matches.time_ms[rows], near[rows]
        known = None if listening is None else _of(listening, int(who[a]))
        if known is None:
            near_ms = _assumed_ms(time[close], period_ms)
        else:
            near_ms = _observed_ms(time, close, known, period_ms)
        out.append(NearTime(int(key[a]), int(who[a]), near_ms / 60_000, known is not None))
    return out


def stands_for_s(
    matches: Matches, listening: Listening | None = None, period_s: float | None = None
) -> NDArray[np.float64]:
    """``float64[n]``: seconds that each row of a key stands for, near or not.

    As :func:`near_times` counts them; rows of one scan share its time.
    """
    period_ms = 1000 * (scan_period_s() if period_s is None else period_s)
    out = np.zeros(len(matches))
    order = np.lexsort((matches.time_ms, matches.observer, matches.key))
    key, who = matches.key[order], matches.observer[order]
    first = np.flatnonzero((np.diff(key, prepend=-1) != 0) | (np.diff(who, prepend=-1) != 0))
    for rows in np.split(order, first[1:]) if len(order) else []:
        time, observer = matches.time_ms[rows], int(matches.observer[rows[0]])
        known = None if listening is None else _of(listening, observer)
        gap = np.append(np.diff(time), 1 << 40).astype(np.float64)
        if known is None:
            out[rows] = np.minimum(gap, period_ms)
            continue
        at, next_ms, sample = _scans_of(time, known, period_ms)
        shared = (next_ms - known.start_ms)[at] / np.bincount(at)[at]
        joined = (np.append(at[1:], -1) == at) & (gap <= 1000 * AWAY_S)
        out[rows] = np.where(sample[at], shared, np.where(joined, gap, 0.0))
    return out / 1000


def _of(listening: Listening, observer: int) -> Listening | None:
    rows = np.flatnonzero(listening.observer == observer)
    return listening.take(rows) if len(rows) else None


def _assumed_ms(time: NDArray[np.int64], period_ms: float) -> float:
    """Of near rows, in order of time."""
    if not len(time):
        return 0.0
    first = np.flatnonzero(np.diff(time, prepend=time[0] - (1 << 40)) > 1000 * SAME_SCAN_S)
    start, last = time[first], time[np.append(first[1:], len(time)) - 1]
    until = np.minimum(start + period_ms, np.append(start[1:], 1 << 62))
    return float((np.maximum(until, last) - start).sum())


def _observed_ms(
    time: NDArray[np.int64], near: NDArray[np.bool_], scans: Listening, period_ms: float
) -> float:
    at, next_ms, sample = _scans_of(time, scans, period_ms)
    n_near = np.bincount(at, near, len(scans))
    n_rows = np.bincount(at, minlength=len(scans))
    sampled = sample & (n_rows > 0) & (2 * n_near >= n_rows)
    total = float((next_ms - scans.start_ms)[sampled].sum())
    gap = np.diff(time)
    joined = (at[1:] == at[:-1]) & ~sample[at[1:]] & near[:-1] & (gap <= 1000 * AWAY_S)
    return total + float(gap[joined].sum())


def _scans_of(
    time: NDArray[np.int64], scans: Listening, period_ms: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The scan of each row; of each scan when the next one begins, and whether it is a sample of the time
    until then. Otherwise the scan itself is the time."""
    at = np.clip(np.searchsorted(scans.start_ms, time, side="right") - 1, 0, None)
    next_ms = np.append(scans.start_ms[1:], scans.end_ms[-1])
    pause = next_ms - scans.end_ms <= period_ms + 1000 * LATE_S
    pause &= np.arange(len(scans)) < len(scans) - 1
    return at, next_ms, pause & (scans.end_ms - scans.start_ms <= period_ms)


def observed_s(listening: Listening, observer: int) -> float:
    """Seconds for which a phone listened."""
    rows = listening.observer == observer
    return float((listening.end_ms - listening.start_ms)[rows].sum()) / 1000


def in_words(listening: Listening | None, observer: int) -> str:
    """How long a phone was observed, and how that is known; what is assumed where it is not."""
    mine = None if listening is None else _of(listening, observer)
    if mine is None:
        return (
            "when it listened is not told: a scan is taken to stand for a period of "
            f"{scan_period_s():g} s (assumed)"
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
