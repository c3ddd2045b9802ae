"""The course of a disease as another model draws it: how strongly it spreads, and what is like it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from ..errors import InputError
from ..scenario.schema.epidemic import Transmission
from ..simulation.epidemic.town import Town
from .edges import edges_of

#: Chances a minute between which one is looked for.
_RANGE = (1e-9, 0.5)
#: A course is over where infectiousness is this share of its peak.
_OVER = 0.02


class Course(NamedTuple):
    """People who are all infected on day 0.

    Attributes:
        infectiousness: ``float64[days, k]``, what a chance is multiplied by on each day.
        onset: ``float64[k]``, day on which each falls ill; NaN without symptoms.
        susceptibility: ``float64[n_people]``, of everybody in the town.
    """

    infectiousness: NDArray[np.float64]
    onset: NDArray[np.float64]
    susceptibility: NDArray[np.float64]


class Passed(NamedTuple):
    """What follows of a chance a minute; see :class:`bluezone_sim.analysis.epidemic.result.Fitted`."""

    beta: float
    r0: float
    generation_days: float
    presymptomatic_share: float


class _Rows(NamedTuple):
    """Contacts of infectious people: row by person, other and day.

    Attributes:
        source: ``int64[r]``, number among the people.
        pair: ``int64[r]``, number of the pair.
        of_pair: ``int64[p]``, source of each pair.
        minutes, factor: ``float64[r]``; the factor is infectiousness times susceptibility.
        day: ``int64[r]``.
    """

    source: NDArray[np.int64]
    pair: NDArray[np.int64]
    of_pair: NDArray[np.int64]
    minutes: NDArray[np.float64]
    factor: NDArray[np.float64]
    day: NDArray[np.int64]


def fit_beta(
    town: Town, people: NDArray[np.integer], course: Course, counts: Transmission, r0: float
) -> Passed:
    """The chance a minute with which R0 is what it should be.

    R0 is the mean number whom people infect in a town where nobody else is ill, immune or at home, each
    person weighted by the chance to be infected: what they take up a day times their susceptibility.

    Args:
        town: whose contacts.
        people: of the course, a sample of the town.
        course: of the disease, infected on day 0.
        counts: what a minute counts.
        r0: to be met.

    Raises:
        InputError: the course is not over within its days or the town's, or no chance gives that R0.
    """
    by_day = course.infectiousness.sum(1)
    if len(by_day) > town.n_days or by_day[-1] > _OVER * by_day.max():
        raise InputError(
            f"epidemic.days: expected as many as the course of the disease, so that R0 can be fitted; "
            f"found {town.n_days}"
        )
    rows = _rows(town, people, course, counts)
    own = course.susceptibility[people]

    def of(log_beta: float) -> float:
        return _passed(rows, own, course, float(np.exp(log_beta))).r0 - r0

    low, high = np.log(_RANGE)
    if of(high) < 0:
        raise InputError(
            f"epidemic.r0: expected at most {of(high) + r0:.2f}, which is how many others people here "
            f"meet while they are infectious; found {r0:g}"
        )
    return _passed(rows, own, course, float(np.exp(optimize.brentq(of, low, high, xtol=1e-6))))


def like(course: Course) -> tuple[dict[str, float], dict[str, float]]:
    """Values of ``[epidemic.disease]`` that come near to a course.

    A contact on day d after the infection is d days after it; somebody falls ill half a day before the
    middle of the day of onset, and who has no symptoms would as long after the first infectious day as
    others do. The shifted gamma of infectiousness about onset is the one whose cumulated shares by day
    differ least, in squares.

    Returns:
        Those of timing: incubation, latent time, profile; and those of strength: how many have no
        symptoms, how infectious they are, and the dispersion.
    """
    infectious = course.infectiousness.any(0)  # not all are
    weight, onset = course.infectiousness[:, infectious], course.onset[infectious].copy()
    begins, ill = (weight > 0).argmax(0), np.isfinite(onset)
    onset[~ill] = begins[~ill] + (onset[ill] - begins[ill]).mean()
    shape, rate, shift = _profile(weight, onset)
    incubation = onset[ill] - 0.5
    spread = 1 + float(incubation.var() / incubation.mean() ** 2)
    timing = {
        "incubation_median_days": float(incubation.mean() / np.sqrt(spread)),
        "incubation_log_sd": float(np.sqrt(np.log(spread))),
        "latent_days": max(1.0, float(np.quantile(begins, 0.05))),
        "profile_shape": shape,
        "profile_rate_per_day": rate,
        "profile_shift_days": shift,
    }
    each, ill = course.infectiousness.sum(0), np.isfinite(course.onset)
    without = float(each[~ill].mean() / each[ill].mean()) if (~ill).any() else 1.0
    strength = {
        "asymptomatic_share": float((~ill).mean()),
        "asymptomatic_factor": min(1.0, without),
        "dispersion": float(each[ill].mean() ** 2 / each[ill].var()),
    }
    return timing, strength


def _profile(weight: NDArray[np.float64], onset: NDArray[np.float64]) -> tuple[float, float, float]:
    """Shape, rate a day and shift in days of the gamma that is next to infectiousness about onset."""
    since = np.arange(len(weight))[:, None] - onset + 0.5
    at = np.arange(-10.0, 25.0)  # between the days, whose contacts are spread over them
    found = np.histogram(since, np.append(-np.inf, at), weights=weight)[0]
    cumulated = np.cumsum(found) / weight.sum()

    def off(x: NDArray[np.float64]) -> float:
        shape, rate, shift = np.exp(x)
        return float(((stats.gamma.cdf(at + shift, shape, scale=1 / rate) - cumulated) ** 2).sum())

    begin = np.log([3.0, 0.6, 2.0])
    best = optimize.minimize(off, begin, method="Nelder-Mead", options={"maxiter": 2000}).x
    shape, rate, shift = np.exp(best).tolist()
    return shape, rate, shift


def _rows(town: Town, people: NDArray[np.integer], course: Course, counts: Transmission) -> _Rows:
    who = np.asarray(people, np.int64)
    number = np.full(town.world.n_people, -1)
    number[who] = np.arange(len(who))
    parts = []
    for day, infectiousness in enumerate(course.infectiousness):
        infectious = who[infectiousness > 0]
        if len(infectious):
            edges = edges_of(town, infectious, day, counts)
            source = number[edges.a]
            factor = infectiousness[source] * course.susceptibility[edges.b]
            at = np.full(len(source), day)
            parts.append((source, edges.b.astype(np.int64), edges.minutes, factor, at))
    source, other, minutes, factor, at = (np.concatenate(c) for c in zip(*parts, strict=True))
    keys, pair = np.unique(source * town.world.n_people + other, return_inverse=True)
    return _Rows(source, pair, keys // town.world.n_people, minutes, factor, at)


def _passed(rows: _Rows, own: NDArray[np.float64], course: Course, beta: float) -> Passed:
    n = len(own)
    of_day = -np.expm1(rows.minutes * np.log1p(-beta))
    chance = np.minimum(rows.factor * of_day, 1 - 1e-12)
    of_pair = -np.expm1(np.bincount(rows.pair, np.log1p(-chance)))
    each = np.bincount(rows.of_pair, of_pair, n)
    days = np.maximum((course.infectiousness > 0).sum(0), 1)
    weight = own * np.bincount(rows.source, of_day, n) / days
    onset = course.onset[rows.source]
    known = np.isfinite(onset)
    return Passed(
        beta,
        float((weight * each).sum() / weight.sum()),
        float((chance * rows.day).sum() / chance.sum()),
        float(chance[known & (rows.day < onset)].sum() / chance[known].sum()),
    )
