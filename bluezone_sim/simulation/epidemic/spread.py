"""A day's infections: of every contact, or where few are infectious of theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...kernels.contacts.transmission import Infections, Rates, States, transmit
from ...tables.rows import Contacts
from .segments import segments_of
from .town import Town

#: A person's contacts cost so many times as much asked for alone as among everybody's.
_ALONE = 6
_ROOM = 1 << 12


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
        return _of(town, town.contacts(infectious, day), states, rates, one_way=True)
    parts = town.whole_day(day, lambda piece: _of(town, piece, states, rates, one_way=False))
    return _joined(parts, None)


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
