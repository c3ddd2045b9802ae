"""Who runs the app on which days, and what an intervention is told of its campaign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.schema.population import Population
from .world import World

#: Later than every day: nobody installs, or nobody leaves.
NEVER = np.int32(2**31 - 1)
#: What brought a person the app.
NOTHING, FIRST_USERS = -2, -1


@dataclass(frozen=True)
class AppUse:
    """Who runs the app on which local days.

    Attributes:
        install_day: ``int32[n]``, days since 1970-01-01; :data:`NEVER` for those who never do.
        leave_day: ``int32[n]``, first day without it again.
        by: ``int16[n]``, index of the measure, :data:`FIRST_USERS` or :data:`NOTHING`.
    """

    install_day: NDArray[np.int32]
    leave_day: NDArray[np.int32]
    by: NDArray[np.int16]

    def runs(
        self, person: NDArray[np.integer], day: NDArray[np.integer] | int
    ) -> NDArray[np.bool_]:
        """``bool[n]``: the person runs the app on the day (days since 1970-01-01)."""
        return np.asarray((self.install_day[person] <= day) & (day < self.leave_day[person]))

    def users(self, day: int) -> NDArray[np.bool_]:
        """``bool[people]``: who runs the app on the day."""
        return np.asarray((self.install_day <= day) & (day < self.leave_day))


@dataclass(frozen=True)
class Occasion:
    """Where and when a measure of a campaign takes place.

    Attributes:
        measure: index of the measure; its draws are keyed by it.
        population: names of districts and occupations.
        today: the scenario's date, days since 1970-01-01; the campaign begins after it.
        until: the campaign's last day.
        drop_out_per_day: the campaign's chance that a user removes the app.
    """

    measure: int
    population: Population
    today: int
    until: int
    drop_out_per_day: float


def leave_days(
    seed: int, who: NDArray[np.int64], install_day: NDArray[np.int32], today: int, chance: float
) -> NDArray[np.int32]:
    """``int32[k]``: geometric days until a user leaves, from the day after installing or after ``today``.

    Args:
        seed: the world's.
        who: ``int[k]``, people.
        install_day: ``int32[k]``, theirs.
        today: days since 1970-01-01.
        chance: a day.
    """
    q = np.full(len(who), chance)
    u = rng.uniforms(rng.key(seed, "drop_out"), who)
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = np.floor(np.log1p(-u) / np.log1p(-q))
    # With q = 0 nobody leaves, with q = 1 everybody on the next day.
    stays = np.where(q <= 0, np.inf, np.where(q >= 1, 0, stays))
    leave = np.maximum(install_day, today) + 1 + stays
    return np.asarray(np.minimum(leave, float(NEVER)), np.int32)


def occupation_names(population: Population) -> list[str]:
    """Names of the groups that :func:`occupations` numbers."""
    return [o.name for o in population.occupations] + ["employees", "pupils", "others"]


def occupations(population: Population, world: World) -> NDArray[np.int8]:
    """``int8[n]``: index into :func:`occupation_names`; whole work teams share one."""
    listed = population.occupations
    team, school = world.groups.of[3], world.groups.of[2]
    edges = np.cumsum([o.team_share for o in listed])
    u = rng.uniforms(rng.key(world.seed, "occupation"), team)
    kind = np.searchsorted(edges, u, side="right")
    n = len(listed)
    return np.where(team >= 0, kind, np.where(school >= 0, n + 1, n + 2)).astype(np.int8)
