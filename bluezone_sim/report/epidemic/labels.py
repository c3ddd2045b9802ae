"""Labels that stand beside what they name and do not cover each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Of labels' type, and the least distance of two, in points.
_SIZE, _GAP = 7.5, 1.5
#: Distances of a label from its point, in points, and directions that are tried.
_AWAY, _DIRECTIONS = (4.0, 9.0, 15.0, 23.0, 33.0, 46.0, 62.0, 80.0, 100.0, 125.0, 150.0), 16
#: What it costs to cover another label or a mark, to cross a line, and to be a point further away.
_COVERS, _CROSSES, _FURTHER = 100.0, 3.0, 0.25
#: Half of a mark's side in points, and the pieces that a slanting line is taken for.
_MARK, _PIECES = 5.0, 24


#: A straight line: (x, y) of both ends.
Way = tuple[float, float, float, float]


class Label(NamedTuple):
    """A text and the place that it names, in the units of the axes."""

    text: str
    x: float
    y: float
    colour: str


def column_inches(texts: Iterable[str]) -> float:
    """How high a column of labels is that do not cover each other."""
    return sum(1.25 * _SIZE * (1 + text.count("\n")) + _GAP for text in texts) / 72


def spread(wanted: ArrayLike, heights: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """Middles of labels in a column: as near to the wanted ones as can be without overlap.

    Args:
        wanted: ``float64[n]``, in any order.
        heights: ``float64[n]``, of the labels.
        low, high: ends of the column; labels that do not fit into it go beyond the high end.

    Returns:
        ``float64[n]``, in the order of the wanted ones: the least sum of squared moves.
    """
    from scipy.optimize import isotonic_regression

    at, size = np.asarray(wanted, np.float64), np.asarray(heights, np.float64)
    if not len(at):
        return at
    order = np.argsort(at, kind="stable")
    # With the room that those below take off, middles must only not fall.
    below = np.cumsum(size[order]) - size[order] / 2
    free = isotonic_regression(at[order] - below).x
    last = max(low, high - size.sum())
    out = np.empty_like(at)
    out[order] = np.clip(free, low, last) + below
    return out


def label_ends(axes: Any, labels: Sequence[Label]) -> None:
    """Labels in a column right of the axes, each joined to its place; limits of the axes must be set."""
    box = _laid_out(axes)
    point = axes.figure.dpi / 72
    heights = [_extent(axes, label.text)[1] + _GAP * point for label in labels]
    places = [axes.transData.transform((label.x, label.y))[1] - box.y0 for label in labels]
    middles = spread(places, heights, 0.0, box.height)
    for label, middle in zip(labels, middles, strict=True):
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(1.045, middle / box.height),
            textcoords="axes fraction",
            va="center",
            fontsize=_SIZE,
            annotation_clip=False,
            linespacing=1.0,
            arrowprops={**_joint(label.colour), "relpos": (0.0, 0.5)},
        )


def label_points(
    axes: Any,
    labels: Sequence[Label],
    lines: Sequence[Way] = (),
    marks: Sequence[tuple[float, float]] = (),
) -> None:
    """Labels beside points, within the axes, off other labels, marks and, where it can be, lines.

    Args:
        axes: their limits must be set.
        labels: in the order in which they find a place.
        lines: in the units of the axes.
        marks: other marks, (x, y).
    """
    frame = _laid_out(axes)
    point = axes.figure.dpi / 72

    def pixels(x: float, y: float) -> tuple[float, float]:
        a, b = axes.transData.transform((x, y))
        return float(a), float(b)

    places = np.array([pixels(label.x, label.y) for label in labels]).reshape(-1, 2)
    others = np.array([pixels(x, y) for x, y in marks]).reshape(-1, 2)
    taken = np.vstack([places, others])
    taken = np.hstack([taken - _MARK * point, taken + _MARK * point])
    ends = np.array([[*pixels(a, b), *pixels(c, d)] for a, b, c, d in lines]).reshape(-1, 4)
    part = np.linspace(0, 1, _PIECES + 1)[:, None, None]
    at = ends[:, :2] + part * (ends[:, 2:] - ends[:, :2])
    low, high = np.minimum(at[:-1], at[1:]), np.maximum(at[:-1], at[1:])
    pieces = np.concatenate([low, high], axis=2).reshape(-1, 4)
    for label, at in zip(labels, places, strict=True):
        width, height = _extent(axes, label.text)
        boxes, away = _candidates(at, width, height, point)
        outside = (boxes[:, 0] < frame.x0) | (boxes[:, 2] > frame.x1)
        outside |= (boxes[:, 1] < frame.y0) | (boxes[:, 3] > frame.y1)
        cost = _FURTHER * away + _COVERS * (outside + _covered(boxes, taken))
        best = int(np.argmin(cost + _CROSSES * _covered(boxes, pieces)))
        taken = np.vstack([taken, boxes[best]])
        middle = (boxes[best, :2] + boxes[best, 2:]) / 2
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=tuple((middle - at) / point),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            linespacing=1.0,
            multialignment="left" if middle[0] > at[0] else "right",
            arrowprops=_joint(label.colour) if away[best] > _AWAY[0] else None,
        )


def _candidates(
    at: NDArray[np.float64], width: float, height: float, point: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes (left, bottom, right, top) around a place, in pixels, and how far each is, in points."""
    angle = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    towards = np.column_stack([np.cos(angle), np.sin(angle)])
    half = np.array([width, height]) / 2
    away = np.repeat(_AWAY, _DIRECTIONS)
    # The box's side or corner, not its middle, is as far from the mark as is asked for.
    unit = np.tile(towards, (len(_AWAY), 1))
    middle = at + unit * ((away + _MARK) * point)[:, None] + np.clip(unit * 1.6, -1, 1) * half
    return np.hstack([middle - half, middle + half]), away


def _covered(boxes: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the taken boxes each box touches."""
    a, b = boxes[:, None], taken[None]
    touches = (a[..., 0] <= b[..., 2]) & (b[..., 0] <= a[..., 2])
    touches &= (a[..., 1] <= b[..., 3]) & (b[..., 1] <= a[..., 3])
    return np.asarray(touches.sum(1), np.int64)


def _laid_out(axes: Any) -> Any:
    """Where the axes are, in pixels, as they are drawn."""
    axes.figure.draw_without_rendering()
    return axes.get_window_extent()


def _extent(axes: Any, text: str) -> tuple[float, float]:
    """Width and height of a text, in pixels."""
    made = axes.text(0, 0, text, fontsize=_SIZE, linespacing=1.0)
    box = made.get_window_extent()
    made.remove()
    return box.width, box.height


def _joint(colour: str) -> dict[str, Any]:
    return {
        "arrowstyle": "-",
        "color": colour,
        "lw": 0.8,
        "shrinkA": 1,
        "shrinkB": 2,
    }
