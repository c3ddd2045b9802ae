"""A contact trace in words: what is in it, and which of its rows were counted as bad or odd."""

from __future__ import annotations

import datetime as dt

from ..scenario.inputs.trace_reader import describe_counted
from ..tables.days import EPOCH
from ..tables.table import Column, Table
from ..tables.trace import Trace
from ..world.trace_summary import trace_info


def info_rows(trace: Trace, *, dated: bool = True) -> list[tuple[str, str]]:
    """(what, how much); with ``dated`` the days have dates."""
    found = trace_info(trace)

    def several(values: tuple[float, ...], unit: str) -> str:
        return ", ".join(f"{v:g}" for v in values) + f" {unit}"

    first, last = (EPOCH + dt.timedelta(days=d) for d in (found.first_day, found.last_day))
    groups = f" in {found.groups} groups" if found.groups else ""
    return [
        ("rows", f"{found.rows:,}"),
        ("people", f"{found.people:,}{groups}"),
        ("days", f"{found.days}" + (f" ({first} to {last})" if dated else "")),
        ("contacts", f"{found.contacts:,} of {found.pairs:,} pairs, {found.segments:,} segments"),
        ("people met a day", f"{found.contacts_per_person_day:.2f}, mean over people and days"),
        ("durations 5/25/50/75/95 %", several(found.duration_quantiles_s, "s")),
        ("distances 5/25/50/75/95 %", several(found.distance_quantiles_m, "m, by time")),
        (
            "met on several days",
            f"{100 * found.pairs_repeated:.0f} % of pairs, {100 * found.met_again:.0f} % of meetings",
        ),
        ("15 min within 2 m", f"{found.risky_pair_days:,} pairs and days"),
    ]


def counted_rows(trace: Trace) -> list[tuple[str, str]]:
    """A line a kind of bad or odd row."""
    return [("counted", f"{n:,}: {what}") for what, n in describe_counted(trace.counted)]


def trace_table(trace: Trace, *, dated: bool = True) -> Table:
    """What is in it, and what was counted."""
    heads = (
        Column("", left=True, style=lambda what: "yellow" if what == "counted" else ""),
        Column("", left=True),
    )
    return Table("The contact trace", heads, (*info_rows(trace, dated=dated), *counted_rows(trace)))
