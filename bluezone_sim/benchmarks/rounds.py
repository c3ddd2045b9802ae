"""Alternating rounds of a piece of work and of its baseline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..simulation.memory import peak_memory_mib

#: Rounds whose median is reported.
ROUNDS = 7


@dataclass(frozen=True)
class BenchmarkCase:
    """One thing to measure.

    Attributes:
        name: such as ``match/gaen/1M``.
        unit: of what is done, such as ``keys``; the figure is in that a second.
        work, items: does it once, and how many units that is.
        baseline: what it is compared with, in words; empty where there is nothing to compare with.
        baseline_work, baseline_items: the same of the baseline.
        rounds: how often both are done.
    """

    name: str
    unit: str
    work: Callable[[], object]
    items: int
    baseline: str = ""
    baseline_work: Callable[[], object] | None = None
    baseline_items: int = 0
    rounds: int = ROUNDS


@dataclass(frozen=True)
class BenchmarkResult:
    """What a case gave.

    Attributes:
        name, unit, baseline: of the case.
        value: units a second, median over rounds.
        ratio: value over the baseline's in the same round, median; None without a baseline.
        peak_memory_mib: of the process while the case ran.
    """

    name: str
    unit: str
    value: float
    baseline: str
    ratio: float | None
    peak_memory_mib: float


def measure(case: BenchmarkCase) -> BenchmarkResult:
    """Measures a case: both once to warm up, then in turn."""
    forget_peak()
    case.work()
    if case.baseline_work is not None:
        case.baseline_work()
    values, ratios = [], []
    for _ in range(case.rounds):
        value = case.items / _seconds(case.work)
        values.append(value)
        if case.baseline_work is not None:
            ratios.append(value * _seconds(case.baseline_work) / case.baseline_items)
    return BenchmarkResult(
        name=case.name,
        unit=f"{case.unit}/s",
        value=statistics.median(values),
        baseline=case.baseline,
        ratio=statistics.median(ratios) if ratios else None,
        peak_memory_mib=peak_memory_mib(),
    )


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def forget_peak() -> None:
    """Lets the peak memory start anew, where the system can (Linux)."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
            stream.write("5")
    except OSError:
        pass
