"""Interleaved rounds of pieces of work and of their baselines."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

#: Rounds whose median is reported.
ROUNDS = 25


@dataclass(frozen=True)
class BenchmarkCase:
    """One thing to measure.

    Attributes:
        name: such as ``match/gaen/1M``.
        unit: of what is done, such as ``keys``; the figure is in that a second.
        work, items: does it once, and how many units that is.
        baseline: what it is compared with, in words.
        baseline_work, baseline_items: the same of the baseline.
        threads: that the work uses; the baseline uses one.
    """

    name: str
    unit: str
    work: Callable[[], object]
    items: float
    baseline: str
    baseline_work: Callable[[], object]
    baseline_items: float
    threads: int = 1


@dataclass(frozen=True)
class BenchmarkResult:
    """What a case gave.

    Attributes:
        name, unit, baseline, threads: of the case; the unit is ``keys/s`` by now.
        rates: units a second, of each round.
        ratios: those over the baseline's rate in the same round.
    """

    name: str
    unit: str
    baseline: str
    threads: int
    rates: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Median of the rates."""
        return statistics.median(self.rates)

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of that median, 95 % or a little more, by order statistics."""
        # Of n ratios, fewer than k lie below the median with a chance of 2.5 % (binomial, as a normal).
        ratios, n = sorted(self.ratios), len(self.ratios)
        k = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n)))
        return ratios[k], ratios[n - 1 - k]

    def with_rounds(self, other: BenchmarkResult) -> BenchmarkResult:
        """The rounds of both."""
        return replace(self, rates=self.rates + other.rates, ratios=self.ratios + other.ratios)


def measure(
    cases: Sequence[BenchmarkCase],
    rounds: int = ROUNDS,
    progress: Callable[[int], None] = lambda done: None,
) -> list[BenchmarkResult]:
    """Measures cases: each once to warm up, then all in turn, each beside its baseline, round by round.

    So what slows the machine for a while slows a round of everything, and not all rounds of one figure.
    """
    for case in cases:
        case.work()
        case.baseline_work()
    seconds: list[list[tuple[float, float]]] = [[] for _ in cases]
    for r in range(rounds):
        for case, of in zip(cases, seconds, strict=True):
            clock = clock_of(case.threads)
            # What goes first finds the caches that the other left.
            if r % 2:
                base, work = _seconds(case.baseline_work, clock), _seconds(case.work, clock)
            else:
                work, base = _seconds(case.work, clock), _seconds(case.baseline_work, clock)
            of.append((work, base))
        progress(r + 1)
    return [_result(case, of) for case, of in zip(cases, seconds, strict=True)]


def _result(case: BenchmarkCase, seconds: list[tuple[float, float]]) -> BenchmarkResult:
    return BenchmarkResult(
        name=case.name,
        unit=f"{case.unit}/s",
        baseline=case.baseline,
        threads=case.threads,
        rates=tuple(case.items / work for work, _ in seconds),
        ratios=tuple(case.items / work * base / case.baseline_items for work, base in seconds),
    )


def clock_of(threads: int) -> Callable[[], float]:
    """Time of this process on a core, where one thread works: what else runs takes turns with it, and its
    turns do not count. Where the system counts too coarsely (Windows), or threads work, the wall's.
    """
    if threads > 1 or time.get_clock_info("process_time").resolution > 1e-4:
        return time.perf_counter
    return time.process_time


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    begin = clock()
    work()
    return clock() - begin
