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
    InverseSquare,
    MinutesAtAttenuation,
    MinutesAtRssi,
    MinutesRule,
    MinutesWithin,
    RuleTable,
    Thresholds,
    WindowRule,
)
from .exposures import NO_ONSET, ExposureDays, MatchedRecords
from .windows import whole_db

_DAY_MS = 86_400_000
#: Transmission risk levels up to this one drop (cwa-server, transmissionRiskLevelFilters).
_DROPPED_LEVEL = 2

# -- what a record counts ---------------------------------------------------------------------------


def whole(p: RuleTable, records: MatchedRecords) -> NDArray[np.float64]:
    """Every record counts whole."""
    return np.ones(len(records))


def at_rssi(p: MinutesAtRssi, records: MatchedRecords) -> NDArray[np.float64]:
    """1 at or above the threshold for the pair of platforms, else 0."""
    return (_above(p.thresholds, records) >= 0).astype(np.float64)


def within(p: MinutesWithin, records: MatchedRecords) -> NDArray[np.float64]:
    """The weight of each record's distance, told by attenuation or else by RSSI."""
    # Decibels more than at 2 m.
    if records.attenuation_db is not None:
        farther = whole_db(records.attenuation_db) - p.attenuation_2m_db
    else:
        farther = -_above(p.thresholds, records)
    edges = p.db_per_doubling * np.log2(np.array(p.distance_m) / 2.0)
    return np.asarray(np.array(p.weights)[np.searchsorted(edges, farther, side="left")])


def at_most(p: MinutesAtAttenuation, records: MatchedRecords) -> NDArray[np.float64]:
    """1 up to the attenuation, else 0."""
    return _weighted(records, p.attenuation_db, [1.0, 0.0], "left")


def up_to_edges(p: Buckets, records: MatchedRecords) -> NDArray[np.float64]:
    """The weight of each record's bucket; an edge belongs to the bucket below it."""
    return _weighted(records, p.attenuation_db, p.weights, "left") * _kept(p, records)


def below_edges(p: Buckets, records: MatchedRecords) -> NDArray[np.float64]:
    """The weight of each record's bucket; an edge belongs to the bucket above it."""
    return _weighted(records, p.attenuation_db, p.weights, "right") * _kept(p, records)


def inverse_square(p: InverseSquare, records: MatchedRecords) -> NDArray[np.float64]:
    """1 within the nearest distance, (nearest / distance)² beyond; a window has one distance."""
    assert records.attenuation_db is not None
    assert records.window is not None
    db = np.maximum(whole_db(records.attenuation_db), 1.0)
    window = records.window
    number = np.maximum(np.bincount(window), 1)
    mean = np.bincount(window, np.log(db)) / number
    metres = np.exp((mean - p.intercept) / p.slope)
    return np.asarray((p.within_m / np.maximum(metres, p.within_m))[window] ** 2)


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


def _kept(p: Buckets, records: MatchedRecords) -> NDArray[np.bool_]:
    """``bool[n]``: of windows, or days of a key, that are long and near enough to count at all."""
    assert records.attenuation_db is not None
    assert records.window is not None
    db, seconds = whole_db(records.attenuation_db), records.seconds
    span = records.window if p.drop_over == "window" else _days_of_keys(records)
    n = int(span.max(initial=-1)) + 1
    near = np.bincount(span, seconds * (db < p.drop_from_db), n)
    time = np.maximum(np.bincount(span, seconds, n), 1e-9)
    mean = np.bincount(span, seconds * db, n) / time
    return np.asarray((near >= p.drop_below_min * 60) & (mean <= p.drop_above_mean_db))[span]


def _days_of_keys(records: MatchedRecords) -> NDArray[np.int64]:
    """``int64[n]``: number of each record's source, phone and UTC day."""
    return _numbered(records.source, records.observer, records.time_ms // _DAY_MS)


def _above(thresholds: Thresholds, records: MatchedRecords) -> NDArray[np.float64]:
    """``float64[n]``: dB above the threshold for the pair of platforms, scanner then advertiser."""
    # [scanner is iOS, advertiser is iOS]
    table = np.array(
        [
            [thresholds.android_android_dbm, thresholds.android_ios_dbm],
            [thresholds.ios_android_dbm, thresholds.ios_ios_dbm],
        ]
    )
    pair = records.observer_ios.astype(int), records.source_ios.astype(int)
    return np.asarray(records.rssi_dbm - table[pair])


# -- which days are enough --------------------------------------------------------------------------


def any_day(p: RuleTable, days: ExposureDays) -> NDArray[np.bool_]:
    """Every day with a record."""
    return np.ones(len(days), np.bool_)


def enough_minutes(p: MinutesRule, days: ExposureDays) -> NDArray[np.bool_]:
    """Days with the rule's minutes: of the day, of its longest window, or of all days together."""
    seconds = counted_s(p, days)
    # Sums of weights in tenths are no whole numbers: 25 x .6 is a quarter of an hour.
    if isinstance(p, WindowRule) and p.more_than:
        return np.asarray(seconds > p.minutes * 60 + 1e-6)
    return np.asarray(seconds >= p.minutes * 60 - 1e-6)


def counted_s(p: MinutesRule, days: ExposureDays) -> NDArray[np.float64]:
    """``float64[n]``: weighted seconds by which each day is judged, of all rows of its pair and day."""
    weight = day_weights(p, days)
    near_s = np.asarray(days.near_s, np.float64)
    over = p.over if isinstance(p, WindowRule) else "day"
    if over == "window":
        return np.asarray(days.window_s * weight)
    pair = _numbered(days.source, days.person)
    if over == "day":
        day = _numbered(pair, days.day)
        return np.asarray(np.bincount(day, near_s * weight)[day]) if len(days) else near_s
    highest = np.zeros(int(pair.max(initial=-1)) + 1)
    np.maximum.at(highest, pair, weight)
    total = np.bincount(pair, near_s * (weight > 0), len(highest))
    return np.asarray((total * highest)[pair])


def day_weights(p: MinutesRule, days: ExposureDays) -> NDArray[np.float64]:
    """``float64[n]``: weight of each row by its key's risk level, its day from onset or to the upload."""
    out = np.ones(len(days))
    if not isinstance(p, WindowRule):
        return out
    if p.upload_day_weights and days.before_upload is not None:
        out = _looked_up(p.upload_day_weights, days.before_upload)
    if p.day_weights and days.since_onset is not None:
        known = days.since_onset != NO_ONSET
        of_onset = _looked_up(p.day_weights, days.since_onset - p.day_weights_from)
        out = np.where(known, of_onset, out)
    if p.risk_level_weight and days.risk_level is not None:
        level = days.risk_level
        of_level = np.where(level > _DROPPED_LEVEL, p.risk_level_weight * level, 0.0)
        out = np.where(level > 0, of_level, out)
    return out


def _looked_up(weights: Sequence[float], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights by index; 0 beyond both ends."""
    inside = (at >= 0) & (at < len(weights))
    return np.where(inside, np.array(weights)[np.clip(at, 0, len(weights) - 1)], 0.0)


def _numbered(*columns: NDArray[np.integer]) -> NDArray[np.int64]:
    """``int64[n]``: number of each distinct row."""
    place = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        from_0 = column.astype(np.int64) - int(column.min(initial=0))
        place = place * (int(from_0.max(initial=0)) + 1) + from_0
    _, number = np.unique(place, return_inverse=True)
    return np.asarray(number, np.int64)
