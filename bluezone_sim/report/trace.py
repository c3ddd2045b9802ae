"""A contact trace in words: what is in it, how it was read, and which of its rows were counted."""

from __future__ import annotations

import datetime as dt

from ..scenario.inputs.traces.reader import describe_counted
from ..tables.days import EPOCH
from ..tables.table import Column, Table
from ..world.trace_summary import TraceInfo


def info_rows(found: TraceInfo, *, dated: bool = True) -> list[tuple[str, str]]:
    """(what, how much); with ``dated`` the days have dates."""

    def several(values: tuple[float, ...], unit: str) -> str:
        return ", ".join(f"{v:g}" for v in values) + f" {unit}"

    first, last = (EPOCH + dt.timedelta(days=d) for d in (found.first_day, found.last_day))
    groups = f" in {found.groups} groups" if found.groups else ""
    near = "not known: RSSI is no distance until a scenario's radio says what it means"
    if found.risky_pair_days is not None:
        near = f"{found.risky_pair_days:,} pairs and days"
    rows = [
        ("read as", found.reading),
        ("rows", f"{found.rows:,}"),
        ("people", f"{found.people:,}{groups}"),
        ("days", f"{found.days}" + (f" ({first} to {last})" if dated else "")),
        ("contacts", f"{found.contacts:,} of {found.pairs:,} pairs, {found.segments:,} segments"),
        ("people met a day", f"{found.contacts_per_person_day:.2f}, mean over people and days"),
        ("durations 5/25/50/75/95 %", several(found.duration_quantiles_s, "s")),
    ]
    if found.rssi_quantiles_dbm is not None:
        values = several(found.rssi_quantiles_dbm, "dBm, by time")
        rows.append(("RSSI 5/25/50/75/95 %", values))
    if found.distance_quantiles_m is not None:
        values = several(found.distance_quantiles_m, "m, by time")
        rows.append(("distances 5/25/50/75/95 %", values))
    again = (
        f"{100 * found.pairs_repeated:.0f} % of pairs, {100 * found.met_again:.0f} % of meetings"
    )
    return [*rows, ("met on several days", again), ("15 min within 2 m", near)]


def counted_rows(found: TraceInfo) -> list[tuple[str, str]]:
    """A line a kind of bad or odd row, and one for each thing that was taken for granted."""
    counted = [("counted", f"{n:,}: {what}") for what, n in describe_counted(found.counted)]
    return counted + [("note", note) for note in found.notes]


def trace_table(found: TraceInfo, *, dated: bool = True) -> Table:
    """What is in it, and what was counted."""
    heads = (
        Column("", left=True, style=lambda what: "yellow" if what in ("counted", "note") else ""),
        Column("", left=True, wrap=True),
    )
    return Table("The contact trace", heads, (*info_rows(found, dated=dated), *counted_rows(found)))
