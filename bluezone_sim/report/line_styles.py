"""How lines are told apart without their colours: a dash and a mark each, by protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..analysis.arms import Arm
    from ..analysis.campaign_arms import CampaignArm


class LineStyle(NamedTuple):
    """A kind of line.

    Attributes:
        dash: lengths drawn and left out, in units of a page's charts; empty for a line without gaps.
        mark: as Matplotlib names it.
        path: the same mark around (0, 0), as SVG; empty for a circle.
        glyph: the same as a letter, for legends.
    """

    dash: tuple[float, ...]
    mark: str
    path: str
    glyph: str


#: In this order; more protocols than these begin anew.
STYLES = (
    LineStyle((), "o", "", "●"),
    LineStyle((10, 4), "s", "M-4-4H4V4H-4Z", "■"),
    LineStyle((2, 4), "D", "M0-5.5L5.5 0L0 5.5L-5.5 0Z", "◆"),
    LineStyle((12, 4, 2, 4), "^", "M0-5L5 4H-5Z", "▲"),
    LineStyle((18, 5), "v", "M0 5L5-4H-5Z", "▼"),
    LineStyle((6, 3, 1, 3, 1, 3), "P", "M-2-5H2V-2H5V2H2V5H-2V2H-5V-2H-2Z", "✚"),
)

#: How far arms of one level stand apart, and all of them at the most, percent of phones.
_APART, _MOST_APART = 1.6, 12.0


def kinds_of(arms: Sequence[Arm] | Sequence[CampaignArm]) -> list[int]:
    """Which of :data:`STYLES` each arm has: that of its protocol, or its own where all have one."""
    protocols = [str(arm.values.get("protocol.name", "")) for arm in arms]
    order = list(dict.fromkeys(protocols))
    if len(order) < 2:
        return [i % len(STYLES) for i in range(len(arms))]
    return [order.index(name) % len(STYLES) for name in protocols]


def matplotlib_dash(kind: int) -> Any:
    """The dash of a kind as Matplotlib takes it, in widths of its thinner lines."""
    dash = STYLES[kind].dash
    return (0, tuple(length / 2 for length in dash)) if dash else "-"


def shifts_of(arms: Sequence[Arm]) -> list[float]:
    """Percent of phones by which arms move aside, so that error bars at one level do not cover each
    other; 0 where there are lines."""
    if any(len(arm.metrics) != 1 for arm in arms):
        return [0.0] * len(arms)
    apart = min(_APART, _MOST_APART / len(arms))
    return [apart * (i - (len(arms) - 1) / 2) for i in range(len(arms))]
