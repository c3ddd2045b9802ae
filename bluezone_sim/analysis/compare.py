"""Two runs or sweeps side by side: what differs, and what is only chance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..tables.levels import same_level
from ..tables.metrics import COMPARED, names_of, number_of, to_json
from ..tables.stages import OUTCOMES
from .arms import Arm, Difference, label_of, paired
from .campaign_arms import CampaignArm, campaign_differences, campaign_of, changes_levels
from .criteria import Verdict, judge
from .dyads import Dyads, Fixed
from .result import RunResult
from .statistics import Mean

if TYPE_CHECKING:
    from ..scenario.model import Scenario
    from ..tables.rows import Outcomes
    from .sweep import SweepResult


_A = TypeVar("_A", Arm, CampaignArm)


@dataclass(frozen=True)
class Comparison:
    """B less A.

    Attributes:
        arms: arms of both that belong together, A's then B's; of those that differ in their campaign
            or epidemic alone, the first.
        differences: by arm, level and metric; intervals are paired by seed, or by case for two runs.
        campaigns: those of the arms, A's then B's; empty where one of both has none.
        verdicts: B's criteria (A's where B has none).
    """

    arms: tuple[tuple[Arm, Arm], ...]
    differences: list[Difference]
    campaigns: tuple[tuple[CampaignArm, CampaignArm], ...]
    verdicts: list[Verdict]

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim compare --json`` prints."""
        return {
            "arms": [
                {
                    "a": dict(a.values),
                    "b": dict(b.values),
                    "rules": {"a": a.rule, "b": b.rule},
                    "levels": [
                        {"a": to_json(x), "b": to_json(y)}
                        for x in a.metrics
                        for y in b.metrics
                        if same_level(x, y)
                    ],
                }
                for a, b in self.arms
            ],
            "differences": [asdict(d) for d in self.differences],
            "campaign": [
                {**asdict(d), "date": d.date.isoformat()}
                for pair in self.campaigns
                for d in campaign_differences(*pair)
            ],
            "expect": [asdict(v) for v in self.verdicts],
        }


def arm_of(result: RunResult) -> Arm:
    """A run as an arm of one seed; its intervals stay those of the run."""
    levels = sorted(result.metrics, key=lambda m: m.users)
    names = [n for n in names_of(levels) if not ("_ci95_" in n or n.startswith("lost_"))]
    return Arm(
        label=_short(result),
        rule=result.scenario.rule.name,
        values={},
        seeds=(result.seed,),
        metrics=type(result.metrics)(levels),
        recall_sd=(None,) * len(levels),
        by_seed={
            name: np.array([[np.nan if (v := number_of(m, name)) is None else v] for m in levels])
            for name in names
        },
    )


def _short(result: RunResult) -> str:
    """Protocol and rule, as sweeps label their arms."""
    protocol = result.scenario.protocol.name
    return label_of({"protocol.name": protocol}, result.scenario.rule.name)


def compare(a: RunResult | SweepResult, b: RunResult | SweepResult) -> Comparison:
    """Sets B beside A.

    Raises:
        InputError: they have no arm or no level in common.
    """
    both = _together(_arms(a), _arms(b))
    differences: list[Difference] = []
    levels = list({_stationary(x) + _stationary(y): (x, y) for x, y in reversed(both)}.values())[
        ::-1
    ]
    for first, second in levels:
        differences += paired(first, replace(second, label=arms_label(first, second)), COMPARED)
    if isinstance(a, RunResult) and isinstance(b, RunResult):
        differences = [_by_case(a, b, d) for d in differences]
    judged = b.scenario if b.scenario.expect else a.scenario
    campaigns = _campaigns(a, b)
    if not differences and not campaigns:
        raise InputError("they have no adoption level in common")
    verdicts = judge(
        judged,
        [y for _, y in both],
        [x for x, _ in both],
        campaigns=[y for _, y in campaigns],
        campaigns_base=[x for x, _ in campaigns],
    )
    return Comparison(tuple(levels), differences, campaigns, verdicts)


def _stationary(arm: Arm) -> tuple[str, ...]:
    """What an arm's levels depend on."""
    return tuple(repr((k, v)) for k, v in arm.values.items() if changes_levels(k))


def arms_label(a: Arm | CampaignArm, b: Arm | CampaignArm) -> str:
    """Name of two arms that are compared."""
    return b.label if b.label == a.label else f"{b.label} / {a.label}"


def _campaigns(
    a: RunResult | SweepResult, b: RunResult | SweepResult
) -> tuple[tuple[CampaignArm, CampaignArm], ...]:
    mine, other = campaigns_in(a), campaigns_in(b)
    if not mine or not other:
        return ()
    both = _together(mine, other)
    return tuple((x, replace(y, label=arms_label(x, y))) for x, y in both)


def changes(a: Scenario, b: Scenario) -> list[tuple[str, str, str]]:
    """Keys in which two scenarios differ, with the value of each; those of neither's numbers left out."""
    one, other = (_leaves(s.model_dump(mode="json", exclude=_NO_NUMBERS)) for s in (a, b))
    keys = [key for key in one | other if one.get(key) != other.get(key)]
    return [(key, _told(one.get(key)), _told(other.get(key))) for key in keys]


_NO_NUMBERS = {"name", "title", "sweep", "expect", "limits"}


def _leaves(raw: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in raw.items():
        full = f"{path}{key}"
        out |= _leaves(value, f"{full}.") if isinstance(value, dict) else {full: value}
    return out


def _told(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def campaigns_in(of: RunResult | SweepResult) -> Sequence[CampaignArm]:
    """Campaigns of a run or sweep, an arm each; empty without."""
    if not isinstance(of, RunResult):
        return of.campaigns
    if of.campaign is None:
        return []
    return [campaign_of(of.campaign, _short(of), of.seed)]


def _arms(of: RunResult | SweepResult) -> Sequence[Arm]:
    return [arm_of(of)] if isinstance(of, RunResult) else of.arms


def _together(a: Sequence[_A], b: Sequence[_A]) -> list[tuple[_A, _A]]:
    """Arms with the same values of the axes that vary in both; one that is fixed in both may differ."""

    def varies(key: str) -> bool:
        return any(len({repr(arm.values.get(key)) for arm in arms}) > 1 for arms in (a, b))

    keys = sorted({k for arm in (*a, *b) for k in arm.values if varies(k)})

    def key(arm: _A) -> tuple[str, ...]:
        return tuple(repr(arm.values.get(k)) for k in keys)

    known = {key(arm): arm for arm in a}
    both = [(known[key(arm)], arm) for arm in b if key(arm) in known]
    if not both:
        raise InputError(
            f"they have no arm in common: {', '.join(x.label for x in a)} against "
            f"{', '.join(x.label for x in b)}"
        )
    return both


def _by_case(a: RunResult, b: RunResult, difference: Difference) -> Difference:
    """Recall's difference with an interval over pairs, where both have the same pairs of one world."""
    if difference.metric != "recall":
        return difference
    tables = []
    for result in (a, b):
        (at,) = [
            i
            for i, m in enumerate(result.metrics)
            if abs(m.place - (difference.adoption_smartphones or 0.0)) < 1e-9
        ][:1]
        rows = result.outcomes.take(result.outcomes.level_index == at)
        tables.append(rows.take(np.lexsort((rows.other, rows.index_case))))
    x, y = tables
    same = (
        len(x) == len(y) > 0
        and np.array_equal(x.index_case, y.index_case)
        and np.array_equal(x.other, y.other)
    )
    if not same or a.n_f0 != b.n_f0:
        return difference
    warned = OUTCOMES.index("warned")
    gain = (y.outcome == warned).astype(np.float64) - (x.outcome == warned)
    n_people = a.scenario.population.people
    ends = Dyads(x.index_case, x.other, n_people).difference(gain, Fixed(_cases(x, n_people)))
    found = difference.difference
    return replace(difference, difference=Mean(found.mean, ends, None, found.n))


def _cases(pairs: Outcomes, n_people: int) -> NDArray[np.bool_]:
    out = np.zeros(n_people, np.bool_)
    out[pairs.index_case] = True
    return out
