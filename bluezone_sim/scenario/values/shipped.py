"""The sources of contacts and interventions that ship.

Their code is named as the room that calls it has it.
"""

from __future__ import annotations

from ..schema.adoption import Measure
from .contact_source import ContactSource
from .intervention import Intervention

GENERATED = ContactSource(
    "generated",
    "made from the population",
    "Horby et al. 2011",
    bind="generated",
    layers=True,
)
TRACE = ContactSource(
    "trace",
    "read from a file, [contacts.trace]",
    "",
    bind="traced",
    people="traced",
)

INSTALLS = Intervention(
    "installs",
    "a share of its target installs",
    "",
    Measure,
    apply="installed",
)
