"""What kernels hash, written once for every SHA-256 unit.

Rows are as stored: keys and digests of 32 bytes, blocks of 64, contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from .sha256_words import INITIAL, SUBKEY_WORDS, after_block, padding
from .writing import (
    LONG,
    Builder,
    Value,
    at,
    counted,
    define,
    groups,
    members,
    slot,
)

_INNER, _OUTER = 0x36363636, 0x5C5C5C5C
#: Name and shape (see :func:`.writing.define`) of each function.
SHAPES = {"identifiers": "ppii", "ratchet": "ppii", "digests": "piipii", "derive": "ppip"}


def write(module: ir.Module, unit: Any) -> None:
    """Defines the functions of :data:`SHAPES`."""
    bodies = (_identifiers, _ratchet, _digests, _derive)
    for (name, shape), body in zip(SHAPES.items(), bodies, strict=True):
        define(module, name, shape, lambda b, *a, body=body: body(unit, b, *a))


def _known(unit: Any, values: Sequence[int]) -> list[Any]:
    return [unit.known(values[i : i + 4]) for i in range(0, len(values), 4)]


def _rows(b: Builder, pointer: Value, numbers: Sequence[Value], size: Value | int) -> list[Value]:
    each = LONG(size) if isinstance(size, int) else size
    return [at(b, pointer, b.mul(k, each)) for k in numbers]


class _Chain:
    """States that are hashed again and again."""

    def __init__(self, unit: Any, b: Builder, state: list[Any]):
        self.unit, self.b = unit, b
        self.slots = [[slot(b, v) for v in quad] for quad in state]
        self.tail = _known(unit, padding(8, 32))

    def state(self) -> list[Any]:
        return [[self.b.load(v) for v in quad] for quad in self.slots]

    def hash(self, state: list[Any], compress: Callable[..., list[Any]]) -> None:
        """The next states are the hashes of these, by a function of the unit."""
        new = compress(self.b, _known(self.unit, INITIAL), [*state, *self.tail])
        for quad, values in zip(self.slots, new, strict=True):
            for pointer, value in zip(quad, values, strict=True):
                self.b.store(value, pointer)


def _identifiers(unit: Any, b: Builder, keys: Value, out: Value, n: Value, count: Value) -> None:
    """Bluezone's identifiers of ``n`` daily keys, ``count`` each, 12 bytes."""
    size = b.mul(count, LONG(12))
    with counted(b, groups(b, n, unit.width)) as group:
        numbers = members(b, group, unit.width, n)
        sources, targets = _rows(b, keys, numbers, 32), _rows(b, out, numbers, size)
        key = [unit.load(b, sources, byte) for byte in (0, 16)]
        message = [*key, *_known(unit, SUBKEY_WORDS)]
        chain = _Chain(unit, b, unit.compress(b, _known(unit, INITIAL), message))
        last = b.sub(count, LONG(1))
        with counted(b, last) as i:
            state = chain.state()
            unit.store_identifier(b, targets, b.mul(i, LONG(12)), state)
            chain.hash(state, unit.compress_here)
        with b.if_then(b.icmp_signed(">=", last, LONG(0))):
            unit.store_identifier(b, targets, b.mul(last, LONG(12)), chain.state())


def _ratchet(unit: Any, b: Builder, keys: Value, out: Value, n: Value, count: Value) -> None:
    """``count`` links of SHA-256 chains, 32 bytes each; the first are ``n`` keys themselves."""
    size = b.mul(count, LONG(32))
    with counted(b, groups(b, n, unit.width)) as group:
        numbers = members(b, group, unit.width, n)
        sources, targets = _rows(b, keys, numbers, 32), _rows(b, out, numbers, size)
        chain = _Chain(unit, b, [unit.load(b, sources, byte) for byte in (0, 16)])
        with counted(b, count) as i:
            state = chain.state()
            for k, quad in enumerate(state):
                unit.store(b, targets, b.add(b.mul(i, LONG(32)), LONG(16 * k)), quad)
            chain.hash(state, unit.compress)


def _digests(
    unit: Any,
    b: Builder,
    blocks: Value,
    count: Value,
    n: Value,
    out: Value,
    step: Value,
    size: Value,
) -> None:
    """SHA-256 of ``n`` messages of ``count`` blocks, padded; digests of ``size`` 16 or 32 bytes.

    A digest goes ``step`` bytes behind the one before.
    """
    with counted(b, groups(b, n, unit.width)) as group:
        numbers = members(b, group, unit.width, n)
        sources = _rows(b, blocks, numbers, b.mul(count, LONG(64)))
        targets = _rows(b, out, numbers, step)
        slots = [[slot(b, v) for v in quad] for quad in _known(unit, INITIAL)]
        with counted(b, count) as i:
            here = [at(b, row, b.mul(i, LONG(64))) for row in sources]
            message = [unit.load(b, here, byte) for byte in (0, 16, 32, 48)]
            state = [[b.load(v) for v in quad] for quad in slots]
            for quad, values in zip(slots, unit.compress(b, state, message), strict=True):
                for pointer, value in zip(quad, values, strict=True):
                    b.store(value, pointer)
        unit.store(b, targets, 0, [b.load(v) for v in slots[0]])
        with b.if_then(b.icmp_signed(">", size, LONG(16))):
            unit.store(b, targets, 16, [b.load(v) for v in slots[1]])


def _derive(unit: Any, b: Builder, keys: Value, out: Value, n: Value, label: Value) -> None:
    """HKDF-SHA256 (RFC 5869) as GAEN uses it: no salt, 16-byte keys, a short label, 16 bytes out.

    ``label`` is :func:`.sha256_words.label_schedule`. The pads of the empty salt are the same for every
    key, so the states after them are constants and six compressions a key remain.
    """
    after = [_known(unit, after_block([pad] * 16)) for pad in (_INNER, _OUTER)]
    start = _known(unit, INITIAL)
    tail = _known(unit, padding(8, 64 + 32))

    def xored(quads: list[Any], pad: int) -> list[Any]:
        mask = unit.known([pad] * 4)
        return [[b.xor(x, y) for x, y in zip(q, mask, strict=True)] for q in quads] + [mask] * 2

    with counted(b, groups(b, n, unit.width)) as group:
        numbers = members(b, group, unit.width, n)
        sources, targets = _rows(b, keys, numbers, 16), _rows(b, out, numbers, 16)
        # Extract: HMAC(key = zeros, key).
        message = [unit.load(b, sources, 0), *_known(unit, padding(4, 64 + 16))]
        inner = unit.compress(b, after[0], message)
        prk = unit.compress(b, after[1], [*inner, *tail])
        # Expand: HMAC(PRK, label). The outer pad comes before the label, so that fewer values wait.
        inner, outer = (unit.compress(b, start, xored(prk, pad)) for pad in (_INNER, _OUTER))
        inner = unit.compress_scheduled(b, inner, label)
        low, _ = unit.compress(b, outer, [*inner, *tail])
        unit.store(b, targets, 0, low)
