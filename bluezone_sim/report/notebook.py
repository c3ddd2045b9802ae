"""Results in notebooks: HTML that needs no script and takes the colours of the page around it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..showing.visible import visible
from ..tables.level_tables import levels_table, waterfall_table
from ..tables.table import notebook
from .campaign_sweep import days_table
from .epidemic.answer import answer as epidemic_answer
from .epidemic.tables import arms_table
from .figures import adoption_svg, arms_svg, campaigns_svg, waterfall_svg
from .text import differences_table, sweep_table

if TYPE_CHECKING:
    from ..analysis.epidemic.summary import EpidemicResult
    from ..analysis.result import RunResult
    from ..analysis.sweep import SweepResult


def result_html(result: RunResult) -> str:
    """A run: its figure, its table, and where pairs are lost; first what its epidemic answers."""
    epidemic = result.epidemic
    found = () if epidemic is None else (_said(epidemic_answer(epidemic)), _told(epidemic))
    return notebook(
        f"<p><b>{escape(visible(result.headline()))}</b></p>",
        *found,
        _framed(adoption_svg(result.metrics)),
        levels_table(result.metrics).html(),
        "<details><summary>Where risky pairs are lost (%)</summary>",
        _framed(waterfall_svg(result.metrics)),
        waterfall_table(result.metrics).html(),
        "</details>",
    )


def sweep_html(sweep: SweepResult) -> str:
    """A sweep: recall of its arms against adoption, its table, and the paired differences."""
    parts = [
        f"<p><b>{escape(visible(sweep.headline()))}</b></p>",
        _framed(arms_svg(sweep.stationary)),
        sweep_table(sweep).html("Means over seeds"),
    ]
    if sweep.campaigns:
        days = days_table(sweep.campaigns, sweep.half_width)
        parts += [_framed(campaigns_svg(sweep.campaigns)), days.html(days.title)]
    if sweep.differences:
        less = differences_table(sweep.differences)
        parts.append(
            f"<details><summary>Paired differences</summary>{less.html(less.title)}</details>"
        )
    return notebook(*parts)


def _said(text: str) -> str:
    return f"<p>{escape(visible(text))}</p>"


def _told(epidemic: EpidemicResult) -> str:
    table = arms_table(epidemic)
    return table.html(table.title) + _said(table.note)


def _framed(svg: str) -> str:
    return f'<div style="max-width:46rem">{svg}</div>'
