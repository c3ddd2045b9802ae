"""A figure with all that stands beside it: what it says in words, its numbers as table and file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...tables.table import Table
from ..figures import INK, as_svg, canvas

#: Of a page, inches.
WIDTH = 7.2


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes:
        stem: of its files' names.
        title: of its section.
        height: in inches.
        draw: onto the axes, an argument a row.
        alt: what it shows, for those who do not see it.
        caption: what its marks are.
        table: the numbers, for the page.
        records: the numbers in full, a row a mark.
        rows: heights of its axes, relatively.
    """

    stem: str
    title: str
    height: float
    draw: Callable[..., None]
    alt: str
    caption: str
    table: Table
    records: tuple[dict[str, Any], ...]
    rows: tuple[float, ...] = (1.0,)

    def svg(self) -> str:
        """For the page."""
        with canvas(INK, WIDTH, self.height, rows=self.rows) as (figure, axes):
            self.draw(*axes)
            return as_svg(figure, self.alt)
