"""``[contacts.trace]``: a file of contacts that somebody measured, and what is in it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, field_validator

from .table import Positive, Sha256, TomlTable

#: Files that have a name of their own: see ``scenario/inputs/traces/dialects.py``.
DialectName = Literal[
    "sociopatterns", "copenhagen", "haggle", "konect", "one", "haslemere", "netsense"
]
Words = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class TraceTable(TomlTable):
    """A file of contacts that somebody measured.

    Text (tab, comma, semicolon or blanks; gzip too) or Parquet. What its columns mean is said by its
    header, by ``columns``, or by ``dialect``. A text file with none of them is read as ``t, i, j``, or as
    ``t, i, j, Ci, Cj`` with groups that are no numbers, where its values leave no other reading.
    """

    file: str = Field(min_length=1, description="path, relative to the scenario's own folder")
    people: str | None = Field(
        None,
        description="file of everybody there is: id, group, and by its header app, platform, age, case; "
        "other ids are then faults",
    )
    columns: Words | None = Field(
        None,
        description="what the columns are, from the left: t (or start), end, duration, i, j, rssi, "
        "distance_m, Ci, Cj, skip; a unit may follow, as in duration_min",
    )
    dialect: DialectName | None = Field(
        None, description="a published format; it says the columns, the step and the marks in ids"
    )
    encoding: str = Field("utf-8", description="of text, such as latin-1")
    start: dt.date | None = Field(
        None,
        description="local day at whose midnight t is 0; without it t is unix seconds or an ISO time",
    )
    observed: (
        Annotated[tuple[dt.date, ...], Field(min_length=2, max_length=2, strict=False)] | None
    ) = Field(
        None,
        description="first and last local day on which contacts were measured; days without one "
        "count (by default from the first row to the last)",
    )
    step_s: int | None = Field(
        None,
        ge=1,
        le=86_400,
        description="how long a row with t and no end stands for; by default the dialect's, or what "
        "the times are apart (SocioPatterns: 20 s)",
    )
    t_unit_s: Positive = Field(1.0, description="seconds in one unit of t and end")
    t_ends: bool | None = Field(
        None, description="t ends the row's step, as SocioPatterns has it; by default t begins it"
    )
    steps_per_day: int | None = Field(
        None,
        ge=1,
        description="t counts steps, and so many make a day (Haslemere: 192 of 300 s)",
    )
    first_step: int = Field(0, ge=0, description="t of the first step (Haslemere: 1)")
    day_start_h: float = Field(
        0.0, ge=0, lt=24, description="local hour of a day's first step (Haslemere: 7)"
    )
    distance_m: Positive = Field(
        1.5,
        le=1000,
        description="of rows without a distance or RSSI (SocioPatterns' badges hear 1 to 1.5 m)",
    )
    rssi: Literal["path-loss", "measured"] = Field(
        "path-loss",
        description="of a trace with RSSI: the distance at which the radio's path loss gives it, from "
        "which the radio draws anew; measured: the same, and the radio adds no place and no shadowing of "
        "its own, so that phones record the RSSI as it is",
    )
    bad_rows: Literal["refuse", "count"] = Field(
        "refuse", description="refuse a file with bad rows, or leave them out and report them"
    )
    sha256: Sha256 | None = Field(
        None,
        description="of the file's bytes; reading the scenario fills it in, another file is refused",
    )
    people_sha256: Sha256 | None = Field(None, description="of the bytes of the file of people")

    @field_validator("observed")
    @classmethod
    def _in_order(cls, value: tuple[dt.date, ...] | None) -> tuple[dt.date, ...] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("expected the first day, then the last")
        return value
