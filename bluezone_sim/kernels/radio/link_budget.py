"""The air and the phones, shared by both radio engines: path loss, power, states of the app, duty cycles.

::

    RSSI = TX power - A(d) - RX correction + scene + shadowing + scan term + fading
    A(d) = A(1 m) + 10 n log10(d)              up to the breakpoint, a steeper exponent beyond it

The scene's term is one normal a place, for all who are in it; shadowing one a contact (same bodies, same
pockets, both directions), the scan term one a scan, fading one a packet. Of the packets that a scan's
windows catch, a phone hears a share, and of these those that are stronger than its threshold of that
instant, a normal about the sensitivity. Where bodies are told apart from the rest of the shadowing, each
is at an angle of its own for the whole contact; where places of carrying are, each phone is in one of
them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import inlined
from ..rng import NORMAL_TABLE, draw, to_unit

#: Preamble, access address, header, advertiser's address and CRC of a legacy PDU on the 1M PHY, at 8 µs
#: a byte (Core spec Vol 6 Part B): 376 µs with 31 bytes of data.
PDU_OVERHEAD_BYTES = 16
US_PER_BYTE = 8

#: Forms of an advertisement, see a profile's ``Behaviour``; bits of ``hears``.
FORMS = ("none", "identifier", "service", "overflow")
NO_FORM, IDENTIFIER, SERVICE, OVERFLOW = range(4)

#: States of an app, indices of the arrays below.
FOREGROUND, SCREEN_OFF, BACKGROUND = range(3)
#: The app looks for phones to read once a second.
POLL_MS = 1000


class LinkBudget(NamedTuple):
    """Parameters of the radio and of the people; powers in dBm, losses in dB.

    Attributes:
        carry_db: ``float64[1024]``, losses of the places where phones are carried, each as often as it
            is, of mean 0; empty where they are not told from the rest of the shadowing.
    """

    attenuation_1m_db: float
    exponent: float
    breakpoint_m: float
    exponent_far: float
    scene_sd_db: float
    shadowing_sd_db: float
    scan_sd_db: float
    fading_sd_db: float
    body_db: float
    sensitivity_dbm: float
    sensitivity_sd_db: float
    heard_share: float
    capture_db: float
    gatt_success: float
    carry_db: NDArray[np.float64]


class App(NamedTuple):
    """What phones do, by platform (0 Android, 1 iOS) and state; times in ms.

    Attributes:
        scan_on_ms, scan_period_ms, scan_jitter_ms: ``int64[2]``; a scan starts at its phase, plus k
            periods, plus a uniform up to the jitter.
        advertise_on_ms, advertise_period_ms: ``int64[2]``.
        event_ms: ``float64[2, 3]``, mean spacing of advertising events.
        window_ms, listens: ``float64[2, 3]``, scan window, and window over interval.
        coverage: ``float64[2, 3]``, advertising channels used, of three.
        tx_offset_db: ``float64[2, 3]``.
        form: ``int64[2, 3]``, what is sent, index into :data:`FORMS`.
        hears: ``int64[2, 3]``, bit f: form f is noticed.
        stateful: ``bool[2]``, the states of a platform differ.
        rate: ``float64[2, 3, 2, 3]``, advertising events that a scan's windows catch per ms, observer
            first.
        identifier_ms: mean time on air of an identifier; all change at its multiples, but:
        life_jitter_ms: where it is not 0, each phone has changes of its own, see :mod:`.lives`.
        read_slot_ms: whether GATT reads of a peer work is drawn anew so often.
        read_ms: ``int64[2]``, shortest and longest GATT read; timeout_ms: when one is given up;
            retry_ms: least time before the next attempt.
        service_ms: mean time for which a read, or its failure, keeps others waiting.
    """

    scan_on_ms: NDArray[np.int64]
    scan_period_ms: NDArray[np.int64]
    scan_jitter_ms: NDArray[np.int64]
    advertise_on_ms: NDArray[np.int64]
    advertise_period_ms: NDArray[np.int64]
    event_ms: NDArray[np.float64]
    window_ms: NDArray[np.float64]
    listens: NDArray[np.float64]
    coverage: NDArray[np.float64]
    tx_offset_db: NDArray[np.float64]
    form: NDArray[np.int64]
    hears: NDArray[np.int64]
    stateful: NDArray[np.bool_]
    rate: NDArray[np.float64]
    identifier_ms: int
    life_jitter_ms: int
    read_slot_ms: int
    read_ms: NDArray[np.int64]
    timeout_ms: int
    retry_ms: int
    service_ms: int


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
    scan_jitter: np.uint64
    killed: np.uint64
    saver: np.uint64
    night: np.uint64
    carry: np.uint64
    scene: np.uint64
    away: np.uint64
    identifier_life: np.uint64


#: Purposes of the streams, in the order of :class:`Streams`.
STREAM_PURPOSES = (
    "scan_phase",
    "advertise_phase",
    "phone_off",
    "foreground",
    "shadowing",
    "fading",
    "gatt",
    "scan_jitter",
    "app_killed",
    "battery_saver",
    "night_off",
    "carry",
    "scene",
    "phone_away",
    "identifier_life",
)


@inlined
def path_loss_db(air, distance_m):
    """A(d), dB."""
    near = min(distance_m, air.breakpoint_m)
    loss = air.attenuation_1m_db + 10.0 * air.exponent * math.log10(max(near, 0.1))
    if distance_m > air.breakpoint_m:
        loss += 10.0 * air.exponent_far * math.log10(distance_m / air.breakpoint_m)
    return loss


@inlined
def link_dbm(air, phones, streams, place, contact, observer, emitter, distance_m):
    """Mean RSSI of a contact in one direction: everything that is the same in all its scans."""
    scene = NORMAL_TABLE[draw(streams.scene, place) >> np.uint64(52)]
    h = draw(streams.shadowing, contact)
    level = (
        phones.tx_power_dbm[emitter]
        - path_loss_db(air, distance_m)
        - phones.rx_correction_db[observer]
        + air.scene_sd_db * scene
        + air.shadowing_sd_db * NORMAL_TABLE[h >> np.uint64(52)]
    )
    if air.body_db > 0.0:
        # Each body turns some way for the whole contact: half the loss gained where it faces the other,
        # half of it lost where it is in between, so that the mean over angles stays.
        turned = math.cos(2.0 * math.pi * to_unit(draw(h, observer)))
        turned += math.cos(2.0 * math.pi * to_unit(draw(h, emitter)))
        level += 0.5 * air.body_db * turned
    if len(air.carry_db) > 0:
        h = draw(streams.carry, contact)
        level -= air.carry_db[draw(h, observer) >> np.uint64(54)]
        level -= air.carry_db[draw(h, emitter) >> np.uint64(54)]
    return level


@inlined
def faintest_dbm(air):
    """RSSI below which no packet is heard: four deviations of the threshold under its mean."""
    return air.sensitivity_dbm - 4.0 * air.sensitivity_sd_db


@inlined
def read_works(air, streams, contact, observer, slot):
    """GATT reads of this peer succeed during this slot of time."""
    return to_unit(draw(draw(draw(streams.gatt, contact), observer), slot)) < air.gatt_success


@inlined
def scan_phase_ms(app, streams, platform, person):
    """Start of a phone's scans within their period."""
    return np.int64(to_unit(draw(streams.scan_phase, person)) * app.scan_period_ms[platform])


@inlined
def advertise_phase_ms(app, streams, platform, person):
    """Start of a phone's bursts within their period."""
    return np.int64(
        to_unit(draw(streams.advertise_phase, person)) * app.advertise_period_ms[platform]
    )
