"""Day by day: who infects whom, becomes known, is told, and stays at home, in all arms at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...analysis.epidemic.result import Epidemic as EpidemicResult
from ...kernels.contacts.transmission import NEVER
from ...scenario.model import Scenario
from ...scenario.schema.epidemic import Epidemic
from ...tables.days import DAY_S
from ...world import World
from ..context import StageTimer
from .arms import policies_of
from .disease import courses, exponentials, infected_elsewhere, rates, uniforms
from .finding import Finder, Found, Policy, Told
from .fitting import fit
from .spread import spread
from .states import ELSEWHERE, ArmStates, Stay
from .tally import Tally
from .town import Town


def run_epidemic(
    scenario: Scenario,
    seed: int,
    threads: int,
    progress: Callable[[float], None],
    world: World | None = None,
) -> EpidemicResult:
    """An epidemic over one town.

    Args:
        scenario: with an epidemic.
        seed: of the town and all draws.
        threads: to use; no number depends on it.
        progress: called with the share done, day by day.
        world: of the scenario and the seed, where it is there already.

    Raises:
        InputError: there is no transmission that gives its R0, or no contacts on its days.
    """
    town = Town.build(scenario, seed, threads=threads, world=world)
    simulation = Simulation(town, policies_of(town))
    for day in range(town.n_days):
        simulation.step(day)
        progress((day + 1) / town.n_days)
    return simulation.result()


class Simulation:
    """All arms of an epidemic in one town, in step.

    Attributes:
        town, policies: what it is of.
        states: of everybody, after the last day that was stepped through.
        clock: seconds of contacts, tracing and the course of the disease.
    """

    def __init__(self, town: Town, policies: Sequence[Policy]):
        epidemic = town.scenario.epidemic
        assert epidemic is not None
        seed, n = town.world.seed, town.world.n_people
        self.town, self.policies, self._epidemic = town, list(policies), epidemic
        self.clock = StageTimer()
        course = courses(seed, n, epidemic.disease)
        strength, self.fitted = fit(town, epidemic, course)
        self.states = ArmStates.of(course, len(policies), town.look_back)
        self._rates = rates(seed, epidemic, strength)
        self._finder = Finder(town, self.policies)
        self._tally = Tally(town, self.policies, self.states)
        self.clock.lap("course")

    def result(self) -> EpidemicResult:
        """What came out."""
        town = self.town
        imports = self._epidemic.imports_per_day > 0
        arms = self._tally.arms(self._epidemic.disease, imports)
        return EpidemicResult(town.world.seed, town.world.n_people, self.fitted, arms)

    def step(self, day: int) -> None:
        """One day; days follow each other from 0 on."""
        town, states, seed = self.town, self.states, self.town.world.seed
        today = states.begin(day)
        self._tally.begin(day)
        elsewhere = infected_elsewhere(seed, self._epidemic, states.courses.immune, day)
        imported = states.infect_elsewhere(elsewhere, day)
        self._close(today.susceptible, imported)
        self.clock.lap("course")
        passed_on = spread(town, day, today, self._rates)
        self.clock.lap("contacts")
        infected = states.infect(passed_on)
        for k, (own, others) in enumerate(zip(infected, imported, strict=True)):
            self._fall_ill(k, np.concatenate([own, others]), day)
            self._tally.infected(k, day, own, others)
        known = states.known_on(day)
        self.clock.lap("course")
        found = self._finder.find(day, known, states)
        self.clock.lap("tracing")
        self._placebo(day, found)
        for k, of_arm in enumerate(found):
            self._tally.found(k, day, known[k], of_arm)
            self._respond(k, day, of_arm)
        self.clock.lap("course")

    @staticmethod
    def _close(susceptible: NDArray[np.uint64], imported: Sequence[NDArray[np.int64]]) -> None:
        """Who was infected as the day began is not susceptible on it."""
        for k, who in enumerate(imported):
            susceptible[who] &= ~(np.uint64(1) << np.uint64(k))

    def _table(self, k: int) -> Epidemic:
        table = self.policies[k].context.scenario.epidemic
        assert table is not None
        return table

    def _fall_ill(self, k: int, who: NDArray[np.int64], day: int) -> None:
        """The course of those infected today: who stays at home with symptoms, who is tested when."""
        table, states, seed = self._table(k), self.states, self.town.world.seed
        ill = who[states.courses.symptoms[who]]
        if not len(ill):
            return
        onset_s = states.infected_s[k, ill].astype(np.int64) + states.courses.onset_s[ill]
        stays = uniforms(seed, "symptomatic_isolates", ill) < table.behaviour.symptomatic_isolate
        stay = Stay(table.behaviour.isolation_days, isolated=True)
        states.stay(k, ill[stays], onset_s[stays], stay, day)
        tested = uniforms(seed, "tested", ill) < table.tests.symptomatic_share
        ill, onset_s = ill[tested], onset_s[tested]
        test_s = onset_s + _seconds(exponentials(seed, "seek", ill, table.tests.seek_after_days))
        result_s = test_s + _seconds(
            exponentials(seed, "result", ill, table.tests.result_after_days)
        )
        self._test(k, ill, test_s, result_s, uniforms(seed, "positive", ill), day)

    def _test(
        self,
        k: int,
        who: NDArray[np.int64],
        test_s: NDArray[np.int64],
        result_s: NDArray[np.int64],
        u: NDArray[np.float64],
        day: int,
    ) -> None:
        """Tests of people; those that are positive are known as cases with the result."""
        table, states, seed = self._table(k), self.states, self.town.world.seed
        infected_s = states.infected_s[k, who].astype(np.int64)
        found = infected_s != NEVER
        found &= test_s - infected_s >= table.tests.found_from_days * DAY_S
        found &= u < table.tests.sensitivity
        who, result_s = who[found], result_s[found]
        states.become_known(k, who, result_s)
        isolates = uniforms(seed, "confirmed_isolates", who) < table.behaviour.confirmed_isolate
        stay = Stay(table.behaviour.isolation_days, isolated=True, confirmed=True)
        states.stay(k, who[isolates], result_s[isolates], stay, day)

    def _placebo(self, day: int, found: list[Found]) -> None:
        """As many random users as another arm warns, at the same times."""
        names = [p.arm.name for p in self.policies]
        world = self.town.world
        for k, policy in enumerate(self.policies):
            if policy.arm.finds != "random" or policy.arm.as_many is None:
                continue
            _, told_s = first_told(found[names.index(policy.arm.as_many)].warned)
            users = np.flatnonzero(world.rank < policy.level)
            if not len(told_s) or not len(users):
                continue
            u = uniforms(world.seed, "placebo", users, day)
            who = users[np.argsort(u, kind="stable")[: len(told_s)]]
            told = Told.of(who, np.full(len(who), ELSEWHERE, np.int64), told_s[: len(who)])
            found[k] = found[k]._replace(warned=told)

    def _respond(self, k: int, day: int, found: Found) -> None:
        """Who is told stays at home and is tested, if they comply and are not known as cases."""
        who, told_s = first_told(found.warned, found.traced)
        if not len(who):
            return
        table, seed = self._table(k), self.town.world.seed
        tired = max(0.0, 1 - table.behaviour.fatigue_per_30_days * day / 30)
        heeds = uniforms(seed, "complies", who) < table.behaviour.compliance * tired
        heeds &= self.states.known_s[k, who] > told_s
        who, told_s = who[heeds], told_s[heeds]
        stay = Stay(table.behaviour.quarantine_days, isolated=False)
        self.states.stay(k, who, told_s, stay, day)
        tested = uniforms(seed, "warned_tested", who) < table.tests.warned_share
        who, told_s = who[tested], told_s[tested]
        wait = exponentials(seed, "warned_result", who, table.tests.result_after_days, day)
        u = uniforms(seed, "warned_positive", who, day)
        self._test(k, who, told_s, told_s + _seconds(wait), u, day)


def first_told(*tables: Told) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Everybody who is told, ascending, and when first."""
    person = np.concatenate([t.person for t in tables])
    told_s = np.concatenate([t.told_s for t in tables])
    order = np.lexsort((told_s, person))
    new = order[np.flatnonzero(np.diff(person[order], prepend=-1) != 0)]
    return person[new], told_s[new]


def _seconds(days: NDArray[np.float64]) -> NDArray[np.int64]:
    return (days * DAY_S).astype(np.int64)
