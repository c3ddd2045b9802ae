"""Benchmarks: what the core does in a second, as ratios to a plain baseline in the same process."""

from .regressions import judge
from .results import parse_baseline, to_json
from .rounds import BenchmarkCase, BenchmarkResult, measure

__all__ = ["BenchmarkCase", "BenchmarkResult", "judge", "measure", "parse_baseline", "to_json"]
