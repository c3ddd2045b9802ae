"""How many own a smartphone, where a scenario says their share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import Fault


def with_smartphones(raw: dict[str, Any], folder: Path, faults: list[Fault]) -> dict[str, Any]:
    """``raw`` with the number of smartphones in place of their share; what is at fault stays.

    Args:
        raw: a scenario as written.
        folder: not needed; as of all that is filled in.
        faults: where both are given, it is added there.
    """
    table = raw.get("population")
    if not isinstance(table, dict) or table.get("smartphone_share") is None:
        return raw
    share, people = table["smartphone_share"], table.get("people")
    if "smartphones" in table:
        faults.append(
            Fault(
                "population.smartphone_share", "is there beside smartphones", "remove one of both"
            )
        )
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (share, people)):
        return raw
    if not 0 <= share <= 1:
        return raw
    rest = {k: v for k, v in table.items() if k != "smartphone_share"}
    return {**raw, "population": {"smartphones": round(share * people), **rest}}
