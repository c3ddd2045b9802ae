"""Benchmarks: what the core does in a second, as ratios to a plain baseline in the same process."""

from .regressions import regressions, to_json
from .rounds import BenchmarkCase, BenchmarkResult, measure

__all__ = ["BenchmarkCase", "BenchmarkResult", "measure", "regressions", "to_json"]
