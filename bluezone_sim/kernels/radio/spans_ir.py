"""Spans on lanes: how many packets of each are heard, when the first is, how strong they are."""

from __future__ import annotations

from typing import Any

from ..lanes import FLOAT, LONG, WORD, Lanes, chosen, constant, counting, splat, vectorised
from ..rng_ir import draw, halves, mixed
from .lane_columns import (
    HEARD,
    IN_PACKET,
    INTERVAL,
    KIND_COLUMNS,
    LISTENS,
    MOST_PACKETS,
    NOT_HEARD,
    OFFSET,
    PER_WINDOW,
    RATE,
    SPACING,
    TAIL_COLUMNS,
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


def binomial(plan: Any, caught: Lanes, chance: Lanes, bits: Lanes) -> Lanes:
    """How many of ``caught`` packets arrive, each with a chance; from 24 bits.

    The least numbers, of those that arrive or of those that do not, by inversion; from :data:`FEWEST` on
    by the normal and the skewness.
    """
    b = caught.b
    n = caught.floats()
    flip = chance > 0.5
    p = flip.pick(constant(b, FLOAT, 1.0) - chance, chance)
    q = constant(b, FLOAT, 1.0) - p
    mean, u = n * p, bits.floats() * _TO_24_BITS
    z = plan.normal.gather(bits >> 12)
    many = mean + (mean * q).sqrt() * z + (q - p) * ((z * z - 1.0) * (1 / 6)) + 0.5
    found = many.floor().max(float(FEWEST)).min(n)
    odds = p / q
    term = (n * q.log2()).max(-100.0).exp2()
    total, few = term, constant(b, FLOAT, 0.0)
    for k in range(FEWEST):
        few = (u >= total).pick(few + 1.0, few)
        term = term * (odds * (1 / (k + 1))) * (n - float(k))
        total = total + term
    found = (few < float(FEWEST)).pick(few.min(n), found).words()
    return flip.pick(caught - found, found)


@vectorised
def hear(b, plan, links, spans, i, count, out, at):
    """What spans ``i`` .. ``i`` + 15 give, of which ``count`` are there.

    Where nothing has to be read, records behind the ``at`` that there are; returns how many there are
    then. Else columns of ``spans``; returns the bits of what has to be read, with a minus.
    """
    low, length, row = spans.low.load(i), spans.length.load(i), spans.row.load(i)
    platforms, begin = spans.platforms.load(i), spans.begin.load(i)
    theirs = platforms & 1
    on, period = (
        of_platform(b, plan.advertise_on_ms, theirs),
        of_platform(b, plan.advertise_period_ms, theirs),
    )
    per_on, per_period = on.floats().inverse(), period.floats().inverse()
    # How far the sender is into its cycle, and for how long of the span it is on the air.
    since = spans.burst.load(i) + low
    since = since - since.whole_of(period, per_period) * period
    before = since.min(on)
    end = since + length
    cycles = end.whole_of(period, per_period)
    on_ms = cycles * on + (end - cycles * period).min(on) - before

    span = begin + low.longs()
    h = draw(spans.stream.load(i), span)
    (a0, a1), (b0, b1) = halves(h), halves(mixed(h))
    # Behind the last span there is anything, and no row of a table.
    there = counting(b, WORD) < b.trunc(count, WORD)
    at_kind = there.pick(spans.kind.load(i), 0) * KIND_COLUMNS
    kind = chosen(
        b,
        b.and_(plan.mixed, b.or_(plan.varied, (platforms > 0).any())),
        lambda: [plan.kinds.gather(at_kind + k) for k in range(KIND_COLUMNS)],
        lambda: [splat(b, plan.kinds.scalar(LONG(k))) for k in range(KIND_COLUMNS)],
    )
    scan_term = plan.normal.gather(a0 & 4095) * splat(b, plan.scan_sd_db)
    mu = spans.level.load(i) + kind[OFFSET] + scan_term
    place = mu * splat(b, plan.tail_scale) + splat(b, plan.tail_offset)
    place = place.max(0.0).min(float(TAIL_ROWS - 1)).words() * TAIL_COLUMNS
    chance, shift, spread, skew = (plan.tail.gather(place + k) for k in range(TAIL_COLUMNS))
    chance = chance * spans.clear.load(i)

    caught = on_ms.floats() * kind[RATE] + (a0 >> 12).floats() * _TO_20_BITS
    caught = caught.min(float(MOST_PACKETS)).words().max(0)
    n = binomial(plan, caught, chance, b1 >> 8)
    # Events that pass before the first that arrives: geometric.
    lost = (caught - n).floats()
    among = constant(b, FLOAT, 1.0) - (a1 >> 12).floats() * _TO_20_BITS
    missed = (among.log2() / (lost / caught.floats()).max(2.0**-20).log2()).floor()
    missed = missed.min(lost).max(0.0)
    first = (missed + (b0 >> 12).floats() * _TO_20_BITS) * kind[SPACING]

    # Only a share of that time was listened to, a window in each interval.
    first = first * kind[LISTENS]
    gone = (first * kind[PER_WINDOW]).floor()
    first = gone * kind[INTERVAL] + (first - gone * kind[WINDOW])
    into = before + first.min(float(_FAR_MS)).words().min(on_ms - 1)
    cycles = into.whole_of(on, per_on)
    time = low + cycles * period + (into - cycles * on) - since

    n_safe = n.max(1)
    mean = plan.normal.gather(a1 & 4095) * plan.root.gather(n_safe) * spread + (mu + shift)
    mean = mean.max(splat(b, plan.faintest_dbm))
    most = plan.most_sd.gather(n_safe) * plan.normal.gather(b0 & 4095) + plan.most.gather(n_safe)
    top = (most + skew * (most * most - 1.0)) * spread + (mu + shift)
    top = (n > 1).pick(top.max(mean), mean)

    heard = kind[HEARD].words()
    keep = b.and_(b.and_(there.value, (n > 0).value), (on_ms > 0).value)
    keep = Lanes(b, b.and_(keep, (heard > NOT_HEARD).value))
    reads = Lanes(b, b.and_(keep.value, (heard > IN_PACKET).value))
    with b.if_else(reads.any()) as (then, otherwise):
        with then:
            spans.packets.store(i, keep.pick(n, 0))
            spans.time.store(i, time)
            spans.mean.store(i, mean)
            spans.top.store(i, top)
            to_read = b.sub(LONG(0), b.zext(reads.bits(), LONG))
            from_then = b.block
        with otherwise:
            filled = _write(out, at, keep, row, begin, time, n, mean, top)
            from_otherwise = b.block
    phi = b.phi(LONG)
    phi.add_incoming(to_read, from_then)
    phi.add_incoming(filled, from_otherwise)
    return phi


@vectorised
def write(b, spans, i, out, at):
    """Records of spans ``i`` .. ``i`` + 15 that have packets, as :func:`hear` left them."""
    n = spans.packets.load(i)
    columns = (spans.row, spans.begin, spans.time)
    levels = (spans.mean.load(i), spans.top.load(i))
    return _write(out, at, n > 0, *(c.load(i) for c in columns), n, *levels)


def _write(
    out: Any, at: Value, keep: Lanes, row: Lanes, begin: Lanes, time: Lanes, n: Lanes,
    mean: Lanes, top: Lanes,
) -> Value:  # fmt: skip
    """Records behind the ``at`` that there are; how many there are then."""
    b = keep.b
    out.row.store(at, row.packed(keep).longs())
    lower, upper = (half.packed(keep) for half in halves(begin + time.longs()))
    out.time_ms.store(at, (upper.longs() << 32) | lower.unsigned_longs())
    out.packets.store(at, n.packed(keep))
    out.rssi_dbm.store(at, (mean + 0.5).floor().words().packed(keep).shorts())
    out.rssi_max_dbm.store(at, (top + 0.5).floor().words().packed(keep).shorts())
    return b.add(at, b.zext(b.ctpop(keep.bits()), LONG))
