"""From who is told to what it means: outcomes, recall, precision, intervals, histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..matching.exposures import ExposureDays
from ..matching.warnings import Notifications, consents
from ..scenario.schema.exposure import Publication
from ..tables.rows import Outcomes
from ..tables.stages import OUTCOMES
from ..world import World
from ..world.risk import RiskyDays
from .evaluation import Evaluation

_CODE = {name: i for i, name in enumerate(OUTCOMES)}


def outcomes_of(
    world: World,
    evaluation: Evaluation,
    levels: Sequence[float],
    off: NDArray[np.bool_],
    publication: Publication,
) -> Outcomes:
    """What became of each risky pair at each level.

    Args:
        world: the population.
        evaluation: from :func:`bluezone_sim.simulation.engine.evaluate`.
        levels: adoption levels, shares of smartphone owners.
        off: ``bool[risky days]``, the case's or the other's phone was off that day.
        publication: who consents.
    """
    risky = evaluation.risky
    first = risky.first
    case, other = risky.case[first], risky.other[first]
    near_s = np.maximum.reduceat(risky.near_s, first) if len(first) else risky.near_s
    all_off = np.logical_and.reduceat(off, first) if len(first) else off
    consent = consents(world.seed, case, publication)
    owner = world.owner[case] & world.owner[other]
    columns = []
    for i, level in enumerate(levels):
        app, other_app = world.rank[case] < level, world.rank[other] < level
        both = app & other_app
        held = evaluation.held[i]
        any_row = _among(case, other, held.source, held.person, world.n_people)
        outcome = np.select(
            [
                ~owner,
                ~app,
                ~other_app,
                ~any_row & all_off,
                ~any_row,
                ~consent,
                _told(case, other, evaluation.f1[i], world.n_people),
                _told(case, other, evaluation.late[i], world.n_people),
            ],
            [
                _CODE["no_smartphone"],
                _CODE["no_app"],
                _CODE["other_no_app"],
                _CODE["bluetooth_or_app_off"],
                _CODE["radio_missed"],
                _CODE["not_published"],
                _CODE["warned"],
                _CODE["not_matched_in_time"],
            ],
            default=_CODE["below_threshold"],
        )
        columns.append((outcome, both, _recorded(risky, held, world.n_people)))
    n = len(first)
    return Outcomes(
        level_index=np.repeat(np.arange(len(levels), dtype=np.uint8), n),
        index_case=np.tile(case, len(levels)),
        other=np.tile(other, len(levels)),
        outcome=np.concatenate([c[0] for c in columns]).astype(np.uint8),
        both_have_app=np.concatenate([c[1] for c in columns]),
        recorded=np.concatenate([c[2] for c in columns]),
        near_s=np.tile(near_s, len(levels)).astype(np.int32),
    )


def _told(
    case: NDArray[np.int32], other: NDArray[np.int32], told: Notifications, n_people: int
) -> NDArray[np.bool_]:
    return _among(case, other, told.index_case, told.person, n_people)


def _among(
    a: NDArray[np.integer],
    b: NDArray[np.integer],
    table_a: NDArray[np.integer],
    table_b: NDArray[np.integer],
    width: int,
) -> NDArray[np.bool_]:
    """Rows of (a, b) that occur in (table_a, table_b)."""
    return np.isin(a.astype(np.int64) * width + b, table_a.astype(np.int64) * width + table_b)


def _recorded(risky: RiskyDays, held: ExposureDays, n_people: int) -> NDArray[np.bool_]:
    """Pairs of which the other's phone holds a row from inside a risky day."""
    n_days = int(max(risky.day.max(initial=0), held.day.max(initial=0))) + 1
    key, table = (
        (source.astype(np.int64) * n_people + person) * n_days + day
        for source, person, day in (
            (risky.case, risky.other, risky.day),
            (held.source, held.person, held.day),
        )
    )
    found = np.isin(key, table)
    return np.logical_or.reduceat(found, risky.first) if len(risky.first) else found
