"""Reports on disk: the HTML file, and figures and tables in the formats that papers take."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.compare import arm_of, campaigns_in
from ..analysis.result import Result
from ..files import make_folder, write_file
from ..storage.arrow import campaign_to_arrow, histograms_to_arrow, metrics_to_arrow
from ..storage.run_load import manifest_of, open_any
from .figures import (
    _figure,
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
    from ..analysis.sweep import Sweep


def write_reports(directory: Path, formats: Sequence[str], out: Path) -> list[Path]:
    """Writes the report of a run or sweep.

    Args:
        directory: of the run or sweep.
        formats: among html, png, svg, pdf, csv.
        out: ``report.html`` goes there, figures and tables into its ``figures`` folder.

    Returns:
        What was written.

    Raises:
        InputError: it is no run or sweep, or ``out`` cannot be written.
    """
    found = open_any(directory)
    files: dict[Path, bytes] = {}
    for name in formats:
        if name == "html":
            html = (
                render(found, manifest_of(directory))
                if isinstance(found, Result)
                else render_sweep(found)
            )
            files[out / "report.html"] = html.encode()
        elif name == "csv":
            for stem, table in _tables(found).items():
                files[out / "figures" / f"{stem}.csv"] = _csv(table)
        else:
            for stem, data in paper_figures(found, name).items():
                files[out / "figures" / f"{stem}.{name}"] = data
    for path, data in files.items():
        make_folder(path.parent)
        write_file(path, data)
    return list(files)


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


def paper_figures(found: Result | Sweep, kind: str) -> dict[str, bytes]:
    """Figures for print by name: black on white, 7.2 inches wide, 300 dots an inch.

    Args:
        found: a run or a sweep.
        kind: png, svg or pdf.
    """
    run = isinstance(found, Result)
    arms = [arm_of(found)] if isinstance(found, Result) else list(found.stationary)
    histograms = (
        found.histograms
        if isinstance(found, Result)
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
    if campaigns:
        drawn["campaign"] = (3.4, lambda axes: draw_campaigns(axes, campaigns))
    for h in histograms:
        drawn[_slug(h.name)] = (2.6, lambda axes, h=h: draw_histogram(axes, h))
    out = {}
    for name, (height, draw) in drawn.items():
        with _figure("#000000", 7.2, height, style=_PAPER) as (figure, (axes,)):
            draw(axes)
            stream = io.BytesIO()
            metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
            figure.savefig(
                stream, format=kind, dpi=300, metadata=metadata.get(kind, {"CreationDate": None})
            )
            out[name] = stream.getvalue()
    return out


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")[:60]


def _tables(found: Result | Sweep) -> dict[str, list[dict[str, Any]]]:
    arms = [arm_of(found)] if isinstance(found, Result) else found.arms
    out: dict[str, list[dict[str, Any]]] = {
        "metrics": [
            {**arm.values, "seeds": len(arm.seeds), **row}
            for arm in arms
            for row in metrics_to_arrow(arm.metrics).drop_columns(["level_index"]).to_pylist()
        ]
    }
    if isinstance(found, Result):
        out["histograms"] = histograms_to_arrow(found.histograms).to_pylist()
        if found.campaign is not None:
            out["campaign"], out["campaign-parts"] = (
                table.to_pylist() for table in campaign_to_arrow(found.campaign)
            )
        return out
    if found.campaign is not None:
        out["campaign"] = found.campaign.to_pylist()
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


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """Comma-separated, with a head; undefined is empty."""
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
