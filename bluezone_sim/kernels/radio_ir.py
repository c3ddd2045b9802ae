"""The vectorised radio on sixteen lanes: links, then the spans that their scans listen, then records.

A span is the part of a scan in which one identifier is on the air. Powers and chances are 32-bit floats,
times whole milliseconds counted from the start of the segment.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from .lanes import (
    DOUBLE,
    FLOAT,
    LONG,
    WORD,
    Array,
    Lanes,
    chosen,
    constant,
    counting,
    splat,
    vectorised,
)
from .life import ALL_HOURS, HOUR_MS, HOURS
from .rng import GOLDEN

Value = Any

#: Columns of :attr:`Plan.kinds`: advertising events caught a ms, the inverse, power over the
#: calibration, share of the time that is listened to, scan window, its inverse and its interval in ms,
#: how it is heard.
RATE, SPACING, OFFSET, LISTENS, WINDOW, PER_WINDOW, INTERVAL, HEARD = range(8)
KIND_COLUMNS = 8
#: Scans of a link that are looked at together.
ITEMS = 8
#: Values of the last one: not at all, by an identifier in the advertisement, by one that has to be read.
NOT_HEARD, IN_PACKET, BY_READ = range(3)
#: Columns of :attr:`Plan.tail`: chance that a packet arrives, then mean and spread of the fading of those
#: that do in dB, and a sixth of its skewness.
TAIL_COLUMNS = 4
TAIL_ROWS = 769
#: Binomial numbers below this are drawn by inversion.
FEWEST = 8
MOST_PACKETS = 1023
#: Longer than any segment, ms.
FAR_MS = 1 << 30
_STATE_SLOT_MS = 300_000
_TO_20_BITS, _TO_24_BITS, _TO_53_BITS = 2.0**-20, 2.0**-24, 2.0**-53
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


class Plan(NamedTuple):
    """What the lanes read: a scenario's radio and phones in the form of a hot loop.

    Attributes:
        sends, hears: ``int64[people]``; upper half: phase of the bursts (scans) in ms, times two, plus 1
            for an iPhone; lower half: bits of TX power (RX correction) as a 32-bit float.
        advertise_on_ms, advertise_period_ms, scan_on_ms, scan_period_ms, scan_jitter_ms, parts:
            ``int32[2]`` by platform; parts: spans that a scan may be cut into.
        stateful: ``int32[2]``, foreground_share: ``float64[2]``.
        kinds: ``float32[36, 8]``, by observer's platform and state, then the sender's.
        tail: ``float32[769, 4]``.
        normal, cosine: ``float32[4096]``; root, most, most_sd: ``float32[1024]``.
        near_db, far_db: dB a doubling of the distance, up to ``breakpoint_m`` and beyond.
        tail_scale, tail_offset: from RSSI to a row of ``tail``.
        carry_db: ``float32[1024]``, losses by where a phone is carried, see :class:`.air.Air`; read only
            if ``carries``.
        least_dbm: of links below it no scan hears anything.
        ever: bit 2 p + q: platform p may hear platform q.
        mixed: kinds differ, :attr:`kinds` has to be read for each span; varied: for those of Android
            phones as well.
    """

    sends: NDArray[np.int64]
    hears: NDArray[np.int64]
    advertise_on_ms: NDArray[np.int32]
    advertise_period_ms: NDArray[np.int32]
    scan_on_ms: NDArray[np.int32]
    scan_period_ms: NDArray[np.int32]
    scan_jitter_ms: NDArray[np.int32]
    parts: NDArray[np.int32]
    stateful: NDArray[np.int32]
    foreground_share: NDArray[np.float64]
    kinds: NDArray[np.float32]
    tail: NDArray[np.float32]
    normal: NDArray[np.float32]
    cosine: NDArray[np.float32]
    root: NDArray[np.float32]
    most: NDArray[np.float32]
    most_sd: NDArray[np.float32]
    attenuation_1m_db: np.float32
    near_db: np.float32
    far_db: np.float32
    breakpoint_m: np.float32
    shadowing_sd_db: np.float32
    half_body_db: np.float32
    scan_sd_db: np.float32
    tail_scale: np.float32
    tail_offset: np.float32
    faintest_dbm: np.float32
    least_dbm: np.float32
    carry_db: NDArray[np.float32]
    carries: np.bool_
    identifier_ms: np.int64
    ever: np.int32
    mixed: np.bool_
    varied: np.bool_
    shadowing: np.uint64
    carry: np.uint64
    fading: np.uint64
    foreground: np.uint64
    scan_jitter: np.uint64


class Linked(NamedTuple):
    """Of links: mean RSSI, stream, start in unix ms, length; ms from the start to its first scan and to
    the first change of identifier, ms since the last burst's start and since midnight; stream of the
    scans' jitter at the first scan; how many scans there are, and parts of one; platforms."""

    level: NDArray[np.float32]
    stream: NDArray[np.int64]
    begin: NDArray[np.int64]
    length: NDArray[np.int32]
    scan: NDArray[np.int32]
    cut: NDArray[np.int32]
    burst: NDArray[np.int32]
    midnight: NDArray[np.int32]
    jitter: NDArray[np.int64]
    scans: NDArray[np.int32]
    parts: NDArray[np.int32]
    platforms: NDArray[np.int32]


class Spans(NamedTuple):
    """Of spans: start, length and their scan's end, ms from the link's start; then columns of their
    links, and their row; then what was heard: packets (0: nothing), ms from the link's start to the
    first, mean and maximum RSSI."""

    low: NDArray[np.int32]
    length: NDArray[np.int32]
    stop: NDArray[np.int32]
    row: NDArray[np.int32]
    burst: NDArray[np.int32]
    platforms: NDArray[np.int32]
    level: NDArray[np.float32]
    clear: NDArray[np.float32]
    stream: NDArray[np.int64]
    begin: NDArray[np.int64]
    packets: NDArray[np.int32]
    time: NDArray[np.int32]
    mean: NDArray[np.float32]
    top: NDArray[np.float32]


def _any(mask: Lanes) -> Value:
    """Some bit is set."""
    return mask.b.icmp_unsigned("!=", mask.bits(), ir.Constant(ir.IntType(mask.width), 0))


def _mixed(x: Lanes) -> Lanes:
    """``rng.mix64``."""
    x = x + GOLDEN
    for shift, factor in _MIX:
        x = (x ^ (x >> shift)) * factor
    return x ^ (x >> 31)


def _draw(stream: Lanes, who: Lanes) -> Lanes:
    """``rng.draw``."""
    return _mixed(stream + who * GOLDEN)


def _halves(h: Lanes) -> tuple[Lanes, Lanes]:
    return h.words(), (h >> 32).words()


def _unit(h: Lanes) -> Lanes:
    """``rng.to_unit``."""
    return (h >> 11).doubles() * _TO_53_BITS


def _of(b: ir.IRBuilder, pair: Array, bit: Lanes) -> Lanes:
    """The Android or the iPhone's value."""
    android, ios = (splat(b, pair.scalar(LONG(k))) for k in (0, 1))
    return (bit > 0).pick(ios, android)


def _cycles(x: Lanes, period: Lanes) -> tuple[Lanes, Lanes]:
    """Unix ms as whole periods and the rest, exact below 2**53."""
    whole = (x.doubles() / period.doubles()).floor().longs()
    return whole, x - whole * period


def _sides(platforms: Lanes) -> tuple[Lanes, Lanes]:
    return platforms >> 1, platforms & 1


@vectorised
def link(b, plan, links, linked, row, at):
    """Links ``row`` .. ``row`` + 15 into ``linked``; bits of those that may be heard."""
    observer, emitter = links.observer.load(row), links.emitter.load(row)
    contact, hours = links.contact.load(row), links.hours.load(row)
    begin = links.start_s.load(row) * 1000
    length = links.duration_s.load(row) * 1000
    distance = links.distance_m.load(row)
    rx, hears = _halves(plan.hears.gather(observer))
    tx, sends = _halves(plan.sends.gather(emitter))
    mine, theirs = hears & 1, sends & 1
    platforms = (mine << 1) | theirs

    on, period = _of(b, plan.scan_on_ms, mine), _of(b, plan.scan_period_ms, mine)
    reach = on + _of(b, plan.scan_jitter_ms, mine)
    ahead = ((hears >> 1) + reach).longs()
    scans, since = _cycles(begin - ahead, period.longs())
    scan = period - reach - since.words()
    cycle = _of(b, plan.advertise_period_ms, theirs).longs()
    burst = _cycles(begin - (sends >> 1).longs(), cycle)[1].words()
    rotation = splat(b, plan.identifier_ms)
    cut = (rotation - _cycles(begin, rotation)[1]).min(FAR_MS).words()
    count = (length - scan + period - 1).whole_of(period, period.floats().inverse())
    # Scans are cut by a change of identifier within them; where there is one change, most are not.
    into = cut - scan
    into = into - into.whole_of(period, period.floats().inverse()) * period
    once = (cut + splat(b, _rotation(b, plan))) >= length
    missed = Lanes(b, b.and_(once.value, (into >= reach).value))
    missed = Lanes(b, b.or_(missed.value, (cut >= length).value))
    parts = missed.pick(constant(b, WORD, 1), _of(b, plan.parts, mine))
    midnight = begin - links.midnight_s.load(row) * 1000

    h = _draw(splat(b, plan.shadowing), contact)
    near = distance.min(splat(b, plan.breakpoint_m)).max(0.1)
    loss = near.log2() * splat(b, plan.near_db) + splat(b, plan.attenuation_1m_db)
    beyond = (distance / splat(b, plan.breakpoint_m)).max(1.0)
    loss = loss + beyond.log2() * splat(b, plan.far_db)
    level = tx.as_float() - loss - rx.as_float()
    level = level + plan.normal.gather((h >> 52).words()) * splat(b, plan.shadowing_sd_db)

    def turned() -> list[Lanes]:
        # Each body turns some way for the whole contact: half the loss gained where it faces the other,
        # half of it lost where it is in between, so that the mean over angles stays.
        a, z = (
            plan.cosine.gather((_draw(h, who.longs()) >> 52).words()) for who in (observer, emitter)
        )
        return [level + (a + z) * splat(b, plan.half_body_db)]

    bodies = b.fcmp_ordered(">", plan.half_body_db, FLOAT(0.0))
    (level,) = chosen(b, bodies, turned, lambda: [level])

    def carried() -> list[Lanes]:
        h = _draw(splat(b, plan.carry), contact)
        a, z = (
            plan.carry_db.gather((_draw(h, who.longs()) >> 54).words())
            for who in (observer, emitter)
        )
        return [level - (a + z)]

    (level,) = chosen(b, plan.carries, carried, lambda: [level])

    linked.level.store(at, level)
    stream = _draw(_draw(splat(b, plan.fading), contact), observer.longs())
    linked.stream.store(at, stream)
    linked.begin.store(at, begin)
    linked.length.store(at, length)
    linked.scan.store(at, scan)
    linked.cut.store(at, cut)
    linked.burst.store(at, burst)
    linked.midnight.store(at, midnight.words())
    jitter = _draw(splat(b, plan.scan_jitter), observer.longs()) + (scans + 1) * GOLDEN
    linked.jitter.store(at, jitter)
    linked.scans.store(at, count.max(0))
    linked.parts.store(at, parts)
    linked.platforms.store(at, platforms)
    ever = (splat(b, plan.ever) >> platforms) & 1
    live = (level >= splat(b, plan.least_dbm)).value
    live = b.and_(live, b.and_((hours.differs(0)).value, (ever > 0).value))
    return b.zext(Lanes(b, live).bits(), LONG)


class _Link:
    """A link whose scans are at hand, eight at a time."""

    def __init__(self, b: ir.IRBuilder, plan: Any, linked: Any, link: Value):
        self.b, self.plan, self.linked, self.link = b, plan, linked, link
        platforms = linked.platforms.scalar(link)
        self.mine = b.zext(b.lshr(platforms, WORD(1)), LONG)

    def of(self, column: Array) -> Lanes:
        """A column of the link."""
        return splat(self.b, column.scalar(self.link), ITEMS)

    def my(self, pair: Array) -> Lanes:
        """The observer's platform's value."""
        return splat(self.b, pair.scalar(self.mine), ITEMS)

    def numbers(self, first: Value) -> Lanes:
        """``first``, ``first`` + 1 …"""
        return counting(self.b, WORD, ITEMS) + self.b.trunc(first, WORD)

    def scans(self, scan: Lanes) -> tuple[Lanes, Lanes]:
        """Starts and ends of scans within the link."""
        b, wide = self.b, self.plan.scan_jitter_ms.scalar(self.mine)
        start = self.of(self.linked.scan) + scan * self.my(self.plan.scan_period_ms)

        def jittered() -> list[Lanes]:
            h = _mixed(self.of(self.linked.jitter) + scan.longs() * GOLDEN)
            late = _unit(h) * splat(b, b.sitofp(wide, DOUBLE), ITEMS)
            return [start + late.words()]

        some = b.icmp_signed(">", wide, WORD(0))
        (start,) = chosen(b, some, jittered, lambda: [start])
        stop = (start + self.my(self.plan.scan_on_ms)).min(self.of(self.linked.length))
        return start.max(0), stop

    def change(self, low: Lanes, later: Lanes | int) -> Lanes:
        """The first change of identifier after an instant, or so many later."""
        first, rotation = (
            self.of(self.linked.cut),
            splat(self.b, _rotation(self.b, self.plan), ITEMS),
        )
        passed = (low - first).whole_of(rotation, rotation.floats().inverse())
        return first + rotation * (passed + 1 + later)

    def add(
        self, links: Any, spans: Any, at: Value, row: Value, low: Lanes, high: Lanes, stop: Lanes,
        there: Lanes,
    ) -> Value:  # fmt: skip
        """Keeps spans that are there, while the phones are awake; how many there are then."""
        b, linked = self.b, self.linked
        hours = links.hours.scalar(row)

        def awake() -> list[Lanes]:
            hour = (self.of(linked.midnight) + low).whole_of(HOUR_MS, 1 / HOUR_MS).min(HOURS - 1)
            return [(splat(b, hours, ITEMS) >> hour) & 1]

        some = b.icmp_unsigned("!=", hours, WORD(ALL_HOURS))
        (bits,) = chosen(b, some, awake, lambda: [low.like(1)])
        keep = b.and_((high > low).value, b.and_(there.value, (bits > 0).value))
        kept = Lanes(b, keep)
        spans.low.store(at, low.packed(kept))
        spans.length.store(at, (high - low).packed(kept))
        spans.stop.store(at, stop.packed(kept))
        spans.row.store(at, splat(b, b.trunc(row, WORD), ITEMS))
        spans.clear.store(at, splat(b, b.fptrunc(links.p_clear.scalar(row), FLOAT), ITEMS))
        for name in ("burst", "platforms", "level", "stream", "begin"):
            getattr(spans, name).store(at, self.of(getattr(linked, name)))
        return b.add(at, b.zext(b.ctpop(kept.bits()), LONG))


@vectorised
def expand(b, plan, links, linked, spans, at, link, row, first):
    """Spans of scans ``first`` .. ``first`` + 7 of a link, behind the ``at`` that there are.

    Returns how many there are then, or -1 where a scan is cut, which :func:`expand_cut` sees to.
    """
    one = _Link(b, plan, linked, link)
    scan = one.numbers(first)
    low, stop = one.scans(scan)
    there = scan < one.of(linked.scans)
    maybe = b.icmp_signed(">", linked.parts.scalar(link), WORD(1))

    def change() -> list[Lanes]:
        return [one.change(low, 0)]

    (cut,) = chosen(b, maybe, change, lambda: [stop])
    with b.if_else(_any(cut < stop)) as (then, otherwise):
        with then:
            from_then = b.block
        with otherwise:
            count = one.add(links, spans, at, row, low, stop, stop, there)
            from_otherwise = b.block
    phi = b.phi(LONG)
    phi.add_incoming(LONG(-1), from_then)
    phi.add_incoming(count, from_otherwise)
    return phi


@vectorised
def expand_cut(b, plan, links, linked, spans, at, link, row, first, part):
    """The same where scans are cut: their parts ``part`` .. ``part`` + 7 in order of time."""
    one = _Link(b, plan, linked, link)
    parts, number = one.of(linked.parts), one.numbers(part)
    ahead = ((number.floats() + 0.5) / parts.floats()).floor().words()
    scan = ahead + splat(b, b.trunc(first, WORD), ITEMS)
    low, stop = one.scans(scan)
    later = number - ahead * parts
    begins, ends = one.change(low, later - 1), one.change(low, later)
    there = b.and_((ahead < ITEMS).value, (scan < one.of(linked.scans)).value)
    low, high = begins.max(low), ends.min(stop)
    return one.add(links, spans, at, row, low, high, stop, Lanes(b, there))


def _rotation(b: ir.IRBuilder, plan: Any) -> Value:
    """Time on air of an identifier as a word, ms."""
    far = LONG(FAR_MS)
    short = b.icmp_signed("<", plan.identifier_ms, far)
    return b.trunc(b.select(short, plan.identifier_ms, far), WORD)


def _state(b: ir.IRBuilder, plan: Any, slot: Lanes, who: Lanes, platform: Lanes) -> Lanes:
    """``air.state_at``: 0 in the foreground, 2 in the background."""
    front = (_unit(_draw(slot, who.longs())) < _of(b, plan.foreground_share, platform)).pick(
        constant(b, WORD, 0), 2
    )
    return (_of(b, plan.stateful, platform) > 0).pick(front, 0)


def _kind(b: ir.IRBuilder, plan: Any, links: Any, row: Lanes, platforms: Lanes, span: Lanes) -> Any:
    """Columns of :attr:`Plan.kinds` of the spans' phones and their states."""
    mine, theirs = _sides(platforms)
    slot = (span.doubles() / float(_STATE_SLOT_MS)).floor().longs()
    slot = _draw(splat(b, plan.foreground), slot)
    mine = mine * 3 + _state(b, plan, slot, links.observer.gather(row), mine)
    theirs = theirs * 3 + _state(b, plan, slot, links.emitter.gather(row), theirs)
    at = (mine * 6 + theirs) * KIND_COLUMNS
    return [plan.kinds.gather(at + k) for k in range(KIND_COLUMNS)]


def _binomial(plan: Any, caught: Lanes, chance: Lanes, bits: Lanes) -> Lanes:
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
    on, period = _of(b, plan.advertise_on_ms, theirs), _of(b, plan.advertise_period_ms, theirs)
    per_on, per_period = on.floats().inverse(), period.floats().inverse()
    # How far the sender is into its cycle, and for how long of the span it is on the air.
    since = spans.burst.load(i) + low
    since = since - since.whole_of(period, per_period) * period
    before = since.min(on)
    end = since + length
    cycles = end.whole_of(period, per_period)
    on_ms = cycles * on + (end - cycles * period).min(on) - before

    span = begin + low.longs()
    h = _draw(spans.stream.load(i), span)
    (a0, a1), (b0, b1) = _halves(h), _halves(_mixed(h))
    kind = chosen(
        b,
        b.and_(plan.mixed, b.or_(plan.varied, _any(platforms > 0))),
        lambda: _kind(b, plan, links, row, platforms, span),
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
    n = _binomial(plan, caught, chance, b1 >> 8)
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
    into = before + first.min(float(FAR_MS)).words().min(on_ms - 1)
    cycles = into.whole_of(on, per_on)
    time = low + cycles * period + (into - cycles * on) - since

    n_safe = n.max(1)
    mean = plan.normal.gather(a1 & 4095) * plan.root.gather(n_safe) * spread + (mu + shift)
    mean = mean.max(splat(b, plan.faintest_dbm))
    most = plan.most_sd.gather(n_safe) * plan.normal.gather(b0 & 4095) + plan.most.gather(n_safe)
    top = (most + skew * (most * most - 1.0)) * spread + (mu + shift)
    top = (n > 1).pick(top.max(mean), mean)

    heard = kind[HEARD].words()
    there = counting(b, WORD) < b.trunc(count, WORD)
    keep = b.and_(b.and_(there.value, (n > 0).value), (on_ms > 0).value)
    keep = Lanes(b, b.and_(keep, (heard > NOT_HEARD).value))
    reads = Lanes(b, b.and_(keep.value, (heard > IN_PACKET).value))
    with b.if_else(_any(reads)) as (then, otherwise):
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
    lower, upper = (half.packed(keep) for half in _halves(begin + time.longs()))
    out.time_ms.store(at, (upper.longs() << 32) | lower.unsigned_longs())
    out.packets.store(at, n.packed(keep))
    out.rssi_dbm.store(at, (mean + 0.5).floor().words().packed(keep).shorts())
    out.rssi_max_dbm.store(at, (top + 0.5).floor().words().packed(keep).shorts())
    return b.add(at, b.zext(b.ctpop(keep.bits()), LONG))
