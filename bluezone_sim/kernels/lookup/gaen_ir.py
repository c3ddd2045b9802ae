"""GAEN's days asked of the filter, in LLVM IR."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..crypto.aes_ir import (
    _BYTE,
    _KEY_WORDS,
    _LONG,
    _WORD,
    KEYS,
    REGISTERS,
    STEP,
    STEP_IDS,
    Value,
    _encrypt,
    _load,
    _pointer,
    _shuffle,
    _store,
)
from .filter_ir import passed


def days_filtered(template: bytes, count: int) -> Any:
    """Intrinsic ``(round_keys, z, counters, at, out, bloom, to_word, bits)`` (VAES).

    Of types uint8[:], int64, uint32[:], int64, uint8[:], uint64[:], uint64, uint32[:].

    ``count`` counter blocks of four keys each, whose schedules are register z's of :func:`schedules`
    and whose first counters are ``counters[at:]``. Block i of key k goes to ``out[16 (4 i + k):]`` and
    is asked of the filter before it leaves its register: bit 4 i + k of ``bits`` says that it passes.
    """
    words = [int.from_bytes(template[i : i + 4], "little") for i in (0, 4, 8)]
    kind = ir.VectorType(_LONG, 2 * KEYS)
    lanes = ir.VectorType(_WORD, 4 * KEYS)

    def typed(typingctx, round_keys, z, counters, at, out, bloom, to_word, bits):
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            keys, first, target, table, found = (
                b.bitcast(_pointer(context, b, sig.args[k], args[k], None), _BYTE.as_pointer())
                for k in (0, 2, 4, 5, 7)
            )
            keys = b.gep(keys, [b.mul(args[1], _LONG(64))])
            round_keys = [_load(b, keys, kind, REGISTERS * r) for r in range(11)]
            first = b.gep(first, [b.mul(args[3], _LONG(4))])
            numbers = _load(b, first, _KEY_WORDS, 0)
            numbers = _shuffle(b, numbers, [*range(4), *[0] * 12])
            order = [16 + lane // 4 if lane % 4 == 3 else lane for lane in range(16)]
            base = b.shuffle_vector(
                ir.Constant(lanes, [*words, 0] * KEYS), numbers, ir.Constant(lanes, order)
            )
            slot = cgutils.alloca_once_value(b, base)
            with cgutils.for_range(b, _LONG(count // STEP)) as loop:
                now = b.load(slot)
                blocks = [
                    b.bitcast(b.add(now, ir.Constant(lanes, [0, 0, 0, q] * KEYS)), kind)
                    for q in range(STEP)
                ]
                b.store(b.add(now, ir.Constant(lanes, [0, 0, 0, STEP] * KEYS)), slot)
                blocks = _encrypt(b, round_keys.__getitem__, 10, blocks)
                here = b.gep(target, [b.mul(loop.index, _LONG(16 * STEP_IDS))])
                mask = _LONG(0)
                for q, block in enumerate(blocks):
                    _store(b, here, block, q)
                for q in range(0, STEP, 2):
                    passing = passed(b, blocks[q], blocks[q + 1], table, args[6])
                    mask = b.or_(mask, b.shl(passing, _LONG(4 * q)))
                at = b.gep(found, [b.mul(loop.index, _LONG(4))])
                _store(b, at, b.trunc(mask, _WORD), 0)
            return context.get_dummy_value()

        signature = types.void(
            round_keys, types.int64, counters, types.int64, out, bloom, types.uint64, bits
        )
        return signature, codegen

    return intrinsic(typed)
