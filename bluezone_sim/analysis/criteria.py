"""Criteria of a scenario, judged."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import CriterionError
from ..scenario.dotted import SHORT
from ..tables.levels import same_level
from ..tables.metrics import METRICS, number_of
from ..tables.words import percent

if TYPE_CHECKING:
    from ..scenario.model import Scenario
    from ..scenario.schema.experiment import Criterion
    from ..tables.levels import LevelMetrics
    from .arms import Arm
    from .campaign_arms import CampaignArm

#: Slack of a bound, so that a number that is printed as the bound keeps it.
_SLACK = 1e-12


@dataclass(frozen=True)
class Verdict:
    """A criterion applied to one arm and level.

    Attributes:
        metric, arm: what was judged.
        adoption: the level, as a share of smartphone owners; None where there is no such level.
        date: the day of the campaign; None where a level was judged.
        value: the metric; None where undefined.
        change: over the first of two that are compared; None otherwise.
        expected: the bounds, in words.
        passed: all of them are kept.
    """

    metric: str
    arm: str
    adoption: float | None
    value: float | None
    change: float | None
    expected: str
    passed: bool
    date: str | None = None

    def __str__(self) -> str:
        verdict = "kept" if self.passed else "MISSED"
        metric = METRICS.get(self.metric)
        if self.adoption is None:
            what = "level or arm" if self.date is None else "day or arm"
            return f"{verdict}: {metric.title} of {self.arm}: there is no such {what}"
        change = "" if self.change is None else f" ({metric.unit.change(self.change)})"
        on = "" if self.date is None else f" on {self.date}"
        return (
            f"{verdict}: {metric.title}{on} at {percent(self.adoption)} of phones, {self.arm}: "
            f"{metric.unit.told(self.value)}{change}, expected {self.expected}"
        )


def judge(
    scenario: Scenario,
    arms: Sequence[Arm],
    base: Sequence[Arm] | None = None,
    *,
    campaigns: Sequence[CampaignArm] = (),
    campaigns_base: Sequence[CampaignArm] = (),
) -> list[Verdict]:
    """Applies a scenario's criteria.

    Args:
        scenario: its ``[[expect]]``.
        arms: what is judged: one arm for a run, the arms of a sweep.
        base: what it is compared with, arm by arm; without it the bounds on changes are left out.
        campaigns: of the arms, where the scenario has one.
        campaigns_base: what they are compared with, arm by arm.
    """
    out = []
    for criterion in scenario.expect or ():
        bounds = _bounds(criterion, compared=base is not None)
        if not bounds:
            continue
        day = None if criterion.date is None else criterion.date.isoformat()
        if criterion.date is None:
            found = list(_of(criterion, scenario, arms, base))
        else:
            found = list(_on(criterion, scenario, campaigns, campaigns_base))
        for label, adoption, value, earlier in found:
            change = None if value is None or earlier is None else value - earlier
            kept = value is not None and all(
                _keeps(name, bound, value, change) for name, bound in bounds.items()
            )
            out.append(
                Verdict(
                    criterion.metric,
                    label,
                    adoption,
                    value,
                    change,
                    _in_words(criterion.metric, bounds),
                    kept,
                    day,
                )
            )
        if not found and criterion.where and not any(arm.values for arm in arms):
            continue  # a run is not the arm that it is about
        if not found:
            label = ", ".join(f"{k} = {v}" for k, v in criterion.where.items()) or "any arm"
            out.append(
                Verdict(
                    criterion.metric,
                    label,
                    None,
                    None,
                    None,
                    _in_words(criterion.metric, bounds),
                    False,
                    day,
                )
            )
    return out


def require(verdicts: Sequence[Verdict]) -> None:
    """Raises CriterionError, which names each, if any was missed."""
    missed = [v for v in verdicts if not v.passed]
    if missed:
        lines = "\n".join(f"  - {str(v).removeprefix('MISSED: ')}" for v in missed)
        raise CriterionError(f"{len(missed)} of {len(verdicts)} criteria missed\n{lines}")


def _bounds(criterion: Criterion, *, compared: bool) -> dict[str, float]:
    names = ["at_least", "at_most"] + (["fall_at_most", "rise_at_most"] if compared else [])
    return {n: bound for n in names if (bound := getattr(criterion, n)) is not None}


def _keeps(name: str, bound: float, value: float, change: float | None) -> bool:
    if name == "at_least":
        return value >= bound - _SLACK
    if name == "at_most":
        return value <= bound + _SLACK
    if change is None:
        return False
    return (-change if name == "fall_at_most" else change) <= bound + _SLACK


def _in_words(metric: str, bounds: dict[str, float]) -> str:
    unit = METRICS.get(metric).unit
    return " and ".join(
        f"{name.replace('_', ' ')} "
        + (unit.change(bound).removeprefix("+") if name.endswith("_at_most") else unit.told(bound))
        for name, bound in bounds.items()
    )


#: An arm's label, its users as a share of smartphone owners, the number, and that compared with.
_Found = tuple[str, float | None, float | None, float | None]


def _of(
    criterion: Criterion, scenario: Scenario, arms: Sequence[Arm], base: Sequence[Arm] | None
) -> Iterator[_Found]:
    """Numbers of the arms and levels that a criterion is about."""
    for i, arm in enumerate(arms):
        if not _is_arm(criterion, arm.values, scenario):
            continue
        for level in arm.metrics:
            if not _is_level(criterion, level):
                continue
            earlier = None
            if base is not None:
                before = next((m for m in base[i].metrics if same_level(m, level)), None)
                earlier = None if before is None else number_of(before, criterion.metric)
            value = number_of(level, criterion.metric)
            yield arm.label, level.place, value, earlier


def _on(
    criterion: Criterion,
    scenario: Scenario,
    arms: Sequence[CampaignArm],
    base: Sequence[CampaignArm],
) -> Iterator[_Found]:
    """Numbers of the arms on the day that a criterion is about."""
    date, name = criterion.date, criterion.metric
    assert date is not None
    for i, arm in enumerate(arms):
        if _is_arm(criterion, arm.values, scenario) and date in arm.dates:
            earlier = base[i].number(name, date) if base and date in base[i].dates else None
            yield (
                arm.label,
                arm.number("adoption_smartphones", date),
                arm.number(name, date),
                earlier,
            )


def _is_arm(criterion: Criterion, values: Mapping[str, Any], scenario: Scenario) -> bool:
    """Of what is no axis of its sweep, an arm has the scenario's own value."""
    from ..scenario.dotted import value_at

    where = {SHORT.get(key, key): _as_axis(value) for key, value in criterion.where.items()}
    return all(
        (values[key] if key in values else value_at(scenario, key)) == value
        for key, value in where.items()
    )


def _as_axis(value: Any) -> Any:
    """A value as the axes of a sweep have it: dates as text, lists and tables as JSON."""
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value, sort_keys=True, default=str)


def _is_level(criterion: Criterion, level: LevelMetrics) -> bool:
    if criterion.users is not None:
        return level.users == criterion.users
    if criterion.adoption is None:
        return True
    if not level.adoption_smartphones:
        return criterion.adoption == 0 or level.users == 0
    owners = round(level.users / level.adoption_smartphones)
    return round(criterion.adoption * owners) == level.users
