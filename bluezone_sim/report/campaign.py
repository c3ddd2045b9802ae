"""A campaign's rows, and its panel in the report: curve by day, map of districts, tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.campaign import CampaignResult
from ..showing.visible import in_figure
from ..tables.level_tables import columns
from ..tables.metrics import METRICS, interval_column
from ..tables.table import Column, Table
from ..tables.words import share
from .figures import BLUE, GREEN, INK, ORANGE, as_svg, canvas

if TYPE_CHECKING:
    from ..scenario.model import Scenario


# -- tables ------------------------------------------------------------------------------------------

_DAYS_NOTE = (
    "The same cases, confirmed at the end of each day. phones: users of smartphone owners. a', both: "
    "both have the app, for two people at random and of risky pairs. reach: risky pairs whose other "
    "runs it. random: recall with as many users a day, any owners. none: without the measures. F1: "
    "warned per case. days: median from contact to warning."
)


def days_table(result: CampaignResult) -> Table:
    """Day by day with all measures, beside random users and no measure."""
    before = (
        "users",
        "adoption_smartphones",
        "square_law",
        "share_both_have_app",
        "share_in_reach",
    )
    after = ("precision", "n_warned_f1", "days_contact_to_warning_p50")
    everything, random, none = (result.of(arm) for arm in result.arms[:3])
    rows = tuple(
        (
            row.date,
            *(getattr(row, name) for name in (*before, "recall", "recall_ci95")),
            other.recall,
            base.recall,
            *(getattr(row, name) for name in after),
        )
        for row, other, base in zip(everything, random, none, strict=True)
    )
    recall = METRICS.get("recall")
    heads = (
        Column("day", day, left=True),
        *columns(before, ("users", "phones\n%", "a'\n%", "both\n%", "reach\n%")),
        recall.column(),
        interval_column(),
        recall.column("random\n%"),
        recall.column("none\n%"),
        *columns(after, ("prec.\n%", "F1", "days")),
    )
    return Table("The campaign, day by day", heads, rows, _DAYS_NOTE)


_ARMS_NOTE = (
    "lost: of what all measures find. at random: as many users on every day, but any smartphone owners: "
    "what it loses is what households, workplaces and groups that install together add over the square "
    "law. Without a measure, those whom it would have brought are left to the later ones."
)
MEASURES_TITLE = "With and without each measure"


def arms_table(result: CampaignResult, dates: Sequence[dt.date]) -> Table:
    """With and without each measure, on the key days; lost: share of what all measures find."""
    users, recall = METRICS.get("users"), METRICS.get("recall")
    heads = [Column("", left=True), Column("brought", _whole)]
    for date in dates[1:]:
        heads += [
            users.column(f"{day(date)}\nusers"),
            recall.column(),
            interval_column(),
            Column("lost\n%", _lost),
        ]
    whole = {row.date: row for row in result.of(result.arms[0])}
    brought = {f"without {name}": n for name, n in result.brought}
    rows = []
    for arm in result.arms:
        row: list[Any] = [arm, brought.get(arm)]
        at = {r.date: r for r in result.of(arm)}
        for date in dates[1:]:
            r, w = at[date], whole[date]
            lost = None if not w.recall or r.recall is None or r is w else 1 - r.recall / w.recall
            row += [r.users, r.recall, r.recall_ci95, lost]
        rows.append(tuple(row))
    return Table(MEASURES_TITLE, tuple(heads), tuple(rows), _ARMS_NOTE)


def parts_table(result: CampaignResult, what: str, dates: Sequence[dt.date]) -> Table:
    """By district or group on the key days, with all measures."""
    phones, recall = METRICS.get("adoption_smartphones"), METRICS.get("recall")
    heads = [Column("", left=True), Column("owners", _whole)]
    for date in dates:
        heads += [phones.column(f"{day(date)}\nof phones %"), recall.column()]
    found = [p for p in result.parts if p.what == what and p.arm == result.arms[0]]
    at = {(p.name, p.date): p for p in found}
    rows = []
    for name in dict.fromkeys(p.name for p in found):
        row: list[Any] = [name, at[name, dates[0]].owners]
        for date in dates:
            p = at[name, date]
            row += [p.users / p.owners if p.owners else None, p.recall]
        rows.append(tuple(row))
    return Table(f"By {what} of the case", tuple(heads), tuple(rows))


def day(date: dt.date) -> str:
    """A day, as tables have it."""
    return f"{date:%d %b}"


def _whole(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _lost(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f}"


# -- figures -----------------------------------------------------------------------------------------


def curve_svg(result: CampaignResult) -> str:
    """Recall by day for every arm, and the users."""
    with canvas(INK, 7.2, 3.9, panels=2) as (figure, (left, right)):
        grey = iter(("#999999", "#cc79a7", "#d55e00", "#56b4e9", "#8c6bb1", "#f0e442"))
        lead: dict[str, dict[str, Any]] = dict(
            zip(
                result.arms[:3],
                (
                    {"color": GREEN, "lw": 2.2},
                    {"color": ORANGE, "lw": 1.4, "ls": "--"},
                    {"color": BLUE, "lw": 1.4},
                ),
                strict=False,
            )
        )
        for arm in result.arms:
            rows = result.of(arm)
            x = np.array([row.date for row in rows])
            style = lead.get(arm) or {"color": next(grey, "#999999"), "lw": 1}
            recall = [np.nan if r.recall is None else 100 * r.recall for r in rows]
            left.plot(x, recall, label=in_figure(arm), **style)
            if arm in lead and arm != result.arms[1]:
                ends = 100 * np.array([r.recall_ci95 or (np.nan, np.nan) for r in rows]).T
                left.fill_between(x, *ends, color=style["color"], alpha=0.2, lw=0)
            if arm != result.arms[1]:
                phones = [
                    np.nan if v is None else 100 * v for v in (r.adoption_smartphones for r in rows)
                ]
                right.plot(x, phones, **style)
        left.set_ylabel("risky pairs warned (%)")
        right.set_ylabel("smartphone owners with the app (%)")
        for axes in (left, right):
            axes.set_ylim(bottom=0)
            _days_axis(axes, [row.date for row in result.of(result.arms[0])])
        figure.legend(loc="outside upper center", ncols=3, fontsize=8)
        return as_svg(figure, "Share of risky pairs warned and users, by day and measure")


def _days_axis(axes: Any, dates: Sequence[dt.date]) -> None:
    ticks = list(dates)[:: max(1, -(-len(dates) // 5))]
    axes.set_xticks(ticks, [f"{d.day} {d:%b}" for d in ticks])


def map_svg(result: CampaignResult, scenario: Scenario, dates: Sequence[dt.date]) -> str:
    """Districts as discs at their places: size by people, colour by recall on the key days."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    districts = scenario.population.districts
    xy = np.array([place(k, len(districts), d.position) for k, d in enumerate(districts)])
    span = np.maximum(np.ptp(xy, axis=0), 1e-9)
    people = np.array([d.people for d in districts], np.float64)
    rows = {(p.name, p.date): p for p in result.parts if p.arm == result.arms[0]}
    found = {date: [rows[d.name, date].recall for d in districts] for date in dates}
    top = max((v for values in found.values() for v in values if v is not None), default=0) or 1.0
    colour, scale = colormaps["viridis"], Normalize(0, 100 * top)
    with canvas(INK, 7.2, 3.1, panels=len(dates)) as (figure, panels):
        for axes, date in zip(panels, dates, strict=True):
            for (x, y), d, value in zip(xy, districts, found[date], strict=True):
                shade = "none" if value is None else colour(scale(100 * value))
                size = 40 + 420 * d.people / people.max()
                axes.scatter(x, y, s=size, color=shade, edgecolor=INK, lw=0.5, zorder=2)
                axes.annotate(
                    f"{in_figure(d.name)}\n{share(value)}", (x, y), ha="center", va="center", fontsize=6,
                    textcoords="offset points", xytext=(0, -8 - size**0.5 / 2), zorder=3,
                )  # fmt: skip
            axes.set_xlim(xy[:, 0].min() - 0.22 * span[0], xy[:, 0].max() + 0.22 * span[0])
            axes.set_ylim(xy[:, 1].min() - 0.35 * span[1], xy[:, 1].max() + 0.2 * span[1])
            axes.set_title(f"{date.day} {date:%B}", fontsize=10)
            axes.axis("off")
        return as_svg(figure, "Share of risky pairs warned, by district, on three days")


def place(k: int, n: int, position: list[float] | None) -> tuple[float, float]:
    """Where a district is drawn: its own place, or its seat in a square of ``n``."""
    if position is not None:
        return position[0], position[1]
    width = int(np.ceil(np.sqrt(n)))
    return float(k % width), -float(k // width)
