"""``[rule]``: the kinds of risk rules that ship; the rule of an app is one with other defaults."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationInfo, create_model, field_validator

from .table import NonNegative, Positive, TomlTable

#: Whole decibels are told in a byte.
_MOST_DB = 255.0


class Thresholds(TomlTable):
    """RSSI by platform pair, scanner then advertiser (the app's own, UI of Bluezone)."""

    android_android_dbm: float = -86.0
    android_ios_dbm: float = -69.0
    ios_android_dbm: float = -88.0
    ios_ios_dbm: float = -74.0


class RuleTable(TomlTable):
    """When a phone that matched warns; without a name, as an app did that used the protocol."""

    name: str = Field(description="the rule; its own parameters stand beside it")


class AnyMatch(RuleTable):
    """One record warns."""


class MinutesRule(RuleTable):
    """Enough weighted minutes on one day warn."""

    minutes: Positive = Field(15.0, description="weighted minutes that warn, as many or more")


Edges = Annotated[list[NonNegative], Field(min_length=1, max_length=8)]
Weights = list[NonNegative]


def _rising(value: list[float]) -> list[float]:
    if any(b <= a for a, b in pairwise(value)):
        raise ValueError("expected rising values")
    return value


def _one_more(value: list[float], edges: list[float] | None) -> list[float]:
    if edges is not None and len(value) != len(edges) + 1:
        raise ValueError(f"expected {len(edges) + 1}, one more than edges")
    return value


class MinutesAtRssi(MinutesRule):
    """Enough minutes at or above an RSSI on one day warn; a record stands for a scan period."""

    thresholds: Thresholds = Thresholds()


class MinutesWithin(MinutesRule):
    """Enough minutes within a distance on one day warn.

    The distance is told by attenuation where the protocol tells it, else by RSSI.
    """

    distance_m: Annotated[list[Positive], Field(min_length=1, max_length=8)] = Field(
        [2.0], description="edges, rising; an edge belongs to the nearer side"
    )
    weights: Weights = Field(
        [1.0, 0.0],
        validate_default=True,
        description="a weight for what is within each edge, and one for what is beyond",
    )
    thresholds: Thresholds = Field(
        Thresholds(),
        description="RSSI at 2 m by pair of platforms, where a protocol tells no attenuation "
        "(Bluezone's own)",
    )
    attenuation_2m_db: NonNegative = Field(
        58.3,
        description="attenuation at 2 m, where a protocol tells it (between 55 dB at 1.5 m and 63 dB at "
        "3 m, corona-warn-app/cwa-documentation, cwa-risk-assessment.md)",
    )
    db_per_doubling: Positive = Field(
        8.0, description="what a doubled distance adds (the same 55 and 63 dB at 1.5 and 3 m)"
    )

    _edges = field_validator("distance_m")(_rising)

    @field_validator("weights")
    @classmethod
    def _as_many(cls, value: list[float], info: ValidationInfo) -> list[float]:
        return _one_more(value, info.data.get("distance_m"))


class MinutesAtAttenuation(MinutesRule):
    """Enough minutes at or below one attenuation on one day warn."""

    attenuation_db: list[NonNegative] = Field([63.0], description="the one attenuation")

    @field_validator("attenuation_db")
    @classmethod
    def _one(cls, value: list[float]) -> list[float]:
        if len(value) != 1:
            raise ValueError("expected one value")
        return value


DayWeights = Annotated[list[NonNegative], Field(max_length=60)]


class WindowRule(MinutesRule):
    """Enough minutes warn, of exposure windows, each weighted by the day of the key.

    What tells the weight of a day: the risk level of its key where that has one and the rule reads it;
    else the days from onset; without symptoms those before the upload. Days of which nothing is known
    count whole.
    """

    over: Literal["window", "day", "case"] = Field(
        "day",
        description="minutes are of one exposure window, of one day, or of all days, all with the "
        "highest of their weights",
    )
    more_than: bool = Field(False, description="as many minutes are not enough, it takes more")
    day_weights: DayWeights = Field(
        [],
        description="by days from onset, upwards from day_weights_from, other days 0; empty: all 1",
    )
    day_weights_from: int = Field(
        0, ge=-60, le=60, description="days from onset of the first weight, negative before it"
    )
    upload_day_weights: DayWeights = Field(
        [],
        description="without onset: by days before the upload, upwards from its own day, other days 0; "
        "empty: all 1",
    )
    risk_level_weight: NonNegative = Field(
        0.0,
        description="weight of a step of the transmission risk level where a key brings one, levels 1 "
        "and 2 weigh 0; 0: levels are not read",
    )


class Buckets(WindowRule):
    """Enough minutes warn, weighted by bucket of attenuation."""

    attenuation_db: Edges = Field(description="edges of the buckets, rising")
    weights: Weights = Field(description="a weight a bucket and one for what is above")
    drop_below_min: NonNegative = Field(
        0.0, description="windows, or days, with fewer minutes below drop_from_db do not count"
    )
    drop_from_db: Positive = Field(
        _MOST_DB, description="minutes at this attenuation or more do not keep a window"
    )
    drop_above_mean_db: Positive = Field(
        _MOST_DB, description="windows, or days, of a higher mean attenuation do not count"
    )
    drop_over: Literal["window", "day"] = Field(
        "window", description="what is kept or dropped whole: exposure windows, or days of a key"
    )

    _edges = field_validator("attenuation_db")(_rising)

    @field_validator("weights")
    @classmethod
    def _as_many(cls, value: list[float], info: ValidationInfo) -> list[float]:
        return _one_more(value, info.data.get("attenuation_db"))


class InverseSquare(WindowRule):
    """Enough minutes warn; they weigh 1 within a distance and fall with its square beyond.

    The distance of a window is that of its mean logarithm of attenuation: ln dB = intercept + slope ln m.
    """

    within_m: Positive = Field(1.0, description="nearer than this is not more")
    intercept: float = Field(description="ln of the attenuation in dB at 1 m")
    slope: Positive = Field(description="of ln dB over ln m")


T = TypeVar("T", bound=RuleTable)


def with_defaults_of(
    base: type[T], name: str, values: Mapping[str, Any], sources: Mapping[str, str]
) -> type[T]:
    """The table of one rule: ``base`` with other defaults, and their sources in the descriptions.

    Args:
        base: kind of the rule.
        name: of the table, for messages.
        values: defaults by key.
        sources: where they are from, by key; those that are missing have the rule's own source.
    """
    fields: dict[str, Any] = {}
    for key in {**values, **sources}:
        field = base.model_fields[key]
        said, source = field.description, sources.get(key)
        about = Field(
            description=f"{said} ({source})" if said and source else said or source,
            validate_default=True,
        )
        default = ... if field.is_required() else field.default
        fields[key] = Annotated[field.annotation, *field.metadata, about], values.get(key, default)
    made: type[T] = create_model(name, __base__=base, __doc__=base.__doc__, **fields)
    return made
