"""Links on lanes: their place in time, how strong they are, and the spans that their scans listen to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ..lane_memory import Array, Packing, vectorised
from ..lanes import DOUBLE, FLOAT, LONG, WIDTH, WORD, Lanes, chosen, constant, counting, splat
from ..rng import GOLDEN
from ..rng_ir import draw, mixed, unit
from .availability import ALL_HOURS, HOUR_MS, HOURS
from .sessions import DAY_MS, LENGTHS

Value = Any

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
    rx, hears = plan.hears.gather(observer).halves()
    tx, sends = plan.sends.gather(emitter).halves()
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
    linked.hours.store(at, hours)
    linked.clear.store(at, links.p_clear.load(row).singles())
    ever = (splat(b, plan.ever) >> platforms) & 1
    live = (level >= splat(b, plan.least_dbm)).value
    live = b.and_(live, b.and_((hours.differs(0)).value, (ever > 0).value))
    return b.zext(Lanes(b, live).bits(), LONG)


@vectorised
def fronts(b, plan, streams, links, linked, row):
    """When the apps of links ``row`` .. ``row`` + 15 are in front, into ``linked``."""
    midnight_s, platforms = links.midnight_s.load(row), linked.platforms.load(LONG(0))
    for who, platform, since, front in (
        (links.observer, platforms >> 1, linked.since_mine, linked.front_mine),
        (links.emitter, platforms & 1, linked.since_theirs, linked.front_theirs),
    ):
        start, lasts = _in_front(b, plan, streams, platform, who.load(row), midnight_s)
        ahead = linked.midnight.load(LONG(0)) - start
        since.store(LONG(0), ahead - ahead.whole_of(DAY_MS, 1 / DAY_MS) * DAY_MS)
        front.store(LONG(0), lasts)
    return LONG(0)


def _in_front(
    b: ir.IRBuilder, plan: Any, streams: Any, platform: Lanes, person: Lanes, midnight_s: Lanes
) -> tuple[Lanes, Lanes]:
    """``sessions.in_front``."""
    how = plan.sessions
    own = draw(splat(b, streams.foreground), person.longs())
    kind, today = unit(own), draw(own, midnight_s)
    h = mixed(today)
    left = (kind < b.fsub(DOUBLE(1.0), how.leavers)).pick(
        how.length_ms.gather((h & (LENGTHS - 1)).words()), splat(b, b.trunc(how.left_ms, WORD))
    )
    opens = b.and_((kind >= how.never).value, (unit(today) < how.opens).value)
    rest = of_platform(b, how.rest_ms, platform)
    resting = Lanes(b, b.or_((platform < 1).value, (rest > 0).value))
    opens = Lanes(b, b.and_(opens, b.not_(resting.value)))
    start = (unit(h) * float(DAY_MS)).words()
    return opens.pick(start, 0), opens.pick(left, resting.pick(rest, 0))


@vectorised
def enlist(b, pairs, at, who, scan):
    """Scans ``scan`` .. ``scan`` + 15 of a link, behind the ``at`` pairs that there are."""
    pairs.who.store(at, splat(b, b.trunc(who, WORD)))
    pairs.scan.store(at, counting(b, WORD) + b.trunc(scan, WORD))
    return LONG(0)


class _Scans:
    """Scans of sixteen links at most, whose columns are at hand: which link's, and which of its scans."""

    def __init__(self, b: ir.IRBuilder, plan: Any, linked: Any, who: Lanes, scan: Lanes):
        self.b, self.plan, self.linked, self.who, self.scan = b, plan, linked, who, scan
        self.mine = self.of(linked.platforms) >> 1

    def of(self, column: Array) -> Lanes:
        """A column of their links."""
        return column.picked(self.who)

    def ends(self) -> tuple[Lanes, Lanes]:
        """Starts and ends within the link."""
        b, plan = self.b, self.plan
        wide = of_platform(b, plan.scan_jitter_ms, self.mine)
        start = self.of(self.linked.scan)
        start = start + self.scan * of_platform(b, plan.scan_period_ms, self.mine)

        def jittered() -> list[Lanes]:
            h = mixed(self.of(self.linked.jitter) + self.scan.longs() * GOLDEN)
            return [start + (unit(h) * wide.doubles()).words()]

        (start,) = chosen(b, (wide > 0).any(), jittered, lambda: [start])
        stop = start + of_platform(b, plan.scan_on_ms, self.mine)
        return start.max(0), stop.min(self.of(self.linked.length))

    def change(self, low: Lanes, later: Lanes) -> Lanes:
        """The first change of identifier after an instant, or so many later."""
        passed, at = self._changes(low)

        def shared() -> list[Lanes]:
            return [self._earliest(passed + 1 + later)]

        def lived() -> list[Lanes]:
            # A change that is due may be late.
            return [at((at(passed) > low).pick(passed, passed + 1) + later)]

        (change,) = chosen(self.b, _own_lives(self.b, self.plan), lived, shared)
        return change

    def cut(self, low: Lanes, stop: Lanes) -> Lanes:
        """The first change of identifier after ``low``, where it is before ``stop``; else any time from
        that on."""
        b, (passed, at) = self.b, self._changes(low)
        earliest = self._earliest(passed + 1)

        def lived() -> list[Lanes]:
            due = at(passed)
            late = due > low
            # Few scans reach the next change; its delay is drawn where one of those at hand does.
            reached = b.and_(b.not_(late.value), (earliest < stop).value)
            return chosen(
                b,
                Lanes(b, reached).any(),
                lambda: [late.pick(due, at(passed + 1))],
                lambda: [late.pick(due, stop)],
            )

        (cut,) = chosen(b, _own_lives(b, self.plan), lived, lambda: [earliest])
        return cut

    def _changes(self, low: Lanes) -> tuple[Lanes, Callable[[Lanes], Lanes]]:
        """Number of the last change that is due at an instant, and when changes are, by number."""
        rotation = splat(self.b, _rotation(self.b, self.plan))
        since = low - self.of(self.linked.cut)

        def at(number: Lanes) -> Lanes:
            h = mixed(self.of(self.linked.lives) + number.longs() * GOLDEN)
            return self._earliest(number) + _delay(self.b, self.plan, h)

        return since.whole_of(rotation, rotation.floats().inverse()), at

    def _earliest(self, number: Lanes) -> Lanes:
        rotation = splat(self.b, _rotation(self.b, self.plan))
        return self.of(self.linked.cut) + rotation * number


@vectorised
def place(b, plan, linked, pairs, i):
    """When scans ``i`` .. ``i`` + 15 of ``pairs`` begin, end, and change the identifier first."""
    scans = _Scans(b, plan, linked, pairs.who.load(i), pairs.scan.load(i))
    low, stop = scans.ends()
    maybe = scans.of(linked.parts) > 1

    def change() -> list[Lanes]:
        return [maybe.pick(scans.cut(low, stop), stop)]

    (cut,) = chosen(b, maybe.any(), change, lambda: [stop])
    pairs.low.store(i, low)
    pairs.stop.store(i, stop)
    pairs.cut.store(i, cut)
    return LONG(0)


@vectorised
def expand(b, pairs, parts, i, count, at):
    """Scans ``i`` .. ``i`` + 15 of ``pairs``, of which ``count`` are there, behind the ``at`` parts
    that there are.

    Returns how many there are then, or -1 where a scan is cut, which :func:`expand_cut` sees to.
    """
    stop = pairs.stop.load(i)
    some = counting(b, WORD) < b.trunc(count, WORD)
    cut = Lanes(b, b.and_(some.value, (pairs.cut.load(i) < stop).value))
    parts.who.store(at, pairs.who.load(i))
    parts.low.store(at, pairs.low.load(i))
    parts.high.store(at, stop)
    parts.stop.store(at, stop)
    here = b.select(b.icmp_signed("<", count, LONG(WIDTH)), count, LONG(WIDTH))
    return b.select(cut.any(), LONG(-1), b.add(at, here))


@vectorised
def expand_cut(b, plan, scratch, i, count, at, most, part):
    """The same where scans are cut into ``most`` parts at most: those of number ``part`` .. ``part`` + 15
    of all, if they are there."""
    pairs, parts = scratch.pairs, scratch.parts
    number = counting(b, WORD) + b.trunc(part, WORD)
    most = splat(b, b.trunc(most, WORD))
    ahead = ((number.floats() + 0.5) / most.floats()).floor().words()
    who, scan = (c.from_(i).picked(ahead) for c in (pairs.who, pairs.scan))
    low, stop = (c.from_(i).picked(ahead) for c in (pairs.low, pairs.stop))
    scans = _Scans(b, plan, scratch.linked, who, scan)
    later = number - ahead * most
    low, high = scans.change(low, later - 1).max(low), scans.change(low, later).min(stop)
    there = b.and_((ahead < b.trunc(count, WORD)).value, (high > low).value)
    packing = Packing(Lanes(b, there))
    for column, lanes in (
        (parts.who, who),
        (parts.low, low),
        (parts.high, high),
        (parts.stop, stop),
    ):
        packing.store(column, at, lanes)
    return b.add(at, packing.count)


@vectorised
def settle(b, plan, scratch, i, count, row, at):
    """Parts ``i`` .. ``i`` + 15 of scans, of which ``count`` are there, behind the ``at`` spans
    that there are, if something can be heard in them; returns how many there are then.

    ``row`` is that of the first link at hand.
    """
    linked, parts, spans = scratch.linked, scratch.parts, scratch.spans
    who, low, high = parts.who.load(i), parts.low.load(i), parts.high.load(i)

    def of(column: Array) -> Lanes:
        return column.picked(who)

    platforms, hours = of(linked.platforms), of(linked.hours)

    def state() -> list[Lanes]:
        row = (platforms << 2) & 8 | (platforms << 1) & 2
        for since, front, step in (
            (linked.since_mine, linked.front_mine, 4),
            (linked.since_theirs, linked.front_theirs, 1),
        ):
            at = of(since) + low
            for _ in range(2):  # a local day of 25 hours ends after the second day
                at = (at >= DAY_MS).pick(at - DAY_MS, at)
            row = row + (at < of(front)).pick(low.like(0), step)
        return [row]

    def awake() -> list[Lanes]:
        hour = (of(linked.midnight) + low).whole_of(HOUR_MS, 1 / HOUR_MS).min(HOURS - 1).max(0)
        return [(hours >> hour) & 1]

    (kind,) = chosen(b, plan.mixed, state, lambda: [low.like(0)])
    (bits,) = chosen(b, hours.differs(ALL_HOURS).any(), awake, lambda: [low.like(1)])
    bits = bits & (splat(b, plan.heard) >> kind)
    some = counting(b, WORD) < b.trunc(count, WORD)
    keep = b.and_((high > low).value, b.and_(some.value, (bits > 0).value))
    packing = Packing(Lanes(b, keep))
    for column, lanes in (
        (spans.low, low),
        (spans.length, high - low),
        (spans.stop, parts.stop.load(i)),
        (spans.kind, kind),
    ):
        packing.store(column, at, lanes)
    for before, links in packing.parts(who):
        to = b.add(at, before)
        spans.row.store(to, links + b.trunc(row, WORD))
        for name in ("platforms", "burst", "level", "clear", "stream", "begin"):
            getattr(spans, name).store(to, getattr(linked, name).picked(links))
    return b.add(at, packing.count)


def _own_lives(b: ir.IRBuilder, plan: Any) -> Value:
    """Phones change their identifiers each at times of its own, see :mod:`.lives`."""
    return b.icmp_signed(">", plan.life_jitter_ms, WORD(0))


def _delay(b: ir.IRBuilder, plan: Any, h: Lanes) -> Lanes:
    """How late a change of identifier is, ms, by its draw."""
    return (unit(h) * splat(b, b.sitofp(plan.life_jitter_ms, DOUBLE))).words()


def _rotation(b: ir.IRBuilder, plan: Any) -> Value:
    """Mean time on air of an identifier as a word, ms."""
    far = LONG(_FAR_MS)
    short = b.icmp_signed("<", plan.identifier_ms, far)
    return b.trunc(b.select(short, plan.identifier_ms, far), WORD)
