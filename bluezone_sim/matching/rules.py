"""How the rules that ship weigh records, and which days are enough; and risk by exposure windows.

A rule's functions take its parameters and a whole table: see
:class:`bluezone_sim.scenario.values.risk_rule.RiskRule`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tables.rows import Columns
from .applied_rule import AppliedRule
from .exposures import ExposureDays, MatchedRecords
from .windows import ScanInstances

DAY_S = 86_400


@dataclass(frozen=True, slots=True, repr=False)
class DayScores(Columns):
    """A phone's days, sorted by (observer, day).

    Attributes:
        observer: ``int32[n]``.
        day_s: ``int64[n]``, UTC midnight, unix seconds.
        weighted_s: ``float64[n]``, weighted seconds of all keys together.
        max_window_s: ``float64[n]``, of the window with the most.
        fired: ``bool[n]``, the day's sum is enough.
    """

    observer: NDArray[np.int32]
    day_s: NDArray[np.int64]
    weighted_s: NDArray[np.float64]
    max_window_s: NDArray[np.float64]
    fired: NDArray[np.bool_]

    def __post_init__(self) -> None:
        self._check_lengths()


def day_scores(
    scans: ScanInstances,
    rule: AppliedRule,
    *,
    infectiousness: NDArray[np.floating] | Sequence[float] | None = None,
    min_window_s: float = 0.0,
) -> DayScores:
    """Daily summaries (google/exposure-notifications-internals, DailySummaryUtils).

    Args:
        scans: from :func:`bluezone_sim.matching.windows.scan_instances`.
        rule: one that weighs attenuations; a scan counts by its typical one.
        infectiousness: a factor a published key, for its report type and day of illness; None: 1.
        min_window_s: windows with less are left out.
    """
    first = np.flatnonzero(np.diff(scans.window, prepend=-1))
    seconds = rule.weigh(_records(scans)) * scans.since_last_s
    window = np.add.reduceat(seconds, first) if len(first) else seconds
    if infectiousness is not None:
        window = window * np.asarray(infectiousness, np.float64)[scans.key[first]]
    observer, day = scans.observer[first], scans.window_start_s[first] // DAY_S * DAY_S
    kept = np.flatnonzero(window >= min_window_s)
    order = kept[np.lexsort((day[kept], observer[kept]))]
    observer, day, window = observer[order], day[order], window[order]
    days = np.flatnonzero((np.diff(observer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0))
    total = np.add.reduceat(window, days) if len(days) else window
    summed = ExposureDays(
        source=np.zeros(len(days), np.int32),
        person=observer[days],
        day=day[days] // DAY_S,
        records=np.diff(np.append(days, len(day))),
        near_s=total,
        strongest_dbm=np.zeros(len(days), np.int16),
    )
    return DayScores(
        observer=observer[days],
        day_s=day[days],
        weighted_s=total,
        max_window_s=np.maximum.reduceat(window, days) if len(days) else window,
        fired=rule.enough(summed),
    )


def _records(scans: ScanInstances) -> MatchedRecords:
    """Scans as records of one phone's key each; nothing is known of platforms."""
    android = np.zeros(len(scans), np.bool_)
    return MatchedRecords(
        source=scans.key,
        observer=scans.observer,
        time_ms=scans.time_s * 1000,
        rssi_dbm=np.zeros(len(scans), np.int16),
        attenuation_db=scans.typical_db,
        observer_ios=android,
        source_ios=android,
    )
