"""The lanes that the radio is worked out on, against NumPy and SciPy, and on other CPUs."""

from __future__ import annotations

import os
import subprocess
import sys

import numba as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from bluezone_sim.kernels import cpu
from bluezone_sim.kernels.lane_memory import Array, Packing, vectorised
from bluezone_sim.kernels.lanes import FLOAT, LONG, WIDTH, WORD, splat
from bluezone_sim.kernels.radio import spans_ir as radio_spans_ir
from bluezone_sim.kernels.rng import NORMAL_TABLE
from verification.radio_cells import some_records


@vectorised
def _log_exp(b, x, y, logs, powers, i):
    logs.store(i, x.load(i).log2())
    powers.store(i, y.load(i).exp2())
    return LONG(0)


@vectorised
def _wholes(b, x, divisor, out):
    by = splat(b, b.trunc(divisor, WORD))
    out.store(LONG(0), x.load(LONG(0)).whole_of(by, by.floats().inverse()))
    return LONG(0)


@vectorised
def _pack(b, x, least, out):
    words = x.load(LONG(0))
    packing = Packing(words >= b.trunc(least, WORD))
    packing.store(out, LONG(0), words)
    return packing.count


@vectorised
def _look_up(b, index, words, longs, rows, out, out_longs, columns):
    lanes = index.load(LONG(0))
    out.store(LONG(0), words.picked(lanes))
    out_longs.store(LONG(0), longs.picked(lanes))
    for k, column in enumerate(rows.rows(index, LONG(0))):
        columns.store(LONG(k * WIDTH), column)
    return LONG(0)


@vectorised
def _split(b, longs, low, high):
    for to, half in zip((low, high), longs.load(LONG(0)).halves(), strict=True):
        to.store(LONG(0), half)
    return LONG(0)


class _Normal:
    """All of a plan that a binomial number reads."""

    def __init__(self, normal: Array):
        self.normal = normal


@vectorised
def _arrive(b, normal, caught, chance, bits, out, i):
    n = splat(b, b.trunc(caught, WORD))
    p = splat(b, b.fptrunc(chance, FLOAT))
    first = radio_spans_ir.none_arrive(n, p)
    out.store(i, radio_spans_ir.binomial(_Normal(normal), n, p, bits.load(i), first))
    return LONG(0)


@nb.njit
def run_log_exp(x, y, logs, powers):
    for i in range(0, len(x), WIDTH):
        _log_exp(x, y, logs, powers, i)


@nb.njit
def run_wholes(x, divisor, out):
    return _wholes(x, divisor, out)


@nb.njit
def run_pack(x, least, out):
    return _pack(x, least, out)


@nb.njit
def run_arrive(normal, caught, chance, bits, out):
    for i in range(0, len(bits), WIDTH):
        _arrive(normal, caught, chance, bits, out, i)


def test_logarithms_and_powers_are_those_of_numpy():
    x = np.geomspace(1e-6, 1e6, 1 << 12).astype(np.float32)
    y = np.linspace(-100, 30, 1 << 12).astype(np.float32)
    logs, powers = np.empty_like(x), np.empty_like(y)
    run_log_exp(x, y, logs, powers)
    np.testing.assert_allclose(logs, np.log2(x.astype(float)), rtol=2e-7, atol=2e-7)
    np.testing.assert_allclose(powers, np.exp2(y.astype(float)), rtol=5e-7)


@settings(max_examples=200)
@given(
    st.integers(1, 90_000_000),
    st.lists(st.integers(-(1 << 30), 1 << 30), min_size=WIDTH, max_size=WIDTH),
)
def test_quotients_are_exact(divisor, values):
    x = np.clip(np.array(values), -(divisor << 21), divisor << 21).astype(np.int32)
    out = np.empty_like(x)
    run_wholes(x, divisor, out)
    np.testing.assert_array_equal(out, x // divisor)


@nb.njit
def run_look_up(index, words, longs, rows, out, out_longs, columns):
    _look_up(index, words, longs, rows, out, out_longs, columns)


@nb.njit
def run_split(longs, low, high):
    _split(longs, low, high)


def test_tables_are_looked_up_element_by_element():
    rng = np.random.default_rng(3)
    index = rng.integers(0, WIDTH, WIDTH).astype(np.int32)
    words = rng.integers(-(2**31), 2**31, WIDTH).astype(np.int32)
    longs = rng.integers(-(2**63), 2**63, WIDTH)
    rows = rng.normal(size=(WIDTH, 4)).astype(np.float32)
    out, out_longs, columns = np.empty_like(words), np.empty_like(longs), np.empty((4, WIDTH), "f4")
    run_look_up(index, words, longs, rows, out, out_longs, columns)
    np.testing.assert_array_equal(out, words[index])
    np.testing.assert_array_equal(out_longs, longs[index])
    np.testing.assert_array_equal(columns, rows[index].T)
    # Of a number that names no element the lower bits count: nothing beyond the table is read.
    run_look_up(
        index | (1 << 20), words, longs, np.zeros((1 << 21, 4), "f4"), out, out_longs, columns
    )
    np.testing.assert_array_equal(out, words[index])
    np.testing.assert_array_equal(out_longs, longs[index])


def test_halves_are_lower_and_upper_words():
    longs = np.random.default_rng(4).integers(-(2**63), 2**63, WIDTH)
    low, high = (np.empty(WIDTH, np.int32) for _ in range(2))
    run_split(longs, low, high)
    np.testing.assert_array_equal(low, longs.astype(np.int32))
    np.testing.assert_array_equal(high, longs >> 32)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), min_size=WIDTH, max_size=WIDTH), st.integers(0, 10))
def test_packing_keeps_the_order(values, least):
    x = np.array(values, np.int32)
    out = np.empty_like(x)
    n = run_pack(x, least, out)
    np.testing.assert_array_equal(out[:n], x[x >= least])


@pytest.mark.parametrize("n", [1, 3, 16, 40, 150, 1000])
@pytest.mark.parametrize("p", [0.0, 1e-9, 1e-4, 0.01, 0.1, 0.4, 0.54, 0.9, 1.0])
def test_arrivals_are_binomial(n, p):
    """The distribution function within 0.004 everywhere; where few arrive, within 1e-4."""
    bits = np.arange(0, 1 << 24, 1 << 10, dtype=np.int32) + 511
    out = np.empty_like(bits)
    run_arrive(NORMAL_TABLE.astype(np.float32), n, p, bits, out)
    found = np.searchsorted(np.sort(out), np.arange(n + 1), side="right") / len(out)
    exact = binom.cdf(np.arange(n + 1), n, np.float32(p).astype(float))
    assert np.abs(found - exact).max() < 0.004
    few = slice(0, 8) if p <= 0.5 else slice(max(n - 8, 0), n + 1)
    assert np.abs(found - exact)[few].max() < 1.3e-4
    assert out.min() >= 0
    assert out.max() <= n


@pytest.mark.slow
@pytest.mark.parametrize(
    "features", ["", "+avx2,+avx,+fma,+popcnt,+bmi,+bmi2,+sse4.2"], ids=["sse2", "avx2"]
)
def test_other_processors_give_the_same_bytes(tmp_path, features):
    """Code for the plainest x86-64 (SSE2), and for one without AVX-512, in processes of their own."""
    if "avx2" in features and "avx2" not in cpu.features():
        pytest.skip("this processor has no AVX2")
    code = "from verification.radio_cells import some_records; print(some_records())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "NUMBA_CPU_NAME": "generic",
            "NUMBA_CPU_FEATURES": features,
            "NUMBA_CACHE_DIR": str(tmp_path),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(found.stdout) == some_records()
