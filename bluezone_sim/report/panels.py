"""Parts of a report and of the terminal's output that only some scenarios have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ..analysis.campaign import CampaignResult
from ..showing.visible import visible
from ..tables.level_tables import waterfall_table
from ..tables.table import Table
from . import adopters, campaign, campaign_sweep, platforms
from .epidemic import tables as epidemic
from .epidemic.drawing import Drawing
from .epidemic.figures import drawings
from .findings import focus_level
from .text import compare_table, differences_table, main_table, sweep_table, warned_table
from .trace import counted_rows, trace_table

if TYPE_CHECKING:
    from ..analysis.compare import Comparison
    from ..analysis.result import RunResult
    from ..analysis.sweep import SweepResult

_MEASURES = campaign.MEASURES_TITLE


@dataclass(frozen=True)
class Panel:
    """A section of the report: its title, and HTML."""

    title: str
    html: str


def tables(result: RunResult) -> Iterator[Table]:
    """A run's tables for the terminal; those of its epidemic last, beside which its answer stands."""
    yield main_table(result)
    yield waterfall_table(result.metrics)
    yield warned_table(result.metrics, result.n_f0, result.n_f2_cases)
    if platforms.known(result.metrics):
        yield platforms.platform_table([("", focus_level(result.metrics))])
    trace = result.trace
    if trace is not None and (lines := [[" ".join(row)] for row in counted_rows(trace)]):
        yield Table.of_text("Rows of the trace", [""], lines, 1)
    if result.adopters:
        yield adopters.adopters_table(result.adopters, result.scenario.adoption.draws)
    left_out = [[row.label, row.left_out] for row in result.sensitivity if row.left_out]
    if left_out:
        yield Table.of_text("Sensitivity runs left out", ["assumption", "why"], left_out, 2)
    if result.campaign is not None:
        found = result.campaign
        dates = found.key_dates(result.scenario)
        yield campaign.days_table(found)
        yield campaign.arms_table(found, dates)
        for what in ("district", "group"):
            yield campaign.parts_table(found, what, dates)
    if result.epidemic is not None:
        yield from epidemic.tables(result.epidemic)


def sweep_tables(sweep: SweepResult) -> Iterator[Table]:
    """A sweep's tables for the terminal: its levels, then its campaigns and epidemics."""
    yield sweep_table(sweep)
    if sweep.differences:
        yield differences_table(sweep.differences)
    if sweep.campaigns:
        arms, first = sweep.campaigns, sweep.campaigns[0]
        yield campaign_sweep.days_table(arms, sweep.half_width)
        if len(arms) == 1:
            yield campaign_sweep.measures_table(arms)
        else:
            title = f"The campaign less that of {first.label}, paired by seed"
            less = campaign_sweep.differences_table([(first, arm) for arm in arms[1:]], title)
            yield less.noted(f"{_MEASURES}, for every arm: in the report.")
    if sweep.epidemics:
        yield epidemic.sweep_table(sweep.epidemics)


def compare_tables(found: Comparison) -> Iterator[Table]:
    """Two runs or sweeps side by side, for the terminal."""
    yield compare_table(found.arms)
    yield differences_table(found.differences, "Difference, B from A")
    if found.campaigns:
        yield campaign_sweep.compare_table(found.campaigns)
        yield campaign_sweep.differences_table(
            found.campaigns, "The campaign: difference, B from A"
        )


def panels(result: RunResult) -> list[Panel]:
    """Sections for the report."""
    out = [_panel(warned_table(result.metrics, result.n_f0, result.n_f2_cases))]
    if platforms.known(result.metrics):
        level = focus_level(result.metrics)
        every = platforms.platform_table([("", m) for m in result.metrics])
        figure = _figure(platforms.figure_svg(level), platforms.CAPTION)
        out.append(_panel(every, figure))
    trace = result.trace
    if trace is not None:
        out.append(_panel(trace_table(trace)))
    if result.adopters:
        draws = result.scenario.adoption.draws
        note = (
            f"{draws:,} draws of who adopts; the bars hold 95 % of them. "
            "Square law: recall when every smartphone runs the app, times a' over its value then."
        )
        html = _figure(adopters.figure_svg(result.adopters), note)
        html += adopters.adopters_table(result.adopters, draws).html()
        out.append(Panel(adopters.TITLE, html))
    if result.campaign is not None:
        out += _campaign(result, result.campaign)
    if result.epidemic is not None:
        out += [_panel(table) for table in epidemic.tables(result.epidemic)]
        out += [_drawn(drawing) for drawing in drawings(result.epidemic, result.scenario)]
    return out


def _drawn(drawing: Drawing) -> Panel:
    """A figure of an epidemic with its numbers."""
    numbers = f"<details><summary>The numbers</summary>{drawing.table.html()}</details>"
    return Panel(drawing.title, _figure(drawing.svg(), drawing.caption) + numbers)


def _campaign(result: RunResult, found: CampaignResult) -> list[Panel]:
    """Curve, map and tables of a campaign."""
    dates = found.key_dates(result.scenario)
    curve = _figure(
        campaign.curve_svg(found),
        f"The same {found.n_cases:,} cases, confirmed at the end of each day. Bands: 95 % intervals. "
        "At random: the same number of users a day, any smartphone owners.",
    )
    schematic = _figure(
        campaign.map_svg(found, result.scenario, dates),
        "Districts at schematic places, as large as their people; share of risky pairs warned, "
        "percent, of the cases that live there.",
    )
    parts = [campaign.parts_table(found, what, dates) for what in ("district", "group")]
    return [
        _panel(campaign.days_table(found), curve),
        _panel(campaign.arms_table(found, dates)),
        Panel("By district and group", schematic + "".join(t.html(t.title) for t in parts)),
    ]


def sweep_panels(sweep: SweepResult) -> list[Panel]:
    """Sections for the report of a sweep."""
    at = [(arm.label, focus_level(arm.metrics)) for arm in sweep.stationary]
    at = [(label, level) for label, level in at if platforms.known([level])]
    before = [_panel(platforms.platform_table(at))] if at else []
    if sweep.epidemics:
        before.append(_panel(epidemic.sweep_table(sweep.epidemics)))
    arms = sweep.campaigns
    if not arms:
        return before
    n = max(len(arm.seeds) for arm in arms)
    key = "".join(
        f'<li class="c{colour}"><i class="{dash}"></i>{escape(visible(name))}</li>'
        for colour, name, dash in campaign_sweep.legend(arms)
    )
    caption = (
        "The same cases, confirmed at the end of each day. Bands are 95 % intervals of the mean over "
        f"{n} seeds. Point at the figure, or use the arrow keys on it, for numbers."
    )
    chart = f'<ul class="legend">{key}</ul>' + _figure(campaign_sweep.chart(arms), caption)
    days = campaign_sweep.days_table(arms, sweep.half_width)
    out = [
        *before,
        Panel("The campaign, day by day", chart + days.html() + _soft(days.note)),
        _panel(campaign_sweep.measures_table(arms)),
    ]
    if len(arms) > 1:
        pairs = [(arms[0], arm) for arm in arms[1:]]
        note = f"With all measures, less {arms[0].label}, paired by seed."
        out.append(
            _panel(campaign_sweep.differences_table(pairs, "Campaigns compared").noted(note))
        )
    return out


def _panel(table: Table, before: str = "") -> Panel:
    """A table under its title, with its note; what stands before it."""
    return Panel(table.title, before + table.html() + (_soft(table.note) if table.note else ""))


def _soft(note: str) -> str:
    return f'<p class="soft">{escape(visible(note))}</p>'


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(visible(caption))}</figcaption></figure>"
