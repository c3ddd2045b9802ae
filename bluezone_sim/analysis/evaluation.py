"""Index cases followed to the people they warn: what the metrics are computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..matching.exposures import ExposureDays, Exposures
from ..matching.warnings import Notifications
from ..world.risk import RiskyDays


@dataclass(frozen=True)
class Evaluation:
    """Index cases evaluated at all levels.

    Attributes:
        cases: ``int32[n]``, ascending.
        f2_cases: those of them that are followed to F2.
        risky: risky days of their contacts.
        held: what phones hold of the cases by local day, one table a level, published or not.
        near_enough: the rule's verdict on all of that, one table a level.
        f1, f2: who is told, in time, one table a level; ``f2`` is None where nobody is followed.
        unconfirmed, late: matches that the person in between does not confirm, and those told too late.
    """

    cases: NDArray[np.int32]
    f2_cases: NDArray[np.int32]
    risky: RiskyDays
    held: list[ExposureDays]
    near_enough: list[Exposures]
    f1: list[Notifications]
    unconfirmed: list[Notifications]
    late: list[Notifications]
    f2: list[Notifications | None]
