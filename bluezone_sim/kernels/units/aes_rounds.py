"""AES (FIPS 197): rounds and key schedules on x86's instructions, on Arm's, and by tables."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from .writing import BYTE, BYTES, LONG, LONGS, WORD, WORDS, Builder, Value, call, pick, words

_CONSTANTS = (1, 2, 4, 8, 16, 32, 64, 128, 27, 54)


class Aes:
    """What the kinds have in common.

    Attributes:
        wide: blocks of a register.
        at_once: registers that are worked on at a time: as many as hide the latency of a round.
        keys: keys whose schedules are made at a time.
    """

    def __init__(self, wide: int, at_once: int, keys: int):
        self.wide, self.at_once, self.keys = wide, at_once, keys
        #: A register of blocks, as longs and as words.
        self.kind = ir.VectorType(LONG, 2 * wide)
        self.lanes = ir.VectorType(WORD, 4 * wide)

    def rounds(self, b: Builder, blocks: Sequence[Value], keys: Sequence[Value]) -> list[Value]:
        """Registers of blocks encrypted, interleaved round by round; ``keys`` as wide as they are."""
        raise NotImplementedError

    def single(self) -> Aes:
        """The same for one block."""
        return self

    def substituted(self, b: Builder, key: Value, constant: int, rotated: bool) -> Value:
        """The last word of each key, substituted, in all its words.

        Rotated by a byte before, and xored with a constant after, where that is asked for.
        """
        raise NotImplementedError

    def schedules(self, b: Builder, keys: Sequence[Sequence[Value]]) -> list[list[Value]]:
        """Round keys: 11 of keys of one register (AES-128), 15 of keys of two (AES-256); interleaved."""
        out = [list(key) for key in keys]
        size = len(out[0])
        for r in range(size, 11 if size == 1 else 15):
            rotated = size == 1 or r % 2 == 0
            constant = _CONSTANTS[r // size - 1] if rotated else 0
            mixed = [self.substituted(b, key[-1], constant, rotated) for key in out]
            for key, x in zip(out, mixed, strict=True):
                key.append(b.xor(self._running(b, key[-size]), x))
        return out

    def _running(self, b: Builder, key: Value) -> Value:
        """Word 0, words 0 and 1 xored, words 0 to 2, words 0 to 3."""
        x = b.bitcast(key, self.lanes)
        for by in (1, 2):
            order = [
                4 * k + i - by if i >= by else 4 * self.wide
                for k in range(self.wide)
                for i in range(4)
            ]
            x = b.xor(x, pick(b, x, words([0] * 4 * self.wide), order))
        return b.bitcast(x, self.kind)

    def _last_word(self, b: Builder, key: Value, rotated: bool) -> Value:
        kind = ir.VectorType(BYTE, 16 * self.wide)
        order = [13, 14, 15, 12] if rotated else [12, 13, 14, 15]
        all_keys = [16 * k + i for k in range(self.wide) for _ in range(4) for i in order]
        return b.bitcast(pick(b, b.bitcast(key, kind), None, all_keys), self.kind)

    def _constant(self, constant: int) -> ir.Constant:
        return ir.Constant(self.kind, [constant | constant << 32] * 2 * self.wide)


class X86(Aes):
    """AES-NI; VAES where a register holds more than one block."""

    def single(self):
        return X86(1, 1, 1)

    def _name(self, last: bool) -> str:
        return "llvm.x86.aesni.aesenc" + "last" * last + {1: "", 2: ".256", 4: ".512"}[self.wide]

    def rounds(self, b, blocks, keys):
        state = [b.xor(x, keys[0]) for x in blocks]
        for key in keys[1:]:
            name = self._name(key is keys[-1])
            state = [call(b, name, self.kind, x, key) for x in state]
        return state

    def substituted(self, b, key, constant, rotated):
        # The last round substitutes, adds a key, and leaves four equal words where they are.
        word = self._last_word(b, key, rotated)
        return call(b, self._name(True), self.kind, word, self._constant(constant))


class Arm(Aes):
    """Arm's instructions: a key is added before bytes are substituted, and not after."""

    def rounds(self, b, blocks, keys):
        keys = [b.bitcast(key, BYTES) for key in keys]
        state = [b.bitcast(x, BYTES) for x in blocks]
        for key in keys[:-1]:
            state = [call(b, "llvm.aarch64.crypto.aese", BYTES, x, key) for x in state]
            if key is not keys[-2]:
                state = [call(b, "llvm.aarch64.crypto.aesmc", BYTES, x) for x in state]
        return [b.bitcast(b.xor(x, keys[-1]), LONGS) for x in state]

    def substituted(self, b, key, constant, rotated):
        word = b.bitcast(self._last_word(b, key, rotated), BYTES)
        zero = ir.Constant(BYTES, [0] * 16)
        done = call(b, "llvm.aarch64.crypto.aese", BYTES, word, zero)
        return b.xor(b.bitcast(done, LONGS), self._constant(constant))


def _tables() -> tuple[list[int], list[int]]:
    """The S-box, and MixColumns of it: bytes (2s, s, s, 3s) of a little-endian word."""
    box = [0x63] * 256
    p = q = 1
    while True:  # p runs over all field elements but 0, q over their inverses
        p ^= (p << 1 & 0xFF) ^ (0x1B if p & 0x80 else 0)
        for shift in (1, 2, 4):
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        x = q
        for turn in (1, 2, 3, 4):
            x ^= (q << turn | q >> (8 - turn)) & 0xFF
        box[p] = x ^ 0x63
        if p == 1:
            break
    double = [s << 1 & 0xFF ^ (0x1B if s & 0x80 else 0) for s in box]
    return box, [d | s << 8 | s << 16 | (s ^ d) << 24 for s, d in zip(box, double, strict=True)]


class Tables(Aes):
    """By look-ups, on every CPU.

    They depend on the key, so an attacker on the same core could time them. The keys here are simulated,
    or already published.
    """

    def __init__(self, module: ir.Module):
        super().__init__(wide=1, at_once=1, keys=1)
        self._box, self._mixed = (
            self._table(module, name, values)
            for name, values in zip(("box", "mixed"), _tables(), strict=True)
        )

    @staticmethod
    def _table(module: ir.Module, name: str, values: list[int]) -> ir.GlobalVariable:
        kind = ir.ArrayType(WORD, 256)
        table = ir.GlobalVariable(module, kind, name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(kind, values)
        return table

    def rounds(self, b, blocks, keys):
        return [self._encrypted(b, x, keys) for x in blocks]

    def _encrypted(self, b, block, keys):
        state = _split(b, b.xor(block, keys[0]))
        for key in keys[1:]:
            table = self._box if key is keys[-1] else self._mixed
            columns = [self._column(b, table, state, c) for c in range(4)]
            state = [b.xor(x, k) for x, k in zip(columns, _split(b, key), strict=True)]
        return _together(b, state)

    def _column(self, b, table, state, c):
        """Column c of the next state: a byte of each of four columns, found and put in its place."""
        out = None
        for row in range(4):
            found = self._found(b, table, state[(c + row) % 4], row)
            if row:
                left = b.shl(found, WORD(8 * row))
                found = (
                    left if table is self._box else b.or_(left, b.lshr(found, WORD(32 - 8 * row)))
                )
            out = found if out is None else b.xor(out, found)
        return out

    def _found(self, b, table, word, byte):
        index = b.and_(b.lshr(word, WORD(8 * byte)), WORD(0xFF))
        return b.load(b.gep(table, [LONG(0), b.zext(index, LONG)]))

    def substituted(self, b, key, constant, rotated):
        word = _split(b, self._last_word(b, key, rotated))[0]
        found = [b.shl(self._found(b, self._box, word, k), WORD(8 * k)) for k in range(4)]
        done = b.xor(b.or_(b.or_(found[0], found[1]), b.or_(found[2], found[3])), WORD(constant))
        return _together(b, [done] * 4)


def _split(b: Builder, block: Value) -> list[Value]:
    x = b.bitcast(block, WORDS)
    return [b.extract_element(x, WORD(k)) for k in range(4)]


def _together(b: Builder, parts: Sequence[Value]) -> Value:
    x = ir.Constant(WORDS, ir.Undefined)
    for k, part in enumerate(parts):
        x = b.insert_element(x, part, WORD(k))
    return b.bitcast(x, LONGS)
