"""Tables of a scenario that say what is asked of it: sweeps, criteria, limits. None changes a number."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ...tables.metrics import METRICS, NUMBERS, level_names
from ...tables.words import SHARE
from .table import Positive, Share, TomlTable


def _known_metric(name: str) -> str:
    if name not in NUMBERS and name not in METRICS.outside():
        raise PydanticCustomError("unknown_metric", "unknown metric")
    return name


def _is_share(name: str) -> bool:
    return METRICS.get(name).unit == SHARE


class _Names:
    """The names in the schema, those that installed packages bring among them."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "enum": list(level_names())}


#: What a criterion may be about: any number of a level.
Metric = Annotated[str, AfterValidator(_known_metric), _Names()]


class SweepTable(TomlTable):
    """What ``bluezone-sim sweep`` runs: every combination of the grid's values, each with every seed."""

    seeds: int = Field(
        10, ge=1, le=100_000, description="how many, upwards from the scenario's own"
    )
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={},
        description="dotted keys and their values; protocol is short for protocol.name, adoption for "
        "adoption.levels",
    )
    half_width: Positive = Field(
        0.05,
        description="seeds needed are counted for a 95 % interval of mean recall that reaches so far to "
        "either side, as a share of the mean (0.05: 5 % of it)",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_width(cls, given: Any) -> Any:
        if isinstance(given, dict) and "width" in given:
            raise PydanticCustomError(
                "old_width",
                "width was in points of recall; write half_width, a share of recall: 0.05 for 5 %",
            )
        return given


class Criterion(TomlTable):
    """A bound that a metric must keep: ``run``, ``sweep`` and ``compare`` exit with 1 where it does not.

    A sweep is judged by its means over seeds. An undefined metric misses.
    """

    metric: Metric = Field(
        description="any number of a level, by the name that metrics.parquet has: recall, precision, "
        "share_in_reach, lost_radio_missed, …; recall_ci95_lo and the like are ends of its interval, "
        "over cases for a run, over seeds for a sweep"
    )
    adoption: Share | None = Field(
        None, description="level, as a share of smartphone owners; by default every level"
    )
    users: int | None = Field(None, ge=0, description="level, as a number of users")
    date: dt.date | None = Field(
        None, description="day of the campaign, with all its measures, in place of a level"
    )
    where: dict[str, Any] = Field(
        default={}, description="arms of a sweep, by grid key and value; by default every arm"
    )
    at_least: float | None = Field(None, description="the least that keeps it")
    at_most: float | None = Field(None, description="the most that keeps it")
    fall_at_most: float | None = Field(
        None, ge=0, description="compare A B: how far B may lie below A"
    )
    rise_at_most: float | None = Field(
        None, ge=0, description="compare A B: how far B may lie above A"
    )

    @field_validator("at_least", "at_most", "fall_at_most", "rise_at_most")
    @classmethod
    def _no_percentage(cls, bound: float | None, info: ValidationInfo) -> float | None:
        """A share of 2 or more is meant in per cent, and would be kept by nothing, or by anything."""
        metric = info.data.get("metric")
        if bound is not None and bound >= 2 and metric in NUMBERS and _is_share(metric):
            raise PydanticCustomError(
                "percentage", "a share, from 0 to 1: write {share}", {"share": f"{bound / 100:g}"}
            )
        return bound


class Limits(TomlTable):
    """What a run may use; one that would need more is refused before it starts."""

    memory_mib: Positive | None = Field(
        None, description="peak memory of one process; the estimate is checked before a run"
    )


class SensitivityArm(TomlTable):
    """One sensitivity run: what it changes."""

    label: str = Field(min_length=1, description="what its row is called")
    set: dict[str, Any] = Field(min_length=1, description="dotted keys and their values")


class Sensitivity(TomlTable):
    """Smaller runs that change one assumption each, at one adoption level."""

    cases: int = Field(500, ge=1, description="how many are followed in each run")
    level: Share = Field(0.6, description="adoption, as a share of smartphone owners")
    arms: list[SensitivityArm] = Field(min_length=1)
