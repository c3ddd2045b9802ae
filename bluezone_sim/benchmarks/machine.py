"""What figures are measured on: the processor, and the instructions that kernels use there."""

from __future__ import annotations

from ..kernels import cpu
from ..storage.provenance import processor

__all__ = ["processor", "units"]


def units() -> str:
    """Instructions that kernels use, such as ``shani+vaes512``."""
    return str(cpu.units())
