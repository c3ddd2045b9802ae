"""Identifiers that stay on the air until the phone changes its address."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim.captures.importing import PhoneNumbers, import_file
from bluezone_sim.errors import ScenarioError
from bluezone_sim.kernels.radio.link_budget import Phones
from bluezone_sim.kernels.radio.lives import life_ends_ms
from bluezone_sim.radio.events import simulate
from bluezone_sim.radio.parameters import RadioModel, always_on, model_of
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.tables.rows import Contacts
from helpers.paths import MEASUREMENTS

T0_MS = 1_596_100_000_123
#: 5 and 95 % of 260 identifiers heard in DP-3T's exp34, 30 July 2020, minutes.
MEASURED_MIN = (11.3, 14.2)


@pytest.fixture(scope="module")
def gaen() -> RadioModel:
    each = np.zeros(50)
    phones = Phones(each, each, each.astype(np.bool_))
    return model_of(load_profile("gaen"), phones, 5, table=always_on())


def changes(model: RadioModel, person: int, hours: float) -> np.ndarray:
    out = [T0_MS]
    while out[-1] < T0_MS + hours * 3_600_000:
        out.append(int(life_ends_ms(model.app, model.streams, person, out[-1])))
    return np.array(out[1:])


def test_lives_are_as_long_as_those_measured(gaen):
    lives = np.concatenate([np.diff(changes(gaen, p, 48)) for p in range(50)]) / 60_000
    assert len(lives) > 10_000
    np.testing.assert_allclose(np.quantile(lives, [0.05, 0.95]), MEASURED_MIN, atol=0.05)
    assert lives.min() > 10
    shortest, longest = load_profile("gaen").identifier.on_air_s
    assert shortest / 60 <= lives.min() < lives.max() <= longest / 60


def test_what_is_on_the_air_is_a_function_of_the_time(gaen):
    ends = changes(gaen, 7, 6)
    began, ends = ends[:-1], ends[1:]
    for at in (began, (began + ends) // 2, ends - 1):
        np.testing.assert_array_equal(gaen.aired_ms(np.full(len(at), 7), at), began)
    # An identifier is of the interval of ten minutes in which it went on the air: each has its own.
    assert np.all(np.diff(began // 600_000) >= 1)
    assert np.any(np.diff(began // 600_000) == 2)  # and some are never sent
    # No two phones change at once.
    others = np.concatenate([changes(gaen, p, 6) for p in range(50)])
    assert len(np.unique(others // 1000)) > 0.97 * len(others)


def test_other_systems_change_together_at_their_intervals():
    zero = np.zeros(2)
    model = model_of(load_profile("dp3t-lowcost"), Phones(zero, zero, zero > 0), 5)
    time_ms = T0_MS + np.arange(0, 4_000_000, 10_000)
    np.testing.assert_array_equal(model.aired_ms(np.ones(400, np.int64), time_ms), time_ms)
    assert model.app.identifier_ms == 900_000


def test_packets_of_one_scan_are_cut_where_a_phone_changes(gaen):
    """The event engine: records of a sender in its lives, and addresses that change with them."""
    n = 1
    together = Contacts(
        contact=np.ones(n, np.uint64),
        group=np.full(n, -1, np.int64),
        a=np.array([3], np.int32),
        b=np.array([9], np.int32),
        start_s=np.full(n, T0_MS // 1000, np.int64),
        duration_s=np.full(n, 7200, np.int32),
        distance_m=np.full(n, 0.5, np.float32),
        setting=np.zeros(n, np.uint8),
    )
    start_ms = T0_MS // 1000 * 1000
    found = simulate(gaen, together, T0_MS // 1000, 7200, seed=4)
    for i, person in enumerate((3, 9)):
        ends = changes(gaen, person, 2.0)
        assert found.address_ms[i] == ends[ends < start_ms + 7_200_000].tolist()
        rows = found.sightings.true_sender == person
        sent = found.sightings.identifier[rows]
        time_ms = found.sightings.time_ms[rows]
        interval = sent.copy().view(">u4").reshape(-1, 2)[:, 1]
        aired = gaen.aired_ms(np.full(len(time_ms), person), time_ms)
        np.testing.assert_array_equal(interval, aired // 600_000)
        assert len(np.unique(interval)) >= 7


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"identifier.on_air_s": [500.0, 900.0]}, "more than rotation_s of 600"),
        ({"identifier.on_air_s": [900.0, 700.0]}, "on_air_s of 900 to 700"),
        ({"identifier.row_s": 5.0}, "on_air_s and row_s"),
        ({"address.with_identifier": False}, "change with the address"),
    ],
)
def test_lives_that_cannot_be_are_refused(changed, message):
    with pytest.raises(ScenarioError, match=message):
        load_profile("gaen", changed)


@pytest.mark.data
@pytest.mark.skipif(
    not MEASUREMENTS.is_dir(), reason=f"needs the measured scenes in {MEASUREMENTS}"
)
def test_phones_own_logs_tell_such_lives():
    """What three phones set to send on 30 July 2020; two pauses and a restart are no lives."""
    lives = []
    for path in sorted(MEASUREMENTS.rglob("*.btsnoop")):
        report, tables = import_file(path, PhoneNumbers())
        list(tables)
        times, last = [], b""
        for own in report.own:
            if own.protocol == "gaen" and own.identifier != last:
                times.append(own.time_us / 6e7)
                last = own.identifier
        lives += np.diff(times).tolist()
    lives = np.array(lives)
    whole = lives[(lives > 5) & (lives < 30)]
    assert (len(lives), len(whole)) == (54, 52)
    np.testing.assert_allclose(np.quantile(whole, [0.05, 0.95]), MEASURED_MIN, atol=0.35)
    shortest, longest = load_profile("gaen").identifier.on_air_s
    assert np.mean((whole >= shortest / 60) & (whole <= longest / 60)) > 0.98
