"""Detection against adoption, over draws of who adopts: rows, table, figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..analysis.adopters import AdopterRow
from ..showing.visible import in_figure
from ..tables.level_tables import columns
from ..tables.metrics import interval_column
from ..tables.table import Column, Table
from ..tables.words import share
from .figures import BLUE, GREEN, INK, ORANGE, as_svg, canvas

TITLE = "Who adopts"


def adopters_table(rows: Sequence[AdopterRow], draws: int) -> Table:
    """A row a level: what is found over draws of who adopts."""
    heads = [*columns(("users", "adoption_smartphones")), Column("a'\n%", share)]
    for arm in rows[0].arms:
        for head in (f"{arm}:\nboth\nhave %", "recall\n%"):
            heads += [Column(head, share), interval_column()]
    cells = tuple(
        (
            row.users,
            row.adoption_smartphones,
            row.square_law,
            *(
                value
                for s in row.arms.values()
                for value in (s.both_have_app, s.both_have_app_95, s.recall, s.recall_95)
            ),
        )
        for row in rows
    )
    return Table(f"{TITLE}: {draws:,} draws of the adopters", tuple(heads), cells)


def figure_svg(rows: Sequence[AdopterRow]) -> str:
    """Recall by adoption for each arm, beside the square law."""
    rows = sorted(rows, key=lambda row: row.users)
    x = np.array([100 * (row.adoption_smartphones or 0.0) for row in rows])
    with canvas(INK, 7.2, 3.8) as (figure, (axes,)):
        law = [np.nan if r.recall_square_law is None else r.recall_square_law for r in rows]
        axes.plot(x, 100 * np.array(law), "--", lw=1, color=BLUE, label="square law")
        arms, apart = list(rows[0].arms), 0.6 * (len(rows[0].arms) - 1)
        for name, colour, shift in zip(arms, (GREEN, ORANGE), (-apart, apart), strict=False):
            mean = 100 * np.array([r.arms[name].recall for r in rows])
            ends = 100 * np.array([r.arms[name].recall_95 for r in rows]).T
            axes.errorbar(
                x + shift,
                mean,
                yerr=np.abs(ends - mean),
                fmt="o-",
                ms=4,
                capsize=3,
                color=colour,
                label=in_figure(f"adopters {name}"),
            )
        axes.set_xlim(0, 104)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("smartphone owners who run the app (%)")
        axes.set_ylabel("risky pairs warned (%)")
        axes.legend(loc="upper left")
        return as_svg(figure, "Share of risky pairs warned, by adoption and by who adopts")
