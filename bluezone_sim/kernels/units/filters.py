"""The look-up's filter, asked by words that are loaded one at a time, or gathered (AVX-512).

A word of 64 bits an identifier, two bits in it; see :mod:`bluezone_sim.kernels.lookup.exact`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .writing import (
    BIT,
    BYTE,
    LONG,
    WORD,
    Builder,
    Value,
    at,
    call,
    define,
    load,
    pick,
    store,
)

#: Identifiers of one call: a bit each in what it returns, and a whole part of a day's 96 and 144.
SPAN = 48
#: What identifiers are multiplied with, and where in the product the two bits of the filter are: each in
#: a byte of its own, which names a bit of the word to the instruction that shifts bytes together.
SPREAD = 0x9E3779B97F4A7C15
FIRST_BIT, SECOND_BIT = 24, 32
#: Most identifiers of one key that are made and asked for in one go.
MOST = 144
#: Name and shape (see :func:`.writing.define`) of each function.
SHAPES = {"passing_3": "pip", "passing_4": "pip"}

_LANES = 8
_LONGS = ir.VectorType(LONG, _LANES)
_BYTES = ir.VectorType(BYTE, 8 * _LANES)


def write(module: ir.Module, filters: Filter) -> None:
    """Defines ``(bloom, to_word, identifiers)``: bits of SPAN identifiers of 3 or 4 words that pass."""
    for (name, shape), width in zip(SHAPES.items(), (3, 4), strict=True):

        def body(b: Builder, bloom: Value, to_word: Value, ids: Value, width: int = width) -> Value:
            return filters.span(b, filters.table(b, bloom, to_word), ids, width, SPAN)

        define(module, name, shape, body)


class Filter:
    """A word at a time, without a branch, so that many words are on their way."""

    def table(self, b: Builder, bloom: Value, to_word: Value) -> tuple[Value, Any]:
        """The filter ``uint64[2**f]``, and 64 - f."""
        return bloom, to_word

    def span(self, b: Builder, table: Any, ids: Value, width: int, n: int) -> Value:
        """Bits of ``n`` identifiers in memory."""
        out = LONG(0)
        for i in range(n):
            low = load(b, ids, LONG, 4 * width * i)
            high = load(b, ids, LONG if width == 4 else WORD, 4 * width * i + 8)
            high = high if width == 4 else b.zext(high, LONG)
            out = b.or_(out, b.shl(self._bit(b, table, b.xor(low, high)), LONG(i)))
        return out

    def passing(self, b: Builder, table: Any, blocks: Sequence[Value], ids: Value) -> Value:
        """Bits of identifiers of four words in registers; ``ids`` has room for them."""
        n = 0
        for block in blocks:
            store(b, ids, block, 16 * n)
            n += block.type.count // 2
        return self.span(b, table, ids, 4, n)

    @staticmethod
    def _bit(b: Builder, table: Any, folded: Value) -> Value:
        bloom, to_word = table
        h = b.mul(folded, LONG(SPREAD))
        word = load(b, at(b, bloom, b.mul(b.lshr(h, to_word), LONG(8))), LONG)
        both = [
            b.lshr(word, b.and_(b.lshr(h, LONG(place)), LONG(63)))
            for place in (FIRST_BIT, SECOND_BIT)
        ]
        return b.and_(b.and_(*both), LONG(1))


class Gather(Filter):
    """Eight words at a time (AVX-512, its byte permutations among it)."""

    def table(self, b, bloom, to_word):
        shift = b.insert_element(ir.Constant(_LONGS, ir.Undefined), to_word, WORD(0))
        return bloom, pick(b, shift, None, [0] * _LANES)

    def span(self, b, table, ids, width, n):
        out = LONG(0)
        for i in range(0, n, _LANES):
            halves = _halves(b, at(b, ids, 4 * width * i), width)
            out = b.or_(out, b.shl(self._eight(b, table, b.xor(*halves)), LONG(i)))
        return out

    def passing(self, b, table, blocks, ids):
        out = LONG(0)
        for i in range(0, len(blocks), 2):
            folded = b.xor(*_apart(b, blocks[i], blocks[i + 1]))
            out = b.or_(out, b.shl(self._eight(b, table, folded), LONG(_LANES * i // 2)))
        return out

    @staticmethod
    def _eight(b, table, folded):
        bloom, to_word = table
        h = b.mul(folded, _splat(SPREAD))
        mask = ir.VectorType(BIT, _LANES)
        zeros, ones = _splat(0), ir.Constant(mask, [1] * _LANES)
        name = "llvm.x86.avx512.mask.gather.qpq.512"
        word = call(b, name, _LONGS, zeros, bloom, b.lshr(h, to_word), ones, WORD(8))
        # Byte k of this begins with the bit of the word that byte k of the hash names.
        named = call(
            b,
            "llvm.x86.avx512.pmultishift.qb.512",
            _BYTES,
            b.bitcast(h, _BYTES),
            b.bitcast(word, _BYTES),
        )
        both = _splat(1 << FIRST_BIT | 1 << SECOND_BIT)
        missing = b.and_(b.xor(b.bitcast(named, _LONGS), _splat(~0)), both)
        passing = b.icmp_unsigned("==", missing, _splat(0))
        return b.zext(b.bitcast(passing, BYTE), LONG)


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_LONGS, [value] * _LANES)


def _apart(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """Lower and upper halves of eight identifiers of four words."""
    x, y = (b.bitcast(v, _LONGS) for v in (x, y))
    low, high = (pick(b, x, y, range(k, 16, 2)) for k in (0, 1))
    return low, high


def _halves(b: Builder, ids: Value, width: int) -> tuple[Value, Value]:
    """First eight bytes, and what follows, of eight identifiers in memory."""
    if width == 4:
        return _apart(b, *(load(b, ids, _LONGS, byte) for byte in (0, 64)))
    x = load(b, ids, ir.VectorType(WORD, 16))
    y = pick(b, load(b, ids, ir.VectorType(WORD, 8), 64), None, range(16))
    low = pick(b, x, y, [3 * (i // 2) + i % 2 for i in range(16)])
    high = pick(b, x, y, [3 * (i // 2) + 2 for i in range(16)])
    low, high = (b.bitcast(v, _LONGS) for v in (low, high))
    return low, b.and_(high, _splat(0xFFFFFFFF))
