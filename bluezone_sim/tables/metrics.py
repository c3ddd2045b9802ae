"""Metrics: every number of a level or a day by name, what it is called and how it is told.

The built-in ones are read from a row; those that packages bring (entry points ``bluezone_sim.metrics``)
are measured of each level of a run, and stand behind the built-in columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..registry import Registry
from .levels import CampaignDay, LevelMetrics
from .platforms import PAIRS, in_words, split
from .stages import OUTCOMES, STAGES
from .table import Column
from .words import DAYS, HOURS, PEOPLE, PER_CASE, RATIO, SHARE, Interval, Unit

if TYPE_CHECKING:
    from .rows import Outcomes

_ENDS = ("_lo", "_hi")


@dataclass(frozen=True)
class LevelFound:
    """What a metric from outside is measured of: one adoption level of a run.

    Attributes:
        level: the built-in metrics.
        outcomes: of the level's risky pairs.
        n_cases: index cases.
    """

    level: LevelMetrics
    outcomes: Outcomes
    n_cases: int


@dataclass(frozen=True)
class Metric:
    """A number.

    Attributes:
        name: in columns of files, in JSON and in criteria.
        title: in words.
        head: of a column, broken into lines.
        unit: how it is told.
        better: "higher", "lower", or "" where neither is.
        of: rows that have it, "level", "day" or both.
        compared: rows for which differences between arms are told.
        measure: of one from outside, a level to its value; None where it is not defined.
    """

    name: str
    title: str
    head: str
    unit: Unit
    better: Literal["higher", "lower", ""] = ""
    of: tuple[str, ...] = ("level",)
    compared: tuple[str, ...] = ()
    measure: Callable[[LevelFound], float | None] | None = None

    def value(self, row: LevelMetrics | CampaignDay) -> float | None:
        """Of a row; None where undefined."""
        return number_of(row, self.name)

    def column(self, head: str = "") -> Column:
        """A column of its values, under a head of its own where a table is narrow."""
        return Column(head or self.head, self.unit.cell, self.name)


def interval_column(head: str = "95 %", unit: Unit = SHARE) -> Column:
    """A column of intervals, by default of shares."""
    return Column(head, unit.interval)


_BOTH = ("level", "day")
_SHIPPED = (
    Metric("users", "users", "users", PEOPLE, of=_BOTH),
    Metric("adoption_people", "users of all people", "of\npeople\n%", SHARE),
    Metric(
        "adoption_smartphones", "users of smartphone owners", "of\nphones\n%", SHARE,
        of=_BOTH, compared=("day",),
    ),
    Metric("share_both_have_app", "both have app", "both\nhave\napp %", SHARE, "higher", _BOTH),
    Metric(
        "share_both_have_app_expected", "both have app, two people at random", "a'\n%", SHARE
    ),
    Metric("share_recorded", "recorded", "recorded\n%", SHARE, "higher"),
    Metric("recall", "recall", "recall\n%", SHARE, "higher", _BOTH, _BOTH),
    Metric("precision", "precision", "precision\n%", SHARE, "higher", _BOTH, _BOTH),
    Metric("n_warned_f1", "F1 per case", "F1 per\ncase", PER_CASE, of=_BOTH, compared=_BOTH),
    Metric("n_warned_f2", "F2 per case", "F2 per\ncase", PER_CASE, compared=("level",)),
    Metric("n_matched_f1", "matched per case", "matched\nper case", PER_CASE),
    Metric("n_confirmed_f1", "confirmed per case", "confirmed\nper case", PER_CASE),
    Metric("n_f2_per_f1", "F2 per F1", "F2 per\nF1", RATIO),
    Metric("share_in_reach", "in reach", "in reach\n%", SHARE, "higher", _BOTH),
    Metric(
        "hours_to_warning_p50", "hours from publication to warning", "hours to\nwarning", HOURS, "lower",
    ),
    Metric(
        "days_contact_to_warning_p50", "days from contact to warning", "days to\nwarning", DAYS,
        "lower", _BOTH, ("level",),
    ),
    Metric("share_both_have_app_ci95_lo", "both have app, lower end", "95 %\nlower", SHARE),
    Metric("share_both_have_app_ci95_hi", "both have app, upper end", "95 %\nupper", SHARE),
    Metric("recall_ci95_lo", "recall, lower end", "95 %\nlower", SHARE, of=_BOTH),
    Metric("recall_ci95_hi", "recall, upper end", "95 %\nupper", SHARE, of=_BOTH),
    Metric("precision_ci95_lo", "precision, lower end", "95 %\nlower", SHARE),
    Metric("precision_ci95_hi", "precision, upper end", "95 %\nupper", SHARE),
    Metric("n_warned_f2_ci95_lo", "F2 per case, lower end", "95 %\nlower", PER_CASE),
    Metric("n_warned_f2_ci95_hi", "F2 per case, upper end", "95 %\nupper", PER_CASE),
    *(
        Metric(f"lost_{stage}", f"lost: {STAGES[stage]}", STAGES[stage], SHARE, "lower")
        for stage in OUTCOMES[:-1]
    ),
    *(
        replace(metric, name=f"{metric.name}_{case}_{other}", title=f"{metric.title}, {where}")
        for case, other in PAIRS
        for where in [in_words(case, other)]
        for metric in (
            Metric("n_risky_pairs", "risky pairs", "risky\npairs", PEOPLE),
            Metric("share_both_have_app", "both have app", "both\nhave\napp %", SHARE, "higher"),
            Metric("share_recorded", "recorded", "recorded\n%", SHARE, "higher"),
            Metric("recall", "recall", "recall\n%", SHARE, "higher"),
            *(
                Metric(f"lost_{stage}", f"lost: {STAGES[stage]}", STAGES[stage], SHARE, "lower")
                for stage in OUTCOMES[:-1]
            ),
        )
    ),
    Metric("square_law", "two people at random both have the app", "a'\n%", SHARE, of=("day",)),
)  # fmt: skip

#: All of them by name.
METRICS: Registry[Metric] = Registry(
    "bluezone_sim.metrics",
    "metric",
    "bluezone_sim.tables.metrics:Metric",
    {metric.name: metric for metric in _SHIPPED},
    "`bluezone-sim list --metrics`",
)

#: The built-in numbers of a level, in the order of columns: an interval is ``_lo`` and ``_hi``, a stage
#: ``lost_…``.
NUMBERS = tuple(metric.name for metric in _SHIPPED if "level" in metric.of)
#: The same of a day.
DAY_NUMBERS = (
    *(n for n in CampaignDay.__dataclass_fields__ if n not in ("arm", "date", "recall_ci95")),
    "recall_ci95_lo",
    "recall_ci95_hi",
)
#: Those of which differences between arms are told, of levels and of days.
COMPARED, COMPARED_DAYS = (
    tuple(metric.name for metric in _SHIPPED if row in metric.compared) for row in _BOTH
)


def level_names() -> tuple[str, ...]:
    """Every number of a level, those that packages bring behind the rest.

    Raises:
        InputError: two packages bring one name.
    """
    return (*NUMBERS, *METRICS.outside())


def names_of(levels: Sequence[LevelMetrics]) -> tuple[str, ...]:
    """Numbers that these levels have, whether or not the packages that brought them are still there."""
    return (*NUMBERS, *dict.fromkeys(name for level in levels for name in level.others))


def number_of(row: LevelMetrics | CampaignDay, name: str) -> float | None:
    """A number of a level or a day by name; None where undefined."""
    if isinstance(row, LevelMetrics):
        if name in row.others:
            return row.others[name]
        if (of := split(name)) is not None:
            stem, which = of
            pair = next((p for p in row.platforms if (p.case, p.other) == which), None)
            return None if pair is None else pair.number(stem)
        if name.startswith("lost_"):
            return row.lost[name.removeprefix("lost_")]
    if not name.endswith(_ENDS):
        value: float | None = getattr(row, name, None)
        return value
    ends: Interval | None = getattr(row, name[:-3])
    return None if ends is None else ends[_ENDS.index(name[-3:])]


def to_json(level: LevelMetrics) -> dict[str, Any]:
    """A level as JSON has it: metrics of packages beside the built-in ones."""
    out = {name: getattr(level, name) for name in LevelMetrics.__dataclass_fields__}
    out |= out.pop("others")
    out["platforms"] = [asdict(pair) for pair in level.platforms]
    return out
