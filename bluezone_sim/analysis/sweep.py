"""What a sweep gives: arms, each a level or more over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..scenario.by_protocol import rule_in_words
from ..scenario.model import Scenario
from ..scenario.schema.experiment import SweepTable
from ..tables.metrics import to_json
from .arms import Arms, Difference, arms_of, differences
from .campaign_arms import (
    MEANS,
    CampaignArm,
    CampaignDifference,
    campaign_differences,
    campaigns_of,
    changes_levels,
)
from .epidemic.points import EpidemicPoints, points_of

if TYPE_CHECKING:
    from ..tables.rows import Histogram


@dataclass(frozen=True, eq=False)
class SweepResult:
    """What a sweep gave.

    Attributes:
        scenario: what the grid changed.
        axes: dotted key to its values, in order.
        table: ``pyarrow.Table``, a row a task: id, axes, seed, metrics.
        campaign: ``pyarrow.Table``, a row a point, seed, arm of the campaign and day; None without one.
        epidemic: ``pyarrow.Table``, a row a point, seed and arm of the epidemic; None without one.
        histograms: distributions by arm, summed over its seeds, at the highest level.
        path: its directory, None where nothing was kept.
        about: how it was made: versions, simulations, core-seconds, memory.
    """

    scenario: Scenario
    axes: Mapping[str, tuple[Any, ...]]
    table: Any
    campaign: Any
    epidemic: Any
    histograms: Mapping[str, tuple[Histogram, ...]]
    path: Path | None
    about: Mapping[str, Any]

    @cached_property
    def arms(self) -> Arms:
        """Points of the grid, means over seeds; ``.to_pandas()`` gives a row an arm and level."""
        return arms_of(self.table, self.axes)

    @cached_property
    def stationary(self) -> Arms:
        """The arms that differ at adoption levels: those that differ in their campaign or
        epidemic alone are one."""
        axes = {k: v for k, v in self.axes.items() if changes_levels(k)}
        return self.arms if len(axes) == len(self.axes) else arms_of(self.table, axes)

    @cached_property
    def differences(self) -> list[Difference]:
        """Every one of :attr:`stationary` less the first, at every level, paired by seed."""
        return differences(self.stationary)

    @cached_property
    def campaigns(self) -> tuple[CampaignArm, ...]:
        """Points of the grid with their campaigns, day by day over seeds; empty without a campaign."""
        return campaigns_of(self.campaign, self.axes)

    @cached_property
    def campaign_differences(self) -> list[CampaignDifference]:
        """Every arm's campaign less the first's, by day, paired by seed."""
        first = self.campaigns[:1]
        return [d for a in self.campaigns[1:] for d in campaign_differences(first[0], a)]

    @cached_property
    def epidemics(self) -> EpidemicPoints:
        """Points of the grid with their epidemics, each arm over seeds; empty without an epidemic.

        Its ``to_pandas`` has a row a point and arm.
        """
        return points_of(self.epidemic, self.axes)

    @property
    def half_width(self) -> float:
        """How far the interval of mean recall may reach where seeds are counted, as a share of it."""
        return (self.scenario.sweep or SweepTable()).half_width

    def headline(self) -> str:
        """What was run, in one line."""
        n_seeds = len({s for arm in self.arms for s in arm.seeds})
        n_runs = sum(len(arm.seeds) for arm in self.arms)
        return (
            f"{self.scenario.name}: {len(self.table):,} results from {_count(n_runs, 'simulation')} "
            f"({_count(len(self.arms), 'arm')}, {_count(n_seeds, 'seed')}), "
            f"{self.scenario.population.people:,} people; {self.system}"
        )

    @property
    def system(self) -> str:
        """Protocol and rule, where all arms have the same; else the rules."""
        rules = list(dict.fromkeys(arm.rule for arm in self.arms))
        if len(rules) == 1 and not {"protocol.name", "rule.name"} & self.axes.keys():
            return f"{self.scenario.protocol.name}, {rule_in_words(self.scenario)}"
        return f"rule{'s' if len(rules) > 1 else ''} {', '.join(rules)}"

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``, a row a task."""
        return self.table

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` of :meth:`to_arrow`; needs pandas."""
        return self.table.to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` of :meth:`to_arrow`; needs polars."""
        import polars

        return polars.from_arrow(self.table)

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim sweep --json`` prints: plain JSON types, None for null."""
        from dataclasses import asdict

        return {
            **self.about,
            "scenario": self.scenario.name,
            "axes": {key: list(values) for key, values in self.axes.items()},
            "tasks": len(self.table),
            "half_width": self.half_width,
            "arms": [
                {
                    "label": arm.label,
                    "values": dict(arm.values),
                    "rule": arm.rule,
                    "seeds": list(arm.seeds),
                    "levels": [to_json(level) for level in arm.metrics],
                    "seeds_needed": arm.seeds_for(self.half_width),
                }
                for arm in self.arms
            ],
            "differences": [asdict(d) for d in self.differences],
            "campaign": self._campaign(),
            "epidemic": self._epidemic(),
        }

    def _epidemic(self) -> dict[str, Any] | None:
        """By point of the grid, its arms over seeds, and means of how transmission was fitted."""
        from dataclasses import asdict

        if not self.epidemics:
            return None
        return {
            "points": [
                {
                    "label": point.label,
                    "values": dict(point.values),
                    "seeds": list(point.seeds),
                    "arms": [asdict(arm) for arm in point.arms],
                    "transmission": {k: mean.mean for k, mean in point.transmission.items()},
                }
                for point in self.epidemics
            ]
        }

    def _campaign(self) -> dict[str, Any] | None:
        """Means by arm of the grid, arm of the campaign and day; and differences."""
        from dataclasses import asdict

        if not self.campaigns:
            return None
        return {
            "arms": [
                {
                    "label": arm.label,
                    "values": dict(arm.values),
                    "seeds": list(arm.seeds),
                    "days": [
                        {
                            "measures": measures,
                            "date": date.isoformat(),
                            **{n: asdict(arm.mean(n, date, measures)) for n in MEANS},
                        }
                        for measures in arm.measures
                        for date in arm.dates
                    ],
                }
                for arm in self.campaigns
            ],
            "differences": [
                {**asdict(d), "date": d.date.isoformat()} for d in self.campaign_differences
            ],
        }


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' if n != 1 else ''}"
