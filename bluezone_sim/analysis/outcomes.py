"""From who is told to what it means: what became of each risky pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..matching.warnings import Notifications
from ..tables.platforms import NO_PHONE, PLATFORMS
from ..tables.rows import Outcomes
from ..tables.stages import OUTCOMES
from ..world import World
from .evaluation import Evaluation

_CODE = {name: i for i, name in enumerate(OUTCOMES)}


def outcomes_of(
    world: World,
    evaluation: Evaluation,
    levels: Sequence[float],
    off: NDArray[np.bool_],
) -> Outcomes:
    """What became of each risky pair at each level: the first stage at which it was lost.

    The stages are one funnel, each a subset of the one before: both run the app, the other's phone holds
    a row of the case, its rows are enough for the rule were all published, they are published, whoever
    stands in between confirms the match, in time.

    Args:
        world: the population.
        evaluation: from :func:`bluezone_sim.simulation.evaluating.evaluate`.
        levels: adoption levels, shares of smartphone owners.
        off: ``bool[risky days]``, the case's or the other's phone was off that day.
    """
    risky = evaluation.risky
    first = risky.first
    case, other = risky.case[first], risky.other[first]
    near_s = np.maximum.reduceat(risky.near_s, first) if len(first) else risky.near_s
    all_off = np.logical_and.reduceat(off, first) if len(first) else off
    owner = world.owner[case] & world.owner[other]
    platform, other_platform = _platforms(world, case), _platforms(world, other)
    columns = []
    for i, level in enumerate(levels):
        app, other_app = world.rank[case] < level, world.rank[other] < level
        both = app & other_app
        held, near = evaluation.held[i], evaluation.near_enough[i]
        recorded = _among(case, other, held.source, held.person, world.n_people)
        warned = _told(case, other, evaluation.f1[i], world.n_people)
        unconfirmed = _told(case, other, evaluation.unconfirmed[i], world.n_people)
        late = _told(case, other, evaluation.late[i], world.n_people)
        enough = _among(
            case, other, near.source[near.fired], near.person[near.fired], world.n_people
        )
        outcome = np.select(
            [
                ~owner,
                ~app,
                ~other_app,
                ~recorded & all_off,
                ~recorded,
                warned,
                unconfirmed,
                late,
                ~enough,
            ],
            [
                _CODE["no_smartphone"],
                _CODE["no_app"],
                _CODE["other_no_app"],
                _CODE["bluetooth_or_app_off"],
                _CODE["radio_missed"],
                _CODE["warned"],
                _CODE["not_confirmed"],
                _CODE["not_matched_in_time"],
                _CODE["below_threshold"],
            ],
            default=_CODE["not_published"],
        )
        columns.append((outcome, both, recorded))
    n = len(first)
    return Outcomes(
        level_index=np.repeat(np.arange(len(levels), dtype=np.uint8), n),
        index_case=np.tile(case, len(levels)),
        other=np.tile(other, len(levels)),
        outcome=np.concatenate([c[0] for c in columns]).astype(np.uint8),
        both_have_app=np.concatenate([c[1] for c in columns]),
        recorded=np.concatenate([c[2] for c in columns]),
        near_s=np.tile(near_s, len(levels)).astype(np.int32),
        case_platform=np.tile(platform, len(levels)),
        other_platform=np.tile(other_platform, len(levels)),
    )


def _platforms(world: World, who: NDArray[np.int32]) -> NDArray[np.uint8]:
    """``uint8[n]``: of some people's phones."""
    android, ios = map(PLATFORMS.index, ("android", "ios"))
    of = np.where(world.owner[who], np.where(world.ios[who], ios, android), NO_PHONE)
    return np.asarray(of.astype(np.uint8))


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
    asked, known = (x.astype(np.int64) * width + y for x, y in ((a, b), (table_a, table_b)))
    if not len(known):
        return np.zeros(len(asked), np.bool_)
    # Both tables are in order, or nearly so: a search beats the sort of all.
    known.sort()
    at = np.searchsorted(known, asked)
    return np.asarray(known[np.minimum(at, len(known) - 1)] == asked)
