"""Who installs the app when, and who removes it: a campaign's measures over a population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.model import Scenario
from ..scenario.schema.adoption import Campaign, Measure
from ..tables.days import EPOCH
from .adoption import shared_draws
from .people import World

#: Later than every day: nobody installs, or nobody leaves.
NEVER = np.int32(2**31 - 1)
#: An s-curve runs from this share to one less it; a decay for so many time constants.
_TAIL, _DECAYS = 0.02, 3.0
#: What brought a person the app.
NOTHING, FIRST_USERS = -2, -1


@dataclass(frozen=True)
class Installs:
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


def occupation_names(scenario: Scenario) -> list[str]:
    """Names of the groups that :func:`occupations` numbers."""
    return [o.name for o in scenario.population.occupations] + ["employees", "pupils", "others"]


def occupations(scenario: Scenario, world: World) -> NDArray[np.int8]:
    """``int8[n]``: index into :func:`occupation_names`; whole work teams share one."""
    listed = scenario.population.occupations
    team, school = world.groups.of[3], world.groups.of[2]
    edges = np.cumsum([o.team_share for o in listed])
    u = rng.uniforms(rng.key(world.seed, "occupation"), team)
    kind = np.searchsorted(edges, u, side="right")
    n = len(listed)
    return np.where(team >= 0, kind, np.where(school >= 0, n + 1, n + 2)).astype(np.int8)


def installs(
    scenario: Scenario, world: World, *, without: frozenset[int] = frozenset()
) -> Installs:
    """Everybody's days under the campaign.

    The first users are those of the lowest adoption ranks, as at a stationary level of as many. Each
    measure brings an exact number, drawn by keys that do not depend on the other measures.

    Args:
        scenario: with a campaign.
        world: its population.
        without: measures to leave out, by index.
    """
    campaign = scenario.campaign
    assert campaign is not None
    n, today = world.n_people, (scenario.date - EPOCH).days
    out = Installs(np.full(n, NEVER), np.full(n, NEVER), np.full(n, NOTHING, np.int16))
    owners = np.flatnonzero(world.owner)
    first = np.flatnonzero(world.rank < campaign.users / max(1, len(owners)))
    out.install_day[first] = _history(campaign, scenario.look_back_days, world.seed, first, today)
    out.by[first] = FIRST_USERS
    kind = occupations(scenario, world)
    for m, measure in enumerate(campaign.measures):
        if m in without:
            continue
        target = _target(scenario, measure, world, kind) & (out.by == NOTHING)
        who = np.flatnonzero(target)
        own = rng.draws(rng.key(world.seed, "install", m + 1), who)
        score = shared_draws(
            world.seed, (-1, m), who, world.groups, world.zone, measure.together, own
        )
        wanted = round(measure.share * len(who))
        who = who[np.lexsort((own, score))[:wanted]]
        out.install_day[who] = _curve(measure, wanted)
        out.by[who] = m
    _drop_out(out, campaign, world.seed, today)
    return out


def scattered(plan: Installs, world: World) -> Installs:
    """The same days given to smartphone owners at random: what clustering does is gone."""
    owners = np.flatnonzero(world.owner)
    users = np.flatnonzero(plan.by != NOTHING)
    key = rng.key(world.seed, "scatter")
    where = owners[np.argsort(rng.draws(key, owners), kind="stable")][: len(users)]
    out = Installs(*(np.full_like(a, v) for a, v in zip(_parts(plan), _NONE, strict=True)))
    for column, old in zip(_parts(out), _parts(plan), strict=True):
        column[where] = old[users]
    return out


_NONE = (NEVER, NEVER, NOTHING)


def _parts(plan: Installs) -> tuple[NDArray[np.integer], ...]:
    return plan.install_day, plan.leave_day, plan.by


def _history(
    campaign: Campaign, look_back: int, seed: int, who: NDArray[np.int64], today: int
) -> NDArray[np.int32]:
    """Install days of the first users, by the inverse of the history's cumulative share."""
    if not campaign.history:
        return np.full(len(who), today - look_back, np.int32)
    points = sorted((-days, share) for days, share in campaign.history)
    u = rng.uniforms(rng.key(seed, "install"), who)
    share = np.array([p[1] for p in points] + [1.0])
    day = np.array([p[0] for p in points] + [0], np.float64)
    # Who is below the first point came on its day.
    return (today + np.ceil(np.interp(u, share, day))).astype(np.int32)


def _target(
    scenario: Scenario, measure: Measure, world: World, kind: NDArray[np.int8]
) -> NDArray[np.bool_]:
    chosen = world.owner.copy()
    if measure.occupations is not None:
        names = occupation_names(scenario)
        chosen &= np.isin(kind, [names.index(name) for name in measure.occupations])
    if measure.districts is not None:
        names = [d.name for d in scenario.population.districts]
        chosen &= np.isin(world.zone, [names.index(name) for name in measure.districts])
    if measure.ages is not None:
        chosen &= (world.age >= measure.ages[0]) & (world.age < measure.ages[1])
    if measure.urban is not None:
        chosen &= world.urban == measure.urban
    return chosen


def _curve(measure: Measure, n: int) -> NDArray[np.int32]:
    """Install days of ``n`` people in their order, by the inverse of the measure's curve."""
    start = (measure.start - EPOCH).days
    days = ((measure.end or measure.start) - measure.start).days + 1
    p = (np.arange(n) + 0.5) / max(1, n)
    if measure.curve == "event":
        x = np.zeros(n)
    elif measure.curve == "linear":
        x = p
    elif measure.curve == "decay":
        x = -np.log1p(-p * -np.expm1(-_DECAYS)) / _DECAYS
    else:
        x = 0.5 + np.log(p / (1 - p)) / (2 * np.log((1 - _TAIL) / _TAIL))
    return (start + np.clip(np.floor(x * days), 0, days - 1)).astype(np.int32)


def _drop_out(plan: Installs, campaign: Campaign, seed: int, today: int) -> None:
    """Geometric days until a user leaves, from the day after installing or after the first day."""
    who = np.flatnonzero(plan.by != NOTHING)
    chance = np.full(len(campaign.measures) + 1, campaign.drop_out_per_day)
    for m, measure in enumerate(campaign.measures):
        if measure.drop_out_per_day is not None:
            chance[m + 1] = measure.drop_out_per_day
    q = chance[plan.by[who] + 1]
    u = rng.uniforms(rng.key(seed, "drop_out"), who)
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = np.floor(np.log1p(-u) / np.log1p(-q))
    # With q = 0 nobody leaves, with q = 1 everybody on the next day.
    stays = np.where(q <= 0, np.inf, np.where(q >= 1, 0, stays))
    leave = np.maximum(plan.install_day[who], today) + 1 + stays
    plan.leave_day[who] = np.minimum(leave, float(NEVER)).astype(np.int32)
