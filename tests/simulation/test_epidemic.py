"""An epidemic in step: infections as a naive twin has them, what is conserved, what arms do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluezone_sim import protocols
from bluezone_sim.errors import InputError
from bluezone_sim.kernels.contacts.transmission import NEVER, States
from bluezone_sim.simulation.epidemic import fitting, spread
from bluezone_sim.simulation.epidemic.arms import policies_of
from bluezone_sim.simulation.epidemic.disease import courses, profile, rates, uniforms
from bluezone_sim.simulation.epidemic.engine import Simulation, first_told
from bluezone_sim.simulation.epidemic.finding import Told
from bluezone_sim.simulation.epidemic.states import ELSEWHERE
from bluezone_sim.simulation.epidemic.town import Town, doses
from bluezone_sim.tables.days import DAY_S
from helpers.outbreaks import APP, HAND, HINCH, NONE, PLACEBO, RISKY, outbreak, simulated
from twins import naive_transmission as naive

ALL = [HAND, APP, PLACEBO, RISKY, HINCH, NONE]


def some_states(town, epidemic, arms=3, seed=5):
    """A third infectious, a third susceptible, a fifth at home, in each arm others."""
    n = town.world.n_people
    random = np.random.default_rng(seed)
    course = courses(town.world.seed, n, epidemic.disease)
    infected_s = np.where(
        random.random((arms, n)) < 0.5, -random.integers(0, 15 * DAY_S, (arms, n)), NEVER
    ).astype(np.int32)
    infectious, susceptible, home = np.zeros((3, n), np.uint64)
    for arm in range(arms):
        bit = np.uint64(1 << arm)
        infectious[infected_s[arm] != NEVER] |= bit
        susceptible[infected_s[arm] == NEVER] |= bit
        home[random.random(n) < 0.2] |= bit
    return States(infectious, susceptible, home, infected_s, course.onset_s, course.strength)


def as_set(found):
    return set(zip(*(column.tolist() for column in found), strict=True))


@pytest.mark.parametrize("dose", ["inverse-square", "two-metres", "room"])
def test_a_day_s_infections_are_those_of_the_naive_twin(dose):
    table = {"dose": dose, "household_cap_min": 45.0}
    town = Town.build(outbreak([HAND], people=250, transmission=table), 3, threads=1)
    epidemic = town.scenario.epidemic
    states, how = some_states(town, epidemic), rates(3, epidemic, 0.3)
    expected = set()
    for piece in town.whole_day(2, lambda piece: piece.take(np.arange(len(piece)))):
        expected |= naive.infections(piece, town.midnight_s, states, how, dose)
    assert len(expected) > 100
    whole = town.whole_day(2, lambda piece: spread._of(town, piece, states, how, one_way=False))
    assert set().union(*map(as_set, whole)) == expected
    people = np.flatnonzero(states.infectious)
    assert as_set(spread._alone(town, people, 2, states, how)) == expected


@pytest.mark.parametrize("dose", ["inverse-square", "two-metres", "room"])
def test_minutes_that_count_are_those_of_the_naive_twin(dose):
    scenario = outbreak([HAND], people=250, transmission={"dose": dose, "household_cap_min": 30.0})
    town = Town.build(scenario, 3, threads=1)
    # Everybody's, so that each contact is there from both ends, often one after the other.
    contacts = town.contacts(np.arange(250), 1)
    expected = naive.minutes_that_count(contacts, dose, 30.0)
    found = doses(contacts, scenario.epidemic.transmission)
    assert found == pytest.approx(expected, abs=1e-9)
    exposure = town.exposure(contacts, scenario.epidemic.transmission)
    assert exposure.minutes.sum() == pytest.approx(sum(expected))
    assert exposure.minutes[exposure.household].max() >= 30.0
    same = {(a, b): m for a, b, m, _ in zip(*exposure, strict=True)}
    assert all(same[b, a] == pytest.approx(m) for (a, b), m in same.items())


def test_infectiousness_is_that_of_the_literature():
    shape, first = profile(outbreak([HAND]).epidemic.disease)
    days = (np.arange(len(shape)) + first + 0.5) / 24
    assert shape.sum() == pytest.approx(24)
    # Ashcroft et al. 2020, the correction of He et al.: 44 % before onset, with a mean half a day after.
    assert shape[days < 0].sum() / 24 == pytest.approx(0.44, abs=0.02)
    assert (shape * days).sum() / 24 == pytest.approx(97.19 / 3.719 - 25.63, abs=0.01)


def state_of(simulation, arm=0):
    states = simulation.states
    names = ("infected_s", "source", "known_s", "quarantined_until", "isolated_until")
    return [getattr(states, name)[arm].tobytes() for name in names]


def test_threads_change_nothing():
    scenario = outbreak(ALL)
    one, three = simulated(scenario, threads=1), simulated(scenario, threads=3)
    for arm in range(len(ALL)):
        assert state_of(one, arm) == state_of(three, arm)
    assert one.fitted == three.fitted


@pytest.mark.slow
def test_an_arm_does_not_depend_on_the_others():
    # Two levels of one app hold the same records, which are made once for both.
    half = {**APP, "name": "half", "level": 0.5}
    together = simulated(outbreak([*ALL, half], people=800, days=30))
    assert infections(together) > 100
    for arm, own in ((0, [HAND]), (1, [APP]), (4, [HINCH]), (5, [NONE]), (6, [half])):
        alone = simulated(outbreak(own, people=800, days=30))
        assert state_of(alone) == state_of(together, arm)


def both_ways(simulation, town, day, person, source, at_s):
    """Settings of the segments of two people that begin at a second."""
    contacts = town.contacts(np.array([source]), day)
    here = (contacts.b == person) & (contacts.start_s == town.midnight_s + at_s)
    return set(contacts.setting[here].tolist())


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10_000),
    r0=st.floats(1.0, 6.0),
    compliance=st.floats(0, 1),
    quarantine=st.integers(1, 30),
    imports=st.sampled_from([0.0, 0.5]),
    immune=st.sampled_from([0.0, 0.3]),
)
def test_what_is_conserved(seed, r0, compliance, quarantine, imports, immune):
    scenario = outbreak(
        ALL, people=300, days=18, r0=r0, imports_per_day=imports,
        disease={"immune_share": immune},
        behaviour={"compliance": compliance, "quarantine_days": quarantine},
    )  # fmt: skip
    town = Town.build(scenario, seed, threads=1)
    simulation = Simulation(town, policies_of(town))
    states, home = simulation.states, {}
    first = states.infected_s.copy()
    for day in range(town.n_days):
        simulation.step(day)
        home[day] = states.home[day % states.look_back].copy()
        before = first != NEVER
        assert (states.infected_s[before] == first[before]).all()  # nobody twice
        first = states.infected_s.copy()
    for arm, tally in enumerate(simulation.result().arms):
        infected_s, source = states.infected_s[arm], states.source[arm]
        infected = infected_s != NEVER
        assert tally.days[:, 0].sum() == infected.sum()
        assert (source[~infected] == ELSEWHERE).all()
        assert not (infected & states.courses.immune).any()
        assert tally.days[:, 1].sum() == (infected & (source == ELSEWHERE)).sum()
        for person in np.flatnonzero(infected & (source != ELSEWHERE)).tolist():
            by, at = int(source[person]), int(infected_s[person])
            assert at - infected_s[by] >= DAY_S  # not while latent
            # near, and neither at home outside their household
            settings_of = both_ways(simulation, town, at // DAY_S, person, by, at)
            assert settings_of
            confined = (home[at // DAY_S][person] | home[at // DAY_S][by]) >> np.uint64(arm)
            if confined & np.uint64(1):
                assert 0 in settings_of


@pytest.mark.slow
def test_the_first_infect_as_many_as_the_fit_says():
    off = {
        "tests": {"symptomatic_share": 0.0},
        "behaviour": {"symptomatic_isolate": 0.0},
        "infected": 40,
        "days": 28,
        "r0": 2.0,
    }
    found, expected = [], []
    for seed in range(8):
        simulation = simulated(outbreak([NONE], people=20_000, **off), seed)
        infected_s, source = simulation.states.infected_s[0], simulation.states.source[0]
        count = np.bincount(source[source != ELSEWHERE], minlength=len(source))
        found += count[infected_s == 0].tolist()
        expected.append(people_at_random(simulation))
        assert simulation.fitted.r0 == pytest.approx(2.0)
    mean, error = np.mean(found), np.std(found) / len(found) ** 0.5
    assert error < 0.15
    assert mean == pytest.approx(np.mean(expected), abs=3.3 * error)
    # Whom the first infect pass on more than people do at random: they meet more.
    assert np.mean(expected) < 1.9


def people_at_random(simulation):
    """Mean number that a person drawn at random infects, of the pairs that R0 is fitted on."""
    town, epidemic = simulation.town, simulation.town.scenario.epidemic
    sample = np.arange(0, town.world.n_people, 10, dtype=np.int32)
    pairs = fitting._pairs(town, epidemic, simulation.states.courses, sample)
    chance = fitting._infected(pairs, simulation.fitted.strength, epidemic.disease)
    return chance.sum() / len(sample)


def test_an_r0_that_people_cannot_reach_is_refused():
    scenario = outbreak([NONE], people=30, r0=500.0)
    with pytest.raises(InputError, match=r"epidemic\.r0: expected at most \d+\.\d\d, .* found 500"):
        simulated(scenario)


# -- what ought to be equal, and ends ------------------------------------------------------------------


def infections(simulation, arm=0):
    return int(simulation._tally._days[arm, :, 0].sum())


def test_compliance_0_is_no_app_and_no_tracing():
    table = {"people": 1200, "days": 40, "behaviour": {"compliance": 0.0}}
    of = simulated(outbreak([HAND, APP, HINCH, NONE], **table))
    assert infections(of, 0) > 300
    assert of._tally._days[1, :, 4].sum() > 500  # many are warned
    for arm in (1, 2, 3):
        assert state_of(of, arm) == state_of(of, 0)


def test_with_compliance_1_everybody_who_is_told_is_at_home():
    app = {**APP, "manual": False}
    table = {"people": 2000, "days": 45, "behaviour": {"compliance": 1.0}}
    town = Town.build(outbreak([app], publication={"consent": 1.0}, **table), 1)
    simulation = Simulation(town, policies_of(town))
    told, respond = [], simulation._respond

    def seen(k, day, found):
        told.append((day, *first_told(found.warned)))
        respond(k, day, found)

    simulation._respond = seen
    checked = 0
    for day in range(town.n_days):
        simulation.step(day)
        for since, who, at_s in told:
            begins = np.maximum((at_s + DAY_S // 2) // DAY_S, since + 1)
            stays = who[(begins <= day) & (day < begins + 14)]
            known = simulation.states.known_s[0, stays] < (day + 1) * DAY_S
            bits = simulation.states.home[day % 14][stays[~known]]
            assert (bits & np.uint64(1)).all()
            checked += len(bits)
    assert checked > 5000


@pytest.mark.parametrize("fatigue", [0.5, 1.0])
def test_fatigue_takes_compliance_by_the_day(monkeypatch, fatigue):
    """The same people each time; of all at the start, so many fewer after thirty days."""
    behaviour = {"compliance": 1.0, "fatigue_per_30_days": fatigue}
    town = Town.build(outbreak([HAND], people=2000, days=40, behaviour=behaviour), 1, threads=2)
    simulation = Simulation(town, policies_of(town))
    stay, respond, told, stayed = type(simulation.states).stay, simulation._respond, [], []

    def begins(states, arm, who, from_s, how, today):
        if not how.isolated:
            stayed.append((today, set(who.tolist())))
        stay(states, arm, who, from_s, how, today)

    def seen(k, day, found):
        who, told_s = first_told(found.traced)
        who = who[simulation.states.known_s[k, who] > told_s]
        still = uniforms(1, "complies", who) < 1 - fatigue * day / 30
        told.append((day, set(who[still].tolist()), len(who)))
        respond(k, day, found)

    monkeypatch.setattr(type(simulation.states), "stay", begins)
    simulation._respond = seen
    for day in range(town.n_days):
        simulation.step(day)
    expected = [(day, who) for day, who, n in told if n]
    assert [(day, who) for day, who in stayed if who] == [(d, w) for d, w in expected if w]
    late = [(who, n) for day, who, n in told if day >= 30]
    assert sum(n for _, n in late) > 50
    assert (sum(len(who) for who, _ in late) == 0) == (fatigue == 1.0)


def test_what_an_arm_assumes_is_told_as_the_day_of_the_result_ends():
    town = Town.build(outbreak([RISKY, HINCH], people=1500, days=30), 1, threads=2)
    simulation = Simulation(town, policies_of(town))
    told, respond = [], simulation._respond

    def seen(k, day, found):
        told.extend((k, day, s) for s in found.warned.told_s.tolist())
        respond(k, day, found)

    simulation._respond = seen
    for day in range(town.n_days):
        simulation.step(day)
    assert {k for k, _, _ in told} == {0, 1}
    assert all(s == (day + 1) * DAY_S for _, day, s in told)


def test_who_is_imported_into_an_arm_is_not_susceptible_in_it_alone():
    susceptible = np.array([0b11, 0b11, 0b10], np.uint64)
    Simulation._close(susceptible, [np.array([0, 2]), np.array([1])])
    assert susceptible.tolist() == [0b10, 0b01, 0b10]


def test_quarantine_longer_than_the_look_back():
    table = {"people": 900, "days": 60, "look_back_days": 5, "behaviour": {"quarantine_days": 40}}
    long = simulated(outbreak([HAND, APP], **table))
    short = simulated(outbreak([HAND, APP], **{**table, "behaviour": {"quarantine_days": 4}}))
    at_home = [int(s._tally._days[1, :, 6].sum()) for s in (short, long)]
    assert at_home[1] > 2 * at_home[0] > 0
    # Nobody has been told longer ago than they stay at home.
    until = long.states.quarantined_until[1]
    assert until.max() > 60 + 30
    assert set(until[until > 0].tolist()) <= set(range(40, 60 + 40 + 4))
    assert infections(long, 1) < infections(short, 1)


def test_everybody_infected_or_immune():
    everybody = simulated(outbreak(ALL, people=300, infected=300))
    for tally in everybody.result().arms:
        assert tally.days[:, 0].tolist() == [300] + [0] * 24
    nobody = simulated(outbreak(ALL, people=300, disease={"immune_share": 1.0}))
    for tally in nobody.result().arms:
        assert not tally.days.any()
        assert tally.over


def test_imports_into_a_town_without_phones():
    table = {"people": 800, "days": 30, "infected": 0, "imports_per_day": 0.7}
    found = simulated(outbreak([HAND, APP, RISKY], phones=0.0, **table)).result()
    hand, app, risky = found.arms
    assert 8 <= hand.days[:, 1].sum() <= 35  # 21 expected, 4.6 either way
    assert hand.days[:, 0].sum() > hand.days[:, 1].sum()
    for arm in (app, risky):
        assert (arm.days == hand.days).all()
        assert arm.warned == 0
    assert not hand.over


def test_an_epidemic_that_dies_at_once_and_one_that_is_not_over():
    dies = simulated(outbreak(ALL, infected=1, r0=0.05, days=40)).result()
    for arm in dies.arms:
        assert arm.days[:, 0].sum() == 1
        assert arm.over
        assert arm.cohort == arm.secondary == 0
    goes_on = simulated(outbreak([HAND], people=3000, days=30)).result().arms[0]
    assert not goes_on.over
    assert goes_on.days[-5:, 0].sum() > 0


@pytest.mark.slow
def test_a_placebo_averts_what_random_matches_avert():
    """Where matching is made random, the app is a placebo: paired over towns they are alike."""
    other = {**PLACEBO, "name": "other"}
    differences, effects = [], []
    for seed in range(10):
        town = Town.build(outbreak([HAND, APP, PLACEBO, other], people=1200, days=50), seed)
        simulation = Simulation(town, policies_of(town))
        real = simulation._placebo

        def random_matches(day, found, town=town, real=real):
            """The app's warnings go to users drawn by another stream."""
            real(day, found)
            who, told_s = first_told(found[1].warned)
            users = np.flatnonzero(town.world.rank < 1)
            u = uniforms(town.world.seed, "contact_found", users, day)
            chosen = users[np.argsort(u)[: len(who)]]
            told = Told.of(chosen, np.full(len(chosen), -1), told_s)
            found[1] = found[1]._replace(warned=told)

        simulation._placebo = random_matches
        for day in range(town.n_days):
            simulation.step(day)
        hand, app, placebo, _ = (infections(simulation, k) for k in range(4))
        differences.append(app - placebo)
        effects.append(hand - (app + placebo) / 2)
    error = np.std(differences, ddof=1) / 10**0.5
    assert abs(np.mean(differences)) < 3.3 * error
    assert error < 40  # of some 700 infections: what could not be told is small


def test_a_placebo_of_nobody_averts_nothing():
    silent = {"consent": 0.0}
    of = simulated(outbreak([HAND, APP, PLACEBO], people=1500, days=40, publication=silent))
    for arm in (1, 2):
        assert state_of(of, arm) == state_of(of, 0)
        assert of._tally._days[arm, :, 4].sum() == 0


def test_more_of_the_infected_are_found_by_better_means():
    found = simulated(outbreak(ALL, people=6000, days=70, infected=30)).result()
    hand, app, placebo, risky, hinch, none = found.arms
    total = [int(arm.days[:, 0].sum()) for arm in found.arms]
    assert total[5] > total[0] > total[1]
    # Hinch's assumption finds every contact, so more of them than phones do.
    assert hinch.warned > app.warned > risky.warned > 0

    def beyond(arm):
        return (arm.warned_infected - arm.expected_infected) / arm.warned

    assert beyond(risky) > beyond(app) > beyond(hinch) > beyond(placebo)
    assert abs(beyond(placebo)) < 0.02
    assert placebo.warned_infected_by_case == 0
    assert none.first_warning is None
    assert none.told_of_infector == 0
    # The app adds to what tracers find of who infected whom.
    share = [arm.told_of_infector / n for arm, n in zip(found.arms, total, strict=True)]
    assert 0.9 > share[1] > share[0] > 0.1
    assert hand.warned == 0


@pytest.mark.slow
def test_other_protocols_warn_people_who_are_infected():
    arms = []
    for name in ("gaen", "tcn", "robert"):
        upload = "keys" if protocols.get(name).publishes_keys else "history"
        changes = {"protocol.name": name, "publication.upload": upload}
        arms.append({**APP, "name": name, "set": changes})
    found = simulated(
        outbreak(
            [HAND, APP, {**APP, "name": "f2", "f2": True}, *arms], people=1500, days=30, infected=60
        )
    ).result()
    app, f2 = found.arms[1:3]
    assert f2.warned > 1.3 * app.warned
    for tally in found.arms[3:]:
        assert tally.warned > 50
        # More of the warned are infected than of random users, as phones find contacts.
        assert tally.warned_infected > 1.1 * tally.expected_infected
