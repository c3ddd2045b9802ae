"""Charts of the report: SVG in the page's own colours, with the numbers that a pointer asks for.

Colours are CSS classes (``c0`` … of the page), so that themes and print change them; ``data-tips`` of a
chart holds, for each place on its x axis, the lines that the page's script shows there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ..showing.visible import visible, visible_json
from ..tables.rows import Histogram
from ..tables.words import percent
from .line_styles import STYLES

#: Classes of colours that the page defines.
N_COLOURS = 7

_WIDTH, _HEIGHT = 720.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 26.0, 40.0, 62.0
#: Least distance of two labels on a histogram's x axis.
_APART = 38.0

#: Ticks of an axis in percent.
_PERCENTS = tuple((v, f"{v}") for v in range(0, 101, 20))


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: as in the legend.
        colour: number of its class.
        x, y: values, None where undefined.
        ends: interval of each y, None where there is none.
        dashed, dots: how it is drawn.
        kind: index into STYLES, its dash and its marks.
    """

    name: str
    colour: int
    x: Sequence[float]
    y: Sequence[float | None]
    ends: Sequence[tuple[float, float] | None] = ()
    dashed: bool = False
    dots: bool = True
    kind: int = 0


@dataclass(frozen=True)
class Tip:
    """What is shown where a pointer is: the place, in units of the chart, a head and lines."""

    x: float
    head: str
    lines: Sequence[tuple[int, str, str]]


def nice_ceiling(value: float) -> float:
    """The least of 1, 2, 4, 6, 8 times a power of ten that is not below ``value``; it has quarters."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(k * power for k in (1, 2, 4, 6, 8, 10) if k * power >= value * (1 - 1e-9)))


def line_chart(
    lines: Sequence[Line],
    tips: Sequence[Tip],
    *,
    x: str,
    y: str,
    alt: str,
    ticks: Sequence[tuple[float, str]] = _PERCENTS,
) -> str:
    """Lines over 0 … 100 percent.

    Args:
        lines: drawn in this order; values in percent.
        tips: by place, with x in percent.
        x, y: names of the axes.
        alt: what it shows, for those who do not see it.
        ticks: places on the x axis in percent, and what is written there.
    """
    values = [v for line in lines for v in line.y if v is not None]
    values += [end[1] for line in lines for end in line.ends if end is not None]
    top = nice_ceiling(max(values, default=1.0))
    across = _WIDTH - _LEFT - _RIGHT
    down = _HEIGHT - _TOP - _BOTTOM

    def px(v: float) -> float:
        return _LEFT + across * v / 100

    def py(v: float) -> float:
        return _TOP + down * (1 - v / top)

    out = [_y_axis(top, y), *_x_ticks([(px(v), text) for v, text in ticks], x)]
    for line in lines:
        band = [
            (px(at), py(max(0.0, end[0])), py(end[1]))
            for at, end in zip(line.x, line.ends, strict=False)
            if end is not None
        ]
        if len(band) > 1:
            path = [f"{a:.1f},{low:.1f}" for a, low, _ in band]
            path += [f"{a:.1f},{high:.1f}" for a, _, high in reversed(band)]
            out.append(f'<polygon class="band c{line.colour}" points="{" ".join(path)}"/>')
        elif band:
            a, low, high = band[0]
            caps = "".join(f"M{a - 5:.1f} {end:.1f}H{a + 5:.1f}" for end in (low, high))
            way = f"M{a:.1f} {low:.1f}V{high:.1f}{caps}"
            out.append(f'<path class="line bar-of c{line.colour}" d="{way}"/>')
    for line in lines:
        points = [(px(a), py(v)) for a, v in zip(line.x, line.y, strict=True) if v is not None]
        style = " dashed" if line.dashed else ""
        dash = " ".join(f"{length:g}" for length in STYLES[line.kind].dash)
        dash = f' stroke-dasharray="{dash}"' if dash and not line.dashed else ""
        if points:
            way = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
            out.append(f'<path class="line c{line.colour}{style}"{dash} d="M{way}"/>')
        if line.dots:
            out += [_mark(line, a, b) for a, b in points]
    placed = [Tip(px(t.x), t.head, t.lines) for t in tips]
    return _svg(out, placed, alt)


def _mark(line: Line, x: float, y: float) -> str:
    path = STYLES[line.kind].path
    if not path:
        return f'<circle class="dot c{line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return f'<path class="dot c{line.colour}" transform="translate({x:.1f} {y:.1f})" d="{path}"/>'


def histogram_chart(histogram: Histogram, alt: str) -> str:
    """Density of each series, percent a unit: as high as values are dense, on bins at their places.

    Edges that are uneven and above 0 stand on a logarithmic axis, so that the narrow ones are seen.
    """
    series, edges = list(histogram.counts), histogram.edges
    density = {name: histogram.density(name) for name in series}
    drawn = {name: 100 * d for name, d in density.items() if d is not None}
    top = nice_ceiling(max((float(d.max(initial=0)) for d in drawn.values()), default=1.0))
    down = _HEIGHT - _TOP - _BOTTOM
    stretched = np.log(edges) if not histogram.even and edges[0] > 0 else edges
    places = (stretched - stretched[0]) / (stretched[-1] - stretched[0])
    at = _LEFT + (_WIDTH - _LEFT - _RIGHT) * places
    # An edge has its label where two would not overlap.
    ticks: list[tuple[float, str]] = []
    for x, edge in zip(at.tolist(), edges.tolist(), strict=True):
        if not ticks or x - ticks[-1][0] >= _APART:
            ticks.append((x, f"{edge:g}"))
    out = [_y_axis(top, f"% per {histogram.each}")]
    out += _x_ticks(ticks, f"{histogram.name} ({histogram.unit})", lines=False)
    for k, name in enumerate(series):
        if name not in drawn:
            continue
        high = _TOP + down * (1 - drawn[name] / top)
        steps = "".join(
            f"V{y:.1f}H{x:.1f}" for x, y in zip(at[1:].tolist(), high.tolist(), strict=True)
        )
        path = f"M{at[0]:.1f} {_TOP + down:.1f}{steps}V{_TOP + down:.1f}"
        out.append(f'<path class="band c{k % N_COLOURS}" d="{path}Z"/>')
        out.append(f'<path class="line c{k % N_COLOURS}" d="{path}"/>')
    tips = []
    for i in range(len(edges) - 1):
        lines = []
        for k, name in enumerate(series):
            shares, count = histogram.shares(name), int(histogram.counts[name][i])
            found = percent(None if shares is None else float(shares[i]))
            lines.append((k % N_COLOURS, name, f"{found} ({count:,})"))
        head = f"{edges[i]:g} to {edges[i + 1]:g} {histogram.unit}"
        tips.append(Tip(float(at[i] + at[i + 1]) / 2, head, lines))
    return _svg(out, tips, alt)


def _y_axis(top: float, name: str) -> str:
    down = _HEIGHT - _TOP - _BOTTOM
    out = []
    for k in range(5):
        value = top * k / 4
        at = _TOP + down * (1 - k / 4)
        out.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{at:.1f}" dy=".35em" class="end">{value:g}</text>')
    out.append(f'<text x="0" y="18" class="name">{escape(visible(name))}</text>')
    return "".join(out)


def _x_ticks(ticks: Sequence[tuple[float, str]], name: str, *, lines: bool = True) -> list[str]:
    base = _HEIGHT - _BOTTOM
    out = [f'<path class="axis" d="M{_LEFT} {base}H{_WIDTH - _RIGHT}"/>']
    for at, text in ticks:
        if lines:
            out.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{base}"/>')
        out.append(f'<text x="{at:.1f}" y="{base + 21}" class="mid">{escape(visible(text))}</text>')
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    out.append(
        f'<text x="{middle}" y="{_HEIGHT - 10}" class="mid name">{escape(visible(name))}</text>'
    )
    return out


def _svg(parts: Sequence[str], tips: Sequence[Tip], alt: str) -> str:
    base = _HEIGHT - _BOTTOM
    data: list[Any] = [[round(t.x, 1), t.head, [list(line) for line in t.lines]] for t in tips]
    text = escape(visible_json(data), quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" tabindex="0" '
        f'aria-label="{escape(visible(alt), quote=True)}" data-tips="{text}">'
        f'<path class="rule" d="M0 {_TOP}V{base}" visibility="hidden"/>{"".join(parts)}</svg>'
    )
