"""When an iPhone's app is in front: the closed form of its share, its hours, its kinds of owners.

Statistical tests fix their seeds; each allows an error of about 1 in 1,000.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bluezone_sim.errors import ScenarioError
from bluezone_sim.kernels import rng
from bluezone_sim.kernels.radio import scans
from bluezone_sim.kernels.radio.link_budget import BACKGROUND, FOREGROUND, Phones
from bluezone_sim.kernels.radio.sessions import DAY_MS, in_front, sessions_of, state_at
from bluezone_sim.radio import record
from bluezone_sim.radio.parameters import RadioModel, model_of
from bluezone_sim.scenario.describe import resolved_toml
from bluezone_sim.scenario.loading import validate
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.phones import SESSION_SD, openings
from helpers.small import scenario
from verification.plain_radio import PLAIN
from verification.radio_cells import START_S, Cell, always_on, one_day, segments

PEOPLE, DAYS = 4000, 30
MIDNIGHTS = START_S - 7 * 3600 + 86_400 * np.arange(DAYS)


def model(profile: str = "bluezone", people: int = PEOPLE, **table) -> RadioModel:
    """iPhones, two in three, with a perfect radio."""
    n = np.zeros(people)
    phones = Phones(n, n, np.arange(people) % 3 > 0)
    table = always_on(gatt_success=1.0, **table)
    return model_of(load_profile(profile), phones, 4, radio=PLAIN, table=table)


def fronts(m: RadioModel) -> tuple[np.ndarray, np.ndarray]:
    """``int64[iPhones, days]``: start and length of the session of each day."""
    owners = np.flatnonzero(m.phones.ios)
    who, when = np.repeat(owners, DAYS), np.tile(MIDNIGHTS, len(owners))
    found = sessions_of(m.sessions, m.streams, m.phones.ios, who, when)
    start, length = (column.reshape(len(owners), DAYS) for column in found)
    return start, length


@pytest.mark.parametrize(
    ("share", "never", "session_s", "leaves_open"),
    [
        (0.0005, 0.5, 20.0, 0.02),  # the defaults: some leave it open
        (0.00015, 0.5, 20.0, 0.02),  # sessions alone reach the share
        (0.01, 0.2, 120.0, 0.1),
        (0.3, 0.6, 20.0, 0.4),
        (1.0, 0.0, 20.0, 1.0),
    ],
)
def test_the_mean_over_owners_is_the_share(share, never, session_s, leaves_open):
    m = model(
        ios_foreground_share=share,
        ios_never_opens=never,
        ios_session_s=session_s,
        ios_leaves_open=leaves_open,
    )
    start, length = fronts(m)
    each = length.mean(axis=1) / DAY_MS
    if share < 1:
        assert stats.ttest_1samp(each, share).pvalue > 1e-3
    else:
        assert (each == 1).all()
    # Never: as many as asked for, and for good.
    opens = (length > 0).any(axis=1)
    found = openings(share, never, leaves_open, session_s)
    of_thirty = 1 - (1 - found.a_day) ** DAYS
    assert stats.binomtest(int(opens.sum()), len(opens), (1 - never) * of_thirty).pvalue > 1e-3
    # Those who open it do as often as it takes, at most once a day.
    openers = length[opens] > 0
    if found.a_day < 1:
        assert stats.binomtest(int(openers.sum()), openers.size, found.a_day).pvalue > 1e-3
    else:
        assert openers.all()
    # Instants are uniform over the day.
    assert stats.kstest(start[length > 0] / DAY_MS, "uniform").pvalue > 1e-3
    assert start.min() >= 0
    assert start.max() < DAY_MS


def test_sessions_are_log_normal():
    m = model(ios_foreground_share=0.00015)
    _, length = fronts(m)
    logs = np.log(length[length > 0] / 1000)
    assert np.median(logs) == pytest.approx(math.log(20), abs=0.03)
    assert logs.std() == pytest.approx(SESSION_SD, rel=0.02)
    assert stats.kstest((logs - math.log(20)) / SESSION_SD, "norm").pvalue > 1e-3


def test_every_hour_has_the_same_share():
    m = model(ios_foreground_share=0.2, ios_leaves_open=0.5)
    owners = np.flatnonzero(m.phones.ios)
    hours = np.zeros((len(owners), 24))
    for i, who in enumerate(owners.tolist()):
        midnight = int(MIDNIGHTS[0])
        start, length = in_front(m.sessions, m.streams, 1, who, midnight)
        at = np.arange(24) * 3_600_000 + 1_800_000
        hours[i] = (at - start) % DAY_MS < length
        states = [
            state_at(m.sessions, m.streams, 1, who, midnight, midnight * 1000 + int(t))
            for t in at[:3]
        ]
        assert states == [FOREGROUND if front else BACKGROUND for front in hours[i, :3]]
    assert stats.ttest_1samp(hours, 0.2).pvalue.min() > 1e-3 / 24


def test_kinds_of_owners_nest():
    """Raising a share only adds people to it, and moves nobody's sessions."""
    one, two = (
        fronts(model(ios_foreground_share=0.01, ios_never_opens=never)) for never in (0.2, 0.7)
    )
    still = two[1] > 0
    assert (one[1][still] > 0).all()
    np.testing.assert_array_equal(one[0][still], two[0][still])
    more = fronts(model(ios_foreground_share=0.02, ios_never_opens=0.2, ios_leaves_open=0.1))
    left = one[1] == one[1].max()  # they leave it open
    assert (more[1][left] == more[1].max()).all()
    nobody = fronts(model(ios_foreground_share=0.0))
    assert not nobody[1].any()


def test_androids_and_systems_without_states_are_left_alone():
    m = model(ios_foreground_share=0.3, ios_leaves_open=0.5)
    assert state_at(m.sessions, m.streams, 0, 0, START_S, START_S * 1000) == FOREGROUND
    m = model("gaen", ios_foreground_share=0.0)
    assert (fronts(m)[1] == DAY_MS).all()
    # Where Androids had states they would be in the background.
    profile = load_profile("bluezone")
    states = profile.android.model_copy(update={"background": profile.ios.background})
    m = model_of(profile.model_copy(update={"android": states}), m.phones, 4)
    assert state_at(m.sessions, m.streams, 0, 0, START_S, START_S * 1000) == BACKGROUND


PAIRS = 300
A_DAY = Cell("a day", distance_m=1.0, duration_s=86_400 - 30_000, platforms=("ios", "ios"))


def all_iphones(seed: int = 7, **table) -> tuple[np.ndarray, np.ndarray]:
    """``bool[pairs]``, of pairs of iPhones that are near each other for a day, with a radio that hears
    everything: one recorded the other; the two never open the app."""
    n = np.zeros(2 * PAIRS)
    phones = Phones(n, n, np.ones(2 * PAIRS, np.bool_))
    m = model_of(
        load_profile("bluezone"),
        phones,
        seed,
        radio=PLAIN,
        table=always_on(gatt_success=1.0, **table),
    )
    m = dataclasses.replace(m, air=m.air._replace(sensitivity_dbm=-200.0))
    seen = np.zeros(PAIRS, np.bool_)
    a, b = 2 * np.arange(PAIRS), 2 * np.arange(PAIRS) + 1
    for emitter, observer in ((a, b), (b, a)):
        seen[record(m, segments(A_DAY, emitter, observer), one_day()).row] = True
    kind = rng.uniforms(int(m.streams.foreground), np.arange(2 * PAIRS))
    return seen, (kind < m.sessions.never).reshape(PAIRS, 2).all(axis=1)


@settings(max_examples=25)
@given(
    never=st.floats(0, 1),
    leaves_open=st.floats(0, 0.5),
    share=st.floats(0, 0.3),
    session_s=st.floats(1, 300),
)
def test_one_of_two_iphones_has_to_open_it(never, leaves_open, share, session_s):
    """At most 1 - never squared of the pairs are found, for one of the two must be in front at a time."""
    try:
        openings(share, never, leaves_open, session_s)
    except ValueError:
        return
    seen, neither = all_iphones(
        ios_never_opens=never,
        ios_leaves_open=leaves_open,
        ios_foreground_share=share,
        ios_session_s=session_s,
    )
    assert not (seen & neither).any()
    if share == 0:
        assert not seen.any()


def test_the_bound_is_reached_where_the_others_leave_it_open():
    seen, neither = all_iphones(ios_never_opens=0.5, ios_leaves_open=0.5, ios_foreground_share=0.5)
    np.testing.assert_array_equal(seen, ~neither)
    assert stats.binomtest(int(neither.sum()), PAIRS, 0.5**2).pvalue > 1e-3


def test_what_stands_behind_the_last_span_is_not_read(monkeypatch):
    """Columns of spans are packed: behind them is whatever was there, which names no row of a table."""
    plain = scans.radio_scratch

    def dirty(parts):
        used = plain(parts)
        for column in (used.spans.kind, used.parts.who, used.pairs.who):
            column[:] = 1 << 29
        used.spans.clear[:] = np.nan
        used.spans.level[:] = np.nan
        return used

    often = {"ios_foreground_share": 0.3, "ios_leaves_open": 0.5}
    clean = all_iphones(**often)[0]
    monkeypatch.setattr(scans, "radio_scratch", dirty)
    np.testing.assert_array_equal(all_iphones(**often)[0], clean)
    assert clean.any()


def test_people_who_never_open_it_matter_and_not_how_long_the_others_do():
    """At one scan in 300 s a session of some seconds is met by one scan or none, so only its share of the
    time counts."""

    def found(**changes) -> float:
        seen = [all_iphones(seed, ios_foreground_share=0.00007, **changes)[0] for seed in range(20)]
        return float(np.mean(seen))

    usual = found(ios_never_opens=0.5)
    error = 3.3 * math.sqrt(2 * usual * (1 - usual) / (20 * PAIRS))
    assert 0.04 < usual < 0.1
    assert abs(found(ios_never_opens=0.5, ios_session_s=10.0) - usual) < error
    # The same time in front of one owner in a hundred finds fewer pairs than have such an owner.
    few = found(ios_never_opens=0.99, ios_leaves_open=0.01)
    assert 0 < few < 1 - 0.99**2 + error < usual


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"ios_foreground_share": 0.05}, "ios_foreground_share", "4,320 s a day"),
        ({"ios_never_opens": 1.0}, "ios_foreground_share", "more than all owners"),
        (
            {"ios_never_opens": 0.99, "ios_leaves_open": 0.0},
            "ios_foreground_share",
            "more than an opening a day gives",
        ),
        ({"ios_session_s": 0.0}, "ios_session_s", "more than 0"),
        ({"ios_session_s": 301.0}, "ios_session_s", "300"),
        (
            {"ios_foreground_share": 0.0001, "ios_leaves_open": 0.1},
            "ios_leaves_open",
            "sessions alone reach",
        ),
        ({"ios_foreground_share": 0.0, "ios_never_opens": 0.4}, "ios_never_opens", "no effect"),
        ({"ios_foreground_share": 0.0, "ios_session_s": 30.0}, "ios_session_s", "no effect"),
    ],
)
def test_shares_that_cannot_be_are_refused(changes, key, text):
    with pytest.raises(ScenarioError) as caught:
        scenario(**{f"phones__{k}": v for k, v in changes.items()})
    (fault,) = caught.value.faults
    assert fault.path == f"phones.{key}"
    assert text in fault.message


@pytest.mark.parametrize(
    "changes",
    [
        {"phones__ios_session_s": 200.0},  # those who leave it open are not needed
        {"phones__ios_foreground_share": 0.0},
        {"phones__off_share": 0.05},  # all of it by those who are always off
        {"phones__off_share": 0.0, "phones__away_share": 0.0},
        {"phones__android__killed_share": 0.0},
        {"phones__android__saver_share": 0.01},
    ],
)
def test_resolved_scenarios_load_again(changes):
    s = scenario(**changes)
    assert validate(tomllib.loads(resolved_toml(s))) == s
