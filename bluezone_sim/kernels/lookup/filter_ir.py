"""The filter of the look-up, asked eight identifiers at a time by a gather (AVX-512)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: Identifiers of one call: a bit each in what it returns, and a whole part of a day's 96 and 144.
SPAN = 48
#: What identifiers are multiplied with, and where in the product the two bits of the filter are.
SPREAD = 0x9E3779B97F4A7C15
FIRST_BIT, SECOND_BIT = 12, 18

_BIT, _BYTE, _WORD, _LONG = (ir.IntType(n) for n in (1, 8, 32, 64))
_LANES = 8
_LONGS = ir.VectorType(_LONG, _LANES)

Value = Any


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_LONGS, [value] * _LANES)


def _load(b: ir.IRBuilder, pointer: Value, byte: int, kind: ir.VectorType) -> Value:
    at = b.bitcast(b.gep(pointer, [_LONG(byte)]), kind.as_pointer())
    out = b.load(at)
    out.align = 1
    return out


def _pick(b: ir.IRBuilder, x: Value, y: Value, order: list[int]) -> Value:
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(_WORD, len(order)), order))


def passed(b: ir.IRBuilder, x: Value, y: Value, bloom: Value, to_word: Value) -> Value:
    """One bit for each of eight identifiers of 16 bytes that pass, four in each register."""
    return _passed(b, _halves(b, x, y), bloom, to_word)


def _halves(b: ir.IRBuilder, x: Value, y: Value) -> tuple[Value, Value]:
    x, y = (b.bitcast(v, _LONGS) for v in (x, y))
    low, high = (_pick(b, x, y, list(range(k, 16, 2))) for k in (0, 1))
    return low, high


def _passed(b: ir.IRBuilder, halves: tuple[Value, Value], bloom: Value, to_word: Value) -> Value:
    h = b.mul(b.xor(*halves), _splat(SPREAD))
    undefined = ir.Constant(_LONGS, ir.Undefined)
    shift = b.insert_element(undefined, to_word, _WORD(0))
    shift = _pick(b, shift, undefined, [0] * _LANES)
    mask = ir.VectorType(_BIT, _LANES)
    kind = ir.FunctionType(_LONGS, [_LONGS, bloom.type, _LONGS, mask, _WORD])
    gather = cgutils.get_or_insert_function(b.module, kind, "llvm.x86.avx512.mask.gather.qpq.512")
    zeros, ones = _splat(0), ir.Constant(mask, [1] * _LANES)
    word = b.call(gather, [zeros, bloom, b.lshr(h, shift), ones, _WORD(8)])
    bits = [
        b.shl(_splat(1), b.and_(b.lshr(h, _splat(at)), _splat(63)))
        for at in (FIRST_BIT, SECOND_BIT)
    ]
    both = b.or_(*bits)
    equal = b.icmp_unsigned("==", b.and_(word, both), both)
    return b.zext(b.bitcast(equal, _BYTE), _LONG)


def _loaded(b: ir.IRBuilder, pointer: Value, width: int) -> tuple[Value, Value]:
    """First eight bytes, and what follows, of eight identifiers of ``width`` words."""
    if width == 4:
        return _halves(b, *(_load(b, pointer, byte, _LONGS) for byte in (0, 64)))
    sixteen = ir.VectorType(_WORD, 16)
    x = _load(b, pointer, 0, sixteen)
    y = _load(b, pointer, 64, ir.VectorType(_WORD, 8))
    y = _pick(b, y, ir.Constant(y.type, ir.Undefined), list(range(16)))
    low = _pick(b, x, y, [3 * (i // 2) + i % 2 for i in range(16)])
    high = _pick(b, x, y, [3 * (i // 2) + 2 for i in range(16)])
    low, high = (b.bitcast(v, _LONGS) for v in (low, high))
    return low, b.and_(high, _splat(0xFFFFFFFF))


def passing_span(width: int) -> Any:
    """Intrinsic ``(bloom uint64[:], to_word, words uint32[:], at)``: bits of :data:`SPAN` identifiers.

    ``words`` holds identifiers of ``width`` words (3 or 4) from ``words[at]`` on.
    """

    def typed(typingctx: Any, bloom: Any, to_word: Any, words: Any, at: Any) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            table, source = (
                b.bitcast(
                    context.make_array(sig.args[k])(context, b, args[k]).data, _BYTE.as_pointer()
                )
                for k in (0, 2)
            )
            source = b.gep(source, [b.mul(args[3], _LONG(4))])
            out = _LONG(0)
            for i in range(0, SPAN, _LANES):
                halves = _loaded(b, b.gep(source, [_LONG(4 * width * i)]), width)
                bits = _passed(b, halves, table, args[1])
                out = b.or_(out, b.shl(bits, _LONG(i)))
            return out

        return types.uint64(bloom, types.uint64, words, types.int64), codegen

    return intrinsic(typed)


def _prefetch(b: ir.IRBuilder, pointer: Value) -> None:
    kind = ir.FunctionType(ir.VoidType(), [pointer.type, _WORD, _WORD, _WORD])
    function = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    b.call(function, [pointer, _WORD(0), _WORD(3), _WORD(1)])


@intrinsic
def prefetch(typingctx, array, at):
    """Asks for the cache line of ``array[at]``, to read it soon."""

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, b, args[0]).data
        _prefetch(b, b.bitcast(b.gep(data, [args[1]]), _BYTE.as_pointer()))
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen
