"""People infected, by day and arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...analysis.epidemic.summary import EpidemicResult
from ...tables.table import Column, Table
from ...tables.words import percent, share
from .arms import ShownArm, daily, told
from .drawing import Drawing
from .labels import Label, column_inches, label_ends

#: New infections are shown as the mean of so many days.
_WEEK = 7
#: Height of the lower part, inches.
_BELOW = 1.7
#: Rows of the table in the page, at the most.
_ROWS = 12


def curves(result: EpidemicResult, arms: Sequence[ShownArm]) -> Drawing:
    """People infected so far by arm, and those newly infected a day, over seeds.

    Args:
        result: of at least one seed.
        arms: all of its arms.
    """
    people = np.array([one.people for one in result.seeds])[:, None, None]
    infected = daily(result, "infected")
    so_far = infected.cumsum(2) / people
    new = (infected - daily(result, "imported")) / people
    n_seeds, _, n_days = so_far.shape
    over = [arm.summary.over == n_seeds for arm in arms]
    # More bands than two lie upon each other: what differs between seeds is the town, not the arm.
    top = max((a for a in arms if a.kind == "app"), key=_level, default=arms[0])
    banded = [k for k, arm in enumerate(arms) if arm is arms[0] or arm is top]
    ends = [percent(float(v)) for v in so_far[:, :, -1].mean(0)]

    above = max(3.6, 0.5 + column_inches(arm.label for arm in arms))

    def draw(total: Any, fresh: Any) -> None:
        days = np.arange(n_days + 1)
        labels = []
        for k, arm in enumerate(arms):
            line = {"color": arm.colour, "ls": arm.dash, "lw": 1.6, "label": arm.label}
            seen = 100 * np.insert(so_far[:, k], 0, 0, axis=1)
            total.plot(days, seen.mean(0), **line)
            if n_seeds > 1 and k in banded:
                total.fill_between(
                    days, seen.min(0), seen.max(0), color=arm.colour, alpha=0.15, lw=0
                )
            total.plot(n_days, seen[:, -1].mean(), "o" if over[k] else ">", color=arm.colour, ms=4)
            fresh.plot(days[1:], 1000 * week_mean(new[:, k].mean(0)), **line)
            text = f"{arm.label}  {ends[k]}"
            labels.append(Label(text, n_days, seen[:, -1].mean(), arm.colour))
        for axes in (total, fresh):
            axes.set_xlim(0, n_days)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_ylim(0, axes.get_ylim()[1] if axes.dataLim.y1 > 0 else 1.0)
        total.tick_params(labelbottom=False)
        total.set_ylabel("people infected so far (%)")
        fresh.set_ylabel("newly infected a day\nin the town, of 1,000")
        fresh.set_xlabel("day")
        label_ends(total, labels)

    bands = " and ".join(arms[k].summary.name for k in banded)
    seeds = f"mean of {n_seeds} seeds; bands: all seeds of {bands}" if n_seeds > 1 else "one seed"
    return Drawing(
        "epidemic-curves",
        "The epidemic over time",
        above + _BELOW,
        draw,
        f"People infected so far by arm, over {n_days} days. On day {n_days}: {told(arms, ends)}.",
        f"Share of all people infected by the end of each day ({seeds}), and under it people newly "
        f"infected in the town, mean of {_WEEK} days. Solid grey: the baseline; blue, darker with "
        "adoption: the app; dash-dotted: another rule, protocol or behaviour; dashed: placebo; dotted: "
        f"no tracing, or an assumption. {_over_words(over, n_days)}",
        _table(arms, so_far),
        tuple(_records(arms, so_far, new)),
        rows=(above, _BELOW),
    )


def week_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the days about each day, of fewer at both ends.

    Args:
        values: ``float64[days]``.
    """
    window, half = np.ones(_WEEK), _WEEK // 2
    total, days = (np.convolve(v, window)[half : half + len(v)] for v in (values, values * 0 + 1))
    return np.asarray(total / days, np.float64)


def _level(arm: ShownArm) -> float:
    return arm.summary.level


def _over_words(over: Sequence[bool], n_days: int) -> str:
    if all(over):
        return f"By day {n_days} all of them are over."
    return (
        f"A dot at the end: over by day {n_days} in every seed; an arrow: it goes on, and what is "
        "averted is averted by that day."
    )


def _table(arms: Sequence[ShownArm], so_far: NDArray[np.float64]) -> Table:
    n_days = so_far.shape[2]
    step = max(1, -(-n_days // _ROWS))
    at = sorted({*range(step - 1, n_days, step), n_days - 1})
    heads = (Column("day", left=True), *(Column(f"{a.summary.name}\n%", share) for a in arms))
    rows = tuple((d + 1, *(float(v) for v in so_far[:, :, d].mean(0))) for d in at)
    return Table("People infected so far", heads, rows)


def _records(
    arms: Sequence[ShownArm], so_far: NDArray[np.float64], new: NDArray[np.float64]
) -> list[dict[str, Any]]:
    return [
        {
            "arm": arm.summary.name,
            "day": day + 1,
            "infected_share": float(so_far[:, k, day].mean()),
            "infected_share_least": float(so_far[:, k, day].min()),
            "infected_share_most": float(so_far[:, k, day].max()),
            "newly_infected_share": float(new[:, k, day].mean()),
            "seeds": len(so_far),
        }
        for k, arm in enumerate(arms)
        for day in range(so_far.shape[2])
    ]
