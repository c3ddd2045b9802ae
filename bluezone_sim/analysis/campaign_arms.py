"""Campaigns over seeds: by arm of the grid, what is found on each day, and differences paired by seed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tables.metrics import COMPARED_DAYS, DAY_NUMBERS, number_of
from .arms import label_of, or_nan, order_of
from .campaign import CampaignResult
from .statistics import Mean, mean_of, paired_mean, range_of

#: Numbers of a day of which means over seeds are told: all but the ends of a run's own interval.
MEANS = tuple(name for name in DAY_NUMBERS if not name.startswith("recall_ci95"))


def changes_levels(axis: str) -> bool:
    """Whether an axis can change an adoption level, and not the campaign or the epidemic alone."""
    return axis.partition(".")[0] not in ("campaign", "epidemic")


@dataclass(frozen=True)
class CampaignArm:
    """The campaign at one point of the grid, over all its seeds.

    Attributes:
        label, values: of the point, as in :class:`Arm`.
        seeds: ascending.
        measures: "all measures", "at random", "no measure", and "without" one of them.
        dates: local days.
        by_seed: by measures and name of the number, ``float64[dates, seeds]``, NaN where undefined.
    """

    label: str
    values: Mapping[str, Any]
    seeds: tuple[int, ...]
    measures: tuple[str, ...]
    dates: tuple[dt.date, ...]
    by_seed: Mapping[tuple[str, str], NDArray[np.float64]]

    def mean(self, name: str, date: dt.date, measures: str | None = None) -> Mean:
        """A number of a day over the seeds; by default with all measures."""
        rows = self.by_seed[measures or self.measures[0], name]
        return mean_of(rows[self.dates.index(date)], range_of(name))

    def number(self, name: str, date: dt.date) -> float | None:
        """A number of a day with all measures: its mean, and its interval over seeds if they are many."""
        if name.startswith("recall_ci95") and len(self.seeds) > 1:
            ends = self.mean("recall", date).ci95
            return None if ends is None else ends[name.endswith("_hi")]
        return self.mean(name, date).mean

    def key_dates(self) -> list[dt.date]:
        """First day, the day with most users, last day."""
        users = self.by_seed[self.measures[0], "users"].mean(axis=1)
        return sorted({self.dates[0], self.dates[int(np.argmax(users))], self.dates[-1]})

    def less(
        self, name: str, date: dt.date, base: CampaignArm, measures: tuple[str, str] | None = None
    ) -> Mean:
        """A number less that of ``base`` on the same day, paired by seed where both have one.

        Args:
            name: of the number.
            date: which both have.
            base: another arm, or this one.
            measures: of this and of the other; by default all measures.
        """
        mine, other = measures or (self.measures[0], base.measures[0])
        return paired_mean(
            dict(zip(self.seeds, self.by_seed[mine, name][self.dates.index(date)], strict=True)),
            dict(zip(base.seeds, base.by_seed[other, name][base.dates.index(date)], strict=True)),
            range_of(name, difference=True),
        )


@dataclass(frozen=True)
class CampaignDifference:
    """One arm less another on one day with all measures, paired by seed."""

    arm: str
    base: str
    date: dt.date
    metric: str
    difference: Mean


def campaign_differences(base: CampaignArm, arm: CampaignArm) -> list[CampaignDifference]:
    """``arm`` less ``base`` on every day that both have."""
    return [
        CampaignDifference(arm.label, base.label, date, name, arm.less(name, date, base))
        for date in arm.dates
        if date in base.dates
        for name in COMPARED_DAYS
    ]


def campaigns_of(table: Any, axes: Mapping[str, Sequence[Any]]) -> tuple[CampaignArm, ...]:
    """Arms in the order of the axes' values.

    Args:
        table: a row a day, from :func:`.work.days`, of any number of seeds; None without campaigns.
        axes: dotted key to its values.
    """
    if table is None:
        return ()
    groups: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    at = order_of(axes)
    for row in table.to_pylist():
        groups.setdefault(at(row), []).append(row)
    arms = []
    for rows in (groups[k] for k in sorted(groups)):
        values = {key: rows[0][key] for key in axes}
        arms.append(_arm(values, rows, label_of(values, rows[0].get("rule", ""))))
    return tuple(arms)


def campaign_of(result: CampaignResult, label: str, seed: int) -> CampaignArm:
    """A run's campaign as an arm of one seed."""
    rows = (
        {
            "measures": row.arm,
            "day": row.date,
            "seed": seed,
            **{name: number_of(row, name) for name in DAY_NUMBERS},
        }
        for row in result.days
    )
    return _arm({}, rows, label)


def _arm(values: Mapping[str, Any], rows: Iterable[dict[str, Any]], label: str) -> CampaignArm:
    at = {(row["measures"], row["day"], row["seed"]): row for row in rows}
    measures, dates, seeds = (tuple(dict.fromkeys(key[i] for key in at)) for i in range(3))
    dates, seeds = tuple(sorted(dates)), tuple(sorted(seeds))
    numbers = {
        (arm, name): np.array(
            [[or_nan(at.get((arm, date, seed), {}).get(name)) for seed in seeds] for date in dates]
        )
        for arm in measures
        for name in DAY_NUMBERS
    }
    return CampaignArm(
        label=label,
        values=values,
        seeds=seeds,
        measures=measures,
        dates=dates,
        by_seed=numbers,
    )


def curves(arms: Sequence[CampaignArm]) -> list[tuple[str, str, CampaignArm]]:
    """What the chart has a line for: its name, the measures and the arm."""
    if len(arms) == 1:
        return [(measures, measures, arms[0]) for measures in arms[0].measures]
    return [(arm.label, arm.measures[0], arm) for arm in arms]
