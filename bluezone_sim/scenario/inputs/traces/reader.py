"""Reads contact traces: a file to a :class:`bluezone_sim.tables.trace.Trace`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....errors import FormatError
from ....showing.visible import quoted
from ....tables.fields import RSSI_DBM
from ....tables.trace import PeopleKnown, Trace, merge_rows
from ...schema.trace import TraceTable
from .columns import TraceRows
from .dialects import DIALECTS
from .events import with_ends
from .layout import Layout, how_to_say
from .parse import cell_of, rows_of
from .people import read_people
from .text import is_time, raw_bytes
from .times import days_of, times_of

_DATE = "a date such as 2013-12-02T08:00:20"
#: What can be wrong with a row that could be read; in this order one row has one fault.
_FAULTS = {
    "no_number": f"a time, duration, distance or RSSI is missing or not a number (times may be {_DATE})",
    "negative_time": "negative time",
    "no_duration": "duration is not above 0",
    "bad_distance": "negative distance",
    "bad_rssi": f"RSSI is not within {RSSI_DBM}",
    "self_contact": "a contact of a person with themself",
    "unknown_id": "an id that is missing, or not in the file of people",
    "not_observed": "before or after the days that were observed",
}
#: What is odd and read all the same.
_COUNTED = {
    "out_of_order": "rows earlier than the one before them (sorted)",
    "duplicate": "rows that say the same as another one, of either badge (once)",
    "other_length": "rows of the same pair and start as another one, of another length (joined)",
    "overlapping": "rows that begin before the pair's last one ends (joined)",
    "nobody": "scans that saw nobody, id -1 (no contact)",
    "outsider": "sightings of a device of no participant, id -2 (no contact)",
    "instant": "sightings whose end is their start (taken as one scan long)",
    "other_event": "events of another kind (not read)",
    "no_end": "contacts without an end (until the next begins, or the file ends)",
}
#: Marks in place of an id: see the Copenhagen Networks Study, doi:10.1038/s41597-019-0325-x.
_SENTINELS = {"-1": "nobody", "-2": "outsider"}
#: What programs write for a cell that is missing.
_MISSING = {"NA", "N/A", "<NA>", "NaN", "nan", "null", "NULL", "None"}
#: Contacts of people are nearer: beyond it a distance is in another unit, or none.
_FARTHEST_M = 1000.0
#: Without a unit in its name, a distance beyond the reach of Bluetooth may as well be centimetres.
_UNITLESS_M = 100.0


def with_dialect(table: TraceTable) -> TraceTable:
    """``table`` with what its dialect answers, where the scenario has the default."""
    if table.dialect is None:
        return table
    fields = TraceTable.model_fields
    says = {
        key: value
        for key, value in DIALECTS[table.dialect].says.items()
        if getattr(table, key) == fields[key].default
    }
    return table.model_copy(update=says)


def read_trace(table: TraceTable, timezone: str) -> Trace:
    """Reads a trace.

    Args:
        table: the file and what its columns mean.
        timezone: IANA name; contacts are cut at local midnight.

    Raises:
        FormatError: the file cannot be read as one thing alone, or, with ``bad_rows = "refuse"``, a row
            is bad; the message names the first of each kind.
    """
    path = Path(table.file)
    raw = raw_bytes(path)
    sha256 = hashlib.sha256(raw).hexdigest()
    rows, layout = rows_of(path, raw, table)
    bad = rows.bad or {}
    n_rows = len(rows) + sum(map(len, bad.values())) + rows.others
    table = with_dialect(table)
    counted: dict[str, int] = {"other_event": rows.others}
    notes = [
        f"column {name!r} of the header is left out, as columns says" for name in layout.skipped
    ]
    dialect = DIALECTS[table.dialect] if table.dialect else None
    if rows.state is not None:
        rows = with_ends(rows, path, counted)
    start_s, duration_s, words = times_of(table, rows, timezone, path, notes)
    if dialect is not None and dialect.instant_s:
        instant = duration_s == 0
        duration_s[instant] = dialect.instant_s
        counted["instant"] = int(np.count_nonzero(instant))
    people, people_sha256 = None, None
    if table.people is not None:
        of_people = raw_bytes(Path(table.people))
        people_sha256 = hashlib.sha256(of_people).hexdigest()
        people = read_people(Path(table.people), of_people, table.encoding, set(rows.names))
    marks = _marks(rows, people, table.dialect, notes)
    ids, group, groups, i, j = _numbered(rows, people, marks)
    seen = _seen(rows, marks, counted)
    rssi, distance = rows.numbers.get("rssi"), rows.numbers.get("distance")
    if distance is not None:
        _check_far(path, rows, distance, layout)
    value = rssi if rssi is not None else distance
    if value is None:
        value = np.full(len(rows), table.distance_m)
    kinds = _kinds(rows, start_s, duration_s, value, rssi is not None, i, j, seen)
    told = partial(_no_number, path, raw, table, layout, rows)
    _refuse(path, table, rows, kinds, bad, told)
    good = seen & ~np.logical_or.reduce(list(kinds.values()))
    if not good.any():
        why = _parts({name: lines for name, lines in bad.items() if lines}, told)
        raise FormatError(
            f"{path}: holds no contact" + (f" that can be read: {why}" if why else "")
        )
    # Scans that saw nobody were made on days too.
    there = (good | ~seen) & np.isfinite(start_s)
    end_s = start_s + duration_s
    days = days_of(
        int(start_s[there].min()), int(end_s[there].max()), table.observed, timezone, path
    )
    outside = good & ((start_s < days.start_s[0]) | (end_s > days.end_s))
    _refuse(path, table, rows, {"not_observed": outside}, bad, told)
    good &= ~outside
    if not good.any():
        raise FormatError(f"{path}: holds no contact on the days that were observed")
    bad = {name: lines for name, lines in bad.items() if lines}
    counted.update({name: len(lines) for name, lines in bad.items()})
    counted["out_of_order"] = int(np.count_nonzero(np.diff(rows.numbers["t"][good]) < 0))
    start, length = start_s[good].astype(np.int64), duration_s[good].astype(np.int64)
    merged, odd = merge_rows((i[good], j[good]), start, length, value[good], days)
    counted.update(odd)
    if rssi is not None:
        merged["rssi_dbm"] = merged["distance_m"]
        merged["distance_m"] = np.full(len(merged["a"]), np.nan, np.float32)
    if people is not None and rows.groups:
        notes.append("the groups Ci and Cj are not used: the file of people says who is in which")
    reading = f"{layout}; {words}"
    if people is not None:
        reading += f"; people: {people.reading}"
    return Trace(
        ids=ids,
        group=group,
        groups=groups,
        **merged,  # type: ignore[arg-type]
        days=days,
        rows=n_rows,
        counted={k: v for k, v in counted.items() if v},
        known=None if people is None else people.in_order(ids),
        reading=reading,
        notes=tuple(notes),
        sha256=(sha256, people_sha256),
    )


def _check_far(
    path: Path, rows: TraceRows, distance_m: NDArray[np.float64], layout: Layout
) -> None:
    column = next(c for c in layout.columns if c.role == "distance")
    far = np.flatnonzero(distance_m > (_FARTHEST_M if column.unit else _UNITLESS_M))
    if not len(far):
        return
    row, found = rows.line[far[0]], distance_m[far[0]]
    what = f"{found:,g} m is past a kilometre; is it a distance, and in metres?"
    if found <= _FARTHEST_M:
        what = f"{found:g} says no unit, and is far for a contact; is it in metres?"
    raise FormatError(f"{path}: row {row}: {column.word} {what} {how_to_say()}")


def _marks(
    rows: TraceRows, people: PeopleKnown | None, dialect: str | None, notes: list[str]
) -> dict[str, str]:
    """Ids that stand for nobody: negative ones where no other id is negative, or the dialect's."""
    negative = {name for name in rows.names if name[:1] == "-" and name[1:].isdecimal()}
    marks = {name: what for name, what in _SENTINELS.items() if name in negative}
    known = set() if people is None else set(people.ids)
    if people is None and (words := sorted(_MISSING & set(rows.names))):
        notes.append(
            f"id {words[0]} is taken as a person; leave the cell empty where it says that there is none"
        )
    if not marks or marks.keys() & known or dialect == "copenhagen":
        return {} if marks.keys() & known else marks
    if negative - marks.keys() or len(negative) == len(rows.names):
        if people is None:
            notes.append(
                f"id {min(marks)} is taken as a person, because others are negative too; leave out the "
                "rows where it says that there is none"
            )
        return {}
    return marks


def _seen(rows: TraceRows, marks: dict[str, str], counted: dict[str, int]) -> NDArray[np.bool_]:
    """``bool[r]``: rows of two people; the others are counted by their mark."""
    seen = np.ones(len(rows), np.bool_)
    for name, what in marks.items():
        code = rows.names.index(name)
        mask = (rows.i == code) | (rows.j == code)
        counted[what] = int(np.count_nonzero(mask))
        seen &= ~mask
    return seen


def _kinds(
    rows: TraceRows,
    start_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    value: NDArray[np.float64],
    is_rssi: bool,
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    seen: NDArray[np.bool_],
) -> dict[str, NDArray[np.bool_]]:
    """Bad rows by kind; the first kind that fits a row has it."""
    low, high = RSSI_DBM.low, RSSI_DBM.high
    found = {
        "no_number": ~(np.isfinite(start_s) & np.isfinite(duration_s) & np.isfinite(value)),
        "negative_time": rows.numbers["t"] < 0,
        "no_duration": duration_s <= 0,
        "bad_distance": value < 0 if not is_rssi else np.zeros(len(i), np.bool_),
        "bad_rssi": (value < low) | (value > high) if is_rssi else np.zeros(len(i), np.bool_),
        "self_contact": (i == j) & (i >= 0),
        "unknown_id": np.minimum(i, j) < 0,
    }
    left = seen.copy()
    for name, mask in found.items():
        found[name] = mask & left
        left &= ~mask
    return found


def _refuse(
    path: Path,
    table: TraceTable,
    rows: TraceRows,
    kinds: Mapping[str, NDArray[np.bool_]],
    bad: dict[str, list[int]],
    told: Callable[[int], str],
) -> None:
    """Adds the bad rows to those that are known, and refuses the file unless they are to be counted."""
    for name, mask in kinds.items():
        bad.setdefault(name, []).extend(rows.line[mask].tolist())
    found = {name: lines for name, lines in bad.items() if lines}
    if found and table.bad_rows == "refuse":
        raise FormatError(
            f"{path}: {_parts(found, told)}. Correct the file, or leave such rows out and have them "
            'counted with bad_rows = "count" (new: --bad-rows count)'
        )


def _no_number(
    path: Path, raw: bytes, table: TraceTable, layout: Layout, rows: TraceRows, line: int
) -> str:
    """What is at fault with a row of which a cell is no number: its column, and what stands there."""
    at = np.flatnonzero(rows.line == line)[0]
    for column in layout.columns:
        role = column.role
        if role not in rows.numbers or np.isfinite(rows.numbers[role][at]):
            continue
        text = cell_of(path, raw, table, layout, role, line)
        plain = role in ("t", "end") and not column.unit and table.t_unit_s == 1
        expected = "seconds" if plain and table.steps_per_day is None else "a number"
        if role in ("t", "end") and rows.iso:
            expected = _DATE
        elif role in ("t", "end") and not np.isfinite(rows.numbers[role]).any():
            expected += f", or {_DATE}"
        elif is_time(text):
            expected += " as in other rows"
        return f"{column.word}: expected {expected}, found {quoted(text) if text else 'nothing'}"
    return _FAULTS["no_number"]


def _parts(bad: Mapping[str, list[int]], told: Callable[[int], str]) -> str:
    """Each kind of bad row, how many, where the first is; ``told`` says what is no number in a row."""
    parts = []
    for name, lines in sorted(bad.items(), key=lambda item: min(item[1])):
        more = f" (and {len(lines) - 1:,} more)" if len(lines) > 1 else ""
        first = min(lines)
        what = told(first) if name == "no_number" else _FAULTS.get(name, name)
        parts.append(f"row {first}: {what}{more}")
    return "; ".join(parts)


def _numbered(
    rows: TraceRows, people: PeopleKnown | None, marks: Collection[str]
) -> tuple[
    tuple[str, ...], NDArray[np.int32], tuple[str, ...], NDArray[np.int64], NDArray[np.int64]
]:
    """Everybody by (group, id), and the rows' two people as numbers, -1 for unknown ones."""
    if people is not None:
        known = dict(zip(people.ids, people.group, strict=True))
    else:
        group = np.full(len(rows.names), "", dtype=object)
        if rows.group_i is not None and rows.group_j is not None:
            names = np.array([*rows.groups, ""], object)
            group[rows.j] = names[rows.group_j]
            group[rows.i] = names[rows.group_i]
        known = {
            name: of
            for name, of in zip(rows.names, group.tolist(), strict=True)
            if name and name not in marks
        }
    ids = sorted(known, key=lambda name: (known[name], *_natural(name)))
    groups = sorted({known[name] for name in ids})
    number = {name: k for k, name in enumerate(ids)}
    of = np.array([number.get(name, -1) for name in rows.names] or [-1], np.int64)
    at = {name: k for k, name in enumerate(groups)}
    return (
        tuple(ids),
        np.array([at[known[name]] for name in ids], np.int32),
        tuple(groups),
        of[rows.i],
        of[rows.j],
    )


def _natural(name: str) -> tuple[int, int, str]:
    """Numbers in their order, before names in theirs; ``1`` and ``01`` are two."""
    short = name.isascii() and name.isdecimal() and len(name) <= 40
    return (0, int(name), name) if short else (1, 0, name)


def describe_counted(counted: dict[str, int]) -> Iterator[tuple[str, int]]:
    """What was counted, in words."""
    words = {**_FAULTS, **_COUNTED}
    for name, n in counted.items():
        yield words.get(name, name), n
