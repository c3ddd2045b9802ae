"""What is measured at an adoption level and on a day of a campaign, and the name of each number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from .stages import OUTCOMES, STAGES

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


@dataclass(frozen=True)
class CampaignDay:
    """What the app finds of cases confirmed at the end of one day, under one arm of the campaign.

    Attributes:
        arm: "all measures", "no measure", "at random" (the same number of users a day, any owners) or
            "without" one measure.
        date: local day.
        users, adoption_smartphones: who runs the app at its end, and their share of smartphone owners.
        square_law: the chance that two people drawn at random both run it.
        share_both_have_app: share of risky pairs in which both run it.
        share_in_reach: share of risky pairs whose other runs it, and so could be warned.
        recall, recall_ci95: share of risky pairs warned; interval by bootstrap over cases.
        precision: share of those warned that are risky.
        n_warned_f1: people warned per case.
        days_contact_to_warning_p50: median from the first contact's midnight to the warning.
    """

    arm: str
    date: dt.date
    users: int
    adoption_smartphones: float
    square_law: float
    share_both_have_app: float | None
    share_in_reach: float | None
    recall: float | None
    recall_ci95: Interval | None
    precision: float | None
    n_warned_f1: float
    days_contact_to_warning_p50: float | None


_ENDS = ("_lo", "_hi")


def _numbers(of: type[LevelMetrics | CampaignDay], *others: str) -> tuple[str, ...]:
    """Fields but for ``others``, an interval as its two ends, behind the rest."""
    names = [name for name in of.__dataclass_fields__ if name not in others]
    intervals = [name for name in names if name.endswith("_ci95")]
    return (
        *(name for name in names if name not in intervals),
        *(f"{name}{end}" for name in intervals for end in _ENDS),
    )


#: Every number of a level by name, as columns of tables and criteria have it: an interval is ``_lo`` and
#: ``_hi``, a stage ``lost_…``.
NUMBERS = (*_numbers(LevelMetrics, "lost"), *(f"lost_{stage}" for stage in OUTCOMES[:-1]))
#: The same of a day.
DAY_NUMBERS = _numbers(CampaignDay, "arm", "date")


def number_of(row: LevelMetrics | CampaignDay, name: str) -> float | None:
    """A number of a level or a day by name; None where undefined."""
    if isinstance(row, LevelMetrics) and name.startswith("lost_"):
        return row.lost[name.removeprefix("lost_")]
    if not name.endswith(_ENDS):
        value: float | None = getattr(row, name)
        return value
    ends: Interval | None = getattr(row, name[:-3])
    return None if ends is None else ends[_ENDS.index(name[-3:])]


#: Metrics that are no shares; the others are told in percent and percentage points.
_PLAIN = ("users", "n_", "hours_", "days_")


SHARES = tuple(name for name in NUMBERS if not name.startswith(_PLAIN))


#: Metrics in words.
METRICS = {
    "users": "users",
    "adoption_people": "users of all people",
    "adoption_smartphones": "users of smartphone owners",
    "share_both_have_app": "both have app",
    "share_both_have_app_expected": "both have app, two people at random",
    "share_both_have_app_ci95_lo": "both have app, lower end",
    "share_both_have_app_ci95_hi": "both have app, upper end",
    "share_recorded": "recorded",
    "recall": "recall",
    "recall_ci95_lo": "recall, lower end",
    "recall_ci95_hi": "recall, upper end",
    "precision": "precision",
    "n_warned_f1": "F1 per case",
    "n_warned_f2": "F2 per case",
    "n_f2_per_f1": "F2 per F1",
    "share_in_reach": "in reach",
    "hours_to_warning_p50": "hours to warning",
    "days_contact_to_warning_p50": "days from contact to warning",
    **{f"lost_{stage}": f"lost: {words}" for stage, words in STAGES.items() if stage != "warned"},
}
