"""Where contacts are: a number for each place, whose radio all who are in it have in common.

A home, a neighbourhood, a classroom, an office is one place for as long as its group lasts; a bus, a
table, a shop is one for a day, since nobody knows whether another day's group is in the same. A trace
does not say where people met: there each pair has a place of its own, which stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels.contacts.meetings import N_STATIC
from ..tables.rows import Contacts

#: Bits of a group's number, and of a person's; a day's comes above the one, a flag above the other.
_GROUP_BITS, _PERSON_BITS, _PAIR = 44, 31, 1 << 62


def places_of(contacts: Contacts, day: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """``uint64[n]``: a number for each segment's place, the same for the same place.

    Args:
        contacts: segments.
        day: ``int64[n]``, local days since 1970-01-01.
    """
    # After the groups that last, by setting, come those of a day.
    passing = contacts.setting >= N_STATIC
    place = contacts.group + np.where(passing, (np.asarray(day) + 1) << _GROUP_BITS, 0)
    alone = contacts.group < 0
    if alone.any():
        low, high = np.minimum(contacts.a, contacts.b), np.maximum(contacts.a, contacts.b)
        pair = _PAIR | low.astype(np.int64) << _PERSON_BITS | high
        place = np.where(alone, pair, place)
    return np.asarray(place.astype(np.uint64))
