"""Small scenarios for tests."""

from __future__ import annotations

import copy
import datetime as dt
import tomllib
from typing import Any

from bluezone_sim.scenario import Scenario, shipped
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


#: A town of 30,000 as its file says it: a run of middling size.
TOWN = """
name = "town"
date = 2020-08-12

[population]
people = 30_000
smartphones = 17_500
[[population.districts]]
name = "Centre"
people = 10_000
urban_share = 0.6
[[population.districts]]
name = "Hills"
people = 20_000

[adoption]
levels = [{ users = 2_400 }, 0.6, 1.0]

[index_cases]
count = 200
f2_count = 20

[rule]
name = "minutes-near"
"""

#: Shipped scenarios are run with this share of their people and this many cases.
_SMALLER, _CASES = 40, {"count": 60, "f2_count": 6}


def smaller(name: str) -> Scenario:
    """A shipped scenario with fewer people, phones, users and cases, and nothing else changed."""
    return validate(smaller_table(name), name, shipped()[name].parent)


def smaller_table(name: str) -> dict[str, Any]:
    """:func:`smaller` as a file would say it."""
    raw = tomllib.loads(shipped()[name].read_text(encoding="utf-8"))
    if "population" in raw:  # else its people are those of a file
        population = raw["population"]
        for district in population["districts"]:
            district["people"] //= _SMALLER
        population["people"] = sum(d["people"] for d in population["districts"])
        population["smartphones"] //= _SMALLER
        for table in (*raw["adoption"]["levels"], raw.get("campaign")):
            if isinstance(table, dict):
                table["users"] //= _SMALLER
    cases = raw.setdefault("index_cases", {})
    for key, most in _CASES.items():
        cases[key] = min(most, cases.get(key, most))
    if "sensitivity" in raw:
        raw["sensitivity"]["cases"] = 20
    if "epidemic" in raw:
        raw["epidemic"].update(days=60, seeds=1)
    return raw
