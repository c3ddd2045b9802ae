"""The look-up's filter, asked for identifiers whose hashes are in memory.

A word of 64 bits an identifier, three bits in it; see :mod:`bluezone_sim.kernels.lookup.exact`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from llvmlite import ir

from .writing import (
    BYTE,
    LONG,
    WORD,
    Builder,
    Value,
    at,
    buffer,
    call,
    counted,
    define,
    load,
    pick,
    store,
)

#: Identifiers of one call: a bit each in what it returns, and a whole part of a day's 96 and 144.
SPAN = 48
#: What identifiers are multiplied with, and where in the product the bits of the filter are named: each
#: in a byte of its own, which names a bit of the word to the instruction that shifts bytes together.
SPREAD = 0x9E3779B97F4A7C15
PLACES = (24, 32, 16)
#: Most identifiers of one key that are made and asked for in one go.
MOST = 144
#: Name and shape (see :func:`.writing.define`) of each function.
SHAPES = {"passing_3": "pip", "passing_4": "pip"}


def write(module: ir.Module, filters: Filter) -> None:
    """Defines ``(bloom, to_word, identifiers)``: bits of SPAN identifiers of 3 or 4 words that pass."""
    for (name, shape), width in zip(SHAPES.items(), (3, 4), strict=True):

        def body(b: Builder, bloom: Value, to_word: Value, ids: Value, width: int = width) -> Value:
            hashes = buffer(b, 8 * SPAN)
            filters.hash_all(b, ids, width, hashes)
            return filters.passing(b, bloom, to_word, hashes)

        define(module, name, shape, body)


class Filter:
    """Words loaded one at a time and without a branch, so that many are on their way, and tested by four.

    Attributes:
        lanes: how many are tested at a time.
    """

    lanes = 4

    def hash_all(self, b: Builder, ids: Value, width: int, hashes: Value) -> None:
        """Hashes of SPAN identifiers in memory."""
        with counted(b, LONG(SPAN)) as i:
            here = at(b, ids, b.mul(i, LONG(4 * width)))
            low, high = load(b, here, LONG), load(b, here, LONG if width == 4 else WORD, 8)
            high = high if width == 4 else b.zext(high, LONG)
            store(b, hashes, b.mul(b.xor(low, high), LONG(SPREAD)), b.mul(i, LONG(8)))

    def hash_blocks(self, b: Builder, blocks: Sequence[Value], hashes: Value) -> None:
        """Hashes of identifiers of four words, which are in registers."""
        i = 0
        for block in blocks:
            for k in range(0, block.type.count, 2):
                low, high = (b.extract_element(block, WORD(k + j)) for j in (0, 1))
                store(b, hashes, b.mul(b.xor(low, high), LONG(SPREAD)), 8 * i)
                i += 1

    def passing(self, b: Builder, bloom: Value, to_word: Value, hashes: Value) -> Value:
        """Bits of SPAN hashes that pass the filter ``uint64[2**f]``; ``to_word`` is 64 - f."""
        out, some = LONG(0), ir.VectorType(LONG, self.lanes)
        for i in range(0, SPAN, self.lanes):
            word = ir.Constant(some, ir.Undefined)
            for k in range(self.lanes):
                at_word = b.mul(b.lshr(load(b, hashes, LONG, 8 * (i + k)), to_word), LONG(8))
                word = b.insert_element(word, load(b, at(b, bloom, at_word), LONG), WORD(k))
            passing = self._tested(b, load(b, hashes, some, 8 * i), word)
            bits = b.zext(b.bitcast(passing, ir.IntType(self.lanes)), LONG)
            out = b.or_(out, b.shl(bits, LONG(i)))
        return out

    def _tested(self, b: Builder, h: Value, word: Value) -> Value:
        """A bit each, of vectors of hashes and their words."""
        other = b.xor(h, self._all(~0))  # 63 less a number of six bits
        # Each of the bits, moved to where the sign is.
        moved = [
            b.shl(word, b.and_(b.lshr(other, self._all(place)), self._all(63))) for place in PLACES
        ]
        return b.icmp_signed("<", reduce(b.and_, moved), self._all(0))

    def _all(self, value: int) -> ir.Constant:
        return ir.Constant(ir.VectorType(LONG, self.lanes), [value] * self.lanes)


class Wide(Filter):
    """The same, by eight (AVX-512, its byte permutations among it).

    A gather in place of eight loads takes longer (Zen 4), and longer still where microcode keeps it from
    telling what it has loaded.
    """

    lanes = 8

    def hash_all(self, b, ids, width, hashes):
        with counted(b, LONG(SPAN), step=self.lanes) as i:
            halves = _halves(b, at(b, ids, b.mul(i, LONG(4 * width))), width)
            self._store(b, halves, at(b, hashes, b.mul(i, LONG(8))))

    def hash_blocks(self, b, blocks, hashes):
        for i in range(0, len(blocks), 2):
            self._store(b, _apart(b, blocks[i], blocks[i + 1]), at(b, hashes, 32 * i))

    def _store(self, b: Builder, halves: tuple[Value, Value], hashes: Value) -> None:
        store(b, hashes, b.mul(b.xor(*halves), self._all(SPREAD)))

    def _tested(self, b, h, word):
        # Byte k of this begins with the bit of the word that byte k of the hash names.
        named = call(
            b,
            "llvm.x86.avx512.pmultishift.qb.512",
            _BYTES,
            b.bitcast(h, _BYTES),
            b.bitcast(word, _BYTES),
        )
        asked = self._all(sum(1 << place for place in PLACES))
        missing = b.and_(b.xor(b.bitcast(named, _LONGS), self._all(~0)), asked)
        return b.icmp_unsigned("==", missing, self._all(0))


#: A register of eight longs, and as bytes.
_LONGS, _BYTES = ir.VectorType(LONG, Wide.lanes), ir.VectorType(BYTE, 8 * Wide.lanes)


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
    return low, b.and_(high, ir.Constant(_LONGS, [0xFFFFFFFF] * Wide.lanes))
