"""Sweeps: a grid of scenarios, each with every seed; stored task by task, resumed, summarised."""

from ..analysis.sweep import Sweep
from .sweep import open_sweep, sweep

__all__ = ["Sweep", "open_sweep", "sweep"]
