"""The vectorised radio: from segments of co-presence to records, one a scan, direction and identifier.

The physics of one scan of the observer's phone (:mod:`.link_budget`), integrated over the
packets that fall into it. Of the advertising events that the scan's windows catch, each arrives if the
phone hears it, it is stronger than the threshold of that instant, and does not collide: a binomial
number. The margin, fading less threshold, is normal, and those that arrive have it truncated; their
fading is its part in the margin, plus a rest that nothing truncates (an extended skew normal). The mean
of n and their maximum follow its first three cumulants (Cornish and Fisher 1938), within 0.15 dB of
drawn ones.

Links, their spans, and what spans give are worked out on sixteen lanes (:mod:`.links_ir`,
:mod:`.spans_ir`); GATT reads, which depend on each other, one at a time here.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bits_ir import lowest_bit
from ..decorators import bare, inlined
from ..lanes import WIDTH
from ..pages import line_aligned
from ..rng import draw, mix64, to_unit
from .lane_columns import Linked, Pairs, Parts, Spans
from .link_budget import POLL_MS, read_works
from .links_ir import enlist, expand, expand_cut, fronts, link, place, settle
from .spans_ir import arrive, begin, hear, reach, weigh, write

#: Spans that are collected before they are heard.
_SPANS = 192
#: Scans that are looked at together, at most.
_PAIRS = 256


class Links(NamedTuple):
    """Segments in one direction: who listens, who sends, when, how far apart.

    Attributes:
        observer, emitter: ``int32[n]``.
        contact: ``uint64[n]``.
        place: ``uint64[n]``, where it is, see :mod:`bluezone_sim.radio.places`.
        midnight_s: ``int64[n]``, start of the local day that holds the segment, unix seconds.
        hours: ``uint32[n]``, bits of the hours of that day in which the observer hears and the emitter
            sends, see :mod:`.availability`; all of them where the segment's are.
        start_s, duration_s: ``int64[n]``, ``int32[n]``.
        distance_m: ``float32[n]``.
        p_clear: ``float64[n]``, chance that a packet does not collide.
        queue: ``float64[n]``, other phones in the room that the observer has to read over GATT.
    """

    observer: NDArray[np.int32]
    emitter: NDArray[np.int32]
    contact: NDArray[np.uint64]
    place: NDArray[np.uint64]
    midnight_s: NDArray[np.int64]
    hours: NDArray[np.uint32]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    p_clear: NDArray[np.float64]
    queue: NDArray[np.float64]


class Medium(NamedTuple):
    """What is the same for all links: of :class:`bluezone_sim.radio.parameters.RadioModel`, by name."""

    plan: Any
    air: Any
    app: Any
    streams: Any


class Records(NamedTuple):
    """Output buffers: row of :class:`Links`, time of the first packet, packets, RSSI."""

    row: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    packets: NDArray[np.int32]
    rssi_dbm: NDArray[np.int16]
    rssi_max_dbm: NDArray[np.int16]


class RadioScratch(NamedTuple):
    """A thread's scratch: links, spans, and of the last link with a read its row and the interval whose
    identifier was read."""

    linked: Linked
    pairs: Pairs
    parts: Parts
    spans: Spans
    known: NDArray[np.int64]


def radio_scratch(parts: int) -> RadioScratch:
    """Scratch of a thread, for scans that are cut into so many parts at most."""
    more = max(2 * _PAIRS, parts)
    return RadioScratch(
        Linked(**_columns(Linked._fields, WIDTH)),
        Pairs(**_columns(Pairs._fields, _PAIRS + WIDTH)),
        Parts(**_columns(Parts._fields, more + WIDTH)),
        Spans(**_columns(Spans._fields, _SPANS + more + WIDTH)),
        np.array([-1, -1]),
    )


_FLOATS = ("level", "clear", "middle", "chance", "odds", "none", "spread", "skew", "mean", "top")
_LONGS = ("stream", "begin", "jitter", "lives")


def _columns(names: tuple[str, ...], n: int) -> dict[str, Any]:
    """Columns of ``n`` elements, each of which begins with a line of the cache.

    A register of lanes that lies across two lines is read and written in two goes.
    """
    kinds: dict[str, Any] = dict.fromkeys(names, np.int32)
    kinds |= {k: np.float32 for k in _FLOATS if k in kinds}
    kinds |= {k: np.int64 for k in _LONGS if k in kinds}
    return {name: line_aligned(n, kind) for name, kind in kinds.items()}


@inlined
def _read_at(app, read_h, queue, heard, sends, began, stop):
    """When a GATT read of a peer that is heard at ``heard`` is done; -1 where it fails.

    ``sends`` is whether the peer is an iPhone, and twice the phase of its bursts.

    It waits for the app's next poll, for its turn among the reads that the room needs from ``began`` on,
    then for the peer to be on the air, at most the timeout. One that times out is asked for again when
    the peer's next burst is heard, if the scan lasts until then.
    """
    phase, theirs = sends >> 1, sends & 1
    on, period = app.advertise_on_ms[theirs], app.advertise_period_ms[theirs]
    turn = np.int64(math.floor(to_unit(read_h) * (queue + 1.0)))
    start = max((heard // POLL_MS + 1) * POLL_MS, began + turn * app.service_ms)
    late = (start - phase) % period
    if late >= on:
        if period - late > app.timeout_ms:
            start += max(period - late, app.timeout_ms + app.retry_ms)
            if start >= stop:
                return np.int64(-1)
        else:
            start += period - late
    return (
        start
        + app.read_ms[0]
        + np.int64(to_unit(mix64(read_h)) * (app.read_ms[1] - app.read_ms[0]))
    )


@inlined
def _read_peer(medium, links, spans, i, known):
    """Reads the sender of a span: time, packets (0: none of them has an identifier) and maximum."""
    plan, air, app, streams = medium
    row, begin = np.int64(spans.row[i]), spans.begin[i]
    if known[0] != row:
        known[0], known[1] = row, -1
    span = begin + spans.low[i]
    interval = span // app.identifier_ms
    if interval == known[1]:
        return
    observer = links.observer[row]
    if not read_works(air, streams, links.contact[row], observer, span // app.read_slot_ms):
        spans.packets[i] = 0
        return
    sends = plan.sends[links.emitter[row]] >> 32
    time = begin + spans.time[i]
    done = _read_at(
        app,
        mix64(~draw(np.uint64(spans.stream[i]), span)),
        links.queue[row],
        time,
        sends,
        span,
        begin + spans.stop[i],
    )
    if done < 0 or done >= (links.start_s[row] + links.duration_s[row]) * 1000:
        spans.packets[i] = 0
        return
    known[1] = done // app.identifier_ms  # the peer answers with its current one
    # What is heard while the read is under way has no identifier yet.
    high = span + spans.length[i]
    left = np.float64(max(high - done, 0)) / np.float64(high - time)
    n = 1 + np.int32((spans.packets[i] - 1) * left)
    spans.packets[i] = n
    spans.time[i] = done - begin
    if n == 1:
        spans.top[i] = spans.mean[i]


@inlined
def _expand_scans(plan, links, scratch, pairs, row, count):
    """Spans of the scans listed, behind the ``count`` that there are; how many there are then.

    ``row`` is that of the first link at hand.
    """
    linked, most = scratch.linked, _most_parts(plan)
    for i in range(0, pairs, WIDTH):
        place(plan, linked, scratch.pairs, i)
    parts = np.int64(0)
    for i in range(0, pairs, WIDTH):
        found = expand(scratch.pairs, scratch.parts, i, pairs - i, parts)
        if found < 0:
            found = parts
            for part in range(0, WIDTH * most, WIDTH):
                found = expand_cut(plan, scratch, i, pairs - i, found, most, part)
        parts = found
    for i in range(0, parts, WIDTH):
        count = settle(plan, scratch, i, parts - i, row, count)
    return count


@inlined
def _hear_spans(medium, links, scratch, count, out, at):
    """Records of the spans collected; how many there are then."""
    plan = medium.plan
    for i in range(0, count, WIDTH):
        reach(plan, scratch.spans, i)
    for i in range(0, count, WIDTH):
        weigh(plan, scratch.spans, i)
    for i in range(0, count, WIDTH):
        arrive(plan, scratch.spans, i)
    for i in range(0, count, WIDTH):
        begin(plan, scratch.spans, i)
    for i in range(0, count, WIDTH):
        got = hear(plan, scratch.spans, i, count - i, out, at)
        if got < 0:
            reads = -got
            while reads:
                k = lowest_bit(np.uint64(reads))
                reads &= reads - 1
                _read_peer(medium, links, scratch.spans, i + k, scratch.known)
            got = write(scratch.spans, i, out, at)
        at = got
    return at


@inlined
def _most_parts(plan):
    return np.int64(max(plan.parts[0], plan.parts[1]))


@bare
def fill_records(medium, links, first, last, scratch, out):
    """Records of links ``first`` .. ``last`` - 1, in the order of the links, then of time.

    There are at least :data:`~.lanes.WIDTH` links. Stops when the buffers might not hold another link and
    :data:`~.lanes.WIDTH` more. Returns (records filled, next link).

    Each step stands once in the loop: called from several places it would be compiled as often, or be
    handed its hundreds of arguments each time.
    """
    plan, streams = medium.plan, medium.streams
    at, count, row, base = np.int64(0), np.int64(0), first, first
    live, scan = np.int64(0), np.int64(0)
    most = _most_parts(plan)
    listed = min(_PAIRS, (len(scratch.spans.row) - WIDTH - _SPANS) // most)
    scratch.known[0] = -1
    while True:
        if not live and row < last:
            # The last links are looked at together with some before them.
            base = min(row, len(links.observer) - WIDTH)
            here = min(base + WIDTH, last) - row
            live = link(plan, links, scratch.linked, base, 0) & (((1 << here) - 1) << (row - base))
            if plan.mixed and live:
                fronts(plan, streams, links, scratch.linked, base)
            row += here
        pairs, full = np.int64(0), False
        if scan == 0 and at + count + listed * most + WIDTH <= len(out.row):
            # Most links have few scans, for which there is room in any case.
            while live and pairs + WIDTH <= listed:
                k = lowest_bit(np.uint64(live))
                scans = np.int64(scratch.linked.scans[k])
                if scans > WIDTH:
                    break
                enlist(scratch.pairs, pairs, k, 0)
                pairs += scans
                live &= live - 1
        while live and pairs < listed and not full:
            k = lowest_bit(np.uint64(live))
            scans = np.int64(scratch.linked.scans[k])
            if scan == 0:
                full = at + count + (pairs + scans) * most + WIDTH > len(out.row)
                if full:
                    break
            end = min(scans, scan + listed - pairs)
            for some in range(scan, end, WIDTH):
                enlist(scratch.pairs, pairs + (some - scan), k, some)
            pairs += end - scan
            scan = end
            if scan >= scans:
                live &= live - 1
                scan = np.int64(0)
        count = _expand_scans(plan, links, scratch, pairs, base, count)
        over = not live and row >= last
        if over or full or count > _SPANS:
            at = _hear_spans(medium, links, scratch, count, out, at)
            count = np.int64(0)
            if over:
                return at, row
            if full and pairs == 0:
                k = lowest_bit(np.uint64(live))
                if at + scratch.linked.scans[k] * most + WIDTH > len(out.row):
                    return at, base + k
