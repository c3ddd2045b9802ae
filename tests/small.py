"""Small scenarios for tests."""

from __future__ import annotations

from typing import Any

from bluezone_sim.scenario.model import Scenario

_BASE: dict[str, Any] = {
    "name": "small",
    "date": "2020-08-12",
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


def scenario(**changes: Any) -> Scenario:
    """The small scenario with dotted changes, ``__`` for a dot: ``radio__density="on"``."""
    import copy

    raw = copy.deepcopy(_BASE)
    contacts = Scenario.model_fields["contacts"].default.model_dump()
    raw["contacts"] = contacts
    for path, value in changes.items():
        table = raw
        *parents, last = path.split("__")
        for parent in parents:
            table = table.setdefault(parent, {})
        table[last] = value
    return Scenario.model_validate(raw)
