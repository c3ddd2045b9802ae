"""The iOS question: what becomes of risky pairs by platform of the case's phone and of the other's."""

from __future__ import annotations

from collections.abc import Sequence

from ..tables.levels import LevelMetrics
from ..tables.metrics import METRICS
from ..tables.platforms import NAMES
from ..tables.stages import OUTCOMES, STAGES
from ..tables.table import Column, Table
from ..tables.words import percent, share
from .figures import INK, as_svg, canvas, draw_stages

TITLE = "By platform of both phones"
CAPTION = (
    "Risky pairs of two smartphone owners. The case's is to be heard, the other's to hear and warn."
)
_NOTE = (
    "Of risky pairs of two smartphone owners, percent: both have the app, recorded, warned, and lost at "
    "each stage. Recall and the losses add up to 100."
)
#: The rest cannot happen to two smartphone owners.
_STAGES = tuple(stage for stage in OUTCOMES[:-1] if stage != "no_smartphone")
#: Heads that a narrow table has room for.
_HEADS = {stage: STAGES[stage].replace(" ", "\n") + "\n%" for stage in _STAGES}


def known(levels: Sequence[LevelMetrics]) -> bool:
    """There are risky pairs of two smartphone owners."""
    return any(pair.n_risky_pairs for level in levels for pair in level.platforms)


def platform_table(rows: Sequence[tuple[str, LevelMetrics]]) -> Table:
    """Four rows a level: platforms of the case and of the other.

    Args:
        rows: name of the arm, empty for a run, and its level.
    """
    numbers = ("n_risky_pairs", "share_both_have_app", "share_recorded", "recall")
    several = any(label for label, _ in rows)
    heads = (
        *([Column("arm", left=True)] if several else ()),
        Column("phones", left=True),
        Column("case", left=True),
        Column("other", left=True),
        *(
            METRICS.get(f"{name}_ios_ios").column(head)
            for name, head in zip(
                numbers, ("risky\npairs", "both\n%", "rec.\n%", "recall\n%"), strict=True
            )
        ),
        *(Column(_HEADS[stage], share, f"lost_{stage}") for stage in _STAGES),
    )
    cells = []
    for label, level in rows:
        for i, pair in enumerate(level.platforms):
            cells.append(
                (
                    *([label if i == 0 else ""] if several else ()),
                    percent(level.adoption_smartphones) if i == 0 else "",
                    NAMES[pair.case],
                    NAMES[pair.other],
                    *(pair.number(name) for name in numbers),
                    *(pair.lost[stage] for stage in _STAGES),
                )
            )
    return Table(TITLE, heads, tuple(cells), _NOTE)


def figure_svg(level: LevelMetrics) -> str:
    """Where pairs are lost, a bar for each pair of platforms."""
    bars = [
        (
            f"{NAMES[p.case]} case\n{NAMES[p.other]} near",
            {**p.lost, "warned": p.recall},
        )
        for p in level.platforms
        if p.n_risky_pairs
    ]
    with canvas(INK, 7.2, 1.4 + 0.45 * len(bars)) as (figure, (axes,)):
        draw_stages(axes, bars)
        where = f"at {percent(level.adoption_smartphones)} of smartphones"
        axes.set_xlabel(f"risky pairs (%), {where}")
        return as_svg(figure, f"Stages at which risky pairs are lost {where}, by platform")
