"""The counter-based generator: known values, avalanche, equidistribution, independence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bluezone_sim.kernels import rng
from twins.day_loop import draw as naive_draw


def test_known_values_of_splitmix64():
    # First outputs of SplitMix64 seeded with 1234567 (published with the xoshiro generators).
    state, got = 1234567, []
    for _ in range(3):
        got.append(rng._mix_int(state))
        state = (state + rng.GOLDEN) & ((1 << 64) - 1)
    assert got == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1))
def test_all_twins_agree(key, who):
    want = naive_draw(key, who)
    assert rng.draw(np.uint64(key), who) == want
    assert rng.draws(key, np.array([who]))[0] == want


def test_avalanche():
    """Flipping any bit of the coordinate flips each bit of the draw half of the time."""
    n = 20_000
    who = np.random.default_rng(1).integers(0, 2**63, n)
    key = rng.key(1, "fading")
    base = rng.draws(key, who)
    worst = 0.0
    for bit in range(63):
        flipped = base ^ rng.draws(key, who ^ (1 << bit))
        share = np.unpackbits(flipped.view(np.uint8)).reshape(n, 64).mean(axis=0)
        worst = max(worst, float(np.abs(share - 0.5).max()))
    # 4,032 binomial shares of sd 0.0035: five sigma of the largest is below 0.02.
    assert worst < 0.02


@pytest.mark.parametrize("who", ["counter", "strided", "bit-reversed"])
def test_draws_of_structured_coordinates_are_uniform_and_uncorrelated(who):
    n = 1 << 20
    i = np.arange(n)
    if who == "strided":
        i = i * (1 << 20)
    if who == "bit-reversed":
        i = np.array([int(f"{x:020b}"[::-1], 2) for x in range(n)])
    u = rng.uniforms(rng.key(3, "tie"), i)
    assert stats.kstest(u, "uniform").pvalue > 1e-4
    for lag in (1, 2, 3, 64, 1000):
        r = np.corrcoef(u[:-lag], u[lag:])[0, 1]
        assert abs(r) * np.sqrt(n) < 5
    # Every byte position is equidistributed.
    for byte in rng.draws(rng.key(3, "tie"), i).view(np.uint8).reshape(n, 8).T:
        counts = np.bincount(byte, minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-5


def test_purposes_and_seeds_are_unrelated():
    who = np.arange(1 << 16)
    columns = [
        rng.uniforms(rng.key(seed, purpose), who)
        for seed in (1, 2, 3)
        for purpose in ("fading", "gatt", "tie")
    ]
    r = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(r).max() * np.sqrt(len(who)) < 5


def test_gaps_birthdays_and_ranks():
    """Three tests in the manner of PractRand on 2**20 draws: birthday spacings, gaps, matrix rank."""
    n = 1 << 20
    h = rng.draws(rng.key(9, "meeting"), np.arange(n))
    # Birthday spacings of the upper 32 bits: in 512 blocks of 2**11 expect 2**33 / 2**34 = 0.5 each.
    block = np.sort((h >> np.uint64(32)).reshape(-1, 1 << 11), axis=1)
    spacings = np.sort(np.diff(block, axis=1), axis=1)
    repeats = int((np.diff(spacings, axis=1) == 0).sum())
    expected = len(block) * (2**11) ** 3 / (4 * 2**32)
    assert stats.poisson.cdf(repeats, expected) > 1e-4
    assert stats.poisson.sf(repeats - 1, expected) > 1e-4
    # Runs between values below 1/16 are geometric.
    hits = np.flatnonzero((h >> np.uint64(60)) == 0)
    gap = np.minimum(np.diff(hits), 64)
    p = np.append(stats.geom.pmf(np.arange(1, 64), 1 / 16), stats.geom.sf(63, 1 / 16))
    assert stats.chisquare(np.bincount(gap, minlength=65)[1:], p * len(gap)).pvalue > 1e-4
    # 64 x 64 bit matrices over GF(2): ranks 64, 63 and below with their known chances.
    ranks = np.array([_rank(h[i : i + 64]) for i in range(0, 64 * 4000, 64)])
    counts = [(ranks == 64).sum(), (ranks == 63).sum(), (ranks < 63).sum()]
    assert stats.chisquare(counts, np.array([0.2888, 0.5776, 0.1336]) * 4000).pvalue > 1e-4


def _rank(rows):
    rows, rank = [int(r) for r in rows], 0
    while rows:
        pivot = rows.pop()
        if pivot:
            rank += 1
            low = pivot & -pivot
            rows = [r ^ pivot if r & low else r for r in rows]
    return rank


def test_normal_table():
    assert abs(rng.NORMAL_TABLE.mean()) < 1e-12
    assert rng.NORMAL_TABLE.var() == pytest.approx(1.0, abs=5e-4)
    z = rng.normals(rng.key(1, "activity"), np.arange(200_000))
    assert stats.kstest(z, "norm").pvalue > 1e-4


def test_unknown_purpose_is_an_error():
    with pytest.raises(KeyError):
        rng.key(1, "weather")
