"""Hot loop of the radio: from segments of co-presence to records, one a scan, direction, identifier.

The physics of one scan of the observer's phone, integrated over the packets that fall into it::

    RSSI = TX power - A(d) - RX correction + shadowing + scan term + fading
    A(d) = A(1 m) + 10 n log10(d)              up to the breakpoint, a steeper exponent beyond it

Shadowing is one normal a contact (same bodies, same pockets, both directions), the scan term one a
scan, fading one a packet. A packet arrives if it is stronger than the sensitivity and does not collide.
Of the expected number of arrivals the record keeps the integer part, plus one with the probability of
the fraction; mean and maximum RSSI follow the normal truncated at the sensitivity.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import norm

from .rng import NORMAL_TABLE, draw, to_unit

#: One advertising PDU of a legacy advertisement with 31 bytes of data, 1M PHY (Core spec).
PDU_MS = 0.376

#: iOS foreground state is drawn anew each slot (assumed).
FOREGROUND_SLOT_MS = 300_000

_Z_STEP = 1 / 64
_Z = np.arange(-6, 6 + _Z_STEP / 2, _Z_STEP)
#: Chance that a standard normal exceeds z, and its mean given that it does, z in [-6, 6].
TAIL: NDArray[np.float64] = norm.sf(_Z)
TAIL_MEAN: NDArray[np.float64] = norm.pdf(_Z) / norm.sf(_Z)
#: Expected maximum of n standard normals (Blom 1958), n below 1024.
EXPECTED_MAX: NDArray[np.float64] = np.concatenate(
    ([0.0, 0.0], ndtri((np.arange(2, 1024) - 0.375) / (np.arange(2, 1024) + 0.25)))
)


class Air(NamedTuple):
    """Parameters of the radio and of the app; times in ms, powers in dBm, losses in dB."""

    attenuation_1m_db: float
    exponent: float
    breakpoint_m: float
    exponent_far: float
    shadowing_sd_db: float
    scan_sd_db: float
    fading_sd_db: float
    sensitivity_dbm: float
    scan_on_ms: int
    scan_period_ms: int
    advertise_on_ms: int
    advertise_period_ms: int
    event_ms: float
    identifier_ms: int
    off_share: float
    foreground_share: float
    gatt_success: float


class Phones(NamedTuple):
    """Per person: calibration and platform."""

    tx_power_dbm: NDArray[np.float64]
    rx_correction_db: NDArray[np.float64]
    ios: NDArray[np.bool_]


class Streams(NamedTuple):
    """Stream keys, one a purpose."""

    scan_phase: np.uint64
    advertise_phase: np.uint64
    off: np.uint64
    foreground: np.uint64
    shadowing: np.uint64
    fading: np.uint64
    gatt: np.uint64


class Links(NamedTuple):
    """Segments in one direction: who listens, who sends, when, how far apart."""

    observer: NDArray[np.int32]
    emitter: NDArray[np.int32]
    contact: NDArray[np.uint64]
    day: NDArray[np.int64]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    p_clear: NDArray[np.float64]


class Records(NamedTuple):
    """Output buffers: row of :class:`Links`, time of the first packet, packets, RSSI."""

    row: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    packets: NDArray[np.int32]
    rssi_dbm: NDArray[np.int16]
    rssi_max_dbm: NDArray[np.int16]


@nb.njit(nogil=True, cache=True)
def path_loss_db(air, distance_m):
    """A(d), dB."""
    near = min(distance_m, air.breakpoint_m)
    loss = air.attenuation_1m_db + 10.0 * air.exponent * math.log10(max(near, 0.1))
    if distance_m > air.breakpoint_m:
        loss += 10.0 * air.exponent_far * math.log10(distance_m / air.breakpoint_m)
    return loss


@nb.njit(nogil=True, cache=True)
def phone_is_off(air, streams, person, day):
    """Bluetooth or the app is off on this local day."""
    return to_unit(draw(draw(streams.off, day), person)) < air.off_share


@nb.njit(nogil=True, cache=True)
def _on_before(t, phase, on, period):
    """Time on the air up to ``t`` of an on/off cycle."""
    cycles, rest = (t - phase) // period, (t - phase) % period
    return cycles * on + min(rest, on)


@nb.njit(nogil=True, cache=True)
def _foreground(air, streams, person, time_ms):
    h = draw(draw(streams.foreground, time_ms // FOREGROUND_SLOT_MS), person)
    return to_unit(h) < air.foreground_share


@nb.njit(nogil=True, cache=True)
def _can_identify(air, phones, streams, links, row, time_ms):
    """Operating systems: iOS hears iOS with one app in the foreground; iOS is read over GATT."""
    observer, emitter = links.observer[row], links.emitter[row]
    if not phones.ios[emitter]:
        return True
    if (
        phones.ios[observer]
        and not _foreground(air, streams, observer, time_ms)
        and not _foreground(air, streams, emitter, time_ms)
    ):
        return False
    h = draw(draw(draw(streams.gatt, links.contact[row]), observer), time_ms // air.identifier_ms)
    return to_unit(h) < air.gatt_success


@nb.njit(nogil=True, cache=True)
def _hear(air, mean_dbm, p_clear, h, span, out, at):
    """One record from the packets of one span (first instant, ms on the air), or none."""
    mu = mean_dbm + air.scan_sd_db * NORMAL_TABLE[h & np.uint64(4095)]
    z = (air.sensitivity_dbm - mu) / air.fading_sd_db
    k = np.int64(min(max((z + 6.0) / _Z_STEP + 0.5, 0.0), 768.0))
    expected = span[1] / air.event_ms * p_clear * TAIL[k]
    # Two 20-bit uniforms: one rounds the number of packets, one places the first.
    n = np.int64(expected + np.float64((h >> np.uint64(24)) & np.uint64(0xFFFFF)) / 1048576.0)
    if n < 1:
        return at
    mean = mu + air.fading_sd_db * (
        TAIL_MEAN[k] + NORMAL_TABLE[(h >> np.uint64(12)) & np.uint64(4095)] / math.sqrt(n)
    )
    mean = max(mean, air.sensitivity_dbm)
    top = mean + air.fading_sd_db * EXPECTED_MAX[min(n, 1023)]
    delay = np.float64(h >> np.uint64(44)) / 1048576.0 * min(air.event_ms, np.float64(span[1]))
    out.time_ms[at] = span[0] + np.int64(delay)
    out.packets[at] = n
    out.rssi_dbm[at] = np.int16(math.floor(mean + 0.5))
    out.rssi_max_dbm[at] = np.int16(math.floor(top + 0.5))
    return at + 1


@nb.njit(nogil=True, cache=True)
def _segment(air, phones, streams, links, row, out, at):
    observer, emitter, day = links.observer[row], links.emitter[row], links.day[row]
    if phone_is_off(air, streams, observer, day) or phone_is_off(air, streams, emitter, day):
        return at
    scan_phase = np.int64(to_unit(draw(streams.scan_phase, observer)) * air.scan_period_ms)
    phase = np.int64(to_unit(draw(streams.advertise_phase, emitter)) * air.advertise_period_ms)
    shadow = NORMAL_TABLE[draw(streams.shadowing, links.contact[row]) >> np.uint64(52)]
    mean_dbm = (
        phones.tx_power_dbm[emitter]
        - path_loss_db(air, np.float64(links.distance_m[row]))
        - phones.rx_correction_db[observer]
        + air.shadowing_sd_db * shadow
    )
    stream = draw(draw(streams.fading, links.contact[row]), observer)
    begin = links.start_s[row] * 1000
    end = begin + np.int64(links.duration_s[row]) * 1000
    scan = (begin - scan_phase - air.scan_on_ms) // air.scan_period_ms + 1
    while True:
        scan_from = scan_phase + scan * air.scan_period_ms
        if scan_from >= end:
            return at
        scan += 1
        low = max(scan_from, begin)
        stop = min(scan_from + air.scan_on_ms, end)
        while low < stop:  # a scan is cut where the identifier changes
            high = min(stop, (low // air.identifier_ms + 1) * air.identifier_ms)
            on = _on_before(high, phase, air.advertise_on_ms, air.advertise_period_ms) - _on_before(
                low, phase, air.advertise_on_ms, air.advertise_period_ms
            )
            if on > 0 and _can_identify(air, phones, streams, links, row, low):
                wait = (low - phase) % air.advertise_period_ms
                first = low if wait < air.advertise_on_ms else low + air.advertise_period_ms - wait
                before = at
                # The span's start is unique in the contact and direction, so it keys the draw.
                at = _hear(
                    air, mean_dbm, links.p_clear[row], draw(stream, low), (first, on), out, at
                )
                if at > before:
                    out.row[before] = row
            low = high


@nb.njit(nogil=True, cache=True)
def record_links(air, phones, streams, links, first, last, out):
    """Records of links ``first`` .. ``last`` - 1, in the order of the links, then of time.

    Stops when the buffers might not hold another link. Returns (records filled, next link).
    """
    at = np.int64(0)
    row = first
    while row < last:
        scans = np.int64(links.duration_s[row]) * 1000 // air.scan_period_ms + 2
        widest = scans * (air.scan_on_ms // air.identifier_ms + 2)
        if at + widest > len(out.row):
            break
        at = _segment(air, phones, streams, links, row, out, at)
        row += 1
    return at, row


@nb.njit(nogil=True, cache=True)
def phones_off(air, streams, person, day):
    """:func:`phone_is_off` of every element."""
    out = np.empty(len(person), np.bool_)
    for i in range(len(person)):
        out[i] = phone_is_off(air, streams, person[i], day[i])
    return out
