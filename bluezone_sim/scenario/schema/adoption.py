"""``[adoption]`` and ``[[campaign.measures]]``: who runs the app, and who installs it when."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from .table import Share, TomlTable


class Users(TomlTable):
    """An adoption level given as a number of users."""

    users: int = Field(ge=0)


def _kind_of_level(value: object) -> str:
    return "users" if isinstance(value, (dict, Users)) else "share"


Level = Annotated[
    Annotated[Users, Tag("users")] | Annotated[Share, Tag("share")],
    Discriminator(_kind_of_level),
]


class Together(TomlTable):
    """Adopters that cluster: chances that a person adopts with a group instead of alone.

    With chance s a person takes the rank of the group: two such people of one group both run the app
    with chance a in place of a squared. The shares add up to at most 1.
    """

    household: Share = Field(
        0.0, description="with the household (trace: with those most time is spent with)"
    )
    school: Share = Field(0.0, description="with the class")
    work: Share = Field(0.0, description="with the work team (trace: with the people's group)")
    district: Share = Field(0.0, description="with the district")


class Adoption(TomlTable):
    """Who runs the app: levels, each a stationary counterfactual."""

    levels: list[Level] = Field(
        min_length=1,
        max_length=64,
        description="shares of smartphone owners, or {users = N}; each level is a stationary "
        "counterfactual in which everybody installed at least a look-back earlier",
    )
    together: Together = Together()
    draws: int = Field(
        0,
        ge=0,
        le=100_000,
        description="draws of who adopts, for intervals over adopters; 0 for none",
    )


class MeasureTable(TomlTable):
    """One measure of a campaign."""

    kind: str = Field(description="what the measure is; its own parameters stand beside it")
    name: str = Field(min_length=1)


class Measure(MeasureTable):
    """Whom it reaches, when, how many of them install.

    It acts on smartphone owners of its target who have not installed through a measure listed earlier.
    """

    share: Share = Field(description="share of its target, less those with the app, who install")
    start: dt.date = Field(description="first local day")
    end: dt.date | None = Field(None, description="last local day; by default the first")
    curve: Literal["s-curve", "linear", "decay", "event"] = Field(
        "linear",
        description="s-curve: logistic, 2 to 98 %; decay: exponential, three time constants; event: "
        "all on the first day",
    )
    occupations: list[str] | None = Field(
        None, description='names of population.occupations, "employees", "pupils", "others"'
    )
    districts: list[str] | None = Field(None, description="names of districts")
    ages: list[int] | None = Field(
        None, min_length=2, max_length=2, description="from, and up to but without"
    )
    urban: bool | None = Field(None, description="urban people only, or rural ones only")
    together: Together = Field(Together(), description="with whom they install on one day")
    drop_out_per_day: Share | None = Field(
        None, description="of those it brings; by default the campaign's"
    )
