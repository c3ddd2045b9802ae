"""Asking for a line of the cache, in LLVM IR."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..units.writing import POINTER, VOID, WORD, call


@intrinsic
def prefetch(typingctx, array, at):
    """Asks for the cache line of ``array[at]``, to read it soon."""

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, b, args[0]).data
        line = b.bitcast(b.gep(data, [args[1]]), POINTER)
        call(b, "llvm.prefetch.p0", VOID, line, WORD(0), WORD(3), WORD(1))
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen
