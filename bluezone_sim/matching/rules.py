"""Risk rules: how much of a day's exposure counts, and from when on it warns.

Each takes whole tables and gives weighted seconds; the day's sum is compared with a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..scenario.schema.exposure import Rule, Thresholds
from ..tables.rows import _Table
from .windows import ScanInstances, whole_db

DAY_S = 86_400


@dataclass(frozen=True)
class AttenuationRule:
    """Seconds weighted by bucket of attenuation.

    Attributes:
        thresholds_db: upper edges of the buckets, rising; what is above the last is the last bucket.
        weights: one a bucket, one more than thresholds.
        minutes: weighted minutes of a day from which on it warns.
        inclusive: an attenuation at a threshold belongs to the bucket below it.

    Raises:
        TableError: the numbers do not fit each other.
    """

    thresholds_db: tuple[float, ...]
    weights: tuple[float, ...]
    minutes: float = 15.0
    inclusive: bool = True

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.thresholds_db) + 1:
            raise TableError(
                f"weights: expected {len(self.thresholds_db) + 1}, one more than thresholds, found "
                f"{len(self.weights)}"
            )
        if any(np.diff(self.thresholds_db) <= 0):
            raise TableError(f"thresholds_db: expected rising values, found {self.thresholds_db}")

    def weight(self, attenuation_db: NDArray[np.number]) -> NDArray[np.float64]:
        """``float64[n]``: weight of each attenuation, in whole decibels as phones keep it."""
        bucket = np.searchsorted(
            self.thresholds_db,
            whole_db(attenuation_db),
            side="left" if self.inclusive else "right",
        )
        return np.asarray(np.array(self.weights, np.float64)[bucket])

    def seconds(self, scans: ScanInstances) -> NDArray[np.float64]:
        """``float64[n]``: weighted seconds of scan instances, by their typical attenuation."""
        return np.asarray(self.weight(scans.typical_db) * scans.since_last_s)


def minutes_at_most(threshold_db: float, minutes: float = 15.0) -> AttenuationRule:
    """Minutes at or below a threshold."""
    return AttenuationRule((threshold_db,), (1.0, 0.0), minutes)


#: Corona-Warn-App: below 55 dB whole, below 63 dB half (risk assessment of the app, 2020).
CWA = AttenuationRule((55.0, 63.0), (1.0, 0.5, 0.0), inclusive=False)
#: Exposure Notification's buckets (immediate, near, medium, other) with the weights of the Risk Score
#: Symposium of November 2020 (lfph/gaen-risk-scoring): the narrower net, which most authorities began
#: with, and the wider one.
GAEN_NARROW = AttenuationRule((55.0, 63.0, 70.0), (1.5, 1.0, 0.4, 0.0))
GAEN_WIDE = AttenuationRule((55.0, 70.0, 80.0), (2.0, 1.0, 0.25, 0.0))
#: Rules by name, as scenarios have it.
RULES = {
    "minutes-at-attenuation": minutes_at_most(63.0),
    "cwa": CWA,
    "gaen-v2": GAEN_NARROW,
}


def attenuation_rule(rule: Rule) -> AttenuationRule | None:
    """A scenario's rule; None where it does not weigh attenuations."""
    base = RULES.get(rule.name)
    if base is None:
        return None
    edges = base.thresholds_db if rule.attenuation_db is None else tuple(rule.attenuation_db)
    weights = base.weights if rule.weights is None else tuple(rule.weights)
    return replace(base, thresholds_db=edges, weights=weights, minutes=rule.minutes)


@dataclass(frozen=True, slots=True, repr=False)
class DayScores(_Table):
    """A phone's days, sorted by (observer, day).

    Attributes:
        observer: ``int32[n]``.
        day_s: ``int64[n]``, UTC midnight, unix seconds.
        weighted_s: ``float64[n]``, weighted seconds of all keys together.
        max_window_s: ``float64[n]``, of the window with the most.
        fired: ``bool[n]``, the day's sum reaches the rule's minutes.
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
    rule: AttenuationRule,
    *,
    infectiousness: NDArray[np.floating] | Sequence[float] | None = None,
    min_window_s: float = 0.0,
) -> DayScores:
    """Daily summaries (google/exposure-notifications-internals, DailySummaryUtils).

    Args:
        scans: from :func:`bluezone_sim.matching.windows.scan_instances`.
        rule: weights by attenuation.
        infectiousness: a factor a published key, for its report type and day of illness; None: 1.
        min_window_s: windows with less are left out.
    """
    first = np.flatnonzero(np.diff(scans.window, prepend=-1))
    seconds = rule.seconds(scans)
    window = np.add.reduceat(seconds, first) if len(first) else seconds
    if infectiousness is not None:
        window = window * np.asarray(infectiousness, np.float64)[scans.key[first]]
    observer, day = scans.observer[first], scans.window_start_s[first] // DAY_S * DAY_S
    kept = np.flatnonzero(window >= min_window_s)
    order = kept[np.lexsort((day[kept], observer[kept]))]
    observer, day, window = observer[order], day[order], window[order]
    days = np.flatnonzero((np.diff(observer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0))
    total = np.add.reduceat(window, days) if len(days) else window
    return DayScores(
        observer=observer[days],
        day_s=day[days],
        weighted_s=total,
        max_window_s=np.maximum.reduceat(window, days) if len(days) else window,
        fired=total >= rule.minutes * 60,
    )


def near_by_platform(
    rssi_dbm: NDArray[np.integer],
    scanner_ios: NDArray[np.bool_],
    advertiser_ios: NDArray[np.bool_],
    thresholds: Thresholds,
) -> NDArray[np.bool_]:
    """``bool[n]``: RSSI at or above Bluezone's threshold for the pair of platforms."""
    # [scanner is iOS, advertiser is iOS]
    table = np.array(
        [
            [thresholds.android_android_dbm, thresholds.android_ios_dbm],
            [thresholds.ios_android_dbm, thresholds.ios_ios_dbm],
        ]
    )
    return np.asarray(rssi_dbm >= table[scanner_ios.astype(int), advertiser_ios.astype(int)])
