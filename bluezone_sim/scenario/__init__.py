"""Scenarios: TOML in, validated :class:`Scenario` out, every fault at once."""

from .describe import resolved_toml, schema, template, trace_template
from .loading import LeftOut, arm_scenario, load, parse, read, shipped
from .model import Scenario
from .sources import sources

__all__ = [
    "LeftOut",
    "Scenario",
    "arm_scenario",
    "load",
    "parse",
    "read",
    "resolved_toml",
    "schema",
    "shipped",
    "sources",
    "template",
    "trace_template",
]
