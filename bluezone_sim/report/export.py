"""Reports as files: the HTML page, and figures and tables in the formats that papers take."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..analysis.arrow import (
    campaign_to_arrow,
    epidemic_to_arrow,
    histograms_to_arrow,
    metrics_to_arrow,
)
from ..analysis.compare import arm_of, campaigns_in
from ..analysis.result import RunResult
from ..tables.table import Table
from .epidemic.drawing import Drawing
from .epidemic.figures import drawings
from .figures import (
    canvas,
    draw_adoption,
    draw_arms,
    draw_campaigns,
    draw_histogram,
    draw_waterfall,
)
from .page.page import render, render_sweep

if TYPE_CHECKING:
    from ..analysis.arms import Difference
    from ..analysis.campaign_arms import CampaignDifference
    from ..analysis.sweep import SweepResult


def reports(
    found: RunResult | SweepResult, about: dict[str, Any], formats: Sequence[str]
) -> dict[str, bytes]:
    """Files of a report by their place.

    Args:
        found: a run or a sweep.
        about: the manifest of a run.
        formats: among html, png, svg, pdf, csv.
    """
    out: dict[str, bytes] = {}
    for name in formats:
        if name == "html":
            html = render(found, about) if isinstance(found, RunResult) else render_sweep(found)
            out["report.html"] = html.encode()
        elif name == "csv":
            for stem, records in _records(found).items():
                table = Table.of_records(stem, records)
                out[f"figures/{stem}.csv"] = table.csv().encode()
        else:
            for stem, data in paper_figures(found, name).items():
                out[f"figures/{stem}.{name}"] = data
    return out


#: One or two columns of a journal's page, small type, embedded fonts that can be edited.
_PAPER: dict[str, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,
    "figure.dpi": 100,
}


def paper_figures(found: RunResult | SweepResult, kind: str) -> dict[str, bytes]:
    """Figures for print by name: black on white, 7.2 inches wide, 300 dots an inch.

    Args:
        found: a run or a sweep.
        kind: png, svg or pdf.
    """
    run = isinstance(found, RunResult)
    arms = [arm_of(found)] if isinstance(found, RunResult) else list(found.stationary)
    histograms = (
        found.histograms
        if isinstance(found, RunResult)
        else found.histograms.get(found.arms[0].label, ())
    )
    campaigns = campaigns_in(found)
    drawn: dict[str, tuple[float, Any]] = {
        "recall": (
            3.4,
            lambda axes: draw_adoption(axes, arms[0].metrics) if run else draw_arms(axes, arms),
        )
    }
    for i, arm in enumerate(arms):
        name = "waterfall" if len(arms) == 1 else f"waterfall-{i + 1}-{_slug(arm.label)}"
        height = 1.2 + 0.36 * len(arm.metrics)
        drawn[name] = (height, lambda axes, arm=arm: draw_waterfall(axes, arm.metrics))
    rows: dict[str, tuple[float, ...]] = {}
    if campaigns:
        drawn["campaign"] = (3.4, lambda axes: draw_campaigns(axes, campaigns))
    for drawing in _epidemic(found):
        drawn[drawing.stem] = (drawing.height, drawing.draw)
        rows[drawing.stem] = drawing.rows
    for h in histograms:
        drawn[_slug(h.name)] = (2.6, lambda axes, h=h: draw_histogram(axes, h))
    out = {}
    for name, (height, draw) in drawn.items():
        ratios = rows.get(name, (1.0,))
        with canvas("#000000", 7.2, height, style=_PAPER, rows=ratios) as (figure, axes):
            draw(*axes)
            stream = io.BytesIO()
            metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
            figure.savefig(
                stream, format=kind, dpi=300, metadata=metadata.get(kind, {"CreationDate": None})
            )
            out[name] = stream.getvalue()
    return out


def _epidemic(found: RunResult | SweepResult) -> list[Drawing]:
    if not isinstance(found, RunResult) or found.epidemic is None:
        return []
    return drawings(found.epidemic, found.scenario)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")[:60]


def _records(found: RunResult | SweepResult) -> dict[str, list[dict[str, Any]]]:
    arms = [arm_of(found)] if isinstance(found, RunResult) else found.arms
    out: dict[str, list[dict[str, Any]]] = {
        "metrics": [
            {**arm.values, "seeds": len(arm.seeds), **row}
            for arm in arms
            for row in metrics_to_arrow(arm.metrics).drop_columns(["level_index"]).to_pylist()
        ]
    }
    if isinstance(found, RunResult):
        out["histograms"] = histograms_to_arrow(found.histograms).to_pylist()
        if found.campaign is not None:
            out["campaign"], out["campaign-parts"] = (
                table.to_pylist() for table in campaign_to_arrow(found.campaign)
            )
        if found.epidemic is not None:
            out["epidemic-arms"] = [arm.flat() for arm in found.epidemic.arms]
            days = epidemic_to_arrow(found.epidemic, found.scenario)
            out["epidemic-days"] = days.to_pylist()
        out |= {drawing.stem: list(drawing.records) for drawing in _epidemic(found)}
        return out
    if found.campaign is not None:
        out["campaign"] = found.campaign.to_pylist()
    if found.epidemics:
        out["epidemic-arms"] = found.epidemics.records()
        out["epidemic-seeds"] = found.epidemic.to_pylist()
    out["tasks"] = found.table.to_pylist()
    out["histograms"] = [
        {"arm": arm, **row}
        for arm, histograms in found.histograms.items()
        for row in histograms_to_arrow(histograms).to_pylist()
    ]
    if found.differences:
        out["differences"] = [
            _difference(d, users=d.users, adoption_smartphones=d.adoption_smartphones)
            for d in found.differences
        ]
    if found.campaign_differences:
        out["campaign-differences"] = [
            _difference(d, day=d.date) for d in found.campaign_differences
        ]
    return out


def _difference(of: Difference | CampaignDifference, **where: Any) -> dict[str, Any]:
    """A row of a difference between two arms; ``where`` is its level or day."""
    found = of.difference
    return {
        "arm": of.arm,
        "base": of.base,
        **where,
        "metric": of.metric,
        "difference": found.mean,
        "ci95_lo": found.ci95 and found.ci95[0],
        "ci95_hi": found.ci95 and found.ci95[1],
        "seeds": found.n,
    }
