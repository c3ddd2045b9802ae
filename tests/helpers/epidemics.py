"""Epidemics made by hand, and small scenarios that have one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bluezone_sim.analysis.epidemic.result import DAILY, ArmTally, Epidemic, Fitted
from bluezone_sim.scenario import Scenario
from helpers.small import scenario

FITTED = Fitted(
    r0=2.87,
    generation_days=6.5,
    presymptomatic_share=0.38,
    household_attack_rate=0.25,
    dispersion=0.46,
    strength=1e-3,
)


def tally(**sums: Any) -> ArmTally:
    """An arm of two days: sums of its days' columns, all but one of them on the last, and its numbers."""
    days = np.zeros((2, len(DAILY)), np.int64)
    for k, name in enumerate(DAILY):
        total = sums.pop(f"days_{name}", 0)
        days[:, k] = min(1, total), total - min(1, total)
    given: dict[str, Any] = {
        "over": True,
        "cohort": 0,
        "secondary": 0,
        "first_warning": None,
        "warned": 0,
        "warned_infected_by_case": 0,
        "warned_infected": 0,
        "expected_infected": 0.0,
        "warned_positive": 0,
        "told_of_infector": 0,
        **sums,
    }
    return ArmTally(days=days, **given)


def epidemic(seed: int, people: int, *arms: ArmTally, fitted: Fitted = FITTED) -> Epidemic:
    """All arms of one seed."""
    return Epidemic(seed, people, fitted, arms)


def small_epidemic(**changes: Any) -> Scenario:
    """1,200 people for 30 days, two towns, two levels of adoption; dotted changes."""
    return scenario(
        **{
            "population__people": 1200,
            "population__smartphones": 900,
            "population__districts": [
                {"name": "A", "people": 700, "urban_share": 0.5},
                {"name": "B", "people": 500},
            ],
            "adoption__levels": [0.6, 1.0],
            "index_cases__count": 20,
            "index_cases__f2_count": 2,
            "epidemic": {"days": 30, "infected": 12, "seeds": 2},
            **changes,
        }
    )
