"""What a scenario may say: Pydantic models, one a TOML table.

Units are in the names (``_s``, ``_h``, ``_m``, ``_dbm``, ``_db``). A key that is not listed here, and a
key that is set but has no effect in its scenario, are faults. Defaults that no source gives are marked
``assumed``; numbers with a source cite it in their description or in the shipped scenarios.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from .experiment import Criterion, Limits, SweepTable

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
#: Quantiles at 5, 25, 50, 75 and 95 %, in metres.
DistanceQuantiles = Annotated[list[Positive], Field(min_length=5, max_length=5)]
#: Shares of durations < 5 min, 5-15 min, 15 min-1 h, 1-4 h, > 4 h; normalised.
DurationShares = Annotated[list[Share], Field(min_length=5, max_length=5)]
Span = Annotated[list[NonNegative], Field(min_length=2, max_length=2)]


class Table(BaseModel):
    """Base of every scenario table: unknown keys and non-finite numbers are faults."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, strict=True)


class District(Table):
    """One district: its people live in one block of the population."""

    name: str = Field(min_length=1)
    people: int = Field(ge=1)
    urban_share: Share = Field(0.0, description="share of its households that are urban")


class Ages(Table):
    """Age bands of the population and what depends on them."""

    child_share: Share = Field(
        0.7, description="share of third and later household members under 18 (assumed)"
    )
    elder_share: Share = Field(
        0.14, description="share of adult household members aged 60 or more (assumed)"
    )


class Ownership(Table):
    """Relative odds of owning a smartphone; the number of owners is exact (assumed ratios)."""

    under_6: NonNegative = 0.0
    age_6_17: NonNegative = Field(0.35, description="relative to adults")
    adult: NonNegative = 1.0
    age_60_up: NonNegative = 0.35
    urban_factor: Positive = Field(1.4, description="weight of urban people over rural ones")


class Population(Table):
    """People, households, districts, phones."""

    people: int = Field(ge=2, le=200_000_000)
    districts: list[District] = Field(min_length=1)
    household_size_shares: list[Share] = Field(
        default=[0.06, 0.15, 0.22, 0.28, 0.16, 0.08, 0.04, 0.01],
        min_length=1,
        max_length=12,
        description="share of households of 1, 2, 3 ... people; normalised",
    )
    ages: Ages = Ages()
    smartphones: int = Field(ge=0, description="people who own a smartphone")
    ownership: Ownership = Ownership()
    ios_share: Share = Field(
        0.364, description="iOS share of smartphones (36 to 63 Android, one weak web page)"
    )
    activity_sigma: NonNegative = Field(
        0.45, le=2.0, description="log-normal spread of how active people are, mean 1 (assumed)"
    )


class Layer(Table):
    """One kind of place where people meet.

    People of one group who attend on a day may *talk* (a tie of the pair, then a draw of the day) for
    a time of the diary survey and at near distance; other attendants are *co-present*: in the same
    room for the session, at far distance, without talking.
    """

    tie: Share = Field(description="chance that two members of average activity ever talk here")
    meet: Share = Field(1.0, description="chance that a tie meets on a day both attend")
    attendance: Share = Field(1.0, description="chance that a member attends on an open day")
    open_days: int = Field(7, ge=1, le=7, description="open days a week, from Monday")
    window_h: Span = Field(description="local hours between which it happens")
    duration_shares: DurationShares
    near_distance_m: DistanceQuantiles

    @field_validator("window_h")
    @classmethod
    def _window(cls, value: list[float]) -> list[float]:
        if not 0 <= value[0] < value[1] <= 24:
            raise ValueError(f"expected 0 <= start < end <= 24 hours, found {value}")
        return value

    @field_validator("near_distance_m")
    @classmethod
    def _ascending(cls, value: list[float]) -> list[float]:
        if sorted(value) != value:
            raise ValueError(f"quantiles must not fall, found {value}")
        return value

    @field_validator("duration_shares")
    @classmethod
    def _nonzero(cls, value: list[float]) -> list[float]:
        if sum(value) <= 0:
            raise ValueError("the shares add up to 0")
        return value


class RoomLayer(Layer):
    """A layer with a shared room: a session of its own and co-present people."""

    group_size: int = Field(ge=2, le=512, description="members of a group")
    copresence: Share = Field(
        description="chance that two attendants who do not talk are in one room (assumed)"
    )
    session_h: Span = Field(description="shortest and longest session, hours")
    far_distance_m: Span = Field(description="distance of people who do not talk (assumed)")


class MemberLayer(RoomLayer):
    """A room layer with lasting groups, for part of the people of an age: classes, work teams."""

    member_share: Share = Field(
        1.0, description="share of the people of the right age who belong to a group (assumed)"
    )


class NeighbourLayer(Layer):
    """Visits between households that live side by side."""

    group_size: int = Field(ge=2, le=512, description="people of neighbouring households")


_LUNCH = [0.65, 1.36, 1.79, 2.49, 4.14]
_TRAIN = [0.55, 0.97, 1.57, 2.36, 3.44]
_OFFICE = [1.16, 1.70, 2.55, 3.57, 5.80]


class ContactsTable(Table):
    """Who meets whom (Horby et al. 2011 for numbers, places, durations, repetition)."""

    copresence_scale: NonNegative = Field(
        1.0, description="multiplies every layer's copresence (capped at 1)"
    )
    near_distance_scale: Positive = Field(1.0, description="multiplies every near distance")
    far_distance_scale: Positive = Field(1.0, description="multiplies every far distance")
    household: Layer = Layer(
        tie=1.0,
        meet=0.97,
        window_h=[17.0, 22.5],
        duration_shares=[0.01, 0.02, 0.03, 0.05, 0.89],
        near_distance_m=_LUNCH,
    )
    neighbours: NeighbourLayer = NeighbourLayer(
        group_size=14,
        tie=0.205,
        meet=0.87,
        window_h=[17.0, 22.5],
        duration_shares=[0.37, 0.32, 0.16, 0.07, 0.08],
        near_distance_m=_LUNCH,
    )
    school: MemberLayer = MemberLayer(
        group_size=30,
        tie=0.265,
        meet=0.85,
        attendance=0.95,
        open_days=6,
        window_h=[7.0, 11.5],
        duration_shares=[0.02, 0.05, 0.15, 0.20, 0.58],
        near_distance_m=_OFFICE,
        copresence=1.0,
        session_h=[4.0, 4.5],
        far_distance_m=[2.0, 8.0],
    )
    work: MemberLayer = MemberLayer(
        member_share=0.5,
        group_size=10,
        tie=0.72,
        meet=0.73,
        attendance=0.9,
        open_days=6,
        window_h=[7.5, 16.5],
        duration_shares=[0.07, 0.11, 0.26, 0.25, 0.31],
        near_distance_m=_OFFICE,
        copresence=0.5,
        session_h=[6.0, 8.0],
        far_distance_m=[2.0, 10.0],
    )
    transport: RoomLayer = RoomLayer(
        group_size=40,
        tie=0.124,
        attendance=0.25,
        window_h=[5.5, 7.0],
        duration_shares=[0.43, 0.35, 0.16, 0.04, 0.02],
        near_distance_m=_TRAIN,
        copresence=0.6,
        session_h=[0.25, 0.75],
        far_distance_m=[1.5, 8.0],
    )
    leisure: RoomLayer = RoomLayer(
        group_size=40,
        tie=0.09,
        attendance=0.2,
        window_h=[18.0, 21.0],
        duration_shares=[0.04, 0.30, 0.42, 0.22, 0.02],
        near_distance_m=_LUNCH,
        copresence=0.5,
        session_h=[0.5, 1.5],
        far_distance_m=[2.0, 10.0],
    )
    other: RoomLayer = RoomLayer(
        group_size=40,
        tie=0.112,
        attendance=0.3,
        window_h=[15.5, 17.5],
        duration_shares=[0.05, 0.18, 0.59, 0.17, 0.02],
        near_distance_m=_TRAIN,
        copresence=0.5,
        session_h=[0.3, 1.0],
        far_distance_m=[2.0, 10.0],
    )


class Users(Table):
    """An adoption level given as a number of users."""

    users: int = Field(ge=0)


def _kind_of_level(value: object) -> str:
    return "users" if isinstance(value, (dict, Users)) else "share"


Level = Annotated[
    Annotated[Users, Tag("users")] | Annotated[Share, Tag("share")],
    Discriminator(_kind_of_level),
]


class Adoption(Table):
    """Who runs the app: levels, each a stationary counterfactual."""

    levels: list[Level] = Field(
        min_length=1,
        max_length=64,
        description="shares of smartphone owners, or {users = N}; each level is a stationary "
        "counterfactual in which everybody installed at least a look-back earlier",
    )


class Protocol(Table):
    """Which system runs on the phones."""

    name: Literal["bluezone", "gaen", "dp3t-lowcost", "dp3t-hybrid", "dp3t-unlinkable", "tcn"] = (
        "bluezone"
    )
    identifiers: Literal["lazy", "full"] = Field(
        "lazy",
        description="derive identifiers for phones whose keys are published, or for every phone; "
        "the warnings are the same",
    )


class PlatformPhones(Table):
    """Calibration of one platform's phones."""

    tx_power_dbm: float = Field(ge=-60, le=20, description="mean TX power")
    tx_power_sd_db: NonNegative = Field(4.6, description="spread over models (en-calibration)")
    rx_correction_db: float = Field(ge=-40, le=40, description="mean RX correction")
    rx_correction_sd_db: NonNegative = Field(3.2, description="spread over models (en-calibration)")


class Phones(Table):
    """What phones do."""

    android: PlatformPhones = PlatformPhones(tx_power_dbm=-25.8, rx_correction_db=3.5)
    ios: PlatformPhones = PlatformPhones(tx_power_dbm=-10.3, rx_correction_db=7.0)
    off_share: Share = Field(
        0.1, description="share of phone-days with Bluetooth or the app off (assumed)"
    )
    ios_foreground_share: Share = Field(
        0.05, description="share of 5-minute slots with the app in the foreground on iOS (assumed)"
    )
    screen_on_share: Share = Field(
        0.15,
        description="share of the time with the screen on, where the scans depend on it (assumed)",
    )
    gatt_success: Share = Field(
        0.9, description="chance a GATT read of an iOS identifier works, per interval (assumed)"
    )


class Radio(Table):
    """From distance to RSSI, and from RSSI to a record."""

    density: Literal["off", "on"] = Field(
        "off", description="on: advertisements of the phones in one room collide"
    )
    attenuation_1m_db: float = Field(54.2, ge=0, le=120, description="A(1 m), fit on exp34")
    exponent: float = Field(1.18, ge=0, le=8, description="path loss exponent, fit on exp34")
    breakpoint_m: Positive = Field(8.0, description="IEEE 802.15.2-2003, annex C")
    exponent_far: float = Field(3.3, ge=0, le=8, description="beyond it; IEEE 802.15.2-2003")
    shadowing_sd_db: NonNegative = Field(
        7.76, description="per contact; exp34's 8.6 dB less the spread within one cell"
    )
    scan_sd_db: NonNegative = Field(2.5, description="per scan; part of MITRE's 3.7 dB (assumed)")
    fading_sd_db: Positive = Field(2.7, description="per packet; rest of the 3.7 dB")
    sensitivity_dbm: float = Field(-105.0, ge=-140, le=0, description="weakest RSSI in exp34")
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


class IndexCases(Table):
    """The cases that are evaluated one by one, and what makes a contact of theirs risky."""

    count: int = Field(3000, ge=1)
    f2_count: int = Field(300, ge=0, description="how many of them are followed to F2")
    near_distance_m: Positive = Field(2.0, description="white paper, Ministry of Health")
    near_duration_s: Positive = Field(900.0, description="white paper, Ministry of Health")


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
    date: dt.date = Field(description="last local day of the look-back; cases are confirmed then")
    look_back_days: int = Field(14, ge=1, le=60)
    seed: int = Field(1, ge=0, lt=2**63)
    population: Population
    contacts: ContactsTable = ContactsTable()
    adoption: Adoption
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

    def level_users(self) -> list[int]:
        """Users at each level: a share of smartphone owners, rounded, or the number given."""
        owners = self.population.smartphones
        return [
            level.users if isinstance(level, Users) else round(level * owners)
            for level in self.adoption.levels
        ]
