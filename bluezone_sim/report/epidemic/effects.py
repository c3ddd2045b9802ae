"""What arms avert: against adoption, and against the days that people are kept at home."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...tables.table import Column, Table
from ...tables.words import Interval, hundredths, interval, percent, share
from .arms import ShownArm, but_for_its_level, told
from .drawing import Drawing
from .labels import Label, Way, column_inches, label_ends, label_points

_AVERTED = "infections averted (% of the baseline's)"
#: Points of a figure that have their name beside them, at the most.
_NAMED = 18
#: Between arms of one level on the axis of adoption, percent of smartphones.
_BESIDE = 1.4


def averted(arm: ShownArm, baseline: ShownArm) -> float | None:
    """Share of the baseline's infections that an arm has not; 0 for the baseline by definition."""
    return 0.0 if arm is baseline else arm.summary.averted


def lines_of(arms: Sequence[ShownArm]) -> list[list[ShownArm]]:
    """Arms that differ in nothing but their level, by level; all but those without an app."""
    groups: dict[str, list[ShownArm]] = {}
    for arm in arms:
        if arm.kind != "no app" and arm.summary.level > 0:
            groups.setdefault(but_for_its_level(arm.arm), []).append(arm)
    return [sorted(group, key=lambda a: a.summary.level) for group in groups.values()]


def square_law(line: Sequence[ShownArm], level: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """What the chance that both have the app would give, scaled to the highest level of a line of arms.

    Args:
        line: by level, as of :func:`lines_of`.
        level: ``float64[n]``, shares of smartphone owners.

    Returns:
        ``float64[n]``, shares of the baseline's infections; None where the top is not known.
    """
    top = line[-1].summary
    return None if top.averted is None else top.averted * (level / top.level) ** 2


def side_by_side(lines: Sequence[Sequence[ShownArm]]) -> dict[str, float]:
    """Where arms stand on an axis of adoption, percent, by name: of those at one level, the first line's
    at its place, and the others left of it, so that their bars are seen."""
    step = min(_BESIDE, 5 * _BESIDE / len(lines))
    there: dict[float, int] = {}
    out = {}
    for arm in (arm for line in lines for arm in line):
        level = arm.summary.level
        out[arm.summary.name] = max(0.0, 100 * level - step * there.get(level, 0))
        there[level] = there.get(level, 0) + 1
    return out


def adoption(arms: Sequence[ShownArm]) -> Drawing | None:
    """Infections averted against adoption, with intervals and the square law; None without an app.

    Args:
        arms: all, the baseline first.
    """
    base = arms[0]
    lines = [[a for a in line if averted(a, base) is not None] for line in lines_of(arms)]
    lines = [line for line in lines if line]
    if not lines:
        return None
    points = [arm for line in lines for arm in line]
    main = max(lines, key=lambda line: (line[0].kind == "app", len(line)))
    from_nothing = base.kind == "no app" and base.arm.manual == main[0].arm.manual
    fine = np.linspace(0, main[-1].summary.level, 101)
    law = square_law(main, fine)
    widest = max(arm.summary.level for arm in points)
    places = side_by_side([main, *(line for line in lines if line is not main)])

    def draw(axes: Any) -> None:
        ends: list[Label] = []
        inside: list[Label] = []
        ways: list[Way] = []
        marks: list[tuple[float, float]] = []
        if law is not None:
            style = {"color": main[-1].colour, "ls": (0, (6, 3)), "lw": 0.9}
            axes.plot(100 * fine, 100 * law, **style, label="adoption squared, through the top")
            axes.legend(loc="upper left", fontsize=8)
        for line in lines:
            x = [places[arm.summary.name] for arm in line]
            y = [100 * (averted(a, base) or 0.0) for a in line]
            for arm, px in zip(line, x, strict=True):
                ways += _bar(axes, arm, px, arm.summary.averted_ci95)
            last = Label(
                f"{line[-1].label}  {percent(averted(line[-1], base))}",
                x[-1],
                y[-1],
                line[-1].colour,
            )
            (ends if line[-1].summary.level > 0.9 * widest else inside).append(last)
            marks += list(zip(x, y, strict=True))
            if line is main and from_nothing and len(line) > 1:
                x, y = [0.0, *x], [0.0, *y]
            axes.plot(x, y, color=line[-1].colour, ls=line[-1].dash, lw=1.4)
            ways += list(zip(x, y, x[1:], y[1:], strict=False))
        for arm, (px, py) in zip(points, marks, strict=True):
            axes.plot(px, py, **arm.mark, zorder=3)
        axes.set_xlim(0, 104)
        _from_zero(axes)
        axes.set_xlabel("smartphone owners with the app (%)")
        axes.set_ylabel(_AVERTED)
        label_ends(axes, ends)
        label_points(axes, inside, ways, marks)

    values = [percent(averted(a, base)) for a in points]
    middle = main[-1].summary.level / 2
    half = square_law(main, np.array([middle]))
    words = ""
    if half is not None:
        words = f" By the square law {percent(float(half[0]))} at {percent(middle)}."
    hollow = ""
    if any(arm.kind == "placebo" for arm in points):
        hollow = " Hollow: a placebo, as many random users warned; what an arm averts beyond its placebo "
        hollow += "is what detection is worth."
    return Drawing(
        "epidemic-adoption",
        "Infections averted against adoption",
        max(3.9, 0.8 + column_inches(line[-1].label for line in lines)),
        draw,
        f"Infections averted against adoption. {told(points, values)}.{words}",
        f"Beside {base.summary.name}, by day {base.summary.day}; bars: 95 % intervals, paired by seed"
        + (" (none with one seed)" if all(a.summary.averted_ci95 is None for a in points) else "")
        + f". Dashed without marks: the square law, through the highest level."
        f"{hollow} Arms of one level stand side by side.",
        _adoption_table(points),
        tuple(_record(arm, base) for arm in points),
    )


def pareto(cost: ArrayLike, worth: ArrayLike) -> NDArray[np.int64]:
    """Which points no other one beats, that is costs no more and is worth no less.

    Args:
        cost, worth: ``float64[n]``; a point with NaN is left out.

    Returns:
        ``int64[m]``, their indices, by cost; of equal points the first.
    """
    x, y = np.asarray(cost, np.float64), np.asarray(worth, np.float64)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    order = known[np.lexsort((known, -y[known], x[known]))]
    best = np.maximum.accumulate(np.concatenate([[-np.inf], y[order]]))
    return np.asarray(order[y[order] > best[:-1]], np.int64)


def costs(arms: Sequence[ShownArm]) -> Drawing | None:
    """Infections averted against quarantine days a person; None where nothing is averted of anything.

    Args:
        arms: all, the baseline first.
    """
    base = arms[0]
    points = [a for a in arms if averted(a, base) is not None]
    if len(points) < 2:
        return None
    x = np.array([a.summary.quarantine_days_per_person for a in points])
    y = np.array([averted(a, base) or 0.0 for a in points])
    chosen = np.array([a.kind in ("no app", "app", "changed") for a in points])
    front = pareto(x, np.where(chosen, y, np.nan))
    # What no tracing costs in infections would press all the rest together.
    seen = [a.kind != "no app" or a is base or v >= 0 for a, v in zip(points, y, strict=True)]
    there = [k for k in range(len(points)) if seen[k]]
    first = sorted(there, key=lambda k: (k not in front, points[k].kind == "changed"))
    named = set(first[:_NAMED])

    def draw(axes: Any) -> None:
        way = [k for k in front if seen[k]]
        axes.step(x[way], 100 * y[way], where="post", color="#808080", lw=1.2, zorder=1)
        labels: list[Label] = []
        lines: list[Way] = []
        for a, b in pairwise(way):
            lines += [(x[a], 100 * y[a], x[b], 100 * y[a]), (x[b], 100 * y[a], x[b], 100 * y[b])]
        marks: list[tuple[float, float]] = []
        for k in there:
            arm, at = points[k], (float(x[k]), 100 * float(y[k]))
            lines += _bar(axes, arm, x[k], arm.summary.averted_ci95)
            axes.plot(*at, **arm.mark, zorder=3)
            marks.append(at)
            if k in named:
                labels.append(Label(arm.label, *at, arm.colour))
        axes.set_xlim(0, 1.12 * x[seen].max() if x[seen].max() > 0 else 1.0)
        _from_zero(axes)
        axes.set_xlabel("days in quarantine, a person")
        axes.set_ylabel(_AVERTED)
        label_points(axes, labels, lines, marks)

    values = [
        f"{hundredths(float(q))} days, {percent(float(v))}" for q, v in zip(x, y, strict=True)
    ]
    names = [points[k].summary.name for k in front]
    return Drawing(
        "epidemic-costs",
        "Infections averted against days in quarantine",
        4.6,
        draw,
        f"Infections averted against days in quarantine a person: {told(points, values)}. "
        f"Beaten by no other one: {'; '.join(names)}.",
        f"By day {base.summary.day}: days at home because warned or traced, as no known "
        "case. The step line joins the arms that no other one beats, more averted for as few days; "
        "placebos (hollow) and assumptions (square, triangle) are no choices and are left out of it. "
        f"Bars: 95 % intervals, paired by seed.{_unseen_words(points, seen)}"
        + (" Names of the others are in the table." if len(named) < len(there) else ""),
        _costs_table(points, x, y, front),
        tuple({**_record(arm, base), "on_the_front": k in front} for k, arm in enumerate(points)),
    )


def _unseen_words(points: Sequence[ShownArm], seen: Sequence[bool]) -> str:
    out = [a for a, is_seen in zip(points, seen, strict=True) if not is_seen]
    names = [
        f"{a.summary.name} ({hundredths(a.summary.quarantine_days_per_person)} days, "
        f"{percent(a.summary.averted)})"
        for a in out
    ]
    return f" Below the picture: {'; '.join(names)}." if names else ""


def _bar(axes: Any, arm: ShownArm, x: float, ends: Interval | None) -> list[Way]:
    if ends is None:
        return []
    low, high = 100 * ends[0], 100 * ends[1]
    axes.plot([x, x], [low, high], color=arm.colour, lw=1.6, alpha=0.6, solid_capstyle="butt")
    return [(x, low, x, high)]


def _from_zero(axes: Any) -> None:
    """The axis holds 0; where there is less, it has a line."""
    low, high = float(axes.dataLim.y0), float(axes.dataLim.y1)
    room = 0.08 * (max(high, 0.0) - min(low, 0.0)) or 1.0
    axes.set_ylim(low - room if low < 0 else 0.0, max(high, 0.0) + room)
    if low < 0:
        axes.axhline(0, color="#808080", lw=0.8, zorder=0)


def _record(arm: ShownArm, base: ShownArm) -> dict[str, Any]:
    ends = arm.summary.averted_ci95 or (None, None)
    return {
        "arm": arm.summary.name,
        "level": arm.summary.level,
        "finds": arm.summary.finds,
        "averted": averted(arm, base),
        "averted_lo": ends[0],
        "averted_hi": ends[1],
        "quarantine_days_per_person": arm.summary.quarantine_days_per_person,
    }


def _adoption_table(points: Sequence[ShownArm]) -> Table:
    heads = (
        Column("arm", left=True),
        Column("phones\n%", share),
        Column("averted\n%", share),
        Column("95 %", interval),
    )
    rows = tuple(
        (a.summary.name, a.summary.level, a.summary.averted, a.summary.averted_ci95) for a in points
    )
    return Table("Infections averted", heads, rows)


def _costs_table(
    points: Sequence[ShownArm],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    front: NDArray[np.int64],
) -> Table:
    heads = (
        Column("arm", left=True),
        Column("days\na person", hundredths),
        Column("averted\n%", share),
        Column("beaten\nby none"),
    )
    order = np.lexsort((-y, x))
    rows = tuple(
        (points[k].summary.name, float(x[k]), float(y[k]), "yes" if k in front else "")
        for k in order
    )
    return Table("Days in quarantine", heads, rows)
