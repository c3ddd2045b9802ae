"""What an epidemic's numbers count: the warned, the first infected, and when it is over."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.errors import InputError
from bluezone_sim.simulation.epidemic import fitting
from bluezone_sim.simulation.epidemic.arms import policies_of
from bluezone_sim.simulation.epidemic.disease import (
    courses,
    infected_elsewhere,
    rates,
    to_come,
)
from bluezone_sim.simulation.epidemic.engine import Simulation
from bluezone_sim.simulation.epidemic.states import ELSEWHERE
from bluezone_sim.simulation.epidemic.town import Town
from bluezone_sim.tables.days import DAY_S
from helpers.outbreaks import APP, HAND, NONE, PLACEBO, outbreak, simulated

F2 = {**APP, "name": "f2", "f2": True}


def told_by_day(scenario, seed=1):
    """The epidemic, stepped through, and by day and arm what its cases led to."""
    town = Town.build(scenario, seed, threads=2)
    simulation, by_day = Simulation(town, policies_of(town)), []
    count = simulation._tally.found

    def found(k, day, known, of_arm):
        by_day.append((k, day, of_arm))
        count(k, day, known, of_arm)

    simulation._tally.found = found
    for day in range(town.n_days):
        simulation.step(day)
    return simulation, by_day


def test_the_warned_are_counted_by_person_and_episode():
    """Four shares of the warned as they are defined, in plain loops."""
    table = {
        "people": 1000,
        "days": 32,
        "infected": 40,
        "publication": {"before_onset_days": 0, "consent": 1.0},
        "behaviour": {"compliance": 0.3},
        "tests": {"symptomatic_share": 1.0},
    }
    arms = [HAND, APP, F2, PLACEBO]
    simulation, by_day = told_by_day(outbreak(arms, phones=0.85, **table))
    states, result = simulation.states, simulation.result()
    rank, unpublished = simulation.town.world.rank, 0
    for arm in (1, 2, 3):
        infected_s = states.infected_s[arm].astype(np.int64)
        begun, episodes, by_that, infected, expected, positive = {}, 0, 0, 0, 0.0, 0
        for k, day, found in by_day:
            if k != arm:
                continue
            end = (day + 1) * DAY_S
            told = found.warned
            lately = (infected_s >= end - 14 * DAY_S) & (infected_s < end)
            for person in sorted(set(told.person.tolist())):
                if day - begun.get(person, -99) < 14:
                    continue
                begun[person] = day
                episodes += 1
                infected += lately[person]
                expected += lately[rank < 1].mean()
                known = states.known_s[arm, person]
                positive += end <= known < end + 14 * DAY_S
                rows = np.flatnonzero(told.person == person)
                by = [r for r in rows if told.source[r] == states.source[arm, person] != ELSEWHERE]
                there = [r for r in by if told.since_s[r] <= infected_s[person]]
                by_that += bool(there) and lately[person]
                unpublished += bool(by) and not there
        tally = result.arms[arm]
        assert tally.warned == episodes > 100
        assert tally.warned < tally.days[:, 4].sum()  # some are warned on several days
        assert tally.warned_infected_by_case == by_that
        assert tally.warned_infected == infected
        assert tally.expected_infected == pytest.approx(expected)
        assert tally.warned_positive == positive
        if arm < 3:
            assert 0 < by_that < infected
    assert unpublished > 0  # infected before their case fell ill, warned of a later day


def test_keys_are_published_from_some_days_before_onset_on():
    table = {"people": 800, "days": 30, "infected": 20, "publication": {"before_onset_days": 2}}
    simulation, by_day = told_by_day(outbreak([HAND, APP], **table))
    states, checked = simulation.states, 0
    for k, day, found in by_day:
        told = found.warned
        if k != 1 or not len(told.person):
            continue
        onset_s = states.onset_s(1, told.case)
        ill = onset_s < (day + 1) * DAY_S
        checked += ill.sum()
        # UTC days, one of which begins at 7:00 here.
        utc = (onset_s[ill] + simulation.town.midnight_s) // DAY_S - 2
        assert (told.since_s[ill] == utc * DAY_S - simulation.town.midnight_s).all()
    assert checked > 50


def test_who_warns_an_f2_is_the_f1():
    _, by_day = told_by_day(outbreak([HAND, F2], people=1200, days=40, infected=20))
    between = 0
    for k, _, found in by_day:
        told = found.warned
        if k == 1 and len(told.person):
            f2 = told.source != told.case
            f1 = set(zip(told.case[~f2].tolist(), told.person[~f2].tolist(), strict=True))
            ways = zip(told.case[f2].tolist(), told.source[f2].tolist(), strict=True)
            assert set(ways) <= f1
            between += f2.sum()
    assert between > 100


# -- the course ----------------------------------------------------------------------------------------


def test_what_is_to_come_of_somebody_s_infectiousness():
    disease = outbreak([HAND]).epidemic.disease
    onset = np.full(5, 5 * DAY_S)
    since = np.array([0, 2, 5, 8, 30]) * DAY_S
    gamma = stats.gamma(97.19, scale=1 / 3.719)
    expected = gamma.sf((since - onset) / DAY_S + 25.63) / gamma.sf(1 - 5 + 25.63)
    expected[0] = 1.0  # nothing is passed on in the latent day
    assert to_come(disease, onset, since) == pytest.approx(expected, abs=0.01)
    # Latent until long after onset: never infectious.
    late = disease.model_copy(update={"latent_days": 40.0})
    assert to_come(late, onset, since).tolist() == [0.0] * 5


@pytest.mark.parametrize("median", [5.1, 15.0])
def test_it_is_over_when_nobody_can_pass_it_on(median):
    """By the course of those who are infected, however long that takes."""
    table = {"incubation_median_days": median, "incubation_log_sd": 0.0}
    of = {"people": 400, "infected": 20, "r0": 0.01, "disease": table}
    # Onset at the median; a gamma of .5 days after it, whose last thousandth is from 9.4 days on.
    for days, over in ((round(median) + 8, False), (round(median) + 11, True)):
        (arm,) = simulated(outbreak([NONE], days=days, **of)).result().arms
        assert arm.days[:, 0].sum() == 20
        assert arm.over == over


def test_a_latent_time_of_part_of_an_hour_counts():
    epidemic = outbreak([HAND], disease={"latent_days": 1.3}).epidemic
    assert rates(1, epidemic, 0.1).latent_s == 1.3 * DAY_S


def test_long_courses_are_fitted_to_their_end():
    """R0 is of all days that somebody is infectious, not of the first 24."""
    disease = {"incubation_median_days": 20.0, "incubation_log_sd": 0.3}
    scenario = outbreak([NONE], people=500, disease=disease)
    town = Town.build(scenario, 1)
    course = courses(1, 500, scenario.epidemic.disease)
    _, fitted = fitting.fit(town, scenario.epidemic, course)
    assert fitted.r0 == pytest.approx(2.87)
    # The mean of a log-normal, and half a day; people are not infectious for longer or shorter by it.
    assert fitted.generation_days == pytest.approx(20 * np.exp(0.3**2 / 2) + 0.5, abs=1.0)


@pytest.mark.parametrize(
    "change",
    [{"profile_shift_days": 1e5}, {"profile_rate_per_day": 1e6}, {"profile_shape": 1e6}],
)
def test_a_profile_that_does_not_count_is_refused(change):
    with pytest.raises(InputError, match="within 12 days before and 18 days after onset"):
        simulated(outbreak([HAND], people=300, disease=change))


def test_as_many_are_infected_at_the_start_as_the_scenario_says():
    scenario = outbreak([HAND], infected=50, imports_per_day=20.0, disease={"immune_share": 0.6})
    immune = courses(1, 600, scenario.epidemic.disease).immune
    assert 300 < immune.sum() < 420
    imports = [infected_elsewhere(1, scenario.epidemic, immune, day) for day in range(1, 60)]
    assert np.mean([len(who) for who in imports]) == pytest.approx(20, abs=3.3 * (20 / 59) ** 0.5)
    at_once = scenario.epidemic.model_copy(update={"imports_per_day": 0.0})
    first = infected_elsewhere(1, at_once, immune, 0)
    assert len(first) == 50
    assert not immune[first].any()
    everybody = at_once.model_copy(update={"infected": 600})
    assert infected_elsewhere(1, everybody, immune, 0).tolist() == np.flatnonzero(~immune).tolist()


def test_a_known_case_is_isolated_once():
    """From the result that makes it known, whatever tests it has besides."""
    table = {
        "tests": {"symptomatic_share": 1.0, "warned_share": 1.0, "sensitivity": 1.0},
        "behaviour": {"symptomatic_isolate": 0.0, "confirmed_isolate": 1.0, "compliance": 1.0},
    }
    simulation = simulated(outbreak([HAND], people=1500, days=40, infected=30, **table))
    states = simulation.states
    known_s = states.known_s[0].astype(np.int64)
    begins = (known_s + DAY_S // 2) // DAY_S
    there = np.flatnonzero((begins > 0) & (begins < 39))
    assert len(there) > 150
    # A result of the day that goes on may be from the next midnight on.
    assert set((states.isolated_until[0, there] - begins[there]).tolist()) <= {10, 11}


def test_r_is_of_a_cohort():
    """As it is defined, in plain loops."""
    scenario = outbreak([HAND, APP], people=2500, days=60, infected=10, imports_per_day=0.2)
    simulation = simulated(scenario)
    for arm, tally in enumerate(simulation.result().arms):
        infected_s, source = simulation.states.infected_s[arm], simulation.states.source[arm]
        so_far, last = 0, 60 - 21
        for day in range(60):
            so_far += ((infected_s >= day * DAY_S) & (infected_s < (day + 1) * DAY_S)).sum()
            if so_far >= 0.05 * 2500:
                last = min(last, day)
                break
        window = range(tally.first_warning, last)
        cohort = [
            who
            for who in np.flatnonzero(source != ELSEWHERE).tolist()
            if infected_s[who] // DAY_S in window
        ]
        theirs = [
            who
            for who in np.flatnonzero(np.isin(source, cohort)).tolist()
            if infected_s[who] - int(infected_s[source[who]]) <= 21 * DAY_S
        ]
        assert tally.cohort == len(cohort) > 30
        assert tally.secondary == len(theirs) > 10
        first = [np.flatnonzero(tally.days[:, k]) for k in (4, 5)]
        assert tally.first_warning == min(days[0] for days in first if len(days))
