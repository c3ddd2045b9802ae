"""SHA-256 on the CPU's SHA instructions (x86 SHA-NI): four independent messages, interleaved.

One message alone would wait for each instruction's result; four keep the unit busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .sha256_ir import INITIAL, ROUND, SUBKEY_WORDS, after_block

#: Messages that are hashed at a time.
STREAMS = 4

_BYTE, _WORD, _LONG = (ir.IntType(n) for n in (8, 32, 64))
_VECTOR = ir.VectorType(_WORD, 4)
_BYTES = ir.VectorType(_BYTE, 16)

Value = Any
#: Eight words of a state as the instructions want them: (F, E, B, A) and (H, G, D, C).
State = tuple[Value, Value]


def _const(words: Sequence[int]) -> ir.Constant:
    return ir.Constant(_VECTOR, [w & 0xFFFFFFFF for w in words])


def _state(words: Sequence[int]) -> State:
    a, b, c, d, e, f, g, h = words
    return _const([f, e, b, a]), _const([h, g, d, c])


_START = _state(INITIAL)


def _call(b: ir.IRBuilder, name: str, *arguments: Value) -> Value:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
    function = cgutils.get_or_insert_function(b.module, kind, f"llvm.x86.sha256{name}")
    return b.call(function, arguments)


def _pick(b: ir.IRBuilder, x: Value, y: Value, order: Sequence[int]) -> Value:
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(_WORD, len(order)), order))


def compress(
    b: ir.IRBuilder, states: Sequence[State], messages: Sequence[Sequence[Value]]
) -> list[State]:
    """One compression of each stream; a message is four vectors of words."""
    w = [list(m) for m in messages]
    now = [list(s) for s in states]
    for i in range(16):
        k = _const(ROUND[4 * i : 4 * i + 4])
        for s, words in enumerate(w):
            if i >= 4:
                x = _call(b, "msg1", words[i - 4], words[i - 3])
                x = b.add(x, _pick(b, words[i - 2], words[i - 1], [1, 2, 3, 4]))
                words.append(_call(b, "msg2", x, words[i - 1]))
            m = b.add(words[i], k)
            abef, cdgh = now[s]
            cdgh = _call(b, "rnds2", cdgh, abef, m)
            m = _pick(b, m, m, [2, 3, 2, 3])
            abef = _call(b, "rnds2", abef, cdgh, m)
            now[s] = [abef, cdgh]
    return [
        (b.add(new[0], old[0]), b.add(new[1], old[1])) for new, old in zip(now, states, strict=True)
    ]


def _words(b: ir.IRBuilder, state: State) -> tuple[Value, Value]:
    """A state as words in order: (A, B, C, D) and (E, F, G, H)."""
    abef, cdgh = state
    return _pick(b, abef, cdgh, [3, 2, 7, 6]), _pick(b, abef, cdgh, [1, 0, 5, 4])


def _swapped(b: ir.IRBuilder, value: Value) -> Value:
    kind = ir.FunctionType(_VECTOR, [_VECTOR])
    return b.call(cgutils.get_or_insert_function(b.module, kind, "llvm.bswap.v4i32"), [value])


def _at(context: Any, b: ir.IRBuilder, kind: Any, array: Value, byte: Value) -> Value:
    """Pointer to a byte of a contiguous array."""
    data = context.make_array(kind)(context, b, array).data
    return b.gep(b.bitcast(data, _BYTE.as_pointer()), [byte])


def _load(b: ir.IRBuilder, pointer: Value) -> Value:
    out = b.load(b.bitcast(pointer, _VECTOR.as_pointer()))
    out.align = 1
    return out


def _store(b: ir.IRBuilder, pointer: Value, value: Value) -> None:
    b.store(value, b.bitcast(pointer, value.type.as_pointer()), align=1)


_VECTOR_OF_16 = ir.VectorType(_WORD, 16)

#: Bytes of (A, B, C, D) and (E, F, G, H), as stored, that a Bluezone identifier takes.
_IDENTIFIER = [3, 7, 11, 15, 19, 17, 23, 21, 27, 25, 31, 29]


def _store_identifier(b: ir.IRBuilder, pointer: Value, low: Value, high: Value) -> None:
    order = ir.Constant(_VECTOR_OF_16, [*_IDENTIFIER, 0, 0, 0, 0])
    picked = b.shuffle_vector(b.bitcast(low, _BYTES), b.bitcast(high, _BYTES), order)
    longs = b.bitcast(picked, ir.VectorType(_LONG, 2))
    words = b.bitcast(picked, _VECTOR)
    _store(b, pointer, b.extract_element(longs, _WORD(0)))
    _store(b, b.gep(pointer, [_LONG(8)]), b.extract_element(words, _WORD(2)))


_PADDING = (_const([0x80000000, 0, 0, 0]), _const([0, 0, 0, 256]))


#: Words 8 to 15 of the message that a daily key's first sub-key hashes.
_SUBKEY = tuple(_const(SUBKEY_WORDS[i : i + 4]) for i in (0, 4))


@intrinsic
def identifier_chains(typingctx, day_keys, first, out, count):
    """``(day_keys uint32[n, 8], first, out uint8[:], count)``: Bluezone's identifiers of four keys.

    ``day_keys`` are as stored; the identifiers of key i go to ``out[12 * count * i:]``.
    """

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
        _, first, _, count = args
        source = _at(context, b, sig.args[0], args[0], b.mul(first, _LONG(32)))
        stride = b.mul(count, _LONG(12))
        target = _at(context, b, sig.args[2], args[2], b.mul(first, stride))
        keys = [
            [_swapped(b, _load(b, b.gep(source, [_LONG(32 * s + k)]))) for k in (0, 16)]
            for s in range(STREAMS)
        ]
        states = compress(b, [_START] * STREAMS, [[*key, *_SUBKEY] for key in keys])
        # The chain's state is kept as the next message: its words in order.
        slots = [[cgutils.alloca_once_value(b, v) for v in _words(b, state)] for state in states]

        def store(index: Value) -> list[list[Value]]:
            words = [[b.load(v) for v in slot] for slot in slots]
            at = b.mul(index, _LONG(12))
            for s, (low, high) in enumerate(words):
                where = b.add(at, b.mul(stride, _LONG(s)))
                _store_identifier(b, b.gep(target, [where]), low, high)
            return words

        last = b.sub(count, _LONG(1))
        with cgutils.for_range(b, last) as loop:
            words = store(loop.index)
            states = compress(b, [_START] * STREAMS, [[*m, *_PADDING] for m in words])
            for slot, state in zip(slots, states, strict=True):
                for v, word in zip(slot, _words(b, state), strict=True):
                    b.store(word, v)
        with b.if_then(b.icmp_signed(">=", last, _LONG(0))):
            store(last)
        return context.get_dummy_value()

    return types.void(day_keys, types.int64, out, types.int64), codegen


def gaen_keys(label: bytes) -> Any:
    """Intrinsic ``(teks uint32[:], at, out uint32[:])``: HKDF of four keys, as in kernels/hkdf.py.

    ``teks`` holds the keys as stored from word ``at`` on; the derived keys go to the same words of
    ``out``.
    """

    def _padded(n_words: int, n_bytes: int) -> list[int]:
        return [0x80000000] + [0] * (14 - n_words) + [8 * n_bytes]

    def vectors(words: Sequence[int]) -> list[ir.Constant]:
        return [_const(words[i : i + 4]) for i in range(0, len(words), 4)]

    def typed(typingctx: Any, teks: Any, at: Any, out: Any) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            begin = b.mul(args[1], _LONG(4))
            source = _at(context, b, sig.args[0], args[0], begin)
            target = _at(context, b, sig.args[2], args[2], begin)

            def xored(words: Sequence[Value], pad: int) -> list[Value]:
                mask = _const([pad] * 4)
                return [*(b.xor(x, mask) for x in words), mask, mask]

            def hashed(states: Any, messages: Any) -> list[tuple[Value, Value]]:
                return [_words(b, s) for s in compress(b, states, messages)]

            teks = [_swapped(b, _load(b, b.gep(source, [_LONG(16 * s)]))) for s in range(STREAMS)]
            inner_pad, outer_pad = 0x36363636, 0x5C5C5C5C
            after = [_state(after_block(pad)) for pad in (inner_pad, outer_pad)]
            tail = vectors(_padded(4, 64 + 16))
            inner = hashed([after[0]] * STREAMS, [[t, *tail] for t in teks])
            tail = vectors(_padded(8, 64 + 32))
            prk = hashed([after[1]] * STREAMS, [[*x, *tail] for x in inner])
            # The outer pad comes before the message, so that fewer values wait.
            starts = [
                compress(b, [_START] * STREAMS, [xored(x, pad) for x in prk])
                for pad in (inner_pad, outer_pad)
            ]
            info = [int.from_bytes(label[i : i + 4], "big") for i in (0, 4)]
            message = vectors([*info, *_padded(2, 64 + 8)])
            inner = hashed(starts[0], [message] * STREAMS)
            keys = hashed(starts[1], [[*x, *tail] for x in inner])
            for s, (low, _) in enumerate(keys):
                _store(b, b.gep(target, [_LONG(16 * s)]), _swapped(b, low))
            return context.get_dummy_value()

        return types.void(teks, types.int64, out), codegen

    return intrinsic(typed)
