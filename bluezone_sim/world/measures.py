"""What measures of a campaign do: whom one reaches, and when they install."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.schema.adoption import Measure
from ..scenario.schema.population import Population
from ..tables.days import EPOCH
from .adoption import shared_draws
from .runs import NOTHING, AppUse, Occasion, leave_days, occupation_names, occupations
from .world import World

#: An s-curve runs from this share to one less it; a decay for so many time constants.
_TAIL, _DECAYS = 0.02, 3.0


def installed(
    measure: Measure, world: World, runs: AppUse, occasion: Occasion
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """An exact number of its target installs, drawn by keys that do not depend on other measures.

    Args:
        measure: whom it reaches, when, how many.
        world: the population.
        runs: who runs the app by what comes before it.
        occasion: the campaign around it.

    Returns:
        Install and leave days of everybody after it.
    """
    m, seed = occasion.measure, world.seed
    target = _target(occasion.population, measure, world) & (runs.by == NOTHING)
    who = np.flatnonzero(target)
    own = rng.draws(rng.key(seed, "install", m + 1), who)
    score = shared_draws(seed, (-1, m), who, world.groups, world.zone, measure.together, own)
    wanted = round(measure.share * len(who))
    who = who[np.lexsort((own, score))[:wanted]]
    install, leave = runs.install_day.copy(), runs.leave_day.copy()
    install[who] = _curve(measure, wanted)
    chance = measure.drop_out_per_day
    leave[who] = leave_days(
        seed,
        who,
        install[who],
        occasion.today,
        occasion.drop_out_per_day if chance is None else chance,
    )
    return install, leave


def _target(population: Population, measure: Measure, world: World) -> NDArray[np.bool_]:
    """``bool[n]``: smartphone owners whom the measure is for."""
    chosen = world.owner.copy()
    if measure.occupations is not None:
        names = occupation_names(population)
        kind = occupations(population, world)
        chosen &= np.isin(kind, [names.index(name) for name in measure.occupations])
    if measure.districts is not None:
        names = [d.name for d in population.districts]
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
