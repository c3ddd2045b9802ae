"""What the app finds at each adoption level, and where the rest is lost."""

from __future__ import annotations

from collections.abc import Sequence

from .levels import LevelMetrics
from .metrics import METRICS, interval_column
from .stages import OUTCOMES, STAGES
from .table import Column, Table
from .words import Unit, percent, share

NOTES = (
    "both have app, recorded, recall: shares of risky pairs. a': both have app for two people drawn at "
    "random. days: median from the midnight before the first contact held to the warning."
)
_MAIN = (
    "users",
    "adoption_people",
    "adoption_smartphones",
    "share_both_have_app",
    "share_both_have_app_expected",
    "share_recorded",
    "recall",
    "recall_ci95",
    "precision",
    "n_warned_f1",
    "n_warned_f2",
    "days_contact_to_warning_p50",
)


def columns(names: Sequence[str], heads: Sequence[str] = ()) -> tuple[Column, ...]:
    """Columns of metrics; ``…_ci95`` is the interval of one.

    Args:
        names: of metrics, or of fields of a row that hold an interval.
        heads: their own where the table is narrow.
    """
    out = []
    for i, name in enumerate(names):
        head = heads[i] if heads else ""
        if name.endswith("_ci95"):
            unit = METRICS.get(name.removesuffix("_ci95")).unit
            out.append(interval_column(head or "95 %", unit))
        elif name in METRICS:
            out.append(METRICS.get(name).column(head))
        else:  # of a package that is not installed any more
            out.append(Column(head or name, Unit("").cell, name))
    return tuple(out)


#: Where a person stands between match and warning, before those who are warned.
_PERSON = ("n_matched_f1", "n_confirmed_f1")


def levels_table(levels: Sequence[LevelMetrics], system: str = "") -> Table:
    """A row a level: what the app finds.

    Args:
        levels: of a run.
        system: protocol and rule.
    """
    person = _PERSON if any(level.n_matched_f1 is not None for level in levels) else ()
    at = _MAIN.index("n_warned_f1")
    others = tuple(name for level in levels[:1] for name in level.others)
    names = (*_MAIN[:at], *person, *_MAIN[at:], *others)
    heads = columns(names, ["95 %\ninterval" if name == "recall_ci95" else "" for name in names])
    rows = tuple(tuple(_value(level, name) for name in names) for level in levels)
    title = f"What the app finds ({system})" if system else "What the app finds"
    return Table(title, heads, rows, NOTES)


def _value(level: LevelMetrics, name: str) -> object:
    return level.others[name] if name in level.others else getattr(level, name)


def waterfall_table(levels: Sequence[LevelMetrics]) -> Table:
    """A row a stage, a column a level: share of risky pairs lost there, then warned."""
    rows = tuple(
        (STAGES[stage], *(m.recall if stage == "warned" else m.lost.get(stage) for m in levels))
        for stage in OUTCOMES
    )
    heads = (
        Column("of risky pairs", left=True),
        *(Column(percent(m.adoption_smartphones), share) for m in levels),
    )
    return Table("Where risky pairs are lost (%), by share of smartphones", heads, rows)
