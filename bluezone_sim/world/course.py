"""When a case was infected, fell ill and could infect: days back from when it becomes known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.schema.exposure import Course, IndexCases
from ..tables.days import Days
from .risk import RiskyDays

#: Onset of somebody who has no symptoms.
NO_ONSET = -1


def onsets_s(
    table: IndexCases, seed: int, case: NDArray[np.integer], known_s: int
) -> NDArray[np.int64]:
    """``int64[n]``: unix seconds of each case's onset of symptoms.

    With a course it lies as long before the case becomes known as it takes to be suspected and, where
    that is what counts, to be confirmed. Without one the lag is drawn from its assumed mean: two
    exponentials of half of it, of the same draws.

    Args:
        table: the scenario's ``[index_cases]``.
        seed: the run's seed.
        case: people.
        known_s: when the cases become known, unix seconds.
    """
    course = table.course
    if course is None:
        half = table.onset_to_confirmation_days / 2
        suspected, confirmed = (_delays(seed, k, case, half) for k in (1, 2))
    else:
        suspected, confirmed = _suspected_and_confirmed(course, seed, case)
    return np.asarray(known_s - ((suspected + confirmed) * 86_400).astype(np.int64))


def _delays(
    seed: int, stream: int, case: NDArray[np.integer], mean_days: float
) -> NDArray[np.float64]:
    """``float64[n]``: days, exponential."""
    return np.asarray(-mean_days * np.log1p(-rng.uniforms(rng.key(seed, "course", stream), case)))


def _suspected_and_confirmed(
    course: Course, seed: int, case: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Days from onset to suspicion, and from there until the case is known."""
    suspected = _delays(seed, 1, case, course.suspected_after_days)
    if course.known_as == "suspected":
        return suspected, np.zeros(len(case))
    return suspected, _delays(seed, 2, case, course.confirmed_after_days)


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
    suspected, confirmed = _suspected_and_confirmed(course, seed, case)
    before = suspected + confirmed + np.minimum(course.infectious_before_onset_days, incubation)
    return np.asarray(known_s - (before * 86_400).astype(np.int64))


def isolated_from_s(
    course: Course | None, seed: int, case: NDArray[np.integer], known_s: int
) -> NDArray[np.int64]:
    """``int64[n]``: unix seconds from which each case keeps to itself: it meets nobody after that day.

    Without a course that is when it becomes known, as the look-back ends.
    """
    waits = np.zeros(len(case))
    if course is not None and course.isolated == "suspected":
        waits = _suspected_and_confirmed(course, seed, case)[1]
    return np.asarray(known_s - (waits * 86_400).astype(np.int64))


def infectious_days(
    risky: RiskyDays, course: Course, seed: int, days: Days, known_s: int
) -> RiskyDays:
    """Those risky days on which the case could infect and was not isolated."""
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
    """``bool[n]``: the day (an index) does not end before the case could infect, nor begin isolated."""
    ends = np.append(days.start_s, days.end_s)[day + 1]
    could = ends > infectious_from_s(course, seed, case, known_s)
    return np.asarray(could & while_out(case, day, course, seed, days, known_s))


def while_out(
    case: NDArray[np.integer],
    day: NDArray[np.int64],
    course: Course | None,
    seed: int,
    days: Days,
    known_s: int,
) -> NDArray[np.bool_]:
    """``bool[n]``: the day (an index) does not begin after the case is isolated."""
    return np.asarray(days.start_s[day] < isolated_from_s(course, seed, case, known_s))


def true_cases(course: Course | None, seed: int, case: NDArray[np.integer]) -> NDArray[np.bool_]:
    """``bool[n]``: cases that a test confirms; suspected ones mostly are not."""
    if course is None or course.known_as == "confirmed":
        return np.ones(len(case), np.bool_)
    return rng.uniforms(rng.key(seed, "course", 3), case) < course.positive_share
