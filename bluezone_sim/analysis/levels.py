"""Metrics by adoption level, warnings and histograms of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..matching.warnings import Notifications
from ..scenario.model import Scenario
from ..tables.levels import LevelMetrics
from ..tables.metrics import METRICS, LevelFound, Metric
from ..tables.platforms import PAIRS, PLATFORMS, PlatformPair
from ..tables.rows import Histogram, Outcomes, Warnings
from ..tables.words import Interval
from ..world import Days, World
from ..world.course import true_cases
from .dyads import Dyads, Fixed
from .evaluation import Evaluation
from .outcomes import _CODE, _among
from .statistics import ratio


def level_metrics(
    scenario: Scenario,
    world: World,
    evaluation: Evaluation,
    outcomes: Outcomes,
    days: Days,
    users: Sequence[int] | None = None,
) -> tuple[LevelMetrics, ...]:
    """The table's rows.

    Args:
        scenario, world, evaluation, outcomes: the run.
        days: of the look-back.
        users: at each level; by default the scenario's.
    """
    users = scenario.level_users() if users is None else users
    cases, n_people = evaluation.cases, world.n_people
    risky = outcomes.take(outcomes.level_index == 0)
    dyads = Dyads(risky.index_case, risky.other, n_people)
    is_case = np.zeros(n_people, np.bool_)
    is_case[cases] = True
    owners = int(np.count_nonzero(world.owner))
    by = scenario.confirmation.by != "nobody"
    outside = [METRICS.get(name) for name in METRICS.outside()]
    rows = []
    for i, n_users in enumerate(users):
        at = outcomes.take(outcomes.level_index == i)
        warned = at.outcome == _CODE["warned"]
        told, f2 = evaluation.f1[i], evaluation.f2[i]
        n_told = len(told)
        n_sure = n_told + len(evaluation.late[i])
        runs = world.rank < (n_users / owners if owners else 0.0)
        fixed = Fixed(world.owner, runs, is_case)
        # Fewer than two users are nobody's warning in any world: there is nothing to estimate.
        certain = n_users < 2
        share = _stages(at)
        delay_h = (told.told_s - told.published_s) / 3600
        right = _right(scenario, world, evaluation, told, at.take(warned))
        since_contact = (told.told_s - days.start_s[told.first_day]) / 86_400
        followed = np.count_nonzero(np.isin(told.index_case, evaluation.f2_cases))
        warned_by_f1 = None if f2 is None else Dyads(f2.index_case, f2.person, n_people)
        row = LevelMetrics(
            users=n_users,
            adoption_people=n_users / n_people,
            adoption_smartphones=ratio(n_users, owners),
            share_both_have_app=_mean(at.both_have_app),
            share_both_have_app_ci95=None if certain else dyads.share(at.both_have_app, fixed),
            share_both_have_app_expected=ratio(n_users * (n_users - 1), n_people * (n_people - 1)),
            share_recorded=_mean(at.recorded),
            recall=share.pop("warned"),
            recall_ci95=None if certain else dyads.share(warned, fixed),
            precision=_mean(right),
            precision_ci95=Dyads(told.index_case, told.person, n_people).share(right, fixed),
            n_warned_f1=ratio(n_told, len(cases)),
            n_matched_f1=ratio(n_sure + len(evaluation.unconfirmed[i]), len(cases)) if by else None,
            n_confirmed_f1=ratio(n_sure, len(cases)) if by else None,
            n_warned_f2=None if f2 is None else ratio(len(f2), len(evaluation.f2_cases)),
            n_warned_f2_ci95=None
            if warned_by_f1 is None
            else warned_by_f1.per_case(evaluation.f2_cases, fixed),
            n_f2_per_f1=None if f2 is None else ratio(len(f2), followed),
            share_in_reach=_mean(runs[at.other]),
            hours_to_warning_p50=float(np.median(delay_h)) if n_told else None,
            days_contact_to_warning_p50=float(np.median(since_contact)) if n_told else None,
            lost=share,
            platforms=_by_platform(at),
        )
        found = LevelFound(row, at, len(cases))
        rows.append(replace(row, others={m.name: _measured(m, found) for m in outside}))
    return tuple(rows)


class Headline(NamedTuple):
    """What the sensitivity table shows; see :class:`bluezone_sim.tables.levels.LevelMetrics`."""

    recall: float | None
    recall_ci95: Interval | None
    precision: float | None
    n_warned_f1: float | None


def headline(
    scenario: Scenario,
    world: World,
    evaluation: Evaluation,
    outcomes: Outcomes,
    users: int,
    fixed: Fixed,
) -> Headline:
    """These numbers of :func:`level_metrics` alone, of an evaluation at one level.

    Args:
        scenario, world, evaluation, outcomes: the run.
        users: at the level.
        fixed: smartphone owners, users and cases.
    """
    (told,) = evaluation.f1
    warned = outcomes.outcome == _CODE["warned"]
    dyads = Dyads(outcomes.index_case, outcomes.other, world.n_people)
    return Headline(
        recall=_mean(warned),
        recall_ci95=None if users < 2 else dyads.share(warned, fixed),
        precision=_mean(_right(scenario, world, evaluation, told, outcomes.take(warned))),
        n_warned_f1=ratio(len(told), len(evaluation.cases)),
    )


def _right(
    scenario: Scenario,
    world: World,
    evaluation: Evaluation,
    told: Notifications,
    warned: Outcomes,
) -> NDArray[np.bool_]:
    """``bool[told]``: warnings of risky pairs, of cases that are true ones."""
    true = true_cases(scenario.index_cases.course, world.seed, evaluation.cases)
    pair = _among(told.index_case, told.person, warned.index_case, warned.other, world.n_people)
    return np.asarray(pair & true[np.searchsorted(evaluation.cases, told.index_case)])


def _mean(of: NDArray[np.bool_]) -> float | None:
    return ratio(np.count_nonzero(of), len(of))


def _stages(of: Outcomes) -> dict[str, float | None]:
    """Shares of risky pairs lost at each stage, or warned."""
    return {name: _mean(of.outcome == code) for name, code in _CODE.items()}


def _by_platform(at: Outcomes) -> tuple[PlatformPair, ...]:
    """One level's risky pairs by platform of both phones."""
    out = []
    for case, other in PAIRS:
        here = at.case_platform == PLATFORMS.index(case)
        rows = at.take(here & (at.other_platform == PLATFORMS.index(other)))
        share = _stages(rows)
        out.append(
            PlatformPair(
                case=case,
                other=other,
                n_risky_pairs=len(rows),
                share_both_have_app=_mean(rows.both_have_app),
                share_recorded=_mean(rows.recorded),
                recall=share.pop("warned"),
                lost=share,
            )
        )
    return tuple(out)


def _measured(metric: Metric, found: LevelFound) -> float | None:
    value = None if metric.measure is None else metric.measure(found)
    return None if value is None else float(value)


def warnings_table(evaluation: Evaluation, days: Days) -> Warnings:
    """Everybody told, by level."""
    parts = [
        (i, kind, told)
        for i in range(len(evaluation.f1))
        for kind, told in ((1, evaluation.f1[i]), (2, evaluation.f2[i]))
        if told is not None
    ]

    def column(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(told, name) for _, _, told in parts])

    return Warnings(
        level_index=np.concatenate([np.full(len(t), i, np.uint8) for i, _, t in parts]),
        person=column("person").astype(np.int32),
        level=np.concatenate([np.full(len(t), kind, np.uint8) for _, kind, t in parts]),
        index_case=column("index_case").astype(np.int32),
        source=column("source").astype(np.int32),
        contact_day_s=days.start_s[column("first_day")],
        published_s=column("published_s"),
        told_s=column("told_s"),
    )


def histograms(evaluation: Evaluation, levels: Sequence[float]) -> tuple[Histogram, ...]:
    """Time near per risky day; records and strongest RSSI a day of risky and of other pairs, and delays
    of warnings, at the top level."""
    risky = evaluation.risky
    top = int(np.argmax(levels))
    held = evaluation.held[top]
    width = int(max(risky.other.max(initial=0), held.person.max(initial=0))) + 1
    is_risky = _among(held.source, held.person, risky.case, risky.other, width)
    minutes = np.array([15, 30, 60, 120, 180, 240, 300, 360, 480, 600, 1440], dtype=np.float64)
    records = np.array([1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 300], dtype=np.float64)
    rssi = np.arange(-110, -24, 5, dtype=np.float64)
    hours = np.array([0, 0.5, 1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72], dtype=np.float64)
    f1, late = evaluation.f1[top], evaluation.late[top]
    delay_h = np.concatenate([t.told_s - t.published_s for t in (f1, late)]) / 3600
    return (
        Histogram(
            name="time within the risky distance, risky pair and day",
            unit="min",
            edges=minutes,
            counts={"risky pairs": np.histogram(risky.near_s / 60, minutes)[0]},
        ),
        Histogram(
            name="scan records of a case on a phone and day",
            unit="records",
            edges=records,
            counts={
                "risky pairs": np.histogram(held.records[is_risky], records)[0],
                "other pairs": np.histogram(held.records[~is_risky], records)[0],
            },
        ),
        Histogram(
            name="strongest record of a case on a phone and day",
            unit="dBm",
            edges=rssi,
            counts={
                name: np.histogram(np.clip(held.strongest_dbm[rows], rssi[0], rssi[-1]), rssi)[0]
                for name, rows in (("risky pairs", is_risky), ("other pairs", ~is_risky))
            },
        ),
        Histogram(
            name="time from publication to warning",
            unit="h",
            edges=hours,
            counts={"people warned": np.histogram(delay_h, hours)[0]},
        ),
    )
