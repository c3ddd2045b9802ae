"""Cases followed to the people that their phones warn, and to those whom these warn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..analysis.evaluation import Evaluation
from ..kernels import rng
from ..kernels.contacts.meetings import permute_many
from ..matching.exposures import ExposureDays
from ..matching.pairs import by_day
from ..matching.warnings import Notifications, confirmed, f1_warnings, f2_warnings, in_time
from ..world.course import infectious_days
from ..world.risk import RiskyDays
from .context import SimulationContext
from .publishing import before_isolation, verdicts_of
from .tracing import exposure_days, follow

ProgressCallback = Callable[[float, str], None]


def evaluate(
    tracer: SimulationContext,
    cases: NDArray[np.int32],
    f2_cases: NDArray[np.int32],
    levels: list[float],
    progress: ProgressCallback,
) -> Evaluation:
    """Follows the cases to their F1s and, for ``f2_cases``, to the F2s.

    With ``radio.density = "off"`` the highest level answers every lower one by filtering on rank; with
    it on, each level has a radio of its own.
    """
    nested = tracer.scenario.radio.density == "off"
    followed = follow(tracer, cases, [max(levels)] if nested else sorted(set(levels)))
    return judged(tracer, cases, f2_cases, levels, *followed, progress)


def judged(
    tracer: SimulationContext,
    cases: NDArray[np.int32],
    f2_cases: NDArray[np.int32],
    levels: list[float],
    truth: RiskyDays,
    held_at: dict[float, ExposureDays],
    progress: ProgressCallback,
) -> Evaluation:
    """What :func:`evaluate` makes of cases that were followed.

    Args:
        truth: risky days of all contacts of the cases, also of days on which they were not infectious.
        held_at: what phones hold of the cases, at each level or at the highest.
    """
    scenario, world, clock = tracer.scenario, tracer.world, tracer.clock
    publication = scenario.publication
    nested = scenario.radio.density == "off"
    radio_levels = list(held_at)
    course = scenario.index_cases.course
    if course is not None:
        truth = infectious_days(truth, course, world.seed, tracer.days, tracer.published_s)
    progress(0.4, "F1")

    def at(table: dict[float, ExposureDays], level: float) -> ExposureDays:
        if not nested:
            return table[level]
        top = table[max(levels)]
        return top.take(
            np.flatnonzero((world.rank[top.source] < level) & (world.rank[top.person] < level))
        )

    held = [before_isolation(tracer, at(held_at, level)) for level in levels]
    verdicts = [verdicts_of(tracer, h) for h in held]
    matched = [
        f1_warnings(world.seed, of_published, tracer.published_s, publication)
        for _, of_published in verdicts
    ]
    decided = [confirmed(world.seed, t, scenario.confirmation) for t in matched]
    timely = [in_time(t, publication) for t, _ in decided]
    f1 = [t.take(yes & ok) for (t, yes), ok in zip(decided, timely, strict=True)]
    late = [t.take(yes & ~ok) for (t, yes), ok in zip(decided, timely, strict=True)]
    unconfirmed = [t.take(~yes) for t, yes in decided]
    clock.lap("warnings")
    followed = [t.take(np.flatnonzero(np.isin(t.index_case, f2_cases))) for t in f1]
    f2: list[Notifications | None] = [None] * len(levels)
    if len(f2_cases):
        f2_at: dict[float, ExposureDays] = {}
        contacts = replace(tracer, symptoms=False)
        for i, level in enumerate(radio_levels):
            who = followed[levels.index(level)].person
            f2_at[level] = exposure_days(contacts, np.unique(who), level)
            progress(0.4 + 0.5 * (i + 1) / len(radio_levels), "F2")
        f2 = [
            f2_warnings(
                world.seed,
                followed[i],
                *verdicts_of(contacts, at(f2_at, level)),
                world.n_people,
                scenario.f2,
                publication,
                scenario.confirmation,
            )
            for i, level in enumerate(levels)
        ]
        clock.lap("warnings")
    local = tracer.days.pieces.local
    return Evaluation(
        cases=cases,
        f2_cases=f2_cases,
        risky=truth,
        held=[by_day(h, local[h.day]) for h in held],
        near_enough=[of_all for of_all, _ in verdicts],
        f1=f1,
        unconfirmed=unconfirmed,
        late=late,
        f2=f2,
    )


def index_cases(
    seed: int, n_people: int, count: int, known: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """``int32[count]``: distinct people in keyed order; fewer of them are a prefix.

    Args:
        seed: the run's.
        n_people: of whom they are.
        count: how many.
        known: ``int32[k]``, the people who can be cases, ascending; None for everybody.
    """
    key = np.uint64(rng.key(seed, "index_cases"))
    n = n_people if known is None else len(known)
    drawn = permute_many(key, np.arange(min(count, n)), n).astype(np.int32)
    return np.asarray(drawn if known is None else known[drawn])
