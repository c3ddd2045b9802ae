"""Bootstrap over seeds: whole epidemics are drawn again, so what all arms share stays paired."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...kernels import rng
from ...tables.words import Interval

#: Resamples of every interval.
RESAMPLES = 2_000
#: Share of them that must define a number for it to have an interval.
_DEFINED = 0.95


def resamples(seeds: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each seed is in each resample of as many seeds.

    Args:
        seeds: ``int64[s]``, ascending; the draws depend on the first and on how many they are.

    Returns:
        ``float64[2000, s]``, each row adds up to ``s``; ``float64[0, 1]`` of one seed, which says nothing
        of other seeds.
    """
    n = len(seeds)
    if n < 2:
        return np.zeros((0, n))
    u = rng.uniforms(rng.key(int(seeds[0]), "bootstrap", n), np.arange(RESAMPLES * n))
    row = np.repeat(np.arange(RESAMPLES), n)
    drawn = np.bincount(row * n + (u * n).astype(np.int64), minlength=RESAMPLES * n)
    return drawn.reshape(RESAMPLES, n).astype(np.float64)


def ends(values: NDArray[np.float64]) -> Interval | None:
    """2.5 and 97.5 % quantiles of a number over resamples.

    Args:
        values: ``float64[resamples]``; not finite where it is not defined.

    Returns:
        Of the resamples that define the number; None without any, or where fewer than 95 % do.
    """
    there = values[np.isfinite(values)]
    if not len(there) or len(there) < _DEFINED * len(values):
        return None
    low, high = np.percentile(there, [2.5, 97.5]) + 0.0  # never -0
    return float(low), float(high)
