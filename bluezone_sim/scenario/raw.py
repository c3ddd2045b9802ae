"""Reading a scenario as written, before it is known to be right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Raw = dict[str, Any]


def get(raw: Any, path: str) -> Any:
    """Value at a dotted path, None where there is none."""
    for part in path.split("."):
        if not isinstance(raw, dict) or part not in raw:
            return None
        raw = raw[part]
    return raw


def number(raw: Any, path: str) -> float | None:
    value = get(raw, path)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def numbers(raw: Any, path: str, n: int) -> list[float] | None:
    value = get(raw, path)
    if not isinstance(value, list) or len(value) != n:
        return None
    return value if all(isinstance(v, (int, float)) for v in value) else None


def with_dotted_axes(raw: Raw) -> Raw:
    """``raw`` with the axes of its sweep, and of its criteria's arms, by dotted key.

    ``phones.off_share = [0.1, 0.3]`` without quotes is a table in a table to TOML.
    """
    sweep, expect = raw.get("sweep"), raw.get("expect")
    out = dict(raw)
    if isinstance(sweep, dict) and isinstance(sweep.get("grid"), dict):
        out["sweep"] = {**sweep, "grid": dict(_dotted(sweep["grid"]))}
    if isinstance(expect, list):
        out["expect"] = [
            {**row, "where": dict(_dotted(row["where"]))}
            if isinstance(row, dict) and isinstance(row.get("where"), dict)
            else row
            for row in expect
        ]
    return out


def _dotted(table: Raw, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _dotted(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
