"""Intervals over pairs: known answers, a naive twin, and where there is none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bluezone_sim.analysis.dyads import Dyads, Fixed
from bluezone_sim.analysis.statistics import LEAST_CASES, interval, range_of, wilson

Z = stats.norm.ppf(0.975)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 857), Table I, score method without correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_ends(hits, n, low, high):
    assert wilson(hits / n, n, Z) == pytest.approx((low, high), abs=5e-5)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1e-9, 0.4), st.integers(1, 400))
def test_an_interval_of_a_share_holds_it_and_stays_within_0_and_1(share, se, df):
    low, high = interval(share, se, df, "share")
    assert 0 <= low <= share <= high <= 1


def test_what_a_metric_can_be():
    assert [range_of(n) for n in ("recall", "recall_ios_android", "n_warned_f2", "elsewhere")] == [
        *("share", "share", "positive", "any")
    ]
    assert range_of("recall", difference=True) == "difference"
    assert range_of("n_warned_f1", difference=True) == "any"


def test_independent_pairs_have_the_plain_interval():
    """40 cases with one other each, nobody twice: Wilson's interval with n (n - 1) / n for n."""
    n = 40
    case, other = np.arange(n), np.arange(n) + n
    hit = np.arange(n) < 10
    everyone = np.ones(2 * n, np.bool_)
    found = Dyads(case, other, 2 * n).share(hit, Fixed(everyone))
    assert found == pytest.approx(wilson(0.25, n, stats.t.ppf(0.975, n - 1)))


def naive_error(case, other, rest, kinds, n_people):
    """Each two pairs with a person in common; the regression by hand."""
    parts = np.zeros(n_people)
    for i, j, e in zip(case, other, rest, strict=True):
        parts[i] += e
        parts[j] += e
    x = np.stack([np.ones(n_people), *kinds], 1)
    left = parts - x @ np.linalg.lstsq(x, parts, rcond=None)[0]
    pairs = {}
    for i, j, e in zip(case, other, rest, strict=True):
        pairs[min(i, j), max(i, j)] = pairs.get((min(i, j), max(i, j)), 0.0) + e
    twice = sum(e**2 for e in pairs.values())
    return max((left**2).sum() - twice, twice) ** 0.5 / len(rest)


@pytest.mark.parametrize("seed", range(4))
def test_the_error_is_that_of_the_formula_written_out(seed):
    rng = np.random.default_rng(seed)
    n = 60
    app = rng.random(n) < 0.6
    pairs = [p for p in itertools.permutations(range(n), 2) if p[0] < 25 and rng.random() < 0.2]
    case, other = np.array(pairs).T
    hit = app[case] & app[other] & (rng.random(len(case)) < 0.8)
    kinds = (app, np.arange(n) < 25)
    df = len(np.unique(case)) - 1
    error = naive_error(case, other, hit - hit.mean(), kinds, n)
    found = Dyads(case, other, n).share(hit, Fixed(*kinds))
    assert found == pytest.approx(interval(hit.mean(), error, df, "share"))
    # Kinds that are one, or that nobody is of, explain nothing more.
    same = Fixed(*kinds, app, np.zeros(n, np.bool_))
    assert Dyads(case, other, n).share(hit, same) == pytest.approx(found)


def test_users_shared_by_cases_widen_an_interval():
    """20 cases who all met the same 5 people: hits hang on 5 people, not on 100 pairs."""
    case, other = np.repeat(np.arange(20), 5), np.tile(np.arange(20, 25), 20)
    hit = other < 22
    everyone = np.ones(25, np.bool_)
    low, high = Dyads(case, other, 25).share(hit, Fixed(everyone))
    apart = Dyads(case, np.arange(20, 120), 120).share(hit, Fixed(np.ones(120, np.bool_)))
    assert high - low > 2.5 * (apart[1] - apart[0])


def test_no_interval_with_too_few_cases_and_a_one_sided_one_where_nothing_varies():
    def of(cases, hit):
        n = 3 * cases
        case, other = np.repeat(np.arange(cases), 2), np.arange(cases, n)
        fixed = Fixed(np.ones(n, np.bool_))
        return Dyads(case, other, n).share(np.full(2 * cases, hit), fixed)

    assert of(LEAST_CASES - 1, False) is None
    low, high = of(LEAST_CASES, False)
    t = stats.t.ppf(0.975, LEAST_CASES - 1)
    assert (low, high) == (0.0, pytest.approx(t**2 / (LEAST_CASES + t**2)))
    assert of(LEAST_CASES, True) == pytest.approx((1 - high, 1.0))


def test_a_mean_per_case_counts_cases_with_nothing():
    """12 cases with 0 to 11 others of their own: the mean's error is that of the counts."""
    counts = np.arange(12)
    case = np.repeat(np.arange(12), counts)
    n, other = 10_000, np.arange(12, 12 + len(case))
    found = Dyads(case, other, n).per_case(np.arange(12), Fixed(np.ones(n, np.bool_)))
    mean = counts.mean()
    assert found[0] * found[1] == pytest.approx(mean**2)  # as far by factor to either side
    spread = np.log(found[1] / mean) / stats.t.ppf(0.975, 10) * mean
    assert spread == pytest.approx(counts.std() / 12**0.5, rel=0.01)
    assert Dyads(case[:3], other[:3], n).per_case(np.arange(12), Fixed(np.ones(n, bool))) is None
