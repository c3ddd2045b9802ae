"""How much scenes differ: the spread of their levels, from few of them.

Each scene has a level, the attenuation of the mean scan there, which its fit knows but for an error.
Between scenes the levels are normal about one mean::

    level[s] ~ Normal(mean, sd^2) + error[s]            errors jointly normal, of known covariance

The standard deviation is that of the restricted likelihood (REML), which allows for the mean being
estimated from the same levels. Its interval is the Q profile (Viechtbauer 2007, Statistics in Medicine
26:37-52): all values at which the generalised sum of squares about the mean, chi-squared with one
degree of freedom less than there are scenes, is neither too large nor too small. It is exact where the
errors are normal, however few scenes there are, and wide for that reason: over three scenes its ends are
a factor of twelve apart, over two one of seventy. Predictions from so few take the standard deviation
that they are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

#: Scenes from which the spread is taken: over five the ends of its interval are a factor of five apart.
_FEWEST_SCENES = 5
#: No scene differs from others by more than this, dB: where an interval has no upper end below it.
_MOST_DB = 60.0


@dataclass(frozen=True)
class Levels:
    """Of some scenes.

    Attributes:
        level_db: of each.
        error_db: standard errors of these.
        mean_db: over scenes.
        mean_error_db: its standard error, the spread of the scenes in it.
        sd_db: spread between scenes, as they tell it; None for one scene alone.
        sd_ci95_db: 95 % interval of that.
        used_sd_db: the spread of predictions.
    """

    level_db: tuple[float, ...]
    error_db: tuple[float, ...]
    mean_db: float
    mean_error_db: float
    sd_db: float | None
    sd_ci95_db: tuple[float, float] | None
    used_sd_db: float


def levels_of(
    level_db: NDArray[np.float64], covariance: NDArray[np.float64], given_sd_db: float
) -> Levels:
    """Mean and spread over scenes.

    Args:
        level_db: ``float64[n]``.
        covariance: ``float64[n, n]``, of the levels' errors, dB².
        given_sd_db: the spread of predictions where the scenes are too few to tell it.
    """
    n = len(level_db)
    sd: float | None = None
    interval: tuple[float, float] | None = None
    if n > 1:
        found = minimize_scalar(
            lambda sd: -_restricted(level_db, covariance, sd),
            bounds=(0, _MOST_DB),
            method="bounded",
        )
        at_zero = _restricted(level_db, covariance, 0.0)
        sd = 0.0 if at_zero >= -found.fun else float(found.x)
        interval = _q_profile(level_db, covariance)
    used = given_sd_db if sd is None or n < _FEWEST_SCENES else sd
    mean, variance, _ = _about_mean(level_db, covariance, used)
    return Levels(
        level_db=tuple(level_db.tolist()),
        error_db=tuple(np.sqrt(np.diag(covariance)).tolist()),
        mean_db=mean,
        mean_error_db=float(np.sqrt(variance)),
        sd_db=sd,
        sd_ci95_db=interval,
        used_sd_db=used,
    )


def _about_mean(
    level_db: NDArray[np.float64], covariance: NDArray[np.float64], sd: float
) -> tuple[float, float, float]:
    """Mean by generalised least squares, its variance, and the sum of squares about it."""
    inverse = np.linalg.inv(covariance + sd**2 * np.eye(len(level_db)))
    variance = 1 / inverse.sum()
    mean = float(variance * (inverse @ level_db).sum())
    off = level_db - mean
    return mean, float(variance), float(off @ inverse @ off)


def _restricted(level_db: NDArray[np.float64], covariance: NDArray[np.float64], sd: float) -> float:
    """Restricted log-likelihood of a spread, up to a constant."""
    _, variance, squares = _about_mean(level_db, covariance, sd)
    whole = covariance + sd**2 * np.eye(len(level_db))
    return -0.5 * float(np.linalg.slogdet(whole)[1] - np.log(variance) + squares)


def _q_profile(
    level_db: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[float, float]:
    def spread_at(squares: float) -> float:
        def off(sd: float) -> float:
            return _about_mean(level_db, covariance, sd)[2] - squares

        # The larger the spread, the smaller the sum.
        if off(0.0) <= 0:
            return 0.0
        return _MOST_DB if off(_MOST_DB) >= 0 else float(brentq(off, 0.0, _MOST_DB))

    upper, lower = chi2.ppf([0.975, 0.025], len(level_db) - 1)
    return spread_at(float(upper)), spread_at(float(lower))
