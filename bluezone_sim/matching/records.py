"""Matches as a rule weighs them: record by record, or as the scans of exposure windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tables.rows import Matches
from .applied_rule import AppliedRule
from .exposures import MatchedRecords
from .windows import ScanInstances, scan_instances


@dataclass(frozen=True)
class Weighed:
    """What a rule makes of records.

    Attributes:
        row: ``int64[n]``, first match of each record; None where each match is one.
        ms: ``int64[n]``, weighted milliseconds; whole ones, so that sums do not depend on their order.
        window_ms: ``int64[n]``, those of the whole exposure window, at its first record, else 0; of a
            rule that knows no windows, the record's own.
    """

    row: NDArray[np.int64] | None
    ms: NDArray[np.int64]
    window_ms: NDArray[np.int64]


def weighed(
    matches: Matches,
    source: NDArray[np.int32],
    rule: AppliedRule,
    *,
    ios: NDArray[np.bool_],
    scan_period_s: float,
) -> Weighed:
    """Weighs matches, every one of each pair: a window is not to be cut.

    Args:
        matches: of any number of pairs.
        source: ``int32[n]``, who is behind each.
        rule: what weighs them.
        ios: ``bool[people]``, platform of each phone.
        scan_period_s: time that one record, or one scan, stands for.
    """
    if rule.rule.read_attenuations(matches.attenuation_db is not None):
        rule.check(matches)
        scans = scan_instances(matches, scan_period_s=scan_period_s)
        return weighed_records(_in_windows(scans, matches, source, ios), rule, scans.row)
    records = MatchedRecords(
        source=source,
        observer=matches.observer,
        time_ms=matches.time_ms,
        rssi_dbm=matches.rssi_dbm,
        attenuation_db=None if rule.rule.needs == "distance" else matches.attenuation_db,
        observer_ios=ios[matches.observer],
        source_ios=ios[source],
        seconds=np.full(len(matches), scan_period_s),
    )
    return weighed_records(records, rule)


def _in_windows(
    scans: ScanInstances,
    matches: Matches,
    source: NDArray[np.int32],
    ios: NDArray[np.bool_],
) -> MatchedRecords:
    """Scans as records, each by its typical attenuation."""
    row = scans.row
    return MatchedRecords(
        source=source[row],
        observer=scans.observer,
        time_ms=scans.time_s * 1000,
        rssi_dbm=matches.rssi_dbm[row],
        attenuation_db=scans.typical_db,
        observer_ios=ios[scans.observer],
        source_ios=ios[source[row]],
        seconds=scans.since_last_s.astype(np.float64),
        window=scans.window,
    )


def weighed_records(
    records: MatchedRecords, rule: AppliedRule, row: NDArray[np.int64] | None = None
) -> Weighed:
    """What a rule makes of records; those of a window stand together.

    Args:
        records: of whole pairs.
        rule: what weighs them.
        row: ``int64[n]``, first match of each; by default they are matches.
    """
    ms = np.rint(rule.weigh(records) * 1000 * records.seconds).astype(np.int64)
    if records.window is None:
        return Weighed(row, ms, ms)
    first = np.flatnonzero(np.diff(records.window, prepend=-1))
    window_ms = np.zeros_like(ms)
    if len(first):
        window_ms[first] = np.add.reduceat(ms, first)
    return Weighed(row, ms, window_ms)
