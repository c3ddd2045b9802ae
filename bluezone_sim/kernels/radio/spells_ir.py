"""Spells of sixteen phones on lanes, hour by hour of a day; see :mod:`.availability`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..lane_memory import Array, vectorised
from ..lanes import DOUBLE, LONG, WIDTH, WORD, Lanes, splat
from ..pages import line_aligned
from ..rng_ir import draw, mixed, unit

Value = Any


class PhoneLanes(NamedTuple):
    """Of sixteen phones: whose, 1 for an iPhone; of a cause the draw and the first block that may reach
    into the day; bits of the hours that lie in a spell."""

    person: NDArray[np.int64]
    ios: NDArray[np.int32]
    own: NDArray[np.int64]
    block: NDArray[np.int64]
    spent: NDArray[np.int32]


def phone_lanes() -> PhoneLanes:
    """A thread's."""
    longs, words = (lambda: line_aligned(WIDTH, np.int64)), (lambda: line_aligned(WIDTH, np.int32))
    return PhoneLanes(longs(), words(), longs(), longs(), words())


def _of_platform(b: Any, table: Array, cause: Value, ios: Lanes) -> Lanes:
    """An element of a row of ``float64[causes, 2]``."""
    first = b.mul(cause, LONG(2))
    android, iphone = (splat(b, table.scalar(b.add(first, LONG(k)))) for k in (0, 1))
    return (ios > 0).pick(iphone, android)


@vectorised
def begin_spells(b, life, cause, stream, since, hours, lanes):
    """Phones of ``lanes`` that are always in a spell of a cause; and where the others' blocks begin.

    ``since`` is the day's first hour since 1970, ``hours`` the bits of all of it.
    """
    at = LONG(0)
    ios = lanes.ios.load(at)
    own = draw(splat(b, stream), lanes.person.load(at))
    block_h = _of_platform(b, life.block_h, cause, ios)
    block = (splat(b, b.sitofp(since, DOUBLE)) / block_h + unit(own)).floor().longs() - 1
    always = unit(mixed(own)) < _of_platform(b, life.always, cause, ios)
    lanes.own.store(at, own)
    lanes.block.store(at, block)
    lanes.spent.store(
        at, lanes.spent.load(at) | always.pick(splat(b, b.trunc(hours, WORD)), ios.like(0))
    )
    return LONG(0)


@vectorised
def add_spells(b, life, cause, since, number, lanes):
    """Hours of the day in a spell of the block that is so many after the first one."""
    at = LONG(0)
    ios, own = lanes.ios.load(at), lanes.own.load(at)
    block, phase = lanes.block.load(at) + number, unit(own)
    block_h = _of_platform(b, life.block_h, cause, ios)

    def hour(begin: Lanes) -> Lanes:
        ends = ((begin.doubles() - phase) * block_h).ceil() - b.sitofp(since, DOUBLE)
        return ends.max(0.0).min(24.0).words()

    begin, end = hour(block), hour(block + 1)
    one = ios.like(1)
    spell = unit(draw(own, block)) < _of_platform(b, life.share, cause, ios)
    bits = spell.pick((one << end) - (one << begin), ios.like(0))
    lanes.spent.store(at, lanes.spent.load(at) | bits)
    return LONG(0)
