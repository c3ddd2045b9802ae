"""Faults of who meets whom, who adopts and who warns: traces, adopters, campaigns, uploads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from ... import protocols
from ...errors import Fault
from ...protocols import ServerIds
from ..dotted import Raw
from ..dotted import get as _get
from ..dotted import number as _number
from ..dotted import numbers as _numbers
from ..inputs.traces.dialects import DIALECTS
from ..values.registries import SOURCES

#: Most days of a campaign with its first look-back.
_MOST_DAYS = 366


def _upload(raw: Raw, merged: Raw) -> Iterator[Fault]:
    name, upload = _get(merged, "protocol.name"), _get(merged, "publication.upload")
    known = isinstance(name, str) and name in protocols.names()
    if known and upload == "keys" and isinstance(protocols.get(name).keys, ServerIds):
        yield Fault(
            "publication.upload",
            f"{name} publishes no keys, so phones cannot match",
            'set it to "history"',
            of_protocol=True,
        )


def _together(raw: Raw, merged: Raw) -> Iterator[Fault]:
    path = "adoption.together"
    shares = [_number(merged, f"{path}.{k}") for k in ("household", "school", "work", "district")]
    total = sum(s for s in shares if s is not None)
    if total > 1 + 1e-9:
        yield Fault(path, f"the shares add up to {total:g}; expected at most 1")
    if _number(merged, "adoption.draws") and _get(merged, "radio.density") == "on":
        yield Fault(
            "adoption.draws",
            'needs radio.density = "off": with it on, every draw would need a radio of its own',
        )


def _names(rows: Any) -> list[str]:
    rows = rows if isinstance(rows, list) else []
    return [r["name"] for r in rows if isinstance(r, dict) and isinstance(r.get("name"), str)]


def _campaign(raw: Raw, merged: Raw) -> Iterator[Fault]:
    table, path = _get(merged, "campaign"), "campaign"
    occupations = _get(merged, "population.occupations")
    if _get(raw, "population.occupations") and table is None:
        yield Fault("population.occupations", "has no effect without a campaign", "remove it", True)
    teams = occupations if isinstance(occupations, list) else []
    total = sum(_number(o, "team_share") or 0 for o in teams)
    if total > 1 + 1e-9:
        yield Fault("population.occupations", f"the shares of teams add up to {total:g}, above 1")
    if not isinstance(table, dict):
        return
    if _get(merged, "radio.density") == "on":
        yield Fault(path, 'needs radio.density = "off": crowds would change with every day')
    users, owners = _number(table, "users"), _number(merged, "population.smartphones")
    if users is not None and owners is not None and users > owners:
        yield Fault(f"{path}.users", f"{users:,} exceed the {owners:,} smartphone owners")
    pairs = _get(table, "history")
    pairs = pairs if isinstance(pairs, list) else []
    history = [p for i in range(len(pairs)) if (p := _numbers({"p": pairs[i]}, "p", 2))]
    if any(p[1] > 1 for p in history) or any(
        a[0] <= b[0] or a[1] > b[1] for a, b in pairwise(history)
    ):
        yield Fault(
            f"{path}.history", "expected days before that fall and shares up to 1 that do not"
        )
    date, until = _get(merged, "date"), _get(table, "until")
    days = (until - date).days if _dates(date, until) else 0
    back = _number(merged, "look_back_days") or 0
    if days < 0:
        yield Fault(f"{path}.until", f"{until} is before the scenario's date, {date}")
    elif days + back > _MOST_DAYS:
        yield Fault(f"{path}.until", f"{until} is {days} days on; expected at most {_MOST_DAYS}")
    groups = [*_names(occupations), "employees", "pupils", "others"]
    known = {"occupations": groups, "districts": _names(_get(merged, "population.districts"))}
    for what, names in (*known.items(), ("measures", _names(_get(table, "measures")))):
        twice = sorted({n for n in names if names.count(n) > 1})
        where = f"{path}.measures" if what == "measures" else f"population.{what}"
        if twice:
            yield Fault(where, f"{twice[0]!r} is there twice; a campaign needs names that differ")
    measures = _get(table, "measures")
    for m, measure in enumerate(measures if isinstance(measures, list) else ()):
        if (_get(measure, "kind") or "installs") != "installs":
            continue  # its own table says what its keys are
        yield from _measure(measure, f"{path}.measures[{m}]", date, until, known)


def _dates(*values: Any) -> bool:
    return all(type(v) is dt.date for v in values)  # not a datetime, which is one too


def _measure(
    measure: Any, path: str, date: Any, until: Any, known: dict[str, list[str]]
) -> Iterator[Fault]:
    start, end = _get(measure, "start"), _get(measure, "end")
    if _dates(start, date) and start <= date:
        yield Fault(
            f"{path}.start",
            f"{start} is not after the scenario's date, {date}, on which campaign.users have the app",
        )
    if _dates(start, until) and start > until:
        yield Fault(f"{path}.start", f"{start} is after campaign.until, {until}: it has no effect")
    if _dates(start, end) and end < start:
        yield Fault(f"{path}.end", f"{end} is before the start, {start}")
    if _get(measure, "curve") == "event" and end is not None:
        yield Fault(f"{path}.end", 'has no effect with curve = "event"', "remove it", True)
    ages = _numbers(measure, "ages", 2)
    if ages and not 0 <= ages[0] < ages[1]:
        yield Fault(f"{path}.ages", f"expected 0 <= from < up to, found {ages}")
    shares = _get(measure, "together")
    if isinstance(shares, dict):
        total = sum(v for v in shares.values() if isinstance(v, (int, float)))
        if total > 1 + 1e-9:
            yield Fault(f"{path}.together", f"the shares add up to {total:g}; expected at most 1")
    for key, names in known.items():
        chosen = _get(measure, key)
        for name in chosen if isinstance(chosen, list) else ():
            if isinstance(name, str) and name not in names:
                near = get_close_matches(name, names, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
                yield Fault(f"{path}.{key}", f"there is no {name!r}", hint)


#: What a source that brings its people says in place of a scenario.
_NOT_WITH_PEOPLE = (
    "population.household_size_shares",
    "population.ages",
    "population.ownership",
    "population.activity_sigma",
    "adoption.together.school",
)


#: Keys of layers by which a population is generated, whoever brings its contacts.
_OF_GROUPS = {
    "neighbours": ("group_size",),
    "school": ("group_size", "member_share"),
    "work": ("group_size", "member_share"),
}


def _unused_source(raw: Raw, merged: Raw) -> Iterator[Fault]:
    """Keys of one source of contacts that another does not read."""
    name, hint = _get(merged, "contacts.source"), "remove it, or change the other"
    if not isinstance(name, str) or name not in SOURCES.names():
        return
    source, because = SOURCES.get(name), f'has no effect with contacts.source = "{name}"'
    if name != "trace" and _get(raw, "contacts.trace") is not None:
        yield Fault("contacts.trace", because, hint, True)
    if source.parameters is None and _get(raw, "contacts.parameters") is not None:
        yield Fault("contacts.parameters", because, hint, True)
    given = _get(raw, "contacts")
    for key in given if isinstance(given, dict) and not source.layers else ():
        of_groups = _OF_GROUPS.get(key, ()) if source.people is None else ()
        if key in ("source", "trace", "parameters"):
            continue
        if not of_groups or not isinstance(given[key], dict):
            yield Fault(f"contacts.{key}", because, hint, True)
            continue
        for inner in given[key]:
            if inner not in of_groups:
                yield Fault(f"contacts.{key}.{inner}", because, hint, True)
    for path in _NOT_WITH_PEOPLE if source.people is not None else ():
        if _get(raw, path) is not None:
            yield Fault(path, because, hint, True)
    dialect = DIALECTS.get(str(_get(merged, "contacts.trace.dialect")))
    of_steps = dialect is not None and "steps_per_day" in dialect.says
    for key in ("first_step", "day_start_h") if not of_steps else ():
        if _get(merged, "contacts.trace.steps_per_day") is None and (
            _get(raw, f"contacts.trace.{key}") is not None
        ):
            yield Fault(f"contacts.trace.{key}", "has no effect without steps_per_day", hint, True)
    if (
        _get(merged, "contacts.trace.steps_per_day") is not None
        and _get(raw, "contacts.trace.t_unit_s") is not None
    ):
        yield Fault("contacts.trace.t_unit_s", "has no effect with steps_per_day", hint, True)


def _ages(raw: Raw, merged: Raw) -> Iterator[Fault]:
    path = "population.ages.bands"
    bands = _get(merged, path)
    parts = [
        tuple(_number(band, key) for key in ("from_age", "to_age", "share"))
        for band in (bands if isinstance(bands, list) else ())
    ]
    rows = [(a, b, s) for a, b, s in parts if a is not None and b is not None and s is not None]
    if not rows or len(rows) < len(parts):
        return
    for k, (low, high, _) in enumerate(rows):
        if low >= high:
            yield Fault(f"{path}[{k}]", f"expected from_age < to_age, found {low:g} and {high:g}")
    for k, (before, after) in enumerate(pairwise(rows)):
        if after[0] < before[1]:
            yield Fault(
                f"{path}[{k + 1}]",
                f"begins at {after[0]:g}, where the band before it ends at {before[1]:g}: they overlap",
            )
    total = sum(row[2] for row in rows)
    if abs(total - 1) > 1e-3:
        yield Fault(path, f"the shares add up to {total:g}; expected 1")


CHECKS = (_ages, _together, _campaign, _upload, _unused_source)
