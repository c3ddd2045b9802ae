"""An intervention as a value: what a measure of a campaign does to who runs the app when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..schema.adoption import MeasureTable


@dataclass(frozen=True)
class Intervention:
    """One kind of measure.

    Attributes:
        name: what ``kind`` in ``[[campaign.measures]]`` calls it.
        title: what it is, in words.
        source: where its numbers are from.
        parameters: keys that a measure of this kind may have.
        apply: ``(parameters, world, runs, occasion) -> (install_day, leave_day)``, both
            ``int32[people]``, everybody's days after it: from a
            :class:`bluezone_sim.world.world.World`, the :class:`bluezone_sim.world.runs.AppUse` before
            it and the :class:`bluezone_sim.world.runs.Occasion`.
    """

    name: str
    title: str
    source: str
    parameters: type[MeasureTable]
    apply: str | Callable[..., Any]

    @property
    def about(self) -> str:
        """Title and source in one line."""
        return f"{self.title} ({self.source})" if self.source else self.title
