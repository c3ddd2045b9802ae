"""What a scenario need not say of the people and days of a trace, because its file says it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...errors import Fault, FormatError
from ..schema.layers import TraceTable

Raw = dict[str, Any]

#: Keys that have no default, and that a trace fills in.
TRACE_SAYS = (
    "date",
    "population",
    "population.people",
    "population.smartphones",
    "population.districts",
)

#: Bluetooth Low Energy is of 2009: nobody measured contacts of phones or badges with it before.
_FIRST_YEAR = 2000


def with_trace(raw: Raw, folder: Path, faults: list[Fault]) -> Raw:
    """``raw`` with the people, groups and days of its trace, where it has one and does not say them.

    Args:
        raw: the mapping as the user wrote it.
        folder: where relative file names start.
        faults: what is wrong with the file is added.
    """
    contacts = raw.get("contacts")
    if not isinstance(contacts, dict) or contacts.get("source") != "trace":
        return raw
    given = contacts.get("trace")
    if not isinstance(given, dict) or not isinstance(given.get("file"), str):
        if not isinstance(given, dict):
            faults.append(
                Fault("contacts.trace", "missing", 'with source = "trace" it names the file')
            )
        return raw
    raw = copy.deepcopy(raw)
    given = raw["contacts"]["trace"]
    for key in ("file", "people"):
        if isinstance(given.get(key), str):
            given[key] = str(folder / given[key])
    try:
        known = {k: v for k, v in given.items() if k in TraceTable.model_fields}
        table = TraceTable.model_validate(known)
    except ValidationError:
        return raw  # the model's own faults say what is wrong
    timezone = raw.get("timezone", "Asia/Ho_Chi_Minh")
    if not isinstance(timezone, str):
        return raw  # it says so itself
    from .trace_reader import cached

    try:
        trace = cached(table, timezone)
    except FormatError as error:
        faults.append(Fault("contacts.trace.file", str(error)))
        return raw
    except (KeyError, TypeError, ValueError, OSError):
        return raw  # the time zone is at fault, and says so itself
    population = raw.setdefault("population", {})
    if not isinstance(population, dict):
        return raw
    n = trace.n_people
    if population.setdefault("people", n) != n:
        faults.append(
            Fault(
                "population.people",
                f"the trace has {n:,} people, found {population['people']!r}",
                "leave it out",
            )
        )
    population.setdefault("smartphones", n)
    districts = [
        {"name": name or "everybody", "people": count}
        for name, count in zip(trace.groups, trace.group_sizes(), strict=True)
    ]
    if population.setdefault("districts", districts) != districts and not _as_dumped(
        population["districts"], districts
    ):
        faults.append(
            Fault("population.districts", "are the groups of the trace", "leave them out")
        )
    last = trace.last_day
    if table.start is None and last.year < _FIRST_YEAR:
        faults.append(
            Fault(
                "contacts.trace.start",
                f"missing: as unix seconds the file's times end in {last.year}",
                "give the local day at whose midnight t is 0",
            )
        )
    raw.setdefault("date", last)
    raw.setdefault("look_back_days", min(60, len(trace.days)))
    return raw


def _as_dumped(found: Any, districts: list[Raw]) -> bool:
    """The same districts with their defaults written out."""
    return (
        isinstance(found, list)
        and [{k: d.get(k) for k in ("name", "people")} if isinstance(d, dict) else d for d in found]
        == districts
    )
