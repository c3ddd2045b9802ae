"""Tables that choose a value by its name: a rule, a source of contacts, interventions."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from .schema.adoption import MeasureTable
from .schema.by_name import ByName, NameOf, ParametersOf
from .schema.layers import Layers, Traced
from .schema.rules import RuleTable
from .schema.table import Share, Span, TomlTable
from .values.registries import INTERVENTIONS, RULES, SOURCES


class Source(TomlTable):
    """Where contacts are from."""

    source: Annotated[str, NameOf(SOURCES)] = Field(
        "generated", description="made from the population, read from a file, or a package's own"
    )
    parameters: Annotated[TomlTable | None, ParametersOf(SOURCES, "source")] = Field(
        None, description="of a source that a package brings"
    )


class ContactsTable(Layers, Traced, Source):
    """Who meets whom (Horby et al. 2011 for numbers, places, durations, repetition)."""


AnyMeasure = Annotated[MeasureTable, ByName(INTERVENTIONS, "kind", "installs")]


class Campaign(TomlTable):
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


#: When a phone that matched warns: the parameters of the rule that is named.
Rule = Annotated[RuleTable, ByName(RULES, "name", "any-match")]
