"""The course of the disease: everybody's own draws, the same in every arm, and infectiousness by hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...kernels import rng
from ...kernels.contacts.meetings import permute_many
from ...kernels.contacts.transmission import DOSES, FIRST_S, HOUR_S, LAST_S, Rates
from ...scenario.schema.epidemic import Disease, Epidemic
from ...tables.days import DAY_S

#: Of a profile, as much may be where it does not count.
_LEFT_OUT = 0.01
#: Streams of draws of the purpose "epidemic". Values are fixed for good, and never reused.
STREAMS = {
    name: k
    for k, name in enumerate(
        (
            "seeds",
            "imports",
            "who_imports",
            "immune",
            "incubation",
            "asymptomatic",
            "strength",
            "tested",
            "seek",
            "result",
            "positive",
            "warned_tested",
            "warned_result",
            "warned_positive",
            "symptomatic_isolates",
            "confirmed_isolates",
            "complies",
            "transmission",
            "manual_found",
            "manual_delay",
            "contact_found",
            "placebo",
            "fit",
        )
    )
}


def stream(seed: int, name: str, *more: int) -> int:
    """Key of a stream of draws."""
    return rng.key(seed, "epidemic", STREAMS[name], *more)


def uniforms(seed: int, name: str, who: NDArray[np.integer], *more: int) -> NDArray[np.float64]:
    """``float64[n]`` in [0, 1): one a person."""
    return rng.uniforms(stream(seed, name, *more), who)


def exponentials(
    seed: int, name: str, who: NDArray[np.integer], mean: float, *more: int
) -> NDArray[np.float64]:
    """``float64[n]``: one a person."""
    return np.asarray(-mean * np.log1p(-uniforms(seed, name, who, *more)))


@dataclass(frozen=True)
class Courses:
    """Everybody's course, should they be infected: the same in each arm.

    Attributes:
        onset_s: ``int32[n]``, seconds from infection to onset, or when that would be.
        symptoms: ``bool[n]``.
        strength: ``float32[n]``, infectiousness, mean 1 with symptoms.
        immune: ``bool[n]``, at the start.
    """

    onset_s: NDArray[np.int32]
    symptoms: NDArray[np.bool_]
    strength: NDArray[np.float32]
    immune: NDArray[np.bool_]


def courses(seed: int, n: int, disease: Disease) -> Courses:
    """The courses of ``n`` people."""
    from scipy import stats  # slow to load, so only where there is an epidemic

    who = np.arange(n)
    z = rng.normals(stream(seed, "incubation"), who)
    days = disease.incubation_median_days * np.exp(disease.incubation_log_sd * z)
    symptoms = uniforms(seed, "asymptomatic", who) >= disease.asymptomatic_share
    # By inversion, from a table: the inverse of the gamma is dear.
    step = (np.arange(4096) + 0.5) / 4096
    quantiles = stats.gamma.ppf(step, disease.dispersion, scale=1 / disease.dispersion)
    at = (uniforms(seed, "strength", who) * len(step)).astype(np.int64)
    strength = quantiles[at] / quantiles.mean()
    return Courses(
        onset_s=np.round(days * DAY_S).astype(np.int32),
        symptoms=symptoms,
        strength=np.where(symptoms, strength, strength * disease.asymptomatic_factor).astype(
            np.float32
        ),
        immune=uniforms(seed, "immune", who) < disease.immune_share,
    )


def profile(disease: Disease) -> tuple[NDArray[np.float64], int]:
    """Infectiousness by hour since onset, mean 1 over a day's worth of it.

    Returns:
        ``float64[hours]``, whose sum is 24: a whole course counts as one day of infectiousness 1; and the
        hour of the first value.

    Raises:
        InputError: much of it is too long before or after onset to count, or all within an hour.
    """
    from scipy import stats

    low, high = FIRST_S // HOUR_S, LAST_S // HOUR_S
    middle = (np.arange(low, high) + 0.5) / 24 + disease.profile_shift_days
    density = stats.gamma.pdf(middle, disease.profile_shape, scale=1 / disease.profile_rate_per_day)
    there = float(density.sum() / 24)
    if not abs(there - 1) <= _LEFT_OUT:
        raise InputError(
            f"epidemic.disease: expected a profile within {-low // 24} days before and {high // 24} days "
            f"after onset, and no sharper than by the hour; found {there:.3g} of it there by the hour: "
            "mind profile_shape, profile_rate_per_day and profile_shift_days"
        )
    return density * 24 / density.sum(), low


def latent_s(disease: Disease) -> int:
    """Seconds from infection without infectiousness."""
    return round(disease.latent_days * DAY_S)


def to_come(
    disease: Disease, onset_s: NDArray[np.integer], since_s: NDArray[np.integer] | int
) -> NDArray[np.float64]:
    """``float64[n]``: share of somebody's infectiousness that is still to come.

    Args:
        disease: whose profile.
        onset_s: ``[n]``, from infection to onset.
        since_s: from infection until now; 0 to 1, and 0 where there never is any.
    """
    shape, first = profile(disease)
    left = np.append(np.cumsum(shape[::-1])[::-1], 0.0)

    def after(s: NDArray[np.integer] | int) -> NDArray[np.float64]:
        hour = (np.maximum(s, latent_s(disease)) - onset_s.astype(np.int64)) // HOUR_S
        return np.asarray(left[np.clip(hour - first, 0, len(shape))])

    whole = after(0)
    return np.divide(after(since_s), whole, out=np.zeros(len(whole)), where=whole > 0)


def rates(seed: int, epidemic: Epidemic, strength: float) -> Rates:
    """What the loop reads.

    Args:
        seed: of the town.
        epidemic: its table.
        strength: hazard a minute that counts, at infectiousness 1.
    """
    shape, first = profile(epidemic.disease)
    return Rates(
        key=np.uint64(stream(seed, "transmission")),
        profile=(strength * shape).astype(np.float32),
        first_hour=first,
        latent_s=latent_s(epidemic.disease),
        dose=DOSES.index(epidemic.transmission.dose),
        cap_min=epidemic.transmission.household_cap_min,
        home_factor=epidemic.transmission.home_factor,
    )


def infected_elsewhere(
    seed: int, epidemic: Epidemic, immune: NDArray[np.bool_], day: int
) -> NDArray[np.int64]:
    """People who would be infected as a day begins, by nobody of the town: the first, and imports.

    The immune are nobody's first or import, so that as many are infected as the scenario says.

    Args:
        seed: of the town.
        epidemic: its table.
        immune: ``bool[n]``.
        day: from 0 on.

    Returns:
        ``int64[m]``, ascending; imports may be infected already.
    """
    from scipy import stats

    n, out = len(immune), []

    def some(name: str, count: int, *more: int) -> None:
        tried = np.arange(n if immune.any() else min(count, n))
        who = permute_many(np.uint64(stream(seed, name, *more)), tried, n)
        out.append(who[~immune[who]][:count])

    if day == 0 and epidemic.infected:
        some("seeds", epidemic.infected)
    if epidemic.imports_per_day > 0:
        u = uniforms(seed, "imports", np.array([day]))[0]
        count = min(int(stats.poisson.ppf(u, epidemic.imports_per_day)), n)
        if count:
            some("who_imports", count, day)
    return np.unique(np.concatenate(out)) if out else np.empty(0, np.int64)
