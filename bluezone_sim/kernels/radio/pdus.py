"""Hot loop of the event engine: which advertising PDUs reach which listening phone.

Times are microseconds since the start of the run. Every PDU is followed: its channel, the listener's
channel at that instant, its fading at that listener, and the PDUs of other phones that overlap it there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import compiled
from ..rng import NORMAL_TABLE, draw

#: From one PDU of an advertising event to the next one's start, less its time on air: the pause for a
#: request, 150 µs twice and one PDU (Core spec Vol 6 Part B: at most 10 ms between starts).
GAP_US = 450
#: Power of a phone that is not in contact, and below which a power is that of such a phone.
NOWHERE_DBM = -1e9
FAINTEST_DBM = -1e8
_TO_20_BITS = 1 / 1048576.0


class Pdus(NamedTuple):
    """PDUs of one advertising channel in order of time.

    Attributes:
        start_us, end_us: ``int64[m]``.
        sender: ``int64[m]``, index of the phone.
        fading: ``uint64[m]``, stream of the event's fading.
    """

    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    sender: NDArray[np.int64]
    fading: NDArray[np.uint64]


class Receivers(NamedTuple):
    """Phones that listen, one row a scan that overlaps the time at hand.

    Attributes:
        phone: ``int64[k]``.
        from_us, to_us: ``int64[k]``, what of the scan lies in the time at hand.
        began_us, ends_us: ``int64[k]``, the whole scan; window j starts j intervals after it began.
        window_us, interval_us: ``int64[k]``.
        hop: ``int64[k]``, index of the first window's channel.
        level_dbm: ``float64[k, n]``, mean RSSI of each of ``n`` senders.
    """

    phone: NDArray[np.int64]
    from_us: NDArray[np.int64]
    to_us: NDArray[np.int64]
    began_us: NDArray[np.int64]
    ends_us: NDArray[np.int64]
    window_us: NDArray[np.int64]
    interval_us: NDArray[np.int64]
    hop: NDArray[np.int64]
    level_dbm: NDArray[np.float64]


class Crowd(NamedTuple):
    """All phones: whose they are, what they send, and of whom each (row) takes notice.

    Attributes:
        person: ``int64[n]``, whom a phone belongs to.
        form: ``int64[n]``, what it sends, index into :data:`.link_budget.FORMS`.
        catches: ``bool[n, n]``, the phone takes notice of what the sender (column) sends.
        known: ``bool[n, n]``, the phone has the sender's identifier, or it is in the packet.
    """

    person: NDArray[np.int64]
    form: NDArray[np.int64]
    catches: NDArray[np.bool_]
    known: NDArray[np.bool_]


class Reception(NamedTuple):
    """What each phone (row) has of each other (column) in its scan so far.

    Attributes:
        packets: ``int64[n, n]``.
        first_us: ``int64[n, n]``, of the first packet; -1 where there is none.
        total_dbm, max_dbm: ``float64[n, n]``.
        unread_us: ``int64[n, n]``, first packet whose identifier has to be read; -1 for none.
        unread_dbm: ``float64[n, n]``.
    """

    packets: NDArray[np.int64]
    first_us: NDArray[np.int64]
    total_dbm: NDArray[np.float64]
    max_dbm: NDArray[np.float64]
    unread_us: NDArray[np.int64]
    unread_dbm: NDArray[np.float64]


class Log(NamedTuple):
    """Received packets one by one, ``form`` an index into :data:`.link_budget.FORMS`; columns
    of length 0 keep none."""

    phone: NDArray[np.int64]
    sender: NDArray[np.int64]
    time_us: NDArray[np.int64]
    channel: NDArray[np.int64]
    form: NDArray[np.int64]
    rssi_dbm: NDArray[np.float64]


@compiled
def _rssi_dbm(level_dbm, fading_sd_db, fading, person):
    return level_dbm + fading_sd_db * NORMAL_TABLE[draw(fading, person) >> np.uint64(52)]


@compiled
def _hears(air, rssi_dbm, fading, person):
    """The receiver hears a packet of this power at this instant, by other bits of the fading's draw."""
    h = draw(fading, person)
    if np.float64((h >> np.uint64(12)) & np.uint64(0xFFFFF)) * _TO_20_BITS >= air.heard_share:
        return False
    z = NORMAL_TABLE[h & np.uint64(4095)]
    return rssi_dbm >= air.sensitivity_dbm + air.sensitivity_sd_db * z


@compiled
def _survives(pdus, i, phone, level_dbm, rssi_dbm, fading_sd_db, capture_db, person):
    """No overlapping PDU is the listener's own, or reaches it with more than the packet's power less the
    threshold."""
    for step in (-1, 1):
        j = i + step
        while 0 <= j < len(pdus.start_us):
            if step < 0 and pdus.start_us[j] + 1000 < pdus.start_us[i]:
                break  # no PDU lasts so long
            if step > 0 and pdus.start_us[j] >= pdus.end_us[i]:
                break
            overlaps = (
                pdus.end_us[j] > pdus.start_us[i] and pdus.start_us[j] < pdus.end_us[i]
            ) and pdus.sender[j] != pdus.sender[i]
            if overlaps and pdus.sender[j] == phone:
                return False
            level = level_dbm[pdus.sender[j]]
            if overlaps and level > FAINTEST_DBM:
                other = _rssi_dbm(level, fading_sd_db, pdus.fading[j], person)
                if rssi_dbm - other < capture_db:
                    return False
            j += step
    return True


@compiled
def _note(heard, known, phone, sender, time_us, rssi):
    if not known[phone, sender]:
        before = heard.unread_us[phone, sender]
        if before < 0 or time_us < before:
            heard.unread_us[phone, sender] = time_us
            heard.unread_dbm[phone, sender] = rssi
        return
    heard.packets[phone, sender] += 1
    heard.total_dbm[phone, sender] += rssi
    before = heard.first_us[phone, sender]
    if before < 0 or time_us < before:
        heard.first_us[phone, sender] = time_us
    heard.max_dbm[phone, sender] = max(heard.max_dbm[phone, sender], rssi)


@compiled
def _receive(pdus, channel, ears, crowd, air, heard, log, logged):
    """Those of one channel, index 0, 1 or 2."""
    for e in range(len(ears.phone)):
        phone = ears.phone[e]
        window = (ears.from_us[e] - ears.began_us[e]) // ears.interval_us[e]
        while True:
            opens = ears.began_us[e] + window * ears.interval_us[e]
            if opens >= ears.to_us[e]:
                break
            tuned = (ears.hop[e] + window) % 3
            window += 1
            if tuned != channel:
                continue
            low = max(opens, ears.from_us[e])
            high = min(opens + ears.window_us[e], ears.to_us[e])
            closes = min(opens + ears.window_us[e], ears.ends_us[e])
            i = np.searchsorted(pdus.start_us, low)
            while i < len(pdus.start_us) and pdus.start_us[i] < high and pdus.end_us[i] <= closes:
                sender = pdus.sender[i]
                level = ears.level_dbm[e, sender]
                if level > FAINTEST_DBM and sender != phone:
                    me = crowd.person[phone]
                    rssi = _rssi_dbm(level, air.fading_sd_db, pdus.fading[i], me)
                    if _hears(air, rssi, pdus.fading[i], me) and _survives(
                        pdus,
                        i,
                        phone,
                        ears.level_dbm[e],
                        rssi,
                        air.fading_sd_db,
                        air.capture_db,
                        me,
                    ):
                        if logged < len(log.phone):
                            log.phone[logged] = phone
                            log.sender[logged] = sender
                            log.time_us[logged] = pdus.start_us[i]
                            log.channel[logged] = 37 + channel
                            log.form[logged] = crowd.form[sender]
                            log.rssi_dbm[logged] = rssi
                            logged += 1
                        if crowd.catches[phone, sender]:
                            _note(heard, crowd.known, phone, sender, pdus.start_us[i], rssi)
                i += 1
    return logged


@compiled
def receive(pdus, ears, crowd, air, heard, log, logged):
    """Delivers PDUs to the phones that listen on their channels.

    Args:
        pdus: three :class:`Pdus`, of channels 37, 38 and 39.
        ears: who listens.
        crowd: of all phones.
        air: :class:`bluezone_sim.kernels.radio.link_budget.LinkBudget`.
        heard: updated.
        log: filled.
        logged: entries of ``log`` in use.

    Returns:
        Entries of ``log`` in use.
    """
    for channel in range(3):
        logged = _receive(pdus[channel], channel, ears, crowd, air, heard, log, logged)
    return logged
