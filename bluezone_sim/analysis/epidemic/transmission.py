"""What transmission was like in a run's towns, beside what has been published of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..statistics import Mean, mean_of
from .result import Epidemic


@dataclass(frozen=True)
class Published:
    """A range that somebody found."""

    low: float
    high: float
    source: str


#: By attribute of :class:`.result.Fitted`: what it is called, and published ranges.
PUBLISHED: dict[str, tuple[str, tuple[Published, ...]]] = {
    "r0": ("R0", (Published(2.39, 3.44, "Billah et al. 2020"),)),
    "generation_days": ("generation time, days", (Published(3.8, 6.8, "Ganyani et al. 2020"),)),
    "presymptomatic_share": ("presymptomatic share", (Published(0.30, 0.57, "He et al. 2020"),)),
    "household_attack_rate": (
        "household attack rate",
        (Published(0.140, 0.193, "Madewell et al. 2020"),),
    ),
    "dispersion": (
        "dispersion k",
        (
            Published(0.05, 0.2, "Endo et al. 2020"),
            Published(0.29, 0.67, "Adam et al. 2020"),
        ),
    ),
}


def transmission_of(seeds: Sequence[Epidemic]) -> dict[str, Mean]:
    """Means over seeds by name of :data:`PUBLISHED`, of the seeds that define each."""
    return {
        name: mean_of([getattr(epidemic.fitted, name) for epidemic in seeds]) for name in PUBLISHED
    }
