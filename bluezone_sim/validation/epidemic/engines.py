"""The built-in engine and Covasim over one town, with and without the app, and why they differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..._version import NUMERIC_VERSION, SCHEMA_VERSION
from ...analysis.epidemic.result import DAILY
from ...connect import Arm, Town
from ...connect.courses import Passed, fit_beta, like
from ...errors import InputError
from ...kernels.contacts.meetings import permute_many
from ...scenario.model import Scenario
from ...simulation.epidemic.arms import policies_of
from ...simulation.epidemic.disease import stream
from ...simulation.epidemic.engine import Simulation
from ...tables.table import Table
from ...tables.words import percent
from .scaled import compared

#: People on whose course in Covasim transmission is fitted, since 2,000 leave 7 % to chance, so unequal
#: are they; and days that a course may last.
SAMPLE, _COURSE_DAYS = 10_000, 60
_QUARANTINED, _INFECTED = DAILY.index("quarantined"), DAILY.index("infected")


@dataclass(frozen=True)
class EngineRun:
    """One engine with one course of the disease, in one town.

    Attributes:
        seed: of the town.
        r0, generation_days, presymptomatic_share: of transmission where nobody is at home.
        attack_rate: share infected, without and with the app.
        quarantine_days_per_person: the same two.
    """

    seed: int
    r0: float
    generation_days: float
    presymptomatic_share: float
    attack_rate: tuple[float, float]
    quarantine_days_per_person: tuple[float, float]


@dataclass(frozen=True)
class Engine:
    """Runs of an engine, one a seed.

    Attributes:
        name: of it and its course.
        disease: values of ``[epidemic.disease]`` that differ from the scenario's, by seed; empty for
            Covasim, which has its own.
        runs: seeds ascending.
    """

    name: str
    disease: tuple[dict[str, float], ...]
    runs: tuple[EngineRun, ...]

    @property
    def averted(self) -> float | None:
        """Share of infections without the app that there are not with it: a ratio of sums over seeds."""
        without = sum(run.attack_rate[0] for run in self.runs)
        return 1 - sum(run.attack_rate[1] for run in self.runs) / without if without else None


@dataclass(frozen=True)
class EngineComparison:
    """All engines on the same towns."""

    scenario: str
    people: int
    days: int
    arms: tuple[str, str]
    covasim: str
    engines: tuple[Engine, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "schema_version": SCHEMA_VERSION,
            "numeric_version": NUMERIC_VERSION,
            "scenario": self.scenario,
            "people": self.people,
            "days": self.days,
            "arms": list(self.arms),
            "covasim": self.covasim,
            "engines": [
                {
                    "name": e.name,
                    "averted": e.averted,
                    "runs": [
                        asdict(run) | {"disease": disease}
                        for run, disease in zip(e.runs, e.disease, strict=True)
                    ],
                }
                for e in self.engines
            ],
        }


def compare_engines(
    scenario: Scenario,
    seeds: Sequence[int],
    *,
    threads: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> EngineComparison:
    """The same people, contacts, phones, tests and behaviour under four courses of disease.

    The built-in engine with the scenario's course, with Covasim's timing in it, with that and Covasim's
    strength; and Covasim itself. Transmission is fitted to the same R0 in each.

    Args:
        scenario: with ``[epidemic]``.
        seeds: of towns.
        threads: to use; no number depends on it.
        progress: called with the share done and what is next.

    Raises:
        InputError: Covasim is not installed, the scenario has no arm with an app, or transmission cannot
            be fitted.
    """
    version = covasim_version()
    arms = compared(scenario)
    assert scenario.epidemic is not None
    table = scenario.epidemic.model_copy(update={"arms": list(arms)})
    scenario = scenario.model_copy(update={"epidemic": table})
    names = ("built-in", "built-in, Covasim's timing", "built-in, Covasim's course", "Covasim")
    found: list[list[tuple[EngineRun, dict[str, float]]]] = [[] for _ in names]
    for k, seed in enumerate(seeds):
        for i, (name, one) in enumerate(zip(names, _each(scenario, seed, threads), strict=True)):
            found[i].append(one)
            if progress is not None:
                progress((k + (i + 1) / len(names)) / len(seeds), name)
    return EngineComparison(
        scenario=scenario.name,
        people=scenario.population.people,
        days=table.days,
        arms=(arms[0].name, arms[1].name),
        covasim=version,
        engines=tuple(
            Engine(name, tuple(d for _, d in runs), tuple(r for r, _ in runs))
            for name, runs in zip(names, found, strict=True)
        ),
    )


def covasim_version() -> str:
    """Which Covasim is installed.

    Raises:
        InputError: none.
    """
    try:
        with redirect_stdout(sys.stderr):  # where Covasim's licence is not in the way of a document
            from ...connect.covasim import VERSION
    except ImportError:
        raise InputError('Covasim is not installed: pip install "bluezone-sim[epidemic]"') from None
    return VERSION


def _each(scenario: Scenario, seed: int, threads: int | None) -> Any:
    """Runs of the four, one after the other, each with the values of its disease."""
    from ...connect.covasim import course_of

    town = Town.build(scenario, seed, threads=threads)
    yield _built_in(town, {}), {}
    n = town.world.n_people
    key = np.uint64(stream(seed, "fit"))
    people = np.sort(permute_many(key, np.arange(min(SAMPLE, n)), n))
    course = course_of(town, people, min(_COURSE_DAYS, town.n_days))
    timing, strength = like(course)
    for changes in (timing, timing | strength):
        yield _built_in(town, changes), changes
    table = town.scenario.epidemic
    assert table is not None
    passed = fit_beta(town, people, course, table.transmission, table.r0)
    yield _covasim(town, passed), {}


def _built_in(town: Town, disease: dict[str, float]) -> EngineRun:
    """The built-in engine, with some values of the disease changed."""
    table = town.scenario.epidemic
    assert table is not None
    changed = table.model_copy(update={"disease": table.disease.model_copy(update=disease)})
    scenario = town.scenario.model_copy(update={"epidemic": changed})
    here = Town.build(scenario, town.world.seed, threads=town.context.threads, world=town.world)
    simulation = Simulation(here, policies_of(here))
    for day in range(here.n_days):
        simulation.step(day)
    found = simulation.result()
    n = found.people
    without, with_app = (arm.days for arm in found.arms)
    return EngineRun(
        found.seed,
        found.fitted.r0,
        found.fitted.generation_days,
        found.fitted.presymptomatic_share,
        (float(without[:, _INFECTED].sum() / n), float(with_app[:, _INFECTED].sum() / n)),
        (float(without[:, _QUARANTINED].sum() / n), float(with_app[:, _QUARANTINED].sum() / n)),
    )


def _covasim(town: Town, passed: Passed) -> EngineRun:
    """Covasim, in which nobody is infected twice."""
    assert town.scenario.epidemic is not None
    arms = [_by_covasim(town, arm, passed.beta) for arm in town.scenario.epidemic.arms]
    (without, days), (with_app, days_with) = arms
    return EngineRun(
        town.world.seed,
        passed.r0,
        passed.generation_days,
        passed.presymptomatic_share,
        (without, with_app),
        (days, days_with),
    )


def _by_covasim(town: Town, arm: Arm, beta: float) -> tuple[float, float]:
    from ...connect.covasim import simulate

    sim, n = simulate(town, arm, beta, use_waning=False), town.world.n_people
    infected = np.isfinite(sim.diseases.covid.ti_exposed.raw[:n]).sum()
    return float(infected / n), float(np.sum(sim.results["n_quarantined"]) / n)


def table(found: EngineComparison) -> Table:
    """A row an engine, means over seeds."""
    heads = (
        "engine and course",
        "R0",
        "generation\ndays",
        "before\nonset %",
        "attack rate\nwithout",
        "attack rate\nwith",
        "averted %",
        "quarantine days\nwithout / with",
    )
    rows = [_row(engine) for engine in found.engines]
    note = (
        f"{found.people:,} people, {found.days} days, seeds: {len(found.engines[0].runs)}, Covasim "
        f"{found.covasim}. Without: {found.arms[0]}; with: {found.arms[1]}. Transmission is fitted to "
        "one R0. Timing: incubation, latent time and infectiousness about onset as Covasim draws them; "
        "course: also who has no symptoms, how infectious they are, and how unequal people are."
    )
    return Table.of_text("The same scenario on two engines", heads, rows, left=1, note=note)


def _row(engine: Engine) -> list[str]:
    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    runs = engine.runs
    quarantine = [mean([r.quarantine_days_per_person[k] for r in runs]) for k in range(2)]
    return [
        engine.name,
        f"{mean([r.r0 for r in runs]):.2f}",
        f"{mean([r.generation_days for r in runs]):.1f}",
        percent(mean([r.presymptomatic_share for r in runs])),
        f"{mean([r.attack_rate[0] for r in runs]):.3f}",
        f"{mean([r.attack_rate[1] for r in runs]):.3f}",
        "" if engine.averted is None else percent(engine.averted),
        f"{quarantine[0]:.1f} / {quarantine[1]:.1f}",
    ]
