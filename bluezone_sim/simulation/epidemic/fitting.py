"""How strong transmission is: fitted to R0, and what else follows of it, beside what was published."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...analysis.epidemic.result import Fitted
from ...errors import InputError
from ...kernels.contacts.meetings import permute_many
from ...kernels.contacts.transmission import HOUR_S, HOUSEHOLD
from ...scenario.schema.epidemic import Disease, Epidemic
from ...tables.days import DAY_S, Days
from .disease import Courses, latent_s, profile, stream, to_come
from .town import Town, doses

#: People whose contacts the strength is fitted on; 2,000 give R0 to about 2 %.
SAMPLE = 2000
#: Days after infection that count: so many, or more until less than a thousandth of the people's
#: infectiousness is left out.
_DAYS, _LEFT_OUT = 24, 1e-3
_STRENGTHS = (1e-9, 1e3)


class _Pairs(NamedTuple):
    """What the sampled people pass to each of those whom they meet, at strength 1.

    Attributes:
        source: ``int64[p]``, number in the sample.
        hazard: ``float64[p]``, at infectiousness 1.
        before_onset, since_infection_d: ``float64[p]``, share of it before onset, its mean time in days.
        household: ``bool[p]``.
    """

    source: NDArray[np.int64]
    hazard: NDArray[np.float64]
    before_onset: NDArray[np.float64]
    since_infection_d: NDArray[np.float64]
    household: NDArray[np.bool_]


def fit(town: Town, epidemic: Epidemic, course: Courses) -> tuple[float, Fitted]:
    """The hazard a minute with which R0 is what it should be, and what follows of it.

    R0 is the mean number that somebody infects in a town where nobody is immune, ill at home or traced:
    of people drawn as they are infected, so in proportion to what they pass on, contacts being symmetric.

    Raises:
        InputError: no strength gives that R0: people meet too few others.
    """
    from scipy.optimize import brentq  # slow to load, so only where there is an epidemic

    n = town.world.n_people
    key = np.uint64(stream(town.world.seed, "fit"))
    sample = np.sort(permute_many(key, np.arange(min(SAMPLE, n)), n)).astype(np.int32)
    pairs = _pairs(town, epidemic, course, sample)
    disease = epidemic.disease

    def r0(strength: float) -> float:
        return _typical(_infected(pairs, strength, disease), pairs.source, len(sample))

    low, high = _STRENGTHS
    most = r0(high)
    if most < epidemic.r0:
        raise InputError(
            f"epidemic.r0: expected at most {most:.2f}, which is how many others people here meet "
            f"while they are infectious; found {epidemic.r0:g}"
        )
    strength = float(
        np.exp(
            brentq(
                lambda x: r0(float(np.exp(x))) - epidemic.r0, np.log(low), np.log(high), xtol=1e-6
            )
        )
    )
    return strength, _described(town, pairs, strength, course, sample, disease)


def _pairs(town: Town, epidemic: Epidemic, course: Courses, sample: NDArray[np.int32]) -> _Pairs:
    """Contacts of people infected as day 0 begins."""
    n_days = _DAYS
    while to_come(epidemic.disease, course.onset_s[sample], n_days * DAY_S).mean() > _LEFT_OUT:
        n_days += 1
    last = town.scenario.date + dt.timedelta(days=n_days)
    days = Days.look_back(last, n_days, town.scenario.timezone)
    context = town.context
    contacts = context.contact_model.contacts_of(sample, days, threads=context.threads)
    minutes = doses(contacts, epidemic.transmission)
    shape, first = profile(epidemic.disease)
    who = np.searchsorted(sample, contacts.a)
    since_s = contacts.start_s - int(days.start_s[0])
    hour = (since_s - course.onset_s[contacts.a]) // HOUR_S
    at = np.clip(hour - first, 0, len(shape) - 1)
    infectious = (since_s >= latent_s(epidemic.disease)) & (at == hour - first)
    hazard = np.where(infectious, minutes * shape[at], 0.0)
    home = contacts.setting == HOUSEHOLD
    key = (who * town.world.n_people + contacts.b) * 2 + home
    pair, inverse = np.unique(key, return_inverse=True)
    of = np.bincount(inverse, hazard, len(pair)).astype(np.float64)
    safe = np.maximum(of, 1e-300)
    return _Pairs(
        source=pair // 2 // town.world.n_people,
        hazard=of,
        before_onset=np.bincount(inverse, hazard * (hour < 0), len(pair)) / safe,
        since_infection_d=np.bincount(inverse, hazard * since_s, len(pair)) / safe / DAY_S,
        household=pair % 2 == 1,
    )


def _infected(pairs: _Pairs, strength: float, disease: Disease) -> NDArray[np.float64]:
    """``float64[p]``: chance of an infection, over who has symptoms and how infectious each is."""
    shape, share = disease.dispersion, disease.asymptomatic_share

    def of(factor: float) -> NDArray[np.float64]:
        # The mean of 1 - exp(-f x) over a gamma of mean 1.
        x = strength * factor * pairs.hazard / shape
        return np.asarray(-np.expm1(-shape * np.log1p(x)))

    return (1 - share) * of(1.0) + share * of(disease.asymptomatic_factor)


def _typical(chance: NDArray[np.float64], source: NDArray[np.int64], n: int) -> float:
    """Mean number infected by people drawn in proportion to it."""
    each = np.bincount(source, chance, n)
    return float((each**2).sum() / max(each.sum(), 1e-300))


def _described(
    town: Town,
    pairs: _Pairs,
    strength: float,
    course: Courses,
    sample: NDArray[np.int32],
    disease: Disease,
) -> Fitted:
    chance = _infected(pairs, strength, disease)
    all_of = max(chance.sum(), 1e-300)
    household = town.world.groups.of[0, sample]
    size = np.diff(town.world.groups.start)[household]
    own = -np.expm1(-strength * course.strength[sample][pairs.source] * pairs.hazard)
    each = np.bincount(pairs.source, own, len(sample))
    spread = float(each.var())
    members = int((size - 1).sum())
    return Fitted(
        r0=_typical(chance, pairs.source, len(sample)),
        generation_days=float((chance * pairs.since_infection_d).sum() / all_of),
        presymptomatic_share=float((chance * pairs.before_onset).sum() / all_of),
        household_attack_rate=float(chance[pairs.household].sum() / members) if members else None,
        dispersion=float(each.mean() ** 2 / spread) if spread > 0 else None,
        strength=strength,
    )
