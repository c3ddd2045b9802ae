"""Lanes in memory: arrays that they are read from and written to, and packed without those that are out.

Intrinsics of Numba take arrays as :class:`Array`; see :mod:`.lanes` for what is done to what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cpu import features
from .lanes import (
    BIT,
    BYTE,
    DOUBLE,
    FLOAT,
    LONG,
    SHORT,
    WIDTH,
    WORD,
    Lanes,
    Value,
    joined,
    mangled,
    shuffled,
    vector,
)


class Array:
    """A contiguous array: its pointer and the type of its elements."""

    def __init__(self, b: ir.IRBuilder, pointer: Value, kind: ir.Type):
        self.b, self.kind = b, kind
        self.pointer = b.bitcast(pointer, kind.as_pointer())

    def _at(self, index: Value) -> Value:
        return self.b.gep(self.pointer, [index])

    def from_(self, index: Value) -> Array:
        """What begins at an element."""
        return Array(self.b, self._at(index), self.kind)

    def scalar(self, index: Value) -> Value:
        """One element."""
        return self.b.load(self._at(index))

    def load(self, index: Value, width: int = WIDTH) -> Lanes:
        """Elements ``index`` .. ``index`` + ``width`` - 1."""
        at = self.b.bitcast(self._at(index), vector(self.kind, width).as_pointer())
        out = self.b.load(at)
        out.align = 1
        return Lanes(self.b, out)

    def store(self, index: Value, lanes: Lanes) -> None:
        """Writes elements from ``index`` on."""
        at = self.b.bitcast(self._at(index), lanes.value.type.as_pointer())
        self.b.store(lanes.value, at, align=1)

    def rows(self, index: Array, first: Value) -> list[Lanes]:
        """Columns of rows of four 32-bit elements, by their numbers in memory from ``first`` on.

        A row is one load, and what remains is a transposition: a gather a column is several times as
        slow on most processors, and so is taking the numbers out of a register.
        """
        b, four = self.b, vector(self.kind, 4)
        table, rows = b.bitcast(self.pointer, four.as_pointer()), []
        for k in range(WIDTH):
            number = b.sext(index.scalar(b.add(first, LONG(k))), LONG)
            row = b.load(b.gep(table, [number]))
            row.align = 4
            rows.append(row)
        return _transposed(b, rows)

    def gather(self, index: Lanes) -> Lanes:
        """Elements at the lanes' indices."""
        b, n = self.b, index.width
        kind = vector(self.kind, n)
        at = b.gep(self.pointer, [index.value], source_etype=self.kind)
        at.type = ir.VectorType(ir.PointerType(), n)
        mask = vector(BIT, n)
        name = f"llvm.masked.gather.v{n}{mangled(self.kind)}.v{n}p0"
        function = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(kind, [at.type, WORD, mask, kind]), name
        )
        ones, undefined = ir.Constant(mask, [1] * n), ir.Constant(kind, ir.Undefined)
        size = self.kind.width // 8 if isinstance(self.kind, ir.IntType) else 4
        return Lanes(b, b.call(function, [at, WORD(size), ones, undefined]))

    def picked(self, index: Lanes) -> Lanes:
        """Of sixteen elements those at the lower four bits of the indices."""
        if self.kind == LONG:
            return self._picked_longs(index)
        if "avx512f" in features() and index.width == WIDTH:
            return index.permuted(self.load(LONG(0)), "avx512.permvar.si.512", WIDTH)
        if "avx2" not in features():
            return self.gather(index & (WIDTH - 1))
        n = WIDTH // 2
        tables = [self.load(LONG(k), n) for k in (0, n)]

        def found(some: Lanes) -> Lanes:
            low, high = (some.permuted(t, "avx2.permd", n) for t in tables)
            return (some & n).differs(n).pick(low, high)

        if index.width == n:
            return found(index)
        return joined(self.b, *(found(index.part(half)).value for half in (0, 1)))

    def _picked_longs(self, index: Lanes) -> Lanes:
        if "avx512f" not in features() or index.width != WIDTH:
            return self.gather(index & (WIDTH - 1))
        b, longs, n = self.b, vector(LONG, WIDTH // 2), WIDTH // 2
        name = "llvm.x86.avx512.vpermi2var.q.512"
        function = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(longs, [longs] * 3), name
        )
        low, high = (self.load(LONG(k), n).value for k in (0, n))
        found = [b.call(function, [low, index.part(h).longs().value, high]) for h in (0, 1)]
        return joined(b, *found)


def _transposed(b: ir.IRBuilder, rows: list[Value]) -> list[Lanes]:
    """Four vectors of sixteen, from sixteen of four; each step stays within 128 bits."""
    fours = []
    for k in range(4):
        low, high = (shuffled(b, rows[k + i], rows[k + i + 4], list(range(8))) for i in (0, 8))
        fours.append(shuffled(b, low, high, list(range(16))))
    n = WIDTH

    def woven(x: Value, y: Value, of_x: tuple[int, int], of_y: tuple[int, int]) -> Value:
        which = [i + q for q in range(0, n, 4) for i in (*of_x, *(n + j for j in of_y))]
        return shuffled(b, x, y, which)

    def crossed(x: Value, y: Value, at: int) -> Value:
        which = [i + q for q in range(0, n, 4) for i in (at, n + at, at + 1, n + at + 1)]
        return shuffled(b, x, y, which)

    out = []
    for at in (0, 2):
        one, two = crossed(fours[0], fours[1], at), crossed(fours[2], fours[3], at)
        out += [woven(one, two, (0, 1), (0, 1)), woven(one, two, (2, 3), (2, 3))]
    return [Lanes(b, x) for x in out]


class Packing:
    """Puts those lanes side by side whose bit is set."""

    def __init__(self, mask: Lanes):
        b = mask.b
        self.b, self.mask = b, mask
        self.count = b.zext(b.ctpop(mask.bits()), LONG)
        self._by_table = "avx2" in features() and "avx512f" not in features()
        if self._by_table:
            table, before, self._orders = _packing_table(b), LONG(0), []
            for shift in (0, 8):
                byte = b.and_(b.lshr(b.zext(mask.bits(), LONG), LONG(shift)), LONG(255))
                order = b.bitcast(b.load(b.gep(table, [byte])), vector(BYTE, 8))
                self._orders.append((before, Lanes(b, b.zext(order, vector(WORD, 8)))))
                before = b.ctpop(byte)

    def parts(self, lanes: Lanes) -> list[tuple[Value, Lanes]]:
        """The lanes in one or two pieces, words or floats: how many lie before each, and the piece.

        Behind those that are kept a piece has anything, which the next one overwrites.
        """
        if not self._by_table:
            return [(LONG(0), self._compressed(lanes))]
        return [
            (before, order.permuted(lanes.part(half), "avx2.permd", WIDTH // 2))
            for half, (before, order) in enumerate(self._orders)
        ]

    def store(self, to: Array, at: Value, lanes: Lanes) -> None:
        """Writes the lanes, words or floats, from ``at`` on; what follows them is overwritten."""
        for before, found in self.parts(lanes):
            to.store(self.b.add(at, before), found)

    def _compressed(self, lanes: Lanes) -> Lanes:
        kinds = [lanes.value.type, self.mask.value.type, lanes.value.type]
        name = f"llvm.experimental.vector.compress.v{lanes.width}{mangled(lanes.kind)}"
        function = cgutils.get_or_insert_function(
            self.b.module, ir.FunctionType(lanes.value.type, kinds), name
        )
        undefined = ir.Constant(lanes.value.type, ir.Undefined)
        return Lanes(self.b, self.b.call(function, [lanes.value, self.mask.value, undefined]))


def _packing_table(b: ir.IRBuilder) -> Value:
    """Of each eight bits the numbers of those that are set, ascending, a byte each."""
    rows = []
    for bits in range(256):
        order = [k for k in range(8) if bits >> k & 1]
        rows.append(sum(k << (8 * place) for place, k in enumerate(order)))
    constants = ir.Constant(ir.ArrayType(LONG, 256), rows)
    table = cgutils.global_constant(b, "packing", constants)
    return b.bitcast(table, LONG.as_pointer())


_KINDS = {"int16": SHORT, "int32": WORD, "uint32": WORD, "int64": LONG, "uint64": LONG}
_KINDS |= {"float32": FLOAT, "float64": DOUBLE}


def vectorised(body: Callable[..., Value], returns: Any = types.int64) -> Any:
    """A Numba intrinsic whose code ``body(b, *arguments)`` writes.

    Arrays and named tuples of arrays arrive as :class:`Array` and tuples of them, numbers as scalars; the
    body returns a scalar of the type ``returns``.
    """

    def typed(typingctx: Any, *kinds: Any) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Value:
            if len(sig.args) == 1 and isinstance(sig.args[0], types.StarArgTuple):
                pairs = _parts(b, sig.args[0], args[0])
            else:
                pairs = list(zip(sig.args, args, strict=True))
            return body(b, *(_argument(context, b, k, v) for k, v in pairs))

        return returns(types.StarArgTuple(kinds)), codegen

    return intrinsic(typed)


def _parts(b: ir.IRBuilder, kind: Any, value: Value) -> list[tuple[Any, Value]]:
    return [(k, b.extract_value(value, i)) for i, k in enumerate(kind)]


def _argument(context: Any, b: ir.IRBuilder, kind: Any, value: Value) -> Any:
    if isinstance(kind, types.BaseTuple):
        parts: Sequence[Any] = [_argument(context, b, k, v) for k, v in _parts(b, kind, value)]
        if isinstance(kind, types.BaseNamedTuple):
            made: Any = kind
            return made.instance_class(*parts)
        return tuple(parts)
    if isinstance(kind, types.Array):
        data = context.make_array(kind)(context, b, value).data
        return Array(b, data, _KINDS[str(kind.dtype)])
    return value
