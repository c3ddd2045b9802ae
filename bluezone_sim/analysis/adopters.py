"""Who adopts, drawn many times: the spread of what is found over adopters, alone or together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..scenario.model import Scenario
from ..scenario.schema.adoption import Together
from ..tables.rows import Outcomes
from ..tables.stages import OUTCOMES
from ..world import World
from ..world.adoption import ranks_of
from .statistics import ratio


def spread_of_adopters(
    scenario: Scenario, world: World, everybody: Outcomes
) -> tuple[AdopterRow, ...]:
    """Detection at every level over ``adoption.draws`` draws of who adopts.

    With density off a pair is warned where both run the app and it is warned when every smartphone
    does, so one simulation answers every draw.

    Args:
        scenario: says how many draws, and whether people adopt together.
        world: the population.
        everybody: outcomes of one level, at which every smartphone runs the app.
    """
    n = scenario.adoption.draws
    if not n or not len(everybody):
        return ()
    warned = everybody.outcome == OUTCOMES.index("warned")
    owners, people = np.flatnonzero(world.owner), world.n_people
    arms = {"random": Together()}
    if scenario.adoption.together != Together():
        arms["together"] = scenario.adoption.together
    users = scenario.level_users()
    level = np.array(users) / max(1, len(owners))
    found = {name: np.empty((2, len(users), n)) for name in arms}
    for name, together in arms.items():
        for d in range(n):
            rank = ranks_of(world.seed, d + 1, owners, world.groups, world.zone, together)
            found[name][:, :, d] = _shares(rank, everybody, warned, level)
    all_in = float(warned.mean())
    most = len(owners) * (len(owners) - 1)
    return tuple(
        AdopterRow(
            users=u,
            adoption_smartphones=ratio(u, len(owners)),
            square_law=u * (u - 1) / (people * (people - 1)),
            recall_square_law=all_in * u * (u - 1) / most if most else None,
            arms={
                name: Spread(
                    both_have_app=float(values[0, i].mean()),
                    both_have_app_95=_middle(values[0, i]),
                    recall=float(values[1, i].mean()),
                    recall_95=_middle(values[1, i]),
                )
                for name, values in found.items()
            },
        )
        for i, u in enumerate(users)
    )


def _shares(
    rank: NDArray[np.float64],
    pairs: Outcomes,
    warned: NDArray[np.bool_],
    level: NDArray[np.float64],
) -> NDArray[np.float64]:
    """``float64[2, levels]``: shares of risky pairs in which both run the app, and that are warned."""
    # Both run the app where the later of the two does.
    last = np.maximum(rank[pairs.index_case], rank[pairs.other])
    order = np.argsort(last)
    hits = np.concatenate(([0], np.cumsum(warned[order])))
    n = np.searchsorted(last[order], level)
    return np.asarray(np.stack([n, hits[n]]) / len(pairs))


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class Spread:
    """Shares of risky pairs: means over draws of who adopts, and the middle 95 % of the draws."""

    both_have_app: float
    both_have_app_95: tuple[float, float]
    recall: float
    recall_95: tuple[float, float]


@dataclass(frozen=True)
class AdopterRow:
    """One adoption level over draws of who adopts.

    Attributes:
        users, adoption_smartphones: the level.
        square_law: the chance that two people drawn at random both run the app (a').
        recall_square_law: recall with everybody's app, times a' over its value then.
        arms: "random", and "together" where the scenario says that people adopt together.
    """

    users: int
    adoption_smartphones: float | None
    square_law: float
    recall_square_law: float | None
    arms: Mapping[str, Spread]
