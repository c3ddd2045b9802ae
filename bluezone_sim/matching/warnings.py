"""Pairs to warnings: who is told, when, at which adoption level; F1 from cases, F2 from F1s."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.schema.exposure import F2, Confirmation, Publication
from .exposures import Exposures


@dataclass(frozen=True)
class Notifications:
    """People told, one row per (index case, person).

    Attributes:
        index_case, person, source: ``int32[n]``.
        first_day: ``int64[n]``, index of the local day of the first contact.
        published_s, told_s: ``int64[n]``, unix seconds.
    """

    index_case: NDArray[np.int32]
    person: NDArray[np.int32]
    source: NDArray[np.int32]
    first_day: NDArray[np.int64]
    published_s: NDArray[np.int64]
    told_s: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: NDArray[np.integer | np.bool_]) -> Notifications:
        """Rows by index or mask."""
        return Notifications(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def consents(seed: int, person: NDArray[np.integer], publication: Publication) -> NDArray[np.bool_]:
    """``bool[n]``: who lets the keys be published; one draw a person."""
    return rng.uniforms(rng.key(seed, "consent"), person) < publication.consent


def delay_s(
    seed: int,
    source: NDArray[np.integer],
    person: NDArray[np.integer],
    publication: Publication,
) -> NDArray[np.int64]:
    """Seconds from the publication of ``source``'s keys to the warning on ``person``'s phone.

    The push takes an exponential time; a phone that is offline then hears of it an exponential time
    later. All assumed, see the scenario.
    """
    pair = _pair(seed, source, person)
    push, offline, later = (rng.uniforms(rng.key(seed, "delay", k), pair) for k in (1, 2, 3))
    hours = -publication.push_delay_h * np.log1p(-push)
    hours += np.where(
        offline < publication.offline_share, -publication.offline_h * np.log1p(-later), 0.0
    )
    return (hours * 3600).astype(np.int64)


def _pair(seed: int, source: NDArray[np.integer], person: NDArray[np.integer]) -> NDArray[np.int64]:
    """``int64[n]``: the pair's coordinate, the second person folded into the hash of the first."""
    first = rng.draws(rng.key(seed, "delay"), source)
    with np.errstate(over="ignore"):
        return (first + person.astype(np.uint64) * np.uint64(rng.GOLDEN)).view(np.int64)


def confirmed(
    seed: int, told: Notifications, confirmation: Confirmation
) -> tuple[Notifications, NDArray[np.bool_]]:
    """What the person between match and warning makes of matches.

    Args:
        seed: the run's seed.
        told: matches, told at once.
        confirmation: who decides, of how many, in which time.

    Returns:
        The same, told when the person has decided (an exponential time later, one draw a pair); and
        ``bool[n]``, whom the person confirms. Where nobody decides all are, at once.
    """
    if confirmation.by == "nobody":
        return told, np.ones(len(told), np.bool_)
    pair = _pair(seed, told.source, told.person)
    # After the three draws of the warning's own delay.
    yes, later = (rng.uniforms(rng.key(seed, "delay", k), pair) for k in (4, 5))
    seconds = (-3600 * confirmation.delay_h * np.log1p(-later)).astype(np.int64)
    return replace(told, told_s=told.told_s + seconds), yes < confirmation.share


def f1_warnings(
    seed: int, pairs: Exposures, published_s: int, publication: Publication
) -> Notifications:
    """Who a case's keys match: pairs whose rule fired, of cases that consent.

    Whom nobody confirms (:func:`confirmed`) and rows that come too late (:func:`in_time`) are included.
    """
    rows = np.flatnonzero(pairs.fired & consents(seed, pairs.source, publication))
    source, person = pairs.source[rows], pairs.person[rows]
    published = np.full(len(rows), published_s, dtype=np.int64)
    return Notifications(
        index_case=source,
        person=person,
        source=source,
        first_day=pairs.first_day[rows],
        published_s=published,
        told_s=published + delay_s(seed, source, person, publication),
    )


def in_time(told: Notifications, publication: Publication) -> NDArray[np.bool_]:
    """``bool[n]``: told within the time that makes the warning useful."""
    return told.told_s - told.published_s <= publication.in_time_h * 3600


def f2_warnings(
    seed: int,
    f1: Notifications,
    held: Exposures,
    pairs: Exposures,
    n_people: int,
    f2: F2,
    publication: Publication,
    confirmation: Confirmation,
) -> Notifications:
    """Who the keys of warned F1s warn, without the case and its F1s; the earliest where several do.

    Args:
        seed: the run's seed.
        f1: F1 warnings in time, at one adoption level.
        held: pairs whose sources are F1s, at the same level: of whom phones hold something.
        pairs: those of them of which what is published is enough, or not; sorted by source.
        n_people: people in the population.
        f2: who publishes.
        publication: consent and delays.
        confirmation: who confirms a match of an F1 as a match of a case.
    """
    publishes = consents(seed, f1.person, publication)
    if f2.confirm == "test":
        publishes &= rng.uniforms(rng.key(seed, "test_confirmation"), f1.person) < f2.test_share
    elif f2.confirm == "mutual":
        # Both histories hold each other: the case's phone holds the F1 too.
        both = held.source.astype(np.int64) * n_people + held.person
        publishes &= np.isin(f1.person.astype(np.int64) * n_people + f1.index_case, both)
    f1_key = np.sort(f1.index_case.astype(np.int64) * n_people + f1.person)
    publisher = f1.take(np.flatnonzero(publishes))
    fired = np.flatnonzero(pairs.fired)
    source = pairs.source[fired]
    low = np.searchsorted(source, publisher.person, side="left")
    degree = np.searchsorted(source, publisher.person, side="right") - low
    row = np.repeat(np.arange(len(publisher)), degree)
    step = np.arange(len(row)) - np.repeat(np.cumsum(degree) - degree, degree)
    edge = fired[low[row] + step]
    case, person = publisher.index_case[row], pairs.person[edge]
    key = case.astype(np.int64) * n_people + person
    keep = np.flatnonzero((person != case) & ~_isin_sorted(key, f1_key))
    row, edge, key = row[keep], edge[keep], key[keep]
    published = publisher.told_s[row]
    told = Notifications(
        index_case=publisher.index_case[row],
        person=pairs.person[edge],
        source=publisher.person[row],
        first_day=pairs.first_day[edge],
        published_s=published,
        told_s=published + delay_s(seed, publisher.person[row], pairs.person[edge], publication),
    )
    told, sure = confirmed(seed, told, confirmation)
    timely = np.flatnonzero(sure & in_time(told, publication))
    told, key = told.take(timely), key[timely]
    order = np.lexsort((told.source, told.told_s, key))
    earliest = order[np.flatnonzero(np.diff(key[order], prepend=-1))]
    return told.take(earliest)


def _isin_sorted(values: NDArray[np.int64], table: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(table):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(table, values), len(table) - 1)
    return np.asarray(table[at] == values)
