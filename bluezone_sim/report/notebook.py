"""Results in notebooks: HTML that needs no script and takes the colours of the page around it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ..analysis.words import percent
from . import campaign_sweep as campaign_arms
from .figures import adoption_svg, arms_svg, campaigns_svg, waterfall_svg
from .text import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    SWEEP_COLUMNS,
    cells,
    difference_rows,
    sweep_rows,
    waterfall_rows,
)

if TYPE_CHECKING:
    from ..analysis.result import Result
    from ..analysis.sweep import Sweep
    from ..tables.metrics import LevelMetrics


def table_html(
    header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", left: int = 0
) -> str:
    """A table; the first ``left`` columns are text."""

    def cell(tag: str, i: int, text: str) -> str:
        side = "left" if i < left else "right"
        return f'<{tag} style="text-align:{side}">{escape(text)}</{tag}>'

    head = "".join(cell("th", i, name) for i, name in enumerate(header))
    body = "".join(
        "<tr>" + "".join(cell("td", i, c) for i, c in enumerate(row)) + "</tr>" for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def metrics_html(metrics: Sequence[LevelMetrics]) -> str:
    """The main table."""
    return table_html(COLUMNS, [cells(m) for m in metrics])


def result_html(result: Result) -> str:
    """A run: its figure, its table, and where pairs are lost."""
    levels = [percent(m.adoption_smartphones) for m in result.metrics]
    lost = table_html(["of risky pairs", *levels], waterfall_rows(result.metrics), left=1)
    return (
        f"<p><b>{escape(result.headline())}</b></p>{_framed(adoption_svg(result.metrics))}"
        f"{metrics_html(result.metrics)}"
        f"<details><summary>Where risky pairs are lost (%)</summary>"
        f"{_framed(waterfall_svg(result.metrics))}{lost}</details>"
    )


def sweep_html(sweep: Sweep) -> str:
    """A sweep: recall of its arms against adoption, its table, and the paired differences."""
    parts = [
        f"<p><b>{escape(sweep.headline())}</b></p>",
        _framed(arms_svg(sweep.stationary)),
        table_html(SWEEP_COLUMNS, sweep_rows(sweep), "Means over seeds", left=1),
    ]
    if sweep.campaigns:
        days = campaign_arms.days_rows(sweep.campaigns, sweep.width)
        table = table_html(
            campaign_arms.DAYS_COLUMNS, days, "The campaign, means over seeds", left=2
        )
        parts += [_framed(campaigns_svg(sweep.campaigns)), table]
    if sweep.differences:
        base = sweep.differences[0].base
        rows = table_html(
            DIFFERENCE_COLUMNS, difference_rows(sweep.differences), f"Less {base}", left=1
        )
        parts.append(f"<details><summary>Paired differences</summary>{rows}</details>")
    return "".join(parts)


def _framed(svg: str) -> str:
    return f'<div style="max-width:46rem">{svg}</div>'
