"""What a scenario need not say of the people and days of a trace, because its file says it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ....errors import Fault, FormatError
from ...schema.table import TIMEZONE
from ...schema.trace import TraceTable
from .dialects import DIALECTS

if TYPE_CHECKING:  # a scenario without a trace is read without NumPy
    from ....tables.trace import Trace

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
FIRST_YEAR = 2000


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
    timezone = raw.get("timezone", TIMEZONE)
    if not isinstance(timezone, str):
        return raw  # it says so itself
    from .lent import cached

    try:
        trace = cached(table, timezone)
    except FormatError as error:
        faults.append(Fault("contacts.trace.file", str(error)))
        return raw
    except (KeyError, TypeError, ValueError, OSError):
        return raw  # the time zone is at fault, and says so itself
    given["sha256"], people_sha256 = trace.sha256
    if people_sha256 is not None:
        given["people_sha256"] = people_sha256
    if not isinstance(raw.setdefault("population", {}), dict):
        return raw
    _population(raw, trace, faults)
    last = trace.last_day
    start = table.start or (DIALECTS[table.dialect].says.get("start") if table.dialect else None)
    if start is None and last.year < FIRST_YEAR:
        faults.append(
            Fault(
                "contacts.trace.start",
                f"missing: as unix seconds the file's times end in {last.year}",
                "give the local day at whose midnight t is 0",
            )
        )
    raw.setdefault("date", last)
    raw.setdefault("look_back_days", min(60, len(trace.days)))
    _people(raw, trace, faults)
    if trace.rssi_dbm is not None and table.rssi == "measured":
        _as_measured(raw)
    return raw


def _population(raw: Raw, trace: Trace, faults: list[Fault]) -> None:
    """Who there is, where, and who has a smartphone."""
    population, n = raw["population"], trace.n_people
    if population.setdefault("people", n) != n:
        faults.append(
            Fault(
                "population.people",
                f"the trace has {n:,} people, found {population['people']!r}",
                "leave it out",
            )
        )
    if population.get("smartphone_share") is None:
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


def _people(raw: Raw, trace: Trace, faults: list[Fault]) -> None:
    """Who has the app and who is a case, where the file of people says it."""
    from ....tables.trace import UNKNOWN

    known = trace.known
    if known is None:
        return
    if known.app is not None:
        users = int((known.app == 1).sum())
        adoption = raw.setdefault("adoption", {})
        if isinstance(adoption, dict):
            adoption.setdefault("levels", [{"users": users}])
            if adoption.get("draws"):
                faults.append(
                    Fault(
                        "adoption.draws",
                        "draws who adopts, and the file of people says who has the app",
                        "leave it out, or the column app",
                    )
                )
        phones = raw["population"].get("smartphones")
        if isinstance(phones, int) and phones < users:
            faults.append(
                Fault(
                    "population.smartphones",
                    f"{phones:,}, and {users:,} people of the file have the app",
                    "leave it out",
                )
            )
    if known.ios is not None and (known.ios != UNKNOWN).all():
        raw["population"].setdefault("ios_share", float((known.ios == 1).mean()))
    if known.case is not None:
        cases = int((known.case == 1).sum())
        table = raw.setdefault("index_cases", {})
        if not cases:
            faults.append(Fault("contacts.trace.people", "nobody in its column case is one"))
        elif isinstance(table, dict):
            count = table.setdefault("count", cases)
            if isinstance(count, int) and count > cases:
                faults.append(
                    Fault(
                        "index_cases.count",
                        f"expected at most the {cases:,} cases of the file of people, found {count:,}",
                        "leave it out",
                    )
                )


def _as_measured(raw: Raw) -> None:
    """A radio that adds no bodies and pockets to an RSSI that holds those of the people measured."""
    radio = raw.setdefault("radio", {})
    for key in ("scene_sd_db", "shadowing_sd_db", "scan_sd_db", "body_blockage_db"):
        if isinstance(radio, dict):
            radio.setdefault(key, 0.0)


def _as_dumped(found: Any, districts: list[Raw]) -> bool:
    """The same districts with their defaults written out."""
    return (
        isinstance(found, list)
        and [{k: d.get(k) for k in ("name", "people")} if isinstance(d, dict) else d for d in found]
        == districts
    )
