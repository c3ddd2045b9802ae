"""Parts of a report and of the terminal's output that only some scenarios have."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..analysis.campaign import CampaignResult
from ..analysis.words import number, share
from . import adopters, campaign
from . import campaign_sweep as campaign_arms
from .text import _table, compare_table, differences_table, plain, sweep_table
from .trace import counted_rows, info_rows

if TYPE_CHECKING:
    from ..analysis.compare import Comparison
    from ..analysis.result import Result
    from ..analysis.sweep import Sweep

ADOPTERS_TITLE = "Who adopts"
MEASURES_TITLE = "With and without each measure"


WARNED_HEADER = [
    "of phones\n%", "risky pairs whose\nother runs it %", "recall\n%", "precision\n%", "F1 per\ncase",
    "F2 per\ncase", "F2 per\nF1", "hours from\npublication", "days from\ncontact",
]  # fmt: skip


def _warned(result: Result) -> list[list[str]]:
    """A row a level: whom a warning could reach, whom it reaches, when (medians)."""
    return [
        [
            share(m.adoption_smartphones), share(m.share_in_reach), share(m.recall),
            share(m.precision), number(m.n_warned_f1, 2), number(m.n_warned_f2, 2),
            number(m.n_f2_per_f1, 2), number(m.hours_to_warning_p50),
            number(m.days_contact_to_warning_p50),
        ]
        for m in result.metrics
    ]  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """A section of the report: its title, and HTML."""

    title: str
    html: str


def tables(result: Result) -> list[Any]:
    """Tables for the terminal."""
    out: list[Any] = [_table("Who is warned, and when", WARNED_HEADER, _warned(result), 0)]
    trace = result.scenario.trace
    if trace is not None and trace.counted:
        out += [f"Rows of the trace that were {name} {text}" for name, text in counted_rows(trace)]
    if result.adopters:
        title = f"{ADOPTERS_TITLE}: {result.scenario.adoption.draws:,} draws of the adopters"
        rows = [adopters.cells(row) for row in result.adopters]
        out.append(_table(title, adopters.header(result.adopters), rows, 0))
    if result.campaign is not None:
        found = result.campaign
        dates = found.key_dates(result.scenario)
        out += [
            _table("The campaign, day by day", campaign.DAYS_HEADER, campaign.day_rows(found), 1),
            campaign.DAYS_NOTE,
            "",
            _table(
                MEASURES_TITLE,
                campaign.arms_header(found, dates),
                campaign.arm_rows(found, dates),
                1,
            ),
            campaign.ARMS_NOTE,
            "",
        ]
        out += [
            _table(
                f"By {what} of the case",
                campaign.parts_header(dates),
                campaign.part_rows(found, what, dates),
                1,
            )
            for what in ("district", "group")
        ]
    return out


def sweep_tables(sweep: Sweep) -> list[Any]:
    """A sweep's tables for the terminal: its levels, then its campaigns."""
    out = [sweep_table(sweep)]
    if sweep.differences:
        out += ["", differences_table(sweep.differences)]
    if sweep.campaigns:
        arms, first = sweep.campaigns, sweep.campaigns[0]
        out += [
            "",
            _table(
                "The campaign, means over seeds",
                campaign_arms.DAYS_COLUMNS,
                campaign_arms.days_rows(arms, sweep.width),
                2,
            ),
            campaign_arms.DAYS_NOTE,
        ]
        if len(arms) == 1:
            rows = campaign_arms.measures_rows(arms)
            heads = campaign_arms.measures_columns(arms)
            out += ["", _table(MEASURES_TITLE, heads, rows, 2), campaign_arms.MEASURES_NOTE]
        if len(arms) > 1:
            rows = campaign_arms.difference_rows([(first, arm) for arm in arms[1:]])
            title = f"The campaign less that of {first.label}, paired by seed"
            out += [
                "",
                _table(title, campaign_arms.DIFFERENCE_COLUMNS, rows, 2),
                f"{MEASURES_TITLE}, for every arm: in the report.",
            ]
    return out


def compare_tables(found: Comparison) -> list[Any]:
    """Two runs or sweeps side by side, for the terminal."""
    out = [compare_table(found.arms), "", differences_table(found.differences, "B less A")]
    if found.campaigns:
        rows = campaign_arms.compare_rows(found.campaigns)
        less = campaign_arms.difference_rows(found.campaigns)
        out += [
            _table("The campaign side by side", campaign_arms.COMPARE_COLUMNS, rows, 2),
            _table("The campaign, B less A", campaign_arms.DIFFERENCE_COLUMNS, less, 2),
        ]
    return out


def text(result: Result) -> str:
    """:func:`tables` as plain text."""
    return "\n".join(plain(table) for table in tables(result))


def panels(result: Result) -> list[Panel]:
    """Sections for the report."""
    out = [Panel("Who is warned, and when", html_table(WARNED_HEADER, _warned(result)))]
    trace = result.scenario.trace
    if trace is not None:
        lines = [list(row) for row in (*info_rows(trace), *counted_rows(trace))]
        out.append(Panel("The contact trace", html_table(["", ""], lines, 2)))
    if result.adopters:
        rows = [adopters.cells(row) for row in result.adopters]
        note = (
            f"{result.scenario.adoption.draws:,} draws of who adopts; the bars hold 95 % of them. "
            "Square law: recall when every smartphone runs the app, times a' over its value then."
        )
        html = _figure(adopters.figure_svg(result.adopters), note)
        html += html_table(adopters.header(result.adopters), rows)
        out.append(Panel(ADOPTERS_TITLE, html))
    if result.campaign is not None:
        out += _campaign(result, result.campaign)
    return out


def _campaign(result: Result, found: CampaignResult) -> list[Panel]:
    """Curve, map and tables of a campaign."""
    dates = found.key_dates(result.scenario)
    curve = _figure(
        campaign.curve_svg(found),
        f"The same {found.n_cases:,} cases, confirmed at the end of each day. Bands: 95 % intervals by "
        "bootstrap over cases. At random: the same number of users a day, any smartphone owners.",
    )
    schematic = _figure(
        campaign.map_svg(found, result.scenario, dates),
        "Districts at schematic places, as large as their people; share of risky pairs warned, "
        "percent, of the cases that live there.",
    )
    return [
        Panel(
            "The campaign, day by day",
            curve
            + html_table(campaign.DAYS_HEADER, campaign.day_rows(found), 1)
            + _soft(campaign.DAYS_NOTE),
        ),
        Panel(
            MEASURES_TITLE,
            html_table(campaign.arms_header(found, dates), campaign.arm_rows(found, dates), 1)
            + _soft(campaign.ARMS_NOTE),
        ),
        Panel(
            "By district and group",
            schematic
            + "".join(
                html_table(
                    campaign.parts_header(dates),
                    campaign.part_rows(found, what, dates),
                    1,
                    f"By {what} of the case",
                )
                for what in ("district", "group")
            ),
        ),
    ]


def sweep_panels(sweep: Sweep) -> list[Panel]:
    """Sections for the report of a sweep."""
    arms = sweep.campaigns
    if not arms:
        return []
    n = max(len(arm.seeds) for arm in arms)
    key = "".join(
        f'<li class="c{colour}"><i{" class=dashed" if dashed else ""}></i>{escape(name)}</li>'
        for colour, name, dashed in campaign_arms.legend(arms)
    )
    caption = (
        "The same cases, confirmed at the end of each day. Bands are 95 % intervals of the mean over "
        f"{n} seeds (Student's t). Point at the figure, or use the arrow keys on it, for numbers."
    )
    out = [
        Panel(
            "The campaign, day by day",
            f'<ul class="legend">{key}</ul>'
            + _figure(campaign_arms.chart(arms), caption)
            + html_table(
                list(campaign_arms.DAYS_COLUMNS), campaign_arms.days_rows(arms, sweep.width), 2
            )
            + _soft(campaign_arms.DAYS_NOTE),
        ),
        Panel(
            MEASURES_TITLE,
            html_table(campaign_arms.measures_columns(arms), campaign_arms.measures_rows(arms), 2)
            + _soft(campaign_arms.MEASURES_NOTE),
        ),
    ]
    if len(arms) > 1:
        rows = campaign_arms.difference_rows([(arms[0], arm) for arm in arms[1:]])
        note = f"With all measures, less {arms[0].label}, paired by seed."
        html = html_table(list(campaign_arms.DIFFERENCE_COLUMNS), rows, 2) + _soft(note)
        out.append(Panel("Campaigns compared", html))
    return out


def _soft(note: str) -> str:
    return f'<p class="soft">{escape(note)}</p>'


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def html_table(header: list[str], rows: list[list[str]], left: int = 0, caption: str = "") -> str:
    """A table as HTML."""

    def line(cells: list[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=left' if k < left else ''}>{escape(cell)}</{tag}>"
            for k, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table>{head}<thead><tr>{line(header, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
