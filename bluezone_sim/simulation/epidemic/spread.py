"""A day's infections: of every contact, or where few are infectious of theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels.contacts.transmission import Infections, Rates, States, transmit
from ...tables.rows import Contacts
from .segments import segments_of
from .town import Town

#: A person's contacts cost so many times as much asked for alone as among everybody's.
_ALONE = 6
_ROOM = 1 << 12
#: People whose contacts are made together: they stay in a core's cache.
_SOME = 256


def spread(town: Town, day: int, states: States, rates: Rates) -> Infections:
    """Whom each infectious contact would infect, in any order.

    Args:
        town: whose contacts.
        day: of the epidemic.
        states: on this day.
        rates: how surely a minute infects.
    """
    infectious = np.flatnonzero(states.infectious)
    if not len(infectious):
        return _empty(0)
    if len(infectious) * _ALONE < town.world.n_people:
        return _alone(town, infectious, day, states, rates)
    parts = town.whole_day(day, lambda piece: _of(town, piece, states, rates, one_way=False))
    return _joined(parts, None)


def _alone(
    town: Town, infectious: NDArray[np.int64], day: int, states: States, rates: Rates
) -> Infections:
    """Of the infectious people's contacts, some people at a time."""
    parts = [infectious[first : first + _SOME] for first in range(0, len(infectious), _SOME)]

    def work(some: NDArray[np.int64]) -> Infections:
        contacts = town.contacts(some, day, threads=1)
        return _of(town, contacts, states, rates, one_way=True)

    with ThreadPoolExecutor(town.context.threads) as pool:
        return _joined(list(pool.map(work, parts)), None)


def _of(
    town: Town, contacts: Contacts, states: States, rates: Rates, *, one_way: bool
) -> Infections:
    segments, room = segments_of(contacts), _ROOM
    while True:
        out = _empty(room)
        found = transmit(segments, town.midnight_s, states, rates, one_way, out)
        if found <= room:
            return _joined([out], found)
        room = found


def _joined(parts: Sequence[Infections], rows: int | None) -> Infections:
    """One table of many, or the first rows of one."""
    columns: Any = zip(*parts, strict=True)
    return Infections(*(np.concatenate(column)[:rows] for column in columns))


def _empty(n: int) -> Infections:
    return Infections(
        np.empty(n, np.int8),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.uint8),
    )
