"""The report: one HTML file with its figures in it, which needs no network."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..scenario import resolved_toml
from .figures import adoption_svg, histogram_svg, sensitivity_svg, waterfall_svg
from .panels import panels
from .text import (
    COLUMNS,
    NOTES,
    cells,
    interval,
    number,
    percent,
    waterfall_rows,
)

if TYPE_CHECKING:
    from .result import Metrics, Result


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    text = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(text)


def render(result: Result, about: dict[str, Any]) -> str:
    """The report as HTML text.

    Args:
        result: the run.
        about: its manifest.
    """
    from markupsafe import Markup  # jinja2's own; figures are markup that we made

    return str(
        _template().render(
            result=result,
            about=about,
            answer=answer(result.metrics),
            columns=COLUMNS,
            notes=NOTES,
            rows=[cells(m) for m in result.metrics],
            waterfall=waterfall_rows(result.metrics),
            levels=[percent(m.adoption_smartphones) for m in result.metrics],
            excess=excess(result.metrics),
            sensitivity=[
                [
                    row.label,
                    ", ".join(f"{k} = {v}" for k, v in row.changes.items()) or "–",
                    percent(row.recall),
                    interval(row.recall_ci95),
                    percent(row.precision),
                    number(row.n_warned_f1, 2),
                ]
                for row in result.sensitivity
            ],
            figures={
                "adoption": Markup(adoption_svg(result.metrics)),
                "waterfall": Markup(waterfall_svg(result.metrics)),
                "sensitivity": Markup(sensitivity_svg(result.sensitivity))
                if result.sensitivity
                else None,
                "histograms": [Markup(histogram_svg(h)) for h in result.histograms],
            },
            panels=[(panel.title, Markup(panel.html)) for panel in panels(result)],
            stages=[[k, f"{v:.2f}"] for k, v in result.stages_s.items()],
            scenario=resolved_toml(result.scenario),
        )
    )


def answer(metrics: Metrics) -> str:
    """The finding in a sentence: recall at the lowest and the highest level."""
    known = [m for m in sorted(metrics, key=lambda m: m.users) if m.recall is not None]
    if not known:
        return "No case had a risky contact, so there is nothing to find."
    parts = [
        f"{percent(m.recall)} of the risky contacts of a case with {m.users:,} users "
        f"({percent(m.adoption_smartphones)} of smartphones)"
        for m in (known[:1] if len(known) == 1 else (known[0], known[-1]))
    ]
    return f"The app warns {', and '.join(parts)}."


def excess(metrics: Metrics) -> list[list[str]]:
    """Share in which both have the app, over what two people drawn at random give."""
    rows = []
    for m in metrics:
        seen, drawn = m.share_both_have_app, m.share_both_have_app_expected
        ratio = number(seen / drawn, 2) if seen is not None and drawn else "–"
        rows.append(
            [
                percent(m.adoption_smartphones),
                percent(seen),
                interval(m.share_both_have_app_ci95),
                percent(drawn),
                ratio,
            ]
        )
    return rows
