"""SHA-256 on plain vector code: a lane a message, each word of the state a vector.

LLVM lowers the vectors to what the processor has: AVX-512 (with its rotate and ternary logic), AVX2, SSE2
or NEON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from llvmlite import ir

from .sha256_words import ROUND
from .writing import (
    LONG,
    WORD,
    WORDS,
    Builder,
    Value,
    at,
    buffer,
    counted,
    define,
    load,
    pick,
    slot,
    store,
    swapped,
    words,
)

#: Four words, each of them a vector.
Quad = list[Value]
#: Words 8 to 14 of the block of a message of 32 bytes that ends with it.
_AFTER_HALF = [0x80000000, 0, 0, 0, 0, 0, 0]


class Lanes:
    """The unit; it has functions of its own, so each belongs to one module."""

    def __init__(self, module: ir.Module, width: int = 16):
        self.width = width
        self._kind = ir.VectorType(WORD, width)
        self._size = 4 * width
        kind = ir.ArrayType(WORD, 64)
        self._constants = ir.GlobalVariable(module, kind, "round_constants")
        self._constants.linkage, self._constants.global_constant = "internal", True
        self._constants.initializer = ir.Constant(kind, ROUND)
        self._block = define(module, "block", "pp", self._write_block, inner=True)
        self._half = define(module, "half", "ppi", self._write_half, inner=True)
        self._known = define(module, "known", "pp", self._write_known, inner=True)

    def known(self, values: Sequence[int]) -> Quad:
        """The same four words in every message."""
        return [words([v] * self.width) for v in values]

    def load(self, b: Builder, rows: Sequence[Value], byte: int) -> Quad:
        """Four big-endian words of each row."""
        return self._turned(b, [swapped(b, load(b, row, WORDS, byte)) for row in rows])

    def store(self, b: Builder, rows: Sequence[Value], byte: Value | int, quad: Quad) -> None:
        """Writes them as big-endian words."""
        for row, value in zip(rows, self._rows(b, [swapped(b, v) for v in quad]), strict=True):
            store(b, row, value, byte)

    def store_identifier(
        self, b: Builder, rows: Sequence[Value], byte: Value, state: Sequence[Quad]
    ) -> None:
        """Writes the twelve bytes of a state that are Bluezone's identifier."""
        (s0, s1, s2, s3), high = state

        def shifted(x: Value, by: int) -> Value:
            return b.lshr(x, words([by] * self.width))

        def masked(x: Value, mask: int) -> Value:
            return b.and_(x, words([mask] * self.width))

        def together(*parts: Value) -> Value:
            out = parts[0]
            for part in parts[1:]:
                out = b.or_(out, part)
            return out

        # First bytes of words 0-3, then first and third bytes of words 4-7.
        first = together(
            shifted(s0, 24),
            masked(shifted(s1, 16), 0xFF00),
            masked(shifted(s2, 8), 0xFF0000),
            masked(s3, 0xFF000000),
        )
        left = words([16] * self.width)
        others = [
            together(
                shifted(x, 24),
                masked(x, 0xFF00),
                masked(shifted(y, 8), 0xFF0000),
                b.shl(masked(y, 0xFF00), left),
            )
            for x, y in (high[:2], high[2:])
        ]
        for row, value in zip(rows, self._rows(b, [first, *others, first]), strict=True):
            here = at(b, row, byte)
            pair = pick(b, value, None, [0, 1])
            store(b, here, pair)
            store(b, here, b.extract_element(value, WORD(2)), 8)

    def compress(self, b: Builder, state: Sequence[Quad], message: Sequence[Quad]) -> list[Quad]:
        """The state after a block."""
        known = [_constant(v) for v in chain(*message)]
        if known[8:15] == _AFTER_HALF and known[15] is not None:
            given = list(chain(*message[:2]))
            return self._called(b, self._half, state, given, LONG(known[15]))
        return self._called(b, self._block, state, list(chain(*message)))

    def compress_here(
        self, b: Builder, state: Sequence[Quad], message: Sequence[Quad]
    ) -> list[Quad]:
        """The same, compiled into the caller: a twentieth quicker, and 15 KiB of code each time."""
        before, w = list(chain(*state)), list(chain(*message))
        now = before
        for first in range(0, 64, 16):
            now = self._rounds(b, now, self._added(b, w, first, first > 0))
        after = [b.add(x, y) for x, y in zip(now, before, strict=True)]
        return [after[:4], after[4:]]

    def compress_scheduled(self, b: Builder, state: Sequence[Quad], schedule: Value) -> list[Quad]:
        """The same, of a block known beforehand: ``uint32[64]`` of what its rounds add."""
        return self._called(b, self._known, state, None, schedule)

    def _called(self, b, function, state, message, *more):
        """The code of a compression is there once, and its arguments go through memory."""
        here = buffer(b, 8 * self._size)
        self._write(b, here, list(chain(*state)))
        arguments = [here]
        if message is not None:
            arguments.append(buffer(b, 16 * self._size))
            self._write(b, arguments[-1], message)
        b.call(function, [*arguments, *more])
        after = self._read(b, here, 8)
        return [after[:4], after[4:]]

    def _read(self, b, pointer, n):
        return [load(b, pointer, self._kind, self._size * i) for i in range(n)]

    def _write(self, b, pointer, values):
        for i, value in enumerate(values):
            store(b, pointer, value, self._size * i)

    def _write_block(self, b, state, message):
        self._compress(b, state, self._read(b, message, 16), 16)

    def _write_half(self, b, state, message, bits):
        length = self._splat(b, b.trunc(bits, WORD))
        padding = [words([x] * self.width) for x in _AFTER_HALF]
        self._compress(b, state, [*self._read(b, message, 8), *padding, length], 16)

    def _write_known(self, b, state, schedule):
        before = self._read(b, state, 8)
        slots = [slot(b, x) for x in before]
        with counted(b, LONG(64), step=16) as first:
            here = at(b, schedule, b.mul(first, LONG(4)))

            def added(i: int) -> Value:
                return self._splat(b, load(b, here, WORD, 4 * i))

            _keep(b, slots, self._rounds(b, [b.load(x) for x in slots], added))
        self._write(b, state, [b.add(b.load(x), y) for x, y in zip(slots, before, strict=True)])

    def _compress(self, b, state, w, unrolled):
        """The state after a block; so many rounds are written out, the others are a loop of sixteen."""
        before = self._read(b, state, 8)
        now = before
        for first in range(0, unrolled, 16):
            now = self._rounds(b, now, self._added(b, w, first, first > 0))
        slots, messages = ([slot(b, x) for x in values] for values in (now, w))
        with counted(b, LONG(64), LONG(unrolled), step=16) as first:
            w = [b.load(x) for x in messages]
            added = self._added(b, w, first, True)
            _keep(b, slots, self._rounds(b, [b.load(x) for x in slots], added))
            _keep(b, messages, w)
        self._write(b, state, [b.add(b.load(x), y) for x, y in zip(slots, before, strict=True)])

    def _splat(self, b, word):
        first = b.insert_element(ir.Constant(self._kind, ir.Undefined), word, WORD(0))
        return pick(b, first, None, [0] * self.width)

    def _turns(self, b, x, *by):
        out = None
        for n in by:
            left, right = words([32 - n] * self.width), words([n] * self.width)
            turned = b.or_(b.lshr(x, right), b.shl(x, left))
            out = turned if out is None else b.xor(out, turned)
        return out

    def _added(
        self, b: Builder, w: list[Value], first: Value | int, new: bool
    ) -> Callable[[int], Value]:
        """What round ``first`` + i adds; ``w`` becomes the next sixteen words, if new."""

        def added(i: int) -> Value:
            if new:
                x, y = w[(i - 15) % 16], w[(i - 2) % 16]
                s0 = b.xor(self._turns(b, x, 7, 18), b.lshr(x, words([3] * self.width)))
                s1 = b.xor(self._turns(b, y, 17, 19), b.lshr(y, words([10] * self.width)))
                w[i] = b.add(b.add(w[i], s0), b.add(w[(i - 7) % 16], s1))
            if isinstance(first, int):
                return b.add(w[i], words([ROUND[first + i]] * self.width))
            place = b.gep(self._constants, [LONG(0), b.add(first, LONG(i))])
            return b.add(w[i], self._splat(b, b.load(place)))

        return added

    def _rounds(self, b, state, added):
        """Sixteen rounds, after which the words have their places again."""
        va, vb, vc, vd, ve, vf, vg, vh = state
        for i in range(16):
            choice = b.xor(vg, b.and_(ve, b.xor(vf, vg)))
            t1 = b.add(b.add(vh, added(i)), b.add(self._turns(b, ve, 6, 11, 25), choice))
            majority = b.or_(b.and_(va, vb), b.and_(vc, b.or_(va, vb)))
            t2 = b.add(self._turns(b, va, 2, 13, 22), majority)
            vh, vg, vf, ve = vg, vf, ve, b.add(vd, t1)
            vd, vc, vb, va = vc, vb, va, b.add(t1, t2)
        return [va, vb, vc, vd, ve, vf, vg, vh]

    def _turned(self, b, rows):
        """Rows of four words as four vectors with a lane a row."""
        numbers = [[k] for k in range(len(rows))]
        while len(rows) > 4:
            half = len(rows) // 2
            rows = [_joined(b, rows[k], rows[k + half]) for k in range(half)]
            numbers = [numbers[k] + numbers[k + half] for k in range(half)]
        places = [n for some in numbers for n in some]
        order = [places.index(lane) for lane in range(self.width)]
        out = []
        for word in range(4):
            column = [4 * k + word for k in range(self.width // 4)]
            x, y, z, w = (pick(b, row, None, column) for row in rows)
            mixed = _joined(b, _joined(b, x, y), _joined(b, z, w))
            out.append(pick(b, mixed, None, order))
        return out

    def _rows(self, b, quad):
        """Four vectors with a lane a row as rows of four words."""
        x, y, z, w = quad
        out = []
        for first in range(0, self.width, 4):
            low, high = (
                [pick(b, p, q, [k + first, k + first + self.width]) for k in range(4)]
                for p, q in ((x, y), (z, w))
            )
            out += [pick(b, low[k], high[k], [0, 1, 2, 3]) for k in range(4)]
        return out


def _keep(b: Builder, slots: Sequence[Value], values: Sequence[Value]) -> None:
    for pointer, value in zip(slots, values, strict=True):
        b.store(value, pointer)


def _joined(b: Builder, x: Value, y: Value) -> Value:
    return pick(b, x, y, range(2 * x.type.count))


def _constant(value: Value) -> int | None:
    """The word that a constant vector has in all lanes; None of what is computed."""
    if not isinstance(value, ir.Constant):
        return None
    return int(value.constant[0].constant)
