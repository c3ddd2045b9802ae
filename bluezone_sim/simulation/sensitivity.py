"""The sensitivity table: one assumption changed at a time; same cases, same draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..analysis.dyads import Fixed
from ..analysis.levels import Headline, headline
from ..analysis.outcomes import outcomes_of
from ..analysis.result import SensitivityRow
from ..matching.exposures import ExposureDays
from ..scenario import LeftOut, arm_scenario
from ..scenario.model import Scenario
from ..world import build_world
from ..world.people import world_inputs
from ..world.risk import RiskyDays
from .context import SimulationContext, StageTimer
from .evaluating import index_cases, judged
from .tracing import follow_arms, side_by_side


def sensitivity_rows(tracer: SimulationContext, count: int) -> tuple[SensitivityRow, ...]:
    """The scenario as it is, then with the changes of one arm at a time.

    Args:
        tracer: bound to the scenario.
        count: cases of the run; at most so many are followed.
    """
    asked, scenarios = tracer.scenario.sensitivity, [tracer.scenario]
    if asked is None:
        return ()
    rows = [SensitivityRow("as in the scenario", {})]
    for arm in asked.arms:
        changed = arm_scenario(tracer.scenario, arm)
        left_out = changed.why if isinstance(changed, LeftOut) else None
        rows.append(SensitivityRow(arm.label, dict(arm.set), left_out=left_out))
        if not isinstance(changed, LeftOut):
            scenarios.append(changed)
    tracer = replace(tracer, clock=StageTimer())  # the whole table is one stage
    found = iter(_headlines(tracer, scenarios, min(asked.cases, count), asked.level))
    return tuple(
        row if row.left_out is not None else replace(row, **next(found)._asdict()) for row in rows
    )


def _headlines(
    tracer: SimulationContext, scenarios: Sequence[Scenario], n_cases: int, share: float
) -> list[Headline]:
    """Of each scenario; those with the people, days and protocol of ``tracer`` are followed in step."""
    in_step = [k for k, s in enumerate(scenarios) if _in_step(s, tracer.scenario)]
    beside = _in_one_world(tracer, [scenarios[k] for k in in_step], n_cases, share)
    out = dict(zip(in_step, beside, strict=True))
    for k, scenario in enumerate(scenarios):
        if k not in out:
            same = world_inputs(scenario) == world_inputs(tracer.scenario)
            world = tracer.world if same else build_world(scenario, tracer.world.seed)
            own = SimulationContext.build(scenario, world, tracer.threads, tracer.clock)
            (out[k],) = _in_one_world(own, [scenario], n_cases, share)
    return [out[k] for k in range(len(scenarios))]


def _in_step(one: Scenario, other: Scenario) -> bool:
    same = ("timezone", "protocol")
    return world_inputs(one) == world_inputs(other) and all(
        getattr(one, name) == getattr(other, name) for name in same
    )


def _in_one_world(
    tracer: SimulationContext, scenarios: Sequence[Scenario], n_cases: int, share: float
) -> list[Headline]:
    """Of scenarios with the people, days and protocol of ``tracer``.

    Args:
        n_cases: to follow; the same people, unless an arm changes how many there are.
        share: of the smartphone owners run the app.
    """
    world, owners = tracer.world, tracer.scenario.population.smartphones
    most = min(n_cases, world.n_people)
    cases = np.sort(index_cases(world.seed, world.n_people, most, world.known_cases))
    users = round(share * owners)
    level = users / owners if owners else 0.0
    is_case = np.zeros(world.n_people, np.bool_)
    is_case[cases] = True
    fixed = Fixed(world.owner, world.rank < level, is_case)
    arms = [tracer.beside(scenario) for scenario in scenarios]
    found = follow_arms(tracer, arms, cases, level)

    def judge(
        own: SimulationContext, of: tuple[SimulationContext, tuple[RiskyDays, ExposureDays]]
    ) -> Headline:
        arm, (risky, held) = of
        arm = replace(arm, clock=own.clock)
        seen = judged(arm, cases, cases[:0], [level], risky, {level: held}, lambda *_: None)
        outcomes = outcomes_of(world, seen, [level], arm.phones_off(seen.risky))
        return headline(arm.scenario, world, seen, outcomes, users, fixed)

    return side_by_side(tracer, list(zip(arms, found, strict=True)), judge)
