"""Parts of a report and of the terminal's output that only some scenarios have."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from . import adopters
from .text import _table, plain

if TYPE_CHECKING:
    from .result import Result

ADOPTERS_TITLE = "Who adopts"


@dataclass(frozen=True)
class Panel:
    """A section of the report: its title, and HTML."""

    title: str
    html: str


def tables(result: Result) -> list[Any]:
    """Tables for the terminal."""
    out = []
    if result.adopters:
        title = f"{ADOPTERS_TITLE}: {result.scenario.adoption.draws:,} draws of the adopters"
        rows = [adopters.cells(row) for row in result.adopters]
        out.append(_table(title, adopters.header(result.adopters), rows, 0))
    return out


def text(result: Result) -> str:
    """:func:`tables` as plain text."""
    return "\n".join(plain(table) for table in tables(result))


def panels(result: Result) -> list[Panel]:
    """Sections for the report."""
    out = []
    if result.adopters:
        rows = [adopters.cells(row) for row in result.adopters]
        note = (
            f"{result.scenario.adoption.draws:,} draws of who adopts; the bars hold 95 % of them. "
            "Square law: recall when every smartphone runs the app, times a' over its value then."
        )
        html = _figure(adopters.figure_svg(result.adopters), note)
        html += html_table(adopters.header(result.adopters), rows)
        out.append(Panel(ADOPTERS_TITLE, html))
    return out


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
