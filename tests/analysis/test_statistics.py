"""Means and differences over seeds, against scipy's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.analysis import statistics
from bluezone_sim.analysis.statistics import (
    Mean,
    interval,
    mean_of,
    paired_mean,
    range_of,
    ratio,
    seeds_for,
    wilson,
)

A = {1: 3.0, 2: 4.5, 3: 2.5, 4: 6.0}
B = {7: 1.0, 8: 1.5, 9: 4.0}


def test_without_a_common_seed_the_difference_of_means_has_welchs_interval():
    found = paired_mean(A, B)
    welch = stats.ttest_ind(list(A.values()), list(B.values()), equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(list(A.values())) - np.mean(list(B.values())))
    assert found.ci95 == pytest.approx((low, high), rel=1e-12)
    assert (found.sd, found.n) == (None, 3)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({1: 3.0}, B, Mean(3.0 - 6.5 / 3, None, None, 1)),
        (A, {9: 1.0}, Mean(3.0, None, None, 1)),
        ({1: 2.0, 2: 2.0}, {7: 1.5, 8: 1.5, 9: 1.5}, Mean(0.5, None, None, 2)),
        ({}, B, Mean(None, None, None, 0)),
        (A, {}, Mean(None, None, None, 0)),
        ({1: float("nan")}, B, Mean(None, None, None, 0)),
    ],
)
def test_without_a_common_seed_and_a_spread_there_is_no_interval(a, b, expected):
    found = paired_mean(a, b)
    assert found == Mean(
        expected.mean if expected.mean is None else pytest.approx(expected.mean),
        expected.ci95,
        expected.sd,
        expected.n,
    )


def test_one_of_two_without_a_spread_leaves_the_others():
    found = paired_mean({1: 2.0, 2: 2.0}, B)
    alone = mean_of(list(B.values()))
    assert found.mean == pytest.approx(2.0 - alone.mean)
    assert np.diff(found.ci95) == pytest.approx(np.diff(alone.ci95))


def test_an_unpaired_difference_of_shares_stays_between_minus_and_plus_one():
    shares = {1: 0.99, 2: 0.97}, {8: 0.02, 9: 0.05}
    assert paired_mean(*shares).ci95[1] > 1
    low, high = paired_mean(*shares, "difference").ci95
    assert -1 < low < 0.945 < high < 1
    assert np.arctanh(high) - np.arctanh(0.945) == pytest.approx(
        np.arctanh(0.945) - np.arctanh(low)
    )


@pytest.mark.parametrize("sd", [0.2, 1.0, 3.7])
def test_seeds_are_as_many_as_are_needed_and_no_more(sd):
    n = seeds_for(-5.0, sd, 0.05)
    half = [stats.t.ppf(0.975, k - 1) * sd / k**0.5 for k in (n - 1, n)]
    assert half[1] <= 0.25 < half[0]


def test_a_number_of_seeds_that_just_is_enough_counts():
    reach = statistics.t_quantile(6) * 2.0 / 7**0.5
    assert seeds_for(10.0, 2.0, reach / 10.0 * (1 + 1e-12)) == 7
    assert seeds_for(10.0, 2.0, reach / 10.0 * (1 - 1e-12)) == 8
    assert seeds_for(1.0, 0.0, 0.05) == seeds_for(1.0, 0.0, 0.0) == 2
    assert (seeds_for(0.0, 1.0, 0.05), seeds_for(1.0, None, 0.05)) == (None, None)


def test_more_seeds_than_a_million_are_not_counted(monkeypatch):
    assert seeds_for(1.0, 0.05 * 1e6**0.5 / 1.97, 0.05) is not None
    assert seeds_for(1.0, 0.05 * 1e6**0.5 / 1.95, 0.05) is None


@pytest.mark.parametrize("df", [1.0, 2.5, 9.0])
def test_an_interval_of_anything_is_students(df):
    assert interval(-3.0, 0.5, df, "any") == pytest.approx(stats.t.interval(0.95, df, -3.0, 0.5))
    low, high = interval(3.0, 0.5, df, "positive")
    assert np.log([low, high]) == pytest.approx(stats.t.interval(0.95, df, np.log(3.0), 0.5 / 3.0))


@pytest.mark.parametrize(
    ("mean", "se", "df", "within"),
    [
        (0.5, 0.0, 5, "any"),
        (0.5, float("nan"), 5, "any"),
        (0.5, 0.1, 0.99, "any"),
        (0.0, 0.1, 5, "share"),
        (1.0, 0.1, 5, "share"),
        (1.0, 0.1, 5, "difference"),
        (-1.0, 0.1, 5, "difference"),
        (0.0, 0.1, 5, "positive"),
    ],
)
def test_where_nothing_is_told_there_is_no_interval(mean, se, df, within):
    assert interval(mean, se, df, within) is None


def test_wilsons_interval_is_scipys_and_holds_the_share():
    for k, n in ((3, 40), (20, 40), (39, 40)):
        low, high = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert wilson(k / n, n, stats.norm.ppf(0.975)) == pytest.approx((low, high))
    assert wilson(0.0, 10, 1.96)[0] == 0.0
    assert wilson(1.0, 10, 1.96)[1] == 1.0


@pytest.mark.parametrize(
    ("mean", "se", "df"), [(0.3, 0.05, 9), (0.004, 0.003, 2), (0.97, 0.01, 19)]
)
def test_an_interval_of_a_share_is_wilsons_with_the_draws_that_have_its_error(mean, se, df):
    n, t = mean * (1 - mean) / se**2, stats.t.ppf(0.975, df)
    for end in interval(mean, se, df, "share"):
        assert (end - mean) ** 2 == pytest.approx(t**2 * end * (1 - end) / n)


def test_an_interval_of_a_difference_of_shares_is_students_on_its_inverse_hyperbolic_tangent():
    low, high = interval(0.5, 0.1, 4, "difference")
    half = stats.t.ppf(0.975, 4) * 0.1 / (1 - 0.5**2)
    assert np.arctanh([low, high]) == pytest.approx(np.arctanh(0.5) + np.array([-half, half]))


def test_an_interval_of_what_is_little_has_two_ends_however_large_its_error():
    low, high = interval(0.5, 0.1, 4, "positive")
    assert low * high == pytest.approx(0.25)
    low, high = interval(1e-3, 1e9, 4, "positive")
    assert 0 < low < 1e-300
    assert 1e300 < high < np.inf


def test_a_mean_is_of_the_values_that_are_there():
    assert mean_of([]) == mean_of([None, None]) == Mean(None, None, None, 0)
    assert mean_of([None, 2.5]) == Mean(2.5, None, None, 1)
    found = mean_of([1.0, None, 4.0, float("nan"), 2.5])
    assert (found.mean, found.sd, found.n) == (2.5, 1.5, 3)
    assert found.ci95 == pytest.approx(stats.t.interval(0.95, 2, 2.5, 1.5 / 3**0.5))
    assert found == mean_of([1.0, 4.0, 2.5], "any")
    # Their mean is none of them, by a rounding.
    assert mean_of([0.1] * 3) == Mean(pytest.approx(0.1), None, 0.0, 3)


def test_means_keep_within_what_they_can_be():
    shares = [0.9, 0.97, 1.0]
    assert mean_of(shares).ci95[1] > 1
    assert mean_of(shares, "share").ci95[1] < 1
    paired = dict(enumerate(shares)), dict.fromkeys(range(3), 0.01)
    assert paired_mean(*paired).ci95[1] > 1
    assert paired_mean(*paired, "difference").ci95[1] < 1


def test_a_difference_is_of_the_seeds_of_both():
    found = paired_mean({1: 3.0, 2: 5.0, 3: 9.0}, {2: 1.0, 3: 2.0, 4: 80.0})
    assert found == mean_of([4.0, 7.0])


def test_equal_spreads_without_a_common_seed_have_an_interval():
    found = paired_mean({1: 1.0, 2: 3.0}, {8: 5.0, 9: 7.0})
    half = stats.t.ppf(0.975, 2) * 2**0.5
    assert found.mean == -4.0
    assert found.ci95 == pytest.approx((-4.0 - half, -4.0 + half))


def test_what_a_number_can_be():
    assert [range_of(m) for m in ("recall", "n_warned_f1", "whatever")] == [
        "share",
        "positive",
        "any",
    ]
    assert [range_of(m, difference=True) for m in ("recall", "n_warned_f1", "whatever")] == [
        "difference",
        "any",
        "any",
    ]


def test_a_ratio_to_nothing_is_none():
    assert ratio(3, 4) == 0.75
    assert ratio(np.int64(0), np.int64(7)) == 0.0
    assert ratio(0, 0) is None
    assert isinstance(ratio(np.int64(3), np.int64(4)), float)
