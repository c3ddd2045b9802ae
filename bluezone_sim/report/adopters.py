"""Detection against adoption, over draws of who adopts: rows, table, figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..analysis.adopters import AdopterRow
from ..analysis.words import interval, share


def header(rows: Sequence[AdopterRow]) -> list[str]:
    """Heads of :func:`cells`."""
    out = ["users", "of\nphones\n%", "a'\n%"]
    for arm in rows[0].arms:
        out += [f"{arm}:\nboth\nhave %", "95 %", "recall\n%", "95 %"]
    return out


def cells(row: AdopterRow) -> list[str]:
    """One row of the table."""
    out = [f"{row.users:,}", share(row.adoption_smartphones), share(row.square_law)]
    for spread in row.arms.values():
        out += [
            share(spread.both_have_app),
            interval(spread.both_have_app_95),
            share(spread.recall),
            interval(spread.recall_95),
        ]
    return out


def figure_svg(rows: Sequence[AdopterRow]) -> str:
    """Recall by adoption for each arm, beside the square law."""
    from .figures import _BLUE, _GREEN, _INK, _ORANGE, _figure, _svg

    rows = sorted(rows, key=lambda row: row.users)
    x = np.array([100 * row.adoption_smartphones for row in rows])
    with _figure(_INK, 7.2, 3.8) as (figure, (axes,)):
        law = [np.nan if r.recall_square_law is None else r.recall_square_law for r in rows]
        axes.plot(x, 100 * np.array(law), "--", lw=1, color=_BLUE, label="square law")
        arms, apart = list(rows[0].arms), 0.6 * (len(rows[0].arms) - 1)
        for name, colour, shift in zip(arms, (_GREEN, _ORANGE), (-apart, apart), strict=False):
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
                label=f"adopters {name}",
            )
        axes.set_xlim(0, 104)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("smartphone owners who run the app (%)")
        axes.set_ylabel("risky pairs warned (%)")
        axes.legend(loc="upper left")
        return _svg(figure, "Share of risky pairs warned, by adoption and by who adopts")
