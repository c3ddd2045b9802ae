"""The event engine: known answers, closed forms, a naive twin of the packets, states and reads.

Statistical tests fix their seeds; each allows an error of 1 in 1,000 under the closed form.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.kernels.radio import pdus as kernel
from bluezone_sim.kernels.radio.lane_plan import TAIL
from bluezone_sim.kernels.radio.link_budget import FOREGROUND, Phones, faintest_dbm, link_dbm
from bluezone_sim.kernels.radio.sessions import sessions_of
from bluezone_sim.kernels.rng import NORMAL_TABLE
from bluezone_sim.radio import record
from bluezone_sim.radio.events import simulate
from bluezone_sim.radio.parameters import always_on, model_of
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.radio import Radio
from bluezone_sim.validation.whitepaper.document import IN_THE_FIELD
from bluezone_sim.validation.whitepaper.simulate import (
    contacts_at,
    detection,
    latencies,
    run_cases,
)
from bluezone_sim.world import Days
from twins.day_loop import draw
from verification.plain_radio import PLAIN, always, plain_model, run
from verification.radio_cells import START_S, Cell, model, people

ALPHA = 1e-3
EAST = "Asia/Ho_Chi_Minh"  # seven hours ahead


def within(count: int, n: int, p: float) -> bool:
    return stats.binomtest(count, n, p).pvalue > ALPHA


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({}, 1.0),
        ({"advertise_channels": [38]}, 1 / 3),
        ({"scan_window_ms": 512.0, "scan_interval_ms": 5120.0}, 0.1),
        (
            {"scan_window_ms": 30.0, "scan_interval_ms": 300.0, "advertise_channels": [37, 39]},
            1 / 15,
        ),
    ],
)
def test_a_scanner_catches_its_share_of_the_events(changes, share):
    profile = always(**changes)
    found = run(plain_model(profile, 2), [(0, 1)], 3600)
    events = found.sent // len(profile.android.foreground.advertise_channels)
    # Windows follow each other evenly, so there is less spread than a binomial has. What overlaps the
    # listener's own packet is lost, and an event into which a hop falls.
    clear = 1 - 2 * 0.376 / 105.0
    assert found.received / events == pytest.approx(share * clear, rel=0.06 if share < 1 else 0.002)


def test_a_contact_is_found_when_it_meets_a_scan():
    """One scanner of period P and length S, an advertiser that is always on: (S + D) / P."""
    profile = load_profile("gaen", {f"android.scan_pause_{k}": 0.0 for k in ("jitter_s",)})
    pairs = [(2 * i, 2 * i + 1) for i in range(150)]
    found = run(plain_model(profile, 300), pairs, 120)
    seen = len(np.unique(found.sightings.observer))
    # An event has to fall into what the contact has of the scan: half a spacing is lost at each end.
    assert within(seen, 300, (4.0 + 120.0 - 0.255) / 304.0)


def test_collisions_follow_aloha():
    """Unslotted ALOHA: a PDU is clear with (1 - 2 a / I)^(N - 1), the listener's own included."""
    n = 30
    profile = always(advertise_interval_ms=20.0)
    m = plain_model(profile, n)
    found = run(m, list(itertools.combinations(range(n), 2)), 20)
    a_ms, spacing_ms = (16 + 31) * 8 / 1000, 25.0
    p = (1 - 2 * a_ms / spacing_ms) ** (n - 1)
    offered = found.sent / 3 * (n - 1)
    assert found.received / offered == pytest.approx(p, rel=0.025)
    # With capture, one of two overlapping packets may survive.
    captured = run(
        plain_model(profile, n, capture_db=0.0), list(itertools.combinations(range(n), 2)), 20
    )
    assert found.received < captured.received < offered


@pytest.mark.parametrize(("threshold_sd_db", "heard_share"), [(0.0, 1.0), (4.2, 0.54)])
def test_weak_packets_are_lost_at_the_sensitivity(threshold_sd_db, heard_share):
    m = plain_model(always(), 2)
    air = m.air._replace(sensitivity_sd_db=threshold_sd_db, heard_share=heard_share)
    m = dataclasses.replace(m, air=air)
    # Mean RSSI one deviation of fading and threshold above the sensitivity.
    target = air.sensitivity_dbm + np.hypot(air.fading_sd_db, threshold_sd_db)
    exponent = m.air.exponent
    loss = -20.0 + 8.0 - m.air.attenuation_1m_db - target  # TX of TCN: 8 dB over LOW
    near = 10 * exponent * np.log10(m.air.breakpoint_m)
    far = (loss - near) / (10 * m.air.exponent_far)
    found = run(m, [(0, 1)], 600, m.air.breakpoint_m * 10**far)
    k = round((-1.0 + 6.0) * 64)
    assert within(found.received, found.sent // 3, heard_share * float(TAIL[k]))
    assert found.sightings.rssi_dbm.min() >= faintest_dbm(air)


def test_packets_equal_those_of_a_naive_twin():
    """Channel, windows, fading, sensitivity, overlaps: the kernel against plain loops."""
    cell = Cell("", "dp3t-lowcost", crowd=12, radio={"advertise_interval_ms": 20.0})
    phones = people(cell, 12, 8)
    m = model(cell, phones, 8)
    rng = np.random.default_rng(4)
    n = 1800
    start = np.sort(rng.integers(0, 2_000_000, n))
    pdus = kernel.Pdus(
        start,
        start + rng.choice([296, 376], n),
        rng.integers(0, 12, n),
        rng.integers(0, 2**63, n).astype(np.uint64),
    )
    channel = np.arange(n) % 3
    channels = tuple(kernel.Pdus._make(c[channel == k] for c in pdus) for k in range(3))
    level = rng.normal(-101, 5, (3, 12))
    level[1, 5] = kernel.NOWHERE_DBM
    ears = kernel.Receivers(
        phone=np.array([0, 3, 7]),
        from_us=np.array([0, 100_000, 0]),
        to_us=np.array([2_000_000, 1_500_000, 900_000]),
        began_us=np.array([-40_000, 100_000, 0]),
        ends_us=np.array([2_500_000, 1_500_000, 900_000]),
        window_us=np.array([30_000, 512_000, 100_000]),
        interval_us=np.array([300_000, 512_000, 250_000]),
        hop=np.array([0, 2, 1]),
        level_dbm=level,
    )
    catches = rng.random((12, 12)) < 0.8
    known = rng.random((12, 12)) < 0.7
    crowd = kernel.Crowd(np.arange(12), np.arange(12) % 4, catches, known)
    heard = kernel.Reception(
        np.zeros((12, 12), np.int64),
        np.full((12, 12), -1, np.int64),
        np.zeros((12, 12)),
        np.full((12, 12), kernel.NOWHERE_DBM),
        np.full((12, 12), -1, np.int64),
        np.zeros((12, 12)),
    )
    log = kernel.Log(*(np.zeros(5000, np.int64) for _ in range(5)), np.zeros(5000))
    count = kernel.receive(channels, ears, crowd, m.air, heard, log, 0)

    def rssi(e, i):
        z = float(NORMAL_TABLE[draw(int(pdus.fading[i]), int(ears.phone[e])) >> 52])
        return float(level[e, pdus.sender[i]]) + m.air.fading_sd_db * z

    def hears(e, i):
        h = draw(int(pdus.fading[i]), int(ears.phone[e]))
        threshold = m.air.sensitivity_dbm + m.air.sensitivity_sd_db * float(NORMAL_TABLE[h & 4095])
        return rssi(e, i) >= threshold and ((h >> 12) & 0xFFFFF) / 2**20 < m.air.heard_share

    want = []
    for e, phone in enumerate(ears.phone.tolist()):
        for i in range(n):
            begin, end, sender = (int(c[i]) for c in (pdus.start_us, pdus.end_us, pdus.sender))
            window = (begin - int(ears.began_us[e])) // int(ears.interval_us[e])
            opens = int(ears.began_us[e]) + window * int(ears.interval_us[e])
            closes = min(opens + int(ears.window_us[e]), int(ears.ends_us[e]))
            if (int(ears.hop[e]) + window) % 3 != channel[i] or sender == phone:
                continue
            if not ears.from_us[e] <= begin < min(opens + ears.window_us[e], ears.to_us[e]):
                continue
            if end > closes or level[e, sender] == kernel.NOWHERE_DBM:
                continue
            power = rssi(e, i)
            clear = all(
                pdus.sender[j] != phone and power - rssi(e, j) >= m.air.capture_db
                for j in range(n)
                if channel[j] == channel[i]
                and pdus.sender[j] != sender
                and pdus.start_us[j] < end
                and pdus.end_us[j] > begin
                and level[e, pdus.sender[j]] > kernel.NOWHERE_DBM
            )
            if hears(e, i) and clear:
                want.append((phone, sender, begin, 37 + channel[i], sender % 4, power))
    got = list(zip(*(column[:count].tolist() for column in log), strict=True))
    assert sorted(got) == sorted(want)
    assert len(want) > 20
    noticed = [w for w in want if catches[w[0], w[1]]]
    assert heard.packets.sum() == sum(bool(known[w[0], w[1]]) for w in noticed)
    unread = {(p, s) for p, s, *_ in noticed if not known[p, s]}
    assert set(zip(*np.nonzero(heard.unread_us >= 0), strict=True)) == unread


@pytest.mark.slow
def test_the_table_of_the_white_paper():
    for protocol in ("bluezone-v1", "bluezone"):
        outcomes = run_cases(load_profile(protocol), 1)
        assert [o.recorded for o in outcomes] == [o.case.recorded for o in outcomes]
        assert sum(o.recorded for o in outcomes) == 21


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "flipped"),
    [
        # An iPhone in the background that kept its service in the open would be recorded...
        ({"ios.background.sends": "service"}, {11}),
        # ...as it would by one that took notice of the overflow area in the background.
        ({"ios.background.hears": ["identifier", "service", "overflow"]}, {12}),
        # Without Apple's bit among its filters an Android phone misses iPhones in the background.
        ({"android.hears": ["identifier", "service"]}, {20, 21, 22, 23, 24}),
        ({"android.sends": "none"}, set(range(1, 7)) | set(range(13, 19))),
    ],
)
def test_cases_flip_with_the_behaviour_that_they_rest_on(changes, flipped):
    outcomes = run_cases(load_profile("bluezone", changes), 2)
    assert {o.case.number for o in outcomes if o.recorded != o.case.recorded} == flipped


def test_reads_take_their_turn_and_their_time():
    """One Android phone, many iPhones: one read at a time, each of its time."""
    n = 12
    profile = load_profile("bluezone", {"ios.advertise_on_s": 30.0})
    phones = Phones(np.full(n, -15.0), np.zeros(n), np.arange(n) > 0)
    m = model_of(profile, phones, 5, radio=PLAIN, table=always_on(gatt_success=1.0))
    states = np.full(n, FOREGROUND)
    found = run(m, [(0, i) for i in range(1, n)], 900, states=states)
    s = found.sightings
    mine = s.observer == 0
    assert set(s.transport[mine].tolist()) == {1}
    assert found.reads_failed == 0
    first = np.sort([s.time_ms[mine & (s.true_sender == i)].min() for i in range(1, n)])
    assert np.diff(first).min() >= 750  # the shortest read
    assert (first[-1] - first[0]) / (n - 2) < 2500


def test_a_read_that_fails_holds_up_the_queue_until_its_timeout():
    phones = Phones(np.full(2, -15.0), np.zeros(2), np.array([False, True]))
    table = always_on(gatt_success=0.0)
    m = model_of(load_profile("bluezone"), phones, 5, radio=PLAIN, table=table)
    found = run(m, [(0, 1)], 900, states=np.full(2, FOREGROUND))
    assert not (found.sightings.observer == 0).any()
    assert found.reads == found.reads_failed > 2


def test_identifiers_and_records_end_with_their_interval():
    phones = Phones(np.full(2, -15.0), np.zeros(2), np.zeros(2, np.bool_))
    m = model_of(load_profile("tcn"), phones, 5, radio=PLAIN, table=always_on())
    found = run(m, [(0, 1)], 1800)
    s = found.sightings
    ids = np.unique(s.identifier[s.observer == 0], axis=0)
    assert len(ids) == 3  # 30,000 s is no multiple of 900 s
    for row in ids:
        times = s.time_ms[(s.identifier == row).all(axis=1)]
        assert len(np.unique(times // 900_000)) == 1


def test_the_same_seed_gives_the_same_run():
    m = plain_model(load_profile("bluezone"), 4)
    pairs = list(itertools.combinations(range(4), 2))
    one, two = (run(m, pairs, 600, log_packets=200) for _ in range(2))
    for name in ("time_ms", "identifier", "rssi_dbm", "packets"):
        np.testing.assert_array_equal(getattr(one.sightings, name), getattr(two.sightings, name))
    np.testing.assert_array_equal(one.log.rssi_dbm, two.log.rssi_dbm)
    assert len(one.log.phone) == 200


def test_phones_out_of_contact_hear_nothing():
    m = plain_model(always(), 4)
    found = run(m, [(0, 1), (2, 3)], 30)
    pairs = set(
        zip(found.sightings.observer.tolist(), found.sightings.true_sender.tolist(), strict=True)
    )
    assert pairs == {(0, 1), (1, 0), (2, 3), (3, 2)}


def test_bodies_spread_a_link_and_leave_its_mean():
    """Two bodies at uniform angles: variance B squared / 8 each, the same in both directions."""
    phones = Phones(np.zeros(2), np.zeros(2), np.zeros(2, np.bool_))
    radio = Radio(scene_sd_db=0.0, shadowing_sd_db=0.0, body_blockage_db=13.8)
    m = model_of(load_profile("bluezone"), phones, 5, radio=radio)
    there, back = (
        np.array(
            [link_dbm(m.air, m.phones, m.streams, 0, np.uint64(c), *pair, 1.0) for c in range(4000)]
        )
        for pair in ((0, 1), (1, 0))
    )
    np.testing.assert_allclose(there, back)
    body = there + m.air.attenuation_1m_db
    sd = 13.8 / 2
    assert abs(body.mean()) < 4 * sd / np.sqrt(4000)
    assert body.std() == pytest.approx(sd, rel=0.05)
    assert np.abs(body).max() <= 13.8


def test_an_app_comes_to_the_front_and_leaves_it_at_its_second():
    """An iPhone in the background hears one that is in front by the scans that begin in its session."""
    phones = Phones(np.full(40, -15.0), np.zeros(40), np.ones(40, np.bool_))
    table = always_on(
        gatt_success=1.0, ios_foreground_share=0.0045, ios_never_opens=0.0, ios_session_s=300.0
    )
    # Scans of 10 s each 20 s, so that a session holds several.
    profile = load_profile("bluezone", {"ios.scan_on_s": 10.0, "ios.scan_pause_s": 10.0})
    m = model_of(profile, phones, 5, radio=PLAIN, table=table, utc_offset_s=7 * 3600)
    midnight = START_S - 7 * 3600
    start, lasts = sessions_of(
        m.sessions, m.streams, phones.ios, np.arange(40), np.full(40, midnight)
    )
    who = int(np.argmin(np.where(lasts > 400_000, lasts, 1 << 40)))
    other = int(np.flatnonzero((lasts == 0) | (abs(start - start[who]) > 7_200_000))[0])
    begin, end = (midnight * 1000 + int(start[who]) + x for x in (0, int(lasts[who])))
    length = int(lasts[who]) // 1000 + 600
    contacts = contacts_at(np.array([who]), np.array([other]), length, 1.0)
    contacts.start_s[:] = begin // 1000 - 300
    found = simulate(m, contacts, begin // 1000 - 300, length, seed=3).sightings
    heard = found.time_ms[found.observer == other]
    assert begin < heard.min() < begin + 50_000  # a scan begins, hears it, has to read it
    assert end - 50_000 < heard.max() < end + 12_000
    days = Days.look_back(dt.datetime.fromtimestamp(midnight + 7 * 3600, dt.UTC).date(), 1, EAST)
    assert days.start_s[0] == midnight
    for segments in (contacts, contacts.reversed()):  # who is in front hears the other one as well
        times = record(m, segments, days).time_ms
        assert begin < times.min() < begin + 50_000
        assert end - 50_000 < times.max() < end + 12_000


def test_killed_apps_bring_the_model_to_the_field():
    """Two Androids both run the app (1 - 0.13)^2 of the time; BlueTrace reads both ways at once."""
    profile, platforms = load_profile("bluetrace"), ("android", "android")
    found = detection(profile, 3, IN_THE_FIELD, platforms=platforms)
    assert found.one_way == found.either
    assert within(round(4000 * found.either), 4000, 0.87**2)


@pytest.mark.slow
def test_engines_agree_on_iphones_in_the_field():
    """States, killed apps, reads and writes, counted by either engine; half leave it open at times."""
    profile, platforms = load_profile("bluetrace"), ("ios", "ios")
    often = {"ios_foreground_share": 0.15, "ios_session_s": 300.0, "ios_leaves_open": 0.5}
    table = IN_THE_FIELD.model_copy(update=often)
    found = detection(profile, 3, table, platforms=platforms)
    slow = latencies(profile, 3, platforms=platforms, states=None, table=table, pairs=60).either_s
    assert within(int(np.isfinite(slow).sum()), 60, found.either)
    assert 0.1 < found.either < 0.5
