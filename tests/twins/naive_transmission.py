"""Infections of a day, segment by segment and arm by arm, as one would write them down."""

from __future__ import annotations

import math

import numpy as np

from bluezone_sim.kernels import rng
from bluezone_sim.kernels.contacts.transmission import HOUSEHOLD, NEVER


def minutes_that_count(contacts, dose, cap):
    """Minutes of each segment; those of a household contact up to the cap in all."""
    out, used = [], {}
    for i in range(len(contacts)):
        minutes, d = contacts.duration_s[i] / 60, float(contacts.distance_m[i])
        if dose == "inverse-square":
            minutes *= min(1.0, 1 / d**2) if d > 0 else 1.0
        elif dose == "two-metres" and d > 2:
            minutes = 0.0
        if contacts.setting[i] == HOUSEHOLD:
            seen_by = (int(contacts.contact[i]), int(contacts.a[i]))
            minutes = min(minutes, cap - used.get(seen_by, 0.0))
            used[seen_by] = used.get(seen_by, 0.0) + minutes
        out.append(minutes)
    return out


def infections(contacts, midnight_s, states, rates, dose):
    """``{(arm, person, source, second, setting)}`` of both ends of every segment."""
    found = set()
    minutes = minutes_that_count(contacts, dose, rates.cap_min)
    for i in range(len(contacts)):
        at_s = int(contacts.start_s[i]) - midnight_s
        home = contacts.setting[i] == HOUSEHOLD
        for source, person in (
            (int(contacts.a[i]), int(contacts.b[i])),
            (int(contacts.b[i]), int(contacts.a[i])),
        ):
            which = (int(contacts.contact[i]) + at_s) % 2**64
            u = rng.uniforms(int(draw(int(rates.key), which)), np.array([person]))[0]
            for arm in range(len(states.infected_s)):
                bit = 1 << arm
                if not (
                    int(states.infectious[source]) & bit and int(states.susceptible[person]) & bit
                ):
                    continue
                confined = (int(states.home[source]) | int(states.home[person])) & bit
                if confined and not home:
                    continue
                infected_s = int(states.infected_s[arm, source])
                assert infected_s != NEVER
                since = at_s - infected_s
                hour = math.floor((since - int(states.onset_s[source])) / 3600) - rates.first_hour
                if since < rates.latent_s or not 0 <= hour < len(rates.profile):
                    continue
                h = minutes[i] * float(rates.profile[hour] * states.strength[source])
                if confined:
                    h *= rates.home_factor
                if u < 1 - math.exp(-h):
                    found.add((arm, person, source, at_s, int(contacts.setting[i])))
    return found


def draw(key, who):
    """One draw of a stream, in whole numbers of Python."""
    x = (key + who * rng.GOLDEN) % 2**64
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)
