"""The plane of Ferretti et al. 2020, with the arms of an epidemic on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...analysis.epidemic.result import DAILY
from ...analysis.epidemic.summary import EpidemicResult
from ...epidemiology.ferretti import Growth, growth
from ...scenario.model import Scenario
from ...tables.table import Column, Table
from ...tables.words import hundredths, percent, share
from .arms import ShownArm, table_of, told
from .drawing import Drawing
from .labels import Label, column_inches, label_ends

#: Points a side of the plane.
_FINE = 21
#: Of R and of the delay, what the model takes.
_R0, _DELAY_H = (0.01, 50.0), 500.0
#: Pale, so that black is read on all of it, on white and on black pages.
_FALLS, _NOUGHT, _GROWS, _ON_IT = "#a9b8dc", "#f7f7f7", "#f0bd85", "#111111"


@dataclass(frozen=True)
class Place:
    """Where an arm is on the plane.

    Attributes:
        isolated: infections that become known as a case, who then stay at home, of all infections.
        quarantined: infections of people who were told, by the app or by tracers, of the very case that
            infected them, and then stay at home, of all infections.
    """

    isolated: float
    quarantined: float


def place_of(result: EpidemicResult, k: int, arm: ShownArm, scenario: Scenario) -> Place | None:
    """Where an arm is, over all seeds; None where nobody is infected.

    Args:
        result: of the scenario.
        k: number of the arm.
        arm: itself.
        scenario: with an epidemic.
    """
    tallies = [one.arms[k] for one in result.seeds]
    days = sum(tally.days.sum(0) for tally in tallies)
    infected, known = (int(days[DAILY.index(c)]) for c in ("infected", "known"))
    if not infected:
        return None
    behaviour = table_of(scenario, arm.arm).behaviour
    told_of = sum(tally.told_of_infector for tally in tallies)
    return Place(
        min(1.0, known / infected) * behaviour.confirmed_isolate,
        told_of / infected * behaviour.compliance,
    )


def plane(result: EpidemicResult, arms: Sequence[ShownArm], scenario: Scenario) -> Drawing | None:
    """Growth over the share of cases isolated and that of contacts quarantined; None without points.

    Args:
        result: of at least one seed.
        arms: all of its arms.
        scenario: with an epidemic.
    """
    places = [place_of(result, k, arm, scenario) for k, arm in enumerate(arms)]
    points = [(arm, at) for arm, at in zip(arms, places, strict=True) if at is not None]
    r0 = float(np.mean([one.fitted.r0 for one in result.seeds]))
    if not points or not _R0[0] <= r0 <= _R0[1]:
        return None
    table = scenario.epidemic
    assert table is not None
    delay_h = min(_DELAY_H, 24 * (table.tests.seek_after_days + table.tests.result_after_days))
    isolated, quarantined = (
        [getattr(at, name) for _, at in points] for name in ("isolated", "quarantined")
    )
    at_points = growth(isolated, quarantined, r0, delay_h)
    shown = [arm for arm, _ in points]

    def draw(axes: Any) -> None:
        _surface(axes, r0, delay_h)
        labels = []
        for (arm, at), r in zip(points, at_points.r, strict=True):
            x, y = 100 * at.isolated, 100 * at.quarantined
            axes.plot(x, y, **arm.mark)
            labels.append(Label(f"{arm.label}  R {r:.2f}", x, y, arm.colour))
        axes.set_xlabel("cases isolated (% of infections)")
        axes.set_ylabel("contacts quarantined (% of infections)")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        label_ends(axes, labels)

    values = [
        f"{percent(at.isolated)} and {percent(at.quarantined)}, R {float(r):.2f}"
        for (_, at), r in zip(points, at_points.r, strict=True)
    ]
    return Drawing(
        "epidemic-plane",
        "Isolation and contact tracing: the plane of Ferretti et al. 2020",
        max(5.0, 1.6 + column_inches(arm.label for arm in shown)),
        draw,
        "Growth of an epidemic by the share of cases isolated and of contacts quarantined, with the arms "
        f"on it: {told(shown, values)}.",
        f"Their model and disease at R0 {r0:.2f}, {delay_h:.0f} hours from symptoms to isolation and "
        f"quarantine (mean times to test and result). {_threshold_words(r0, delay_h)} Arms stand at the "
        "share of infections that become known as a case and isolate, and at the share who are told, by "
        "the app or by tracers, of the case that infected them, and comply; beside them R by the model. "
        "Those who isolate untested are not counted, so that an arm stands further left than it is; and "
        "the course of disease is theirs, not that of the run.",
        _table(points, at_points),
        tuple(
            {
                "arm": arm.summary.name,
                "isolated": at.isolated,
                "quarantined": at.quarantined,
                "growth_per_day": float(rate),
                "r": float(r),
                "r_of_the_run": arm.summary.r,
                "r0": r0,
                "delay_h": delay_h,
            }
            for (arm, at), rate, r in zip(points, at_points.per_day, at_points.r, strict=True)
        ),
    )


def _threshold_words(r0: float, delay_h: float) -> str:
    none, everything = growth([0.0, 1.0], [0.0, 1.0], r0, delay_h).r
    if none < 1:
        return "R is below 1 without any measure."
    if everything < 1:
        words = "Thick: R = 1; below and left of it the epidemic grows"
    else:
        words = "With this delay R is above 1 everywhere"
    dashed = delay_h > 0 and growth(1.0, 1.0, r0).r < 1
    return words + ("; dash-dotted: R = 1 without a delay." if dashed else ".")


def _surface(axes: Any, r0: float, delay_h: float) -> None:
    """Growth as a colour, and lines of R."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    side = np.linspace(0, 1, _FINE)
    found = growth(side, side[:, None], r0, delay_h)
    low, high = found.per_day.min(), found.per_day.max()
    levels = MaxNLocator(10).tick_values(low, high)
    most = max(abs(low), abs(high), 1e-6)
    surface = axes.contourf(
        100 * side,
        100 * side,
        found.per_day,
        levels=levels,
        cmap=LinearSegmentedColormap.from_list("growth", [_FALLS, _NOUGHT, _GROWS]),
        vmin=-most,
        vmax=most,
    )
    bar = axes.figure.colorbar(surface, ax=axes, location="top", aspect=40, pad=0.02)
    bar.set_label("growth a day, by the model")
    _contour(
        axes, side, found.r, (0.2, 0.4, 0.6, 0.8, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10, 20), lw=0.6
    )
    _contour(axes, side, found.r, [1.0], lw=2.2)
    if delay_h:
        _contour(axes, side, growth(side, side[:, None], r0).r, [1.0], lw=1.2, dash="-.")
    axes.grid(visible=False)


def _contour(
    axes: Any, side: Any, r: Any, levels: Sequence[float], lw: float, dash: str = "-"
) -> None:
    """Lines of R that cross the plane, named."""
    levels = [level for level in levels if r.min() < level < r.max()]
    if levels:
        lines = axes.contour(
            100 * side, 100 * side, r, levels=levels, colors=_ON_IT, linewidths=lw, linestyles=dash
        )
        axes.clabel(lines, fmt=lambda v: f"R {v:g}", fontsize=7)


def _table(points: Sequence[tuple[ShownArm, Place]], found: Growth) -> Table:
    heads = (
        Column("arm", left=True),
        Column("isolated\n%", share),
        Column("quarantined\n%", share),
        Column("growth\na day", lambda v: f"{v:+.3f}"),
        Column("R by\nthe model", hundredths),
        Column("R of\nthe run", hundredths),
    )
    rows = tuple(
        (arm.summary.name, at.isolated, at.quarantined, float(rate), float(r), arm.summary.r)
        for (arm, at), rate, r in zip(points, found.per_day, found.r, strict=True)
    )
    return Table("By their model", heads, rows)
