"""A scenario with fewer people, and the two arms that engines are compared by."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InputError
from ...scenario.loading import point_scenario
from ...scenario.model import Scenario
from ...scenario.schema.epidemic import Arm, Epidemic
from ...simulation.epidemic.arms import arms_of


def scaled(scenario: Scenario, people: int) -> Scenario:
    """The scenario with so many people, its districts, phones and users in proportion.

    A scenario that has no more people stays as it is; one without ``[epidemic]`` gets all its defaults.

    Raises:
        ScenarioError: what is left cannot be built.
    """
    if scenario.epidemic is None:
        scenario = scenario.model_copy(update={"epidemic": Epidemic()})
    of = scenario.population
    if of.people <= people:
        return scenario
    share = people / of.people
    exact = np.array([d.people for d in of.districts]) * share
    whole = np.floor(exact).astype(int)
    # Those with the largest remainders get what is left.
    whole[np.argsort(whole - exact, kind="stable")[: people - int(whole.sum())]] += 1
    raw = scenario.model_dump(exclude_defaults=True)["population"]["districts"]
    districts = [
        {**district, "people": n} for district, n in zip(raw, whole.tolist(), strict=True) if n
    ]
    smartphones = round(of.smartphones * share)
    levels: list[Any] = [u / max(of.smartphones, 1) for u in scenario.level_users()]
    return point_scenario(
        scenario,
        {
            "population.people": people,
            "population.smartphones": smartphones,
            "population.districts": districts,
            "adoption.levels": levels,
        },
    )


def compared(scenario: Scenario) -> tuple[Arm, Arm]:
    """The scenario's baseline, and its arm of real phones with the most users.

    Raises:
        InputError: no arm has an app.
    """
    arms = arms_of(scenario)
    apps = [a for a in arms if a.finds == "phones" and a.level > 0]
    if not apps:
        raise InputError(
            "epidemic.arms: expected an arm with phones and a level above 0; found none"
        )
    return arms[0], max(apps, key=lambda a: a.level)
