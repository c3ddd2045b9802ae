"""Functions in LLVM IR: pointers and 64-bit integers in, a 64-bit integer out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir
from llvmlite.ir import IRBuilder

BIT, BYTE, WORD, LONG = (ir.IntType(n) for n in (1, 8, 32, 64))
POINTER = BYTE.as_pointer()
#: A register of 16 bytes, as it is loaded and stored, hashed and encrypted.
BYTES, WORDS, LONGS = (ir.VectorType(k, n) for k, n in ((BYTE, 16), (WORD, 4), (LONG, 2)))
VOID = ir.VoidType()

Value = Any
Builder: TypeAlias = IRBuilder
#: What writes a function's body and returns its result.
Body = Callable[..., Value]


def define(module: ir.Module, name: str, shape: str, body: Body, *, inner: bool = False) -> Value:
    """Defines a function.

    Args:
        module: where.
        name: of the symbol.
        shape: a letter an argument, ``p`` for a pointer, ``i`` for a 64-bit integer.
        body: ``(builder, *arguments)``; the result is 0 where it returns None.
        inner: called in this module only, and never compiled into its callers.
    """
    kinds = [POINTER if k == "p" else LONG for k in shape]
    function = ir.Function(module, ir.FunctionType(LONG, kinds), name)
    function.attributes.add("nounwind")
    if inner:
        function.linkage = "internal"
        function.attributes.add("noinline")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    result = body(b, *function.args)
    b.ret(LONG(0) if result is None else result)
    return function


def call(b: Builder, name: str, kind: Any, *arguments: Value) -> Value:
    """Calls an intrinsic of LLVM."""
    found = b.module.globals.get(name)
    if found is None:
        found = ir.Function(b.module, ir.FunctionType(kind, [a.type for a in arguments]), name)
    return b.call(found, arguments)


@contextmanager
def counted(b: Builder, n: Value, first: Value | None = None, step: int = 1) -> Iterator[Value]:
    """``for i in range(first, n, step)`` of signed integers."""
    begin = b.block
    head, body, end = (b.append_basic_block(name) for name in ("head", "body", "end"))
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(LONG)
    i.add_incoming(LONG(0) if first is None else first, begin)
    b.cbranch(b.icmp_signed("<", i, n), body, end)
    b.position_at_end(body)
    yield i
    i.add_incoming(b.add(i, LONG(step)), b.block)
    b.branch(head)
    b.position_at_end(end)


def at(b: Builder, pointer: Value, offset: Value | int) -> Value:
    """A pointer some bytes on."""
    if isinstance(offset, int):
        return pointer if offset == 0 else b.gep(pointer, [LONG(offset)])
    return b.gep(pointer, [offset])


def load(b: Builder, pointer: Value, kind: Any = WORDS, offset: Value | int = 0) -> Value:
    """What is at a byte, wherever that is."""
    out = b.load(b.bitcast(at(b, pointer, offset), kind.as_pointer()))
    out.align = 1
    return out


def store(b: Builder, pointer: Value, value: Value, offset: Value | int = 0) -> None:
    """Writes a value to a byte, wherever that is."""
    b.store(value, b.bitcast(at(b, pointer, offset), value.type.as_pointer()), align=1)


def slot(b: Builder, value: Value) -> Value:
    """A variable of the function, which holds a value."""
    with b.goto_entry_block():
        out = b.alloca(value.type)
    b.store(value, out)
    return out


def buffer(b: Builder, size: int) -> Value:
    """So many bytes of the function's own, aligned for every register."""
    with b.goto_entry_block():
        out = b.alloca(ir.ArrayType(BYTE, size))
        out.align = 64
        return b.bitcast(out, POINTER)


def pick(b: Builder, x: Value, y: Value | None, order: Sequence[int]) -> Value:
    """Elements of two vectors by number."""
    kind = ir.VectorType(WORD, len(order))
    other = ir.Constant(x.type, ir.Undefined) if y is None else y
    return b.shuffle_vector(x, other, ir.Constant(kind, list(order)))


def words(values: Sequence[int]) -> ir.Constant:
    """A vector of 32-bit constants."""
    kind = ir.VectorType(WORD, len(values))
    return ir.Constant(kind, [v & 0xFFFFFFFF for v in values])


def swapped(b: Builder, value: Value) -> Value:
    """Words with their bytes in the other order."""
    return call(b, f"llvm.bswap.v{value.type.count}i32", value.type, value)


def least(b: Builder, x: Value, y: Value) -> Value:
    """The lesser of two integers."""
    return b.select(b.icmp_signed("<", x, y), x, y)


def groups(b: Builder, n: Value, size: int) -> Value:
    """How many groups of ``size`` hold ``n``."""
    return b.sdiv(b.add(n, LONG(size - 1)), LONG(size))


def members(b: Builder, group: Value, size: int, n: Value) -> list[Value]:
    """Numbers of a group's members; beyond the last of all it is the last, once more.

    What is done twice for it has the same result, and is written to the same place.
    """
    first, last = b.mul(group, LONG(size)), b.sub(n, LONG(1))
    return [least(b, b.add(first, LONG(k)), last) for k in range(size)]
