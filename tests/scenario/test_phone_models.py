"""Calibration of phones by model, and where phones are carried.

Statistical tests fix their seeds; each allows an error of about 1 in 1,000.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.errors import FormatError, ScenarioError
from bluezone_sim.kernels.radio.link_budget import link_dbm
from bluezone_sim.radio import radio_model, record
from bluezone_sim.radio.parameters import always_on, model_of
from bluezone_sim.scenario.describe import resolved_toml
from bluezone_sim.scenario.inputs.phone_models import read_models
from bluezone_sim.scenario.loading import parse
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.radio import Radio
from bluezone_sim.validation.radio.calibration import CALIBRATIONS
from bluezone_sim.world import Days, build_world, contact_model
from helpers.small import scenario
from twins.day_loop import Twin

PLACES = [
    {"position": "pocket", "share": 0.5, "loss_db": 4.0},
    {"position": "bag", "share": 0.25, "loss_db": 0.0},
    {"position": "table", "share": 0.25, "loss_db": -2.0},
]


def test_the_shipped_table_is_googles():
    models = {m["model"]: m for m in read_models("en-calibration")}
    assert len(models) == 54
    # Models that the later table, of December 2020, has as well.
    later = CALIBRATIONS["SM-G973F"]
    found = models["SM-G973F"]
    assert (found["rx_correction_db"], found["tx_power_dbm"]) == (
        later.rx_correction_db,
        later.tx_power_dbm,
    )
    assert sum(m["share"] for m in models.values()) == pytest.approx(0.75, abs=0.001)
    # Over all 9,896 models: -24.1 with a spread of 4.6 dB.
    tx = np.array([m["tx_power_dbm"] for m in models.values()])
    assert -28 < tx.mean() < -23
    assert 3 < tx.std() < 6


def test_a_table_of_ones_own(tmp_path):
    (tmp_path / "mine.csv").write_text(
        "# measured on our bench\nDevice OEM,Model,RSSI Correction,Tx Power,Platform\n"
        "x,One,3,-24,android\nx,Two,5,-30,android\ny,Phone,0,-12,iOS\n",
        encoding="utf-8",
    )
    models = read_models("mine.csv", tmp_path)
    assert [m["share"] for m in models] == [0.5, 0.5, 1.0]
    assert [m["platform"] for m in models] == ["android", "android", "ios"]
    (tmp_path / "town.toml").write_text(
        'name = "town"\ndate = 2020-08-12\n[population]\npeople = 300\nsmartphones = 200\n'
        '[[population.districts]]\nname = "A"\npeople = 300\n[adoption]\nlevels = [0.5]\n'
        '[phones]\nmodels = "mine.csv"\n',
        encoding="utf-8",
    )
    s = parse((tmp_path / "town.toml").read_text(encoding="utf-8"), folder=tmp_path)
    assert parse(resolved_toml(s)) == s
    world = build_world(s, 1)
    assert set(world.tx_power_dbm[~world.ios]) == {-24.0, -30.0}
    assert set(world.tx_power_dbm[world.ios]) == {-12.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,rssi correction\nA,3\n", "no column for tx_power_dbm"),
        ("model,rssi correction,tx\nA,3,x\n", "line 2: tx_power_dbm is 'x', not a number"),
        ("model,rssi correction,tx\nA,3\n", "line 2: tx_power_dbm is '', not a number"),
        ("model,rssi correction,tx\n", "no models"),
    ],
)
def test_a_table_at_fault_says_where(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=words):
        read_models("t.csv", tmp_path)
    with pytest.raises(ScenarioError, match=r"phones\.models: .*t\.csv"):
        scenario(phones__models=str(tmp_path / "t.csv"))


def test_phones_are_of_the_models_as_often_as_their_shares_say():
    s = scenario(
        phones__models="en-calibration",
        population__people=30_000,
        population__smartphones=20_000,
        population__districts=[{"name": "A", "people": 30_000}],
    )
    world, plain = build_world(s, 4), build_world(scenario(), 4)
    android = ~world.ios
    n = int(android.sum())
    models = read_models("en-calibration")
    for tx, rx in ((-26.0, 4.0), (-20.0, 4.0)):  # vivo 1804 and the like
        share = sum(
            m["share"] for m in models if (m["tx_power_dbm"], m["rx_correction_db"]) == (tx, rx)
        )
        count = (world.tx_power_dbm[android] == tx) & (world.rx_correction_db[android] == rx)
        assert stats.binomtest(int(count.sum()), n, share).pvalue > 1e-3
    # A quarter are of other makers and keep the normal spread; so do iPhones.
    whole = world.tx_power_dbm == np.rint(world.tx_power_dbm)
    assert stats.binomtest(int(whole[android].sum()), n, 0.7505).pvalue > 1e-3
    assert not whole[world.ios].any()
    others = world.tx_power_dbm[android & ~whole]
    assert stats.kstest(others, "norm", args=(-25.8, 4.6)).pvalue > 1e-3
    # Who has which platform does not depend on it.
    assert plain.ios.mean() == pytest.approx(world.ios.mean(), abs=0.1)


def test_places_of_carrying_come_out_of_the_shadowing():
    phones = always_on(carry=scenario(phones__carry=PLACES).phones.carry)
    radio = Radio(scene_sd_db=0.0)
    zero = np.zeros(2)
    m = model_of(load_profile("bluezone"), _phones(zero), 5, radio=radio, table=phones)
    plain = model_of(load_profile("bluezone"), _phones(zero), 5, radio=radio, table=always_on())
    there, back = (
        np.array(
            [link_dbm(m.air, m.phones, m.streams, 0, np.uint64(c), *pair, 1.0) for c in range(6000)]
        )
        for pair in ((0, 1), (1, 0))
    )
    np.testing.assert_allclose(there, back)
    level = there + m.air.attenuation_1m_db
    assert abs(level.mean()) < 4 * radio.shadowing_sd_db / np.sqrt(6000)
    assert level.std() == pytest.approx(radio.shadowing_sd_db, rel=0.04)
    # Without the rest of the shadowing: sums of two losses, as often as two phones are so carried.
    bare = dataclasses.replace(m, air=m.air._replace(shadowing_sd_db=0.0))
    sums = np.rint(
        [
            -link_dbm(bare.air, bare.phones, bare.streams, 0, np.uint64(c), 0, 1, 1.0)
            - m.air.attenuation_1m_db
            for c in range(6000)
        ]
    )
    value, count = np.unique(sums, return_counts=True)
    mean = 2 * (0.5 * 4 - 0.25 * 2)
    np.testing.assert_array_equal(value + mean, [-4, -2, 0, 2, 4, 8])
    want = np.array([1 / 16, 1 / 8, 1 / 16, 1 / 4, 1 / 4, 1 / 4]) * 6000
    assert stats.chisquare(count, want).pvalue > 1e-3
    assert len(plain.air.carry_db) == 0
    assert plain.air.shadowing_sd_db == radio.shadowing_sd_db


def _phones(zero):
    from bluezone_sim.kernels.radio.link_budget import Phones

    return Phones(zero, zero, np.zeros(len(zero), np.bool_))


def test_places_of_carrying_equal_those_of_the_twin():
    s = scenario(
        phones__carry=PLACES,
        look_back_days=1,
        population__people=80,
        population__smartphones=60,
        population__districts=[{"name": "A", "people": 80}],
    )
    world = build_world(s, 5)
    days = Days.look_back(s.date, 1, s.timezone)
    people = np.arange(25, dtype=np.int32)
    contacts = contact_model(world, s.contacts).contacts_of(people, days)
    fast = record(radio_model(world, s), contacts, days)
    columns = (fast.time_ms, fast.packets, fast.rssi_dbm, fast.rssi_max_dbm)
    got = sorted(zip(contacts.a[fast.row].tolist(), *(c.tolist() for c in columns), strict=True))
    twin = Twin(s, world)
    want = sorted(
        (a, *row)
        for g in twin.segments()
        for a, b in ((g.a, g.b), (g.b, g.a))
        if a < 25
        for row in twin.records(g, b, a)
    )
    assert len(want) > 200
    assert got == want


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phones__carry": PLACES[:2]}, "add up to 0.75; expected 1"),
        (
            {"phones__carry": PLACES, "radio__shadowing_sd_db": 3.0},
            "spread 3.7 dB, more than radio",
        ),
        ({"phones__models": "en-calibrated"}, "or one of en-calibration"),
        (
            {
                "phones__models": [
                    {"model": m, "share": 0.6, "tx_power_dbm": -20.0, "rx_correction_db": 0.0}
                    for m in "ab"
                ]
            },
            "the shares of android add up to 1.2; expected at most 1",
        ),
        ({"phones__carry": [{"position": "pocket", "shares": 1.0}]}, "did you mean 'share'"),
    ],
)
def test_faults_of_models_and_places_are_named(changes, words):
    with pytest.raises(ScenarioError) as caught:
        scenario(**changes)
    assert words in str(caught.value)


def test_the_file_of_models_that_are_not_there_is_told():
    """Reading fills it in; by itself it would be a table of phones that nobody reads."""
    with pytest.raises(
        ScenarioError, match=r'models_file: has no effect without.*models = "phones'
    ):
        scenario(phones__models_file="phones.csv")
