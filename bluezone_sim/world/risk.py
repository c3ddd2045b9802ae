"""The truth that the app is measured against: who was near a case for long enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels.radio.availability import hour_bits
from ..tables.days import Days
from ..tables.rows import Contacts


@dataclass(frozen=True)
class RiskyDays:
    """Days on which two people's time within the risky distance adds up to enough.

    Sorted by (case, other, day).

    Attributes:
        case, other: ``int32[n]``.
        day: ``int64[n]``, index into the look-back's days.
        near_s: ``int64[n]``, seconds within the risky distance.
        hours: ``uint32[n]``, bits of the local hours that hold some of them, see
            :mod:`bluezone_sim.kernels.radio.availability`.
        pair: ``int64[n]``, index of the pair among the distinct (case, other), in that order.
    """

    case: NDArray[np.int32]
    other: NDArray[np.int32]
    day: NDArray[np.int64]
    near_s: NDArray[np.int64]
    hours: NDArray[np.uint32]
    pair: NDArray[np.int64]

    @property
    def first(self) -> NDArray[np.int64]:
        """``int64[pairs]``: first row of each pair."""
        return np.flatnonzero(np.diff(self.pair, prepend=-1))


def risky_days(contacts: Contacts, days: Days, near_distance_m: float, near_s: float) -> RiskyDays:
    """Pairs (a, b) and local days with ``near_s`` seconds or more at most ``near_distance_m`` apart.

    Definition: Ministry of Health and the app's white paper (2 m, 15 minutes, look-back 14 days).
    """
    near = np.flatnonzero(contacts.distance_m <= near_distance_m)
    n_people = int(max(contacts.a.max(initial=0), contacts.b.max(initial=0))) + 1
    day = days.index_of(contacts.start_s[near])
    key = (contacts.a[near].astype(np.int64) * n_people + contacts.b[near]) * len(days) + day
    key, inverse = np.unique(key, return_inverse=True)
    seconds = np.bincount(inverse, contacts.duration_s[near], len(key)).astype(np.int64)
    hours = np.zeros(len(key), np.uint32)
    begins = contacts.start_s[near] - days.start_s[day]
    ends = begins + contacts.duration_s[near] - 1
    np.bitwise_or.at(hours, inverse, hour_bits(begins, ends))
    keep = seconds >= near_s
    pair, day = np.divmod(key[keep], len(days))
    case, other = np.divmod(pair, n_people)
    return RiskyDays(
        case=case.astype(np.int32),
        other=other.astype(np.int32),
        day=day,
        near_s=seconds[keep],
        hours=hours[keep],
        pair=np.cumsum(np.diff(pair, prepend=-1) != 0) - 1,
    )


def concatenate_risky_days(parts: list[RiskyDays]) -> RiskyDays:
    """One table of many that share no case, cases ascending from part to part."""
    case, other, day, near_s, hours = (
        np.concatenate([getattr(p, name) for p in parts])
        for name in ("case", "other", "day", "near_s", "hours")
    )
    changed = (np.diff(case, prepend=-1) != 0) | (np.diff(other, prepend=-1) != 0)
    return RiskyDays(case, other, day, near_s, hours, pair=np.cumsum(changed) - 1)
