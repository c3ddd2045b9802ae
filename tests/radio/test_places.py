"""Places: who shares one, for how long, and what its radio does to a link."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim.kernels.radio.link_budget import Phones, link_dbm
from bluezone_sim.radio.parameters import model_of, radio_model
from bluezone_sim.radio.places import places_of
from bluezone_sim.radio.records import record
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.radio import Radio
from bluezone_sim.tables.rows import Contacts
from bluezone_sim.world import SETTINGS, Days, build_world, contact_model
from helpers.small import scenario


def contacts(group, a, b, setting) -> Contacts:
    n = len(group)
    return Contacts(
        contact=np.arange(1, n + 1, dtype=np.uint64),
        group=np.array(group, np.int64),
        a=np.array(a, np.int32),
        b=np.array(b, np.int32),
        start_s=np.full(n, 1_597_190_400, np.int64),
        duration_s=np.full(n, 900, np.int32),
        distance_m=np.ones(n, np.float32),
        setting=np.array(setting, np.uint8),
    )


def test_a_lasting_group_is_one_place_and_a_days_group_one_a_day():
    lasting = [SETTINGS.index(s) for s in ("household", "neighbours", "school", "work")]
    passing = [SETTINGS.index(s) for s in ("transport", "leisure", "other")]
    for setting in lasting + passing:
        met = contacts([7, 7, 8, 7], [1, 2, 1, 1], [2, 3, 2, 2], [setting] * 4)
        one, other, third, tomorrow = places_of(met, np.array([18_480, 18_480, 18_480, 18_481]))
        assert one == other  # whoever is in it
        assert one != third
        assert (one == tomorrow) == (setting in lasting)
    both = contacts([7, 7], [1, 1], [2, 2], [0, 6])
    assert len(set(places_of(both, 18_480).tolist())) == 2


def test_a_pair_without_a_place_has_its_own_which_lasts():
    other = SETTINGS.index("other")
    met = contacts([-1, -1, -1], [3, 9, 3], [9, 3, 8], [other] * 3)
    today, tomorrow = places_of(met, 18_480), places_of(met, 18_481)
    np.testing.assert_array_equal(today, tomorrow)
    assert today[0] == today[1] != today[2]
    # No group of any day has the number of a pair.
    assert today.min() > places_of(contacts([2**43], [0], [1], [other]), 200_000).max()


def test_places_differ_as_the_scene_says_and_all_in_one_alike():
    phones = Phones(np.zeros(9), np.zeros(9), np.zeros(9, np.bool_))
    radio = Radio(scene_sd_db=3.0, shadowing_sd_db=0.0)
    m = model_of(load_profile("bluezone"), phones, 5, radio=radio)

    def level(place, contact, observer, emitter):
        return link_dbm(m.air, m.phones, m.streams, place, contact, observer, emitter, 1.0)

    found = np.array([level(p, np.uint64(p), 0, 1) for p in range(4000)]) + radio.attenuation_1m_db
    assert abs(found.mean()) < 4 * 3 / np.sqrt(4000)
    assert found.std() == pytest.approx(3, rel=0.05)
    alike = {level(17, np.uint64(c), *who) for c in range(5) for who in ((0, 1), (1, 0), (4, 7))}
    assert len(alike) == 1
    # Another seed is another town.
    again = model_of(load_profile("bluezone"), phones, 6, radio=radio)
    assert (
        link_dbm(again.air, again.phones, again.streams, 17, np.uint64(0), 0, 1, 1.0) not in alike
    )


def test_records_of_one_place_go_up_and_down_together():
    """Strongest packets at 1 m, without any other deviation: they tell their place's level."""
    still = {"shadowing_sd_db": 0.0, "scan_sd_db": 0.0, "fading_sd_db": 0.01, "scene_sd_db": 2.0}
    s = scenario(**{f"radio__{k}": v for k, v in still.items()})
    world = build_world(s, 5)
    days = Days.look_back(s.date, s.look_back_days, s.timezone)
    everybody = np.arange(world.n_people, dtype=np.int32)
    met = contact_model(world, s.contacts).contacts_of(everybody, days, ordered=True)
    met = met.take(np.flatnonzero(met.setting < 4))
    m = radio_model(world, s)
    found = record(m, met, days)
    row = found.row
    near = np.maximum(met.distance_m[row], 0.1)
    loss = m.air.attenuation_1m_db + 10 * m.air.exponent * np.log10(np.minimum(near, 8.0))
    loss += 10 * m.air.exponent_far * np.log10(np.maximum(near / 8.0, 1.0))
    android = ~world.ios[met.a[row]]
    level = found.rssi_dbm - m.phones.tx_power_dbm[met.a[row]]
    level += m.phones.rx_correction_db[met.b[row]] + loss
    _, place = np.unique(met.group[row][android], return_inverse=True)
    n = np.bincount(place)
    mean = np.bincount(place, level[android]) / n
    within = np.sqrt(np.bincount(place, (level[android] - mean[place]) ** 2) / n)
    some = n >= 20
    assert some.sum() > 50
    assert within[some].max() < 0.6  # RSSI is in whole dB
    assert mean[some].std() == pytest.approx(2.0, rel=0.3)
