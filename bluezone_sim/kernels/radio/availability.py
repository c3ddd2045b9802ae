"""When phones take part: off, the app killed, the battery saved, left behind, hour by hour; and nights.

Of each cause some phones are always in such a spell. The others' time is cut into blocks of equal
length from a phase of its own on; in each a phone is in a spell or not by a draw of its own. So every
hour of any day is a pure function of the seed, with no walk from a beginning; the share of the time is
the same in all hours; and spells last a block over (1 - share) on average. Blocks begin with whole local
hours, of which a day has 24: bit h of a mask is hour h, and a day of 25 (summer time ends) has two hours
23.

A phone that is not with its owner takes no part in the owner's contacts, as one that is off.
What sends is heard where the bits of the sender's ``sends`` and the listener's ``hears`` meet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import bare, compiled, inlined
from ..lanes import WIDTH
from ..rng import draw, mix64, to_unit
from ..threads import in_threads
from .link_budget import Phones, Streams
from .spells_ir import add_spells, begin_spells, phone_lanes

HOURS = 24
HOUR_S = 3600
HOUR_MS = 3_600_000
#: A day in which every hour counts.
ALL_HOURS = (1 << HOURS) - 1
#: Causes, rows of the arrays of :class:`Availability`.
OFF, KILLED, SAVER, AWAY = range(4)


#: Bits of the hours of a day in which each phone sends, and in which it hears.
AvailableHours = tuple[NDArray[np.uint32], NDArray[np.uint32]]


class Availability(NamedTuple):
    """How often and for how long phones do not take part.

    Attributes:
        always: ``float64[4, 2]``, of the phones, by cause and platform: in a spell for good.
        share: ``float64[4, 2]``, of the others' time.
        block_h: ``float64[4, 2]``, length of the blocks, at least an hour.
        night_share: of the phones, off every night.
        night: bits of the night's hours.
    """

    always: NDArray[np.float64]
    share: NDArray[np.float64]
    block_h: NDArray[np.float64]
    night_share: float
    night: int

    @property
    def always_on(self) -> bool:
        """No phone ever pauses."""
        return not (self.always.any() or self.share.any() or self.night_share)


@inlined
def _spell_hours(life, cause, platform, stream, person, day, low, high):
    """Bits of the hours low to high - 1 of a local day that lie in a spell of one cause.

    An hour belongs to the first block that ends after it; block b ends before hour ceil((b + 1 - phase) *
    length) since 1970.
    """
    out = np.int64(0)
    always, share = life.always[cause, platform], life.share[cause, platform]
    if always <= 0.0 and share <= 0.0:
        return out
    own = draw(stream, person)
    if to_unit(mix64(own)) < always:
        return (np.int64(1) << high) - (np.int64(1) << low)
    if share <= 0.0:
        return out
    block_h, phase = life.block_h[cause, platform], to_unit(own)
    since = day * HOURS
    hour, last = since + low, since + high
    block = np.int64(math.floor(hour / block_h + phase)) - 1  # or the next one
    while hour < last:
        ends = np.int64(math.ceil((block + 1 - phase) * block_h))
        if ends > hour:
            ends = min(ends, last)
            if to_unit(draw(own, block)) < share:
                out |= (np.int64(1) << (ends - since)) - (np.int64(1) << (hour - since))
            hour = ends
        block += 1
    return out


@inlined
def _sends(life, phones, streams, person, day, low, high):
    """Bits of the hours low to high - 1 in which a phone sends."""
    platform = np.int64(phones.ios[person])
    out = _spell_hours(life, OFF, platform, streams.off, person, day, low, high)
    out |= _spell_hours(life, KILLED, platform, streams.killed, person, day, low, high)
    out |= _spell_hours(life, AWAY, platform, streams.away, person, day, low, high)
    if life.night_share > 0.0 and to_unit(draw(streams.night, person)) < life.night_share:
        out |= life.night
    return ((np.int64(1) << high) - (np.int64(1) << low)) & ~out


@inlined
def _saves(life, phones, streams, person, day, low, high):
    """Bits of the hours low to high - 1 in which a phone saves its battery."""
    platform = np.int64(phones.ios[person])
    return _spell_hours(life, SAVER, platform, streams.saver, person, day, low, high)


@compiled
def phone_hours(life, phones, streams, person, day):
    """(sends, hears): bits of the hours of a local day in which a phone does."""
    sends = _sends(life, phones, streams, person, day, 0, HOURS)
    return sends, sends & ~_saves(life, phones, streams, person, day, 0, HOURS)


class _Asked(NamedTuple):
    """Who of whom, on which days, in hours ``low`` to ``high`` - 1; ``int[n]`` each."""

    observer: NDArray[np.integer]
    emitter: NDArray[np.integer]
    day: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


@compiled
def _link_hours(life, phones, streams, of, out):
    for i in range(len(out)):
        who, d, a, b = of.observer[i], of.day[i], of.low[i], of.high[i]
        asked = (np.int64(1) << b) - (np.int64(1) << a)
        bits = _sends(life, phones, streams, who, d, a, b)
        if bits:
            bits &= _sends(life, phones, streams, of.emitter[i], d, a, b)
        if bits:
            bits &= ~_saves(life, phones, streams, who, d, a, b)
        out[i] = ALL_HOURS if bits == asked else bits


def link_hours(
    life: Availability,
    phones: Phones,
    streams: Streams,
    observer: NDArray[np.integer],
    emitter: NDArray[np.integer],
    day: NDArray[np.int64],
    first_s: NDArray[np.integer] | int = 0,
    last_s: NDArray[np.integer] | int = HOURS * HOUR_S - 1,
) -> NDArray[np.uint32]:
    """``uint32[n]``: bits of the hours in which one phone can hear another, of those that are asked for.

    Args:
        life: how often phones take part.
        phones: of all people.
        streams: of the seed.
        observer, emitter: ``int[n]``, people.
        day: ``int64[n]``, local days since 1970-01-01.
        first_s, last_s: ``int[n]``, seconds of the day; by default all of it. Where they can in every
            hour from the one to the other, every bit is set.
    """
    out = np.full(len(observer), ALL_HOURS, np.uint32)
    if not life.always_on:
        low, high = np.empty((2, len(out)), np.int64)
        low[:] = np.clip(np.asarray(first_s) // HOUR_S, 0, HOURS - 1)
        high[:] = np.clip(np.asarray(last_s) // HOUR_S, 0, HOURS - 1) + 1
        _link_hours(life, phones, streams, _Asked(observer, emitter, day, low, high), out)
    return out


@inlined
def _spend(life, cause, stream, since, lanes):
    """Adds the hours in a spell of a cause to those of sixteen phones."""
    shares = life.share[cause, 0], life.share[cause, 1]
    if max(shares) <= 0.0 and max(life.always[cause, 0], life.always[cause, 1]) <= 0.0:
        return
    begin_spells(life, cause, stream, since, ALL_HOURS, lanes)
    shortest_h = HOURS + 0.0
    for platform in (0, 1):
        if shares[platform] > 0.0:
            shortest_h = min(shortest_h, life.block_h[cause, platform])
    if max(shares) > 0.0:
        for number in range(np.int64(math.ceil(HOURS / shortest_h)) + 2):
            add_spells(life, cause, since, number, lanes)


@bare
def _day_hours(life, phones, streams, person, day, lanes, sends, hears):
    """At least :data:`~..lanes.WIDTH` people."""
    since = np.int64(day * HOURS)
    for i in range(0, len(person), WIDTH):
        first = min(i, len(person) - WIDTH)
        for k in range(WIDTH):
            who = person[first + k]
            lanes.person[k], lanes.ios[k], lanes.spent[k] = who, phones.ios[who], 0
        _spend(life, OFF, streams.off, since, lanes)
        _spend(life, KILLED, streams.killed, since, lanes)
        _spend(life, AWAY, streams.away, since, lanes)
        for k in range(WIDTH):
            who = person[first + k]
            spent = np.uint32(lanes.spent[k])
            if life.night_share > 0.0 and to_unit(draw(streams.night, who)) < life.night_share:
                spent |= np.uint32(life.night)
            sends[who], lanes.spent[k] = np.uint32(ALL_HOURS) & ~spent, 0
        _spend(life, SAVER, streams.saver, since, lanes)
        for k in range(WIDTH):
            who = person[first + k]
            hears[who] = sends[who] & ~np.uint32(lanes.spent[k])


def day_hours(
    life: Availability,
    phones: Phones,
    streams: Streams,
    person: NDArray[np.int32],
    day: int,
    *,
    threads: int = 1,
) -> AvailableHours:
    """``uint32[people]``, twice: bits of the hours of a local day in which some phones send, and hear.

    Args:
        life: how often phones take part.
        phones: of all people.
        streams: of the seed.
        person: ``int32[n]``, whose phones; the others' elements are 0.
        day: local day since 1970-01-01.
        threads: threads to use.
    """
    sends, hears = (np.zeros(len(phones.ios), np.uint32) for _ in range(2))
    if life.always_on:
        sends[person] = hears[person] = ALL_HOURS
    else:

        def work(a: int, b: int) -> None:
            some = person[a:b] if b - a >= WIDTH else np.resize(person[a:b], WIDTH)
            _day_hours(life, phones, streams, some, day, phone_lanes(), sends, hears)

        in_threads(work, len(person), threads)
    return sends, hears


@inlined
def _both(sends, hears, asked):
    bits = sends & hears & asked
    return np.uint32(ALL_HOURS) if bits == asked else bits


@bare
def _shared_hours(hours, a, b, begin_s, duration_s, b_hears, a_hears):
    sends, hears = hours
    for i in range(len(a)):
        # Without a sign a division by a constant is a multiplication.
        begin, length = np.uint32(begin_s[i]), np.uint32(duration_s[i])
        low = min(begin // np.uint32(HOUR_S), np.uint32(HOURS - 1))
        high = min((begin + length - np.uint32(1)) // np.uint32(HOUR_S), np.uint32(HOURS - 1))
        asked = np.uint32((2 << high) - (1 << low))
        b_hears[i] = _both(sends[a[i]], hears[b[i]], asked)
        a_hears[i] = _both(sends[b[i]], hears[a[i]], asked)


def shared_hours(
    hours: AvailableHours,
    a: NDArray[np.int32],
    b: NDArray[np.int32],
    start_s: NDArray[np.int64],
    duration_s: NDArray[np.int32],
    midnight_s: int,
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """:func:`link_hours` of segments of one day out of :func:`day_hours`: ``b`` hears ``a``, then ``a``
    hears ``b``."""
    found = np.empty((2, len(a)), np.uint32)
    _shared_hours(hours, a, b, start_s - midnight_s, duration_s, *found)
    return found[0], found[1]


def hour_bits(first_s: NDArray[np.integer], last_s: NDArray[np.integer]) -> NDArray[np.uint32]:
    """``uint32[n]``: bits of the hours of a day from one second of it to another, both included."""
    first, last = (
        np.minimum(np.asarray(s) // HOUR_S, HOURS - 1).astype(np.int64) for s in (first_s, last_s)
    )
    return np.asarray(((1 << (last + 1)) - (1 << first)).astype(np.uint32))
