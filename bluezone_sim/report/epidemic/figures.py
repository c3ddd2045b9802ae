"""All figures of an epidemic."""

from __future__ import annotations

from ...analysis.epidemic.summary import EpidemicResult
from ...scenario.model import Scenario
from .arms import shown_arms
from .curves import curves
from .drawing import Drawing
from .effects import adoption, costs


def drawings(result: EpidemicResult, scenario: Scenario) -> list[Drawing]:
    """The figures that there is something to show in.

    Args:
        result: of the scenario.
        scenario: with an epidemic.
    """
    from .plane import plane  # with SciPy, which takes long to load

    if not result.seeds or not result.arms:
        return []
    arms = shown_arms(result, scenario)
    found = (curves(result, arms), adoption(arms), costs(arms), plane(result, arms, scenario))
    return [drawing for drawing in found if drawing is not None]
