"""Reading a scenario as written, before it is known to be right."""

from __future__ import annotations

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
