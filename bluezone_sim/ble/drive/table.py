"""What a drive found, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..listening.live_tables import _table


def drive_table(levels: Sequence[Any]) -> Any:
    """A row a level: on air beside the simulation."""
    heads = ("adoption\n%", "peers\nwith app", "on air", "recorded\non air", "simulated\nat desk")
    more = ("simulated\nscenario", "warned\non air", "simulated\nat desk", "simulated\nscenario")
    table = _table(*heads, *more, numbers=range(9))
    for row in levels:
        cells = (
            f"{100 * row.level:.3g}",
            row.peers,
            row.on_air,
            row.recorded,
            row.desk_recorded,
            row.scenario_recorded,
            row.warned,
            row.desk_warned,
            row.scenario_warned,
        )
        table.add_row(*("–" if c is None else str(c) for c in cells))
    return table
