"""One way through: scenario, world, contacts, sightings, matches, warnings, result."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..analysis.adopters import AdopterRow, spread_of_adopters
from ..analysis.levels import histograms, level_metrics, warnings_table
from ..analysis.outcomes import outcomes_of
from ..analysis.radio_draws import with_radio_draws
from ..analysis.result import Metrics, RunResult
from ..errors import InputError
from ..kernels import rng
from ..kernels.threads import available_threads
from ..scenario.model import Scenario
from ..scenario.schema.radio import LEVEL_ERROR_DB
from ..tables.stages import OUTCOMES
from ..world import Trace, World, build_world
from ..world.trace_summary import TraceInfo, trace_info
from .campaign import run_campaign
from .context import SimulationContext, StageTimer
from .epidemic.over_seeds import check_seeds, run_epidemics
from .evaluating import ProgressCallback, evaluate, index_cases
from .memory import check_limit, peak_memory_mib
from .rehearsal import helped
from .sensitivity import sensitivity_rows


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
    if scenario.epidemic is not None:
        check_seeds(seed, scenario.epidemic.seeds)
    if threads is not None and threads < 1:
        raise InputError(f"threads: expected at least 1, found {threads}")
    check_limit(scenario)
    threads = threads or available_threads()
    silent: ProgressCallback = lambda done, stage: None  # noqa: E731
    with helped(scenario.protocol.name, threads, progress or silent) as report:
        return _run(scenario, seed, threads, report)


#: Share of a run's progress that is left to its epidemics.
_EPIDEMIC = 0.8


def _run(scenario: Scenario, seed: int, threads: int, whole: ProgressCallback) -> RunResult:
    """What is asked for is as it should be."""
    before = 1.0 if scenario.epidemic is None else 1.0 - _EPIDEMIC

    def report(done: float, stage: str) -> None:
        whole(before * done, stage)

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
    sensitivity = sensitivity_rows(tracer, len(drawn))
    clock.lap("sensitivity")
    epidemic = None
    if scenario.epidemic is not None:
        epidemic = run_epidemics(
            scenario,
            seed,
            threads,
            lambda done, stage: whole(before + _EPIDEMIC * done, stage),
            world,
        )
        clock.lap("epidemic")
    whole(1.0, "done")
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
        epidemic=epidemic,
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
