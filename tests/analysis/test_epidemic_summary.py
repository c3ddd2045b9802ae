"""What an epidemic says of its arms over seeds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bluezone_sim.analysis.epidemic.resampling import RESAMPLES, ends, resamples
from bluezone_sim.analysis.epidemic.result import DAILY
from bluezone_sim.analysis.epidemic.summary import summarise
from bluezone_sim.analysis.epidemic.transmission import transmission_of
from bluezone_sim.kernels import rng
from bluezone_sim.scenario.schema.epidemic import Arm
from helpers.epidemics import FITTED, epidemic, tally

BASE = Arm(name="by hand")
APP = Arm(name="app", level=0.6)
PLACEBO = Arm(name="placebo", level=0.6, finds="random", as_many="app")
ARMS = [BASE, APP, PLACEBO]


def two_seeds():
    """Baseline 100 + 300 infected, the app 80 + 220, its placebo 90 + 290."""
    return [
        epidemic(
            1,
            1000,
            tally(days_infected=100, days_quarantined=200, cohort=20, secondary=40),
            tally(
                days_infected=80,
                days_quarantined=400,
                days_published=20,
                cohort=10,
                secondary=5,
                warned=50,
                warned_infected_by_case=4,
                warned_infected=10,
                expected_infected=2.5,
                warned_positive=6,
                over=False,
            ),
            tally(days_infected=90, days_quarantined=450),
        ),
        epidemic(
            2,
            2000,
            tally(days_infected=300, days_quarantined=400, cohort=20, secondary=20),
            tally(
                days_infected=220,
                days_quarantined=600,
                days_published=40,
                cohort=30,
                secondary=25,
                warned=150,
                warned_infected_by_case=6,
                warned_infected=30,
                expected_infected=7.5,
                warned_positive=10,
            ),
            tally(days_infected=290, days_quarantined=700),
        ),
    ]


def test_every_number_of_an_arm_is_as_it_is_defined():
    result = summarise(ARMS, two_seeds())
    base, app, placebo = result.arms
    assert (app.name, app.level, app.finds, app.day) == ("app", 0.6, "phones", 2)
    assert base.attack_rate == pytest.approx((0.1 + 0.15) / 2)
    assert app.attack_rate == pytest.approx((0.08 + 0.11) / 2)
    assert app.averted == pytest.approx(100 / 400)
    assert placebo.averted == pytest.approx(20 / 400)
    assert app.averted_beyond_placebo == pytest.approx(80 / 400)
    assert base.r == pytest.approx(60 / 40)
    assert app.r == pytest.approx(30 / 40)
    assert app.r_ratio == pytest.approx(0.5)
    assert app.quarantine_days_per_person == pytest.approx(1000 / 3000)
    # 100 infections fewer for 400 days more.
    assert app.averted_per_100_quarantine_days == pytest.approx(25.0)
    # The placebo's next cheaper arm is the app: 80 infections more for 150 days more.
    assert placebo.averted_per_100_more == pytest.approx(-100 * 80 / 150)
    assert app.averted_per_100_more == app.averted_per_100_quarantine_days
    assert app.published_share == pytest.approx(60 / 300)
    assert app.warned_per_person == pytest.approx(200 / 3000)
    assert app.warned_infected_by_case == pytest.approx(10 / 200)
    assert app.warned_infected == pytest.approx(40 / 200)
    assert app.warned_infected_beyond_random == pytest.approx(30 / 200)
    assert app.warned_positive == pytest.approx(16 / 200)
    assert (base.over, app.over) == (2, 1)


def test_what_is_not_defined_is_none():
    base, _, placebo = summarise(ARMS, two_seeds()).arms
    for name in ("averted", "averted_ci95", "averted_per_100_quarantine_days"):
        assert getattr(base, name) is None
    assert base.averted_per_100_more is None  # it has the fewest days
    assert [arm.averted_beyond_placebo for arm in (base, placebo)] == [None, None]
    assert (base.warned_infected, base.warned_positive) == (None, None)
    # Fewer than 30 people of the cohort.
    assert (placebo.r, placebo.r_ratio) == (None, None)


def test_an_r_of_fewer_than_30_people_is_none():
    def arms(n):
        return [epidemic(1, 1000, *[tally(days_infected=50, cohort=n, secondary=n)] * 2)]

    assert [a.r for a in summarise(ARMS[:2], arms(29)).arms] == [None, None]
    assert [a.r_ratio for a in summarise(ARMS[:2], arms(30)).arms] == [1.0, 1.0]


def test_intervals_of_two_seeds_are_those_of_their_three_resamples():
    """Both seeds (half of the resamples), or either twice (a quarter each): 1/5, 1/4 or 80/300."""
    _, app, _ = summarise(ARMS, two_seeds()).arms
    assert app.averted_ci95 == pytest.approx((20 / 100, 80 / 300))
    assert app.averted_beyond_placebo_ci95 == pytest.approx((10 / 100, 70 / 300))
    assert app.averted_per_100_quarantine_days_ci95 == pytest.approx((10.0, 40.0))


def test_one_seed_has_numbers_and_no_intervals():
    _, app, _ = summarise(ARMS, two_seeds()[:1]).arms
    assert app.averted == pytest.approx(0.2)
    assert app.averted_per_100_quarantine_days == pytest.approx(10.0)
    intervals = [f.name for f in dataclasses.fields(app) if f.name.endswith("_ci95")]
    assert len(intervals) == 4
    assert [getattr(app, name) for name in intervals] == [None] * 4


def test_a_ratio_whose_days_may_be_no_more_is_none():
    seeds = [
        epidemic(
            seed,
            1000,
            tally(days_infected=100, days_quarantined=50),
            tally(days_infected=90, days_quarantined=50 + more),
        )
        for seed, more in ((1, 30), (2, -20), (3, 10), (4, -15))
    ]
    _, app = summarise(ARMS[:2], seeds).arms
    assert app.averted == pytest.approx(0.1)
    assert app.averted_per_100_quarantine_days is None
    assert app.averted_per_100_quarantine_days_ci95 is None
    assert app.averted_per_100_more is None


def quarantined_or_not(n_same):
    """Nine seeds with 10 infections fewer for 20 days more, and some where nothing happens at all."""
    same = tally(days_infected=1)
    return [
        epidemic(seed, 1000, same, same)
        if seed < n_same
        else epidemic(
            seed,
            1000,
            tally(days_infected=50, days_quarantined=10),
            tally(days_infected=40, days_quarantined=30),
        )
        for seed in range(9 + n_same)
    ]


def test_resamples_in_which_nothing_happens_say_nothing_of_a_ratio():
    """With one such seed of two, a quarter of the resamples hold it alone; with one of ten, none does."""
    _, app = summarise(ARMS[:2], quarantined_or_not(1)).arms
    assert app.averted_per_100_quarantine_days == pytest.approx(50.0)
    assert app.averted_per_100_quarantine_days_ci95 == pytest.approx((50.0, 50.0))
    _, app = summarise(ARMS[:2], quarantined_or_not(1)[:2]).arms
    assert app.averted_per_100_quarantine_days is None


def test_an_interval_needs_95_percent_of_the_resamples():
    values = np.arange(1000.0)
    values[:50] = np.nan
    assert ends(values) == pytest.approx((50 + 0.025 * 949, 50 + 0.975 * 949))
    values[50] = np.inf
    assert ends(values) is None
    assert ends(np.zeros(0)) is None


def test_fewer_days_and_more_infections_are_a_ratio_too():
    """No tracing: 50 infections more for 100 days fewer, so each 100 days averted 50."""
    seeds = [
        epidemic(
            seed,
            1000,
            tally(days_infected=100, days_quarantined=100),
            tally(days_infected=150, days_quarantined=0),
        )
        for seed in (1, 2)
    ]
    base, none = summarise([BASE, Arm(name="none", manual=False)], seeds).arms
    assert none.averted == pytest.approx(-0.5)
    assert none.averted_per_100_quarantine_days == pytest.approx(50.0)
    assert base.averted_per_100_more == pytest.approx(50.0)


def test_nobody_infected_averts_nothing_that_could_be_told():
    seeds = [epidemic(seed, 1000, tally(), tally()) for seed in (1, 2)]
    base, app = summarise(ARMS[:2], seeds).arms
    assert (base.attack_rate, base.extinct) == (0.0, 2)
    assert (app.averted, app.averted_ci95, app.published_share) == (None, None, None)


def test_below_1_percent_is_extinct():
    seeds = [epidemic(s, 1000, tally(days_infected=n)) for s, n in ((1, 9), (2, 10), (3, 0))]
    assert summarise([BASE], seeds).arms[0].extinct == 2


def random_seeds(n, seed, arms=3):
    draw = np.random.default_rng(seed)

    def one():
        warned = int(draw.integers(1, 90))
        return tally(
            days_infected=int(draw.integers(1, 900)),
            days_quarantined=int(draw.integers(0, 4000)),
            days_published=int(draw.integers(0, 9)),
            cohort=int(draw.integers(0, 60)),
            secondary=int(draw.integers(0, 60)),
            warned=warned,
            warned_infected=int(draw.integers(0, warned + 1)),
            expected_infected=float(draw.random()),
        )

    return [epidemic(7 + k, 1000, *(one() for _ in range(arms))) for k in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_seeds_does_not_matter(seed):
    seeds = random_seeds(6, seed)
    told = summarise(ARMS, seeds)
    assert summarise(ARMS, seeds[::-1]) == told
    assert [e.seed for e in told.seeds] == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("seed", range(5))
def test_a_placebo_that_is_as_its_arm_leaves_nothing_beyond(seed):
    seeds = [
        dataclasses.replace(e, arms=(e.arms[0], e.arms[1], e.arms[1]))
        for e in random_seeds(5, seed)
    ]
    _, app, _ = summarise(ARMS, seeds).arms
    assert app.averted_beyond_placebo == 0.0
    assert app.averted_beyond_placebo_ci95 == (0.0, 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_an_arm_that_is_the_baseline_averts_nothing(seed):
    seeds = [dataclasses.replace(e, arms=(e.arms[0],) * 2) for e in random_seeds(5, seed)]
    _, app = summarise(ARMS[:2], seeds).arms
    assert (app.averted, app.averted_ci95) == (0.0, (0.0, 0.0))
    assert app.averted_per_100_quarantine_days is None
    assert app.r_ratio in (None, 1.0)


def naive_interval(seeds, number):
    """Each resample drawn seed by seed, its sums added up one by one, quantiles by hand."""
    n = len(seeds)
    key = rng.key(seeds[0].seed, "bootstrap", n)
    found = []
    for b in range(RESAMPLES):
        drawn = [seeds[int(rng.uniforms(key, np.array([b * n + i]))[0] * n)] for i in range(n)]
        found.append(number(drawn))
    found.sort()

    def quantile(q):
        at = q * (len(found) - 1)
        low = int(at)
        return found[low] + (at - low) * (found[min(low + 1, len(found) - 1)] - found[low])

    return quantile(0.025), quantile(0.975)


def total(drawn, arm, column):
    return sum(int(e.arms[arm].days[:, DAILY.index(column)].sum()) for e in drawn)


def test_intervals_are_those_of_a_naive_bootstrap():
    seeds = random_seeds(7, 11)
    seeds = [  # the app's days are more in every seed
        dataclasses.replace(
            e,
            arms=(
                e.arms[0],
                tally(
                    days_infected=total([e], 1, "infected"),
                    days_quarantined=total([e], 0, "quarantined") + 40 + 10 * k,
                ),
                e.arms[2],
            ),
        )
        for k, e in enumerate(seeds)
    ]
    _, app, _ = summarise(ARMS, seeds).arms

    def averted(drawn):
        return 1 - total(drawn, 1, "infected") / total(drawn, 0, "infected")

    def beyond(drawn):
        less = total(drawn, 2, "infected") - total(drawn, 1, "infected")
        return less / total(drawn, 0, "infected")

    def per_100(drawn):
        less = total(drawn, 0, "infected") - total(drawn, 1, "infected")
        return 100 * less / (total(drawn, 1, "quarantined") - total(drawn, 0, "quarantined"))

    assert app.averted_ci95 == pytest.approx(naive_interval(seeds, averted))
    assert app.averted_beyond_placebo_ci95 == pytest.approx(naive_interval(seeds, beyond))
    assert app.averted_per_100_quarantine_days_ci95 == pytest.approx(naive_interval(seeds, per_100))


def test_resamples_hold_as_many_seeds_each_as_often():
    drawn = resamples(np.arange(5, 13))
    assert drawn.shape == (RESAMPLES, 8)
    assert (drawn.sum(1) == 8).all()
    assert drawn.mean(0) == pytest.approx(np.ones(8), abs=0.1)
    assert drawn.var(0) == pytest.approx(np.full(8, 7 / 8), abs=0.15)  # binomial(8, 1/8)
    assert len(resamples(np.array([3]))) == 0


def test_transmission_is_the_mean_of_the_seeds_that_define_it():
    seeds = [
        epidemic(1, 1000, tally(), fitted=dataclasses.replace(FITTED, r0=2.0, dispersion=None)),
        epidemic(2, 1000, tally(), fitted=dataclasses.replace(FITTED, r0=3.0, dispersion=0.5)),
    ]
    found = transmission_of(seeds)
    assert found["r0"].mean == pytest.approx(2.5)
    assert (found["dispersion"].mean, found["dispersion"].n) == (0.5, 1)
