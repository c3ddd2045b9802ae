"""What figures are measured on: the processor, and the instructions that kernels use there."""

from __future__ import annotations

from ..kernels.cpu import path
from ..storage.provenance import processor

__all__ = ["processor", "units"]


def units() -> str:
    """Instructions that kernels use, such as ``vaes``."""
    return type(path()).__name__.lower()
