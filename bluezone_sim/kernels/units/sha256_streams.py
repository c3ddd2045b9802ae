"""SHA-256 on instructions made for it (x86 SHA-NI, Arm SHA2): four messages, interleaved.

One message alone would wait for each instruction's result; four keep the unit busy.
"""

from __future__ import annotations

from collections.abc import Sequence

from .sha256_words import ROUND
from .writing import (
    BYTES,
    LONGS,
    WORD,
    WORDS,
    Builder,
    Value,
    at,
    call,
    load,
    pick,
    store,
    swapped,
    words,
)

#: Four words of each message, in order.
Quad = list[Value]
#: Bytes of words 0 to 3 and 4 to 7, as values, that a Bluezone identifier takes.
_IDENTIFIER = [3, 7, 11, 15, 19, 17, 23, 21, 27, 25, 31, 29, 0, 0, 0, 0]


class Streams:
    """What both kinds of instructions have in common: a register holds four words of one message."""

    #: Messages at a time.
    width = 4

    def known(self, values: Sequence[int]) -> Quad:
        """The same four words in every message."""
        return [words(values)] * self.width

    def load(self, b: Builder, rows: Sequence[Value], byte: int) -> Quad:
        """Four big-endian words of each row."""
        return [swapped(b, load(b, row, WORDS, byte)) for row in rows]

    def store(self, b: Builder, rows: Sequence[Value], byte: Value | int, quad: Quad) -> None:
        """Writes them as big-endian words."""
        for row, value in zip(rows, quad, strict=True):
            store(b, row, swapped(b, value), byte)

    def store_identifier(
        self, b: Builder, rows: Sequence[Value], byte: Value, state: Sequence[Quad]
    ) -> None:
        """Writes the twelve bytes of a state that are Bluezone's identifier."""
        for row, low, high in zip(rows, *state, strict=True):
            low, high = (b.bitcast(v, BYTES) for v in (low, high))
            picked = pick(b, low, high, _IDENTIFIER)
            here = at(b, row, byte)
            store(b, here, b.extract_element(b.bitcast(picked, LONGS), WORD(0)))
            store(b, here, b.extract_element(b.bitcast(picked, WORDS), WORD(2)), 8)

    def compress(self, b: Builder, state: Sequence[Quad], message: Sequence[Quad]) -> list[Quad]:
        """The state after a block."""
        w = [list(stream) for stream in zip(*message, strict=True)]

        def added(i: int, s: int) -> Value:
            if i >= 4:
                w[s].append(self._next(b, w[s]))
            return b.add(w[s][i], words(ROUND[4 * i : 4 * i + 4]))

        return self._rounds(b, state, added)

    def compress_here(
        self, b: Builder, state: Sequence[Quad], message: Sequence[Quad]
    ) -> list[Quad]:
        """The same: whoever compresses has the code of its own."""
        return self.compress(b, state, message)

    def compress_scheduled(self, b: Builder, state: Sequence[Quad], schedule: Value) -> list[Quad]:
        """The same, of a block known beforehand: ``uint32[64]`` of what its rounds add."""
        return self._rounds(b, state, lambda i, s: load(b, schedule, WORDS, 16 * i))

    def _rounds(self, b, state, added):
        before = [self._state(b, low, high) for low, high in zip(*state, strict=True)]
        now = list(before)
        for i in range(16):
            for s in range(self.width):
                now[s] = self._four(b, *now[s], added(i, s))
        after = [
            self._words(b, b.add(x[0], y[0]), b.add(x[1], y[1]))
            for x, y in zip(now, before, strict=True)
        ]
        return [list(quad) for quad in zip(*after, strict=True)]

    def _next(self, b, w):
        """The four words of the message schedule that follow."""
        raise NotImplementedError

    def _state(self, b, low, high):
        """A state as the instructions want it."""
        raise NotImplementedError

    def _words(self, b, x, y):
        """A state as its words in order."""
        raise NotImplementedError

    def _four(self, b, x, y, added):
        """Four rounds."""
        raise NotImplementedError


class ShaNi(Streams):
    """x86: a state is (F, E, B, A) and (H, G, D, C)."""

    def _next(self, b, w):
        x = call(b, "llvm.x86.sha256msg1", WORDS, w[-4], w[-3])
        x = b.add(x, pick(b, w[-2], w[-1], [1, 2, 3, 4]))
        return call(b, "llvm.x86.sha256msg2", WORDS, x, w[-1])

    def _state(self, b, low, high):
        return pick(b, low, high, [5, 4, 1, 0]), pick(b, low, high, [7, 6, 3, 2])

    def _words(self, b, x, y):
        return pick(b, x, y, [3, 2, 7, 6]), pick(b, x, y, [1, 0, 5, 4])

    def _four(self, b, x, y, added):
        y = call(b, "llvm.x86.sha256rnds2", WORDS, y, x, added)
        x = call(b, "llvm.x86.sha256rnds2", WORDS, x, y, pick(b, added, None, [2, 3, 2, 3]))
        return x, y


class ArmSha(Streams):
    """Arm: a state is its words in order."""

    def _next(self, b, w):
        x = call(b, "llvm.aarch64.crypto.sha256su0", WORDS, w[-4], w[-3])
        return call(b, "llvm.aarch64.crypto.sha256su1", WORDS, x, w[-2], w[-1])

    def _state(self, b, low, high):
        return low, high

    def _words(self, b, x, y):
        return x, y

    def _four(self, b, x, y, added):
        return (
            call(b, "llvm.aarch64.crypto.sha256h", WORDS, x, y, added),
            call(b, "llvm.aarch64.crypto.sha256h2", WORDS, y, x, added),
        )
