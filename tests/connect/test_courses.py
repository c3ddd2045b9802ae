"""How strongly a disease of another model spreads in a town, and the course here that is like it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.connect import Town
from bluezone_sim.connect.courses import Course, fit_beta, like
from bluezone_sim.errors import InputError
from bluezone_sim.scenario.schema.epidemic import Transmission
from helpers.small import scenario

COUNTS = Transmission()
PEOPLE = np.arange(0, 300, 3)


@pytest.fixture(scope="module")
def town() -> Town:
    return Town.build(scenario(), days=12, threads=1)


@pytest.fixture(scope="module")
def course() -> Course:
    """Infectious on days 3 to 7, each as much as drawn; onset on day 5 of two in three."""
    draw = np.random.default_rng(1)
    infectiousness = np.zeros((12, len(PEOPLE)))
    infectiousness[3:8] = draw.gamma(2.0, 0.5, len(PEOPLE))
    onset = np.where(np.arange(len(PEOPLE)) % 3 == 0, np.nan, 5.0)
    return Course(infectiousness, onset, draw.uniform(0.5, 1.5, 300))


def naive(town: Town, course: Course, beta: float) -> tuple[float, float, float]:
    """R0, generation time and share before onset, contact by contact."""
    each, weight = np.zeros(len(PEOPLE)), np.zeros(len(PEOPLE))
    at, total, before, known = 0.0, 0.0, 0.0, 0.0
    for k, person in enumerate(PEOPLE.tolist()):
        escape: dict[int, float] = {}
        intensity = 0.0
        for day in range(3, 8):
            met: dict[tuple[int, bool], float] = {}
            c = town.contacts(np.array([person]), day)
            so_far: dict[int, float] = {}
            for i in range(len(c)):
                home, d = int(c.setting[i]) == 0, float(c.distance_m[i])
                minutes = float(c.duration_s[i]) / 60 / max(1.0, d * d)
                if home:
                    contact = int(c.contact[i])
                    minutes = min(minutes, COUNTS.household_cap_min - so_far.get(contact, 0.0))
                    so_far[contact] = so_far.get(contact, 0.0) + minutes
                met[int(c.b[i]), home] = met.get((int(c.b[i]), home), 0.0) + minutes
            for (other, _), minutes in met.items():
                of_day = 1 - (1 - beta) ** minutes
                chance = course.infectiousness[day, k] * course.susceptibility[other] * of_day
                chance = min(1.0, chance)
                escape[other] = escape.get(other, 1.0) * (1 - chance)
                intensity += of_day / 5
                at, total = at + chance * day, total + chance
                if np.isfinite(course.onset[k]):
                    known += chance
                    before += chance * (day < course.onset[k])
        each[k] = sum(1 - e for e in escape.values())
        weight[k] = course.susceptibility[person] * intensity
    return float((weight * each).sum() / weight.sum()), at / total, before / known


def test_the_chance_gives_the_r0_that_is_asked_for(town, course):
    passed = fit_beta(town, PEOPLE, course, COUNTS, 2.5)
    assert passed.r0 == pytest.approx(2.5, abs=1e-3)
    r0, generation, before = naive(town, course, passed.beta)
    assert r0 == pytest.approx(2.5, abs=1e-3)
    assert passed.generation_days == pytest.approx(generation)
    assert passed.presymptomatic_share == pytest.approx(before)
    assert fit_beta(town, PEOPLE, course, COUNTS, 1.25).beta < passed.beta / 2


def test_an_r0_beyond_all_contacts_is_refused(town, course):
    with pytest.raises(InputError, match=r"epidemic\.r0: expected at most"):
        fit_beta(town, PEOPLE, course, COUNTS, 500.0)


def test_a_course_that_goes_on_is_refused(town, course):
    longer = course._replace(infectiousness=np.tile(course.infectiousness[4], (12, 1)))
    with pytest.raises(InputError, match=r"epidemic\.days: expected as many as the course"):
        fit_beta(town, PEOPLE, longer, COUNTS, 2.5)


def test_a_course_of_a_shifted_gamma_is_found_again():
    draw, n = np.random.default_rng(2), 3000
    onset = np.round(draw.lognormal(np.log(5.5), 0.3, n) + 0.5)
    shape, rate, shift = 4.0, 0.9, 2.5
    since = np.arange(40)[:, None] - onset + 0.5
    strength = draw.gamma(0.5, 2.0, n)
    infectiousness = stats.gamma.pdf(since + shift, shape, scale=1 / rate) * strength
    ill = draw.random(n) < 0.7
    infectiousness[:, ~ill] *= 0.4
    infectiousness[infectiousness < 1e-9] = 0.0
    timing, strong = like(Course(infectiousness, np.where(ill, onset, np.nan), np.ones(n)))
    assert timing["incubation_median_days"] == pytest.approx(5.5, abs=0.1)
    assert timing["incubation_log_sd"] == pytest.approx(0.3, abs=0.02)
    mean = timing["profile_shape"] / timing["profile_rate_per_day"] - timing["profile_shift_days"]
    assert mean == pytest.approx(shape / rate - shift, abs=0.15)
    before = stats.gamma.cdf(
        timing["profile_shift_days"],
        timing["profile_shape"],
        scale=1 / timing["profile_rate_per_day"],
    )
    assert before == pytest.approx(stats.gamma.cdf(shift, shape, scale=1 / rate), abs=0.02)
    assert strong["asymptomatic_share"] == pytest.approx(0.3, abs=0.03)
    assert strong["asymptomatic_factor"] == pytest.approx(0.4, abs=0.05)
    assert strong["dispersion"] == pytest.approx(0.5, abs=0.06)
