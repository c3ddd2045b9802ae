"""SHA-256 (FIPS 180-4) as LLVM vector code: one compression on :data:`LANES` messages at a time.

Each 32-bit word of the state is one vector with a lane a message. LLVM lowers the vectors to what the
CPU has: AVX-512 (with its rotate and ternary logic), AVX2, SSE2, NEON. Words of the message that are
constants, as the padding is, are folded at compile time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import xor
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

#: Messages that one compression works on. 32 lanes keep two independent chains of AVX-512 in flight.
LANES = 32


def _fractional_bits(root: int, n: int) -> list[int]:
    """First 32 bits of the fractional parts of the square or cube roots of the first n primes."""
    primes = [p for p in range(2, 312) if all(p % q for q in range(2, int(p**0.5) + 1))]
    out = []
    for p in primes[:n]:
        # The integer root of p * 2**(32 root), by bisection on integers.
        low, high = 0, 1 << 40
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle**root <= p << (32 * root) else (low, middle)
        out.append(low & 0xFFFFFFFF)
    return out


INITIAL: list[int] = _fractional_bits(2, 8)
ROUND: list[int] = _fractional_bits(3, 64)


def after_block(word: int) -> list[int]:
    """SHA-256's state after one block of a repeated word: the pad of HMAC's empty key."""
    mask = 0xFFFFFFFF

    def turn(x: int, *by: int) -> int:
        return reduce(xor, ((x >> n | x << (32 - n)) & mask for n in by))

    w = [word] * 16
    for i in range(16, 64):
        s0 = turn(w[i - 15], 7, 18) ^ w[i - 15] >> 3
        s1 = turn(w[i - 2], 17, 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + s0 + w[i - 7] + s1) & mask)
    a, b, c, d, e, f, g, h = INITIAL
    for k, x in zip(ROUND, w, strict=True):
        t1 = h + turn(e, 6, 11, 25) + (e & f ^ ~e & g) + k + x
        t2 = turn(a, 2, 13, 22) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & mask, a, b, c, (d + t1) & mask, e, f, g
    new = (a, b, c, d, e, f, g, h)
    return [(x + y) & mask for x, y in zip(new, INITIAL, strict=True)]


_WORD = ir.IntType(32)
_VECTOR = ir.VectorType(_WORD, LANES)

Word = Any  # an LLVM value of type _VECTOR


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [value & 0xFFFFFFFF] * LANES)


def _compress(b: ir.IRBuilder, state: Sequence[Word], message: Sequence[Word | int]) -> list[Word]:
    """The compression function; integers in ``message`` are constants."""
    w: list[Word] = [_splat(x) if isinstance(x, int) else x for x in message]

    def rotate(x: Word, n: int) -> Word:
        return b.or_(b.lshr(x, _splat(n)), b.shl(x, _splat(32 - n)))

    def xor3(x: Word, y: Word, z: Word) -> Word:
        return b.xor(b.xor(x, y), z)

    va, vb, vc, vd, ve, vf, vg, vh = state
    for i in range(64):
        if i >= 16:
            x, y = w[(i - 15) % 16], w[(i - 2) % 16]
            s0 = xor3(rotate(x, 7), rotate(x, 18), b.lshr(x, _splat(3)))
            s1 = xor3(rotate(y, 17), rotate(y, 19), b.lshr(y, _splat(10)))
            w[i % 16] = b.add(b.add(w[i % 16], s0), b.add(w[(i - 7) % 16], s1))
        big1 = xor3(rotate(ve, 6), rotate(ve, 11), rotate(ve, 25))
        choice = b.xor(vg, b.and_(ve, b.xor(vf, vg)))
        t1 = b.add(b.add(b.add(vh, big1), b.add(choice, _splat(ROUND[i]))), w[i % 16])
        big0 = xor3(rotate(va, 2), rotate(va, 13), rotate(va, 22))
        majority = b.or_(b.and_(va, vb), b.and_(vc, b.or_(va, vb)))
        vh, vg, vf, ve = vg, vf, ve, b.add(vd, t1)
        vd, vc, vb, va = vc, vb, va, b.add(t1, b.add(big0, majority))
    return [b.add(x, y) for x, y in zip((va, vb, vc, vd, ve, vf, vg, vh), state, strict=True)]


def _pointer(context: Any, b: ir.IRBuilder, array_type: Any, value: Any) -> Any:
    """Pointer to the first vector of a contiguous ``uint32`` array."""
    data = context.make_array(array_type)(context, b, value).data
    return b.bitcast(data, _VECTOR.as_pointer())


def _load(b: ir.IRBuilder, pointer: Any, i: int) -> Word:
    out = b.load(b.gep(pointer, [_WORD(i)]))
    out.align = 4
    return out


def _store(b: ir.IRBuilder, pointer: Any, i: int, value: Word) -> None:
    b.store(value, b.gep(pointer, [_WORD(i)]), align=4)


def _intrinsic(body: Callable[..., None], n_arrays: int) -> Any:
    """A Numba intrinsic of ``n_arrays`` contiguous uint32 arrays whose code is ``body``."""

    def typed(typingctx: Any, *arrays: Any) -> Any:
        signature = types.void(*arrays)

        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
            body(b, *(_pointer(context, b, t, v) for t, v in zip(sig.args, args, strict=True)))
            return context.get_dummy_value()

        return signature, codegen

    if n_arrays == 1:
        return intrinsic(lambda typingctx, x: typed(typingctx, x))
    return intrinsic(lambda typingctx, x, y: typed(typingctx, x, y))


def _body_block(b: ir.IRBuilder, state: Any, message: Any) -> None:
    words = _compress(
        b, [_load(b, state, i) for i in range(8)], [_load(b, message, i) for i in range(16)]
    )
    for i, word in enumerate(words):
        _store(b, state, i, word)


def _body_rehash(b: ir.IRBuilder, state: Any) -> None:
    message = [_load(b, state, i) for i in range(8)]
    padding = [0x80000000, 0, 0, 0, 0, 0, 0, 256]
    words = _compress(b, [_splat(x) for x in INITIAL], [*message, *padding])
    for i, word in enumerate(words):
        _store(b, state, i, word)


#: ``compress_block(state uint32[8, LANES], message uint32[16, LANES])``: state after the block.
compress_block = _intrinsic(_body_block, 2)

#: ``rehash(state uint32[8, LANES])``: SHA-256 of the 32 bytes that the state holds.
rehash = _intrinsic(_body_rehash, 1)


def big_endian_words(data: bytes) -> NDArray[np.uint32]:
    """Bytes as SHA-256's big-endian words."""
    return np.frombuffer(data, ">u4").astype(np.uint32)


#: Words 8 to 15 of the one block that Bluezone's first sub-key hashes: after the daily key come 13 bytes,
#: spelled as the app spells them, and the padding of a message of 45 bytes.
SUBKEY_WORDS: tuple[int, ...] = tuple(
    int(w)
    for w in big_endian_words(b"bluzonesubkey" + b"\x80" + bytes(10) + (45 * 8).to_bytes(8, "big"))
)
