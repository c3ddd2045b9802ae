"""Bits, in LLVM IR."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .units.writing import BIT, Value


@intrinsic
def lowest_bit(typingctx, bits):
    """Number of the lowest bit that is set; ``bits`` is not 0."""

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
        return b.cttz(args[0], BIT(1))

    return types.int64(types.uint64), codegen
