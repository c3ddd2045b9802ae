"""How the rules that ship weigh records, and which days are enough.

A rule's functions take its parameters and a whole table: see
:class:`bluezone_sim.scenario.values.risk_rule.RiskRule`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..scenario.schema.rules import (
    Buckets,
    MinutesAtAttenuation,
    MinutesNear,
    MinutesRule,
    RuleTable,
    Thresholds,
)
from .exposures import ExposureDays, MatchedRecords
from .windows import whole_db


def near(p: MinutesNear, records: MatchedRecords) -> NDArray[np.float64]:
    """1 at or above the threshold for the pair of platforms, else 0."""
    return _near(records, p.thresholds)


def near_by_default(p: RuleTable, records: MatchedRecords) -> NDArray[np.float64]:
    """The same with the app's own thresholds; it says how long a phone was near, not whether it warns."""
    return _near(records, Thresholds())


def at_most(p: MinutesAtAttenuation, records: MatchedRecords) -> NDArray[np.float64]:
    """1 up to the attenuation, else 0."""
    return _weighted(records, p.attenuation_db, [1.0, 0.0], "left")


def up_to_edges(p: Buckets, records: MatchedRecords) -> NDArray[np.float64]:
    """The weight of each record's bucket; an edge belongs to the bucket below it."""
    return _weighted(records, p.attenuation_db, p.weights, "left")


def below_edges(p: Buckets, records: MatchedRecords) -> NDArray[np.float64]:
    """The weight of each record's bucket; an edge belongs to the bucket above it."""
    return _weighted(records, p.attenuation_db, p.weights, "right")


def _weighted(
    records: MatchedRecords,
    edges_db: Sequence[float],
    weights: Sequence[float],
    side: Literal["left", "right"],
) -> NDArray[np.float64]:
    """Weights by bucket of attenuation, in whole decibels as phones keep it."""
    assert records.attenuation_db is not None  # the rule needs it, and is asked only with it
    bucket = np.searchsorted(edges_db, whole_db(records.attenuation_db), side=side)
    return np.asarray(np.array(weights, np.float64)[bucket])


def _near(records: MatchedRecords, thresholds: Thresholds) -> NDArray[np.float64]:
    return near_by_platform(
        records.rssi_dbm, records.observer_ios, records.source_ios, thresholds
    ).astype(np.float64)


def any_day(p: RuleTable, days: ExposureDays) -> NDArray[np.bool_]:
    """Every day with a record."""
    return np.ones(len(days), np.bool_)


def enough_minutes(p: MinutesRule, days: ExposureDays) -> NDArray[np.bool_]:
    """Days with the rule's minutes or more."""
    return np.asarray(days.near_s >= p.minutes * 60)


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
