"""A scenario as a notebook shows it: what is not as it is by default, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..tables.table import Column, Table

#: Longer values are cut.
_MOST_LETTERS = 72


def overview(raw: dict[str, Any]) -> Table:
    """A row a key.

    Args:
        raw: a scenario's tables in JSON's types; of keys that are not there the default stands.
    """
    head = ": ".join(filter(None, (raw["name"], raw.get("title"))))
    raw = {key: value for key, value in raw.items() if key not in ("name", "title")}
    heads = (Column("key", left=True), Column("value", left=True, wrap=True))
    return Table(head, heads, tuple(_leaves(raw, "")))


def _leaves(raw: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for key, value in raw.items():
        full = f"{path}{key}"
        if value is None:
            continue
        if isinstance(value, dict):
            yield from _leaves(value, f"{full}.")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            names = [
                str(i.get("name") or i.get("label") or "") for i in value if isinstance(i, dict)
            ]
            told = ", ".join(filter(None, names))
            yield full, _cut(f"{len(value)}: {told}" if told else json.dumps(value))
        else:
            yield full, _cut(value if isinstance(value, str) else json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
