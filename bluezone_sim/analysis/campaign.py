"""A campaign day by day: the values that a run gives."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..tables.levels import CampaignDay
from ..tables.metrics import DAY_NUMBERS, number_of

if TYPE_CHECKING:
    from ..scenario.model import Scenario


@dataclass(frozen=True)
class CampaignPart:
    """One part of the population on one day: a district, or a group by occupation.

    Attributes:
        arm, date: as in :class:`CampaignDay`.
        what, name: "district" or "group", and which.
        owners, users: its smartphone owners, and those that run the app.
        n_risky_pairs, recall: of its cases.
    """

    arm: str
    date: dt.date
    what: str
    name: str
    owners: int
    users: int
    n_risky_pairs: int
    recall: float | None


@dataclass(frozen=True)
class CampaignResult:
    """All arms on all days.

    Attributes:
        days: by arm, then day.
        parts: the same by district and group, with all measures and with none.
        brought: users that the first day and each measure brought.
        n_cases: index cases, the same on every day.
    """

    days: tuple[CampaignDay, ...]
    parts: tuple[CampaignPart, ...]
    brought: tuple[tuple[str, int], ...]
    n_cases: int

    @property
    def arms(self) -> list[str]:
        """Names of the arms."""
        return list(dict.fromkeys(row.arm for row in self.days))

    def of(self, arm: str) -> list[CampaignDay]:
        """The days of an arm."""
        return [row for row in self.days if row.arm == arm]

    def key_dates(self, scenario: Scenario) -> list[dt.date]:
        """First day, the day with most users, last day."""
        rows = self.of(self.arms[0])
        most = max(rows, key=lambda row: row.users).date
        return sorted({rows[0].date, most, rows[-1].date})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "cases": self.n_cases,
            "brought": dict(self.brought),
            "days": [_plain(asdict(row)) for row in self.days],
            "parts": [_plain(asdict(row)) for row in self.parts],
        }


def last_day(result: CampaignResult) -> dict[str, Any]:
    """The last day with all measures, and recall then with random users and with no measure."""
    every, random, none = (result.of(arm)[-1] for arm in result.arms[:3])
    return {
        "day": every.date,
        **{name: number_of(every, name) for name in DAY_NUMBERS},
        "recall_at_random": random.recall,
        "recall_no_measure": none.recall,
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        k: v.isoformat() if isinstance(v, dt.date) else list(v) if isinstance(v, tuple) else v
        for k, v in row.items()
    }
