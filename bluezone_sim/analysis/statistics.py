"""Intervals: bootstrap over index cases, means and pairs over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng

#: Bootstrap replicates of a 95 % interval.
REPLICATES = 1000


def _ratio(part: float | np.integer, whole: float | np.integer) -> float | None:
    return float(part / whole) if whole else None


def bootstrap_weights(seed: int, n_cases: int) -> NDArray[np.float32]:
    """``float32[REPLICATES, n]``: how often each case is drawn in each replicate."""
    u = rng.uniforms(rng.key(seed, "bootstrap"), np.arange(REPLICATES * n_cases))
    drawn = (u * n_cases).astype(np.int64).reshape(REPLICATES, n_cases)
    drawn += np.arange(REPLICATES)[:, None] * n_cases
    counts = np.bincount(drawn.ravel(), minlength=REPLICATES * n_cases)
    return counts.reshape(REPLICATES, n_cases).astype(np.float32)


def interval_of(
    weights: NDArray[np.float32], part: NDArray[np.int64], whole: NDArray[np.int64]
) -> tuple[float, float] | None:
    """Percentile interval, 95 %, of a ratio of sums over cases."""
    denominator = weights @ whole.astype(np.float64)
    if not np.any(denominator > 0):
        return None
    ok = denominator > 0
    ratio = (weights @ part.astype(np.float64))[ok] / denominator[ok]
    low, high = np.percentile(ratio, [2.5, 97.5])
    return float(low), float(high)


#: More seeds than this are not counted.
_MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        mean: None where no seed defines it.
        ci95: Student's interval, None with fewer than two seeds.
        sd: between seeds, None likewise.
        n: seeds that define it.
    """

    mean: float | None
    ci95: tuple[float, float] | None
    sd: float | None
    n: int


def mean_of(values: Sequence[float | None] | NDArray[np.float64]) -> Mean:
    """Mean and 95 % interval (Student's t over seeds) of the values that are there."""
    x = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    x = x[~np.isnan(x)]
    n = len(x)
    if n == 0:
        return Mean(None, None, None, 0)
    mean = float(x.mean())
    if n == 1:
        return Mean(mean, None, None, 1)
    sd = float(x.std(ddof=1))
    half = _t(n - 1) * sd / n**0.5
    return Mean(mean, (mean - half, mean + half), sd, n)


def _t(df: float) -> float:
    """97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


def seeds_for(sd: float | None, width: float) -> int | None:
    """Smallest number of seeds whose 95 % interval is no wider than ``width``, if ``sd`` stays.

    None where no seed count is known: fewer than two seeds so far, or more than a million needed.
    """
    if sd is None:
        return None

    def enough(n: int) -> bool:
        return bool(2 * _t(n - 1) * sd / n**0.5 <= width)

    if not enough(_MOST_SEEDS):
        return None
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def paired_mean(a: Mapping[int, float], b: Mapping[int, float]) -> Mean:
    """``a - b``, values by seed, over the seeds of both; without a common one, of their means."""
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return _unpaired(mean_of(list(a.values())), mean_of(list(b.values())))
    return mean_of([a[s] - b[s] for s in seeds])


def _unpaired(a: Mean, b: Mean) -> Mean:
    """``a - b`` of independent means, with Welch's interval."""
    if a.mean is None or b.mean is None:
        return Mean(None, None, None, 0)
    n = min(a.n, b.n)
    if a.sd is None or b.sd is None:
        return Mean(a.mean - b.mean, None, None, n)
    va, vb = a.sd**2 / a.n, b.sd**2 / b.n
    half = 0.0
    if va + vb > 0:
        half = _t((va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))) * (va + vb) ** 0.5
    delta = a.mean - b.mean
    return Mean(delta, (delta - half, delta + half), None, n)
