"""Who was near a case for long enough, day by day, and how they know each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...scenario.schema.exposure import IndexCases
from ...tables.days import Days
from ...tables.rows import Contacts
from ...tables.settings import SETTINGS
from ...world.risk import risky_days

#: How well people know each other: of one household, by name, or not.
HOUSEHOLD, NAMED, STRANGER = 0, 1, 2
_KIND = {"household": HOUSEHOLD, "neighbours": NAMED, "school": NAMED, "work": NAMED}
_KINDS = np.array([_KIND.get(setting, STRANGER) for setting in SETTINGS], np.int8)


class Near(NamedTuple):
    """Pairs by day.

    Attributes:
        case, other: ``int32[n]``.
        day: ``int64[n]``, index into the look-back's days.
        kind: ``int8[n]``, the closest in which they were near in the look-back.
    """

    case: NDArray[np.int32]
    other: NDArray[np.int32]
    day: NDArray[np.int64]
    kind: NDArray[np.int8]

    def take(self, rows: Any) -> Near:
        """Rows by index or mask."""
        return Near(*(column[rows] for column in self))


def near_days(contacts: Contacts, days: Days, cut: IndexCases) -> Near:
    """Days on which two people were near each other for long enough to be risky.

    Args:
        contacts: of the look-back, cases as ``a``.
        days: of the look-back.
        cut: how near, for how long.
    """
    risky = risky_days(contacts, days, cut.near_distance_m, cut.near_duration_s)
    rows = np.flatnonzero(contacts.distance_m <= cut.near_distance_m)
    n = int(max(contacts.a.max(initial=0), contacts.b.max(initial=0))) + 1
    pair, inverse = np.unique(
        contacts.a[rows].astype(np.int64) * n + contacts.b[rows], return_inverse=True
    )
    kind = np.full(len(pair), STRANGER, np.int8)
    np.minimum.at(kind, inverse, _KINDS[contacts.setting[rows]])
    at = np.searchsorted(pair, risky.case.astype(np.int64) * n + risky.other)
    return Near(risky.case, risky.other, risky.day, kind[at])


def met_days(contacts: Contacts, days: Days) -> Near:
    """Days on which two people were in one room, for whatever time."""
    n = int(contacts.b.max(initial=0)) + 1
    day = days.index_of(contacts.start_s)
    key = np.unique((contacts.a.astype(np.int64) * n + contacts.b) * len(days) + day)
    pair, day = np.divmod(key, len(days))
    case, other = np.divmod(pair, n)
    return Near(
        case.astype(np.int32), other.astype(np.int32), day, np.full(len(key), STRANGER, np.int8)
    )


def concatenate_near(parts: list[Near]) -> Near:
    """One table of many."""
    return Near(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
