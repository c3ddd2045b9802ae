"""Tables of runs, sweeps and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..analysis.compare import arms_label
from ..analysis.statistics import LEAST_CASES, seeds_for
from ..tables.level_tables import columns, levels_table
from ..tables.levels import LevelMetrics, same_level
from ..tables.metrics import METRICS
from ..tables.table import Column, Table
from ..tables.words import DASH, hundredths, interval, percent, share, whole

if TYPE_CHECKING:
    from ..analysis.arms import Arm, Difference
    from ..analysis.criteria import Verdict
    from ..analysis.result import RunResult
    from ..analysis.sweep import SweepResult

ARM = Column("arm", left=True)
PHONES = METRICS.get("adoption_smartphones").column()

_WARNED = {
    "adoption_smartphones": "of phones\n%",
    "share_in_reach": "risky pairs whose\nother runs it %",
    "recall": "",
    "precision": "",
    "n_warned_f1": "",
    "n_warned_f2": "",
    "n_warned_f2_ci95": "",
    "n_f2_per_f1": "",
    "days_contact_to_warning_p50": "days from\ncontact",
    "hours_to_warning_p50": "hours from\npublication",
}


def warned_table(levels: Sequence[LevelMetrics], n_cases: int, n_f2_cases: int) -> Table:
    """A row a level: whom a warning could reach, whom it reaches, when (medians).

    Args:
        levels: of a run.
        n_cases, n_f2_cases: index cases, and those of them that are followed to F2.
    """
    rows = tuple(tuple(getattr(m, name) for name in _WARNED) for m in levels)
    heads = columns(tuple(_WARNED), tuple(_WARNED.values()))
    note = f"F1 per case: of {n_cases:,} cases."
    if n_f2_cases:
        note += f" F2 per case: of the first {n_f2_cases:,} of them, with its 95 % interval."
    note += " Hours from publication repeat what the scenario assumes of uploads and downloads."
    return Table("Who is warned, and when", heads, rows, note)


def interval_words(result: RunResult) -> str:
    """What a run's intervals are of, and how they are made."""
    text = "95 % intervals are of the mean over worlds of the scenario"
    if result.everyone_is_a_case:
        text = (
            "Everyone is a case: the numbers of this population are certain. Their 95 % intervals are "
            "of the mean over worlds of the scenario"
        )
    text += f"; none with fewer than {LEAST_CASES} cases that have a risky pair."
    draws = result.scenario.radio.draws
    return f"{text} Those of recall hold {draws:,} draws of the radio." if draws else text


def main_table(result: RunResult) -> Table:
    """A run's levels, with what their intervals are of."""
    table = levels_table(result.metrics, result.system)
    return table.noted(f"{table.note} {interval_words(result)}")


def sweep_table(sweep: SweepResult) -> Table:
    """A row an arm and level: means over seeds."""
    names = ("precision", "n_warned_f1", "n_warned_f2", "days_contact_to_warning_p50")
    rows = []
    for arm in sweep.stationary:
        for i, (m, sd) in enumerate(zip(arm.metrics, arm.recall_sd, strict=True)):
            rows.append(
                (
                    arm.label if i == 0 else "",
                    arm.rule if i == 0 else "",
                    m.adoption_smartphones,
                    len(arm.seeds),
                    m.recall,
                    m.recall_ci95,
                    *(getattr(m, name) for name in names),
                    seeds_for(m.recall, sd, sweep.half_width),
                )
            )
    heads = (
        ARM,
        Column("rule", left=True),
        PHONES,
        Column("seeds", whole),
        METRICS.get("recall").column(),
        Column("95 %\nover seeds", interval),
        *columns(names),
        Column("seeds\nneeded", whole),
    )
    return Table(f"Means over seeds; {seeds_words(sweep)}", heads, tuple(rows))


def seeds_words(sweep: SweepResult) -> str:
    """What seeds needed are counted for."""
    return f"seeds needed for recall to within {100 * sweep.half_width:g} % of itself"


def differences_table(differences: Sequence[Difference], title: str | None = None) -> Table:
    """A row an arm and level: what it has over another."""
    told = {m: METRICS.get(m).unit for m in ("recall", "precision", "n_warned_f1")}
    found: dict[tuple[str, float | None], dict[str, list[str]]] = {}
    for d in differences:
        at = found.setdefault((d.arm, d.adoption_smartphones), {})
        if d.metric in told:
            unit = told[d.metric]
            mean = unit.change(d.difference.mean, unit=False)
            at[d.metric] = [mean, unit.ends(d.difference.ci95)]
    rows = []
    shown = None
    for (arm, adoption), cells in found.items():
        recall, precision, f1 = (cells.get(m, [DASH, DASH]) for m in told)
        rows.append(["" if arm == shown else arm, share(adoption), *recall, *precision, f1[0]])
        shown = arm
    heads = [
        "arm", "of\nphones\n%", "recall\npoints", "95 %", "precision\npoints", "95 %", "F1 per\ncase",
    ]  # fmt: skip
    title = title or f"Difference from {differences[0].base}, paired by seed"
    return Table.of_text(title, heads, rows, 1)


def compare_table(arms: Sequence[tuple[Arm, Arm]]) -> Table:
    """Two runs or sweeps side by side."""
    names = ("recall", "precision", "n_warned_f1", "n_warned_f2")
    heads = [ARM, PHONES]
    for name, head in zip(
        names, ("recall\n%", "precision\n%", "F1 per\ncase", "F2 per\ncase"), strict=True
    ):
        heads += [METRICS.get(name).column(f"{head}\n{side}") for side in "AB"]
    rows = []
    for a, b in arms:
        pairs = [(x, y) for y in b.metrics for x in a.metrics if same_level(x, y)]
        for i, both in enumerate(pairs):
            values = [getattr(m, name) for name in names for m in both]
            rows.append(("" if i else arms_label(a, b), both[1].adoption_smartphones, *values))
    return Table("Side by side", tuple(heads), tuple(rows))


def excess_table(levels: Sequence[LevelMetrics]) -> Table:
    """Share in which both have the app, over what two people drawn at random give."""
    rows = []
    for m in levels:
        seen, drawn = m.share_both_have_app, m.share_both_have_app_expected
        ratio = seen / drawn if seen is not None and drawn else None
        rows.append((m.adoption_smartphones, seen, m.share_both_have_app_ci95, drawn, ratio))
    heads = (
        Column("of phones", percent, left=True),
        Column("both have app", percent),
        Column("95 %", interval),
        Column("a'", percent),
        Column("ratio", hundredths),
    )
    return Table("Beside the square law", heads, tuple(rows))


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Criteria, a line each."""
    return ["What the scenario expects", *(f"  {v}" for v in verdicts)]
