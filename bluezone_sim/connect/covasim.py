"""Covasim 4 over a town: its contacts as networks, its warnings as contact tracing.

Covasim gets pairs and dates alone, never a probability that somebody is found::

    import bluezone_sim as bz
    import covasim as cv
    from bluezone_sim.connect import Arm, Town
    from bluezone_sim.connect.covasim import Tracing, parameters

    town = Town.build(bz.load("town.toml"), days=75)
    tests = cv.test_prob(symp_prob=0.12, symp_quar_prob=0.5, test_delay=1)
    app = Tracing(town, Arm(name="app", level=0.6))
    sim = cv.Sim(**parameters(town), beta=0.001, interventions=[tests, app])
    sim.run()
    told = sim.get_intervention(Tracing).told  # the sim has copies; the town is one
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..scenario.schema.epidemic import Arm, Epidemic, Transmission
from ..simulation.epidemic.arms import policy_of
from ..simulation.epidemic.disease import exponentials, uniforms
from .courses import Course
from .edges import Edges, edges_of, remaining
from .town import Town, Warned, begins

try:
    import covasim as cv
    import starsim as ss
except ImportError as error:
    raise ImportError(
        "Covasim is not there; it comes with the extra epidemic: pip install 'bluezone-sim[epidemic]'"
    ) from error

VERSION = str(cv.__version__)
#: Layers of Covasim: contacts in the household, and all others.
HOME, ELSEWHERE = "h", "c"


def parameters(town: Town) -> dict[str, Any]:
    """What ``cv.Sim`` must be told of a town: its people, days, networks and first infections.

    ``beta`` is then the chance of an infection in a day by one minute that counts. Stays at home act in
    the networks, so Covasim's own factors of layers, isolation and quarantine are 1.

    Raises:
        InputError: the town has fewer than two days.
    """
    if town.n_days < 2:
        raise InputError(f"days: expected 2 or more for Covasim, found {town.n_days}")
    epidemic = _table(town)
    feed = _Feed(town, epidemic.transmission)
    same = {HOME: 1.0, ELSEWHERE: 1.0}
    return {
        "pop_size": town.world.n_people,
        "people": _People(town),
        "n_days": town.n_days - 1,  # Covasim counts the first day as day 0
        "start_day": str(town.scenario.date + dt.timedelta(days=1)),
        "pop_infected": epidemic.infected,
        "n_imports": epidemic.imports_per_day,
        "rand_seed": town.world.seed,
        "networks": [
            Meetings(feed, household=True, name=HOME),
            Meetings(feed, household=False, name=ELSEWHERE),
        ],
        "beta_layer": dict(same),
        "iso_factor": dict(same),
        "quar_factor": dict(same),
    }


def simulate(town: Town, arm: Arm, beta: float, **more: Any) -> Any:
    """Runs Covasim over a town, with its tests, tracing and app.

    Args:
        town: its scenario's ``[epidemic]`` says who is tested, isolates and complies.
        arm: what finds contacts.
        beta: chance of an infection in a day by one minute that counts.
        more: for ``cv.Sim``.

    Returns:
        The ``cv.Sim``, after its last day.
    """
    parts = [Testing(town, arm), Tracing(town, arm)]
    sim = cv.Sim(**parameters(town), beta=beta, interventions=parts, **{"verbose": 0, **more})
    sim.run()
    return sim


def course_of(town: Town, people: NDArray[np.integer], days: int) -> Course:
    """How the disease goes in people who are infected on the first day, as Covasim draws it."""
    given = parameters(town) | {"networks": [], "n_days": days - 1, "pop_infected": 0}
    given |= {"n_imports": 0, "verbose": 0, "interventions": [_Infect(people, days)]}
    sim = cv.Sim(**given)
    sim.run()
    covid, log = sim.diseases.covid, sim.get_intervention(_Infect)
    return Course(
        infectiousness=log.infectiousness,
        onset=covid.ti_symptomatic.raw[people].astype(np.float64),
        susceptibility=covid.rel_sus.raw[: town.world.n_people].astype(np.float64),
    )


class _Infect(cv.Intervention):
    """Infects people on the first day, and remembers how infectious they are on each."""

    def __init__(self, people: NDArray[np.integer], days: int):
        super().__init__()
        self.people = np.asarray(people, np.int64)
        self.infectiousness = np.zeros((days, len(self.people)))

    def step(self) -> None:
        covid, day = self.sim.diseases.covid, int(self.ti)
        if day == 0:
            covid.set_prognoses(ss.uids(self.people))
            return
        now = np.zeros(len(covid.rel_trans.raw))
        infectious = covid.infectious.uids
        now[np.asarray(infectious)] = covid.rel_trans[infectious]
        self.infectiousness[day] = now[self.people]


class Meetings(ss.Network):
    """A layer: the contacts of today's infectious people, in households or elsewhere.

    A contact that a stay at home prevents is not there; within a household infections are multiplied by
    ``epidemic.transmission.home_factor`` while either is at home.
    """

    def __init__(self, feed: _Feed, household: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.feed, self.household = feed, household

    def step(self) -> None:
        """Takes today's contacts."""
        sim = self.sim
        infectious = np.asarray(sim.diseases.covid.infectious.uids, np.int64)
        edges = self.feed.of(infectious, int(self.ti))
        alive = np.zeros(self.feed.town.world.n_people, np.bool_)
        alive[np.asarray(sim.people.auids)] = True
        rows = np.flatnonzero((edges.household == self.household) & alive[edges.b])
        self.edges.p1, self.edges.p2 = ss.uids(edges.a[rows]), ss.uids(edges.b[rows])
        self.edges.beta = edges.minutes[rows].astype(ss.dtypes.float)

    def net_beta(
        self, disease_beta: Any = None, inds: Any = None, disease: Any = None
    ) -> NDArray[np.floating]:
        """``float[e]``: chance of an infection by each edge, whoever is at home now."""
        e, town = self.edges, self.feed.town
        here = Edges(e.p1, e.p2, e.beta, np.full(len(e.p1), self.household))
        chance = -np.expm1(e.beta * np.log1p(-disease_beta))
        factor = self.feed.counts.home_factor
        chance = chance * remaining(here, _at_home(disease, town.world.n_people), factor)
        return np.asarray(chance if inds is None else chance[inds], ss.dtypes.float)


class Tracing(cv.contact_tracing):
    """Whom the cases of a day warn, by phones and tracers, as ``[[epidemic.arms]]`` has it.

    A case that Covasim has as diagnosed on a day became known on the day before, and its keys are
    published as that ends. Who complies is drawn once a person, ``epidemic.behaviour.compliance``.

    Attributes:
        told: everybody that was told, a table a day; also those who do not comply.
        at_home: ``bool[days, n_people]``, who was in quarantine or isolated, of days that have passed.
    """

    def __init__(self, town: Town, arm: Arm, **kwargs: Any):
        # A fault of the arm is one before the run.
        self.behaviour = _table(town, arm).behaviour
        super().__init__(quar_period=self.behaviour.quarantine_days, **kwargs)
        self.town, self.arm = town, arm
        self.told: list[Warned] = []
        self.at_home = np.zeros((0, town.world.n_people), np.bool_)

    def identify_contacts(self, sim: Any, trace_inds: Any) -> dict[int, Any]:
        """People to be told, by days until their quarantine begins."""
        day, cases = int(sim.ti), np.asarray(trace_inds, np.int64)
        if not len(cases) or day < 1:
            return {}
        onset = np.asarray(sim.diseases.covid.ti_symptomatic[trace_inds], np.float64)
        warned = self.town.warnings(cases, day - 1, self.arm, self.at_home, onset)
        self.told.append(warned)
        who, first = begins(warned, day)
        heeds = self._heeds(who, day)
        who, first = who[heeds], first[heeds]
        return {int(d) - day: ss.uids(who[first == d]) for d in np.unique(first)}

    def finish_step(self) -> None:
        """Remembers who was at home on the day that has passed."""
        now = _at_home(self.sim.diseases.covid, self.town.world.n_people)
        self.at_home = np.concatenate([self.at_home, now[None]])
        super().finish_step()

    def _heeds(self, who: NDArray[np.int64], day: int) -> NDArray[np.bool_]:
        tired = max(0.0, 1 - self.behaviour.fatigue_per_30_days * (day - 1) / 30)
        u = uniforms(self.town.world.seed, "complies", who)
        return np.asarray(u < self.behaviour.compliance * tired)


class Testing(cv.Intervention):
    """Tests and isolation as ``[epidemic.tests]`` and ``[epidemic.behaviour]`` have them.

    With what ``arm`` sets of them, in place of ``cv.test_prob``. Everybody's draws are those of the
    built-in engine. It stays Covasim's that only the infectious test positive, and that a diagnosed case
    isolates until it recovers.
    """

    def __init__(self, town: Town, arm: Arm | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.town, self.table = town, _table(town, arm)
        self.due: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = defaultdict(list)

    def step(self) -> None:
        """Who falls ill today, or was put in quarantine yesterday, is tested now or later."""
        covid, day = self.sim.diseases.covid, int(self.ti)
        table, seed = self.table, self.town.world.seed
        tests = table.tests
        ill = np.asarray((covid.ti_symptomatic == day).uids, np.int64)
        stays = uniforms(seed, "symptomatic_isolates", ill) < table.behaviour.symptomatic_isolate
        covid.isolated[ss.uids(ill[stays])] = True
        covid.date_end_isolation[ss.uids(ill[stays])] = day + table.behaviour.isolation_days
        ill = ill[uniforms(seed, "tested", ill) < tests.symptomatic_share]
        # Somebody falls ill at the middle of a day of Covasim's, which knows whole days alone.
        at = day + 0.5 + exponentials(seed, "seek", ill, tests.seek_after_days)
        self._plan(ill, at, at + exponentials(seed, "result", ill, tests.result_after_days))
        told = np.asarray((covid.date_quarantined == day - 1).uids, np.int64)
        told = told[uniforms(seed, "warned_tested", told) < tests.warned_share]
        wait = exponentials(seed, "warned_result", told, tests.result_after_days, day)
        self._plan(told, np.full(len(told), float(day)), day + wait)
        for who, delay in self.due.pop(day, ()):
            for days in np.unique(delay).tolist():
                some = ss.uids(who[delay == days])
                covid.test(some, test_sensitivity=tests.sensitivity, test_delay=days)

    def _plan(
        self, who: NDArray[np.int64], at: NDArray[np.float64], result: NDArray[np.float64]
    ) -> None:
        """Tests on the day of ``at``, whose result is known as the day of ``result`` ends."""
        day = at.astype(np.int64)
        delay = result.astype(np.int64) + 1 - day
        for d in np.unique(day).tolist():
            self.due[d].append((who[day == d], delay[day == d]))


class _People(cv.People):
    """The town's, with their ages."""

    def __init__(self, town: Town):
        super().__init__(town.world.n_people)
        self.town = town

    def init_vals(self) -> None:
        super().init_vals()
        self.age[:] = self.town.world.age.astype(np.float64)


class _Feed:
    """Contacts of a day, made once for both layers."""

    def __init__(self, town: Town, counts: Transmission):
        self.town, self.counts = town, counts
        self._now: tuple[int, Edges] | None = None

    def of(self, infectious: NDArray[np.int64], day: int) -> Edges:
        if self._now is None or self._now[0] != day:
            self._now = day, edges_of(self.town, infectious, day, self.counts)
        return self._now[1]


def _at_home(covid: Any, n: int) -> NDArray[np.bool_]:
    out = np.zeros(n, np.bool_)
    out[np.asarray((covid.isolated | covid.quarantined).uids)] = True
    return out


def _table(town: Town, arm: Arm | None = None) -> Epidemic:
    """The scenario's ``[epidemic]``, with what an arm sets in it."""
    scenario = town.scenario if arm is None else policy_of(town, arm).context.scenario
    assert scenario.epidemic is not None  # Town.build gives one
    return scenario.epidemic
