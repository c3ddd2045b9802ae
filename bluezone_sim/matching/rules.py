"""Risk by exposure windows: what one phone, or the phones of a capture, make of published keys by day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels.protobuf import ABSENT
from ..scenario.schema.rules import MinutesRule
from ..tables.rows import Columns, Matches, PublishedKeys
from .applied_rule import AppliedRule
from .exposures import NO_ONSET, ExposureDays, MatchedRecords
from .records import weighed_records
from .weights import day_weights
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


@dataclass(frozen=True)
class KeysTell:
    """What published keys say of the day that they are of.

    Attributes:
        since_onset: ``int64[keys]``, days since onset, :data:`bluezone_sim.matching.exposures.NO_ONSET`
            where a key does not tell.
        risk_level: ``int64[keys]``, transmission risk level; 0 where a key has none.
    """

    since_onset: NDArray[np.int64]
    risk_level: NDArray[np.int64]

    @classmethod
    def of(cls, keys: PublishedKeys) -> KeysTell:
        """By the columns that exports of Exposure Notification have."""

        def column(name: str, unknown: int) -> NDArray[np.int64]:
            given = keys.meta.get(name)
            if given is None:
                return np.full(len(keys), unknown, np.int64)
            told = np.asarray(given, np.int64)
            return np.where(told == ABSENT, unknown, told)

        return cls(column("days_since_onset", NO_ONSET), column("transmission_risk_level", 0))


def day_scores(scans: ScanInstances, rule: AppliedRule, keys: KeysTell | None = None) -> DayScores:
    """Daily summaries (google/exposure-notifications-internals, DailySummaryUtils).

    Args:
        scans: from :func:`bluezone_sim.matching.windows.scan_instances`.
        rule: one that weighs attenuations; a scan counts by its typical one.
        keys: what the published keys say of their days; None: nothing.
    """
    android = np.zeros(len(scans), np.bool_)  # nothing is known of platforms
    records = MatchedRecords(
        source=scans.key,
        observer=scans.observer,
        time_ms=scans.time_s * 1000,
        rssi_dbm=np.zeros(len(scans), np.int16),
        attenuation_db=scans.typical_db,
        observer_ios=android,
        source_ios=android,
        seconds=scans.since_last_s.astype(np.float64),
        window=scans.window,
    )
    return _scored(rule, records, scans.window_start_s // DAY_S, keys)


def record_scores(matches: Matches, seconds: NDArray[np.float64], rule: AppliedRule) -> DayScores:
    """The same of a system that knows no windows, of UTC days too.

    Args:
        matches: of one or more phones.
        seconds: ``float64[n]``, time that each stands for.
        rule: one that weighs no attenuations.
    """
    android = np.zeros(len(matches), np.bool_)
    records = MatchedRecords(
        source=matches.key,
        observer=matches.observer,
        time_ms=matches.time_ms,
        rssi_dbm=matches.rssi_dbm,
        attenuation_db=None,
        observer_ios=android,
        source_ios=android,
        seconds=seconds,
    )
    return _scored(rule, records, matches.time_ms // (1000 * DAY_S), None)


def _scored(
    rule: AppliedRule,
    records: MatchedRecords,
    day: NDArray[np.int64],
    keys: KeysTell | None,
) -> DayScores:
    """Scores of the days of phones: rows by phone, day and key for the rule, then days."""
    found = weighed_records(records, rule)
    columns = np.stack([records.observer, day, records.source])
    order = np.lexsort(columns[::-1])
    row = np.flatnonzero((np.diff(columns[:, order], prepend=-1, axis=1) != 0).any(axis=0))
    observer, day, key = columns[:, order][:, row]
    none = np.zeros(0)
    near_s = np.add.reduceat(found.ms[order], row) / 1000 if len(row) else none
    window_s = np.maximum.reduceat(found.window_ms[order], row) / 1000 if len(row) else none
    days = ExposureDays(
        source=np.zeros(len(row), np.int32),
        person=observer.astype(np.int32),
        day=day,
        records=np.diff(np.append(row, len(order))),
        near_s=near_s,
        strongest_dbm=np.zeros(len(row), np.int16),
        window_s=window_s,
        since_onset=None if keys is None else keys.since_onset[key],
        risk_level=None if keys is None else keys.risk_level[key],
    )
    p = rule.parameters
    weight = day_weights(p, days) if isinstance(p, MinutesRule) else np.ones(len(days))
    first = np.flatnonzero((np.diff(observer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0))
    enough = rule.enough(days)
    return DayScores(
        observer=observer[first].astype(np.int32),
        day_s=day[first] * DAY_S,
        weighted_s=np.add.reduceat(near_s * weight, first) if len(first) else none,
        max_window_s=np.maximum.reduceat(window_s * weight, first) if len(first) else none,
        fired=np.logical_or.reduceat(enough, first) if len(first) else enough,
    )
