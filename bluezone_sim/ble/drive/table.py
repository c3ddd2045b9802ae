"""What a drive found, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tables.table import Table
from ...tables.words import DASH


def drive_table(levels: Sequence[Any]) -> Table:
    """A row a level: on air beside the simulation."""
    rows = [
        [
            f"{100 * row.level:.3g}",
            *(
                DASH if c is None else str(c)
                for c in (
                    row.peers,
                    row.on_air,
                    row.recorded,
                    row.desk_recorded,
                    row.scenario_recorded,
                    row.warned,
                    row.desk_warned,
                    row.scenario_warned,
                )
            ),
        ]
        for row in levels
    ]
    heads = [
        "adoption\n%", "peers\nwith app", "on air", "recorded\non air", "simulated\nat desk",
        "simulated\nscenario", "warned\non air", "simulated\nat desk", "simulated\nscenario",
    ]  # fmt: skip
    return Table.of_text("", heads, rows)
