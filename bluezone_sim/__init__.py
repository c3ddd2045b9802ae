"""Simulator and test harness for Bluetooth contact tracing."""

from ._version import __version__

__all__ = ["__version__"]
