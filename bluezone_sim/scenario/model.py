"""What a scenario may say: Pydantic models, one a TOML table.

Units are in the names (``_s``, ``_h``, ``_m``, ``_dbm``, ``_db``). A key that is not listed here, and a
key that is set but has no effect in its scenario, are faults. Defaults that no source gives are marked
``assumed``; numbers with a source cite it in their description or in the shipped scenarios.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from .adoption import Adoption, Campaign, Level, Measure, Together, Users
from .base import NonNegative, Positive, Share, Table
from .contacts import ContactsTable, Layer, MemberLayer, NeighbourLayer, RoomLayer, TraceTable
from .experiment import Criterion, Limits, SweepTable
from .population import AgeBand, Ages, District, Occupation, Ownership, Population

if TYPE_CHECKING:
    from ..tables.trace import Trace

__all__ = [
    "F2",
    "Adoption",
    "AgeBand",
    "Ages",
    "Arm",
    "Campaign",
    "Carry",
    "ContactsTable",
    "Course",
    "District",
    "IndexCases",
    "Layer",
    "Level",
    "Measure",
    "MemberLayer",
    "NeighbourLayer",
    "Occupation",
    "Ownership",
    "PhoneModel",
    "Phones",
    "PlatformPhones",
    "Population",
    "Protocol",
    "Publication",
    "Radio",
    "RoomLayer",
    "Rule",
    "Scenario",
    "Sensitivity",
    "Table",
    "Thresholds",
    "Together",
    "TraceTable",
    "Users",
]


class Protocol(Table):
    """Which system runs on the phones."""

    name: Literal[
        "bluezone",
        "gaen",
        "dp3t-lowcost",
        "dp3t-hybrid",
        "dp3t-unlinkable",
        "tcn",
        "bluetrace",
        "robert",
    ] = "bluezone"
    identifiers: Literal["lazy", "full"] = Field(
        "lazy",
        description="derive identifiers for phones whose keys are published, or every phone's of every "
        "day and look them up among the published ones; the warnings are the same",
    )
    histories: Literal["asked", "whole"] = Field(
        "asked",
        description="make the contacts and records of phones that send published identifiers, or of "
        "every phone, day by day; the warnings are the same",
    )


class PlatformPhones(Table):
    """One platform's phones: calibration, and what ends the app."""

    tx_power_dbm: float = Field(ge=-60, le=20, description="mean TX power")
    tx_power_sd_db: NonNegative = Field(4.6, description="spread over models (en-calibration)")
    rx_correction_db: float = Field(ge=-40, le=40, description="mean RX correction")
    rx_correction_sd_db: NonNegative = Field(3.2, description="spread over models (en-calibration)")
    killed_share: Share = Field(
        0.0, description="share of the time that the app is killed: nothing is sent or heard"
    )
    killed_h: Positive = Field(
        48.0, description="mean length of that, until the app is opened again (assumed)"
    )
    saver_share: Share = Field(
        0.0,
        description="share of the time that the battery is saved: the app sends, and hears nothing",
    )
    saver_h: Positive = Field(4.0, description="mean length of that (assumed)")


def _or_a_name(schema: dict[str, Any]) -> None:
    """A list that may be written as the name of a table; reading the scenario fills it in."""
    schema["anyOf"].append({"type": "string"})


class PhoneModel(Table):
    """Calibration of one model of phone, as Exposure Notification's tables have it."""

    model: str = Field(min_length=1)
    platform: Literal["android", "ios"] = "android"
    share: Share = Field(description="of the platform's phones")
    tx_power_dbm: float = Field(ge=-60, le=20)
    rx_correction_db: float = Field(ge=-40, le=40)


class Carry(Table):
    """Where phones are, at random for each phone and contact."""

    position: str = Field(min_length=1, description="in words: pocket, bag, hand, table")
    share: Share = Field(description="of phones and contacts")
    loss_db: float = Field(
        ge=-40, le=40, description="more than the mean over positions; only differences count"
    )


class Phones(Table):
    """What phones do. Spells are of whole local hours."""

    android: PlatformPhones = Field(
        PlatformPhones(
            tx_power_dbm=-25.8, rx_correction_db=3.5, killed_share=0.13, saver_share=0.05
        ),
        description="killed by makers' task managers: with 13 %, two phones both run the app 76 % of the "
        "time, as the NHS beta's 75 % and Smittestopp's 74 % of Androids say. Saving the battery ends "
        "location with the screen off, and with it scans (share assumed)",
    )
    ios: PlatformPhones = Field(
        PlatformPhones(tx_power_dbm=-10.3, rx_correction_db=7.0, killed_share=0.1),
        description="swiped away, or ended by an update or a restart, the app runs no more until it is "
        "opened (share assumed); low power mode leaves Bluetooth alone",
    )
    models: list[PhoneModel] | None = Field(
        None,
        min_length=1,
        max_length=20_000,
        description='calibration by model: "en-calibration" (54 models of Google\'s table of 30 '
        "September 2020, with shares of Vietnam's market), a path of a CSV (model, rssi correction, tx, "
        "share), or tables; phones beyond the shares have their platform's normal spread",
        json_schema_extra=_or_a_name,
    )
    carry: list[Carry] | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="where phones are carried; what it spreads comes out of radio.shadowing_sd_db, which "
        "holds all of it by default. 60 % of men carry phones in trouser pockets, 61 % of women in bags "
        "(Chipchase et al. 2007); losses are assumed, such as pocket 4, bag 1, hand 0, table -3 dB",
    )
    off_share: Share = Field(
        0.1,
        description="share of the time with Bluetooth or the phone off (assumed; of NHS COVID-19's users "
        "20 % had it off in July 2021, YouGov)",
    )
    off_h: Positive = Field(
        168.0,
        description="mean length of that (assumed: few come and go, 34 % had it off at any time, YouGov)",
    )
    night_off_share: Share = Field(
        0.1, description="share of phones that are off every night (assumed)"
    )
    night_h: list[Annotated[int, Field(ge=0, le=23)]] = Field(
        [23, 6],
        min_length=2,
        max_length=2,
        description="local hours at which those nights begin and end (assumed)",
    )

    @field_validator("night_h")
    @classmethod
    def _some_hours(cls, value: list[int]) -> list[int]:
        if value[0] == value[1]:
            raise ValueError(f"expected two different hours, found {value}")
        return value

    ios_foreground_share: Share = Field(
        0.05, description="share of 5-minute slots with the app in the foreground on iOS (assumed)"
    )
    screen_on_share: Share = Field(
        0.15,
        description="share of the time with the screen on, where the scans depend on it (assumed)",
    )
    audio_share: Share = Field(
        0.05,
        description="share of the time with audio playing, where the scans depend on it (assumed)",
    )
    gatt_success: Share = Field(
        0.9, description="chance a GATT read of an iOS identifier works, per interval (assumed)"
    )


class Radio(Table):
    """From distance to RSSI, and from RSSI to a record."""

    profile: str | None = Field(
        None,
        description="TOML file with a [radio] table, such as `ble range --profile` writes; keys beside "
        "it come before the file's",
    )
    density: Literal["off", "on"] = Field(
        "off", description="on: advertisements of the phones in one room collide"
    )
    attenuation_1m_db: float = Field(
        56.2,
        ge=0,
        le=120,
        description="A(1 m); fit of DP-3T's exp34, phones on people, that counts the packets that were "
        "not heard (`validate radio`); of those that were heard alone 54.2",
    )
    exponent: float = Field(
        1.66, ge=0, le=8, description="of path loss; the same fit, of what was heard alone 1.18"
    )
    breakpoint_m: Positive = Field(8.0, description="IEEE 802.15.2-2003, annex C")
    exponent_far: float = Field(3.3, ge=0, le=8, description="beyond it; IEEE 802.15.2-2003")
    shadowing_sd_db: NonNegative = Field(
        5.7,
        description="per contact: bodies, pockets; the same fit's 5.2 dB by pair and the 2.4 dB that "
        "calibration leaves of a model",
    )
    body_blockage_db: NonNegative = Field(
        0.0,
        description="loss from a body that faces the other to one turned away, each body at an angle of "
        "its own for a contact; the default leaves bodies in shadowing_sd_db. Front pocket 14, ear 25, "
        "rear pocket 23 dB (MITRE, MIT-LL); people turn within a contact, so part of it is in "
        "scan_sd_db: two bodies of 10 dB leave 2.7 of the 5.7 dB",
    )
    scan_sd_db: NonNegative = Field(
        5.2, description="per scan: how they sit or stand; the same fit"
    )
    fading_sd_db: Positive = Field(4.0, description="per packet; the same fit")
    sensitivity_dbm: float = Field(
        -94.6,
        ge=-140,
        le=0,
        description="RSSI at which half of what can be heard is; the same fit (weakest RSSI in exp34: "
        "-105)",
    )
    sensitivity_sd_db: NonNegative = Field(
        4.2, description="spread of that threshold from packet to packet; the same fit"
    )
    heard_share: float = Field(
        0.54,
        gt=0,
        le=1,
        description="of the packets of a phone close by that a scan's windows catch, the share that is "
        "heard: the radio does other things too; the same fit, of Exposure Notification's scans",
    )
    scan_on_s: Positive | None = Field(
        None, description="by default the protocol's profile's; Bluezone v2: 40 s"
    )
    scan_period_s: Positive | None = Field(
        None, description="by default the protocol's profile's; Bluezone v2: 300 s"
    )
    advertise_on_s: Positive | None = Field(
        None, description="by default the protocol's profile's; Bluezone v2: 15 s"
    )
    advertise_period_s: Positive | None = Field(
        None, description="by default the protocol's profile's; Bluezone v2: 30 s"
    )
    advertise_interval_ms: Positive | None = Field(
        None, description="by default the protocol's profile's; Bluezone v2: 100 ms"
    )


class Course(Table):
    """How a case becomes known; with it only contacts while the case is infectious are risky.

    Days count back from the end of the scenario's date, when the case becomes known: onset, then a delay
    until the case is suspected, then one until the test confirms it.
    """

    known_as: Literal["confirmed", "suspected"] = Field(
        "confirmed", description="the order of 13 August 2020 warns of suspected cases too"
    )
    incubation_median_days: Positive = Field(5.1, description="log-normal (Lauer et al. 2020)")
    incubation_log_sd: NonNegative = Field(0.418, description="Lauer et al. 2020")
    infectious_before_onset_days: NonNegative = Field(
        2.0, description="He et al. 2020; not before the infection itself"
    )
    suspected_after_days: NonNegative = Field(
        2.0, description="mean from onset until the case is suspected, exponential (assumed)"
    )
    confirmed_after_days: NonNegative = Field(
        1.5, description="mean from suspicion to the test's result, exponential (assumed)"
    )
    positive_share: Share = Field(
        0.1, description="share of suspected cases that the test confirms later (assumed)"
    )


class IndexCases(Table):
    """The cases that are evaluated one by one, and what makes a contact of theirs risky."""

    count: int = Field(3000, ge=1)
    f2_count: int = Field(300, ge=0, description="how many of them are followed to F2")
    near_distance_m: Positive = Field(2.0, description="white paper, Ministry of Health")
    near_duration_s: Positive = Field(900.0, description="white paper, Ministry of Health")
    course: Course | None = Field(
        None, description="without it every day of the look-back counts, and cases are confirmed"
    )


class Thresholds(Table):
    """RSSI by platform pair, scanner then advertiser (the app's own, UI of Bluezone)."""

    android_android_dbm: float = -86.0
    android_ios_dbm: float = -69.0
    ios_android_dbm: float = -88.0
    ios_ios_dbm: float = -74.0


class Rule(Table):
    """When a phone that matched warns."""

    name: Literal["any-match", "minutes-near", "minutes-at-attenuation", "cwa", "gaen-v2"] = Field(
        "any-match",
        description="any-match: one record; minutes-near: by RSSI; the others weigh attenuations, which "
        "only GAEN tells: minutes at or below one, Corona-Warn-App, buckets of GAEN's daily summaries",
    )
    thresholds: Thresholds = Thresholds()
    minutes: Positive = Field(
        15.0, description="(weighted) minutes on one local day; a record stands for a scan period"
    )
    attenuation_db: list[NonNegative] | None = Field(
        None,
        min_length=1,
        max_length=8,
        description="upper edges of the buckets, rising; by default 63 (minutes-at-attenuation), 55 and "
        "63 (cwa), 55, 63 and 70 (gaen-v2: the narrower net of lfph/gaen-risk-scoring)",
    )
    weights: list[NonNegative] | None = Field(
        None,
        description="a weight a bucket and one for what is above; by default 1, 0.5, 0 (cwa), 1.5, 1, "
        "0.4, 0 (gaen-v2)",
    )


class Publication(Table):
    """From confirmation to a warning; every delay is assumed."""

    upload: Literal["keys", "history"] = Field(
        "keys",
        description="keys: the case's keys are published and every phone looks them up (Bluezone's "
        "CHECK_CONTACT_F0); history: the case uploads its history and the server, which knows "
        "everybody's identifiers, looks them up (PUSH_HISTORY; BlueTrace and ROBERT)",
    )
    consent: Share = Field(0.9, description="share of cases who let their keys be published")
    push_delay_h: NonNegative = Field(
        2.0, description="mean delay of the push message, exponential"
    )
    offline_share: Share = Field(0.15, description="share of phones offline when it is sent")
    offline_h: NonNegative = Field(24.0, description="mean further delay of those, exponential")
    in_time_h: Positive = Field(72.0, description="a warning told later than this comes too late")


class F2(Table):
    """Who of the warned F1s publishes."""

    confirm: Literal["none", "mutual", "test"] = Field(
        "none",
        description="none: every warned F1; mutual: both histories hold each other; test: a share",
    )
    test_share: Share = Field(0.2, description="share of F1s confirmed (assumed)")


class Arm(Table):
    """One sensitivity run: what it changes."""

    label: str = Field(min_length=1)
    set: dict[str, Any] = Field(min_length=1, description="dotted keys and their values")


class Sensitivity(Table):
    """Smaller runs that change one assumption each, at one adoption level."""

    cases: int = Field(500, ge=1)
    level: Share = 0.6
    arms: list[Arm] = Field(min_length=1)


class Scenario(Table):
    """A whole scenario, validated."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str = ""
    timezone: str = Field("Asia/Ho_Chi_Minh", description="IANA name; a day is a local day")
    date: dt.date = Field(
        description="last local day of the look-back; cases are confirmed then (a trace: by default "
        "its last day)"
    )
    look_back_days: int = Field(14, ge=1, le=60)
    seed: int = Field(1, ge=0, lt=2**63)
    population: Population
    contacts: ContactsTable = ContactsTable()
    adoption: Adoption
    campaign: Campaign | None = None
    protocol: Protocol = Protocol()
    phones: Phones = Phones()
    radio: Radio = Radio()
    index_cases: IndexCases = IndexCases()
    rule: Rule = Rule()
    publication: Publication = Publication()
    f2: F2 = F2()
    sensitivity: Sensitivity | None = None
    sweep: SweepTable | None = None
    expect: list[Criterion] | None = Field(None, description="criteria, for continuous integration")
    limits: Limits | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"unknown time zone {value!r}; expected an IANA name such as Asia/Ho_Chi_Minh"
            ) from None
        return value

    @property
    def trace(self) -> Trace | None:
        """The contacts that were measured, where the scenario brings them."""
        if self.contacts.source != "trace" or self.contacts.trace is None:
            return None
        from .traces import cached

        return cached(self.contacts.trace, self.timezone)

    def level_users(self) -> list[int]:
        """Users at each level: a share of smartphone owners, rounded, or the number given."""
        owners = self.population.smartphones
        return [
            level.users if isinstance(level, Users) else round(level * owners)
            for level in self.adoption.levels
        ]
