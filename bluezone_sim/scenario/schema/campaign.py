"""``[campaign]``: who installs when."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from ..values.registries import INTERVENTIONS
from .adoption import MeasureTable
from .by_name import ByName
from .table import Share, Span, Table

AnyMeasure = Annotated[MeasureTable, ByName(INTERVENTIONS, "kind", "installs")]


class Campaign(Table):
    """Who installs when: the users of ``date``, then measures, day by day until ``until``."""

    users: int = Field(ge=0, description="users at the end of the scenario's date")
    history: list[Span] = Field(
        default=[],
        description="[days before date, share of those users that had the app by then], linear in "
        "between; without it all had it for longer than a look-back",
    )
    until: dt.date = Field(description="last day on which cases are evaluated")
    drop_out_per_day: Share = Field(
        0.0, description="chance a day that a user removes the app, after the scenario's date"
    )
    measures: list[AnyMeasure] = Field(default=[], description="in the order in which they count")
