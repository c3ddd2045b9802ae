"""What kernels encrypt, written once for every AES unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .aes_rounds import Aes
from .filters import MOST, SPAN, Filter
from .writing import (
    BIT,
    LONG,
    LONGS,
    WORD,
    WORDS,
    Body,
    Builder,
    Value,
    at,
    buffer,
    counted,
    define,
    groups,
    least,
    load,
    members,
    pick,
    slot,
    store,
    swapped,
    words,
)

#: First twelve bytes of what a rolling proximity identifier encrypts; the interval number follows.
RPI_TEMPLATE = b"EN-RPI".ljust(12, b"\0")
#: Name and shape (see :func:`.writing.define`) of each function.
SHAPES = {"rpis": "pppii", "key_stream": "ppii", "encrypt": "pppi", "seek": "pppipipp"}


def write(module: ir.Module, unit: Aes, filters: Filter) -> None:
    """Defines the functions of :data:`SHAPES`."""
    code = _Code(unit, filters)
    bodies: tuple[Body, ...] = (code.rpis, code.key_stream, code.encrypt, code.seek)
    for (name, shape), body in zip(SHAPES.items(), bodies, strict=True):
        define(module, name, shape, body)


class _Code:
    def __init__(self, unit: Aes, filters: Filter):
        self.unit, self.filters = unit, filters
        #: Blocks that are encrypted at a time.
        self.step = unit.wide * unit.at_once

    def rpis(
        self, b: Builder, keys: Value, first: Value, out: Value, n: Value, count: Value
    ) -> None:
        """GAEN's rolling proximity identifiers of ``n`` identifier keys, ``count`` each.

        ``first`` is ``uint32[n]``, the number of each key's first interval.
        """
        size = b.mul(count, LONG(16))

        def each(k: Value, _: Value, keys: list[Value]) -> None:
            number = load(b, at(b, first, b.mul(k, LONG(4))), WORD)
            blocks = self._blocks(b, RPI_TEMPLATE, number, big_endian=False)
            self._run(b, keys, blocks, at(b, out, b.mul(k, size)), count)

        self._each_key(b, keys, n, 1, each)

    def key_stream(self, b: Builder, keys: Value, out: Value, n: Value, count: Value) -> None:
        """AES-256-CTR key streams from counter 0 of ``n`` keys, ``count`` blocks each."""
        size = b.mul(count, LONG(16))

        def each(k: Value, _: Value, keys: list[Value]) -> None:
            blocks = self._blocks(b, bytes(12), WORD(0), big_endian=True)
            self._run(b, keys, blocks, at(b, out, b.mul(k, size)), count)

        self._each_key(b, keys, n, 2, each)

    def encrypt(self, b: Builder, keys: Value, begins: Value, data: Value, n: Value) -> None:
        """Encrypts blocks in place, under ``n`` keys of AES-128.

        Those of key k are blocks ``begins[k]`` to ``begins[k + 1]`` (``int64[n + 1]``) of ``data``.
        """

        def each(k: Value, _: Value, keys: list[Value]) -> None:
            here = at(b, begins, b.mul(k, LONG(8)))
            begin, end = load(b, here, LONG), load(b, here, LONG, 8)
            with counted(b, end, begin) as i:
                block = at(b, data, b.mul(i, LONG(16)))
                # A register of one block and whatever was beside it.
                wide = self._spread(b, load(b, block, LONGS))
                (done,) = self.unit.rounds(b, [wide], keys)
                store(b, block, _low(b, done))

        self._each_key(b, keys, n, 1, each)

    def seek(
        self,
        b: Builder,
        keys: Value,
        first: Value,
        counts: Value,
        n: Value,
        bloom: Value,
        to_word: Value,
        found: Value,
        where: Value,
    ) -> Value:
        """Rolling proximity identifiers that pass a filter; returns how many.

        ``first`` is ``uint32[n]`` as in :meth:`rpis`, ``counts`` ``int32[n]``, none above
        :data:`.filters.MOST`; ``bloom`` and ``to_word`` are of :class:`.filters.Filter`. The identifiers
        go to ``found``, the numbers of their key and of the identifier within it to ``where``
        (``int64[:, 2]``). Both need room for all of them.

        A key's identifiers are made first, and their words of the filter loaded after that: both at once
        are more than a processor looks ahead. What passes is noted without a branch, and made once more
        when a few keys are through: a branch foretold wrongly waits for the filter's word, and throws
        away all that was begun behind it.
        """
        total = slot(b, LONG(0))
        noted = _Noted(b, self.unit.keys)
        hashes = buffer(b, 8 * MOST)

        def each(k: Value, place: Value, keys: list[Value]) -> None:
            by_key = b.mul(k, LONG(4))
            count = b.sext(load(b, at(b, counts, by_key), WORD), LONG)
            now = slot(b, self._first(b, RPI_TEMPLATE, load(b, at(b, first, by_key), WORD)))
            with counted(b, count, step=self.step) as i:
                blocks = self._counted_blocks(b, b.load(now))
                b.store(self._later(b, b.load(now), self.step), now)
                done = self.unit.rounds(b, blocks, keys)
                self.filters.hash_blocks(b, done, at(b, hashes, b.mul(i, LONG(8))))
            with counted(b, count, step=SPAN) as i:
                here = at(b, hashes, b.mul(i, LONG(8)))
                noted.note(b, place, i, self.filters.passing(b, bloom, to_word, here))

        def visit(begin: Value, kept: Value) -> None:
            with noted.all(b) as (place, number):
                k = b.add(begin, place)
                by_key = b.mul(k, LONG(4))
                count = b.sext(load(b, at(b, counts, by_key), WORD), LONG)
                # Those behind the key's last were made, and do not count.
                with b.if_then(b.icmp_signed("<", number, count), likely=True):
                    have = b.load(total)
                    interval = b.add(load(b, at(b, first, by_key), WORD), b.trunc(number, WORD))
                    identifier = self._one(b, kept, place, interval)
                    store(b, at(b, found, b.mul(have, LONG(16))), identifier)
                    here = at(b, where, b.mul(have, LONG(16)))
                    store(b, here, k)
                    store(b, here, number, 8)
                    b.store(b.add(have, LONG(1)), total)
            noted.forget(b)

        noted.forget(b)
        with counted(b, LONG(8 * MOST), step=8) as byte:
            store(b, hashes, LONG(0), byte)  # a short key asks for what is behind its last, too
        self._each_key(b, keys, n, 1, each, visit)
        return b.load(total)

    def _one(self, b: Builder, kept: Value, place: Value, interval: Value) -> Value:
        """One rolling proximity identifier, under the key at a place of what :meth:`_each_key` keeps."""
        here = at(b, kept, b.mul(place, LONG(16)))
        keys = [load(b, here, LONGS, 16 * r * self.unit.keys) for r in range(11)]
        parts = [int.from_bytes(RPI_TEMPLATE[i : i + 4], "little") for i in (0, 4, 8)]
        block = b.insert_element(words([*parts, 0]), interval, WORD(3))
        (done,) = self.unit.single().rounds(b, [b.bitcast(block, LONGS)], keys)
        return done

    def _each_key(
        self,
        b: Builder,
        keys: Value,
        n: Value,
        size: int,
        each: Callable[[Value, Value, list[Value]], None],
        after: Callable[[Value, Value], None] | None = None,
    ) -> None:
        """Code for each key of ``size`` registers: its number, its place in a group, and its round keys,
        as wide as blocks. And, where there is any, for each group: the number of its first key, and all
        round keys, 16 bytes each, those of a round side by side.
        """
        unit, rounds = self.unit, 11 if size == 1 else 15
        kept = buffer(b, 16 * rounds * unit.keys)
        with counted(b, groups(b, n, unit.keys)) as group:
            numbers = members(b, group, unit.keys, n)
            rows = [at(b, keys, b.mul(k, LONG(16 * size))) for k in numbers]
            loaded = [[load(b, row, LONGS, 16 * i) for i in range(size)] for row in rows]
            registers = [
                [_side_by_side(b, [key[i] for key in some]) for i in range(size)]
                for some in _cut(loaded, unit.wide)
            ]
            for z, schedule in enumerate(unit.schedules(b, registers)):
                for r, key in enumerate(schedule):
                    store(b, kept, key, 16 * (r * unit.keys + z * unit.wide))
            begin = b.mul(group, LONG(unit.keys))
            with counted(b, least(b, LONG(unit.keys), b.sub(n, begin))) as k:
                here = at(b, kept, b.mul(k, LONG(16)))
                spread = [
                    self._spread(b, load(b, here, LONGS, 16 * r * unit.keys)) for r in range(rounds)
                ]
                each(b.add(begin, k), k, spread)
            if after is not None:
                after(begin, kept)

    def _spread(self, b: Builder, block: Value) -> Value:
        """A block, in all places of a register."""
        wide = self.unit.wide
        return block if wide == 1 else pick(b, block, None, [0, 1] * wide)

    def _blocks(
        self, b: Builder, template: bytes, counter: Value, *, big_endian: bool
    ) -> Callable[[Value], list[Value]]:
        """Code for the counter blocks of a step, from block number i on."""
        first = self._first(b, template, counter)
        place = words([0, 0, 0, 0xFFFFFFFF] * self.unit.wide)

        def made(i: Value) -> list[Value]:
            number = self._spread_word(b, b.trunc(i, WORD))
            blocks = self._counted_blocks(b, b.add(first, b.and_(number, place)))
            if not big_endian:
                return blocks
            lanes = [swapped(b, b.bitcast(x, self.unit.lanes)) for x in blocks]
            return [b.bitcast(x, self.unit.kind) for x in lanes]

        return made

    def _spread_word(self, b: Builder, word: Value) -> Value:
        one = b.insert_element(ir.Constant(WORDS, ir.Undefined), word, WORD(0))
        return pick(b, one, None, [0] * 4 * self.unit.wide)

    def _first(self, b: Builder, template: bytes, counter: Value) -> Value:
        """The counter blocks of the first register, as words."""
        wide = self.unit.wide
        parts = [int.from_bytes(template[i : i + 4], "little") for i in (0, 4, 8)]
        order = [4 * wide + i if i % 4 == 3 else i for i in range(4 * wide)]
        numbers = self._spread_word(b, counter)
        first = pick(b, words([*parts, 0] * wide), numbers, order)
        return b.add(first, words([i // 4 if i % 4 == 3 else 0 for i in range(4 * wide)]))

    def _later(self, b: Builder, blocks: Value, by: int) -> Value:
        return b.add(blocks, words([0, 0, 0, by] * self.unit.wide)) if by else blocks

    def _counted_blocks(self, b: Builder, first: Value) -> list[Value]:
        wide = self.unit.wide
        later = [self._later(b, first, wide * q) for q in range(self.unit.at_once)]
        return [b.bitcast(x, self.unit.kind) for x in later]

    def _run(
        self,
        b: Builder,
        keys: list[Value],
        blocks: Callable[[Value], list[Value]],
        out: Value,
        count: Value,
    ) -> None:
        """``count`` counter blocks encrypted into ``out``."""
        size = 16 * self.unit.wide

        def step(i: Value, target: Value) -> None:
            for q, block in enumerate(self.unit.rounds(b, blocks(i), keys)):
                store(b, target, block, size * q)

        whole = b.sub(count, b.srem(count, LONG(self.step)))
        with counted(b, whole, step=self.step) as i:
            step(i, at(b, out, b.mul(i, LONG(16))))
        if self.step == 1:
            return
        with b.if_then(b.icmp_signed("<", whole, count)):
            spare = buffer(b, 16 * self.step)
            step(whole, spare)
            with counted(b, b.sub(count, whole)) as i:
                here = b.mul(i, LONG(16))
                target = at(b, out, b.add(here, b.mul(whole, LONG(16))))
                store(b, target, load(b, at(b, spare, here), LONGS))


class _Noted:
    """Bits of a group's identifiers: SPAN in eight bytes, and of each key as many as MOST need."""

    _SPANS = MOST // SPAN

    def __init__(self, b: Builder, keys: int):
        self.size = 8 * keys * self._SPANS
        self.here = buffer(b, self.size)

    def forget(self, b: Builder) -> None:
        """Clears all bits."""
        for byte in range(0, self.size, 8):
            store(b, self.here, LONG(0), byte)

    def note(self, b: Builder, place: Value, first: Value, mask: Value) -> None:
        """Bits of the identifiers from the first on, of the key at a place."""
        entry = b.add(b.mul(place, LONG(self._SPANS)), b.udiv(first, LONG(SPAN)))
        store(b, at(b, self.here, b.mul(entry, LONG(8))), mask)

    @contextmanager
    def all(self, b: Builder) -> Iterator[tuple[Value, Value]]:
        """Code for each bit that is set: place of the key, and number of the identifier within it."""
        with counted(b, LONG(self.size), step=8) as byte:
            bits = slot(b, load(b, at(b, self.here, byte), LONG))
            head, body, end = (b.append_basic_block(name) for name in ("bits", "bit", "done"))
            b.branch(head)
            b.position_at_end(head)
            now = b.load(bits)
            b.cbranch(b.icmp_unsigned("!=", now, LONG(0)), body, end)
            b.position_at_end(body)
            b.store(b.and_(now, b.sub(now, LONG(1))), bits)
            place, of = (f(b.udiv(byte, LONG(8)), LONG(self._SPANS)) for f in (b.udiv, b.urem))
            yield place, b.add(b.mul(of, LONG(SPAN)), b.cttz(now, BIT(1)))
            b.branch(head)
            b.position_at_end(end)


def _low(b: Builder, block: Value) -> Value:
    return block if block.type.count == 2 else pick(b, block, None, [0, 1])


def _side_by_side(b: Builder, blocks: list[Value]) -> Value:
    while len(blocks) > 1:
        blocks = [pick(b, x, y, range(2 * x.type.count)) for x, y in _cut(blocks, 2)]
    return blocks[0]


def _cut(values: list[Any], size: int) -> list[list[Any]]:
    return [values[i : i + size] for i in range(0, len(values), size)]
