"""Links on lanes: their place in time, how strong they are, and the spans that their scans listen to."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ..lanes import (
    DOUBLE,
    FLOAT,
    LONG,
    WIDTH,
    WORD,
    Array,
    Lanes,
    chosen,
    constant,
    counting,
    splat,
    vectorised,
)
from ..rng import GOLDEN
from ..rng_ir import draw, halves, mixed, unit
from .availability import ALL_HOURS, HOUR_MS, HOURS
from .sessions import DAY_MS

Value = Any

#: Scans of a link that are looked at together.
ITEMS = 8
#: Longer than any segment, ms.
_FAR_MS = 1 << 30


def of_platform(b: ir.IRBuilder, pair: Array, bit: Lanes, *, inverse: bool = False) -> Lanes:
    """The Android or the iPhone's value, or one over it as a float."""
    android, ios = (pair.scalar(LONG(k)) for k in (0, 1))
    if inverse:
        android, ios = (b.fdiv(FLOAT(1.0), b.sitofp(x, FLOAT)) for x in (android, ios))
    return (bit > 0).pick(splat(b, ios), splat(b, android))


def _cycles(x: Lanes, period: Lanes) -> tuple[Lanes, Lanes]:
    """Unix ms as whole periods and the rest, exact below 2**53."""
    whole = (x.doubles() / period.doubles()).floor().longs()
    return whole, x - whole * period


@vectorised
def link(b, plan, links, linked, row, at):
    """Links ``row`` .. ``row`` + 15 into ``linked``; bits of those that may be heard."""
    observer, emitter = links.observer.load(row), links.emitter.load(row)
    contact, hours = links.contact.load(row), links.hours.load(row)
    begin = links.start_s.load(row) * 1000
    length = links.duration_s.load(row) * 1000
    distance = links.distance_m.load(row)
    rx, hears = halves(plan.hears.gather(observer))
    tx, sends = halves(plan.sends.gather(emitter))
    mine, theirs = hears & 1, sends & 1
    platforms = (mine << 1) | theirs

    on, period = of_platform(b, plan.scan_on_ms, mine), of_platform(b, plan.scan_period_ms, mine)
    reach = on + of_platform(b, plan.scan_jitter_ms, mine)
    ahead = ((hears >> 1) + reach).longs()
    scans, since = _cycles(begin - ahead, period.longs())
    scan = period - reach - since.words()
    cycle = of_platform(b, plan.advertise_period_ms, theirs).longs()
    burst = _cycles(begin - (sends >> 1).longs(), cycle)[1].words()
    rotation = splat(b, plan.identifier_ms)

    def shared() -> list[Lanes]:
        cut = (rotation - _cycles(begin, rotation)[1]).min(_FAR_MS).words()
        return [cut, cut, begin.like(0)]

    def lived() -> list[Lanes]:
        own = draw(splat(b, plan.identifier_life), emitter.longs())
        phase = (unit(own) * rotation.doubles()).longs()
        last, since = _cycles(begin - phase, rotation)
        cut, next_own = (rotation - since).words(), own + (last + 1) * GOLDEN
        before = _delay(b, plan, mixed(own + last * GOLDEN)) - since.words()
        after = cut + _delay(b, plan, mixed(next_own))
        return [cut, (before > 0).pick(before, after), next_own]

    cut, change, lives = chosen(b, _own_lives(b, plan), lived, shared)
    count = (length - scan + period - 1).whole_of(period, period.floats().inverse())
    # Scans are cut by a change of identifier within them; where there is one change, most are not.
    into = change - scan
    into = into - into.whole_of(period, period.floats().inverse()) * period
    once = (change + splat(b, b.sub(_rotation(b, plan), plan.life_jitter_ms))) >= length
    missed = Lanes(b, b.and_(once.value, (into >= reach).value))
    missed = Lanes(b, b.or_(missed.value, (change >= length).value))
    parts = missed.pick(constant(b, WORD, 1), of_platform(b, plan.parts, mine))
    midnight = begin - links.midnight_s.load(row) * 1000

    h = draw(splat(b, plan.shadowing), contact)
    near = distance.min(splat(b, plan.breakpoint_m)).max(0.1)
    loss = near.log2() * splat(b, plan.near_db) + splat(b, plan.attenuation_1m_db)
    beyond = (distance / splat(b, plan.breakpoint_m)).max(1.0)
    loss = loss + beyond.log2() * splat(b, plan.far_db)
    level = tx.as_float() - loss - rx.as_float()
    level = level + plan.normal.gather((h >> 52).words()) * splat(b, plan.shadowing_sd_db)
    scene = draw(splat(b, plan.scene), links.place.load(row))
    level = level + plan.normal.gather((scene >> 52).words()) * splat(b, plan.scene_sd_db)

    def turned() -> list[Lanes]:
        # Each body turns some way for the whole contact: half the loss gained where it faces the other,
        # half of it lost where it is in between, so that the mean over angles stays.
        a, z = (
            plan.cosine.gather((draw(h, who.longs()) >> 52).words()) for who in (observer, emitter)
        )
        return [level + (a + z) * splat(b, plan.half_body_db)]

    bodies = b.fcmp_ordered(">", plan.half_body_db, FLOAT(0.0))
    (level,) = chosen(b, bodies, turned, lambda: [level])

    def carried() -> list[Lanes]:
        h = draw(splat(b, plan.carry), contact)
        a, z = (
            plan.carry_db.gather((draw(h, who.longs()) >> 54).words())
            for who in (observer, emitter)
        )
        return [level - (a + z)]

    (level,) = chosen(b, plan.carries, carried, lambda: [level])

    linked.level.store(at, level)
    stream = draw(draw(splat(b, plan.fading), contact), observer.longs())
    linked.stream.store(at, stream)
    linked.begin.store(at, begin)
    linked.length.store(at, length)
    linked.scan.store(at, scan)
    linked.cut.store(at, cut)
    linked.burst.store(at, burst)
    linked.midnight.store(at, midnight.words())
    jitter = draw(splat(b, plan.scan_jitter), observer.longs()) + (scans + 1) * GOLDEN
    linked.jitter.store(at, jitter)
    linked.lives.store(at, lives)
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
            h = mixed(self.of(self.linked.jitter) + scan.longs() * GOLDEN)
            late = unit(h) * splat(b, b.sitofp(wide, DOUBLE), ITEMS)
            return [start + late.words()]

        some = b.icmp_signed(">", wide, WORD(0))
        (start,) = chosen(b, some, jittered, lambda: [start])
        stop = (start + self.my(self.plan.scan_on_ms)).min(self.of(self.linked.length))
        return start.max(0), stop

    def change(self, low: Lanes, later: Lanes | int) -> Lanes:
        """The first change of identifier after an instant, or so many later."""
        b, plan = self.b, self.plan
        first, rotation = self.of(self.linked.cut), splat(b, _rotation(b, plan), ITEMS)
        passed = (low - first).whole_of(rotation, rotation.floats().inverse())

        def shared() -> list[Lanes]:
            return [first + rotation * (passed + 1 + later)]

        def lived() -> list[Lanes]:
            def at(number: Lanes) -> Lanes:
                h = mixed(self.of(self.linked.lives) + number.longs() * GOLDEN)
                return first + rotation * number + _delay(b, plan, h, ITEMS)

            # A change that is due may be late.
            return [at((at(passed) > low).pick(passed, passed + 1) + later)]

        (change,) = chosen(b, _own_lives(b, plan), lived, shared)
        return change

    def _kind(self, low: Lanes) -> Lanes:
        """Columns of :attr:`LanePlan.kinds`, by the states of the two apps at some instants of the link."""
        b, linked = self.b, self.linked
        platforms = linked.platforms.scalar(self.link)
        mine, theirs = b.lshr(platforms, WORD(1)), b.and_(platforms, WORD(1))
        row = splat(b, b.add(b.shl(mine, WORD(3)), b.shl(theirs, WORD(1))), ITEMS)
        for since, front, step in (
            (linked.since_mine, linked.front_mine, 4),
            (linked.since_theirs, linked.front_theirs, 1),
        ):
            at = self.of(since) + low
            for _ in range(2):  # a local day of 25 hours ends after the second day
                at = (at >= DAY_MS).pick(at - DAY_MS, at)
            row = row + (at < self.of(front)).pick(low.like(0), step)
        return row

    def add(
        self, links: Any, spans: Any, at: Value, row: Value, low: Lanes, high: Lanes, stop: Lanes,
        there: Lanes,
    ) -> Value:  # fmt: skip
        """Keeps spans that are there, while the phones are awake; how many there are then."""
        b, linked = self.b, self.linked
        (kind,) = chosen(b, self.plan.mixed, lambda: [self._kind(low)], lambda: [low.like(0)])
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
        spans.kind.store(at, kind.packed(kept))
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
    with b.if_else((cut < stop).any()) as (then, otherwise):
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


def _own_lives(b: ir.IRBuilder, plan: Any) -> Value:
    """Phones change their identifiers each at times of its own, see :mod:`.lives`."""
    return b.icmp_signed(">", plan.life_jitter_ms, WORD(0))


def _delay(b: ir.IRBuilder, plan: Any, h: Lanes, width: int = WIDTH) -> Lanes:
    """How late a change of identifier is, ms, by its draw."""
    return (unit(h) * splat(b, b.sitofp(plan.life_jitter_ms, DOUBLE), width)).words()


def _rotation(b: ir.IRBuilder, plan: Any) -> Value:
    """Mean time on air of an identifier as a word, ms."""
    far = LONG(_FAR_MS)
    short = b.icmp_signed("<", plan.identifier_ms, far)
    return b.trunc(b.select(short, plan.identifier_ms, far), WORD)
