"""A campaign, day by day: what the app would find of the same cases, confirmed on each day in turn.

Contacts and what every smartphone would record of the cases are made once. What each arm of the
campaign finds on a day follows by who ran the app when: a phone records, and is recorded, from the day
it installs, and takes part in the day's warnings if it still runs the app.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..analysis.campaign import CampaignPart, CampaignResult
from ..analysis.dyads import Dyads, Fixed
from ..analysis.statistics import ratio
from ..matching.exposures import ExposureDays
from ..matching.warnings import Notifications, confirmed, f1_warnings, in_time
from ..scenario.model import Scenario
from ..tables.days import EPOCH
from ..tables.levels import CampaignDay
from ..world import World
from ..world.course import true_cases, while_infectious
from ..world.installs import installs, scattered
from ..world.risk import RiskyDays
from ..world.runs import AppUse, occupation_names, occupations
from .context import SimulationContext, StageTimer
from .publishing import before_isolation, exposures, published
from .tracing import follow

#: The arm with every measure, that with none, and that with the same days given to owners at random.
ALL, NONE, SCATTERED = "all measures", "no measure", "at random"


@dataclass(frozen=True)
class CampaignWindow:
    """The campaign's days and what the cases' contacts and phones hold through them.

    Attributes:
        tracer: bound to all days from the first look-back on.
        cases: ``int32[n]``, ascending.
        risky: risky days of the cases.
        held: what phones would hold of the cases if every smartphone ran the app throughout, by piece.
        first: index of the first evaluated day among the days.
    """

    tracer: SimulationContext
    cases: NDArray[np.int32]
    risky: RiskyDays
    held: ExposureDays
    first: int

    def known_s(self, day: int) -> int:
        """When cases of a day become known: the midnight that ends it."""
        days = self.tracer.days
        return int(days.start_s[day + 1]) if day + 1 < len(days) else days.end_s


def campaign_window(
    scenario: Scenario, world: World, cases: NDArray[np.int32], threads: int, clock: StageTimer
) -> CampaignWindow:
    """Makes contacts and records of the cases for all days of the campaign."""
    campaign = scenario.campaign
    assert campaign is not None
    first = scenario.look_back_days - 1
    days = (campaign.until - scenario.date).days + scenario.look_back_days
    whole = scenario.model_copy(update={"date": campaign.until, "look_back_days": days})
    tracer = SimulationContext.build(whole, world, threads, clock)
    risky, held = follow(tracer, cases, [1.0])
    return CampaignWindow(tracer, cases, risky, held[1.0], first)


def notified_on(span: CampaignWindow, plan: AppUse, day: int) -> Notifications:
    """F1s told in time of cases that are confirmed at the end of a day.

    Args:
        span: from :func:`campaign_window`.
        plan: who runs the app when.
        day: index of the day among the span's days.
    """
    tracer, held, known_s = span.tracer, span.held, span.known_s(day)
    days, publication = tracer.days, tracer.scenario.publication
    at = days.pieces.local[held.day]
    today, then = int(days.number[day]), days.number[at]
    inside = (at <= day) & (at > day - span.first - 1)
    for who in (held.source, held.person):
        inside &= plan.runs(who, today) & plan.runs(who, then)
    there = before_isolation(tracer, held.take(np.flatnonzero(inside)), known_s)
    pairs = exposures(tracer, published(tracer, there, known_s), known_s)
    seed = tracer.world.seed
    matched = f1_warnings(seed, pairs, known_s, publication)
    told, sure = confirmed(seed, matched, tracer.scenario.confirmation)
    return told.take(sure & in_time(told, publication))


def run_campaign(
    scenario: Scenario,
    world: World,
    cases: NDArray[np.int32],
    threads: int,
    clock: StageTimer,
    progress: Callable[[float], None],
) -> CampaignResult:
    """All arms on all days.

    Args:
        scenario: with a campaign.
        world: its population.
        cases: ``int32[n]``, ascending.
        threads: threads to use.
        clock: the stages' seconds are booked there.
        progress: called with the share done.
    """
    campaign = scenario.campaign
    assert campaign is not None
    span = campaign_window(scenario, world, cases, threads, clock)
    everything = installs(scenario, world)
    every = range(len(campaign.measures))
    arms: dict[str, AppUse] = {
        ALL: everything,
        SCATTERED: scattered(everything, world),
        NONE: installs(scenario, world, without=frozenset(every)),
    }
    if len(campaign.measures) > 1:
        for m, measure in enumerate(campaign.measures):
            arms[f"without {measure.name}"] = installs(scenario, world, without=frozenset({m}))
    clock.lap("campaign")
    kind = occupations(scenario.population, world)
    rows: list[CampaignDay] = []
    parts: list[CampaignPart] = []
    tally = _Tally(span, world)
    for a, (name, plan) in enumerate(arms.items()):
        for day in range(span.first, len(span.tracer.days)):
            found = tally.day(plan, day)
            rows.append(found.row(name))
            if name in (ALL, NONE):
                for what, labels, of in (
                    ("district", [d.name for d in scenario.population.districts], world.zone),
                    ("group", occupation_names(scenario.population), kind),
                ):
                    parts += found.parts(name, what, labels, of)
        progress((a + 1) / len(arms))
    clock.lap("campaign")
    by = [
        (["first users", *(m.name for m in campaign.measures)][k + 1], int(n))
        for k, n in zip(
            *np.unique(everything.by[everything.by >= -1], return_counts=True), strict=True
        )
    ]
    return CampaignResult(
        days=tuple(rows), parts=tuple(parts), brought=tuple(by), n_cases=len(cases)
    )


@dataclass(frozen=True)
class _Tally:
    """Counts what an arm finds on a day."""

    span: CampaignWindow
    world: World

    def day(self, plan: AppUse, day: int) -> _Found:
        span, n = self.span, self.world.n_people
        risky = span.risky
        inside = (risky.day <= day) & (risky.day > day - span.first - 1)
        scenario, days = span.tracer.scenario, span.tracer.days
        course, seed = scenario.index_cases.course, self.world.seed
        if course is not None:
            rows = np.flatnonzero(inside)
            inside[rows] = while_infectious(
                risky.case[rows], risky.day[rows], course, seed, days, span.known_s(day)
            )
        pair = np.unique(risky.case[inside].astype(np.int64) * n + risky.other[inside])
        case, other = np.divmod(pair, n)
        today = int(days.number[day])
        told = notified_on(span, plan, day)
        warned = np.isin(pair, told.index_case.astype(np.int64) * n + told.person)
        reach = plan.runs(other, today)
        both = plan.runs(case, today) & reach
        contact_s = days.start_s[told.first_day]
        return _Found(
            self, EPOCH + dt.timedelta(days=today), plan.users(today), case, other, both, reach, warned,
            len(told), (told.told_s - contact_s) / 86_400,
        )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """Risky pairs of one day under one arm."""

    tally: _Tally
    date: dt.date
    users: NDArray[np.bool_]
    case: NDArray[np.int64]
    other: NDArray[np.int64]
    both: NDArray[np.bool_]
    reach: NDArray[np.bool_]
    warned: NDArray[np.bool_]
    n_told: int
    days_to_warning: NDArray[np.float64]

    def row(self, arm: str) -> CampaignDay:
        world, cases = self.tally.world, self.tally.span.cases
        users, people = int(self.users.sum()), world.n_people
        owners = int(world.owner.sum())
        is_case = np.zeros(people, np.bool_)
        is_case[cases] = True
        dyads = Dyads(self.case, self.other, people)
        fixed = Fixed(world.owner, self.users, is_case)
        return CampaignDay(
            arm=arm,
            date=self.date,
            users=users,
            adoption_smartphones=ratio(users, owners),
            square_law=users * (users - 1) / (people * (people - 1)),
            share_both_have_app=_mean(self.both),
            share_in_reach=_mean(self.reach),
            recall=_mean(self.warned),
            recall_ci95=dyads.share(self.warned, fixed) if users > 1 else None,
            precision=ratio((self.warned & self._true()).sum(), self.n_told),
            n_warned_f1=self.n_told / len(cases),
            days_contact_to_warning_p50=float(np.median(self.days_to_warning))
            if self.n_told
            else None,
        )

    def _true(self) -> NDArray[np.bool_]:
        """``bool[pairs]``: the case is one."""
        course = self.tally.span.tracer.scenario.index_cases.course
        return true_cases(course, self.tally.world.seed, self.case)

    def parts(
        self, arm: str, what: str, labels: list[str], of: NDArray[np.integer]
    ) -> list[CampaignPart]:
        """Rows by a part of the population: its users, and the risky pairs of its cases."""
        n = len(labels)
        owners = np.bincount(of[self.tally.world.owner], minlength=n)
        users = np.bincount(of[self.users], minlength=n)
        risky = np.bincount(of[self.case], minlength=n)
        warned = np.bincount(of[self.case[self.warned]], minlength=n)
        return [
            CampaignPart(
                arm=arm,
                date=self.date,
                what=what,
                name=label,
                owners=int(owners[k]),
                users=int(users[k]),
                n_risky_pairs=int(risky[k]),
                recall=float(warned[k] / risky[k]) if risky[k] else None,
            )
            for k, label in enumerate(labels)
        ]


def _mean(values: NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
