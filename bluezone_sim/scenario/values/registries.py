"""What scenarios may name: the values that ship, and those that installed packages bring."""

from __future__ import annotations

from ...registry import Registry
from .contact_source import ContactSource
from .intervention import Intervention
from .risk_rule import RiskRule
from .shipped_rules import SHIPPED

RULES: Registry[RiskRule] = Registry(
    "bluezone_sim.rules",
    "rule",
    "bluezone_sim.scenario.values.risk_rule:RiskRule",
    {rule.name: rule for rule in SHIPPED},
)
SOURCES: Registry[ContactSource] = Registry(
    "bluezone_sim.contacts",
    "source of contacts",
    "bluezone_sim.scenario.values.contact_source:ContactSource",
    {
        "generated": "bluezone_sim.scenario.values.shipped:GENERATED",
        "trace": "bluezone_sim.scenario.values.shipped:TRACE",
    },
)
INTERVENTIONS: Registry[Intervention] = Registry(
    "bluezone_sim.interventions",
    "intervention",
    "bluezone_sim.scenario.values.intervention:Intervention",
    {"installs": "bluezone_sim.scenario.values.shipped:INSTALLS"},
)
