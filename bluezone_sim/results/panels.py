"""Parts of a report and of the terminal's output that only some scenarios have."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from . import adopters, campaign
from .text import _table, number, plain, share
from .trace import counted_rows, info_rows

if TYPE_CHECKING:
    from .result import Result

ADOPTERS_TITLE = "Who adopts"


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
                "With and without each measure",
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


def _campaign(result: Result, found: campaign.CampaignResult) -> list[Panel]:
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
            + f'<p class="soft">{escape(campaign.DAYS_NOTE)}</p>',
        ),
        Panel(
            "With and without each measure",
            html_table(campaign.arms_header(found, dates), campaign.arm_rows(found, dates), 1)
            + f'<p class="soft">{escape(campaign.ARMS_NOTE)}</p>',
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
