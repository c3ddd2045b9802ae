"""AES (FIPS 197) on the CPU's own instructions: key schedules and runs of counter blocks.

Three forms of each: four blocks a register (VAES), one (AES-NI), and a portable one in
:mod:`bluezone_sim.kernels.aes_tables`. Which of them a compiled function uses is the type of its
``path`` argument; see :mod:`bluezone_sim.kernels.cpu`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cpu import Vaes

#: Counter blocks that one call encrypts: six registers of four, which hides an AES round's latency.
GROUP = 24

_BYTE, _WORD, _LONG = (ir.IntType(n) for n in (8, 32, 64))
_KEY = ir.VectorType(_LONG, 2)
_KEY_WORDS = ir.VectorType(_WORD, 4)

Value = Any


def _call(b: ir.IRBuilder, name: str, result: Any, arguments: Sequence[Value]) -> Value:
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return b.call(cgutils.get_or_insert_function(b.module, kind, name), arguments)


def _shuffle(b: ir.IRBuilder, value: Value, order: Sequence[int]) -> Value:
    lanes = ir.VectorType(_WORD, len(order))
    return b.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), ir.Constant(lanes, order))


def _pointer(context: Any, b: ir.IRBuilder, kind: Any, array: Value, offset: Value | None) -> Value:
    """Pointer to a byte of a contiguous ``uint8`` array."""
    data = context.make_array(kind)(context, b, array).data
    return data if offset is None else b.gep(data, [offset])


def _load(b: ir.IRBuilder, pointer: Value, kind: Any, index: int) -> Value:
    at = b.gep(b.bitcast(pointer, kind.as_pointer()), [_WORD(index)])
    out = b.load(at)
    out.align = 1
    return out


def _store(b: ir.IRBuilder, pointer: Value, value: Value, index: int) -> None:
    at = b.gep(b.bitcast(pointer, value.type.as_pointer()), [_WORD(index)])
    b.store(value, at, align=1)


def _schedule(b: ir.IRBuilder, key: Sequence[Value]) -> list[Value]:
    """Round keys: 11 of a key of one register (AES-128), 15 of two (AES-256)."""
    zero = ir.Constant(_KEY_WORDS, [0] * 4)

    def shifted(x: Value, words: int) -> Value:
        order = [j if j < words else 4 + j - words for j in range(4)]
        return b.shuffle_vector(zero, x, ir.Constant(_KEY_WORDS, order))

    def following(key: Value, assist_of: Value, constant: int, word: int) -> Value:
        name = "llvm.x86.aesni.aeskeygenassist"
        assist = b.bitcast(_call(b, name, _KEY, [assist_of, _BYTE(constant)]), _KEY_WORDS)
        x = b.bitcast(key, _KEY_WORDS)
        x = b.xor(x, shifted(x, 1))
        x = b.xor(x, shifted(x, 2))
        return b.bitcast(b.xor(x, _shuffle(b, assist, [word] * 4)), _KEY)

    keys = list(key)
    if len(key) == 1:
        for constant in (1, 2, 4, 8, 16, 32, 64, 128, 27, 54):
            keys.append(following(keys[-1], keys[-1], constant, 3))
        return keys
    for constant in (1, 2, 4, 8, 16, 32, 64):
        keys.append(following(keys[-2], keys[-1], constant, 3))
        if len(keys) < 15:
            keys.append(following(keys[-2], keys[-1], 0, 2))
    return keys


def _encrypt(
    b: ir.IRBuilder, round_key: Callable[[int], Value], rounds: int, blocks: Sequence[Value]
) -> list[Value]:
    """AES of registers of blocks, interleaved round by round."""
    kind = blocks[0].type
    suffix = ".512" if kind.count == 8 else ""
    key = round_key(0)
    state = [b.xor(x, key) for x in blocks]
    for r in range(1, rounds + 1):
        name = "llvm.x86.aesni.aesenc" + ("last" if r == rounds else "") + suffix
        key = round_key(r)
        state = [_call(b, name, kind, [x, key]) for x in state]
    return state


def expand_key(size: int) -> Any:
    """Intrinsic ``(key uint8[>=size], at, round_keys uint8[240])``: the schedule of ``key[at:]``."""

    def typed(typingctx: Any, key: Any, at: Any, round_keys: Any) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            source = _pointer(context, b, sig.args[0], args[0], args[1])
            target = _pointer(context, b, sig.args[2], args[2], None)
            loaded = [_load(b, source, _KEY, i) for i in range(size // 16)]
            for i, k in enumerate(_schedule(b, loaded)):
                _store(b, target, k, i)
            return context.get_dummy_value()

        return types.void(key, types.int64, round_keys), codegen

    return intrinsic(typed)


def counter_group(rounds: int, template: bytes, *, big_endian: bool) -> Any:
    """Intrinsic ``(path, round_keys, out uint8[:], at, counter)``: :data:`GROUP` blocks into out[at:].

    Block i is ``template`` (12 bytes) and the 32-bit ``counter`` + i, encrypted.
    """
    words = [int.from_bytes(template[i : i + 4], "little") for i in (0, 4, 8)]

    def codegen_for(per_register: int) -> Any:
        lanes = 4 * per_register
        wide = ir.VectorType(_WORD, lanes)
        register = ir.VectorType(_LONG, 2 * per_register)

        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            keys = _pointer(context, b, sig.args[1], args[1], None)
            target = _pointer(context, b, sig.args[2], args[2], args[3])

            def round_key(r: int) -> Value:
                key = _load(b, keys, _KEY, r)
                if per_register == 1:
                    return key
                order = ir.Constant(ir.VectorType(_WORD, 8), [0, 1] * 4)
                return b.shuffle_vector(key, ir.Constant(_KEY, ir.Undefined), order)

            first = b.insert_element(ir.Constant(wide, ir.Undefined), args[4], _WORD(0))
            first = b.shuffle_vector(
                first, ir.Constant(wide, ir.Undefined), ir.Constant(wide, [0] * lanes)
            )
            base = ir.Constant(wide, [*words, 0] * per_register)
            mask = ir.Constant(wide, [0, 0, 0, 0xFFFFFFFF] * per_register)
            registers = GROUP // per_register
            # As many at once as hide the latency and still fit the registers.
            at_once = 6 if per_register == 4 else 8
            for begin in range(0, registers, at_once):
                blocks = []
                for q in range(begin, begin + at_once):
                    steps = [per_register * q + lane // 4 for lane in range(lanes)]
                    counter = b.add(first, ir.Constant(wide, steps))
                    if big_endian:
                        counter = _call(b, f"llvm.bswap.v{lanes}i32", wide, [counter])
                    blocks.append(b.bitcast(b.or_(base, b.and_(counter, mask)), register))
                for q, block in enumerate(_encrypt(b, round_key, rounds, blocks)):
                    _store(b, target, block, begin + q)
            return context.get_dummy_value()

        return codegen

    def typed(typingctx: Any, path: Any, round_keys: Any, out: Any, at: Any, counter: Any) -> Any:
        codegen = codegen_for(4 if path.instance_class is Vaes else 1)
        return types.void(path, round_keys, out, types.int64, types.uint32), codegen

    return intrinsic(typed)


def encrypt_block(rounds: int) -> Any:
    """Intrinsic ``(round_keys, data uint8[:], at)``: the block at data[at:] in place."""

    def typed(typingctx: Any, round_keys: Any, data: Any, at: Any) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            keys = _pointer(context, b, sig.args[0], args[0], None)
            target = _pointer(context, b, sig.args[1], args[1], args[2])
            block = _load(b, target, _KEY, 0)
            (block,) = _encrypt(b, lambda r: _load(b, keys, _KEY, r), rounds, [block])
            _store(b, target, block, 0)
            return context.get_dummy_value()

        return types.void(round_keys, data, types.int64), codegen

    return intrinsic(typed)
