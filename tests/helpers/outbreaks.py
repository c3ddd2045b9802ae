"""Small epidemics for tests."""

from __future__ import annotations

from typing import Any

from bluezone_sim.scenario import Scenario
from bluezone_sim.scenario.loading import validate
from bluezone_sim.simulation.epidemic.arms import policies_of
from bluezone_sim.simulation.epidemic.engine import Simulation
from bluezone_sim.simulation.epidemic.town import Town

from . import small

HAND, APP, NONE = {"name": "hand"}, {"name": "app", "level": 1.0}, {"name": "none", "manual": False}
PLACEBO = {"name": "placebo", "level": 1.0, "finds": "random", "as_many": "app"}
RISKY = {"name": "risky", "level": 1.0, "finds": "risky"}
HINCH = {"name": "hinch", "level": 1.0, "finds": "contacts"}


def outbreak(
    arms: list[dict[str, Any]], people: int = 600, phones: float = 0.7, **table: Any
) -> Scenario:
    """A town with an epidemic.

    Args:
        arms: of it.
        people: of the town.
        phones: smartphones, as a share of them.
        table: other keys of ``[epidemic]``.
    """
    raw = small.raw_scenario()
    raw["look_back_days"] = table.pop("look_back_days", 14)
    raw["population"] = {
        "people": people,
        "smartphones": round(phones * people),
        "districts": [{"name": "A", "people": people}],
    }
    raw["index_cases"] = {"count": min(people, 20), "f2_count": 0}
    raw["publication"] = table.pop("publication", {})
    raw["epidemic"] = {"days": 25, "infected": 10, **table, "arms": arms}
    return validate(raw)


def simulated(scenario: Scenario, seed: int = 1, threads: int = 2) -> Simulation:
    """The epidemic, stepped through to its end."""
    town = Town.build(scenario, seed, threads=threads)
    simulation = Simulation(town, policies_of(town))
    for day in range(town.n_days):
        simulation.step(day)
    return simulation
