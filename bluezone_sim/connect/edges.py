"""A day's contacts as edges of a network, and which of them a stay at home prevents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.contacts.transmission import HOUSEHOLD
from ..scenario.schema.epidemic import Transmission
from ..simulation.epidemic.town import Town
from ..tables.rows import Contacts

#: A person's contacts cost so many times as much asked for alone as among everybody's.
_ALONE = 6


class Edges(NamedTuple):
    """Pairs that meet on a day, at home and elsewhere apart.

    Attributes:
        a, b: ``int32[e]``, people; ``a`` is one of those who were asked for.
        minutes: ``float64[e]``, that count.
        household: ``bool[e]``, met in their household, which a stay at home does not prevent.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    minutes: NDArray[np.float64]
    household: NDArray[np.bool_]


def edges_of(town: Town, people: NDArray[np.integer], day: int, counts: Transmission) -> Edges:
    """Whom people meet on a day.

    Two people of one household who meet elsewhere too have two edges.

    Args:
        town: whose contacts.
        people: distinct, such as all who are infectious.
        day: of the epidemic.
        counts: what a minute counts.

    Returns:
        Edges of ``people`` with anybody, those between two of them once each way.
    """
    n = town.world.n_people
    if len(people) * _ALONE < n:
        parts = [_of(town, town.contacts(np.sort(people), day), counts)] if len(people) else []
        return _joined(parts)
    asked = np.zeros(n, np.bool_)
    asked[people] = True
    found = _joined(town.whole_day(day, lambda piece: _both_ways(_of(town, piece, counts), asked)))
    # Who meets in two places meets in two pieces of the day.
    key = (found.a.astype(np.int64) * n + found.b) * 2 + found.household
    pair, inverse = np.unique(key, return_inverse=True)
    a, b = np.divmod(pair // 2, n)
    minutes = np.bincount(inverse, found.minutes, len(pair)).astype(np.float64)
    return Edges(a.astype(np.int32), b.astype(np.int32), minutes, pair % 2 == 1)


def remaining(edges: Edges, at_home: NDArray[np.bool_], home_factor: float) -> NDArray[np.float64]:
    """What is left of each edge where people stay at home.

    Args:
        edges: of a day.
        at_home: ``bool[n_people]``, on that day.
        home_factor: of infections within a household while either stays at home.

    Returns:
        ``float64[e]``: 1 where neither is at home; else 0, and in their household ``home_factor``.
    """
    either = at_home[edges.a] | at_home[edges.b]
    return np.where(either, np.where(edges.household, home_factor, 0.0), 1.0)


def _joined(parts: Sequence[Edges]) -> Edges:
    if not parts:
        none = np.empty(0, np.int32)
        return Edges(none, none, np.empty(0), np.empty(0, np.bool_))
    return Edges(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _of(town: Town, contacts: Contacts, counts: Transmission) -> Edges:
    home = contacts.setting == HOUSEHOLD
    there = town.exposure(contacts.take(np.flatnonzero(home)), counts)
    away = town.exposure(contacts.take(np.flatnonzero(~home)), counts)
    return Edges(
        np.concatenate([there.a, away.a]),
        np.concatenate([there.b, away.b]),
        np.concatenate([there.minutes, away.minutes]),
        np.arange(len(there.a) + len(away.a)) < len(there.a),
    )


def _both_ways(edges: Edges, asked: NDArray[np.bool_]) -> Edges:
    """The edges of those who were asked for, with them as ``a``."""
    one, other = np.flatnonzero(asked[edges.a]), np.flatnonzero(asked[edges.b])
    rows = np.concatenate([one, other])
    return Edges(
        np.concatenate([edges.a[one], edges.b[other]]),
        np.concatenate([edges.b[one], edges.a[other]]),
        edges.minutes[rows],
        edges.household[rows],
    )
