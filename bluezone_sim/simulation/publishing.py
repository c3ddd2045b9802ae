"""Of what phones hold of those who publish: what counts, what is published, what the rule says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..matching.applied_rule import applied
from ..matching.exposures import ExposureDays, Exposures
from ..matching.pairs import exposures_of
from ..protocols.protocol import DAY_S
from ..world.course import NO_ONSET, while_out
from .context import SimulationContext


def before_isolation(
    context: SimulationContext, held: ExposureDays, known_s: int | None = None
) -> ExposureDays:
    """Without the days that begin after a case is isolated: the meetings of those days never were.

    Args:
        context: bound to the look-back.
        held: by piece.
        known_s: when the cases become known; by default as the look-back ends.
    """
    course = context.scenario.index_cases.course
    if course is None or not context.symptoms:
        return held
    day, known = context.days.pieces.local[held.day], _known(context, known_s)
    keep = while_out(held.source, day, course, context.world.seed, context.days, known)
    return held.take(np.flatnonzero(keep))


def published(
    context: SimulationContext, held: ExposureDays, known_s: int | None = None
) -> ExposureDays:
    """What phones match of it: rows of the days that are published, or whose history the server reads."""
    day = context.days.pieces.utc[held.day]
    first = first_published_day(context, held.source, known_s)
    return held if (day >= first).all() else held.take(np.flatnonzero(day >= first))


def exposures(
    context: SimulationContext, held: ExposureDays, known_s: int | None = None
) -> Exposures:
    """One row a pair, with the verdict of the scenario's rule."""
    onset = context.onset_day(held.source, known_s)
    rule, upload_day = applied(context.scenario.rule), _last_day(context, known_s)
    return exposures_of(held, rule, context.days.pieces, onset, upload_day)


def verdicts_of(
    context: SimulationContext, held: ExposureDays, known_s: int | None = None
) -> tuple[Exposures, Exposures]:
    """:func:`exposures` of all that phones hold, and of what is published of it."""
    of_all, matched = exposures(context, held, known_s), published(context, held, known_s)
    return of_all, of_all if matched is held else exposures(context, matched, known_s)


def _known(context: SimulationContext, known_s: int | None) -> int:
    return context.published_s if known_s is None else known_s


def _last_day(context: SimulationContext, known_s: int | None) -> int:
    """UTC day on which the look-back ends: of the test, and of the upload."""
    return (_known(context, known_s) - 1) // DAY_S


def first_published_day(
    context: SimulationContext, sources: NDArray[np.int32], known_s: int | None
) -> NDArray[np.int64]:
    """``int64[n]``: UTC day that is the first of which something is published of each source."""
    window, onset = context.scenario.published_days, context.onset_day(sources, known_s)
    test = _last_day(context, known_s)
    of_onset = onset - window.before_onset if window.before_onset is not None else 0 * onset
    of_test = test - window.before_test if window.before_test is not None else 0
    return np.where(onset == NO_ONSET, of_test, of_onset)
