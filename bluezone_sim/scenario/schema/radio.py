"""Which protocol, and over which radio."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ... import protocols
from ...protocols import FixedId
from .table import NonNegative, Positive, TomlTable


def _followed(name: str) -> str:
    known = name in protocols.names()
    if not known or isinstance(protocols.get(name).keys, FixedId):
        raise PydanticCustomError("unknown_protocol", "no such protocol")
    return name


class ProtocolTable(TomlTable):
    """Which system runs on the phones."""

    name: Annotated[
        str,
        AfterValidator(_followed),
        Field(json_schema_extra=lambda schema: schema.update(enum=list(protocols.followed()))),
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


#: Standard error of A(1 m) over exp34's three scenes where scenes spread by 2 dB, dB (`validate radio`).
LEVEL_ERROR_DB = 1.2


class Radio(TomlTable):
    """From distance to RSSI, and from RSSI to a record."""

    profile: str | None = Field(
        None,
        description="TOML file with a [radio] table, such as `ble range --profile` writes; keys beside "
        "it come before the file's",
    )
    density: Literal["off", "on"] = Field(
        "off", description="on: advertisements of the phones in one room collide"
    )
    draws: int = Field(
        0,
        ge=0,
        le=1000,
        description="draws of the radio, at least 5, for intervals of recall that hold what is not known "
        f"of it: A(1 m) with a standard error of {LEVEL_ERROR_DB:g} dB, which is that of the fit's mean "
        "over three scenes, and every place anew; 0 for none",
    )
    attenuation_1m_db: float = Field(
        56.0,
        ge=0,
        le=120,
        description="A(1 m), mean over scenes; fit of DP-3T's exp34, phones on people, that counts the "
        "packets that were not heard (`validate radio`); of those that were heard alone 54.2",
    )
    exponent: float = Field(
        1.71, ge=0, le=8, description="of path loss; the same fit, of what was heard alone 1.18"
    )
    breakpoint_m: Positive = Field(8.0, description="IEEE 802.15.2-2003, annex C")
    exponent_far: float = Field(3.3, ge=0, le=8, description="beyond it; IEEE 802.15.2-2003")
    scene_sd_db: NonNegative = Field(
        2.0,
        description="per place, for all who are in it: a home, a class, an office as long as it lasts, "
        "a bus or a shop for a day, a pair where a trace tells no places. Assumed: 2 dB is how other "
        "scenes of DP-3T's exp34 spread, of which the fit knows nothing; its own three tell 0.8 dB, 95 % "
        "interval 0 to 6.4 dB (REML and Q profile, `validate radio`)",
    )
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
