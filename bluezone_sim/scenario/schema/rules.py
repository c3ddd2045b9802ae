"""``[rule]``: the parameters of each risk rule that ships, a table a rule."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from .table import NonNegative, Positive, TomlTable


class Thresholds(TomlTable):
    """RSSI by platform pair, scanner then advertiser (the app's own, UI of Bluezone)."""

    android_android_dbm: float = -86.0
    android_ios_dbm: float = -69.0
    ios_android_dbm: float = -88.0
    ios_ios_dbm: float = -74.0


class RuleTable(TomlTable):
    """When a phone that matched warns."""

    name: str = Field(description="the rule; its own parameters stand beside it")


class AnyMatch(RuleTable):
    """One record warns."""


class MinutesRule(RuleTable):
    """Enough weighted minutes on one local day warn."""

    minutes: Positive = Field(
        15.0, description="(weighted) minutes on one local day; a record stands for a scan period"
    )


class MinutesNear(MinutesRule):
    """Enough minutes near on one local day warn, by RSSI."""

    thresholds: Thresholds = Thresholds()


class MinutesAtAttenuation(MinutesRule):
    """Enough minutes at or below one attenuation on one local day warn."""

    attenuation_db: list[NonNegative] = Field([63.0], description="the one attenuation")

    @field_validator("attenuation_db")
    @classmethod
    def _one(cls, value: list[float]) -> list[float]:
        if len(value) != 1:
            raise ValueError("expected one value")
        return value


Edges = Annotated[list[NonNegative], Field(min_length=1, max_length=8)]


class Buckets(MinutesRule):
    """Enough minutes on one local day warn, weighted by bucket of attenuation."""

    attenuation_db: Edges = Field(description="edges of the buckets, rising")
    weights: list[NonNegative] = Field(description="a weight a bucket and one for what is above")

    @field_validator("attenuation_db")
    @classmethod
    def _rising(cls, value: list[float]) -> list[float]:
        if any(b <= a for a, b in pairwise(value)):
            raise ValueError("expected rising values")
        return value

    @field_validator("weights")
    @classmethod
    def _one_more(cls, value: list[float], info: ValidationInfo) -> list[float]:
        edges = info.data.get("attenuation_db")
        if edges is not None and len(value) != len(edges) + 1:
            raise ValueError(f"expected {len(edges) + 1}, one more than edges")
        return value


class Cwa(Buckets):
    """Corona-Warn-App: below 55 dB whole, below 63 dB half."""

    attenuation_db: Edges = Field(
        [55.0, 63.0],
        description="edges of the buckets, rising; an edge belongs to the bucket above",
    )
    weights: list[NonNegative] = Field(
        [1.0, 0.5, 0.0],
        validate_default=True,
        description="a weight a bucket and one for what is above",
    )


class GaenV2(Buckets):
    """Buckets of Exposure Notification's daily summaries: immediate, near, medium, other.

    The narrower net of the Risk Score Symposium of November 2020 (lfph/gaen-risk-scoring), which most
    authorities began with; the wider one has edges at 55, 70 and 80 dB and weights 2, 1, 0.25 and 0.
    """

    attenuation_db: Edges = Field(
        [55.0, 63.0, 70.0],
        description="edges of the buckets, rising; an edge belongs to the bucket below; the wider net of "
        "lfph/gaen-risk-scoring has 55, 70 and 80",
    )
    weights: list[NonNegative] = Field(
        [1.5, 1.0, 0.4, 0.0],
        validate_default=True,
        description="a weight a bucket and one for what is above; the wider net has 2, 1, 0.25 and 0",
    )
