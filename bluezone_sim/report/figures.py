"""Figures of a run, as SVG that takes the colours of the page around it, and as PNG."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.campaign_arms import CampaignArm, curves
from ..showing.visible import in_figure, visible
from ..tables.stages import OUTCOMES, STAGES
from ..tables.words import percent
from .line_styles import STYLES, kinds_of, matplotlib_dash, shifts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..analysis.arms import Arm
    from ..analysis.result import RunResult, SensitivityRow
    from ..tables.levels import LevelMetrics
    from ..tables.rows import Histogram

#: Okabe and Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, _RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
#: Lines of arms, in this order.
ARM_COLOURS = (BLUE, _RED, GREEN, "#cc79a7", ORANGE, "#56b4e9", "#8c6bb1")
_STAGE_COLOURS = {
    "no_smartphone": "#999999",
    "no_app": "#56b4e9",
    "other_no_app": "#0072b2",
    "bluetooth_or_app_off": "#f0e442",
    "radio_missed": "#e69f00",
    "below_threshold": "#8c6bb1",
    "not_published": "#cc79a7",
    "not_confirmed": "#8b5a2b",
    "not_matched_in_time": "#d55e00",
    "warned": "#009e73",
}
#: Stands for the page's text colour until the SVG is written.
INK = "#010203"

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "bluezone-sim",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
_INK_KEYS = (
    "text.color",
    "axes.labelcolor",
    "axes.edgecolor",
    "axes.titlecolor",
    "xtick.color",
    "ytick.color",
    "grid.color",
)


@contextmanager
def canvas(
    ink: str,
    width: float,
    height: float,
    panels: int = 1,
    style: dict[str, Any] | None = None,
    rows: Sequence[float] = (1.0,),
) -> Iterator[tuple[Any, Any]]:
    """A figure without a window system, with its axes: row after row, as high as ``rows`` are."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, **(style or {}), **dict.fromkeys(_INK_KEYS, ink)}):
        figure = Figure(figsize=(width, height))
        axes = figure.subplots(len(rows), panels, squeeze=False, height_ratios=rows)
        yield figure, axes.ravel()


def as_svg(figure: Any, alt: str) -> str:
    """Inline SVG: no prolog, transparent, in the page's own text colour, with a text for readers."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    size = re.match(r'<svg[^>]*?width="([\d.]+)pt" height="([\d.]+)pt"', text)
    assert size is not None
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    # A page has several figures, and an id once.
    own = f"f{zlib.crc32(alt.encode()):08x}-"
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{own}", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(visible(alt))}"', 1)


def _line(axes: Any, x: Any, values: Sequence[float | None], **style: Any) -> None:
    y = np.array([np.nan if v is None else 100 * v for v in values])
    axes.plot(x, y, **style)


def _intervals(
    axes: Any,
    x: NDArray[np.float64],
    values: Sequence[float | None],
    ends: Sequence[tuple[float, float]],
    colour: str,
) -> None:
    """A band along a line; an error bar where there is one level, and so no line."""
    low, high = 100 * np.array(ends).T
    if len(x) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        return
    y = np.array([np.nan if v is None else 100 * v for v in values])
    reach = np.maximum(0.0, [y - low, high - y])
    axes.errorbar(x, y, yerr=reach, fmt="none", ecolor=colour, capsize=4, lw=1.5)


def draw_adoption(axes: Any, metrics: Sequence[LevelMetrics]) -> None:
    rows = sorted(metrics, key=lambda m: m.users)
    x = np.array([100 * m.place for m in rows])
    dots: dict[str, Any] = {"marker": "o", "markersize": 4}
    both = {**dots, "marker": "s"}
    _line(axes, x, [m.share_both_have_app for m in rows], color=BLUE, **both, label="both have app")
    fine = np.linspace(0, x.max(), 200)
    people = rows[-1].adoption_people / rows[-1].place if x.max() else 0.0
    axes.plot(
        fine, 100 * (fine / 100 * people) ** 2, "--", lw=1, color=BLUE, label="square law, a'"
    )
    seen = {**dots, "marker": "D", "ls": "-."}
    _line(axes, x, [m.share_recorded for m in rows], color=ORANGE, **seen, label="recorded")
    _line(axes, x, [m.recall for m in rows], color=GREEN, **dots, lw=2.2, label="warned (recall)")
    ends = [(np.nan, np.nan) if m.recall_ci95 is None else m.recall_ci95 for m in rows]
    _intervals(axes, x, [m.recall for m in rows], ends, GREEN)
    axes.set_xlim(0, 104)
    axes.set_ylim(bottom=0)
    top = axes.get_ylim()[1]
    for m, px in zip(rows, x, strict=True):
        if m.recall is not None and percent(m.recall) != percent(0.0):
            axes.annotate(
                percent(m.recall),
                (px, 100 * m.recall),
                textcoords="offset points",
                # Below its point, unless that is on the axis.
                xytext=(0, -13) if 100 * m.recall > 0.08 * top else (0, 6),
                ha="center",
                fontsize=8,
                color=GREEN,
            )
    axes.set_xlabel("smartphone owners who run the app (%)")
    axes.set_ylabel("share of risky pairs (%)")
    axes.legend(loc="upper left")


def adoption_svg(metrics: Sequence[LevelMetrics]) -> str:
    """What the app finds, by adoption."""
    with canvas(INK, 7.2, 4.0) as (figure, (axes,)):
        draw_adoption(axes, metrics)
        return as_svg(figure, "Share of risky pairs warned, by adoption")


def draw_arms(axes: Any, arms: Sequence[Arm]) -> None:
    """Recall of each arm against adoption, with its intervals over seeds; dash and mark by protocol."""
    styles = zip(arms, kinds_of(arms), shifts_of(arms), strict=True)
    for i, (arm, kind, shift) in enumerate(styles):
        x = np.array([100 * m.place + shift for m in arm.metrics])
        colour = ARM_COLOURS[i % len(ARM_COLOURS)]
        _line(
            axes,
            x,
            [m.recall for m in arm.metrics],
            color=colour,
            linestyle=matplotlib_dash(kind),
            marker=STYLES[kind].mark,
            markersize=4,
            label=in_figure(arm.label),
        )
        ends = [(np.nan, np.nan) if m.recall_ci95 is None else m.recall_ci95 for m in arm.metrics]
        _intervals(axes, x, [m.recall for m in arm.metrics], ends, colour)
    axes.set_xlim(0, 104)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("smartphone owners who run the app (%)")
    axes.set_ylabel("recall (% of risky pairs)")
    axes.legend(loc="upper left", fontsize=8)


def draw_campaigns(axes: Any, arms: Sequence[CampaignArm]) -> None:
    """Recall by day: of each arm with all measures, or of one with and without its measures."""
    for i, (name, measures, arm) in enumerate(curves(arms)):
        colour = ARM_COLOURS[i % len(ARM_COLOURS)]
        means = [arm.mean("recall", date, measures) for date in arm.dates]
        x, style = np.array(arm.dates), "--" if measures == arm.measures[1] else "-"
        if len(arms) > 1:
            style = matplotlib_dash(kinds_of(arms)[i])
        _line(axes, x, [m.mean for m in means], color=colour, ls=style, label=in_figure(name))
        if measures in (arm.measures[0], arm.measures[2]):
            ends = 100 * np.array([m.ci95 or (np.nan, np.nan) for m in means]).T
            axes.fill_between(x, *ends, color=colour, alpha=0.15, lw=0)
    dates = sorted({date for arm in arms for date in arm.dates})
    ticks = dates[:: max(1, -(-len(dates) // 7))]
    axes.set_xticks(ticks, [f"{d.day} {d:%b}" for d in ticks])
    axes.set_ylabel("risky pairs warned (%)")
    axes.set_ylim(bottom=0)
    axes.figure.legend(loc="outside upper center", ncols=3)


def arms_svg(arms: Sequence[Arm]) -> str:
    """Recall against adoption, an arm a line."""
    with canvas(INK, 7.2, 4.0) as (figure, (axes,)):
        draw_arms(axes, arms)
        return as_svg(figure, "Share of risky pairs warned, by adoption and arm")


def campaigns_svg(arms: Sequence[CampaignArm]) -> str:
    """:func:`draw_campaigns` as SVG."""
    with canvas(INK, 7.2, 4.0) as (figure, (axes,)):
        draw_campaigns(axes, arms)
        return as_svg(figure, "Share of risky pairs warned, by day of the campaign")


def adoption_png(result: RunResult) -> bytes:
    """The same figure for slides and README files."""
    out = io.BytesIO()
    with canvas("#222222", 7.2, 4.2) as (figure, (axes,)):
        draw_adoption(axes, result.metrics)
        axes.set_title(in_figure(result.scenario.title or result.scenario.name), loc="left")
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()


def waterfall_svg(metrics: Sequence[LevelMetrics]) -> str:
    """Where risky pairs are lost, a bar a level."""
    with canvas(INK, 7.2, 1.4 + 0.45 * len(metrics)) as (figure, (axes,)):
        draw_waterfall(axes, metrics)
        return as_svg(figure, "Stages at which risky pairs are lost, by adoption")


def draw_waterfall(axes: Any, metrics: Sequence[LevelMetrics]) -> None:
    """Where risky pairs are lost, a bar a level."""
    draw_stages(
        axes,
        [
            (
                f"{percent(m.adoption_smartphones)} of phones\n{m.users:,} users",
                {**m.lost, "warned": m.recall},
            )
            for m in metrics
        ],
    )


def draw_stages(axes: Any, bars: Sequence[tuple[str, Mapping[str, float | None]]]) -> None:
    """Bars of risky pairs, the first on top: their names, and the share at each of OUTCOMES."""
    names = [name for name, _ in reversed(bars)]
    left = np.zeros(len(names))
    for stage in OUTCOMES:
        width = 100 * np.array([shares[stage] or 0.0 for _, shares in reversed(bars)])
        width[width < 0.005] = 0.0  # told as 0.00
        if not width.any():
            continue
        axes.barh(
            names,
            width,
            left=left,
            height=0.7,
            color=_STAGE_COLOURS[stage],
            label=STAGES[stage],
        )
        for y, (start, span) in enumerate(zip(left, width, strict=True)):
            if span >= 6:
                axes.text(
                    start + span / 2,
                    y,
                    f"{span:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="#000000",
                )
        left += width
    axes.set_xlim(0, 100)
    axes.set_xlabel("risky pairs (%)")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", labelsize=8)
    if left.any():  # no legend where there is no risky pair
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=8, columnspacing=1.2
        )


def sensitivity_svg(rows: Sequence[SensitivityRow]) -> str:
    """Recall and precision when one assumption changes."""
    names = [in_figure(row.label) for row in reversed(rows)]
    with canvas(INK, 7.2, 0.9 + 0.32 * len(names), panels=2) as (figure, (left, right)):
        for y, row in enumerate(reversed(rows)):
            if row.recall is not None and row.recall_ci95 is not None:
                low, high = row.recall_ci95
                left.plot([100 * low, 100 * high], [y, y], color=GREEN, lw=2)
                left.plot(100 * row.recall, y, "o", color=GREEN, markersize=5)
            if row.precision is not None:
                right.plot(100 * row.precision, y, "o", color=_RED, markersize=5)
        left.set_yticks(range(len(names)), names)
        right.set_yticks(range(len(names)), [""] * len(names))
        left.set_xlabel("recall (%), 95 % interval")
        right.set_xlabel("precision (%)")
        for axes in (left, right):
            axes.set_xlim(left=0)
            axes.set_ylim(-0.6, len(names) - 0.4)
        return as_svg(figure, "Recall and precision under changed assumptions")


def draw_histogram(axes: Any, histogram: Histogram) -> None:
    """Density of each series: as high as values are dense, on bins at their places.

    Edges that are uneven and above 0 stand on a logarithmic axis, so that the narrow ones are seen.
    """
    series, edges = list(histogram.counts), histogram.edges
    for name, colour in zip(series, (BLUE, ORANGE, GREEN), strict=False):
        density = histogram.density(name)
        label = f"{name} (n = {histogram.counts[name].sum():,})"
        if density is not None:
            axes.stairs(100 * density, edges, color=colour, label=label, lw=1.6)
            axes.stairs(100 * density, edges, color=colour, alpha=0.15, fill=True)
    if not histogram.even and edges[0] > 0:
        axes.set_xscale("log")
        axes.set_xticks(edges, [f"{e:g}" for e in edges], fontsize=8)
        axes.minorticks_off()
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{histogram.name} ({histogram.unit})")
    axes.set_ylabel(f"% per {histogram.each}")
    if axes.patches:  # no legend where there is nothing
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(series), fontsize=8)
