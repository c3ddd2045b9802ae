"""Intervals that stay where their numbers can be; means, pairs and seeds needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..tables.metrics import METRICS
from ..tables.words import SHARE, Interval

#: With fewer cases than this that have a risky pair there is no interval.
LEAST_CASES = 10

#: What a number can be: a share (0 to 1), a difference of shares (-1 to 1), nothing below 0, anything.
Range = Literal["share", "difference", "positive", "any"]


def ratio(part: float | np.integer, whole: float | np.integer) -> float | None:
    """A share or a mean; None where there is nothing to divide by."""
    return float(part / whole) if whole else None


def range_of(metric: str, *, difference: bool = False) -> Range:
    """What values a metric, or a difference between two of its values, can have."""
    share = METRICS.get(metric).unit is SHARE if metric in METRICS else False
    if difference:
        return "difference" if share else "any"
    # Every built-in number is a share, a count, a mean of counts or a time.
    return "share" if share else "positive" if metric in METRICS else "any"


def interval(mean: float, se: float, df: float, within: Range) -> Interval | None:
    """95 % interval of a mean with standard error ``se``, on a scale that it cannot leave.

    Shares: Wilson's score interval with the number of independent draws that has this error in place
    of n (Korn and Graubard 1998). What is not negative: Student's on its logarithm. Differences of
    shares: on Fisher's inverse hyperbolic tangent. Anything: Student's.

    Args:
        mean: in its range.
        se: its standard error.
        df: degrees of freedom of ``se``.
        within: what the mean can be.

    Returns:
        Both ends; None without a spread, which tells nothing of how far the mean may be off.
    """
    if not se > 0 or df < 1:
        return None
    t = t_quantile(df)
    if within == "share":
        return wilson(mean, mean * (1 - mean) / se**2, t) if 0 < mean < 1 else None
    if within == "difference":
        if abs(mean) >= 1:
            return None
        half = t * se / (1 - mean**2)
        return float(np.tanh(np.arctanh(mean) - half)), float(np.tanh(np.arctanh(mean) + half))
    if within == "positive":
        if not mean > 0:
            return None
        factor = float(np.exp(min(t * se / mean, 700.0)))
        return mean / factor, mean * factor
    return mean - t * se, mean + t * se


def wilson(share: float, n: float, t: float) -> Interval:
    """Wilson's score interval of a share of ``n`` independent draws (Wilson 1927).

    Args:
        share: 0 to 1.
        n: draws; need not be whole.
        t: quantile, 1.96 for many draws and 95 %.
    """
    shrink = 1 + t**2 / n
    middle = (share + t**2 / (2 * n)) / shrink
    half = t / shrink * (share * (1 - share) / n + t**2 / (4 * n**2)) ** 0.5
    # Rounding may put an end a hair outside.
    return min(max(0.0, middle - half), share), max(min(1.0, middle + half), share)


#: More seeds than this are not counted.
_MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        mean: None where no seed defines it.
        ci95: None with fewer than two seeds, or where all agree.
        sd: between seeds, None with fewer than two.
        n: seeds that define it.
    """

    mean: float | None
    ci95: Interval | None
    sd: float | None
    n: int


def mean_of(values: Sequence[float | None] | NDArray[np.float64], within: Range = "any") -> Mean:
    """Mean and 95 % :func:`interval` over seeds of the values that are there."""
    x = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    x = x[~np.isnan(x)]
    n = len(x)
    if n == 0:
        return Mean(None, None, None, 0)
    mean = float(x.mean())
    if n == 1:
        return Mean(mean, None, None, 1)
    # The mean of equal values may be off by a rounding.
    sd = float(x.std(ddof=1)) if np.ptp(x) else 0.0
    return Mean(mean, interval(mean, sd / n**0.5, n - 1, within), sd, n)


def t_quantile(df: float) -> float:
    """97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


def seeds_for(mean: float | None, sd: float | None, half_width: float) -> int | None:
    """Smallest number of seeds for which Student's interval of a mean reaches no further than a share
    of it to either side, if mean and ``sd`` stay.

    Args:
        mean: over the seeds so far.
        sd: between them.
        half_width: as a share of the mean: 0.05 for 5 %.

    Returns:
        None where no number is known: fewer than two seeds so far, a mean of 0, or more than a million.
    """
    if sd is None or not mean:
        return None
    reach = half_width * abs(mean)

    def enough(n: int) -> bool:
        return bool(t_quantile(n - 1) * sd / n**0.5 <= reach)

    if not enough(_MOST_SEEDS):
        return None
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def paired_mean(a: Mapping[int, float], b: Mapping[int, float], within: Range = "any") -> Mean:
    """``a - b``, values by seed, over the seeds of both; without a common one, of their means.

    Args:
        a, b: a value a seed.
        within: what the difference can be.
    """
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return _unpaired(mean_of(list(a.values())), mean_of(list(b.values())), within)
    return mean_of([a[s] - b[s] for s in seeds], within)


def _unpaired(a: Mean, b: Mean, within: Range) -> Mean:
    """``a - b`` of independent means, with Welch's degrees of freedom."""
    if a.mean is None or b.mean is None:
        return Mean(None, None, None, 0)
    n, delta = min(a.n, b.n), a.mean - b.mean
    if a.sd is None or b.sd is None:
        return Mean(delta, None, None, n)
    va, vb = a.sd**2 / a.n, b.sd**2 / b.n
    if not va + vb:
        return Mean(delta, None, None, n)
    df = (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))
    return Mean(delta, interval(delta, (va + vb) ** 0.5, df, within), None, n)
