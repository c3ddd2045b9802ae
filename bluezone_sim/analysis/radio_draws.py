"""Intervals of recall that hold what is not known of the radio, from draws of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..tables.levels import LevelMetrics

#: 97.5 % of a normal.
_UPPER = 1.96
#: A share of a draw is at least so far from 0 and from 1: where none is found its logarithm has no end.
_LEAST = 1e-6


def with_radio_draws(
    metrics: Sequence[LevelMetrics], recall: NDArray[np.float64]
) -> tuple[LevelMetrics, ...]:
    """Levels whose intervals of recall hold the spread over draws of the radio.

    Args:
        metrics: as the scenario's own radio gives them, intervals over cases.
        recall: ``float64[draws, levels]``.
    """
    return tuple(
        replace(m, recall_ci95=widened(m.recall, m.recall_ci95, recall[:, i]))
        for i, m in enumerate(metrics)
    )


def widened(
    share: float | None, ci95: tuple[float, float] | None, drawn: NDArray[np.float64]
) -> tuple[float, float] | None:
    """An interval of a share, with a further uncertainty that is independent of the interval's own.

    Half-widths add in quadrature on the scale of log odds, so that it stays between 0 and 1.

    Args:
        share: the estimate.
        ci95: its interval; None stays None.
        drawn: ``float64[draws]``, the same share over draws of what is not known.
    """
    if ci95 is None or share is None or not 0 < share < 1:
        return ci95
    half = _UPPER * float(logit(np.clip(drawn, _LEAST, 1 - _LEAST)).std(ddof=1))
    middle, low, high = logit(np.array([share, *ci95]))
    return (
        float(expit(middle - np.hypot(middle - low, half))),
        float(expit(middle + np.hypot(high - middle, half))),
    )
