"""What is measured at an adoption level, and on a day of a campaign."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from .platforms import PlatformPair
from .words import Interval


@dataclass(frozen=True)
class LevelMetrics:
    """One adoption level. Shares are of risky pairs; None where undefined.

    Attributes:
        users: people who run the app.
        adoption_people, adoption_smartphones: users as a share of people and of smartphone owners.
        share_both_have_app: with its interval, and what two people drawn at random give (a').
        share_recorded: the other's phone holds a row of the case from the look-back, of whichever day.
        recall: share of risky pairs warned, with its interval.
        precision: share of warned pairs that are risky, with its interval.
        n_warned_f1, n_warned_f2: people warned per case, the latter with its interval.
        n_matched_f1, n_confirmed_f1: people whose phone matched per case, and those of them whom the
            person in between confirmed, warned in time or not; None where nobody stands in between.
        n_f2_per_f1: F2s over F1s, of the cases followed to F2.
        share_in_reach: share of risky pairs whose other runs the app, and so could be warned.
        hours_to_warning_p50: median time from publication to warning.
        days_contact_to_warning_p50: median time from the midnight before the first contact held.
        lost: share of risky pairs lost at each stage; with recall they add up to 1.
        platforms: the same of risky pairs by platform of both phones; empty in runs of earlier versions.
        others: metrics that installed packages bring, by name.

    Intervals (95 %) are of the mean over worlds of the scenario; None with too few cases for one.
    """

    users: int
    adoption_people: float
    adoption_smartphones: float | None
    share_both_have_app: float | None
    share_both_have_app_ci95: Interval | None
    share_both_have_app_expected: float | None
    share_recorded: float | None
    recall: float | None
    recall_ci95: Interval | None
    precision: float | None
    precision_ci95: Interval | None
    n_warned_f1: float | None
    n_warned_f2: float | None
    n_warned_f2_ci95: Interval | None
    n_f2_per_f1: float | None
    share_in_reach: float | None
    hours_to_warning_p50: float | None
    days_contact_to_warning_p50: float | None
    lost: Mapping[str, float | None]
    n_matched_f1: float | None = None
    n_confirmed_f1: float | None = None
    platforms: tuple[PlatformPair, ...] = ()
    others: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def place(self) -> float:
        """Where the level stands on an axis of shares of smartphones: 0 where nobody owns one."""
        return self.adoption_smartphones or 0.0


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
        recall, recall_ci95: share of risky pairs warned, and its interval.
        precision: share of those warned that are risky.
        n_warned_f1: people warned per case.
        days_contact_to_warning_p50: median from the first contact's midnight to the warning.
    """

    arm: str
    date: dt.date
    users: int
    adoption_smartphones: float | None
    square_law: float
    share_both_have_app: float | None
    share_in_reach: float | None
    recall: float | None
    recall_ci95: Interval | None
    precision: float | None
    n_warned_f1: float
    days_contact_to_warning_p50: float | None


def same_level(a: LevelMetrics, b: LevelMetrics) -> bool:
    """Both are at one share of smartphone owners."""
    return abs(a.place - b.place) < 1e-9
