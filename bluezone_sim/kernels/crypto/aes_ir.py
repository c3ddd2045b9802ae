"""AES (FIPS 197) on the CPU's own instructions: key schedules and runs of counter blocks.

Three forms of each: four blocks a register (VAES), one (AES-NI), and a portable one in
:mod:`bluezone_sim.kernels.crypto.aes_tables`. Which of them a compiled function uses is the type of its
``path`` argument; see :mod:`bluezone_sim.kernels.cpu`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..cpu import Vaes

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


def _broadcast_key(b: ir.IRBuilder, keys: Value, r: int, per_register: int) -> Value:
    """Round key ``r`` once for each block of a register."""
    key = _load(b, keys, _KEY, r)
    if per_register == 1:
        return key
    order = ir.Constant(ir.VectorType(_WORD, 2 * per_register), [0, 1] * per_register)
    return b.shuffle_vector(key, ir.Constant(_KEY, ir.Undefined), order)


def _counter_blocks(
    b: ir.IRBuilder,
    template: bytes,
    counter: Value,
    span: tuple[int, int],
    per_register: int,
    big_endian: bool,
) -> list[Value]:
    """Registers of the blocks ``template`` (12 bytes), ``counter`` + i (32 bits), i in ``span``."""
    words = [int.from_bytes(template[i : i + 4], "little") for i in (0, 4, 8)]
    lanes = 4 * per_register
    wide = ir.VectorType(_WORD, lanes)
    register = ir.VectorType(_LONG, 2 * per_register)
    undefined = ir.Constant(wide, ir.Undefined)
    first = b.insert_element(undefined, counter, _WORD(0))
    first = b.shuffle_vector(first, undefined, ir.Constant(wide, [0] * lanes))
    base = ir.Constant(wide, [*words, 0] * per_register)
    mask = ir.Constant(wide, [0, 0, 0, 0xFFFFFFFF] * per_register)
    first = b.and_(first, mask)
    if not big_endian:
        first = b.or_(first, base)
    out = []
    for i in range(*span, per_register):
        steps = [i + lane // 4 if lane % 4 == 3 else 0 for lane in range(lanes)]
        numbers = b.add(first, ir.Constant(wide, steps))
        if big_endian:
            numbers = b.or_(_call(b, f"llvm.bswap.v{lanes}i32", wide, [numbers]), base)
        out.append(b.bitcast(numbers, register))
    return out


def counter_group(rounds: int, template: bytes, *, big_endian: bool) -> Any:
    """Intrinsic ``(path, round_keys, out uint8[:], at, counter)``: :data:`GROUP` blocks into out[at:].

    Block i is ``template`` (12 bytes) and the 32-bit ``counter`` + i, encrypted.
    """

    def codegen_for(per_register: int) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            keys = _pointer(context, b, sig.args[1], args[1], None)
            target = _pointer(context, b, sig.args[2], args[2], args[3])
            # As many at once as hide the latency and still fit the registers.
            at_once = per_register * (6 if per_register == 4 else 8)
            for begin in range(0, GROUP, at_once):
                span = (begin, begin + at_once)
                blocks = _counter_blocks(b, template, args[4], span, per_register, big_endian)
                encrypted = _encrypt(
                    b, lambda r: _broadcast_key(b, keys, r, per_register), rounds, blocks
                )
                for q, block in enumerate(encrypted):
                    _store(b, target, block, begin // per_register + q)
            return context.get_dummy_value()

        return codegen

    def typed(typingctx: Any, path: Any, round_keys: Any, out: Any, at: Any, counter: Any) -> Any:
        codegen = codegen_for(4 if path.instance_class is Vaes else 1)
        return types.void(path, round_keys, out, types.int64, types.uint32), codegen

    return intrinsic(typed)


#: Keys of one register of :func:`days_filtered`, and registers of one call of :func:`schedules`.
KEYS, REGISTERS = 4, 4
#: Intervals that :func:`days_filtered` makes at a time, and how many of its four keys' that are.
STEP, STEP_IDS = 8, 32


def _wide(b: ir.IRBuilder, keys: Value, order: Sequence[int]) -> Value:
    """Words of each of four keys in another order; -1 gives zero."""
    kind = ir.VectorType(_WORD, 4 * KEYS)
    x = b.bitcast(keys, kind)
    picks = [4 * k + o if o >= 0 else 4 * KEYS for k in range(KEYS) for o in order]
    zero = ir.Constant(kind, [0] * 4 * KEYS)
    return b.bitcast(b.shuffle_vector(x, zero, ir.Constant(kind, picks)), keys.type)


@intrinsic
def schedules(typingctx, keys, at, round_keys):
    """``(keys uint8[:], at, round_keys uint8[2816])``: AES-128 schedules of 16 keys (VAES).

    Round key r of keys 4 z .. 4 z + 3 goes to byte 64 (4 r + z).
    """

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
        source = _pointer(context, b, sig.args[0], args[0], args[1])
        target = _pointer(context, b, sig.args[2], args[2], None)
        kind = ir.VectorType(_LONG, 2 * KEYS)
        last = [_load(b, source, kind, z) for z in range(REGISTERS)]
        for r, constant in enumerate((1, 2, 4, 8, 16, 32, 64, 128, 27, 54, 0)):
            for z, x in enumerate(last):
                _store(b, target, x, REGISTERS * r + z)
                if r == 10:
                    continue
                # The last word rotated by a byte and substituted: AES's last round does the latter, and
                # leaves four equal words where they are.
                word = b.bitcast(_wide(b, x, [3] * 4), ir.VectorType(_WORD, 4 * KEYS))
                lanes = word.type
                right = b.lshr(word, ir.Constant(lanes, [8] * 4 * KEYS))
                left = b.shl(word, ir.Constant(lanes, [24] * 4 * KEYS))
                rotated = b.bitcast(b.or_(right, left), kind)
                rcon = ir.Constant(kind, [constant | constant << 32] * 2 * KEYS)
                mixed = _call(b, "llvm.x86.aesni.aesenclast.512", kind, [rotated, rcon])
                x = b.xor(x, _wide(b, x, [-1, 0, 1, 2]))
                x = b.xor(x, _wide(b, x, [-1, -1, 0, 1]))
                last[z] = b.xor(x, mixed)
        return context.get_dummy_value()

    return types.void(keys, types.int64, round_keys), codegen


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
