"""Matches to pairs of people: what one phone holds of one published key, day by day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..tables.rows import Matches
from .applied_rule import AppliedRule
from .exposures import ExposureDays, Exposures, MatchedRecords


def concatenate_exposure_days(parts: list[ExposureDays]) -> ExposureDays:
    """One sorted table of many that share no pair."""
    names = ExposureDays.__dataclass_fields__
    if not parts:
        empty = np.empty(0, np.int64)
        who, dbm = empty.astype(np.int32), empty.astype(np.int16)
        return ExposureDays(who, who, empty, empty, empty, dbm)
    whole = ExposureDays(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
    return whole.take(np.lexsort((whole.day, whole.person, whole.source)))


def exposure_days(
    matches: Matches,
    sources: NDArray[np.int32],
    day: NDArray[np.int64],
    n_people: int,
    *,
    rule: AppliedRule,
    ios: NDArray[np.bool_],
    scan_period_s: float,
) -> ExposureDays:
    """Collects matches by (source, person, local day).

    Args:
        matches: from :func:`bluezone_sim.match`.
        sources: ``int32[keys]``, the person behind each published key.
        day: ``int64[len(matches)]``, index of the local day of each match.
        n_people: people in the population.
        rule: it weighs the records.
        ios: ``bool[n_people]``, platform of each phone.
        scan_period_s: time that one record stands for.
    """
    source = sources[matches.key]
    weight = rule.weigh(
        MatchedRecords(
            source=source,
            observer=matches.observer,
            time_ms=matches.time_ms,
            rssi_dbm=matches.rssi_dbm,
            attenuation_db=matches.attenuation_db,
            observer_ios=ios[matches.observer],
            source_ios=ios[source],
        )
    )
    # Whole milliseconds, so that sums do not depend on their order.
    near_ms = np.rint(weight * 1000 * scan_period_s).astype(np.int64)
    n_days = int(day.max(initial=0)) + 1
    key = (source.astype(np.int64) * n_people + matches.observer) * n_days + day
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    pair, at = np.divmod(key[first], n_days)
    who, person = np.divmod(pair, n_people)
    length = np.diff(np.append(first, len(key)))
    total_ms = np.add.reduceat(near_ms[order], first) if len(first) else length
    rssi = matches.rssi_dbm[order]
    return ExposureDays(
        source=who.astype(np.int32),
        person=person.astype(np.int32),
        day=at,
        records=length,
        near_s=total_ms // 1000,
        strongest_dbm=np.maximum.reduceat(rssi, first) if len(first) else rssi,
    )


def exposures_of(table: ExposureDays, rule: AppliedRule) -> Exposures:
    """One row a pair, with the rule's verdict."""
    changed = (np.diff(table.source, prepend=-1) != 0) | (np.diff(table.person, prepend=-1) != 0)
    first = np.flatnonzero(changed)
    enough = rule.enough(table)
    fired = np.logical_or.reduceat(enough, first) if len(first) else enough
    return Exposures(
        source=table.source[first],
        person=table.person[first],
        first_day=table.day[first],
        fired=fired,
    )
