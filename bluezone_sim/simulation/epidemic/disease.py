"""The course of the disease: everybody's own draws, the same in every arm, and infectiousness by hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels import rng
from ...kernels.contacts.meetings import permute_many
from ...kernels.contacts.transmission import DOSES, FIRST_S, HOUR_S, LAST_S, Rates
from ...scenario.schema.epidemic import Disease, Epidemic

DAY_S = 86_400
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
    """
    from scipy import stats

    low, high = FIRST_S // HOUR_S, LAST_S // HOUR_S
    middle = (np.arange(low, high) + 0.5) / 24 + disease.profile_shift_days
    density = stats.gamma.pdf(middle, disease.profile_shape, scale=1 / disease.profile_rate_per_day)
    return density * 24 / density.sum(), low


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
        latent_s=int(epidemic.disease.latent_days * 24) * HOUR_S,
        dose=DOSES.index(epidemic.transmission.dose),
        cap_min=epidemic.transmission.household_cap_min,
        home_factor=epidemic.transmission.home_factor,
    )


def infected_elsewhere(seed: int, epidemic: Epidemic, n: int, day: int) -> NDArray[np.int64]:
    """People who are infected as a day begins, by nobody of the town: the first, and imports."""
    from scipy import stats

    out = []
    if day == 0 and epidemic.infected:
        first = np.arange(min(epidemic.infected, n))
        out.append(permute_many(np.uint64(stream(seed, "seeds")), first, n))
    if epidemic.imports_per_day > 0:
        u = uniforms(seed, "imports", np.array([day]))[0]
        count = min(int(stats.poisson.ppf(u, epidemic.imports_per_day)), n)
        key = np.uint64(stream(seed, "who_imports", day))
        out.append(permute_many(key, np.arange(count), n))
    return np.unique(np.concatenate(out)) if out else np.empty(0, np.int64)
