"""Sixteen or eight numbers at a time, as LLVM vector code written in Python's operators.

A :class:`Lanes` is a vector of 32-bit floats, or of 32- or 64-bit integers, in the function that is being
compiled. LLVM lowers it to what the CPU has (AVX-512, AVX2, SSE2, NEON), and as nothing is contracted or
reordered, every CPU gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from .cpu import features

#: Lanes, where nothing else is said.
WIDTH = 16

BIT, BYTE, WORD, LONG = (ir.IntType(n) for n in (1, 8, 32, 64))
SHORT, FLOAT, DOUBLE = ir.IntType(16), ir.FloatType(), ir.DoubleType()

Value = Any
#: Bits of a mantissa, and of the exponent of the square root of one half.
_MANTISSA, _ROOT_HALF = 23, 0x3F3504F3
_LOG2_E2 = 2.8853900817779268


class Lanes:
    """A vector and the builder of the code that made it."""

    def __init__(self, b: ir.IRBuilder, value: Value):
        self.b, self.value = b, value

    @property
    def kind(self) -> ir.Type:
        """Type of an element."""
        return self.value.type.element

    @property
    def width(self) -> int:
        """How many elements there are."""
        return int(self.value.type.count)

    @property
    def is_float(self) -> bool:
        """Elements are floats; integers otherwise."""
        return isinstance(self.kind, (ir.FloatType, ir.DoubleType))

    def like(self, other: Lanes | float | Value) -> Lanes:
        """Another operand: lanes, a constant or a scalar in all lanes."""
        if isinstance(other, Lanes):
            return other
        if isinstance(other, (int, float, np.number)):
            return constant(self.b, self.kind, other, self.width)
        return splat(self.b, other, self.width)

    def _with(self, plain: str, floating: str, other: Any) -> Lanes:
        other = self.like(other)
        name = floating if self.is_float else plain
        return Lanes(self.b, getattr(self.b, name)(self.value, other.value))

    def __add__(self, other: Any) -> Lanes:
        return self._with("add", "fadd", other)

    def __sub__(self, other: Any) -> Lanes:
        return self._with("sub", "fsub", other)

    def __mul__(self, other: Any) -> Lanes:
        return self._with("mul", "fmul", other)

    def __truediv__(self, other: Any) -> Lanes:
        return self._with("", "fdiv", other)

    def __and__(self, other: Any) -> Lanes:
        return self._with("and_", "", other)

    def __or__(self, other: Any) -> Lanes:
        return self._with("or_", "", other)

    def __xor__(self, other: Any) -> Lanes:
        return self._with("xor", "", other)

    def __lshift__(self, other: Any) -> Lanes:
        return self._with("shl", "", other)

    def __rshift__(self, other: Any) -> Lanes:
        """Zeros come in from above."""
        return self._with("lshr", "", other)

    def signed_shift(self, by: int) -> Lanes:
        """The sign comes in from above."""
        return self._with("ashr", "", by)

    def _compared(self, how: str, other: Any) -> Lanes:
        other = self.like(other)
        compare = self.b.fcmp_ordered if self.is_float else self.b.icmp_signed
        return Lanes(self.b, compare(how, self.value, other.value))

    def __lt__(self, other: Any) -> Lanes:
        return self._compared("<", other)

    def __ge__(self, other: Any) -> Lanes:
        return self._compared(">=", other)

    def __gt__(self, other: Any) -> Lanes:
        return self._compared(">", other)

    def differs(self, other: Any) -> Lanes:
        """Elements are not equal."""
        return self._compared("!=", other)

    def pick(self, yes: Any, no: Any) -> Lanes:
        """``yes`` where the bit is set, ``no`` elsewhere; one of the two at least is lanes."""
        pattern = yes if isinstance(yes, Lanes) else no
        yes, no = pattern.like(yes), pattern.like(no)
        return Lanes(self.b, self.b.select(self.value, yes.value, no.value))

    def min(self, other: Any) -> Lanes:
        """The lesser one."""
        return (self < other).pick(self, other)

    def max(self, other: Any) -> Lanes:
        """The greater one."""
        return (self > other).pick(self, other)

    def _unary(self, name: str) -> Lanes:
        full = f"llvm.{name}.v{self.width}{mangled(self.kind)}"
        kind = ir.FunctionType(self.value.type, [self.value.type])
        function = cgutils.get_or_insert_function(self.b.module, kind, full)
        return Lanes(self.b, self.b.call(function, [self.value]))

    def inverse(self) -> Lanes:
        """One over floats."""
        return self.like(1.0) / self

    def floor(self) -> Lanes:
        """Whole part, downwards."""
        return self._unary("floor")

    def ceil(self) -> Lanes:
        """Whole part, upwards."""
        return self._unary("ceil")

    def sqrt(self) -> Lanes:
        """Square root, correctly rounded."""
        return self._unary("sqrt")

    def _to(self, kind: ir.Type, how: str) -> Lanes:
        return Lanes(self.b, getattr(self.b, how)(self.value, vector(kind, self.width)))

    def floats(self) -> Lanes:
        """Signed integers as 32-bit floats."""
        return self._to(FLOAT, "sitofp")

    def doubles(self) -> Lanes:
        """Signed integers as 64-bit floats."""
        return self._to(DOUBLE, "sitofp")

    def unsigned_doubles(self) -> Lanes:
        """Integers without a sign as 64-bit floats; on vectors also where there is no AVX-512."""
        return self._to(DOUBLE, "uitofp")

    def words(self) -> Lanes:
        """Floats towards zero, or the lower halves of long integers, as 32-bit integers."""
        return self._to(WORD, "fptosi" if self.is_float else "trunc")

    def longs(self) -> Lanes:
        """64-bit integers: floats towards zero, words with their sign."""
        return self._to(LONG, "fptosi" if self.is_float else "sext")

    def unsigned_longs(self) -> Lanes:
        """Words without a sign as 64-bit integers."""
        return self._to(LONG, "zext")

    def halves(self) -> tuple[Lanes, Lanes]:
        """Lower and upper words of long integers."""
        if "avx512f" not in features() or self.width != WIDTH:
            return self.words(), (self >> 32).words()
        b, words = self.b, vector(WORD)
        name = "llvm.x86.avx512.vpermi2var.d.512"
        kind = ir.FunctionType(words, [words] * 3)
        function = cgutils.get_or_insert_function(b.module, kind, name)
        parts = [b.bitcast(self.part(half).value, words) for half in (0, 1)]
        found = []
        for odd in (0, 1):
            which = ir.Constant(words, list(range(odd, 2 * WIDTH, 2)))
            found.append(Lanes(b, b.call(function, [parts[0], which, parts[1]])))
        return found[0], found[1]

    def singles(self) -> Lanes:
        """64-bit floats as 32-bit ones."""
        return self._to(FLOAT, "fptrunc")

    def shorts(self) -> Lanes:
        """The lower halves of words."""
        return self._to(SHORT, "trunc")

    def as_float(self) -> Lanes:
        """Bits of words read as floats."""
        return self._to(FLOAT, "bitcast")

    def as_word(self) -> Lanes:
        """Bits of floats read as words."""
        return self._to(WORD, "bitcast")

    def whole_of(self, divisor: Any, inverse: Any) -> Lanes:
        """Words divided by positive words, rounded down; ``inverse`` is the divisor's, as floats.

        Right where the quotient is below 2**22: the float product is then off by less than one.
        """
        quotient = (self.floats() * inverse).floor().words()
        rest = self - self.like(divisor) * quotient
        quotient = (rest < 0).pick(quotient - 1, quotient)
        return (rest >= divisor).pick(quotient + 1, quotient)

    def log2(self) -> Lanes:
        """Base-2 logarithm of positive floats: 2 atanh((m - 1) / (m + 1)) of the mantissa, to s**9."""
        bits = self.as_word()
        exponent = (bits - _ROOT_HALF).signed_shift(_MANTISSA)
        m = (bits - (exponent << _MANTISSA)).as_float()
        s = (m - 1.0) / (m + 1.0)
        q = s * s
        series = ((q * (1 / 9) + 1 / 7) * q + 1 / 5) * q + 1 / 3
        return exponent.floats() + (series * q + 1.0) * s * _LOG2_E2

    def exp2(self) -> Lanes:
        """Power of two of floats between -126 and 126: Taylor's series about the nearest whole number."""
        whole = (self + 0.5).floor()
        x = (self - whole) * 0.6931471805599453
        series = self.like(1 / 720)
        for c in (1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
            series = series * x + c
        return series * ((whole.words() + 127) << _MANTISSA).as_float()

    def bits(self) -> Value:
        """A mask as an integer, lane 0 lowest."""
        return self.b.bitcast(self.value, ir.IntType(self.width))

    def any(self) -> Value:
        """Some bit of a mask is set."""
        return self.b.icmp_unsigned("!=", self.bits(), ir.Constant(ir.IntType(self.width), 0))

    def permuted(self, table: Lanes, name: str, width: int) -> Lanes:
        """Elements of a table at the lanes' indices, by an instruction of x86."""
        b, words = self.b, vector(WORD, width)
        function = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(words, [words, words]), f"llvm.x86.{name}"
        )
        found = b.call(function, [b.bitcast(table.value, words), self.value])
        return Lanes(b, b.bitcast(found, vector(table.kind, width)))

    def part(self, half: int) -> Lanes:
        """The lower or the upper half of the lanes."""
        n = self.width // 2
        which = ir.Constant(vector(WORD, n), list(range(half * n, half * n + n)))
        undefined = ir.Constant(self.value.type, ir.Undefined)
        return Lanes(self.b, self.b.shuffle_vector(self.value, undefined, which))


def vector(kind: ir.Type, width: int = WIDTH) -> ir.VectorType:
    """Type of lanes of a kind."""
    return ir.VectorType(kind, width)


def mangled(kind: ir.Type) -> str:
    """A type as it is in the names of LLVM's intrinsics."""
    if isinstance(kind, ir.IntType):
        return f"i{kind.width}"
    return "f32" if isinstance(kind, ir.FloatType) else "f64"


def constant(b: ir.IRBuilder, kind: ir.Type, x: Any, width: int = WIDTH) -> Lanes:
    """A number in all lanes."""
    if isinstance(kind, ir.IntType):
        value: Any = int(x) & ((1 << kind.width) - 1)
    else:
        value = float(np.float32(x)) if isinstance(kind, ir.FloatType) else float(x)
    return Lanes(b, ir.Constant(vector(kind, width), [value] * width))


def splat(b: ir.IRBuilder, scalar: Value, width: int = WIDTH) -> Lanes:
    """A scalar in all lanes."""
    undefined = ir.Constant(vector(scalar.type, width), ir.Undefined)
    first = b.insert_element(undefined, scalar, WORD(0))
    zeros = ir.Constant(vector(WORD, width), [0] * width)
    return Lanes(b, b.shuffle_vector(first, undefined, zeros))


def counting(b: ir.IRBuilder, kind: ir.Type, width: int = WIDTH) -> Lanes:
    """0, 1, 2 …"""
    return Lanes(b, ir.Constant(vector(kind, width), list(range(width))))


def shuffled(b: ir.IRBuilder, x: Value, y: Value, which: list[int]) -> Value:
    """Elements of two vectors by number."""
    return b.shuffle_vector(x, y, ir.Constant(vector(WORD, len(which)), which))


def joined(b: ir.IRBuilder, low: Value, high: Value) -> Lanes:
    """Two vectors as one."""
    return Lanes(b, shuffled(b, low, high, list(range(2 * low.type.count))))


def chosen(
    b: ir.IRBuilder, condition: Value, yes: Callable[[], list[Lanes]], no: Callable[[], list[Lanes]]
) -> list[Lanes]:
    """What ``yes`` computes where a scalar condition holds, else what ``no`` does."""
    with b.if_else(condition) as (then, otherwise):
        with then:
            one, from_one = yes(), b.block
        with otherwise:
            two, from_two = no(), b.block
    out = []
    for x, y in zip(one, two, strict=True):
        phi = b.phi(x.value.type)
        phi.add_incoming(x.value, from_one)
        phi.add_incoming(y.value, from_two)
        out.append(Lanes(b, phi))
    return out
