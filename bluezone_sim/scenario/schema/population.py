"""``[population]``: people, households, districts, phones."""

from __future__ import annotations

from pydantic import Field

from .table import NonNegative, Positive, Share, TomlTable


class District(TomlTable):
    """One district: its people live in one block of the population."""

    name: str = Field(min_length=1)
    people: int = Field(ge=1)
    urban_share: Share = Field(0.0, description="share of its households that are urban")
    position: list[float] | None = Field(
        None, min_length=2, max_length=2, description="x and y on the report's map, any unit"
    )


class Occupation(TomlTable):
    """Work teams of one kind, whose members a campaign can reach together."""

    name: str = Field(min_length=1)
    team_share: Share = Field(description="share of the work teams")


class AgeBand(TomlTable):
    """People of one range of ages."""

    from_age: int = Field(ge=0, le=120, description="youngest age in years")
    to_age: int = Field(ge=1, le=121, description="up to, but without")
    share: Share = Field(description="of the population; within the band ages are as likely")


class Ages(TomlTable):
    """Who in a household is how old; with bands the population's ages are exactly theirs."""

    child_share: Share = Field(
        0.7, description="share of third and later household members under 18 (assumed)"
    )
    elder_share: Share = Field(
        0.14, description="share of adult household members aged 60 or more (assumed)"
    )
    bands: list[AgeBand] = Field(
        default=[],
        description="age structure, youngest first: people keep their order of age, and get the ages "
        "of the bands; without it, that which the households give",
    )


class Ownership(TomlTable):
    """Relative odds of owning a smartphone; the number of owners is exact (assumed ratios)."""

    under_6: NonNegative = Field(0.0, description="relative to adults")
    age_6_17: NonNegative = Field(0.35, description="relative to adults")
    adult: NonNegative = Field(1.0, description="from 18 to 59 years")
    age_60_up: NonNegative = Field(0.35, description="relative to adults")
    urban_factor: Positive = Field(1.4, description="weight of urban people over rural ones")


class Population(TomlTable):
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
    smartphone_share: Share | None = Field(
        None, description="instead of their number: the share of people who own a smartphone"
    )
    ownership: Ownership = Ownership()
    ios_share: Share = Field(
        0.364, description="iOS share of smartphones (36 to 63 Android, one weak web page)"
    )
    occupations: list[Occupation] = Field(
        default=[],
        description='kinds of work teams; members of the others are "employees", who belongs to '
        'a school class is a "pupil", everybody else is of the "others"',
    )
    commune_people: int = Field(
        4561,
        ge=2,
        description="people of a commune, within which classes and teams are; 821,030 people in Yên "
        "Bái's 180 communes, wards and townships",
    )
    activity_sigma: NonNegative = Field(
        0.3,
        le=2.0,
        description="log-normal spread of how active people are, mean 1; fits the survey's variance",
    )
