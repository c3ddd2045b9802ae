"""Phones: platforms, models, where they are carried."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from .table import NonNegative, Positive, Share, TomlTable


class PlatformPhones(TomlTable):
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
