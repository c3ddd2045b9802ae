"""When a case was infected, fell ill and could infect: days back from when it becomes known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.schema.exposure import Course
from ..tables.days import Days
from .risk import RiskyDays


def infectious_from_s(
    course: Course, seed: int, case: NDArray[np.integer], known_s: int
) -> NDArray[np.int64]:
    """``int64[n]``: unix seconds from which each case could infect.

    Args:
        course: its delays; the incubation is log-normal, the others exponential.
        seed: the run's seed.
        case: people.
        known_s: when the cases become known, unix seconds.
    """
    z = rng.normals(rng.key(seed, "course", 0), case)
    incubation = course.incubation_median_days * np.exp(course.incubation_log_sd * z)
    suspected, confirmed = (
        -mean * np.log1p(-rng.uniforms(rng.key(seed, "course", k), case))
        for k, mean in ((1, course.suspected_after_days), (2, course.confirmed_after_days))
    )
    ill = suspected + (confirmed if course.known_as == "confirmed" else 0.0)
    before = ill + np.minimum(course.infectious_before_onset_days, incubation)
    return np.asarray(known_s - (before * 86_400).astype(np.int64))


def infectious_days(
    risky: RiskyDays, course: Course, seed: int, days: Days, known_s: int
) -> RiskyDays:
    """Those risky days that do not end before the case could infect."""
    keep = while_infectious(risky.case, risky.day, course, seed, days, known_s)
    pair = risky.pair[keep]
    return RiskyDays(
        risky.case[keep],
        risky.other[keep],
        risky.day[keep],
        risky.near_s[keep],
        risky.hours[keep],
        pair=np.cumsum(np.diff(pair, prepend=-1) != 0) - 1,
    )


def while_infectious(
    case: NDArray[np.integer],
    day: NDArray[np.int64],
    course: Course,
    seed: int,
    days: Days,
    known_s: int,
) -> NDArray[np.bool_]:
    """``bool[n]``: the day (an index) does not end before the case could infect."""
    ends = np.append(days.start_s, days.end_s)[day + 1]
    return np.asarray(ends > infectious_from_s(course, seed, case, known_s))


def true_cases(course: Course | None, seed: int, case: NDArray[np.integer]) -> NDArray[np.bool_]:
    """``bool[n]``: cases that a test confirms; suspected ones mostly are not."""
    if course is None or course.known_as == "confirmed":
        return np.ones(len(case), np.bool_)
    return rng.uniforms(rng.key(seed, "course", 3), case) < course.positive_share
