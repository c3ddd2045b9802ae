"""Who installs the app when, and who removes it: a campaign over a population."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels import rng
from ..registry import code_of
from ..scenario.chosen import Campaign
from ..scenario.model import Scenario
from ..scenario.schema.adoption import MeasureTable
from ..scenario.values.registries import INTERVENTIONS
from ..tables.days import EPOCH
from .measures import installed
from .runs import FIRST_USERS, NEVER, NOTHING, AppUse, Occasion, leave_days
from .world import World


def installs(scenario: Scenario, world: World, *, without: frozenset[int] = frozenset()) -> AppUse:
    """Everybody's days under the campaign.

    The first users are those of the lowest adoption ranks, as at a stationary level of as many. Then
    each measure changes the days that those before it leave.

    Args:
        scenario: with a campaign.
        world: its population.
        without: measures to leave out, by index.

    Raises:
        InputError: an intervention gives no table of everybody's days.
    """
    campaign = scenario.campaign
    assert campaign is not None
    n, today = world.n_people, (scenario.date - EPOCH).days
    out = AppUse(np.full(n, NEVER), np.full(n, NEVER), np.full(n, NOTHING, np.int16))
    owners = np.flatnonzero(world.owner)
    first = np.flatnonzero(world.rank < campaign.users / max(1, len(owners)))
    out.install_day[first] = _history(campaign, scenario.look_back_days, world.seed, first, today)
    out.leave_day[first] = leave_days(
        world.seed, first, out.install_day[first], today, campaign.drop_out_per_day
    )
    out.by[first] = FIRST_USERS
    until = (campaign.until - EPOCH).days
    for m, measure in enumerate(campaign.measures):
        if m not in without:
            occasion = Occasion(m, scenario.population, today, until, campaign.drop_out_per_day)
            out = _after(out, measure, world, occasion)
    return out


def _after(runs: AppUse, measure: MeasureTable, world: World, occasion: Occasion) -> AppUse:
    """Everybody's days after one more measure; it brought those who did not have the app before."""
    kind = INTERVENTIONS.get(measure.kind)
    days = code_of(kind.apply, {"installed": installed})(measure, world, runs, occasion)
    if [np.shape(d) for d in days] != [(world.n_people,)] * 2:
        raise InputError(
            f"{INTERVENTIONS.what} {kind.name!r}: expected install and leave days of "
            f"{world.n_people:,} people, found {[np.shape(d) for d in days]}"
        )
    install_day, leave_day = (np.asarray(d, np.int32) for d in days)
    new = (runs.by == NOTHING) & (install_day != NEVER)
    by = np.where(new, np.int16(occasion.measure), runs.by)
    return AppUse(install_day, leave_day, by)


def scattered(plan: AppUse, world: World) -> AppUse:
    """The same days given to smartphone owners at random: what clustering does is gone."""
    owners = np.flatnonzero(world.owner)
    users = np.flatnonzero(plan.by != NOTHING)
    key = rng.key(world.seed, "scatter")
    where = owners[np.argsort(rng.draws(key, owners), kind="stable")][: len(users)]
    out = AppUse(*(np.full_like(a, v) for a, v in zip(_parts(plan), _NONE, strict=True)))
    for column, old in zip(_parts(out), _parts(plan), strict=True):
        column[where] = old[users]
    return out


_NONE = (NEVER, NEVER, NOTHING)


def _parts(plan: AppUse) -> tuple[NDArray[np.integer], ...]:
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
