"""Scenarios: TOML in, validated :class:`Scenario` out, every fault at once."""

from .describe import resolved_toml, schema
from .loading import LeftOut, arm_scenario, load, parse, read, shipped
from .model import Scenario
from .sources import sources
from .starting import template, trace_template

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
