"""R by route, and growth with isolation and tracing, in the model of Ferretti et al. 2020."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from bluezone_sim.epidemiology import ferretti
from bluezone_sim.epidemiology.ferretti import Disease, growth, routes
from bluezone_sim.errors import InputError
from bluezone_sim.validation.tracing.known import FERRETTI_PLANE, FERRETTI_ROUTES


def test_r_by_route():
    ours = routes()
    for name, known in FERRETTI_ROUTES.items():
        assert getattr(ours, name) == pytest.approx(known, abs=0.01), name
    # What the paper prints: .9, .8, .2, .1 of 2.0, from parameters with more digits.
    assert ours == pytest.approx((0.9, 0.8, 0.2, 0.1), abs=0.06)
    assert sum(ours) == pytest.approx(2.0, abs=0.05)
    assert ours.environmental / sum(ours) == pytest.approx(0.1)


def test_r_by_route_equals_integrals_of_every_route():
    """The infectiousness of each route by days since infection, integrated by SciPy."""

    def generation(t):
        return stats.weibull_min.pdf(t, 2.83, scale=5.67)

    def symptoms(t):
        return stats.lognorm.cdf(t, 0.36, scale=np.exp(1.64))

    def asymptomatic(t):
        # A tenth as infectious as one with symptoms at that time, and two for three of those.
        return 0.4 * 0.1 * generation(t) / 0.6

    def person(t):
        return generation(t) + asymptomatic(t)

    def shed(t):
        return integrate.quad(lambda u: person(t - u) * np.exp(-2.3 * u), 0, t, limit=100)[0]

    whole = integrate.quad(person, 0, 30)[0]
    scale = 0.1 / 0.9 * whole / integrate.quad(shed, 0, 40, limit=100)[0]
    rate = np.log(2) / 5
    total = integrate.quad(
        lambda t: (person(t) + scale * shed(t)) * np.exp(-rate * t), 0, 40, limit=100
    )[0]
    want = (
        integrate.quad(lambda t: generation(t) * (1 - symptoms(t)), 0, 30)[0] / total,
        integrate.quad(lambda t: generation(t) * symptoms(t), 0, 30)[0] / total,
        whole / 9 / total,
        integrate.quad(asymptomatic, 0, 30)[0] / total,
    )
    assert routes() == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("point", FERRETTI_PLANE)
def test_the_plane_at_known_points(point):
    isolated, quarantined, delay_h = point
    ours = growth(isolated, quarantined, 2.0, delay_h)
    assert (float(ours.per_day), float(ours.r)) == pytest.approx(FERRETTI_PLANE[point], abs=0.02)


def naive(isolated, quarantined, r0, delay_h, step=0.2, last=18.0):
    """The operator on equal steps, all its eigenvalues, the root by halving."""
    days = np.arange(step / 2, last, step)
    density = stats.weibull_min.pdf(days, 2.83, scale=5.67)
    silent = 0.4 * 0.1 / (0.4 * 0.1 + 0.6)

    def shown(after):
        return (1 - silent) * stats.lognorm.cdf(after - delay_h / 24, 0.36, scale=np.exp(1.64))

    before = shown(days)
    found = (shown(days[:, None] + days) - before) / (1 - before)
    infects = r0 * density * (1 - isolated * before) * step
    operator = infects[:, None] * (1 - 0.9 * quarantined * found)

    def largest(rate):
        return np.abs(np.linalg.eigvals(operator * np.exp(-rate * days)[:, None])).max()

    return optimize.bisect(lambda rate: largest(rate) - 1, -0.6, 0.6, xtol=1e-4), largest(0.0)


@pytest.mark.parametrize(
    "point", [(0.6, 0.6, 2.0, 0.0), (0.9, 0.2, 3.0, 24.0), (0.3, 1.0, 1.5, 48.0)]
)
def test_the_plane_equals_a_matrix_and_all_its_eigenvalues(point):
    ours = growth(*point)
    assert (float(ours.per_day), float(ours.r)) == pytest.approx(naive(*point), abs=2e-3)


def test_without_measures_growth_is_of_the_generation_times():
    r0 = np.array([0.3, 1.0, 2.0, 5.0])
    ours = growth(0.0, 0.0, r0)
    assert ours.r == pytest.approx(r0)
    days = np.linspace(1e-3, 40, 200_001)
    w = stats.weibull_min.pdf(days, 2.83, scale=5.67)
    for rate, strength in zip(ours.per_day, r0, strict=True):
        assert strength * integrate.trapezoid(w * np.exp(-rate * days), days) == pytest.approx(1)


def test_a_whole_plane_is_quick_and_goes_one_way():
    share = np.linspace(0, 1, 41)
    began = time.perf_counter()
    plane = growth(share, share[:, None], 2.0, 24.0)
    assert time.perf_counter() - began < 2
    assert plane.r.shape == plane.per_day.shape == (41, 41)
    for values in plane:
        assert np.all(np.diff(values, axis=1) < 0)  # more isolated
        assert np.all(np.diff(values, axis=0) < 0)  # more quarantined
    assert np.array_equal(plane.per_day > 0, plane.r > 1)
    later = growth(share, share[:, None], 2.0, 48.0)
    assert np.all(later.r[1:, 1:] > plane.r[1:, 1:])
    mixed = growth(0.6, 0.6, [2.0, 3.0], [[0.0], [48.0]])
    assert mixed.r[1, 0] == pytest.approx(float(growth(0.6, 0.6, 2.0, 48.0).r))
    assert mixed.r[:, 1] == pytest.approx(1.5 * mixed.r[:, 0])


def test_what_isolation_cannot_reach():
    """Everybody isolates at once: what is left is presymptomatic, asymptomatic and the environment's."""
    by_route = routes()
    person = sum(by_route) - by_route.environmental
    share = 1 - by_route.symptomatic / person
    # In the plane the environment's infections come when the others do.
    assert float(growth(1.0, 0.0, 2.0, 0.0).r) == pytest.approx(2.0 * share, abs=1e-6)
    # So late that all has been infected who will be.
    assert float(growth(1.0, 1.0, 2.0, 480.0).r) == pytest.approx(2.0, abs=1e-3)


def test_diseases_at_the_edge():
    everybody = growth(1.0, 1.0, 2.0, 0.0, Disease(asymptomatic_share=0.0))
    assert 0 < float(everybody.r) < float(growth(1.0, 1.0, 2.0).r)
    slow = Disease(generation_scale_days=11.34, incubation_log_mean=1.64 + np.log(2))
    twice = growth(0.6, 0.6, 3.0, 48.0, slow)
    once = growth(0.6, 0.6, 3.0, 24.0)
    assert float(twice.r) == pytest.approx(float(once.r))
    assert float(twice.per_day) == pytest.approx(float(once.per_day) / 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1.2, 0.5, 2.0), "isolated: expected numbers from 0 to 1, found 1.2"),
        ((0.2, -0.5, 2.0), "quarantined: expected numbers from 0 to 1"),
        ((0.2, 0.5, 0.0), "r0: expected numbers from 0.01"),
        ((0.2, 0.5, np.nan), "r0: expected numbers"),
        ((0.2, 0.5, 2.0, -1.0), "delay_h: expected numbers from 0"),
        (([0.1, 0.2], [0.1, 0.2, 0.3], 2.0), r"shapes \(2,\), \(3,\).* do not go together"),
    ],
)
def test_bad_arguments_are_named(arguments, said):
    with pytest.raises(InputError, match=said):
        growth(*arguments)
    with pytest.raises(InputError, match="doubling_days"):
        Disease(doubling_days=0.0)


def test_nodes_enough(monkeypatch):
    share = np.linspace(0, 1, 5)
    coarse = growth(share, share[:, None], 2.0, 24.0)
    monkeypatch.setattr(ferretti, "_NODES", 120)
    fine = growth(share, share[:, None], 2.0, 24.0)
    assert np.abs(fine.r - coarse.r).max() < 1e-7
    assert np.abs(fine.per_day - coarse.per_day).max() < 1e-7
