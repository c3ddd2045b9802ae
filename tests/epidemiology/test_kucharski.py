"""Isolation and an app in the model of Kucharski et al. 2020."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim.epidemiology import kucharski as k
from bluezone_sim.epidemiology.kucharski import app_scenario
from bluezone_sim.errors import InputError
from bluezone_sim.validation.tracing.known import KUCHARSKI


def test_all_eleven_published_reductions():
    ours = app_scenario(np.linspace(0, 1, 11))
    assert len(KUCHARSKI) == 11
    assert np.abs(ours.reduction - KUCHARSKI).max() <= 0.01
    assert ours.without == pytest.approx(2.583, abs=5e-4)
    assert ours.measured == pytest.approx(ours.without * (1 - ours.reduction))


def test_the_app_once_on_contacts_elsewhere_averts_less():
    once, twice = (app_scenario([0, 0.5, 1], other_twice=t).reduction for t in (False, True))
    assert once[1] == pytest.approx(0.446, abs=5e-4)
    assert twice[1] > once[1] + 0.01
    # Without users, and where everybody runs it, the second try finds nobody more.
    assert once[[0, 2]] == pytest.approx(twice[[0, 2]], abs=1e-12)


@pytest.mark.parametrize("other_twice", [True, False])
def test_the_sum_is_the_mean_over_simulated_cases(rng, other_twice):
    """Cases one by one, with every event drawn, as the paper has them."""
    n, app = 400_000, 0.6
    child, phone = rng.random(n) < 0.21, rng.random(n) < app
    symptoms = rng.random(n) < np.where(child, 0.3, 0.7)
    traced = symptoms & (rng.random(n) < 0.9)
    days = np.where(traced, rng.choice(6, n, p=k.ISOLATED_AFTER), 5)
    infectious = np.where(symptoms, 1.0, 0.5)
    without = left = 0.0
    for place, risk, a_day in (("home", 0.2, 1), ("work", 0.06, 5), ("other", 0.06, 5)):
        at = ("home", "work", "other").index(place)
        mean = np.where(child, k.CHILD_CONTACTS[at], k.ADULT_CONTACTS[at]) * risk * infectious
        would = rng.poisson(mean * a_day)
        outside = would if place == "home" else rng.binomial(would, days / 5)
        p = np.ones(n) if place == "home" else phone * app
        if place == "other" and other_twice:
            p = phone * (1 - (1 - app) ** 2)
        stay = rng.binomial(outside, traced * p * 0.9)
        without += would.mean()
        left += (outside - stay).mean()
    ours = app_scenario(app, other_twice=other_twice)
    assert ours.without == pytest.approx(without, abs=0.015)
    assert float(ours.measured) == pytest.approx(left, abs=0.015)


def test_more_coverage_never_averts_less_and_shapes_are_kept():
    grid = np.linspace(0, 1, 101).reshape(1, 101)
    found = app_scenario(grid).reduction
    assert found.shape == (1, 101)
    assert np.all(np.diff(found) > 0)


@pytest.mark.parametrize("bad", [1.01, -0.1, np.nan, [0.5, 2.0], "much"])
def test_coverage_is_a_share(bad):
    with pytest.raises(InputError, match="coverage: expected numbers from 0 to 1"):
        app_scenario(bad)
