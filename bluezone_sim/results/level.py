"""What is measured at one adoption level, and the name of each of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..tables import OUTCOMES

Interval = tuple[float, float]


@dataclass(frozen=True)
class LevelMetrics:
    """One adoption level. Shares are of risky pairs; None where undefined.

    Attributes:
        users: people who run the app.
        adoption_people, adoption_smartphones: users as a share of people and of smartphone owners.
        share_both_have_app: with its bootstrap interval, and what two people drawn at random give (a').
        share_recorded: the other's phone holds a row of the case from inside a risky day.
        recall: share of risky pairs warned, with its bootstrap interval over cases.
        precision: share of warned pairs that are risky.
        n_warned_f1, n_warned_f2: people warned per case.
        n_f2_per_f1: F2s over F1s, of the cases followed to F2.
        share_in_reach: share of risky pairs whose other runs the app, and so could be warned.
        hours_to_warning_p50: median time from publication to warning.
        days_contact_to_warning_p50: median time from the midnight before the first contact held.
        lost: share of risky pairs lost at each stage; with recall they add up to 1.
    """

    users: int
    adoption_people: float
    adoption_smartphones: float
    share_both_have_app: float | None
    share_both_have_app_ci95: Interval | None
    share_both_have_app_expected: float | None
    share_recorded: float | None
    recall: float | None
    recall_ci95: Interval | None
    precision: float | None
    n_warned_f1: float | None
    n_warned_f2: float | None
    n_f2_per_f1: float | None
    share_in_reach: float | None
    hours_to_warning_p50: float | None
    days_contact_to_warning_p50: float | None
    lost: Mapping[str, float | None]


_FIELDS = tuple(LevelMetrics.__dataclass_fields__)
_ENDS = ("_lo", "_hi")
_INTERVALS = tuple(name for name in _FIELDS if name.endswith("_ci95"))

#: Every number of a level by name, as columns of tables and criteria have it: an interval is ``_lo`` and
#: ``_hi``, a stage ``lost_…``.
NUMBERS = (
    *(name for name in _FIELDS if name not in (*_INTERVALS, "lost")),
    *(f"{name}{end}" for name in _INTERVALS for end in _ENDS),
    *(f"lost_{stage}" for stage in OUTCOMES[:-1]),
)


def number_of(level: LevelMetrics, name: str) -> float | None:
    """One of :data:`NUMBERS` of a level; None where undefined."""
    if name.startswith("lost_"):
        return level.lost[name.removeprefix("lost_")]
    found: Any = getattr(level, name[:-3] if name.endswith(_ENDS) else name)
    if not name.endswith(_ENDS) or found is None:
        return found  # type: ignore[no-any-return]
    return float(found[_ENDS.index(name[-3:])])
