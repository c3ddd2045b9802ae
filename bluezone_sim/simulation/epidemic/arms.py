"""The arms of an epidemic: what the scenario asks for, or what a reader would."""

from __future__ import annotations

from ...scenario.loading import point_scenario
from ...scenario.model import Scenario
from ...scenario.schema.epidemic import Arm
from .finding import Policy
from .town import Town


def arms_of(scenario: Scenario) -> list[Arm]:
    """The scenario's arms, or those by default: the baseline, each adoption level, and what to see the
    highest beside."""
    assert scenario.epidemic is not None
    if scenario.epidemic.arms:
        return scenario.epidemic.arms
    owners = scenario.population.smartphones
    levels = [users / owners for users in scenario.level_users() if owners and users]
    arms = [Arm(name="tracing by hand")]
    arms += [Arm(name=f"app, {100 * level:.3g} %", level=level) for level in levels]
    if levels:
        top, last = max(levels), f"app, {100 * max(levels):.3g} %"
        arms.append(Arm(name="placebo", level=top, finds="random", as_many=last))
        arms.append(Arm(name="all risky pairs", level=top, finds="risky"))
        arms.append(Arm(name="Hinch's assumption", level=top, finds="contacts"))
    return [*arms, Arm(name="no tracing", manual=False)]


def policies_of(town: Town) -> list[Policy]:
    """The arms over a town, in order."""
    return [policy_of(town, arm) for arm in arms_of(town.scenario)]


def policy_of(town: Town, arm: Arm) -> Policy:
    """An arm over a town.

    Raises:
        ScenarioError: what the arm sets is at fault.
    """
    scenario = town.scenario
    if arm.set:
        assert scenario.epidemic is not None
        # The arm alone: other arms' changes may be of another protocol or rule.
        bare = scenario.epidemic.model_copy(update={"arms": []})
        changed = point_scenario(scenario.model_copy(update={"epidemic": bare}), arm.set)
        scenario = changed.model_copy(update={"name": scenario.name})
    return Policy(arm, town.beside(scenario), level_of(scenario, arm))


def level_of(scenario: Scenario, arm: Arm) -> float:
    """Share of smartphone owners that run the app in an arm: a whole number of users, as in
    ``adoption.levels``."""
    owners = scenario.population.smartphones
    return round(arm.level * owners) / owners if owners else 0.0
