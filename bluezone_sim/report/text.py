"""Results in words: the cells of the tables that the terminal, notebooks and the report show."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..analysis.words import ends_of, interval, number, percent, same_level, share, value_of
from ..tables.stages import OUTCOMES, STAGES

if TYPE_CHECKING:
    from ..analysis.arms import Arm, Difference
    from ..analysis.criteria import Verdict
    from ..analysis.sweep import Sweep
    from ..tables.metrics import LevelMetrics

#: Heads of the metrics table; shares are in percent.
COLUMNS = (
    "users",
    "of\npeople\n%",
    "of\nphones\n%",
    "both\nhave\napp %",
    "a'\n%",
    "recorded\n%",
    "recall\n%",
    "95 %\ninterval",
    "precision\n%",
    "F1 per\ncase",
    "F2 per\ncase",
    "hours to\nwarning",
)

#: Characters that the metrics table needs, and those of a sweep with arms of long names.
WIDTH, SWEEP_WIDTH = 104, 130

NOTES = (
    "both have app, recorded, recall: shares of risky pairs. a': both have app for two people drawn at "
    "random. hours: median from publication to warning."
)


def cells(level: LevelMetrics) -> list[str]:
    """One row of the metrics table; see :data:`COLUMNS`."""
    return [
        f"{level.users:,}",
        share(level.adoption_people),
        share(level.adoption_smartphones),
        share(level.share_both_have_app),
        share(level.share_both_have_app_expected),
        share(level.share_recorded),
        share(level.recall),
        interval(level.recall_ci95),
        share(level.precision),
        number(level.n_warned_f1, 2),
        number(level.n_warned_f2, 2),
        number(level.hours_to_warning_p50),
    ]


def waterfall_rows(metrics: Sequence[LevelMetrics]) -> list[list[str]]:
    """A row a stage, a column a level: share of risky pairs lost there, then warned."""
    rows = []
    for stage in OUTCOMES:
        at = [m.recall if stage == "warned" else m.lost.get(stage) for m in metrics]
        rows.append([STAGES[stage], *(share(v) for v in at)])
    return rows


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )
    for i, name in enumerate(header):
        table.add_column(name, justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def metrics_table(metrics: Sequence[LevelMetrics]) -> Any:
    """The main table, for rich."""
    return _table("What the app finds", COLUMNS, [cells(m) for m in metrics], 0)


def waterfall_table(metrics: Sequence[LevelMetrics]) -> Any:
    """Where risky pairs are lost, for rich."""
    header = ["of risky pairs", *(percent(m.adoption_smartphones) for m in metrics)]
    rows = waterfall_rows(metrics)
    return _table("Where risky pairs are lost (%), by share of smartphones", header, rows, 1)


SWEEP_COLUMNS = (
    "arm",
    "of\nphones\n%",
    "seeds",
    "recall\n%",
    "95 %\nover seeds",
    "precision\n%",
    "F1 per\ncase",
    "F2 per\ncase",
    "hours to\nwarning",
    "seeds\nneeded",
)


def sweep_rows(sweep: Sweep) -> list[list[str]]:
    """A row an arm and level; see :data:`SWEEP_COLUMNS`."""
    from ..analysis.statistics import seeds_for

    rows = []
    for arm in sweep.stationary:
        for i, (m, sd) in enumerate(zip(arm.metrics, arm.recall_sd, strict=True)):
            needed = seeds_for(sd, sweep.width)
            rows.append(
                [
                    arm.label if i == 0 else "",
                    share(m.adoption_smartphones),
                    f"{len(arm.seeds):,}",
                    share(m.recall),
                    interval(m.recall_ci95),
                    share(m.precision),
                    number(m.n_warned_f1, 2),
                    number(m.n_warned_f2, 2),
                    number(m.hours_to_warning_p50),
                    "–" if needed is None else f"{needed:,}",
                ]
            )
    return rows


def sweep_table(sweep: Sweep) -> Any:
    """Means over seeds, for rich."""
    title = f"Means over seeds; seeds needed for an interval of recall {100 * sweep.width:g} points wide"
    return _table(title, SWEEP_COLUMNS, sweep_rows(sweep), 1)


DIFFERENCE_COLUMNS = (
    "arm",
    "of\nphones\n%",
    "recall\npoints",
    "95 %",
    "precision\npoints",
    "95 %",
    "F1 per\ncase",
)


def difference_rows(differences: Sequence[Difference]) -> list[list[str]]:
    """A row an arm and level; see :data:`DIFFERENCE_COLUMNS`."""
    rows: dict[tuple[str, float], dict[str, list[str]]] = {}
    for d in differences:
        value = value_of(d.metric, d.difference.mean, sign=True).removesuffix(" points")
        at = rows.setdefault((d.arm, d.adoption_smartphones), {})
        at[d.metric] = [value, ends_of(d.metric, d.difference.ci95)]
    out: list[list[str]] = []
    shown = None
    for (arm, adoption), found in rows.items():
        cells_of = {m: found.get(m, ["–", "–"]) for m in ("recall", "precision", "n_warned_f1")}
        out.append(
            [
                "" if arm == shown else arm,
                share(adoption),
                *cells_of["recall"],
                *cells_of["precision"],
                cells_of["n_warned_f1"][0],
            ]
        )
        shown = arm
    return out


def differences_table(differences: Sequence[Difference], title: str | None = None) -> Any:
    """Differences between arms, for rich."""
    title = title or f"Less {differences[0].base}, paired by seed"
    return _table(title, DIFFERENCE_COLUMNS, difference_rows(differences), 1)


def compare_table(arms: Sequence[tuple[Arm, Arm]]) -> Any:
    """Two runs or sweeps side by side, for rich."""
    header = ["arm", "of\nphones\n%"]
    for what in ("recall\n%", "precision\n%", "F1 per\ncase", "F2 per\ncase"):
        header += [f"{what}\n{side}" for side in "AB"]
    rows = []
    for a, b in arms:
        pairs = [(x, y) for y in b.metrics for x in a.metrics if same_level(x, y)]
        for i, both in enumerate(pairs):
            rows.append(
                [
                    "" if i else b.label,
                    share(both[1].adoption_smartphones),
                    *(share(m.recall) for m in both),
                    *(share(m.precision) for m in both),
                    *(number(m.n_warned_f1, 2) for m in both),
                    *(number(m.n_warned_f2, 2) for m in both),
                ]
            )
    return _table("Side by side", header, rows, 1)


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Criteria, a line each."""
    return ["What the scenario expects", *(f"  {v}" for v in verdicts)]


def plain(renderable: Any, width: int = WIDTH) -> str:
    """A rich renderable as plain text."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width, color_system=None, markup=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
