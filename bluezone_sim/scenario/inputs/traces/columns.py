"""What columns of traces are called, and in which unit: a header's words and those of ``columns``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Columns of numbers, of people, and of their groups.
NUMBERS = ("t", "end", "duration", "rssi", "distance")
PEOPLE = ("i", "j")
GROUPS = ("Ci", "Cj")

#: What a column may be called, in small letters. ``start`` is ``t``: with an end or a duration, t begins.
_WORDS: dict[str, tuple[str, ...]] = {
    "t": (
        "t", "time", "timestamp", "step", "datetime", "unix_time", "unixtime",
        "start", "start_time", "starttime", "begin", "s_timestamp",
    ),
    "end": ("end", "end_time", "endtime", "stop", "e_timestamp"),
    "duration": ("duration", "dur"),
    "i": ("i", "id1", "id_1", "id_i", "user1", "user_1", "person1", "person_1", "source", "a", "u",
          "user_a", "person_a", "id_a", "user_i", "person_i", "btnamei"),
    "j": ("j", "id2", "id_2", "id_j", "user2", "user_2", "person2", "person_2", "target", "b", "v",
          "user_b", "person_b", "id_b", "user_j", "person_j", "btnamej"),
    "rssi": ("rssi", "avg_rssi", "mean_rssi"),
    "distance": ("distance", "dist"),
    "Ci": ("ci", "si", "group_i", "class_i", "group_a", "class_a"),
    "Cj": ("cj", "sj", "group_j", "class_j", "group_b", "class_b"),
    "state": ("state",),
    "skip": ("skip",),
}  # fmt: skip
_ROLES = {word: role for role, words in _WORDS.items() for word in words}

_TIME = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "milliseconds": 1e-3, "min": 60.0, "mins": 60.0, "minutes": 60.0,
    "h": 3600.0, "hours": 3600.0,
}  # fmt: skip
_LENGTH = {
    "m": 1.0, "metres": 1.0, "meters": 1.0, "cm": 0.01, "mm": 1e-3, "km": 1000.0, "ft": 0.3048,
    "feet": 0.3048,
}  # fmt: skip
#: Units that a name may end with, by what the column is.
UNITS: Mapping[str, Mapping[str, float]] = {
    "t": _TIME, "end": _TIME, "duration": _TIME, "distance": _LENGTH, "rssi": {"dbm": 1.0},
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column: what it is, what it is called, its unit where that is in its name, and how many
    seconds or metres one of it is."""

    role: str
    word: str
    unit: str = ""
    factor: float = 1.0


def column_of(word: str) -> Column | None:
    """The column that a word stands for; None where it stands for none that is known here."""
    for plain in (_plain(word), plain_of(word)):
        if plain in _ROLES:
            return Column(_ROLES[plain], word)
        stem, _, unit = plain.rpartition("_")
        role = _ROLES.get(stem, "")
        factor = UNITS.get(role, {}).get(unit)
        if factor is not None:
            return Column(role, word, unit, factor)
    return None


def plain_of(word: str) -> str:
    """A name in small letters, with ``_`` between its words: ``durationMin`` is ``duration_min``."""
    return _plain(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word))


def _plain(word: str) -> str:
    return re.sub(r"[\s\-/.:]+", "_", re.sub(r"[()\[\]\"']", " ", word).strip()).lower().strip("_")


def missing(columns: Sequence[Column]) -> str:
    """What keeps columns from being a trace, in words; empty where nothing does."""
    roles = [c.role for c in columns]
    for role in (*NUMBERS, *PEOPLE, *GROUPS):
        twice = [c.word for c in columns if c.role == role]
        if len(twice) > 1:
            which = " and ".join(repr(word) for word in twice)
            return f"columns {which} are both {_TITLES[role]}"
    lacking = [_TITLES[role] for role in ("t", *PEOPLE) if role not in roles]
    if lacking:
        return f"no column is {' or '.join(lacking)}"
    if "end" in roles and "duration" in roles:
        return "an end and a duration both say how long a row is"
    if ("Ci" in roles) != ("Cj" in roles):
        return "one of the two people's groups is missing"
    if "rssi" in roles and "distance" in roles:
        return "an RSSI and a distance both say how near the two were"
    return ""


_TITLES = {
    "t": "a time (t)",
    "end": "an end",
    "duration": "a duration",
    "i": "the one person (i)",
    "j": "the other person (j)",
    "rssi": "an RSSI",
    "distance": "a distance",
    "Ci": "the group of i",
    "Cj": "the group of j",
}


@dataclass
class TraceRows:
    """A trace's columns as read.

    Attributes:
        numbers: ``float64[r]`` by role, in seconds, metres and dBm; NaN where there is no number.
        iso: the times were dates, and are UTC seconds already, or local ones where ``local``.
        units: of the columns of time, by role, where their names say them.
        names: ids, each once.
        i, j: ``int64[r]``, indices into ``names``.
        groups: names of groups, each once; empty where the file has none.
        group_i, group_j: ``int64[r]``, indices into ``groups``.
        state: ``object[r]`` or None, words of a file of events.
        others: events of another kind, which were not read.
        line: ``int64[r]``, the row of the file, from 1.
        bad: rows that could not be read, by kind.
    """

    numbers: dict[str, NDArray[np.float64]]
    names: list[str]
    i: NDArray[np.int64]
    j: NDArray[np.int64]
    line: NDArray[np.int64]
    groups: list[str]
    group_i: NDArray[np.int64] | None = None
    group_j: NDArray[np.int64] | None = None
    state: NDArray[Any] | None = None
    iso: bool = False
    local: bool = False
    bad: dict[str, list[int]] | None = None
    others: int = 0
    units: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.i)
