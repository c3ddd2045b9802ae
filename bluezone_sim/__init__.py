"""Simulator and test harness for Bluetooth contact tracing.

::

    import bluezone_sim as bz

    result = bz.run(bz.load("yen-bai-2020"), seed=1)
    result.metrics
    result.save("out")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .analysis.result import Metrics
    from .api import Result, Sweep, open_run, open_sweep, run, sweep
    from .errors import BluezoneSimError, FormatError, InputError, ScenarioError
    from .matching.index import SightingIndex, index_sightings
    from .matching.match import match
    from .scenario import Scenario, load, parse, shipped
    from .tables.rows import Contacts, Matches, Outcomes, PublishedKeys, Sightings, Warnings

#: Where each public name lives. Imported on first use, so that `import bluezone_sim` costs nothing.
_HOMES = {
    "BluezoneSimError": "errors",
    "Contacts": "tables.rows",
    "FormatError": "errors",
    "InputError": "errors",
    "Matches": "tables.rows",
    "Metrics": "analysis.result",
    "Outcomes": "tables.rows",
    "PublishedKeys": "tables.rows",
    "Result": "api",
    "Scenario": "scenario",
    "ScenarioError": "errors",
    "SightingIndex": "matching.index",
    "Sightings": "tables.rows",
    "Sweep": "api",
    "Warnings": "tables.rows",
    "index_sightings": "matching.index",
    "load": "scenario",
    "match": "matching.match",
    "open_run": "api",
    "open_sweep": "api",
    "parse": "scenario",
    "run": "api",
    "shipped": "scenario",
    "sweep": "api",
}

__all__ = [
    "BluezoneSimError",
    "Contacts",
    "FormatError",
    "InputError",
    "Matches",
    "Metrics",
    "Outcomes",
    "PublishedKeys",
    "Result",
    "Scenario",
    "ScenarioError",
    "SightingIndex",
    "Sightings",
    "Sweep",
    "Warnings",
    "__version__",
    "index_sightings",
    "load",
    "match",
    "open_run",
    "open_sweep",
    "parse",
    "run",
    "shipped",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
