"""When phones take part: the masks of hours against a plain reading of them, their rates, what they do.

Statistical tests fix their seeds; each allows an error of about 1 in 1,000.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.errors import ScenarioError
from bluezone_sim.kernels.radio.availability import (
    ALL_HOURS,
    day_hours,
    hour_bits,
    link_hours,
    phone_hours,
    shared_hours,
)
from bluezone_sim.kernels.radio.link_budget import Phones
from bluezone_sim.radio.parameters import RadioModel, model_of
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.phones import Phones as PhonesTable
from bluezone_sim.validation.whitepaper.simulate import contacts_at
from helpers.small import scenario
from twins.day_loop import draw, unit
from verification.radio_cells import START_S, always_on

PEOPLE = 400
DAY = 18_486


def model(profile: str = "bluezone", **table) -> RadioModel:
    n = np.zeros(PEOPLE)
    phones = Phones(n, n, np.arange(PEOPLE) % 3 == 0)
    return model_of(load_profile(profile), phones, 4, table=always_on(**table))


def platform(**changes):
    """Both platforms' tables with changes."""
    plain = always_on()
    return {p: getattr(plain, p).model_copy(update=changes) for p in ("android", "ios")}


def hours(m: RadioModel, days: int) -> np.ndarray:
    """``bool[2, people, hours]``: sends, hears."""
    masks = np.array(
        [
            [phone_hours(m.life, m.phones, m.streams, p, DAY + d) for d in range(days)]
            for p in range(PEOPLE)
        ]
    )
    bits = masks.transpose(2, 0, 1)[..., None] >> np.arange(24) & 1
    return bits.reshape(2, PEOPLE, days * 24).astype(bool)


@pytest.mark.parametrize(("share", "mean_h"), [(0.1, 168.0), (0.4, 1.0), (0.5, 7.3), (0.97, 30.0)])
def test_spells_equal_a_plain_reading_of_them(share, mean_h):
    m = model(off_share=share, off_h=mean_h)
    got = hours(m, 3)
    length = max(mean_h * (1 - share), 1.0)
    for person in range(0, PEOPLE, 7):
        own = draw(int(m.streams.off), person)
        for k in range(72):
            hour = 24 * DAY + k
            ends = math.floor(hour / length - 3)
            while math.ceil((ends + 1 - unit(own)) * length) <= hour:
                ends += 1
            inside = unit(draw(own, ends)) < share
            assert (got[:, person, k] == (not inside)).all()


@pytest.mark.parametrize(("share", "mean_h"), [(0.1, 48.0), (0.3, 4.0), (0.13, 24.0)])
def test_shares_and_lengths_are_those_asked_for(share, mean_h):
    off = ~hours(model(off_share=share, off_h=mean_h), 60)[0]
    each = off.mean(axis=1)
    # Phones are independent of each other, hours of a phone are not.
    assert stats.ttest_1samp(each, share).pvalue > 1e-3
    # As many in each hour of the day.
    by_hour = off.reshape(PEOPLE, -1, 24).mean(axis=1)
    assert stats.ttest_1samp(by_hour, share).pvalue.min() > 1e-3 / 24
    # Transitions: a spell of mean_h hours ends with one hour in mean_h of its hours.
    ends = (off[:, :-1] & ~off[:, 1:]).sum(axis=1)
    spent = off[:, :-1].sum(axis=1)
    rest = ends - spent / mean_h
    assert stats.ttest_1samp(rest, 0.0).pvalue > 1e-3


@pytest.mark.parametrize("cause", ["off", "killed", "saver"])
def test_some_are_always_so_and_the_mean_stays(cause):
    """Of 400 phones about 0.2 for good; the others make up the rest of 0.3 of all the time."""
    keys = {f"{cause}_share": 0.3, f"{cause}_always_share": 0.2, f"{cause}_h": 5.0}
    m = model(**(keys if cause == "off" else platform(**keys)))
    away = ~hours(m, 40)[int(cause == "saver")]
    each = away.mean(axis=1)
    always = each == 1
    assert stats.binomtest(int(always.sum()), PEOPLE, 0.2).pvalue > 1e-3
    assert stats.ttest_1samp(each, 0.3).pvalue > 1e-3
    assert stats.ttest_1samp(each[~always], (0.3 - 0.2) / 0.8).pvalue > 1e-3
    # As long on average as asked for: a spell of five hours ends with one of five of its hours.
    others = away[~always]
    ends = (others[:, :-1] & ~others[:, 1:]).sum(axis=1)
    assert stats.ttest_1samp(ends - others[:, :-1].sum(axis=1) / 5.0, 0.0).pvalue > 1e-3
    # All of the mean where that is less; more of them are more people.
    keys[f"{cause}_share"] = 0.1
    few = model(**(keys if cause == "off" else platform(**keys)))
    off = ~hours(few, 2)[int(cause == "saver")]
    np.testing.assert_array_equal(off.all(axis=1), off.any(axis=1))
    assert always[off.any(axis=1)].all()
    assert stats.binomtest(int(off.any(axis=1).sum()), PEOPLE, 0.1).pvalue > 1e-3


def test_a_phone_that_is_left_behind_takes_no_part():
    away = hours(model(away_share=0.3, away_h=3.0), 20)
    np.testing.assert_array_equal(*away)
    assert stats.ttest_1samp((~away[0]).mean(axis=1), 0.3).pvalue > 1e-3
    # With the operating system's app as with any other, and apart from being off.
    both = hours(model("gaen", away_share=0.3, away_h=3.0, off_share=0.2, off_h=3.0), 20)[0]
    assert stats.ttest_1samp(both.mean(axis=1), 0.7 * 0.8).pvalue > 1e-3


def test_a_killed_app_neither_sends_nor_hears_and_a_saved_battery_sends():
    killed = hours(model(**platform(killed_share=0.3, killed_h=5.0)), 4)
    np.testing.assert_array_equal(*killed)
    assert 0.25 < 1 - killed.mean() < 0.35
    saves = hours(model(**platform(saver_share=0.3, saver_h=5.0)), 4)
    assert saves[0].all()
    assert 0.25 < 1 - saves[1].mean() < 0.35


def test_what_the_system_runs_is_not_killed():
    m = model("gaen", **platform(killed_share=0.9))
    assert m.life.always_on
    assert not model(**platform(killed_share=0.9)).life.always_on


def test_nights_belong_to_phones_and_hours():
    got = hours(model(night_off_share=0.4, night_h=[23, 6]), 3)[0].reshape(PEOPLE, 3, 24)
    night = [23, 0, 1, 2, 3, 4, 5]
    assert got[:, :, 6:23].all()
    off = ~got[:, 0, 0]
    assert (got[:, :, night] == ~off[:, None, None]).all()
    assert stats.binomtest(int(off.sum()), PEOPLE, 0.4).pvalue > 1e-3
    midday = hours(model(night_off_share=1.0, night_h=[9, 11]), 1)[0]
    assert (np.flatnonzero(~midday[0]) == [9, 10]).all()


def test_a_link_needs_a_sender_that_sends_and_a_listener_that_hears():
    m = model(off_share=0.3, off_h=5.0, **platform(saver_share=0.3, saver_h=3.0))
    a, b = np.arange(PEOPLE), np.arange(PEOPLE)[::-1].copy()
    day = np.full(PEOPLE, DAY)
    got = link_hours(m.life, m.phones, m.streams, b, a, day)
    for i in range(0, PEOPLE, 5):
        sends = phone_hours(m.life, m.phones, m.streams, a[i], DAY)[0]
        hears = phone_hours(m.life, m.phones, m.streams, b[i], DAY)[1]
        assert got[i] == sends & hears
    # Of some hours: every bit where they can in all of them.
    part = link_hours(m.life, m.phones, m.streams, b, a, day, 9 * 3600, 13 * 3600 - 1)
    asked = sum(1 << h for h in range(9, 13))
    np.testing.assert_array_equal(part & asked, got & asked)
    assert ((part == ALL_HOURS) == (got & asked == asked)).all()
    assert 0 < (part == ALL_HOURS).mean() < 1
    plain = model()
    assert (link_hours(plain.life, plain.phones, plain.streams, b, a, day) == ALL_HOURS).all()


@pytest.mark.parametrize(
    "table",
    [
        {"off_share": 0.3, "off_h": 5.0, "night_off_share": 0.4, "night_h": [23, 7]},
        platform(saver_share=0.3, saver_h=3.0, away_share=0.2, away_h=1.0),
        {"off_share": 0.4, "off_h": 1.0, **platform(killed_share=0.5, killed_h=200.0)},
        {},
    ],
    ids=["off", "saver", "killed", "on"],
)
def test_hours_of_many_phones_are_those_of_each(table):
    m = model(**table)
    for who in (np.arange(PEOPLE), np.arange(5, 22), np.array([7]), np.array([], int)):
        sends, hears = day_hours(m.life, m.phones, m.streams, who.astype(np.int32), DAY, threads=2)
        each = [phone_hours(m.life, m.phones, m.streams, p, DAY) for p in who]
        assert list(zip(sends[who].tolist(), hears[who].tolist(), strict=True)) == each
        others = np.setdiff1d(np.arange(PEOPLE), who)
        assert not sends[others].any()
        assert not hears[others].any()


def test_both_ends_of_a_segment_share_hours():
    m = model(off_share=0.3, off_h=5.0, **platform(saver_share=0.3, saver_h=3.0))
    rng = np.random.default_rng(2)
    a, b = rng.permutation(PEOPLE).astype(np.int32), rng.permutation(PEOPLE).astype(np.int32)
    begin = rng.integers(0, 25 * 3600 - 1, PEOPLE)  # a local day may have 25 hours
    duration = np.minimum(rng.integers(1, 20_000, PEOPLE), 25 * 3600 - begin).astype(np.int32)
    everybody = np.arange(PEOPLE, dtype=np.int32)
    known = day_hours(m.life, m.phones, m.streams, everybody, DAY)
    midnight_s = DAY * 86_400
    got = shared_hours(known, a, b, midnight_s + begin, duration, midnight_s)
    day, last = np.full(PEOPLE, DAY), begin + duration - 1
    for bits, observer, emitter in zip(got, (b, a), (a, b), strict=True):
        expected = link_hours(m.life, m.phones, m.streams, observer, emitter, day, begin, last)
        np.testing.assert_array_equal(bits, expected)


def test_bits_of_hours():
    first, last = (
        np.array([0, 3599, 3600, 7200, 80_000]),
        np.array([3599, 3600, 3600, 86_399, 90_000]),
    )
    got = hour_bits(first, last)
    for f, z, bits in zip(first.tolist(), last.tolist(), got.tolist(), strict=True):
        hit = {min(s // 3600, 23) for s in range(f, z + 1)}
        assert {h for h in range(24) if bits >> h & 1} == hit


def test_phones_fall_silent_at_the_hour_in_the_event_engine():
    """Local time counts: the night begins at 09:00 of a zone seven hours east, 02:00 UTC."""
    from bluezone_sim.radio.events import simulate

    phones = Phones(np.full(4, -15.0), np.zeros(4), np.zeros(4, np.bool_))
    m = model_of(
        load_profile("gaen"),
        phones,
        4,
        table=always_on(night_off_share=1.0, night_h=[9, 10]),
        utc_offset_s=7 * 3600,
    )
    contacts = contacts_at(np.array([0, 2]), np.array([1, 3]), 6000, 1.0)
    begin = START_S + 2 * 3600 - 1200
    contacts.start_s[:] = begin
    run = simulate(m, contacts, begin, 6000, seed=3)
    at = run.sightings.time_ms // 1000 - (START_S + 2 * 3600)
    assert at.min() < -500
    assert not ((at >= 0) & (at < 3600)).any()
    assert at.max() > 3700


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"phones__off_share": 0.0, "phones__off_h": 5.0}, "phones.off_h"),
        ({"phones__night_off_share": 0.0, "phones__night_h": [22, 5]}, "phones.night_h"),
        ({"phones__ios__saver_h": 5.0}, "phones.ios.saver_h"),
        ({"phones__ios__saver_always_share": 0.1}, "phones.ios.saver_always_share"),
        ({"phones__off_share": 0.1, "phones__off_h": 5.0}, "phones.off_h"),
        ({"phones__off_always_share": 0.2}, "phones.off_always_share"),
        ({"phones__away_share": 0.0, "phones__away_h": 5.0}, "phones.away_h"),
        (
            {"protocol__name": "gaen", "phones__ios__killed_always_share": 0.05},
            "phones.ios.killed_always_share",
        ),
        (
            {"protocol__name": "gaen", "phones__android__killed_share": 0.2},
            "phones.android.killed_share",
        ),
        ({"phones__night_h": [5, 5]}, "phones.night_h"),
        ({"phones__night_h": [22, 24]}, "phones.night_h"),
    ],
)
def test_keys_without_effect_or_sense_are_refused(changes, key):
    with pytest.raises(ScenarioError) as caught:
        scenario(**changes)
    assert key in str(caught.value)


def test_calibration_of_the_population_does_not_depend_on_how_phones_live():
    from bluezone_sim.world.people import world_inputs

    assert world_inputs(scenario(phones__android__killed_share=0.5)) == world_inputs(scenario())
    assert PhonesTable().off_share > 0
