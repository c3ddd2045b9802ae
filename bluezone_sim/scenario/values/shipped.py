"""The rules, sources of contacts and interventions that ship.

Their code is named as the room that calls it has it.
"""

from __future__ import annotations

from ..schema.adoption import Measure
from ..schema.rules import AnyMatch, Cwa, GaenV2, MinutesAtAttenuation, MinutesNear
from .contact_source import ContactSource
from .intervention import Intervention
from .risk_rule import RiskRule

ANY_MATCH = RiskRule(
    "any-match",
    "one record",
    "what the published app does",
    AnyMatch,
    weigh="near_by_default",
    enough="any_day",
)
MINUTES_NEAR = RiskRule(
    "minutes-near",
    "minutes by RSSI",
    "Bluezone's own thresholds",
    MinutesNear,
    weigh="near",
    enough="enough_minutes",
    needs="rssi",
)
MINUTES_AT_ATTENUATION = RiskRule(
    "minutes-at-attenuation",
    "minutes at or below one attenuation",
    "",
    MinutesAtAttenuation,
    weigh="at_most",
    enough="enough_minutes",
    needs="attenuation",
)
CWA = RiskRule(
    "cwa",
    "Corona-Warn-App",
    "risk assessment of the app, 2020",
    Cwa,
    weigh="below_edges",
    enough="enough_minutes",
    needs="attenuation",
)
GAEN_V2 = RiskRule(
    "gaen-v2",
    "buckets of Exposure Notification's daily summaries",
    "lfph/gaen-risk-scoring, the narrower net",
    GaenV2,
    weigh="up_to_edges",
    enough="enough_minutes",
    needs="attenuation",
)

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
