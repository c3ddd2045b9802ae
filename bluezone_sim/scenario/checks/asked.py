"""Faults of what is asked: axes of sweeps, criteria; and numbers that no machine can work with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from ...errors import Fault
from ...tables.metrics import DAY_NUMBERS, NUMBERS
from ..dotted import SHORT, Raw
from ..dotted import get as _get
from ..dotted import number as _number

#: Keys that are no axes of a sweep.
NO_AXES = {
    "seed": "seeds are counted by sweep.seeds",
    "name": "it changes no number",
    "title": "it changes no number",
    "population.smartphone_share": "sweep population.smartphones, their number",
    "sensitivity": "a sweep has arms of its own",
    "adoption.draws": "a sweep draws adopters by seed",
    "epidemic.seeds": "a sweep's epidemics are over its seeds",
    "radio.draws": "a sweep's intervals are over seeds",
    "sweep": "it changes no number",
    "expect": "it changes no number",
    "limits": "it changes no number",
}


#: Largest size of a number by the unit in its key's name, then of any other: far beyond sense, and small
#: enough that nothing overflows.
_EXTREMES = {"_ms": 1e9, "_s": 1e9, "_h": 1e6, "_m": 1e6, "_db": 300.0, "_dbm": 300.0, "": 1e9}


def _extremes(raw: Raw, merged: Raw) -> Iterator[Fault]:
    for path, value in _leaves({k: v for k, v in merged.items() if k != "seed"}, ""):
        name = path.split("[")[0].rsplit(".", 1)[-1]
        most = next(most for unit, most in _EXTREMES.items() if name.endswith(unit))
        if abs(value) > most:
            yield Fault(path, f"expected at most {most:g} in size, found {value:g}")


def _leaves(raw: Any, path: str) -> Iterator[tuple[str, float]]:
    """Every number and its path."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(raw, (list, tuple)):
        for i, value in enumerate(raw):
            yield from _leaves(value, f"{path}[{i}]")
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool) and raw == raw:
        yield path, raw


def no_axis(key: str) -> str | None:
    """Why a dotted key cannot be an axis of a sweep; None where it can."""
    parts = key.split(".")
    prefixes = (".".join(parts[:i]) for i in range(1, len(parts) + 1))
    return next((NO_AXES[p] for p in prefixes if p in NO_AXES), None)


def _grid(raw: Raw, merged: Raw) -> Iterator[Fault]:
    grid = _get(merged, "sweep.grid")
    seen: dict[str, str] = {}
    for key, values in grid.items() if isinstance(grid, dict) else ():
        path, full = f"sweep.grid.{key}", SHORT.get(str(key), str(key))
        if (why := no_axis(full)) is not None:
            yield Fault(path, f"{why}, so it cannot be an axis")
        if full in seen:
            yield Fault(path, f"is the same key as {seen[full]!r}", "remove one of them")
        seen[full] = key
        if isinstance(values, list) and any(v in values[:i] for i, v in enumerate(values)):
            yield Fault(path, "has the same value twice", "remove one of them")


def _criteria(raw: Raw, merged: Raw) -> Iterator[Fault]:
    given = _get(merged, "expect")
    bounds = ("at_least", "at_most", "fall_at_most", "rise_at_most")
    levels, owners = _get(merged, "adoption.levels"), _number(merged, "population.smartphones")
    grid = _get(merged, "sweep.grid")
    grid = grid if isinstance(grid, dict) else {}
    for i, row in enumerate(given if isinstance(given, list) else []):
        if not isinstance(row, dict):
            continue
        path = f"expect[{i}]"
        if all(row.get(b) is None for b in bounds):
            yield Fault(path, "has no bound", f"give one or more of {', '.join(bounds)}")
        low, high = _number(row, "at_least"), _number(row, "at_most")
        if low is not None and high is not None and low > high:
            yield Fault(path, f"nothing is at least {low:g} and at most {high:g}")
        share, users = _number(row, "adoption"), _number(row, "users")
        if row.get("date") is not None:
            yield from _day(row, path, merged, grid)
        elif share is not None and users is not None:
            yield Fault(f"{path}.users", "names a level, and so does adoption", "remove one")
        elif "adoption" not in grid and isinstance(levels, list) and owners is not None:
            at = users if share is None else round(share * owners)
            known = [
                _number(v, "users") if isinstance(v, dict) else _number({"v": v}, "v")
                for v in levels
            ]
            counts = [
                k if isinstance(v, dict) or k is None else round(k * owners)
                for v, k in zip(levels, known, strict=True)
            ]
            if at is not None and at not in counts:
                key = "users" if share is None else "adoption"
                yield Fault(f"{path}.{key}", "is none of adoption.levels", "add the level")
        where = row.get("where")
        for key in where if isinstance(where, dict) else ():
            if SHORT.get(key, key) == SHORT["adoption"]:
                hint = "name the level by the criterion's adoption or users"
                yield Fault(f"{path}.where.{key}", "is no arm: levels are within one", hint)
            elif key not in grid:
                yield Fault(f"{path}.where.{key}", "is no key of sweep.grid")


def _day(row: Raw, path: str, merged: Raw, grid: Raw) -> Iterator[Fault]:
    """A criterion on a day of the campaign."""
    day, metric = row["date"], row.get("metric")
    first, last = _get(merged, "date"), _get(merged, "campaign.until")
    for key in ("adoption", "users"):
        if row.get(key) is not None:
            yield Fault(
                f"{path}.{key}", "names a level, and date a day of the campaign", "remove one"
            )
    if metric in NUMBERS and metric not in DAY_NUMBERS:
        known = ", ".join(name for name in NUMBERS if name in DAY_NUMBERS)
        yield Fault(f"{path}.metric", f"a day of a campaign has no {metric}", f"it has {known}")
    if _get(merged, "campaign") is None and not any(key.startswith("campaign") for key in grid):
        yield Fault(f"{path}.date", "there is no campaign", "name a level by adoption, or add one")
        return
    fixed = not {"date", "campaign", "campaign.until"} & grid.keys()
    dates = all(type(d) is dt.date for d in (day, first, last))
    if fixed and dates and not first <= day <= last:
        yield Fault(f"{path}.date", f"expected a day from {first} to {last}, found {day}")


CHECKS = (_grid, _criteria, _extremes)
