"""The file of a trace's people: id, group, and of each the app, platform, age, and who is a case."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import FormatError
from ....tables.trace import UNKNOWN, PeopleKnown
from .text import cells_of, is_number, lines_of

_WORDS = {
    "id": (
        "id",
        "i",
        "person",
        "user",
        "node",
        "participant",
        "badge",
        "device",
        "pseudonym",
        "name",
    ),
    "group": ("group", "class", "department", "dept", "team", "ward", "status", "unit", "district"),
    "app": ("app", "has_app", "app_installed", "installed"),
    "platform": ("platform", "os", "phone_os"),
    "age": ("age", "age_years"),
    "case": ("case", "index_case", "is_case"),
}
_ROLES = {word: role for role, words in _WORDS.items() for word in words}
_YES = {"1": 1, "yes": 1, "true": 1, "y": 1, "0": 0, "no": 0, "false": 0, "n": 0, "": 0}
_PLATFORMS = {"android": 0, "ios": 1, "iphone": 1, "": UNKNOWN, "na": UNKNOWN}


def read_people(path: Path, raw: bytes, encoding: str, met: Collection[str]) -> PeopleKnown:
    """Who there is.

    A header is known by its words, or by its first cell being nobody of the trace where all others are.

    Args:
        path: what messages call it.
        raw: its bytes.
        encoding: of its text.
        met: ids of the trace.

    Raises:
        FormatError: it cannot be read, says an id twice, or a cell is none of what its column holds.
    """
    lines = lines_of(path, raw, encoding)
    rows = cells_of(lines.data.decode(), lines.delimiter, path, lines.line.tolist())
    header = rows[0] if _is_header(rows, met) else None
    roles = _roles(path, header, len(rows[0]))
    body, numbers = rows[header is not None :], lines.line[header is not None :].tolist()
    if not body:
        raise FormatError(f"{path}: holds nobody; expected rows of id and group")
    seen: set[str] = set()
    for number, row in zip(numbers, body, strict=True):
        if len(row) != len(rows[0]):
            raise FormatError(
                f"{path}: row {number}: has {len(row)} columns where the first row has {len(rows[0])}"
            )
        if (name := row[roles["id"]]) in seen:
            raise FormatError(f"{path}: row {number}: id {name!r} is there already")
        seen.add(name)

    def column(role: str, read: Callable[[str], int], expected: str) -> Any:
        if role not in roles:
            return None
        out = np.empty(len(body), np.int16)
        for k, (number, row) in enumerate(zip(numbers, body, strict=True)):
            try:
                out[k] = read(row[roles[role]].lower())
            except (KeyError, ValueError, OverflowError):
                raise FormatError(
                    f"{path}: row {number}: {role} {row[roles[role]]!r}: expected {expected}"
                ) from None
        return out

    used = [f"{role} = {header[k]}" if header else role for role, k in roles.items()]
    left = [name for k, name in enumerate(header or ()) if k not in roles.values()]
    return PeopleKnown(
        ids=[row[roles["id"]] for row in body],
        group=[row[roles["group"]] if "group" in roles else "" for row in body],
        app=column("app", _YES.__getitem__, "yes or no"),
        ios=column("platform", _PLATFORMS.__getitem__, "android or ios"),
        age=column("age", _years, "whole years from 0 to 120"),
        case=column("case", _YES.__getitem__, "yes or no"),
        reading=", ".join(used) + (f"; not used: {', '.join(left)}" if left else ""),
    )


def _years(text: str) -> int:
    if text in ("", "na"):
        return UNKNOWN
    years = float(text)
    if not (0 <= years <= 120 and years == int(years)):
        raise ValueError
    return int(years)


def _plain(cell: str) -> str:
    return re.sub(r"[\s\-]+", "_", cell.strip()).lower()


def _is_header(rows: Sequence[Sequence[str]], met: Collection[str]) -> bool:
    first = rows[0][0]
    if first in met:
        return False
    if any(_plain(cell) in _ROLES for cell in rows[0]):
        return True
    others = [row[0] for row in rows[1:]]
    numbers = not is_number(first) and all(map(is_number, others))
    return bool(others) and (numbers or all(name in met for name in others))


def _roles(path: Path, header: Sequence[str] | None, n: int) -> dict[str, int]:
    """Column of each thing that is known: of two columns, the second is the group."""
    if header is None:
        return {"id": 0} if n == 1 else {"id": 0, "group": 1}
    roles: dict[str, int] = {}
    for k, cell in enumerate(header):
        role = _ROLES.get(_plain(cell))
        if role in ("app", "platform", "age", "case") and role in roles:
            raise FormatError(
                f"{path}: columns {header[roles[role]]!r} and {cell!r} are both {role}"
            )
        if role is not None:
            roles.setdefault(role, k)
    left = [k for k in range(n) if k not in roles.values()]
    for role in ("id", "group"):
        if role not in roles and left:
            roles[role] = left.pop(0)
    if "id" not in roles:
        raise FormatError(f"{path}: no column of its header is an id, found {', '.join(header)}")
    return dict(sorted(roles.items(), key=lambda item: list(_WORDS).index(item[0])))
