"""A disease of one's own in a town: who meets whom and whom phones warn come from bluezone-sim.

Infectious on days 3 to 9; half fall ill on day 5 and are known as cases when day 6 ends.
"""

from __future__ import annotations

import numpy as np

import bluezone_sim as bz
from bluezone_sim.connect import Arm, Town


def spread(town: Town, arm: Arm, compliance: float, risk: float = 0.001, seeds: int = 10) -> int:
    """How many are infected when the town's days are over; ``risk`` is that of a minute near."""
    n, draw = town.world.n_people, np.random.default_rng(1)
    falls_ill, complies = draw.random(n) < 0.5, draw.random(n) < compliance
    infected = np.full(n, -1)
    infected[draw.choice(n, seeds, replace=False)] = 0
    until = np.zeros(n, int)
    home = np.zeros((town.n_days, n), bool)
    household = town.world.groups.of[0]
    for day in range(town.n_days):
        home[day] = until > day
        since = np.where(infected >= 0, day - infected, -1)
        infectious = (since >= 3) & (since <= 9)
        met = town.exposure(town.contacts(np.flatnonzero(infectious), day))
        kept_apart = (home[day, met.a] | home[day, met.b]) & (household[met.a] != household[met.b])
        hit = draw.random(len(met.a)) < -np.expm1(-risk * met.minutes)
        new = np.unique(met.b[hit & ~kept_apart & (infected[met.b] < 0)])
        cases = np.flatnonzero(falls_ill & (since == 6))
        told = town.warnings(cases, day, arm, home, np.full(len(cases), day - 1.0))
        until[cases] = day + 11
        until[told.person[complies[told.person]]] = day + 15
        infected[new] = day
    return int((infected >= 0).sum())


SMALL_TOWN = """
name = "small-town"
date = 2020-08-12
[population]
people = 3_000
smartphones = 2_400
[[population.districts]]
name = "Centre"
people = 3_000
[adoption]
levels = [0.8]
"""

if __name__ == "__main__":
    town = Town.build(bz.parse(SMALL_TOWN), days=60)
    for compliance in (0.0, 0.5, 1.0):
        infected = spread(town, Arm(name="app", level=0.8, manual=False), compliance)
        print(f"compliance {compliance:.1f}: {infected:,} of {town.world.n_people:,} infected")
