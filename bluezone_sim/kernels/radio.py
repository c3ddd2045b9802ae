"""Hot loop of the vectorised radio: from segments of co-presence to records, one a scan, direction and
identifier.

The physics of one scan of the observer's phone (:mod:`bluezone_sim.kernels.air`), integrated over the
packets that fall into it. Of the advertising events that the scan's windows catch, each arrives if the
phone hears it, it is stronger than the threshold of that instant, and does not collide: a binomial
number. The margin, fading less threshold, is normal, and those that arrive have it truncated; their
fading is its part in the margin, plus a rest that nothing truncates (an extended skew normal). The mean
of n and their maximum follow its first three cumulants (Cornish and Fisher 1938), within 0.15 dB of
drawn ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import norm

from .air import (
    FOREGROUND,
    IDENTIFIER,
    POLL_MS,
    advertise_phase_ms,
    faintest_dbm,
    link_dbm,
    read_works,
    scan_phase_ms,
    state_at,
)
from .life import ALL_HOURS, HOUR_MS, HOURS
from .rng import NORMAL_TABLE, draw, mix64, to_unit

_Z_STEP = 1 / 64
_Z = np.arange(-6, 6 + _Z_STEP / 2, _Z_STEP)
#: Chance that a standard normal exceeds z, then its mean, its standard deviation and its third central
#: moment given that it does, z in [-6, 6].
TAIL: NDArray[np.float64] = norm.sf(_Z)
TAIL_MEAN: NDArray[np.float64] = norm.pdf(_Z) / norm.sf(_Z)
TAIL_SD: NDArray[np.float64] = np.sqrt(1 + _Z * TAIL_MEAN - TAIL_MEAN**2)
TAIL_THIRD: NDArray[np.float64] = TAIL_MEAN * (2 * TAIL_MEAN**2 - 3 * _Z * TAIL_MEAN + _Z**2 - 1)

MOST_PACKETS = 1023
_N = np.arange(2, MOST_PACKETS + 1)
_UPPER = ndtri((_N - 0.375) / (_N + 0.25))
#: Expected maximum of n standard normals (Blom 1958) and its standard deviation (David and Nagaraja 2003,
#: first order), n up to 1023.
EXPECTED_MAX: NDArray[np.float64] = np.concatenate(([0.0, 0.0], _UPPER))
MAX_SD: NDArray[np.float64] = np.concatenate(
    ([0.0, 0.0], np.sqrt(_N / (_N + 1.0) ** 2 / (_N + 2.0)) / norm.pdf(ndtri(_N / (_N + 1.0))))
)
#: Spread of the mean of n: 1 / sqrt(n).
ROOT: NDArray[np.float64] = 1 / np.sqrt(np.maximum(np.arange(MOST_PACKETS + 1), 1))

#: Packets that arrive with at least this chance are taken to arrive.
CERTAIN = 1 - 1e-6
#: Up to this expected number a binomial is drawn by inversion, above it as a rounded normal.
_INVERTED = 12.0
_TO_20_BITS = 1 / 1048576.0


class Links(NamedTuple):
    """Segments in one direction: who listens, who sends, when, how far apart.

    Attributes:
        observer, emitter: ``int32[n]``.
        contact: ``uint64[n]``.
        midnight_s: ``int64[n]``, start of the local day that holds the segment, unix seconds.
        hours: ``uint32[n]``, bits of the hours of that day in which the observer hears and the emitter
            sends, see :mod:`bluezone_sim.kernels.life`; all of them where the segment's are.
        start_s, duration_s: ``int64[n]``, ``int32[n]``.
        distance_m: ``float32[n]``.
        p_clear: ``float64[n]``, chance that a packet does not collide.
        queue: ``float64[n]``, other phones in the room that the observer has to read over GATT.
    """

    observer: NDArray[np.int32]
    emitter: NDArray[np.int32]
    contact: NDArray[np.uint64]
    midnight_s: NDArray[np.int64]
    hours: NDArray[np.uint32]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    p_clear: NDArray[np.float64]
    queue: NDArray[np.float64]


class Records(NamedTuple):
    """Output buffers: row of :class:`Links`, time of the first packet, packets, RSSI."""

    row: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    packets: NDArray[np.int32]
    rssi_dbm: NDArray[np.int16]
    rssi_max_dbm: NDArray[np.int16]


@nb.njit(nogil=True, cache=True, inline="always")
def binomial(n, p, u):
    """A binomial number by inversion of ``u``; a rounded normal where that is long."""
    flip = p > 0.5
    if flip:
        p = 1.0 - p
    mean = n * p
    if u < 1.0 - mean:
        x = 0  # exp(n log(1 - p)) is at least 1 - n p: what the inversion would say
    elif mean < _INVERTED:
        term = math.exp(n * math.log1p(-p))
        total = term
        x = 0
        while u >= total and x < n:
            x += 1
            term *= (n - x + 1) / x * (p / (1.0 - p))
            total += term
    else:
        z = NORMAL_TABLE[np.int64(u * 4096.0)]
        x = np.int64(math.floor(mean + math.sqrt(mean * (1.0 - p)) * z + 0.5))
        x = min(max(x, 0), n)
    return n - x if flip else x


@nb.njit(nogil=True, cache=True, inline="always")
def _on_before(x, on, period, per_period):
    """Time on the air in [0, x) of a cycle that starts at 0; x is a whole number of ms.

    Where x is a multiple of the period, the product may fall short of a whole number: the cycle then
    counts as not yet over, which is the same time on the air.
    """
    cycles = math.floor(x * per_period)
    return cycles * on + min(x - cycles * period, on)


@nb.njit(nogil=True, cache=True, inline="always")
def _when_on(time_on, on, period):
    """The instant at which the cycle has been on the air for ``time_on``."""
    cycles = math.floor(time_on / on)
    return cycles * period + (time_on - cycles * on)


@nb.njit(nogil=True, cache=True, inline="always")
def _missed_before(n, caught, u):
    """How many of ``caught`` events pass before the first of the ``n`` that arrive; geometric."""
    if n >= caught:
        return 0.0
    return min(math.floor(math.log1p(-u) / math.log1p(-n / caught)), np.float64(caught - n))


@nb.njit(nogil=True, cache=True, inline="always")
def _hear(air, mean_dbm, p_clear, rate, first_ms, h, on_ms):
    """What one span gives: (packets, ms on the air before the first of them, mean, maximum RSSI).

    The draw's bits: 0-11 the scan term, 12-23 the mean, 24-43 the rounding, 44-63 the first packet,
    of these 52-63 also the maximum.
    """
    mu = mean_dbm + air.scan_sd_db * NORMAL_TABLE[h & np.uint64(4095)]
    margin_sd = math.sqrt(air.fading_sd_db**2 + air.sensitivity_sd_db**2)
    z = (air.sensitivity_dbm - mu) / margin_sd
    k = np.int64(min(max((z + 6.0) / _Z_STEP + 0.5, 0.0), 768.0))
    arrives = TAIL[k] * p_clear * air.heard_share
    caught = np.int64(
        on_ms * rate + np.float64((h >> np.uint64(24)) & np.uint64(0xFFFFF)) * _TO_20_BITS
    )
    caught = min(caught, MOST_PACKETS)
    n = caught
    first = np.float64(h >> np.uint64(44)) * _TO_20_BITS
    if arrives < CERTAIN and caught > 0:
        again = mix64(h)
        n = binomial(caught, arrives, to_unit(again))
        if n > 0:
            offset = np.float64(again & np.uint64(0xFFFFF)) * _TO_20_BITS
            first = (_missed_before(n, caught, first) + offset) / rate
    else:
        first *= first_ms
    part = air.fading_sd_db / margin_sd
    level = mu + air.fading_sd_db * part * TAIL_MEAN[k]
    sd = math.sqrt(1.0 - part * part * (1.0 - TAIL_SD[k] * TAIL_SD[k]))
    mean = level + air.fading_sd_db * (
        sd * NORMAL_TABLE[(h >> np.uint64(12)) & np.uint64(4095)] * ROOT[n]
    )
    mean = max(mean, faintest_dbm(air))
    most = EXPECTED_MAX[n] + MAX_SD[n] * NORMAL_TABLE[h >> np.uint64(52)]
    skew = part * part * part * TAIL_THIRD[k] / (sd * sd * sd)
    top = level + air.fading_sd_db * (sd * (most + skew * (most * most - 1.0) / 6.0))
    return n, first, mean, top if n > 1 and top > mean else mean


@nb.njit(nogil=True, cache=True, inline="always")
def _read_at(app, read_h, queue, heard, phase, on, period, began, stop):
    """When a GATT read of a peer that is heard at ``heard`` is done; -1 where it fails.

    It waits for the app's next poll, for its turn among the reads that the room needs from ``began`` on,
    then for the peer to be on the air, at most the timeout. One that times out is asked for again when
    the peer's next burst is heard, if the scan lasts until then.
    """
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


@nb.njit(nogil=True, cache=True, inline="always")
def _segment(air, app, phones, streams, links, row, out, at):
    hours = np.int64(links.hours[row])
    if hours == 0:
        return at
    observer, emitter = links.observer[row], links.emitter[row]
    mine, theirs = np.int64(phones.ios[observer]), np.int64(phones.ios[emitter])
    fixed = not (app.stateful[mine] or app.stateful[theirs])
    if fixed and not (app.hears[mine, 0] >> app.form[theirs, 0]) & 1:
        return at
    scan_on, scan_period = app.scan_on_ms[mine], app.scan_period_ms[mine]
    jitter = app.scan_jitter_ms[mine]
    on, period = app.advertise_on_ms[theirs], app.advertise_period_ms[theirs]
    per_period = 1.0 / period
    scan_phase = scan_phase_ms(app, streams, mine, observer)
    phase = advertise_phase_ms(app, streams, theirs, emitter)
    contact = links.contact[row]
    link = link_dbm(air, phones, streams, contact, observer, emitter, links.distance_m[row])
    stream = draw(draw(streams.fading, contact), observer)
    jitters = draw(streams.scan_jitter, observer) if jitter > 0 else np.uint64(0)
    begin = links.start_s[row] * 1000
    end = begin + np.int64(links.duration_s[row]) * 1000
    midnight = links.midnight_s[row] * 1000
    all_day = hours == ALL_HOURS
    scan = np.int64(math.floor((begin - scan_phase - scan_on - jitter) / scan_period)) + 1
    scan_from = scan_phase + scan * scan_period
    # Followed from scan to scan without a division: the next change of identifier, and how far the
    # advertiser is into its cycle.
    cut = (np.int64(math.floor(scan_from / app.identifier_ms)) + 1) * app.identifier_ms
    cycle = scan_from - phase
    cycle -= np.int64(math.floor(cycle / period)) * period
    step = app.step_ms[mine, theirs]
    my_state, their_state = FOREGROUND, FOREGROUND
    known = np.int64(-1)  # interval whose identifier has been read
    while scan_from < end:
        start = scan_from
        since_start = np.float64(cycle)
        if jitter > 0:
            start += np.int64(to_unit(draw(jitters, scan)) * jitter)
        low = max(start, begin)
        stop = min(start + scan_on, end)
        since_start += low - scan_from
        scan += 1
        scan_from += scan_period
        cycle += step
        if cycle >= period:
            cycle -= period
        while low < stop:  # a scan is cut where the identifier changes
            while cut <= low:
                cut += app.identifier_ms
            high = min(stop, cut)
            since = since_start
            if since >= period:
                since -= math.floor(since / period) * period  # since the burst's start
            before = min(since, np.float64(on))
            on_ms = _on_before(since + (high - low), on, period, per_period) - before
            span = low
            since_start += high - low
            low = high
            if on_ms <= 0:
                continue
            # Identifiers change with the hour, so a span lies in one.
            if not (all_day or (hours >> min((span - midnight) // HOUR_MS, HOURS - 1)) & 1):
                continue
            if not fixed:
                my_state = state_at(app, streams, mine, observer, span)
                their_state = state_at(app, streams, theirs, emitter, span)
                if not (app.hears[mine, my_state] >> app.form[theirs, their_state]) & 1:
                    continue
            # The span's start is unique in the contact and direction, so it keys the draw.
            h = draw(stream, span)
            n, first, mean, top = _hear(
                air,
                link + app.tx_offset_db[theirs, their_state],
                links.p_clear[row],
                app.rate[mine, my_state, theirs, their_state],
                app.first_ms[mine, my_state, theirs, their_state],
                h,
                on_ms,
            )
            if n < 1:
                continue
            listens = app.listens[mine, my_state]
            if listens < 1.0:
                window = app.window_ms[mine, my_state]
                first = _when_on(first * listens, window, window / listens)
            first = min(first, on_ms - 1.0)
            if before + first >= on:
                first = _when_on(before + first, on, period) - since
            else:
                first += before - since
            time = span + np.int64(first)
            if app.form[theirs, their_state] != IDENTIFIER:
                interval = span // app.identifier_ms
                if interval != known:
                    if not read_works(air, streams, contact, observer, span // app.read_slot_ms):
                        continue
                    done = _read_at(
                        app, mix64(~h), links.queue[row], time, phase, on, period, span, stop
                    )
                    if done < 0 or done >= end:
                        continue
                    known = done // app.identifier_ms  # the peer answers with its current one
                    # What is heard while the read is under way has no identifier yet.
                    left = np.float64(max(high - done, 0)) / np.float64(high - time)
                    n = 1 + np.int64((n - 1) * left)
                    top = top if n > 1 else mean
                    time = done
            out.row[at] = row
            out.time_ms[at] = time
            out.packets[at] = n
            out.rssi_dbm[at] = np.int16(math.floor(mean + 0.5))
            out.rssi_max_dbm[at] = np.int16(math.floor(top + 0.5))
            at += 1
    return at


@nb.njit(nogil=True, cache=True)
def record_links(air, app, phones, streams, links, first, last, out):
    """Records of links ``first`` .. ``last`` - 1, in the order of the links, then of time.

    Stops when the buffers might not hold another link. Returns (records filled, next link).
    """
    at = np.int64(0)
    row = first
    on = max(app.scan_on_ms[0], app.scan_on_ms[1])
    period = min(app.scan_period_ms[0], app.scan_period_ms[1])
    while row < last:
        scans = np.int64(links.duration_s[row]) * 1000 // period + 3
        widest = scans * (on // app.identifier_ms + 2)
        if at + widest > len(out.row):
            break
        at = _segment(air, app, phones, streams, links, row, out, at)
        row += 1
    return at, row
