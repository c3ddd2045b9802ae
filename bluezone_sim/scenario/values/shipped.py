"""The rules, sources of contacts and interventions that ship."""

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
    weigh="bluezone_sim.matching.rules:near_by_default",
    enough="bluezone_sim.matching.rules:any_day",
)
MINUTES_NEAR = RiskRule(
    "minutes-near",
    "minutes by RSSI",
    "Bluezone's own thresholds",
    MinutesNear,
    weigh="bluezone_sim.matching.rules:near",
    enough="bluezone_sim.matching.rules:enough_minutes",
    needs="rssi",
)
MINUTES_AT_ATTENUATION = RiskRule(
    "minutes-at-attenuation",
    "minutes at or below one attenuation",
    "",
    MinutesAtAttenuation,
    weigh="bluezone_sim.matching.rules:at_most",
    enough="bluezone_sim.matching.rules:enough_minutes",
    needs="attenuation",
)
CWA = RiskRule(
    "cwa",
    "Corona-Warn-App",
    "risk assessment of the app, 2020",
    Cwa,
    weigh="bluezone_sim.matching.rules:below_edges",
    enough="bluezone_sim.matching.rules:enough_minutes",
    needs="attenuation",
)
GAEN_V2 = RiskRule(
    "gaen-v2",
    "buckets of Exposure Notification's daily summaries",
    "lfph/gaen-risk-scoring, the narrower net",
    GaenV2,
    weigh="bluezone_sim.matching.rules:up_to_edges",
    enough="bluezone_sim.matching.rules:enough_minutes",
    needs="attenuation",
)

GENERATED = ContactSource(
    "generated",
    "made from the population",
    "Horby et al. 2011",
    bind="bluezone_sim.world.generated:bind",
    layers=True,
)
TRACE = ContactSource(
    "trace",
    "read from a file, [contacts.trace]",
    "",
    bind="bluezone_sim.world.traced:bind",
    people="bluezone_sim.world.traced:people",
)

INSTALLS = Intervention(
    "installs",
    "a share of its target installs",
    "",
    Measure,
    apply="bluezone_sim.world.measures:installed",
)
