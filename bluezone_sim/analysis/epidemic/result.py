"""An epidemic as it went: by seed, arm and day, and how transmission was fitted."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fitted:
    """What transmission is like where nobody is immune, stays at home or is traced.

    Attributes:
        r0: mean number infected by somebody.
        generation_days: mean time from infection to infection.
        presymptomatic_share: share of infections before the infector's onset (or when it would be).
        household_attack_rate: share of the other people of a household that somebody infects; None where
            nobody lives with others.
        dispersion: k of the number infected, by its moments; None where all infect as many.
        strength: fitted hazard, a minute that counts.
    """

    r0: float
    generation_days: float
    presymptomatic_share: float
    household_attack_rate: float | None
    dispersion: float | None
    strength: float


#: Numbers of a day, in the order of the columns of :attr:`Epidemics.days`.
DAILY = (
    "infected",
    "imported",
    "known",
    "published",
    "warned",
    "traced",
    "quarantined",
    "isolated",
)


@dataclass(frozen=True)
class ArmTally:
    """One arm of one epidemic.

    Attributes:
        days: ``int64[days, 8]``, columns ``DAILY``: people infected, of them by nobody of the town;
            cases that become known, that publish; people warned, that tracers call; people at home since
            they were warned or traced and are no known case; people isolated as a case or with symptoms.
        over: nobody has more than a thousandth of their infectiousness before them, and nobody will be
            infected elsewhere.
        cohort, secondary: people of the cohort that R is taken of, and whom they infected.
        first_warning: day of the first warning or call; None where there was none.
        warned: warnings of the app by person and episode: those within 14 days of one are of its
            episode, and count no more.
        warned_infected_by_case: of them, infected by somebody whose keys warned, on a published day.
        warned_infected: of them, infected in the look-back, by anybody.
        expected_infected: the same of as many random users of those days.
        warned_positive: of them, known as a case within 14 days.
        told_of_infector: people who are told, by the app or by tracers, of the case that infected them.
    """

    days: NDArray[np.int64]
    over: bool
    cohort: int
    secondary: int
    first_warning: int | None
    warned: int
    warned_infected_by_case: int
    warned_infected: int
    expected_infected: float
    warned_positive: int
    told_of_infector: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArmTally) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        )


@dataclass(frozen=True)
class Epidemic:
    """All arms over one town.

    Attributes:
        seed: of the town and the epidemic.
        people: of the town.
        fitted: transmission in it.
        arms: in the order of the scenario.
    """

    seed: int
    people: int
    fitted: Fitted
    arms: tuple[ArmTally, ...]
