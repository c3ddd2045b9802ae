"""Benchmarks: what the core does in a second, as ratios to a plain baseline in the same process."""

from .measure import Case, Measurement, measure
from .report import regressions, to_json

__all__ = ["Case", "Measurement", "measure", "regressions", "to_json"]
