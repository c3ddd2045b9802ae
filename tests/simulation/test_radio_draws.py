"""Intervals that hold what is not known of the radio: over draws of its level and of the places."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

import bluezone_sim as bz
from bluezone_sim.analysis.radio_draws import widened
from bluezone_sim.errors import ScenarioError
from bluezone_sim.report.text import main_table
from bluezone_sim.scenario.checks.asked import no_axis
from helpers.small import scenario


def test_independent_uncertainties_add_in_quadrature_on_log_odds():
    rng = np.random.default_rng(2)
    drawn = 1 / (1 + np.exp(-(logit(0.06) + 0.3 * rng.standard_normal(20_000))))
    low, high = widened(0.06, (0.05, 0.072), drawn)
    half = 1.96 * 0.3
    assert logit(0.06) - logit(low) == pytest.approx(
        np.hypot(logit(0.06) - logit(0.05), half), rel=0.02
    )
    assert logit(high) - logit(0.06) == pytest.approx(
        np.hypot(logit(0.072) - logit(0.06), half), rel=0.02
    )


def test_an_interval_stays_where_there_is_nothing_to_widen_and_within_0_and_1():
    assert widened(None, None, np.array([0.1, 0.2])) is None
    assert widened(0.4, None, np.array([0.1, 0.2])) is None
    assert widened(0.0, (0.0, 0.0), np.zeros(9)) == (0.0, 0.0)
    same = widened(0.4, (0.3, 0.5), np.full(9, 0.4))
    assert same == pytest.approx((0.3, 0.5))
    low, high = widened(0.01, (0.0, 0.02), np.array([0.0, 0.01, 0.05, 0.02, 0.01]))
    assert low == 0
    assert 0.02 < high < 1


def test_recall_stays_and_its_interval_holds_the_draws():
    strict = {"rule__name": "minutes-near"}
    plain = bz.run(scenario(**strict), 3, threads=1)
    drawn = bz.run(scenario(**strict, radio__draws=6), 3, threads=2)
    for a, b in zip(plain.metrics, drawn.metrics, strict=True):
        assert (a.recall, a.precision, a.n_warned_f2) == (b.recall, b.precision, b.n_warned_f2)
        assert b.recall_ci95[0] <= a.recall_ci95[0] < a.recall_ci95[1] <= b.recall_ci95[1]
    assert any(
        a.recall_ci95 != b.recall_ci95 for a, b in zip(plain.metrics, drawn.metrics, strict=True)
    )
    assert "hold 6 draws of the radio" in main_table(drawn).note
    assert "draws" not in main_table(plain).note
    again = bz.run(scenario(**strict, radio__draws=6), 3, threads=1)
    assert [m.recall_ci95 for m in again.metrics] == [m.recall_ci95 for m in drawn.metrics]


def test_too_few_draws_and_a_sweep_of_them_are_refused():
    with pytest.raises(ScenarioError, match=r"radio\.draws: 3 tell no spread"):
        scenario(radio__draws=3)
    assert no_axis("radio.draws") == "a sweep's intervals are over seeds"
