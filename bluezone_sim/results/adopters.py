"""Detection against adoption, over draws of who adopts: rows, table, figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .text import interval, share


@dataclass(frozen=True)
class Spread:
    """Shares of risky pairs: means over draws of who adopts, and the middle 95 % of the draws."""

    both_have_app: float
    both_have_app_95: tuple[float, float]
    recall: float
    recall_95: tuple[float, float]


@dataclass(frozen=True)
class AdopterRow:
    """One adoption level over draws of who adopts.

    Attributes:
        users, adoption_smartphones: the level.
        square_law: the chance that two people drawn at random both run the app (a').
        recall_square_law: recall with everybody's app, times a' over its value then.
        arms: "random", and "together" where the scenario says that people adopt together.
    """

    users: int
    adoption_smartphones: float
    square_law: float
    recall_square_law: float | None
    arms: Mapping[str, Spread]


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


def to_arrow(rows: Sequence[AdopterRow]) -> Any:
    """A ``pyarrow.Table``, a row a level and arm."""
    import pyarrow as pa

    from .tables import VERSIONS

    flat = [
        {
            "level_index": i,
            "arm": arm,
            "users": row.users,
            "adoption_smartphones": row.adoption_smartphones,
            "square_law": row.square_law,
            "recall_square_law": row.recall_square_law,
            "both_have_app": spread.both_have_app,
            "both_have_app_lo": spread.both_have_app_95[0],
            "both_have_app_hi": spread.both_have_app_95[1],
            "recall": spread.recall,
            "recall_lo": spread.recall_95[0],
            "recall_hi": spread.recall_95[1],
        }
        for i, row in enumerate(rows)
        for arm, spread in row.arms.items()
    ]
    return pa.Table.from_pylist(flat).replace_schema_metadata(VERSIONS)


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
