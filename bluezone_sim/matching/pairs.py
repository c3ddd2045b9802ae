"""Matches to pairs of people: what one phone holds of one published key, day by day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..tables.days import Pieces
from ..tables.rows import Matches
from .applied_rule import AppliedRule
from .exposures import NO_ONSET, OF_DAYS, ExposureDays, Exposures
from .records import weighed


def concatenate_exposure_days(parts: list[ExposureDays]) -> ExposureDays:
    """One sorted table of many that share no pair."""
    names = [n for n in ExposureDays.__dataclass_fields__ if n not in OF_DAYS]
    if not parts:
        empty = np.empty(0, np.int64)
        who, dbm = empty.astype(np.int32), empty.astype(np.int16)
        return ExposureDays(who, who, empty, empty, empty, dbm, empty)
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
    """Collects matches by (source, person, piece of a day).

    Args:
        matches: from :func:`bluezone_sim.match`, every one of each pair: neither an exposure window nor a
            day is to be cut.
        sources: ``int32[keys]``, the person behind each published key.
        day: ``int64[len(matches)]``, index of the piece of each match.
        n_people: people in the population.
        rule: it weighs the records.
        ios: ``bool[n_people]``, platform of each phone.
        scan_period_s: time that one record stands for.
    """
    source = sources[matches.key]
    found = weighed(matches, source, rule, ios=ios, scan_period_s=scan_period_s)
    near_ms, window_ms = found.ms, found.window_ms
    if found.row is not None:
        near_ms, window_ms = np.zeros((2, len(matches)), np.int64)
        near_ms[found.row], window_ms[found.row] = found.ms, found.window_ms
    n_days = int(day.max(initial=0)) + 1
    key = (source.astype(np.int64) * n_people + matches.observer) * n_days + day
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    near_ms = near_ms[order]
    window_ms = near_ms if window_ms is found.ms else window_ms[order]
    pair, at = np.divmod(key[first], n_days)
    who, person = np.divmod(pair, n_people)
    length = np.diff(np.append(first, len(key)))
    total_ms = np.add.reduceat(near_ms, first) if len(first) else length
    rssi = matches.rssi_dbm[order]
    return ExposureDays(
        source=who.astype(np.int32),
        person=person.astype(np.int32),
        day=at,
        records=length,
        near_s=total_ms / 1000,
        strongest_dbm=np.maximum.reduceat(rssi, first) if len(first) else rssi,
        window_s=(np.maximum.reduceat(window_ms, first) if len(first) else length) / 1000,
    )


def by_day(table: ExposureDays, day: NDArray[np.int64]) -> ExposureDays:
    """Rows of the same pair and day as one.

    Args:
        table: by piece.
        day: ``int64[n]``, the day of each row; it never falls from one piece of a pair to the next.
    """
    first = np.flatnonzero(table.pair_starts | (np.diff(day, prepend=-1) != 0))
    if not len(first):
        near_s = table.near_s.astype(np.int64)
        return replace(table, day=day, near_s=near_s)
    # Whole milliseconds again, so that sums do not depend on where days are cut.
    near_ms = np.rint(np.asarray(table.near_s) * 1000).astype(np.int64)
    return ExposureDays(
        source=table.source[first],
        person=table.person[first],
        day=day[first],
        records=np.add.reduceat(table.records, first),
        near_s=np.add.reduceat(near_ms, first) // 1000,
        strongest_dbm=np.maximum.reduceat(table.strongest_dbm, first),
        window_s=np.maximum.reduceat(table.window_s, first),
    )


def exposures_of(
    table: ExposureDays,
    rule: AppliedRule,
    pieces: Pieces,
    onset_day: NDArray[np.int64],
    upload_day: int,
) -> Exposures:
    """One row a pair, with the rule's verdict on the days that it counts by.

    Args:
        table: by piece.
        rule: it judges the days.
        pieces: what the table's days are indices of.
        onset_day: ``int64[n]``, UTC day of each source's onset, -1 where it has no symptoms.
        upload_day: UTC day on which all of them publish.
    """
    which = pieces.utc if rule.rule.days == "utc" else pieces.local
    days = by_day(table, which[table.day])
    first = np.flatnonzero(table.pair_starts)
    # Of a local day, the UTC day of its first row.
    start = np.flatnonzero(table.pair_starts | (np.diff(which[table.day], prepend=-1) != 0))
    onset = onset_day[start]
    utc = pieces.utc[table.day[start]]
    since = np.where(onset < 0, NO_ONSET, utc - onset)
    enough = rule.enough(replace(days, since_onset=since, before_upload=upload_day - utc))
    starts = np.flatnonzero(days.pair_starts)
    fired = np.logical_or.reduceat(enough, starts) if len(starts) else enough
    return Exposures(
        source=table.source[first],
        person=table.person[first],
        first_day=pieces.local[table.day[first]],
        fired=fired,
    )
