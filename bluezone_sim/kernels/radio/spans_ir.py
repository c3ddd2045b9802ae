"""Spans on lanes: how many packets of each are heard, when the first is, how strong they are.

What a span gives hangs on a chain of some hundred operations, each of which waits for the one before. So
it is worked out in stages, each over all spans that are collected: a processor looks ahead some hundred
operations, and works on the next spans while it waits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..lane_memory import Packing, vectorised
from ..lanes import FLOAT, LONG, WORD, Lanes, chosen, constant, counting, splat
from ..rng_ir import draw, mixed
from .lane_columns import (
    HEARD,
    IN_PACKET,
    INTERVAL,
    KINDS,
    LISTENS,
    MOST_PACKETS,
    NOT_HEARD,
    OFFSET,
    PER_WINDOW,
    RATE,
    SPACING,
    TAIL_ROWS,
    WINDOW,
)
from .links_ir import of_platform

Value = Any

#: Binomial numbers below this are drawn by inversion.
FEWEST = 8
#: Longer than any span, ms.
_FAR_MS = 1 << 30
_TO_20_BITS, _TO_24_BITS = 2.0**-20, 2.0**-24


def none_arrive(caught: Lanes, chance: Lanes) -> tuple[Lanes, Lanes]:
    """Odds of a packet, and chance of none of ``caught``, of what is less likely of arriving and not."""
    p = (chance > 0.5).pick(chance.like(1.0) - chance, chance)
    q = p.like(1.0) - p
    return p / q, (caught.floats() * q.log2()).max(-100.0).exp2()


def binomial(
    plan: Any, caught: Lanes, chance: Lanes, bits: Lanes, first: tuple[Lanes, Lanes]
) -> Lanes:
    """How many of ``caught`` packets arrive, each with a chance; from 24 bits, and :func:`none_arrive`.

    The least numbers, of those that arrive or of those that do not, by inversion; from :data:`FEWEST` on
    by the normal and the skewness.
    """
    n, (odds, term) = caught.floats(), first
    flip = chance > 0.5
    p = flip.pick(chance.like(1.0) - chance, chance)
    q = p.like(1.0) - p
    mean, u = n * p, bits.floats() * _TO_24_BITS
    z = plan.normal.gather(bits >> 12)
    many = mean + (mean * q).sqrt() * z + (q - p) * ((z * z - 1.0) * (1 / 6)) + 0.5
    found = many.floor().max(float(FEWEST)).min(n)
    total, few = term, term.like(0.0)
    for k in range(FEWEST):
        few = (u >= total).pick(few + 1.0, few)
        term = term * (odds * (1 / (k + 1))) * (n - float(k))
        if k > 1:
            # It changes no sum, and numbers too small for a float's exponent are slow.
            term = term.max(2.0**-100)
        total = total + term
    found = (few < float(FEWEST)).pick(few.min(n), found).words()
    return flip.pick(caught - found, found)


@vectorised
def reach(b, plan, spans, i):
    """Of spans ``i`` .. ``i`` + 15: for how long the sender is on the air, how many of its packets the
    scan's windows catch, and their power."""
    low, theirs = spans.low.load(i), spans.platforms.load(i) & 1
    on, period, per_period = (
        of_platform(b, plan.advertise_on_ms, theirs),
        of_platform(b, plan.advertise_period_ms, theirs),
        of_platform(b, plan.advertise_period_ms, theirs, inverse=True),
    )
    length = spans.length.load(i)

    def pausing() -> list[Lanes]:
        # How far the sender is into its cycle, and for how long of the span it is on the air.
        since = spans.burst.load(i) + low
        since = since - since.whole_of(period, per_period) * period
        before = since.min(on)
        end = since + length
        cycles = end.whole_of(period, per_period)
        on_ms = cycles * on + (end - cycles * period).min(on) - before
        return [since, before, on_ms]

    def steady() -> list[Lanes]:
        return [low.like(0), low.like(0), length]

    since, before, on_ms = chosen(b, plan.pauses, pausing, steady)

    h = draw(spans.stream.load(i), spans.begin.load(i) + low.longs())
    (a0, a1), (b0, b1) = h.halves(), mixed(h).halves()
    scan_term = plan.normal.gather(a0 & 4095) * splat(b, plan.scan_sd_db)
    mu = spans.level.load(i) + _of_kind(plan, spans, i, OFFSET) + scan_term
    place = mu * splat(b, plan.tail_scale) + splat(b, plan.tail_offset)
    place = place.max(0.0).min(float(TAIL_ROWS - 1)).words()
    caught = on_ms.floats() * _of_kind(plan, spans, i, RATE) + (a0 >> 12).floats() * _TO_20_BITS

    spans.since.store(i, since)
    spans.before.store(i, before)
    spans.on_air.store(i, on_ms)
    for column, draws in ((spans.draws_a, a1), (spans.draws_b, b0), (spans.draws_c, b1)):
        column.store(i, draws)
    spans.caught.store(i, caught.min(float(MOST_PACKETS)).words().max(0))
    spans.middle.store(i, mu)
    spans.place.store(i, place)
    return LONG(0)


@vectorised
def weigh(b, plan, spans, i):
    """How likely packets of spans ``i`` .. ``i`` + 15 arrive, and how strong those are that do."""
    chance, shift, spread, skew = plan.tail.rows(spans.place, i)
    spans.middle.store(i, spans.middle.load(i) + shift)
    spans.spread.store(i, spread)
    spans.skew.store(i, skew)
    chance = chance * spans.clear.load(i)
    spans.chance.store(i, chance)
    for column, lanes in zip(
        (spans.odds, spans.none), none_arrive(spans.caught.load(i), chance), strict=True
    ):
        column.store(i, lanes)
    return LONG(0)


@vectorised
def arrive(b, plan, spans, i):
    """How many packets of spans ``i`` .. ``i`` + 15 arrive."""
    caught, chance, bits = spans.caught.load(i), spans.chance.load(i), spans.draws_c.load(i) >> 8
    first = spans.odds.load(i), spans.none.load(i)
    spans.packets.store(i, binomial(plan, caught, chance, bits, first))
    return LONG(0)


@vectorised
def begin(b, plan, spans, i):
    """When the first packet of spans ``i`` .. ``i`` + 15 arrives."""
    theirs = spans.platforms.load(i) & 1
    on, period, per_on = (
        of_platform(b, plan.advertise_on_ms, theirs),
        of_platform(b, plan.advertise_period_ms, theirs),
        of_platform(b, plan.advertise_on_ms, theirs, inverse=True),
    )
    caught = spans.caught.load(i)
    # Events that pass before the first that arrives: geometric.
    lost = (caught - spans.packets.load(i)).floats()
    among = constant(b, FLOAT, 1.0) - (spans.draws_a.load(i) >> 12).floats() * _TO_20_BITS
    missed = (among.log2() / (lost / caught.floats()).max(2.0**-20).log2()).floor()
    missed = missed.min(lost).max(0.0) + (spans.draws_b.load(i) >> 12).floats() * _TO_20_BITS
    first = missed * _of_kind(plan, spans, i, SPACING)

    # Only a share of that time was listened to, a window in each interval.
    first = first * _of_kind(plan, spans, i, LISTENS)
    gone = (first * _of_kind(plan, spans, i, PER_WINDOW)).floor()
    rest = first - gone * _of_kind(plan, spans, i, WINDOW)
    first = gone * _of_kind(plan, spans, i, INTERVAL) + rest
    into = first.min(float(_FAR_MS)).words().min(spans.on_air.load(i) - 1) + spans.before.load(i)

    def pausing() -> list[Lanes]:
        return [into + into.whole_of(on, per_on) * (period - on)]

    (into,) = chosen(b, plan.pauses, pausing, lambda: [into])
    spans.time.store(i, spans.low.load(i) + into - spans.since.load(i))
    return LONG(0)


@vectorised
def hear(b, plan, spans, i, count, out, at):
    """What spans ``i`` .. ``i`` + 15 give, of which ``count`` are there.

    Where nothing has to be read, records behind the ``at`` that there are; returns how many there are
    then. Else columns of ``spans``; returns the bits of what has to be read, with a minus.
    """
    n, middle, spread = spans.packets.load(i), spans.middle.load(i), spans.spread.load(i)
    root, most_sd, expected, _ = plan.of_packets.rows(spans.packets, i)
    mean = plan.normal.gather(spans.draws_a.load(i) & 4095) * root * spread + middle
    mean = mean.max(splat(b, plan.faintest_dbm))
    most = most_sd * plan.normal.gather(spans.draws_b.load(i) & 4095) + expected
    top = (most + spans.skew.load(i) * (most * most - 1.0)) * spread + middle
    top = (n > 1).pick(top.max(mean), mean)

    # Behind the last span there is anything.
    there = counting(b, WORD) < b.trunc(count, WORD)
    heard = _of_kind(plan, spans, i, HEARD).words()
    keep = b.and_(b.and_(there.value, (n > 0).value), (spans.on_air.load(i) > 0).value)
    keep = Lanes(b, b.and_(keep, (heard > NOT_HEARD).value))
    reads = Lanes(b, b.and_(keep.value, (heard > IN_PACKET).value))
    with b.if_else(reads.any()) as (then, otherwise):
        with then:
            spans.packets.store(i, keep.pick(n, 0))
            spans.mean.store(i, mean)
            spans.top.store(i, top)
            to_read = b.sub(LONG(0), b.zext(reads.bits(), LONG))
            from_then = b.block
        with otherwise:
            columns = (c.load(i) for c in (spans.row, spans.begin, spans.time))
            filled = _write(out, at, keep, _Heard(*columns, n, mean, top))
            from_otherwise = b.block
    phi = b.phi(LONG)
    phi.add_incoming(to_read, from_then)
    phi.add_incoming(filled, from_otherwise)
    return phi


def _of_kind(plan: Any, spans: Any, i: Value, column: int) -> Lanes:
    """A column of :attr:`LanePlan.kinds` for spans."""
    return plan.kinds.from_(LONG(column * KINDS)).picked(spans.kind.load(i))


@vectorised
def write(b, spans, i, out, at):
    """Records of spans ``i`` .. ``i`` + 15 that have packets, as :func:`hear` left them."""
    n = spans.packets.load(i)
    columns = (spans.row, spans.begin, spans.time)
    levels = (spans.mean.load(i), spans.top.load(i))
    return _write(out, at, n > 0, _Heard(*(c.load(i) for c in columns), n, *levels))


class _Heard(NamedTuple):
    """Of spans: row, beginning of the link and time within it, packets, their mean and maximum, dBm."""

    row: Lanes
    begin: Lanes
    time: Lanes
    packets: Lanes
    mean: Lanes
    top: Lanes


def _write(out: Any, at: Value, keep: Lanes, heard: _Heard) -> Value:
    """Records behind the ``at`` that there are; how many there are then."""
    b = keep.b
    packing = Packing(keep)
    lower, upper = (heard.begin + heard.time.longs()).halves()
    levels = ((level + 0.5).floor().words() for level in (heard.mean, heard.top))
    columns = (heard.row, lower, upper, heard.packets, *levels)
    for pieces in zip(*map(packing.parts, columns), strict=True):
        to = b.add(at, pieces[0][0])
        row, lower, upper, n, mean, top = (lanes for _, lanes in pieces)
        out.row.store(to, row.longs())
        out.time_ms.store(to, (upper.longs() << 32) | lower.unsigned_longs())
        out.packets.store(to, n)
        out.rssi_dbm.store(to, mean.shorts())
        out.rssi_max_dbm.store(to, top.shorts())
    return b.add(at, packing.count)
