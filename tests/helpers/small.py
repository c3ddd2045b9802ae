"""Small scenarios for tests."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from bluezone_sim.scenario import Scenario
from bluezone_sim.scenario.dotted import override
from bluezone_sim.scenario.loading import validate

_BASE: dict[str, Any] = {
    "name": "small",
    "date": dt.date(2020, 8, 12),
    "look_back_days": 4,
    "population": {
        "people": 300,
        "smartphones": 220,
        "districts": [
            {"name": "A", "people": 190, "urban_share": 0.5},
            {"name": "B", "people": 110},
        ],
    },
    "adoption": {"levels": [0.3, 0.6, 1.0]},
    "index_cases": {"count": 60, "f2_count": 15},
}


def raw_scenario() -> dict[str, Any]:
    """The small scenario as a file would say it."""
    return copy.deepcopy(_BASE)


def scenario(**changes: Any) -> Scenario:
    """The small scenario with dotted changes, ``__`` for a dot: ``radio__density="on"``."""
    raw = raw_scenario()
    for path, value in changes.items():
        override(raw, path.replace("__", "."), value)
    return validate(raw)
