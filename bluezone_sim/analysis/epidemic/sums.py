"""What of an epidemic its summary over seeds needs: one number an arm and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .result import DAILY, ArmTally, Epidemic

#: Of :attr:`.result.ArmTally.days`, summed over the days.
_OF_DAYS = ("infected", "published", "quarantined")
#: Of :class:`.result.ArmTally`.
_OF_ARM = (
    "over",
    "cohort",
    "secondary",
    "warned",
    "warned_infected_by_case",
    "warned_infected",
    "expected_infected",
    "warned_positive",
)
#: Names of :attr:`Sums.of`.
SUMS = (*_OF_DAYS, *_OF_ARM)


@dataclass(frozen=True)
class Sums:
    """Sums over the days of epidemics.

    Attributes:
        day: how many days.
        seeds: ``int64[s]``, ascending.
        people: ``int64[s]``, of each town.
        of: by name of :data:`SUMS`, ``float64[arms, s]``.
    """

    day: int
    seeds: NDArray[np.int64]
    people: NDArray[np.int64]
    of: Mapping[str, NDArray[np.float64]]


def sums_of(seeds: Sequence[Epidemic]) -> Sums:
    """Sums of epidemics that have the same arms and days, by seed ascending."""
    rows = [[arm_sums(arm) for arm in epidemic.arms] for epidemic in seeds]
    return Sums(
        day=len(seeds[0].arms[0].days),
        seeds=np.array([epidemic.seed for epidemic in seeds], np.int64),
        people=np.array([epidemic.people for epidemic in seeds], np.int64),
        of={
            name: np.array([[arm[name] for arm in of_seed] for of_seed in rows], np.float64).T
            for name in SUMS
        },
    )


def arm_sums(arm: ArmTally) -> dict[str, float]:
    """Sums of one arm of one epidemic, by name of :data:`SUMS`."""
    days = {name: int(arm.days[:, DAILY.index(name)].sum()) for name in _OF_DAYS}
    return {**days, **{name: getattr(arm, name) for name in _OF_ARM}}
