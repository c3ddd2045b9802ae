"""A small scenario with a campaign."""

from __future__ import annotations

import datetime as dt
from typing import Any

from bluezone_sim.scenario.dotted import override

from .small import raw_scenario

DATE = dt.date(2020, 8, 12)


def raw_campaign(**changes: Any) -> dict[str, Any]:
    """As a file would say it, with dotted changes, ``__`` for a dot."""
    raw = raw_scenario()
    raw["look_back_days"] = 3
    raw["adoption"] = {"levels": [0.5]}
    raw["population"]["occupations"] = [{"name": "officials", "team_share": 0.4}]
    raw["index_cases"] = {"count": 120, "f2_count": 0}
    raw["campaign"] = {
        "users": 70,
        "history": [[9, 0.2], [2, 0.5], [0, 0.9]],
        "until": DATE + dt.timedelta(days=4),
        "drop_out_per_day": 0.1,
        "measures": [
            {
                "name": "orders", "occupations": ["officials"], "share": 1.0,
                "start": DATE + dt.timedelta(days=1), "end": DATE + dt.timedelta(days=2),
                "curve": "s-curve", "together": {"work": 0.7}, "drop_out_per_day": 0.0,
            },
            {
                "name": "doors", "districts": ["A"], "ages": [18, 70], "share": 0.5,
                "start": DATE + dt.timedelta(days=2), "end": DATE + dt.timedelta(days=4),
                "together": {"household": 0.8, "district": 0.1},
            },
            {
                "name": "text", "share": 0.3, "start": DATE + dt.timedelta(days=1),
                "end": DATE + dt.timedelta(days=4), "curve": "decay", "urban": False,
            },
            {
                "name": "television", "share": 0.2, "start": DATE + dt.timedelta(days=3),
                "curve": "event",
            },
        ],
    }  # fmt: skip
    for path, value in changes.items():
        override(raw, path.replace("__", "."), value)
    return raw
