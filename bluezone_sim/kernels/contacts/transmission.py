"""Hot loop of an epidemic: which segments of a day pass an infection on, in each of up to 64 arms.

An arm is a bit. A segment matters where an end is infectious and the other susceptible in one arm at
least, which two loads and three operations tell for all arms at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import bare, inlined
from ..rng import draw, to_unit

#: Kinds of doses, in the order of their numbers.
DOSES = ("inverse-square", "two-metres", "room")
HOUSEHOLD = 0
#: Never infected, as a time.
NEVER = np.iinfo(np.int32).max
HOUR_S = 3600
#: Infectiousness counts from so many seconds before onset until so many after it: beyond is less than a
#: thousandth of all of it in any course that was published.
FIRST_S, LAST_S = -12 * 86_400, 18 * 86_400


class Segments(NamedTuple):
    """What the loop reads of :class:`bluezone_sim.tables.rows.Contacts`; shapes as there."""

    contact: NDArray[np.uint64]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    setting: NDArray[np.uint8]


class States(NamedTuple):
    """Everybody's state on a day; bit k is arm k.

    Attributes:
        infectious, susceptible, home: ``uint64[n]``; at home all day.
        infected_s: ``int32[arms, n]``, when, in seconds from the epidemic's first midnight.
        onset_s: ``int32[n]``, from infection to onset, or when that would be.
        strength: ``float32[n]``, infectiousness, mean 1, times that of who has no symptoms.
    """

    infectious: NDArray[np.uint64]
    susceptible: NDArray[np.uint64]
    home: NDArray[np.uint64]
    infected_s: NDArray[np.int32]
    onset_s: NDArray[np.int32]
    strength: NDArray[np.float32]


class Rates(NamedTuple):
    """How surely a minute infects.

    Attributes:
        key: of the draws.
        profile: ``float32[hours]``, infectiousness by hour since onset, from ``first_hour`` on; it adds
            up to 24, times the fitted strength.
        first_hour: hour of the first value, negative.
        latent_s: seconds from infection without infectiousness.
        dose: number of :data:`DOSES`.
        cap_min: minutes that count of two people of a household a day.
        home_factor: of hazards within a household while either is at home.
    """

    key: np.uint64
    profile: NDArray[np.float32]
    first_hour: int
    latent_s: int
    dose: int
    cap_min: float
    home_factor: float


class Infections(NamedTuple):
    """Who would be infected by whom, in which arm; a row each."""

    arm: NDArray[np.int8]
    person: NDArray[np.int32]
    source: NDArray[np.int32]
    time_s: NDArray[np.int32]
    setting: NDArray[np.uint8]


@inlined
def dose_min(kind, seconds, distance_m):
    """Minutes of a segment that count."""
    minutes = seconds * (1.0 / 60.0)
    if kind == 0:
        return minutes / max(1.0, np.float64(distance_m) * np.float64(distance_m))
    if kind == 1 and distance_m > 2.0:
        return 0.0
    return minutes


@inlined
def hazard(rates, states, arm, source, at_s):
    """Of a minute at ``at_s`` with somebody infected; 0 while latent, and long before and after onset."""
    since_s = at_s - states.infected_s[arm, source]
    if since_s < rates.latent_s:
        return 0.0
    # Floored: hours before onset are negative.
    hour = (since_s - states.onset_s[source]) // HOUR_S - rates.first_hour
    if hour < 0 or hour >= len(rates.profile):
        return 0.0
    return rates.profile[hour] * states.strength[source]


@inlined
def begins(segments, i):
    """The segment is the first of a contact, as one of its ends sees it."""
    before = i - 1
    return (
        i == 0
        or segments.contact[i] != segments.contact[before]
        or segments.a[i] != segments.a[before]
    )


@bare
def fill_doses(segments, dose, cap_min, out):
    """Minutes of each segment that count, those of a household contact up to its cap.

    A contact's segments follow each other, once for each end that was asked for.
    """
    so_far = 0.0
    for i in range(len(segments.a)):
        minutes = dose_min(dose, segments.duration_s[i], segments.distance_m[i])
        if segments.setting[i] == HOUSEHOLD:
            if begins(segments, i):
                so_far = 0.0
            minutes = min(minutes, cap_min - so_far)
            so_far += minutes
        out[i] = minutes


@bare
def transmit(segments, midnight_s, states, rates, one_way, out):
    """Infections of a day's segments, as if each was the first.

    Args:
        segments: of one day; both ends of a segment are looked at, or with ``one_way`` that ``a`` infects
            ``b``.
        midnight_s: unix seconds of the epidemic's first midnight.
        states, rates: of the day.
        out: an :class:`Infections` to be filled.

    Returns:
        How many there are; those beyond the length of ``out`` are not written.
    """
    n = 0
    so_far = 0.0
    for i in range(len(segments.a)):
        a, b = segments.a[i], segments.b[i]
        setting = segments.setting[i]
        home = setting == HOUSEHOLD
        if home and begins(segments, i):
            so_far = 0.0
        away = ~np.uint64(0) if home else ~(states.home[a] | states.home[b])
        given = states.infectious[a] & states.susceptible[b] & away
        taken = np.uint64(0)
        if not one_way:
            taken = states.infectious[b] & states.susceptible[a] & away
        if not home and (given | taken) == 0:
            continue
        minutes = dose_min(rates.dose, segments.duration_s[i], segments.distance_m[i])
        if home:
            minutes = min(minutes, rates.cap_min - so_far)
            so_far += minutes
        if (given | taken) == 0 or minutes <= 0:
            continue
        at_s = segments.start_s[i] - midnight_s
        confined = states.home[a] | states.home[b]
        for way in range(2):
            bits = given if way == 0 else taken
            if bits == 0:
                continue
            source, person = (a, b) if way == 0 else (b, a)
            u = to_unit(draw(draw(rates.key, np.int64(segments.contact[i]) + at_s), person))
            arm = 0
            while bits != 0:
                if bits & np.uint64(1):
                    h = minutes * hazard(rates, states, arm, source, at_s)
                    if (confined >> np.uint64(arm)) & np.uint64(1):
                        h *= rates.home_factor
                    if u < 1.0 - np.exp(-h):
                        if n < len(out.arm):
                            out.arm[n] = arm
                            out.person[n] = person
                            out.source[n] = source
                            out.time_s[n] = at_s
                            out.setting[n] = setting
                        n += 1
                bits >>= np.uint64(1)
                arm += 1
    return n


@bare
def fill_states(day, states, quarantined_until, isolated_until, immune):
    """The bits of :class:`States` on a day.

    Args:
        day: number of the day.
        states: its bits are set; they were 0.
        quarantined_until, isolated_until: ``int16[arms, n]``, days on which stays at home end.
        immune: ``bool[n]``.
    """
    begins, ends = np.int64(day) * 86400, np.int64(day + 1) * 86400
    for arm in range(states.infected_s.shape[0]):
        bit = np.uint64(1) << np.uint64(arm)
        for i in range(states.infected_s.shape[1]):
            at = np.int64(states.infected_s[arm, i])
            if at == NEVER:
                if not immune[i]:
                    states.susceptible[i] |= bit
            elif at < ends and at + states.onset_s[i] + LAST_S > begins:
                states.infectious[i] |= bit
            if quarantined_until[arm, i] > day or isolated_until[arm, i] > day:
                states.home[i] |= bit
