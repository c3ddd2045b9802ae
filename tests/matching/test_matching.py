"""Matching equals its naive twin, whichever side it indexes and however many threads it uses."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluezone_sim import match
from bluezone_sim.errors import TableError
from bluezone_sim.kernels.crypto.sha256 import hmac_sha256, ratchet, sha256_short
from bluezone_sim.kernels.lookup import exact
from bluezone_sim.kernels.lookup.exact import build_index, collect, probe_rows, words_of
from bluezone_sim.matching import match as engine
from bluezone_sim.matching import published as matching_published
from bluezone_sim.matching.published import index_published
from bluezone_sim.tables.rows import PublishedKeys, Sightings
from twins import naive_protocols as naive

DAY_MS = 86_400_000


def naive_match(published: PublishedKeys, sightings: Sightings) -> list[tuple]:
    out = []
    for k in range(len(published)):
        per_day = int(published.meta["max"][k]) if "max" in published.meta else 96
        step = DAY_MS // per_day
        key, left = bytes(published.key[k]), int(published.count[k])
        start = int(published.start_s[k]) * 1000
        while left > 0:
            for j, identifier in enumerate(naive.bluezone(key, min(left, per_day))):
                at = start + j * step
                for row in range(len(sightings)):
                    time = int(sightings.time_ms[row])
                    if bytes(sightings.identifier[row]) == identifier and at <= time <= at + step:
                        day_s = start // DAY_MS * 86_400
                        out.append((k, row, int(sightings.observer[row]), day_s, j, time))
            key = hashlib.sha256(key).digest()
            left -= per_day
            start += per_day * step
    return sorted(out)


def as_rows(m) -> list[tuple]:
    columns = (m.key, m.row, m.observer, m.day_s, m.interval, m.time_ms)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def crowd(seed: int, n_keys: int, n_rows: int, with_max: bool):
    """Keys, and a history in which some rows are theirs: in time, out of time, twice, of nobody."""
    rng = np.random.default_rng(seed)
    key = rng.integers(0, 256, (n_keys, 32), np.uint8)
    if n_keys > 1:
        key[-1] = key[0]  # the same key published twice
    count = rng.integers(0, 250, n_keys).astype(np.int32)
    start_s = rng.integers(0, 3, n_keys) * 86_400 + 1_596_844_800
    meta = {"max": rng.choice([96, 48, 96, 7], n_keys)} if with_max else {}
    ids = rng.integers(0, 256, (n_rows, 12), np.uint8)
    times = rng.integers(1_596_844_800_000, 1_597_300_000_000, n_rows)
    for row in range(0, n_rows, 2):
        k = int(rng.integers(n_keys))
        per_day = int(meta["max"][k]) if with_max else 96
        day, j = divmod(int(rng.integers(0, 250)), per_day)
        daily = bytes(key[k])
        for _ in range(day):
            daily = hashlib.sha256(daily).digest()
        ids[row] = np.frombuffer(naive.bluezone(daily, j + 1)[j], np.uint8)
        step = DAY_MS // per_day
        at = int(start_s[k]) * 1000 + (day * per_day + j) * step
        times[row] = at + int(rng.choice([-1, 0, step // 2, step, step + 1]))
    return (
        PublishedKeys(key, start_s.astype(np.int64), count, meta),
        Sightings(
            observer=rng.integers(0, 5, n_rows).astype(np.int32),
            time_ms=times.astype(np.int64),
            identifier=ids,
            rssi_dbm=rng.integers(-100, -30, n_rows).astype(np.int16),
        ),
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("held", [0, 1 << 24, None], ids=["probe keys", "probe rows", "by day"])
def test_matching_equals_the_twin(seed, held, monkeypatch):
    by_day, held = held is None, held or 0
    monkeypatch.setattr(matching_published, "_CHUNK_IDS", 512)
    monkeypatch.setattr(engine, "_HELD_IDS", held)
    monkeypatch.setattr(engine, "_CHUNK_IDS", 512)
    monkeypatch.setattr(engine, "_TASK_IDS", 1024)
    published, sightings = crowd(
        seed, n_keys=9, n_rows=160 if held == 0 else 2000, with_max=seed % 2
    )
    want = naive_match(published, sightings)
    assert len(want) >= 15
    for threads in (1, 3):
        keys = index_published(published, "bluezone", threads=threads) if by_day else published
        assert as_rows(match(keys, sightings, "bluezone", threads=threads)) == want


def test_an_index_of_published_keys_says_what_it_holds():
    published, sightings = crowd(0, 9, 10, with_max=False)
    index = index_published(published, "bluezone")
    assert len(index) == published.count.sum()
    assert repr(index) == f"<PublishedIndex of {len(index):,} bluezone identifiers>"
    assert len(index_published(published.take(np.empty(0, np.int64)), "bluezone")) == 0
    with pytest.raises(TableError, match="published: indexed for bluezone, not for gaen"):
        match(index, sightings, "gaen")


def test_nothing_published_or_nothing_seen_matches_nothing():
    published, sightings = crowd(0, 3, 10, False)
    none = np.empty(0, np.int64)
    assert len(match(published.take(none), sightings, "bluezone")) == 0
    assert len(match(published, sightings.take(none), "bluezone")) == 0
    index = index_published(published, "bluezone")
    assert len(match(index, sightings.take(none), "bluezone")) == 0


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([4, 12, 16]))
def test_lookup_finds_every_copy_of_every_identifier(seed, n, size):
    rng = np.random.default_rng(seed)
    # Few distinct bytes, so that copies and near copies abound.
    table = rng.integers(0, 3, (n, size), np.uint8) * (rng.random((n, size)) < 0.3)
    needles = np.concatenate(
        [table[rng.integers(0, n, 50)], rng.integers(0, 2, (50, size), np.uint8)]
    )
    words, flat = (
        words_of(table.astype(np.uint8)),
        words_of(needles.astype(np.uint8)).reshape(-1),
    )
    index = build_index(words, np.arange(n, dtype=np.uint32))
    # Room for one hit only, so that it has to be made anew; then in the room that the thread has kept.
    exact._kept.__dict__.clear()
    width = index.words.shape[1]
    hits = collect(lambda work: probe_rows(index, flat, (0, 100), work), width, 1)
    as_found = hits.copy()
    again = collect(lambda work: probe_rows(index, flat, (0, 100), work), width, 1)
    none = collect(lambda work: probe_rows(index, flat, (0, 0), work), width, 1)
    assert np.array_equal(again, as_found)
    assert len(none) == 0
    assert np.array_equal(hits, as_found), "a later call writes into what an earlier one gave"
    needle, row = hits[:, 0] + hits[:, 1], hits[:, 2]
    want = sorted((i, j) for i in range(100) for j in range(n) if (needles[i] == table[j]).all())
    assert sorted(zip(needle.tolist(), row.tolist(), strict=True)) == want


@settings(max_examples=50)
@given(st.integers(1, 70), st.integers(0, 55), st.integers(0, 2**32 - 1))
def test_sha256_equals_hashlib(n, size, seed):
    data = np.random.default_rng(seed).integers(0, 256, (n, size), np.uint8)
    got = sha256_short(data)
    assert [bytes(x) for x in got] == [hashlib.sha256(bytes(x)).digest() for x in data]


def test_ratchets_and_hmac_equal_hashlib():
    import hmac

    data = np.random.default_rng(3).integers(0, 256, (33, 32), np.uint8)
    chain = ratchet(data, 40, threads=2)
    one = bytes(data[32])
    for step in range(41):
        assert bytes(chain[32, step]) == one
        one = hashlib.sha256(one).digest()
    got = hmac_sha256(data, b"broadcast key")
    assert [bytes(x) for x in got] == [
        hmac.digest(bytes(x), b"broadcast key", "sha256") for x in data
    ]
