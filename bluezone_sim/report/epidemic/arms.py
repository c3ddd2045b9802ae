"""The arms of an epidemic as figures show them: what each is, its colour, dash and mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...analysis.epidemic.result import DAILY
from ...analysis.epidemic.summary import ArmSummary, EpidemicResult
from ...scenario.loading import point_scenario
from ...scenario.model import Scenario
from ...scenario.schema.epidemic import Arm
from ...scenario.schema.epidemic import Epidemic as EpidemicTable
from ...showing.visible import in_figure, visible
from ..figures import GREEN

#: no app; the app and nothing else; another rule, protocol or behaviour; random users; what others assume
#: that phones find.
Kind = Literal["no app", "app", "changed", "placebo", "assumption"]

#: The app at the lowest and at the highest level; in between by rank. Both are seen on white and black.
_LOW, _HIGH = (0x7A, 0xBD, 0xEA), (0x00, 0x62, 0xA3)
_CHANGED = ("#d55e00", "#e69f00", "#8c6bb1", "#b07a00", "#a8528a")
_PLACEBO, _GREY, _BROWN = "#cc79a7", "#808080", "#9c6b3c"
#: Letters of a name in a figure: so many a line, on two lines.
_LETTERS, _LINES = 27, 2


@dataclass(frozen=True)
class ShownArm:
    """An arm as figures show it.

    Attributes:
        summary: its numbers.
        arm: as the scenario has it.
        kind: what it is.
        colour, dash, marker: how it is drawn, as Matplotlib has it.
    """

    summary: ArmSummary
    arm: Arm
    kind: Kind
    colour: str
    dash: str
    marker: str

    @property
    def label(self) -> str:
        """Its name as a label of a figure, on two lines at most."""
        lines = wrap(visible(self.summary.name), _LETTERS, max_lines=_LINES, placeholder=" …")
        return in_figure("\n".join(lines))

    @property
    def mark(self) -> dict[str, Any]:
        """A point of it: hollow for a placebo."""
        face = "none" if self.kind == "placebo" else self.colour
        return {
            "marker": self.marker,
            "markersize": 6,
            "markerfacecolor": face,
            "markeredgecolor": self.colour,
            "markeredgewidth": 1.4,
            "linestyle": "none",
            "clip_on": False,
        }


def shown_arms(result: EpidemicResult, scenario: Scenario) -> list[ShownArm]:
    """All arms in the order of the scenario; the first is the baseline.

    Args:
        result: of the scenario.
        scenario: with an epidemic.
    """
    from ...simulation.epidemic.arms import arms_of  # with SciPy, which takes long to load

    arms = arms_of(scenario)
    kinds = [_kind(arm, arms[0]) for arm in arms]
    ranks = sorted({arm.level for arm, kind in zip(arms, kinds, strict=True) if kind == "app"})
    out: list[ShownArm] = []
    # Arms that differ in nothing but their level look the same.
    looks: dict[str, int] = {}
    for k, (summary, arm, kind) in enumerate(zip(result.arms, arms, kinds, strict=True)):
        dash, marker = "-", "o"
        if kind == "no app":
            colour, marker = _GREY, "D"
            dash = "-" if k == 0 else ":"
        elif kind == "app":
            colour = _shade(ranks.index(arm.level) / max(1, len(ranks) - 1), len(ranks))
        elif kind == "changed":
            look = looks.setdefault(but_for_its_level(arm), len(looks))
            colour, dash = _CHANGED[look % len(_CHANGED)], "-."
            marker = "vP*X<>p"[look % 7]
        elif kind == "placebo":
            colour, dash = _PLACEBO, "--"
        else:
            risky = arm.finds == "risky"
            colour, dash, marker = (GREEN, ":", "s") if risky else (_BROWN, ":", "^")
        out.append(ShownArm(summary, arm, kind, colour, dash, marker))
    return out


def but_for_its_level(arm: Arm) -> str:
    """What an arm is, the same for all that differ in nothing but their name and level.

    A placebo goes with the others, whichever arm says how many.
    """
    return arm.model_copy(update={"name": "-", "level": 0.0, "as_many": None}).model_dump_json()


def _kind(arm: Arm, baseline: Arm) -> Kind:
    if arm.finds == "random":
        return "placebo"
    if arm.finds != "phones":
        return "assumption"
    if arm.set or arm.f2:
        return "changed"
    if not arm.level:
        return "no app"
    return "app" if arm.manual == baseline.manual else "changed"


def _shade(place: float, of: int) -> str:
    place = 1.0 if of == 1 else place
    return "#" + "".join(
        f"{round(low + place * (high - low)):02x}" for low, high in zip(_LOW, _HIGH, strict=True)
    )


def table_of(scenario: Scenario, arm: Arm) -> EpidemicTable:
    """The epidemic's parameters in an arm."""
    table = (point_scenario(scenario, arm.set) if arm.set else scenario).epidemic
    assert table is not None
    return table


def daily(result: EpidemicResult, column: str) -> NDArray[np.int64]:
    """Counts of a column of :data:`DAILY`.

    Args:
        result: all seeds.
        column: its name.

    Returns:
        ``int64[seeds, arms, days]``.
    """
    at = DAILY.index(column)
    return np.array([[arm.days[:, at] for arm in one.arms] for one in result.seeds], np.int64)


def told(arms: Sequence[ShownArm], values: Sequence[str], most: int = 8) -> str:
    """Arms and a value each, in words; of many, the first."""
    pairs = [f"{a.summary.name} {v}" for a, v in zip(arms, values, strict=True)]
    left = f"; and {len(pairs) - most} more" if len(pairs) > most else ""
    return "; ".join(pairs[:most]) + left
