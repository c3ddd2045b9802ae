"""``[adoption]`` and ``[campaign]``: who runs the app, and who installs it when."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from .base import Share, Table


class Users(Table):
    """An adoption level given as a number of users."""

    users: int = Field(ge=0)


def _kind_of_level(value: object) -> str:
    return "users" if isinstance(value, (dict, Users)) else "share"


Level = Annotated[
    Annotated[Users, Tag("users")] | Annotated[Share, Tag("share")],
    Discriminator(_kind_of_level),
]


class Together(Table):
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


class Adoption(Table):
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
