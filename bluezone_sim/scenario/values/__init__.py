"""What a scenario chooses by name: risk rules, sources of contacts, interventions.

Each is one value: what it is, the table of its parameters, and its code. The tables are read when a
scenario is; the code, as ``"module:function"``, when a run first calls it.
"""

from ..schema.adoption import MeasureTable
from ..schema.rules import RuleTable
from ..schema.table import TomlTable
from .contact_source import ContactSource
from .intervention import Intervention
from .risk_rule import RiskRule

__all__ = [
    "ContactSource",
    "Intervention",
    "MeasureTable",
    "RiskRule",
    "RuleTable",
    "TomlTable",
]
