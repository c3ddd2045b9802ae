"""``[contacts]``: the layers of places where people meet, and the file of a trace."""

from __future__ import annotations

from pydantic import Field, field_validator

from .table import DistanceQuantiles, DurationShares, NonNegative, Positive, Share, Span, TomlTable
from .trace import TraceTable


class Layer(TomlTable):
    """One kind of place where people meet.

    People of one group who attend on a day may *talk* (a tie of the pair, then a draw of the day) for
    a time of the diary survey and at near distance; other attendants are *co-present*: in the same
    room for the session, at far distance, without talking.
    """

    tie: Share = Field(description="chance that two members of average activity ever talk here")
    meet: Share = Field(1.0, description="chance that a tie meets on a day both attend")
    attendance: Share = Field(1.0, description="chance that a member attends on an open day")
    open_days: int = Field(7, ge=1, le=7, description="open days a week, from Monday")
    window_h: Span = Field(description="local hours between which it happens")
    duration_shares: DurationShares = Field(
        description="shares of talks below 5 min, to 15 min, to 1 h, to 4 h, and longer; normalised "
        "(Horby et al. 2011)"
    )
    near_distance_m: DistanceQuantiles = Field(
        description="how near those who talk are: quantiles at 5, 25, 50, 75 and 95 % (scenes that "
        "cameras tracked, DP-3T exp34)"
    )

    @field_validator("window_h")
    @classmethod
    def _window(cls, value: list[float]) -> list[float]:
        if not 0 <= value[0] < value[1] <= 24:
            raise ValueError(f"expected 0 <= start < end <= 24 hours, found {value}")
        return value

    @field_validator("near_distance_m")
    @classmethod
    def _ascending(cls, value: list[float]) -> list[float]:
        if sorted(value) != value:
            raise ValueError(f"quantiles must not fall, found {value}")
        return value

    @field_validator("duration_shares")
    @classmethod
    def _nonzero(cls, value: list[float]) -> list[float]:
        if sum(value) <= 0:
            raise ValueError("the shares add up to 0")
        return value


class RoomLayer(Layer):
    """A layer with a shared room: a session of its own and co-present people."""

    group_size: int = Field(ge=2, le=512, description="members of a group")
    copresence: Share = Field(
        description="chance that two attendants who do not talk are in one room (assumed)"
    )
    session_h: Span = Field(description="shortest and longest session, hours")
    far_distance_m: Span = Field(description="distance of people who do not talk (assumed)")


class MemberLayer(RoomLayer):
    """A room layer with lasting groups, for part of the people of an age: classes, work teams."""

    member_share: Share = Field(
        1.0, description="share of the people of the right age who belong to a group (assumed)"
    )


class NeighbourLayer(Layer):
    """Visits between households that live side by side."""

    group_size: int = Field(ge=2, le=512, description="people of neighbouring households")


_LUNCH = [0.65, 1.36, 1.79, 2.49, 4.14]
_TRAIN = [0.55, 0.97, 1.57, 2.36, 3.44]
_OFFICE = [1.16, 1.70, 2.55, 3.57, 5.80]


class Traced(TomlTable):
    """Contacts that are read from a file."""

    trace: TraceTable | None = Field(None, description='the file, with source = "trace"')


class Layers(TomlTable):
    """Where people meet (Horby et al. 2011 for numbers, places, durations, repetition)."""

    copresence_scale: NonNegative = Field(
        1.0, description="multiplies every layer's copresence (capped at 1)"
    )
    near_distance_scale: Positive = Field(1.0, description="multiplies every near distance")
    far_distance_scale: Positive = Field(1.0, description="multiplies every far distance")
    household: Layer = Layer(
        tie=1.0,
        meet=0.97,
        window_h=[17.0, 22.5],
        duration_shares=[0.01, 0.02, 0.03, 0.05, 0.89],
        near_distance_m=_LUNCH,
    )
    neighbours: NeighbourLayer = NeighbourLayer(
        group_size=14,
        tie=0.205,
        meet=0.87,
        window_h=[17.0, 22.5],
        duration_shares=[0.37, 0.32, 0.16, 0.07, 0.08],
        near_distance_m=_LUNCH,
    )
    school: MemberLayer = MemberLayer(
        group_size=30,
        tie=0.25,
        meet=0.85,
        attendance=0.95,
        open_days=6,
        window_h=[7.0, 11.5],
        duration_shares=[0.02, 0.05, 0.15, 0.20, 0.58],
        near_distance_m=_OFFICE,
        copresence=1.0,
        session_h=[4.0, 4.5],
        far_distance_m=[2.0, 8.0],
    )
    work: MemberLayer = MemberLayer(
        member_share=0.5,
        group_size=10,
        tie=0.67,
        meet=0.73,
        attendance=0.9,
        open_days=6,
        window_h=[7.5, 16.5],
        duration_shares=[0.07, 0.11, 0.26, 0.25, 0.31],
        near_distance_m=_OFFICE,
        copresence=0.5,
        session_h=[6.0, 8.0],
        far_distance_m=[2.0, 10.0],
    )
    transport: RoomLayer = RoomLayer(
        group_size=40,
        tie=0.124,
        attendance=0.25,
        window_h=[5.5, 7.0],
        duration_shares=[0.43, 0.35, 0.16, 0.04, 0.02],
        near_distance_m=_TRAIN,
        copresence=0.6,
        session_h=[0.25, 0.75],
        far_distance_m=[1.5, 8.0],
    )
    leisure: RoomLayer = RoomLayer(
        group_size=40,
        tie=0.09,
        attendance=0.2,
        window_h=[18.0, 21.0],
        duration_shares=[0.04, 0.30, 0.42, 0.22, 0.02],
        near_distance_m=_LUNCH,
        copresence=0.5,
        session_h=[0.5, 1.5],
        far_distance_m=[2.0, 10.0],
    )
    other: RoomLayer = RoomLayer(
        group_size=40,
        tie=0.112,
        attendance=0.3,
        window_h=[15.5, 17.5],
        duration_shares=[0.05, 0.18, 0.59, 0.17, 0.02],
        near_distance_m=_TRAIN,
        copresence=0.5,
        session_h=[0.3, 1.0],
        far_distance_m=[2.0, 10.0],
    )
