"""The risk rules that ship: what apps did, each with its version, date and source.

Numbers that no source gives are ``assumed``. Code is named as :mod:`bluezone_sim.matching.weights` has
it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..schema.rules import (
    AnyMatch,
    Buckets,
    InverseSquare,
    MinutesAtAttenuation,
    MinutesAtRssi,
    MinutesWithin,
    RuleTable,
    Thresholds,
    WindowRule,
    with_defaults_of,
)
from .risk_rule import PublishedDays, RiskRule

#: How each kind of rule weighs, which days are enough, and what it needs.
_CODE: dict[type[RuleTable], tuple[str, str, Any]] = {
    AnyMatch: ("whole", "any_day", "nothing"),
    MinutesAtRssi: ("at_rssi", "enough_minutes", "rssi"),
    MinutesWithin: ("within", "enough_minutes", "distance"),
    MinutesAtAttenuation: ("at_most", "enough_minutes", "attenuation"),
    Buckets: ("up_to_edges", "enough_minutes", "attenuation"),
    InverseSquare: ("inverse_square", "enough_minutes", "attenuation"),
}


_WHOLE = PublishedDays()


def _rule(
    name: str,
    title: str,
    source: str,
    kind: type[RuleTable],
    values: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
    *,
    weigh: str = "",
    version: str = "",
    date: dt.date | None = None,
    publishes: PublishedDays = _WHOLE,
) -> RiskRule:
    weighed, enough, needs = _CODE[kind]
    of_gaen = issubclass(kind, WindowRule)
    table = kind
    if values or sources:
        table = with_defaults_of(kind, name, values or {}, sources or {})
    return RiskRule(
        name,
        title,
        source,
        table,
        weigh=weigh or weighed,
        enough=enough,
        needs=needs,
        version=version,
        date=date,
        days="utc" if of_gaen else "local",
        publishes=publishes,
    )


ANY_MATCH = _rule(
    "any-match",
    "one record",
    "Bluezone v2's published sources: whatever matches is handed in",
    AnyMatch,
)
COEPI = _rule(
    "coepi",
    "CoEpi: any match",
    "Co-Epi/app-backend-rust, reports_updater.rs, which groups matches by gaps and drops none",
    AnyMatch,
)

# -- by distance or RSSI ----------------------------------------------------------------------------

MINUTES_NEAR = _rule(
    "minutes-near",
    "minutes within 2 m",
    "the risky contact of the app's white paper, at Bluezone's own thresholds",
    MinutesWithin,
)
_ROBERT_DAYS = PublishedDays(
    2, 7, "ROBERT SDK: history from two days before onset, or seven before the test"
)
STOPCOVID = _rule(
    "stopcovid",
    "StopCovid",
    "15 minutes within 1 m, as it was announced; the ROBERT server's own score is of RSSI",
    MinutesWithin,
    {"distance_m": [1.0], "weights": [1.0, 0.0]},
    {
        "thresholds": "assumed: the app's own are not published",
        "db_per_doubling": "assumed for RSSI too",
    },
    version="June 2020",
    publishes=_ROBERT_DAYS,
)
TOUSANTICOVID = _rule(
    "tousanticovid",
    "TousAntiCovid",
    "5 minutes within 1 m or 15 within 2 m; the ROBERT server warns at a score of 15.0",
    MinutesWithin,
    {"distance_m": [1.0, 2.0], "weights": [3.0, 1.0, 0.0]},
    {
        "weights": "15 minutes over 5 within 1 m",
        "minutes": "score of 15.0 on the server; that a day's minutes add up is assumed",
        "thresholds": "assumed: the app's own are not published",
        "db_per_doubling": "assumed for RSSI too",
    },
    date=dt.date(2020, 11, 27),
    publishes=_ROBERT_DAYS,
)
#: OpenTrace sends with TX_POWER_HIGH, 16 dB above LOW; iPhones do not choose.
_HIGH = Thresholds(android_android_dbm=-70.0, ios_android_dbm=-72.0)
_HIGH_SOURCE = "assumed: Bluezone's, 16 dB more of Android's TX_POWER_HIGH"
TRACETOGETHER = _rule(
    "tracetogether",
    "TraceTogether",
    "press: 2 m for 30 minutes, and a tracer decides (assumed)",
    MinutesWithin,
    {"minutes": 30.0, "thresholds": _HIGH},
    {
        "minutes": "press; assumed",
        "distance_m": "press; assumed",
        "thresholds": _HIGH_SOURCE,
        "db_per_doubling": "assumed for RSSI too",
    },
)
COVIDSAFE = _rule(
    "covidsafe",
    "COVIDSafe",
    "covidsafe.gov.au: 1.5 m for 15 minutes, as the health portal shows tracers",
    MinutesWithin,
    {"distance_m": [1.5], "thresholds": _HIGH},
    {"thresholds": _HIGH_SOURCE, "db_per_doubling": "assumed for RSSI too"},
)
DP3T_SDK = _rule(
    "dp3t-sdk",
    "DP-3T's own SDK, which no app used",
    "DP-3T/dp3t-sdk-android and -ios before Exposure Notification: 73 dB, 15 windows of a minute",
    MinutesAtRssi,
    {
        "thresholds": Thresholds(
            android_android_dbm=-94.0,
            android_ios_dbm=-61.0,
            ios_android_dbm=-94.0,
            ios_ios_dbm=-61.0,
        )
    },
    {
        "minutes": "numberOfWindowsForExposure 15, windowDuration a minute; that a record stands for "
        "its scan period is assumed",
        "thresholds": "73 dB below the sender's TX power: the SDK's default of 12 dBm of iPhones, "
        "-21 dBm of Android's ULTRA_LOW (assumed)",
    },
)

# -- by attenuation, UTC days -----------------------------------------------------------------------

MINUTES_AT_ATTENUATION = _rule(
    "minutes-at-attenuation", "minutes at or below one attenuation", "", MinutesAtAttenuation
)
GAEN_V2 = _rule(
    "gaen-v2",
    "buckets of Exposure Notification's daily summaries",
    "lfph/gaen-risk-scoring, the narrower net of November 2020, which most authorities began with",
    Buckets,
    {"attenuation_db": [55.0, 63.0, 70.0], "weights": [1.5, 1.0, 0.4, 0.0]},
    {
        "attenuation_db": "an edge belongs to the bucket below; the wider net has 55, 70 and 80",
        "weights": "immediate, near, medium, other; the wider net has 2, 1, 0.25 and 0",
    },
)

#: A fifth a level: 4 6 7 8 8 8 6 5 3 from four days before onset to four after it.
_CWA_LEVELS = {
    "day_weights": [0.8, 1.2, 1.4, 1.6, 1.6, 1.6, 1.2, 1.0, 0.6],
    "day_weights_from": -4,
    "upload_day_weights": [1.0, 1.2, 1.4, 1.4, 1.4, 1.2, 0.8, 0.6],
    "risk_level_weight": 0.2,
}
_CWA_LEVEL_SOURCES = {
    "day_weights": "cwa-app-android, TransmissionRiskVectorDeterminator, x 0.2; levels 1 and 2 dropped",
    "upload_day_weights": "the same, NO_INFORMATION: levels 5 6 7 7 7 6 4 3 2 1 …",
    "risk_level_weight": "cwa-server f10b8528a, transmissionRiskValueMapping",
}
_BELOW = "an edge belongs to the bucket above"


def _cwa(name: str, version: str, date: dt.date | None, source: str, **values: Any) -> RiskRule:
    return _rule(
        name,
        "Corona-Warn-App",
        source,
        Buckets,
        {**_CWA_LEVELS, **values},
        {**_CWA_LEVEL_SOURCES, "attenuation_db": _BELOW},
        weigh="below_edges",
        version=version,
        date=date,
    )


_HALF = {"attenuation_db": [55.0, 63.0], "weights": [1.0, 0.5, 0.0]}
_LATER = {"attenuation_db": [63.0, 73.0, 79.0], "weights": [0.8, 1.0, 0.1, 0.0]}
CWA = _cwa(
    "cwa",
    "ENF 2",
    dt.date(2020, 12, 10),
    "corona-warn-app/cwa-server f10b8528a, f5b3490b5",
    **_HALF,
    drop_below_min=10.0,
    drop_from_db=73.0,
)
CWA_2021_02 = _cwa(
    "cwa-2021-02",
    "ENF 2",
    dt.date(2021, 2, 22),
    "corona-warn-app/cwa-server f10b8528a, f5b3490b5",
    **_HALF,
    drop_below_min=5.0,
    drop_from_db=73.0,
)
CWA_2021_03 = _cwa(
    "cwa-2021-03",
    "ENF 2",
    dt.date(2021, 3, 18),
    "corona-warn-app/cwa-server e88332397, 6236ee798",
    **_LATER,
    drop_below_min=5.0,
    drop_from_db=79.0,
    minutes=13.0,
)
CWA_1_15 = _cwa(
    "cwa-1.15",
    "1.15",
    None,
    "corona-warn-app/cwa-server, risk-calculation-parameters-1.15.yaml",
    **_LATER,
    minutes=9.0,
)
CWA_2020_06 = _rule(
    "cwa-2020-06",
    "Corona-Warn-App",
    "corona-warn-app/cwa-documentation, cwa-risk-assessment.md",
    Buckets,
    {
        **_HALF,
        "over": "case",
        "drop_below_min": 10.0,
        "drop_above_mean_db": 73.0,
        "drop_over": "day",
        # The day of the upload has no key yet; then 6 8 8 8 5 3 1 …, times 5 over 25.
        "upload_day_weights": [0.0, 1.2, 1.6, 1.6, 1.6, 1.0, 0.6],
        "day_weights": [],
        "risk_level_weight": 0.2,
    },
    {
        "attenuation_db": _BELOW,
        "upload_day_weights": "levels 6 8 8 8 5 3 1 …, 5 a level over 25; what does not exceed 11 drops",
        "over": "the time of all exposures, times the highest risk score over 25",
    },
    weigh="below_edges",
    version="ENF 1, June 2020",
)

_NHS_V1 = [math.exp(-0.5 * (day / 2.75) ** 2) for day in range(-2, 8)]
NHS_V1 = _rule(
    "nhs-covid-19-v1",
    "NHS COVID-19, by duration",
    "nihp-public/covid-19-app-system-public issues 9 and 30",
    Buckets,
    {
        **_HALF,
        "minutes": 3.0,
        "more_than": True,
        "day_weights": [round(weight, 4) for weight in _NHS_V1],
        "day_weights_from": -2,
        "upload_day_weights": [round(weight, 4) for weight in _NHS_V1[2::-1]],
    },
    {
        "minutes": "180 s from October 2020 on, before that 900 s (assumed)",
        "day_weights": "InfectiousnessFactorCalculator: a Gaussian of 2.75 days; none before day -2",
        "upload_day_weights": "the day of the test for that of onset",
    },
    version="1, October 2020",
)
_NHS_V2 = [0.4] * 3 + [1.0] * 6 + [0.4] * 6
NHS = _rule(
    "nhs-covid-19",
    "NHS COVID-19, by distance",
    "nihp-public/covid-19-app-system-public, its API document and issue 31",
    InverseSquare,
    {
        "minutes": 2.0,
        "over": "window",
        "day_weights": _NHS_V2,
        "day_weights_from": -5,
        "upload_day_weights": _NHS_V2[5::-1],
        "intercept": 4.2309333657856945,
        "slope": 0.1270547531082051,
    },
    {
        "minutes": "a risk score of 120 s; 100 s from July 2021 on",
        "day_weights": "daysSinceOnsetToInfectiousness -5 … -3, -2 … +3, +4 … +9",
        "upload_day_weights": "the day of the test for that of onset",
        "intercept": "rssiParameters of its configuration; a window's mean for its smoother: assumed",
        "slope": "rssiParameters of its configuration",
    },
    version="2",
)


def _swisscovid(name: str, since: str, edges_db: list[float], source: str = "") -> RiskRule:
    return _rule(
        name,
        "SwissCovid",
        "admin-ch/CovidApp swisscovid-config-backend, its log; Path-Check/gaen-mobile 103",
        Buckets,
        {"attenuation_db": edges_db, "weights": [1.0, 0.5, 0.0]},
        {"attenuation_db": source or "an edge belongs to the bucket below"},
        version=since,
        publishes=PublishedDays(
            2, 2, "from two days before onset; without symptoms two before the test (assumed)"
        ),
    )


SWISSCOVID = replace(_swisscovid("swisscovid", "", [55.0, 63.0]), date=dt.date(2020, 9, 10))
SWISSCOVID_2020_07 = _swisscovid("swisscovid-2020-07", "July 2020", [53.0, 60.0])
SWISSCOVID_2020_05 = _swisscovid(
    "swisscovid-2020-05",
    "May 2020",
    [50.0, 55.0],
    "at most 55; the lower one is the backend's default",
)

_ANY_DB = {"attenuation_db": [73.0], "weights": [1.0, 1.0], "more_than": True}
IMMUNI = _rule(
    "immuni",
    "Immuni, by duration",
    "immuni-app ConfigurationSettingsService; immuni-documentation issue 112",
    Buckets,
    _ANY_DB,
    {"weights": "duration alone from 5 June 2020 on"},
    date=dt.date(2020, 6, 5),
)
IMMUNI_2020_05 = _rule(
    "immuni-2020-05",
    "Immuni, by mean attenuation and duration",
    "immuni-app ConfigurationSettingsService; immuni-documentation issue 112",
    Buckets,
    {**_ANY_DB, "drop_above_mean_db": 63.0, "drop_over": "day"},
    {"weights": "duration of what is at most 63 dB on average"},
    version="May 2020",
)

#: In the order in which they are listed.
SHIPPED = (
    ANY_MATCH,
    MINUTES_NEAR,
    MINUTES_AT_ATTENUATION,
    CWA,
    CWA_2020_06,
    CWA_2021_02,
    CWA_2021_03,
    CWA_1_15,
    GAEN_V2,
    SWISSCOVID,
    SWISSCOVID_2020_05,
    SWISSCOVID_2020_07,
    NHS,
    NHS_V1,
    IMMUNI,
    IMMUNI_2020_05,
    TOUSANTICOVID,
    STOPCOVID,
    TRACETOGETHER,
    COVIDSAFE,
    COEPI,
    DP3T_SDK,
)


def _name_tables(shipped: Mapping[str, Any]) -> None:
    """Says of each table made here where it is found, by which pickle sends scenarios to workers."""
    for constant, rule in shipped.items():
        if isinstance(rule, RiskRule) and rule.parameters not in _CODE:
            rule.parameters.__module__ = __name__
            rule.parameters.__qualname__ = f"{constant}.parameters"


_name_tables(globals())
