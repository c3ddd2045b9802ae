"""The gate: which figures fell, judged on ratios, each measured again before it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import InputError
from .results import Baseline
from .rounds import BenchmarkResult

#: How often a figure that fell is measured again, until it is clear that it did or did not.
AGAIN = 4


@dataclass(frozen=True)
class Judgement:
    """What the gate found.

    Attributes:
        results: of every figure; of one that was measured again, what it then gave.
        worse: figures that fell, in words.
        unclear: figures that may have fallen: their intervals hold the bound to the end.
    """

    results: list[BenchmarkResult]
    worse: list[str]
    unclear: list[str]


def check_figures(names: Sequence[str], baseline: Baseline, wanted: Callable[[str], bool]) -> None:
    """Raises InputError where one has a figure that the other lacks.

    Args:
        names: figures of this run that count.
        baseline: what they are compared with.
        wanted: whether a figure of the baseline is asked for.
    """
    lacking = [name for name in baseline.ratios if wanted(name) and name not in names]
    more = [name for name in names if name not in baseline.ratios]
    lines = []
    if lacking:
        lines.append(f"  - {baseline.source} has {', '.join(lacking)}, which this run lacks")
    if more:
        lines.append(f"  - this run has {', '.join(more)}, which {baseline.source} lacks")
    if lines:
        remedy = "measure the baseline anew with the same options, or choose figures with --only"
        raise InputError("\n".join(["the figures are not the same", *lines, f"  {remedy}"]))


def judge(
    results: Sequence[BenchmarkResult],
    ratios: dict[str, float],
    most: float,
    again: Callable[[list[str]], list[BenchmarkResult]],
) -> Judgement:
    """What fell by more than ``most`` (0.15: 15 %).

    A figure whose ratio is below the bound is only suspected. It is measured again, and counts once all
    of its interval is below; it is cleared once its ratio is not. While neither is so, more rounds are
    added; those that raised the suspicion are not among them, since they were chosen for being low.

    Args:
        results: of this run; those of which ``ratios`` knows nothing are not judged.
        ratios: of the baseline.
        most: how much a ratio may fall, as a share.
        again: measures figures by name.
    """
    bounds = {name: ratio * (1 - most) for name, ratio in ratios.items()}
    last = {r.name: r for r in results}
    open_ = [r.name for r in results if r.name in bounds and r.ratio < bounds[r.name]]
    worse = []
    for turn in range(AGAIN):
        if not open_:
            break
        for r in again(open_):
            last[r.name] = last[r.name].with_rounds(r) if turn else r
        worse += [name for name in open_ if last[name].interval[1] < bounds[name]]
        open_ = [n for n in open_ if n not in worse and last[n].ratio < bounds[n]]
    return Judgement(
        [last[r.name] for r in results],
        [_fall(last[name], ratios[name]) for name in worse],
        [_fall(last[name], ratios[name]) for name in open_],
    )


def _fall(r: BenchmarkResult, before: float) -> str:
    low, high = r.interval
    return (
        f"{r.name}: {r.ratio:.2f} ({low:.2f} to {high:.2f}) times {r.baseline}, was {before:.2f}: "
        f"{100 * (1 - r.ratio / before):.0f} % less"
    )
