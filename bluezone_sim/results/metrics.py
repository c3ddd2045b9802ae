"""From who is told to what it means: outcomes, recall, precision, intervals, histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..evaluation import Evaluation
from ..kernels import rng
from ..matching.pairs import PairDays
from ..matching.warnings import Told, consents
from ..scenario.model import Scenario
from ..scenario.schema.exposure import Publication
from ..tables.metrics import LevelMetrics
from ..tables.rows import Outcomes, Warnings
from ..tables.stages import OUTCOMES
from ..world import Days, World
from ..world.course import true_cases
from ..world.risk import RiskyDays
from .result import Histogram

#: Bootstrap replicates of a 95 % interval.
REPLICATES = 1000

_CODE = {name: i for i, name in enumerate(OUTCOMES)}


def outcomes_of(
    world: World,
    evaluation: Evaluation,
    levels: Sequence[float],
    off: NDArray[np.bool_],
    publication: Publication,
) -> Outcomes:
    """What became of each risky pair at each level.

    Args:
        world: the population.
        evaluation: from :func:`bluezone_sim.engine.evaluate`.
        levels: adoption levels, shares of smartphone owners.
        off: ``bool[risky days]``, the case's or the other's phone was off that day.
        publication: who consents.
    """
    risky = evaluation.risky
    first = risky.first
    case, other = risky.case[first], risky.other[first]
    near_s = np.maximum.reduceat(risky.near_s, first) if len(first) else risky.near_s
    all_off = np.logical_and.reduceat(off, first) if len(first) else off
    consent = consents(world.seed, case, publication)
    owner = world.owner[case] & world.owner[other]
    columns = []
    for i, level in enumerate(levels):
        app, other_app = world.rank[case] < level, world.rank[other] < level
        both = app & other_app
        held = evaluation.held[i]
        any_row = _among(case, other, held.source, held.person, world.n_people)
        outcome = np.select(
            [
                ~owner,
                ~app,
                ~other_app,
                ~any_row & all_off,
                ~any_row,
                ~consent,
                _told(case, other, evaluation.f1[i], world.n_people),
                _told(case, other, evaluation.late[i], world.n_people),
            ],
            [
                _CODE["no_smartphone"],
                _CODE["no_app"],
                _CODE["other_no_app"],
                _CODE["bluetooth_or_app_off"],
                _CODE["radio_missed"],
                _CODE["not_published"],
                _CODE["warned"],
                _CODE["not_matched_in_time"],
            ],
            default=_CODE["below_threshold"],
        )
        columns.append((outcome, both, _recorded(risky, held, world.n_people)))
    n = len(first)
    return Outcomes(
        level_index=np.repeat(np.arange(len(levels), dtype=np.uint8), n),
        index_case=np.tile(case, len(levels)),
        other=np.tile(other, len(levels)),
        outcome=np.concatenate([c[0] for c in columns]).astype(np.uint8),
        both_have_app=np.concatenate([c[1] for c in columns]),
        recorded=np.concatenate([c[2] for c in columns]),
        near_s=np.tile(near_s, len(levels)).astype(np.int32),
    )


def _told(
    case: NDArray[np.int32], other: NDArray[np.int32], told: Told, n_people: int
) -> NDArray[np.bool_]:
    return _among(case, other, told.index_case, told.person, n_people)


def _among(
    a: NDArray[np.integer],
    b: NDArray[np.integer],
    table_a: NDArray[np.integer],
    table_b: NDArray[np.integer],
    width: int,
) -> NDArray[np.bool_]:
    """Rows of (a, b) that occur in (table_a, table_b)."""
    return np.isin(a.astype(np.int64) * width + b, table_a.astype(np.int64) * width + table_b)


def _recorded(risky: RiskyDays, held: PairDays, n_people: int) -> NDArray[np.bool_]:
    """Pairs of which the other's phone holds a row from inside a risky day."""
    n_days = int(max(risky.day.max(initial=0), held.day.max(initial=0))) + 1
    key, table = (
        (source.astype(np.int64) * n_people + person) * n_days + day
        for source, person, day in (
            (risky.case, risky.other, risky.day),
            (held.source, held.person, held.day),
        )
    )
    found = np.isin(key, table)
    return np.logical_or.reduceat(found, risky.first) if len(risky.first) else found


def level_metrics(
    scenario: Scenario,
    world: World,
    evaluation: Evaluation,
    outcomes: Outcomes,
    days: Days,
    users: Sequence[int] | None = None,
) -> tuple[LevelMetrics, ...]:
    """The table's rows. Intervals resample index cases; all levels share the resampling.

    Args:
        scenario, world, evaluation, outcomes: the run.
        days: of the look-back.
        users: at each level; by default the scenario's.
    """
    users = scenario.level_users() if users is None else users
    cases = evaluation.cases
    true = true_cases(scenario.index_cases.course, world.seed, cases)
    weights = bootstrap_weights(world.seed, len(cases))
    risky = outcomes.take(outcomes.level_index == 0)
    n_risky = _per_case(cases, risky.index_case)
    owners = int(np.count_nonzero(world.owner))

    def level(i: int) -> float:
        return users[i] / owners if owners else 0.0

    rows = []
    for i, n_users in enumerate(users):
        at = outcomes.take(outcomes.level_index == i)
        warned = at.outcome == _CODE["warned"]
        told, f2 = evaluation.f1[i], evaluation.f2[i]
        both = _per_case(cases, at.index_case[at.both_have_app])
        n_told = len(told)
        share = {
            name: _ratio(np.count_nonzero(at.outcome == code), len(at))
            for name, code in _CODE.items()
        }
        delay_h = (told.told_s - told.published_s) / 3600
        right = warned & true[np.searchsorted(cases, at.index_case)]
        since_contact = (told.told_s - days.start_s[told.first_day]) / 86_400
        followed = np.count_nonzero(np.isin(told.index_case, evaluation.f2_cases))
        rows.append(
            LevelMetrics(
                users=n_users,
                adoption_people=n_users / world.n_people,
                adoption_smartphones=n_users / owners if owners else 0.0,
                share_both_have_app=_ratio(both.sum(), n_risky.sum()),
                share_both_have_app_ci95=interval_of(weights, both, n_risky),
                share_both_have_app_expected=_ratio(
                    n_users * (n_users - 1), world.n_people * (world.n_people - 1)
                ),
                share_recorded=_ratio(np.count_nonzero(at.recorded), len(at)),
                recall=share.pop("warned"),
                recall_ci95=interval_of(weights, _per_case(cases, at.index_case[warned]), n_risky),
                precision=_ratio(np.count_nonzero(right), n_told),
                n_warned_f1=_ratio(n_told, len(cases)),
                n_warned_f2=_ratio(len(f2), len(evaluation.f2_cases)) if f2 is not None else None,
                n_f2_per_f1=_ratio(len(f2), followed) if f2 is not None else None,
                share_in_reach=_ratio(np.count_nonzero(world.rank[at.other] < level(i)), len(at)),
                hours_to_warning_p50=float(np.median(delay_h)) if n_told else None,
                days_contact_to_warning_p50=float(np.median(since_contact)) if n_told else None,
                lost=share,
            )
        )
    return tuple(rows)


def _ratio(part: float | np.integer, whole: float | np.integer) -> float | None:
    return float(part / whole) if whole else None


def _per_case(cases: NDArray[np.int32], of: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(cases, of), minlength=len(cases))


def bootstrap_weights(seed: int, n_cases: int) -> NDArray[np.float32]:
    """``float32[REPLICATES, n]``: how often each case is drawn in each replicate."""
    u = rng.uniforms(rng.key(seed, "bootstrap"), np.arange(REPLICATES * n_cases))
    drawn = (u * n_cases).astype(np.int64).reshape(REPLICATES, n_cases)
    drawn += np.arange(REPLICATES)[:, None] * n_cases
    counts = np.bincount(drawn.ravel(), minlength=REPLICATES * n_cases)
    return counts.reshape(REPLICATES, n_cases).astype(np.float32)


def interval_of(
    weights: NDArray[np.float32], part: NDArray[np.int64], whole: NDArray[np.int64]
) -> tuple[float, float] | None:
    """Percentile interval, 95 %, of a ratio of sums over cases."""
    denominator = weights @ whole.astype(np.float64)
    if not np.any(denominator > 0):
        return None
    ok = denominator > 0
    ratio = (weights @ part.astype(np.float64))[ok] / denominator[ok]
    low, high = np.percentile(ratio, [2.5, 97.5])
    return float(low), float(high)


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
