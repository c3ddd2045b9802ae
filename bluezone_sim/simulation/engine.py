"""One way through: scenario, world, contacts, sightings, matches, warnings, result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..analysis.adopters import AdopterRow, spread_of_adopters
from ..analysis.evaluation import Evaluation
from ..analysis.levels import histograms, level_metrics, warnings_table
from ..analysis.outcomes import outcomes_of
from ..analysis.radio_draws import with_radio_draws
from ..analysis.result import Metrics, RunResult, SensitivityRow
from ..errors import InputError
from ..kernels import rng
from ..kernels.contacts.meetings import permute_many
from ..kernels.threads import available_threads
from ..matching.exposures import ExposureDays
from ..matching.pairs import by_day
from ..matching.warnings import Notifications, confirmed, f1_warnings, f2_warnings, in_time
from ..scenario import LeftOut, arm_scenario
from ..scenario.model import Scenario
from ..scenario.schema.radio import LEVEL_ERROR_DB
from ..tables.stages import OUTCOMES
from ..world import Trace, World, build_world
from ..world.course import infectious_days
from ..world.people import world_inputs
from ..world.trace_summary import TraceInfo, trace_info
from .campaign import run_campaign
from .context import SimulationContext, StageTimer
from .memory import check_limit, peak_memory_mib
from .publishing import before_isolation, verdicts_of
from .rehearsal import helped
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
    scenario, world, clock = tracer.scenario, tracer.world, tracer.clock
    publication = scenario.publication
    nested = scenario.radio.density == "off"
    radio_levels = [max(levels)] if nested else sorted(set(levels))
    truth, held_at = follow(tracer, cases, radio_levels)
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


def run(
    scenario: Scenario,
    seed: int | None = None,
    *,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
) -> RunResult:
    """What :func:`bluezone_sim.run` gives, without its report."""
    seed = scenario.seed if seed is None else seed
    if seed < 0 or seed >= 2**63:
        raise InputError(f"seed: expected 0 <= seed < 2**63, found {seed}")
    if threads is not None and threads < 1:
        raise InputError(f"threads: expected at least 1, found {threads}")
    check_limit(scenario)
    threads = threads or available_threads()
    silent: ProgressCallback = lambda done, stage: None  # noqa: E731
    with helped(scenario.protocol.name, threads, progress or silent) as report:
        return _run(scenario, seed, threads, report)


def _run(scenario: Scenario, seed: int, threads: int, report: ProgressCallback) -> RunResult:
    """What is asked for is as it should be."""
    began = time.perf_counter()
    clock = StageTimer()
    report(0.0, "population")
    world = build_world(scenario, seed)
    clock.lap("population")
    tracer = SimulationContext.build(scenario, world, threads, clock)
    owners = scenario.population.smartphones
    users = scenario.level_users()
    levels = [u / owners if owners else 0.0 for u in users]
    drawn = index_cases(seed, world.n_people, scenario.index_cases.count, world.known_cases)
    followed = np.sort(drawn[: scenario.index_cases.f2_count])
    evaluation = evaluate(tracer, np.sort(drawn), followed, levels, report)
    outcomes = outcomes_of(world, evaluation, levels, tracer.phones_off(evaluation.risky))
    metrics = level_metrics(scenario, world, evaluation, outcomes, tracer.days)
    clock.lap("metrics")
    if scenario.radio.draws:
        recall = _over_radios(tracer, np.sort(drawn), levels)
        metrics = with_radio_draws(metrics, recall)
        clock.lap("radio draws")
    adopters = _adopters(tracer, np.sort(drawn))
    campaign = None
    if scenario.campaign is not None:
        campaign = run_campaign(
            scenario,
            world,
            np.sort(drawn),
            threads,
            clock,
            lambda done: report(0.9 + 0.1 * done, "campaign"),
        )
    report(0.9, "sensitivity")
    sensitivity = _sensitivity(tracer, len(drawn))
    clock.lap("sensitivity")
    report(1.0, "done")
    return RunResult(
        scenario=scenario,
        seed=seed,
        metrics=Metrics(metrics),
        outcomes=outcomes,
        warnings=warnings_table(evaluation, tracer.days),
        n_risky_pairs=len(evaluation.risky.first),
        n_f0=len(evaluation.cases),
        n_f2_cases=len(followed),
        sensitivity=sensitivity,
        histograms=histograms(evaluation, levels),
        stages_s=dict(clock.stages_s),
        seconds=time.perf_counter() - began,
        peak_memory_mib=peak_memory_mib(),
        threads=threads,
        adopters=adopters,
        campaign=campaign,
        trace=_trace(scenario, world),
    )


def _trace(scenario: Scenario, world: World) -> TraceInfo | None:
    """What is in the contact trace, where contacts are of one."""
    if not isinstance(world.brought, Trace):
        return None
    found = trace_info(world.brought)
    if "timezone" in scenario.model_fields_set:
        return found
    note = f"its days are taken as those of {scenario.timezone}: the scenario says no timezone"
    return replace(found, notes=(*found.notes, note))


def _over_radios(
    tracer: SimulationContext, cases: NDArray[np.int32], levels: list[float]
) -> NDArray[np.float64]:
    """``float64[draws, levels]``: recall over draws of A(1 m) and of the places."""
    n, seed = tracer.scenario.radio.draws, tracer.world.seed
    off_db = LEVEL_ERROR_DB * rng.normals(rng.key(seed, "scene", 0), np.arange(n))
    out = np.zeros((n, len(levels)))
    for d in range(n):
        own = tracer.radio
        radio = replace(
            own,
            air=own.air._replace(attenuation_1m_db=own.air.attenuation_1m_db + float(off_db[d])),
            streams=own.streams._replace(scene=np.uint64(rng.key(seed, "scene", d + 1))),
        )
        other = replace(tracer, radio=radio, clock=StageTimer())
        found = evaluate(other, cases, cases[:0], levels, lambda done, stage: None)
        outcomes = outcomes_of(tracer.world, found, levels, other.phones_off(found.risky))
        warned = outcomes.outcome == OUTCOMES.index("warned")
        total = np.bincount(outcomes.level_index, minlength=len(levels))
        hits = np.bincount(outcomes.level_index[warned], minlength=len(levels))
        out[d] = hits / np.maximum(total, 1)
    return out


def _adopters(tracer: SimulationContext, cases: NDArray[np.int32]) -> tuple[AdopterRow, ...]:
    """What is found over draws of who adopts, from one evaluation with everybody's app."""
    scenario, world = tracer.scenario, tracer.world
    if not scenario.adoption.draws:
        return ()
    found = evaluate(tracer, cases, cases[:0], [1.0], lambda done, stage: None)
    outcomes = outcomes_of(world, found, [1.0], tracer.phones_off(found.risky))
    rows = spread_of_adopters(scenario, world, outcomes)
    tracer.clock.lap("adopters")
    return rows


def _sensitivity(tracer: SimulationContext, count: int) -> tuple[SensitivityRow, ...]:
    """The scenario as it is, then one assumption changed at a time; same cases, same draws."""
    scenario = tracer.scenario
    if scenario.sensitivity is None:
        return ()
    n = min(scenario.sensitivity.cases, count)
    rows = []
    for arm in (None, *scenario.sensitivity.arms):
        changed = scenario if arm is None else arm_scenario(scenario, arm)
        label, changes = ("as in the scenario", {}) if arm is None else (arm.label, dict(arm.set))
        if isinstance(changed, LeftOut):
            rows.append(SensitivityRow(label, changes, left_out=changed.why))
            continue
        same = world_inputs(changed) == world_inputs(scenario)
        world = tracer.world if same else build_world(changed, tracer.world.seed)
        other = SimulationContext.build(changed, world, tracer.threads, StageTimer())
        # The same people, unless the arm changes how many there are.
        most = min(n, world.n_people)
        cases = np.sort(index_cases(world.seed, world.n_people, most, world.known_cases))
        owners = changed.population.smartphones
        users = round(scenario.sensitivity.level * owners)
        levels = [users / owners if owners else 0.0]
        found = evaluate(other, cases, cases[:0], levels, lambda done, stage: None)
        outcomes = outcomes_of(world, found, levels, other.phones_off(found.risky))
        (metrics,) = level_metrics(changed, world, found, outcomes, other.days, [users])
        rows.append(
            SensitivityRow(
                label=label,
                changes=changes,
                recall=metrics.recall,
                recall_ci95=metrics.recall_ci95,
                precision=metrics.precision,
                n_warned_f1=metrics.n_warned_f1,
            )
        )
    return tuple(rows)
