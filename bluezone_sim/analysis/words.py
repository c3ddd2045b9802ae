"""Numbers in words: shares, intervals, differences, each with its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tables.metrics import SHARES

if TYPE_CHECKING:
    from ..tables.metrics import LevelMetrics


def percent(value: float | None) -> str:
    """A share in percent, with the sign; a dash where undefined."""
    return "–" if value is None else f"{share(value)} %"


def share(value: float | None) -> str:
    """A share in percent, two or three significant digits; a dash where undefined."""
    if value is None:
        return "–"
    p = 100 * value
    return f"{p:.0f}" if p >= 99.95 else f"{p:.1f}" if p >= 10 else f"{p:.2f}"


def number(value: float | None, digits: int = 1) -> str:
    """A number; a dash where undefined."""
    return "–" if value is None else f"{value:,.{digits}f}"


def interval(ends: tuple[float, float] | None) -> str:
    """Both ends of an interval of shares, in percent."""
    if ends is None:
        return "–"
    digits = 1 if ends[1] >= 0.1 else 2
    dash = "–" if ends[0] >= 0 else " to "
    return f"{100 * ends[0]:.{digits}f}{dash}{100 * ends[1]:.{digits}f}"


def value_of(metric: str, value: float | None, *, sign: bool = False) -> str:
    """A metric's value with its unit (points of a difference of shares); a dash where undefined."""
    if value is None:
        return "–"
    scale, unit = (100, " points" if sign else " %") if metric in SHARES else (1, "")
    rounded = round(scale * value, 2) + 0.0  # never -0
    digits = 0 if metric == "users" and rounded == round(rounded) else 2
    return f"{'+' if sign and rounded >= 0 else ''}{rounded:,.{digits}f}{unit}"


def ends_of(metric: str, ends: tuple[float, float] | None) -> str:
    """Both ends of an interval of differences, without its unit; a dash where undefined."""
    if ends is None:
        return "–"
    scale = 100 if metric in SHARES else 1
    low, high = (round(scale * end, 2) + 0.0 for end in ends)
    return f"{low:+.2f} to {high:+.2f}"


def same_level(a: LevelMetrics, b: LevelMetrics) -> bool:
    """Both are at one share of smartphone owners."""
    return abs(a.adoption_smartphones - b.adoption_smartphones) < 1e-9
