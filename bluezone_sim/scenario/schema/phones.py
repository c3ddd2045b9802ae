"""Phones: platforms, models, where they are carried."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator

from .table import NonNegative, Positive, Sha256, Share, TomlTable

#: Standard deviation of the logarithm of a session's length (assumed): the mean is 1.65 medians.
SESSION_SD = 1.0
_DAY_S = 86_400.0


class Openings(NamedTuple):
    """How iPhone owners come to their share of the time with the app in front.

    Attributes:
        a_day: chance that somebody who opens it at all does on a day.
        left_s: for how long those who leave it open do, on such a day; 0 where they need not.
    """

    a_day: float
    left_s: float


def openings(share: float, never: float, leaves_open: float, session_s: float) -> Openings:
    """From the mean over owners to openings a day.

    Owners open it at most once a day. What sessions reach, they reach with as many openings as it takes;
    where one a day is too few, those who leave it open do so for the rest of the share.

    Args:
        share: of the time with the app in front, mean over owners.
        never: share of owners who never open it.
        leaves_open: share of owners who leave it open.
        session_s: median of a session.

    Raises:
        ValueError: it cannot be reached.
    """
    if share == 0:
        return Openings(0.0, 0.0)
    if never + leaves_open > 1:
        raise ValueError(
            f"ios_never_opens = {never:g} and ios_leaves_open = {leaves_open:g} are more than all owners"
        )
    asked_s, mean_s = share * _DAY_S, session_s * math.exp(SESSION_SD**2 / 2)
    reached_s = (1 - never) * mean_s
    if asked_s <= reached_s:
        return Openings(asked_s / reached_s, 0.0)
    rest_s = asked_s - (1 - never - leaves_open) * mean_s
    if rest_s > leaves_open * _DAY_S:
        raise ValueError(
            f"{asked_s:,.0f} s a day, mean over owners, are more than an opening a day gives: "
            f"{mean_s:.0f} s of {1 - never - leaves_open:.3g} of owners, and all day of "
            f"{leaves_open:.3g} who leave it open"
        )
    return Openings(1.0, rest_s / leaves_open)


class PlatformPhones(TomlTable):
    """One platform's phones: calibration, and what ends the app."""

    tx_power_dbm: float = Field(ge=-60, le=20, description="mean TX power")
    tx_power_sd_db: NonNegative = Field(4.6, description="spread over models (en-calibration)")
    rx_correction_db: float = Field(ge=-40, le=40, description="mean RX correction")
    rx_correction_sd_db: NonNegative = Field(3.2, description="spread over models (en-calibration)")
    killed_share: Share = Field(
        0.0, description="share of the time that the app is killed: nothing is sent or heard"
    )
    killed_always_share: Share = Field(
        0.0,
        description="share of phones on which it is killed for good; part of killed_share, or all of it "
        "where that is less (assumed)",
    )
    killed_h: Positive = Field(
        48.0,
        description="of the others, mean length of that, until the app is opened again (assumed)",
    )
    saver_share: Share = Field(
        0.0,
        description="share of the time that the battery is saved: the app sends, and hears nothing",
    )
    saver_always_share: Share = Field(
        0.0,
        description="share of phones that always save it; part of saver_share, or all of it where that "
        "is less (assumed)",
    )
    saver_h: Positive = Field(4.0, description="of the others, mean length of that (assumed)")


def _or_a_name(schema: dict[str, Any]) -> None:
    """A list that may be written as the name of a table; reading the scenario fills it in."""
    schema["anyOf"].append({"type": "string"})


class PhoneModel(TomlTable):
    """Calibration of one model of phone, as Exposure Notification's tables have it."""

    model: str = Field(min_length=1)
    platform: Literal["android", "ios"] = "android"
    share: Share = Field(description="of the platform's phones")
    tx_power_dbm: float = Field(ge=-60, le=20)
    rx_correction_db: float = Field(ge=-40, le=40)


class Carry(TomlTable):
    """Where phones are, at random for each phone and contact."""

    position: str = Field(min_length=1, description="in words: pocket, bag, hand, table")
    share: Share = Field(description="of phones and contacts")
    loss_db: float = Field(
        ge=-40, le=40, description="more than the mean over positions; only differences count"
    )


class Phones(TomlTable):
    """What phones do. Spells are of whole local hours."""

    android: PlatformPhones = Field(
        PlatformPhones(
            tx_power_dbm=-25.8,
            rx_correction_db=3.5,
            killed_share=0.13,
            killed_always_share=0.065,
            saver_share=0.05,
            saver_always_share=0.02,
        ),
        description="killed by makers' task managers: with 13 %, two phones both run the app 76 % of the "
        "time, as the NHS beta's 75 % and Smittestopp's 74 % of Androids say; half of that on phones "
        "whose owners never open it again (assumed, as ios_never_opens). Saving the battery ends "
        "location with the screen off, and with it scans (5 %, 0 to 15; 2 % of phones always: assumed)",
    )
    ios: PlatformPhones = Field(
        PlatformPhones(
            tx_power_dbm=-10.3, rx_correction_db=7.0, killed_share=0.1, killed_always_share=0.05
        ),
        description="swiped away, or ended by an update or a restart, the app runs no more until it is "
        "opened: on half of these phones never (shares assumed, as ios_never_opens); low power mode "
        "leaves Bluetooth alone",
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
    models_file: str | None = Field(
        None, description="the table that models were read from; reading the scenario fills it in"
    )
    models_sha256: Sha256 | None = Field(None, description="of that table's bytes; the same")
    carry: list[Carry] | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="where phones are carried; what it spreads comes out of radio.shadowing_sd_db, which "
        "holds all of it by default. 60 % of men carry phones in trouser pockets, 61 % of women in bags "
        "(Chipchase et al. 2007); losses are assumed, such as pocket 4, bag 1, hand 0, table -3 dB",
    )
    off_share: Share = Field(
        0.12,
        description="share of the time with Bluetooth or the phone off, mean over all owners: those of "
        "off_always_share, and 2 % of the others' time (logging of warned users of the Corona-Warn-App "
        "over 14 days: always 91.9 %, more than half 4.2, less 1.8, never 1.1; science blog 3)",
    )
    off_always_share: Share = Field(
        0.1,
        description="share of owners who always have it off; part of off_share, or all of it where that "
        "is less (assumed, .05 to .25; of NHS COVID-19's users 20 % had it off in July 2021, YouGov)",
    )
    off_h: Positive = Field(
        168.0,
        description="of the others, mean length of that (assumed: few come and go, 34 % had it off at "
        "any time, YouGov)",
    )
    away_share: Share = Field(
        0.1,
        description="share of the time in which a phone is not with its owner, so that it takes no part "
        "in the owner's contacts: 28 owners had theirs in the same room almost 90 % of the time (Dey et "
        "al. 2011); on their body 51 had it less than 23 % (van Laerhoven et al. 2015). 0 to .25",
    )
    away_h: Positive = Field(2.0, description="mean length of that (assumed)")
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
        0.0005,
        description="share of the time with the app in the foreground on iOS, mean over owners; 0: "
        "nobody ever opens it. Sessions, an opening a day at most, reach 16 s a day with the values "
        "below, and those who leave it open the rest of 43 s (assumed, 0 to .01)",
    )
    ios_never_opens: Share = Field(
        0.5,
        description="share of iPhone owners who never open the app again (assumed, .2 to .8)",
    )
    ios_session_s: Annotated[float, Field(gt=0, le=300)] = Field(
        20.0,
        description="median of a session with the app in front, log-normal (assumed; with a standard "
        f"deviation of {SESSION_SD} of its logarithm the mean is 33 s: below a minute, as of all apps, "
        "Böhmer et al. 2011)",
    )
    ios_leaves_open: Share = Field(
        0.02,
        description="share of iPhone owners who leave the app in front once it is open, as TraceTogether "
        "and COVIDSafe asked: on a day for as long as ios_foreground_share needs beside the sessions of "
        "the others (assumed, 0 to .10)",
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
