"""Results in words: the cells of the tables that the terminal, notebooks and the report show."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ..tables import OUTCOMES

if TYPE_CHECKING:
    from .result import LevelMetrics

#: What each stage means, for people.
STAGES = {
    "no_smartphone": "no smartphone",
    "no_app": "case has no app",
    "other_no_app": "other has no app",
    "bluetooth_or_app_off": "Bluetooth or app off",
    "radio_missed": "radio missed it",
    "not_published": "keys not published",
    "below_threshold": "below threshold",
    "not_matched_in_time": "warned too late",
    "warned": "warned",
}

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

#: Characters that the metrics table needs.
WIDTH = 104

NOTES = (
    "both have app, recorded, recall: shares of risky pairs. a': both have app for two people drawn at "
    "random. hours: median from publication to warning."
)


def percent(value: float | None) -> str:
    """A share in percent, with the sign; a dash where undefined."""
    return "–" if value is None else f"{share(value)} %"


def share(value: float | None) -> str:
    """A share in percent, two or three significant digits; a dash where undefined."""
    if value is None:
        return "–"
    p = 100 * value
    return f"{p:.0f}" if p >= 99.95 else f"{p:.1f}" if p >= 10 else f"{p:.2f}"


def number(value: float | None, digits: int = 1) -> str:
    """A number; a dash where undefined."""
    return "–" if value is None else f"{value:,.{digits}f}"


def interval(ends: tuple[float, float] | None) -> str:
    """Both ends of an interval of shares, in percent."""
    if ends is None:
        return "–"
    digits = 1 if ends[1] >= 0.1 else 2
    return f"{100 * ends[0]:.{digits}f}–{100 * ends[1]:.{digits}f}"


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


def plain(renderable: Any) -> str:
    """A rich renderable as plain text."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def metrics_html(metrics: Sequence[LevelMetrics]) -> str:
    """The main table as HTML."""
    head = "".join(f"<th>{escape(c)}</th>" for c in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells(m)) + "</tr>" for m in metrics
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
