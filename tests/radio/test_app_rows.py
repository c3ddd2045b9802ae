"""The app's own rows, expanded from records."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim.errors import TableError
from bluezone_sim.kernels.radio.link_budget import advertise_phase_ms, faintest_dbm
from bluezone_sim.radio import expand_rows, record
from bluezone_sim.radio.app_rows import _spread_db
from bluezone_sim.tables.rows import Sightings
from verification.radio_cells import CELLS, Cell, model, one_day, people, segments


def sightings_of(cell: Cell, n: int):
    phones = people(cell, 2 * n, 3)
    m = model(cell, phones, 3)
    contacts = segments(cell, 2 * np.arange(n) + 1, 2 * np.arange(n))
    found = record(m, contacts, one_day())
    return m, Sightings(
        observer=contacts.b[found.row],
        time_ms=found.time_ms,
        identifier=np.zeros((len(found.row), 12), np.uint8),
        rssi_dbm=found.rssi_dbm,
        packets=found.packets,
        true_sender=contacts.a[found.row],
    )


@pytest.mark.parametrize("name", ["bluezone, 2 m, 15 min", "bluezone, 40 m, 1 h"])
def test_rows_keep_their_pause_and_fall_into_bursts(name):
    m, records = sightings_of(next(c for c in CELLS if c.name == name), 60)
    rows = expand_rows(m, records)
    assert len(rows) > len(records)
    # The pause is that of one identifier.
    same = (np.diff(rows.observer) == 0) & (np.diff(rows.time_ms // 900_000) == 0)
    assert np.diff(rows.time_ms)[same].min() >= 5000
    assert set(rows.packets.tolist()) == {1}
    assert rows.rssi_dbm.min() >= faintest_dbm(m.air)
    for sender, time in zip(rows.true_sender.tolist(), rows.time_ms.tolist(), strict=True):
        phase = advertise_phase_ms(m.app, m.streams, 0, sender)
        assert (time - phase) % 30_000 < 15_000
    # Every record's first packet is a row, at the record's time.
    assert set(zip(records.observer.tolist(), records.time_ms.tolist(), strict=True)) <= set(
        zip(rows.observer.tolist(), rows.time_ms.tolist(), strict=True)
    )


def test_a_full_burst_gives_a_row_each_five_seconds():
    m, records = sightings_of(CELLS[0], 200)
    rows = expand_rows(m, records)
    # A scan of 40 s holds 15 to 25 s of bursts: 3 to 6 rows.
    full = np.flatnonzero(records.packets >= 140)
    for i in full[:50]:
        mine = rows.observer == records.observer[i]
        scan = mine & (np.abs(rows.time_ms - records.time_ms[i]) < 40_000)
        assert 3 <= scan.sum() <= 6


def test_systems_that_store_records_have_no_other_rows():
    m, records = sightings_of(next(c for c in CELLS if c.name == "gaen, 2 m, 15 min"), 10)
    assert expand_rows(m, records) is records


def test_rows_are_not_expanded_twice():
    m, records = sightings_of(CELLS[0], 5)
    with pytest.raises(TableError):
        expand_rows(
            m, Sightings(records.observer, records.time_ms, records.identifier, records.rssi_dbm)
        )


@pytest.mark.parametrize(("level_dbm", "rel"), [(-70.0, 0.02), (-99.0, 0.03)])
def test_rows_spread_as_packets_that_arrive_do(level_dbm, rel):
    """Drawn packets of one mean: sent, heard or not, and the spread of those that were."""
    rng = np.random.default_rng(2)
    air = model(CELLS[0], people(CELLS[0], 2, 3), 3).air
    sent = rng.normal(level_dbm, air.fading_sd_db, 400_000)
    threshold = rng.normal(air.sensitivity_dbm, air.sensitivity_sd_db, len(sent))
    heard = sent[sent >= threshold]
    got = float(_spread_db(air, np.array([heard.mean()]))[0])
    assert got == pytest.approx(heard.std(), rel=rel)
    assert (got < 0.95 * air.fading_sd_db) == (level_dbm < -90)
