"""Criteria of a scenario, judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import CriterionError
from ..scenario.checks_asked import SHORT
from .level import number_of
from .text import METRICS, percent, same_level, value_of

if TYPE_CHECKING:
    from ..scenario.experiment import Criterion
    from ..scenario.model import Scenario
    from ..sweeping.summary import Arm
    from .level import LevelMetrics

#: Slack of a bound, so that a number that is printed as the bound keeps it.
_SLACK = 1e-12


@dataclass(frozen=True)
class Verdict:
    """A criterion applied to one arm and level.

    Attributes:
        metric, arm: what was judged.
        adoption: the level, as a share of smartphone owners; None where there is no such level.
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

    def __str__(self) -> str:
        verdict = "kept" if self.passed else "MISSED"
        if self.adoption is None:
            return f"{verdict}: {METRICS[self.metric]} of {self.arm}: there is no such level or arm"
        change = (
            "" if self.change is None else f" ({value_of(self.metric, self.change, sign=True)})"
        )
        return (
            f"{verdict}: {METRICS[self.metric]} at {percent(self.adoption)} of phones, {self.arm}: "
            f"{value_of(self.metric, self.value)}{change}, expected {self.expected}"
        )


def judge(
    scenario: Scenario, arms: Sequence[Arm], base: Sequence[Arm] | None = None
) -> list[Verdict]:
    """Applies a scenario's criteria.

    Args:
        scenario: its ``[[expect]]``.
        arms: what is judged: one arm for a run, the arms of a sweep.
        base: what it is compared with, arm by arm; without it the bounds on changes are left out.
    """
    out = []
    for criterion in scenario.expect or ():
        bounds = _bounds(criterion, compared=base is not None)
        if not bounds:
            continue
        found = list(_of(criterion, scenario, arms, base))
        for arm, level, before in found:
            value = number_of(level, criterion.metric)
            earlier = None if before is None else number_of(before, criterion.metric)
            change = None if value is None or earlier is None else value - earlier
            kept = value is not None and all(
                _keeps(name, bound, value, change) for name, bound in bounds.items()
            )
            out.append(
                Verdict(
                    criterion.metric,
                    arm.label,
                    level.adoption_smartphones,
                    value,
                    change,
                    _in_words(criterion.metric, bounds),
                    kept,
                )
            )
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
    return " and ".join(
        f"{name.replace('_', ' ')} "
        + value_of(metric, bound, sign=name.endswith("_at_most")).removeprefix("+")
        for name, bound in bounds.items()
    )


def _of(
    criterion: Criterion, scenario: Scenario, arms: Sequence[Arm], base: Sequence[Arm] | None
) -> Iterator[tuple[Arm, LevelMetrics, LevelMetrics | None]]:
    """Arms and levels that a criterion is about, each with what it is compared with."""
    where = {SHORT.get(k, k): v for k, v in criterion.where.items()}
    for i, arm in enumerate(arms):
        if any(arm.values.get(k) != v for k, v in where.items()):
            continue
        for level in arm.metrics:
            if not _is_level(criterion, level):
                continue
            before: Any = None
            if base is not None:
                before = next((m for m in base[i].metrics if same_level(m, level)), None)
            yield arm, level, before


def _is_level(criterion: Criterion, level: LevelMetrics) -> bool:
    if criterion.users is not None:
        return level.users == criterion.users
    if criterion.adoption is None:
        return True
    if not level.adoption_smartphones:
        return criterion.adoption == 0 or level.users == 0
    owners = round(level.users / level.adoption_smartphones)
    return round(criterion.adoption * owners) == level.users
