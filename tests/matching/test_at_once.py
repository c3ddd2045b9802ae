"""A few keys against indexed sightings give what the usual way gives, and a plain search."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from bluezone_sim import match, protocols
from bluezone_sim.errors import TableError
from bluezone_sim.kernels import cpu
from bluezone_sim.kernels.lookup import exact
from bluezone_sim.kernels.lookup.columns import Seen, fill
from bluezone_sim.kernels.units import table
from bluezone_sim.matching.index import index_sightings
from bluezone_sim.tables.rows import Matches, PublishedKeys, Sightings

START_S = 1_596_844_800
TOLERANCE_MS, STEP_MS = 7_200_000, 600_000
GAEN = protocols.get("gaen")


def crowd(seed: int, *, n_keys: int = 40, n_rows: int = 600) -> tuple[PublishedKeys, Sightings]:
    """A history in no order: of strangers, of keys at the edges of their times, of keys that ended."""
    rng = np.random.default_rng(seed)
    key = rng.integers(0, 256, (n_keys, 16), np.uint8)
    key[-1] = key[0]  # published twice
    start_s = START_S + rng.integers(0, 200, n_keys) * 600
    count = rng.integers(0, 145, n_keys).astype(np.int32)
    made = GAEN.identifiers(key, start_s)
    ids = rng.integers(0, 256, (n_rows, 16), np.uint8)
    times = 1000 * START_S + rng.integers(0, 10**8, n_rows)
    for row in range(0, n_rows, 2):
        k, j = int(rng.integers(n_keys)), int(rng.integers(144))
        ids[row] = made[k, j]
        edges = (
            -TOLERANCE_MS - 1,
            -TOLERANCE_MS,
            STEP_MS + TOLERANCE_MS,
            STEP_MS + TOLERANCE_MS + 1,
        )
        times[row] = 1000 * int(start_s[k]) + STEP_MS * j + int(rng.choice(edges))
    sightings = Sightings(
        observer=rng.integers(0, 5, n_rows).astype(np.int32),
        time_ms=times,
        identifier=ids,
        rssi_dbm=rng.integers(-100, -30, n_rows).astype(np.int16),
        protocol="gaen",
    )
    return PublishedKeys(key, start_s, count), sightings


def plain_search(published: PublishedKeys, sightings: Sightings) -> list[tuple[int, ...]]:
    made, out = GAEN.identifiers(published.key, published.start_s), []
    for k, start_s in enumerate(published.start_s.tolist()):
        for j in range(int(published.count[k])):
            begin = 1000 * start_s + STEP_MS * j
            for row in np.flatnonzero((sightings.identifier == made[k, j]).all(axis=1)).tolist():
                time = int(sightings.time_ms[row])
                if begin - TOLERANCE_MS <= time <= begin + STEP_MS + TOLERANCE_MS:
                    day_s = start_s // 86_400 * 86_400
                    seen = int(sightings.observer[row]), int(sightings.rssi_dbm[row])
                    out.append((k, row, seen[0], day_s, j, time, seen[1]))
    return sorted(out)


def as_rows(m: Matches) -> list[tuple[int, ...]]:
    columns = (m.key, m.row, m.observer, m.day_s, m.interval, m.time_ms, m.rssi_dbm)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def same(a: Matches, b: Matches) -> bool:
    """To the type of each column."""
    columns = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(Matches)[:-1]]
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in columns)


@pytest.mark.parametrize("seed", range(4))
def test_a_few_keys_are_found_as_by_a_plain_search(seed):
    published, sightings = crowd(seed)
    index = index_sightings(sightings, "gaen")
    assert index.at_once is not None
    found = index.at_once.find(published)
    want = plain_search(published, sightings)
    assert len(want) >= 30
    assert found is not None
    assert as_rows(found) == want
    assert same(found, match(published, sightings, "gaen"))
    assert same(found, match(published, index, "gaen"))


@pytest.mark.parametrize("aes", cpu.available()[1])
def test_every_unit_finds_the_same(aes, monkeypatch):
    """Keys that end within a step, groups that are not full, and a filter that lets many pass."""
    published, sightings = crowd(11, n_keys=37)
    want = plain_search(published, sightings)
    index = index_sightings(sightings, "gaen")
    dense = index.at_once.index.filter
    dense |= np.uint64(0x5555555555555555)
    with monkeypatch.context() as m:
        m.setenv(cpu.VARIABLE, aes)
        table.fill()
        found = index.at_once.find(published)
        m.undo()
        table.fill()
    assert as_rows(found) == want
    dense |= ~np.uint64(0)  # everything passes
    assert as_rows(index.at_once.find(published)) == want


def test_columns_of_other_kinds_are_taken_the_usual_way():
    published, sightings = crowd(5)
    want = as_rows(match(published, index_sightings(sightings, "gaen"), "gaen"))
    assert want
    index = index_sightings(sightings, "gaen")
    others = {
        "long counts": replace(published, count=published.count.astype(np.int64)),
        "short starts": replace(published, start_s=published.start_s.astype(np.uint32)),
        "every second": PublishedKeys(
            np.repeat(published.key, 2, axis=0)[::2],
            np.repeat(published.start_s, 2)[::2],
            np.repeat(published.count, 2)[::2],
        ),
    }
    for name, other in others.items():
        assert index.at_once.find(other) is None, name
        assert as_rows(match(other, index, "gaen")) == want, name
    readonly = replace(
        published, key=np.frombuffer(published.key.tobytes(), np.uint8).reshape(-1, 16)
    )
    assert as_rows(index.at_once.find(readonly)) == want
    loud = index_sightings(replace(sightings, rssi_dbm=sightings.rssi_dbm.astype(np.int64)), "gaen")
    assert loud.at_once is None
    assert as_rows(match(published, loud, "gaen")) == want


def test_more_hits_than_there_is_room_for_are_all_found():
    published, _ = crowd(6, n_rows=8)
    n = 5_000
    all_alike = Sightings(
        observer=np.arange(n, dtype=np.int32),
        time_ms=np.full(n, 1000 * int(published.start_s[3])),
        identifier=np.repeat(
            GAEN.identifiers(published.key[3:4], published.start_s[3:4])[0, :1], n, 0
        ),
        rssi_dbm=np.full(n, -70, np.int16),
        protocol="gaen",
    )
    one = replace(published, count=np.full(len(published), 144, np.int32)).take(np.array([3]))
    index = index_sightings(all_alike, "gaen")
    exact._kept.__dict__.clear()  # room for more, of an earlier call
    assert index.at_once.find(one) is None
    assert match(one, index, "gaen").row.tolist() == list(range(n))


def test_nothing_found_is_an_empty_table_of_the_same_kinds():
    published, sightings = crowd(7)
    index = index_sightings(sightings, "gaen")
    nobody = replace(published, key=published.key ^ np.uint8(0xFF))
    for few in (nobody, nobody.take(np.arange(0))):
        found = match(few, index, "gaen")
        assert len(found) == 0
        assert same(found, match(few, sightings, "gaen"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start_s": START_S + 1}, "row 2: 1596844801 is not a multiple of 600"),
        ({"start_s": -600}, "row 2: -600 is no unix time"),
        ({"count": 145}, "row 2: expected 0 to 144, found 145"),
        ({"count": -1}, "row 2: expected 0 to 144, found -1"),
    ],
)
def test_a_key_at_fault_is_named_and_nothing_is_looked_up(change, words):
    published, sightings = crowd(8)
    index = index_sightings(sightings, "gaen")
    for name, value in change.items():
        getattr(published, name)[2] = value
    assert index.at_once.find(published) is None
    with pytest.raises(TableError, match=words):
        match(published, index, "gaen")


def test_shapes_that_do_not_fit_are_refused_as_ever():
    published, sightings = crowd(9)
    index = index_sightings(sightings, "gaen")
    with pytest.raises(TableError, match=r"published.key: expected uint8\[n, 16\]"):
        match(replace(published, key=published.key[:, :12].copy()), index, "gaen")


def test_keys_that_are_no_units_and_recorded_payloads_go_the_usual_way():
    _, sightings = crowd(10)
    payload = np.zeros((len(sightings), 4), np.uint8)
    assert index_sightings(replace(sightings, payload=payload), "gaen").at_once is None
    short = Sightings(
        sightings.observer,
        sightings.time_ms,
        sightings.identifier[:, :12].copy(),
        sightings.rssi_dbm,
    )
    assert index_sightings(short, "bluezone").at_once is None
    assert index_sightings(sightings.take(np.arange(0)), "gaen").at_once is None


@pytest.mark.parametrize("n", [0, 1, 2, 3, 50, 1_000])
def test_hits_come_out_by_unit_row_and_number(n):
    rng = np.random.default_rng(n)
    hits = rng.integers(0, 12, (n, 3))
    seen = Seen(np.zeros(12, np.int64), np.arange(12, dtype=np.int32), np.zeros(12, np.int16))
    want = sorted((u, r, j) for u, j, r in hits.tolist())
    columns, kept = fill(hits, n, np.zeros(12, np.int64), (0, 10**9), seen)
    assert kept == n
    found = zip(columns.key.tolist(), columns.row.tolist(), columns.interval.tolist(), strict=True)
    assert list(found) == want
    assert columns.observer.tolist() == columns.row.tolist()
