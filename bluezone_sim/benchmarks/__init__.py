"""Benchmarks: what the core does in a second, as ratios to a plain baseline in the same process."""

from .regressions import regressions, to_json
from .rounds import Case, Measurement, measure

__all__ = ["Case", "Measurement", "measure", "regressions", "to_json"]
