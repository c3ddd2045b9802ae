"""Every system's published vectors, naive derivations and matching, on every unit of this processor."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim import match, protocols
from bluezone_sim.errors import InputError, TableError
from bluezone_sim.kernels import cpu
from bluezone_sim.kernels.units import table
from bluezone_sim.matching import index
from bluezone_sim.matching import match as engine
from bluezone_sim.protocols.bluetrace import keys as bluetrace
from bluezone_sim.protocols.dp3t.keys import observations
from bluezone_sim.protocols.gaen import keys as gaen
from bluezone_sim.protocols.robert import skinny
from bluezone_sim.protocols.robert.keys import Server
from bluezone_sim.protocols.tcn.keys import first_contact_key
from bluezone_sim.tables.rows import PublishedKeys, Sightings
from helpers.authorities import server_matches
from helpers.paths import VECTORS
from twins import naive_protocols as naive

PUBLISHED = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in VECTORS.glob("*.json")
}
GAEN, DP3T, TCN = PUBLISHED["gaen_v1_2"], PUBLISHED["dp3t"], PUBLISHED["tcn"]
DAY_S = 86_400


def _combinations() -> list[str]:
    """Every unit of this processor, at least once: the best ones, then each other one beside the best."""
    sha, aes = cpu.available()
    pairs = [cpu.Units(s, aes[0]) for s in sha] + [cpu.Units(sha[0], a) for a in aes[1:]]
    return [str(pair) for pair in pairs]


@pytest.fixture(params=_combinations())
def units(request, monkeypatch) -> Iterator[str]:
    with monkeypatch.context() as m:
        m.setenv(cpu.VARIABLE, request.param)
        table.fill()
        yield request.param
    table.fill()


def rows(*hexes: str) -> np.ndarray:
    return np.stack([np.frombuffer(bytes.fromhex(h), np.uint8) for h in hexes])


def hexes(ids: np.ndarray) -> list[str]:
    return [bytes(x).hex() for x in ids]


def keys_of(size: int, n: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size), np.uint8)


def test_gaen_gives_its_published_vectors(units):
    start = 600 * GAEN["rolling_start_interval_number"]
    ids = protocols.get("gaen").identifiers(rows(GAEN["tek"]), start)
    assert hexes(ids[0]) == GAEN["rpi"]
    teks = np.repeat(rows(GAEN["tek"]), 144, axis=0)
    data = np.repeat(rows(GAEN["ble_metadata"]), 144, axis=0)
    aem = gaen.crypt_metadata(teks, ids[0], data)
    assert hexes(aem) == GAEN["aem"]
    assert (gaen.crypt_metadata(teks, ids[0], aem) == data).all()


def test_metadata_of_rows_whose_keys_come_in_runs_equals_a_call_each(units):
    rng = np.random.default_rng(8)
    lengths = rng.integers(1, 6, 70)  # more keys than are derived at a time
    lengths[[3, 69]] = 100, 1
    teks = np.repeat(keys_of(16, 70), lengths, axis=0)
    teks[-1] = teks[0]  # a key may come back
    ids, data = keys_of(16, len(teks), 6), keys_of(4, len(teks), 7)
    want = [
        naive.gaen_metadata(*(bytes(x) for x in row)) for row in zip(teks, ids, data, strict=True)
    ]
    assert [bytes(x) for x in gaen.crypt_metadata(teks, ids, data)] == want


def test_dp3t_gives_the_reference_implementations_identifiers(units):
    low = protocols.get("dp3t-lowcost")
    days = DP3T["lowcost_days"]
    chain = low.daily_keys(rows(days[0]["sk"]), len(days))[0]
    assert hexes(chain) == [day["sk"] for day in days]
    ids = low.identifiers(np.ascontiguousarray(chain))
    for i, day in enumerate(days):
        assert {k: bytes(ids[i, int(k)]).hex() for k in day["ephids"]} == day["ephids"]
    hybrid = protocols.get("dp3t-hybrid").identifiers(rows(DP3T["hybrid"]["seed"]))
    assert hexes(hybrid[0]) == DP3T["hybrid"]["ephids"]
    unlinkable = protocols.get("dp3t-unlinkable")
    seeds = DP3T["unlinkable_seeds"]
    ids = unlinkable.identifiers(rows(*(s["seed"] for s in seeds)))
    assert hexes(ids[:, 0]) == [s["ephid"] for s in seeds]
    hashed = DP3T["unlinkable_hashed"]
    got = observations(
        rows(*(h["ephid"] for h in hashed)), np.array([h["epoch"] * 900 for h in hashed])
    )
    assert hexes(got) == [h["hashed_observation"] for h in hashed]


def test_tcn_gives_its_published_vectors(units):
    tcn = protocols.get("tcn")
    public, contact_key = first_contact_key(bytes.fromhex(TCN["rak"]))
    assert public.hex() == TCN["rvk"]
    ids = tcn.identifiers(rows(public.hex() + contact_key.hex()), count=10)
    assert hexes(ids[0]) == [TCN["tcn"][str(i)] for i in range(1, 11)]
    later = tcn.identifiers(rows(TCN["rvk"] + TCN["tck_1"]), count=3, start_index=2)
    assert hexes(later[0]) == [TCN["tcn"][str(i)] for i in (2, 3, 4)]


def test_bluetrace_gives_opentraces_temporary_id():
    v = PUBLISHED["bluetrace"]
    key = bytes.fromhex(v["key"])
    temp = bluetrace.TempId(bytes.fromhex(v["uid"]), v["start_unix_s"], v["expiry_unix_s"])
    text = bluetrace.encrypt(key, temp, bytes.fromhex(v["iv"]))
    assert text == v["temp_id_base64"]
    assert bluetrace.decrypt(key, text) == temp


def test_skinny_gives_its_published_vector():
    v = PUBLISHED["robert"]
    key, plain, cipher = (bytes.fromhex(v[k]) for k in ("key", "plaintext", "ciphertext"))
    assert skinny.encrypt(key, rows(plain.hex()))[0].tobytes() == cipher
    assert skinny.decrypt(key, rows(cipher.hex()))[0].tobytes() == plain
    blocks = keys_of(8, 300)
    assert (skinny.decrypt(key, skinny.encrypt(key, blocks)) == blocks).all()
    # A server reads the histories of people whom nobody heard.
    assert skinny.decrypt(key, blocks[:0]).shape == skinny.encrypt(key, blocks[:0]).shape == (0, 8)


def test_identifiers_equal_the_naive_derivation(units):
    # 37 keys: no whole number of lanes, streams or registers.
    n = 37
    numbers = np.random.default_rng(1).integers(0, (1 << 32) - 200, n)
    numbers[0] = (1 << 32) - 144  # the last that 32 bits hold
    keys = keys_of(16, n)
    got = protocols.get("gaen").identifiers(keys, numbers * 600)
    for i in range(n):
        assert list(map(bytes, got[i])) == naive.gaen(bytes(keys[i]), int(numbers[i]), 144)
    for name, twin in (
        ("bluezone", naive.bluezone),
        ("dp3t-lowcost", naive.dp3t_lowcost),
        ("dp3t-hybrid", naive.dp3t_hybrid),
    ):
        p = protocols.get(name)
        keys = keys_of(p.key_size, n)
        got = p.identifiers(keys, 0)
        assert got.shape == (n, p.intervals_per_key, p.id_size)
        for i in range(n):
            assert list(map(bytes, got[i])) == twin(bytes(keys[i]), p.intervals_per_key)
    keys, first = keys_of(64, n), np.arange(1, n + 1) * 1000
    got = protocols.get("tcn").identifiers(keys, 0, 5, start_index=first)
    for i in range(n):
        assert list(map(bytes, got[i])) == naive.tcn(bytes(keys[i]), int(first[i]), 5)


@pytest.mark.parametrize("count", [0, 1, 23, 24, 25, 143, 145])
def test_any_count_fills_out_and_no_more(count):
    for name in ("gaen", "dp3t-lowcost", "bluezone", "tcn"):
        p = protocols.get(name)
        keys = keys_of(p.key_size, 3)
        whole = np.full((5, count, p.id_size), 7, np.uint8)
        out = whole[1:4]
        assert p.identifiers(keys, 0, count, out) is out
        assert (whole[[0, 4]] == 7).all()
        assert (out == p.identifiers(keys, 0, 150)[:, :count]).all()


def test_threads_change_nothing():
    for name in ("gaen", "dp3t-lowcost", "bluezone", "tcn", "dp3t-unlinkable"):
        p = protocols.get(name)
        keys = keys_of(p.key_size, 101)
        assert (p.identifiers(keys, 0) == p.identifiers(keys, 0, threads=3)).all()


def naive_units(name: str, published: PublishedKeys) -> Iterator[tuple]:
    """(key, interval, identifier, first and last millisecond in which it matches)."""
    for k in range(len(published)):
        key, count = bytes(published.key[k]), int(published.count[k])
        start = int(published.start_s[k])
        if name == "gaen":
            for j, x in enumerate(naive.gaen(key, start // 600, count)):
                at = start + 600 * j
                yield k, j, x, (at - 7200) * 1000, (at + 600 + 7200) * 1000
        elif name == "dp3t-lowcost":
            for day in range(-(-count // 96)):
                at = start + DAY_S * day
                for j, x in enumerate(naive.dp3t_lowcost(key, min(96, count - 96 * day))):
                    yield k, j, x, at * 1000, (at + DAY_S) * 1000
                key = hashlib.sha256(key).digest()
        elif name == "dp3t-hybrid":
            for j, x in enumerate(naive.dp3t_hybrid(key, count)):
                yield k, j, x, start * 1000, (start + 4 * 3600) * 1000
        elif name == "tcn":
            first = int(published.meta["start_index"][k])
            for j, x in enumerate(naive.tcn(key, first, count)):
                yield k, j, x, start * 1000, (start + 14 * DAY_S) * 1000


def mixed_history(name: str, seed: int):
    """Keys with ragged counts, and a history of hits, near misses in time, and strangers."""
    rng = np.random.default_rng(seed)
    p = protocols.get(name)
    n = 21
    most = 250 if name == "dp3t-lowcost" else p.intervals_per_key
    key = rng.integers(0, 256, (n, p.key_size), np.uint8)
    key[-1] = key[0]
    start = 1_596_844_800 + rng.integers(0, 5, n) * DAY_S
    if name in ("gaen", "dp3t-hybrid"):
        start += rng.integers(0, 144, n) * 600
    start[-1] = start[0]
    count = rng.integers(0, most + 1, n).astype(np.int32)
    meta = {"start_index": rng.integers(1, 60_000, n)} if name == "tcn" else {}
    published = PublishedKeys(key, start.astype(np.int64), count, meta)
    # Also intervals beyond those that are published.
    full = PublishedKeys(key, start, np.full(n, most, np.int32), meta)
    units = list(naive_units(name, full))
    ids, times = [], []
    for at in rng.integers(0, len(units), 400).tolist():
        _, _, x, first, last = units[at]
        ids.append(x)
        times.append(int(rng.choice([first - 1, first, (first + last) // 2, last, last + 1])))
    strangers = 400
    ids += [rng.bytes(p.id_size) for _ in range(strangers)]
    times += rng.integers(1_596_000_000_000, 1_598_000_000_000, strangers).tolist()
    n_rows = len(ids)
    sightings = Sightings(
        observer=rng.integers(0, 9, n_rows).astype(np.int32),
        time_ms=np.array(times, np.int64),
        identifier=np.frombuffer(b"".join(ids), np.uint8).reshape(n_rows, -1).copy(),
        rssi_dbm=rng.integers(-100, -40, n_rows).astype(np.int16),
        protocol=name,
    )
    want = sorted(
        (k, row, j)
        for k, j, x, first, last in naive_units(name, published)
        for row in range(n_rows)
        if ids[row] == x and first <= times[row] <= last
    )
    return published, sightings, want


@pytest.mark.parametrize("name", ["gaen", "dp3t-lowcost", "dp3t-hybrid", "tcn"])
@pytest.mark.parametrize("held", [0, 1 << 24], ids=["probe keys", "probe rows"])
def test_matching_equals_the_naive_twin(name, held, units, monkeypatch):
    published, sightings, want = mixed_history(name, 11)
    assert len(want) > 60
    monkeypatch.setattr(engine, "_HELD_IDS", held)
    if held:  # more rows than published identifiers, so that those are indexed
        more = int(published.count.sum()) // len(sightings) + 1
        sightings = sightings.take(np.tile(np.arange(len(sightings)), more))
        n = len(sightings) // more
        want = sorted((k, row + n * i, j) for k, row, j in want for i in range(more))
    for threads in (1, 2):
        m = match(published, sightings, name, threads=threads)
        got = list(zip(m.key.tolist(), m.row.tolist(), m.interval.tolist(), strict=True))
        assert got == want
        assert (m.observer == sightings.observer[m.row]).all()
        assert (m.time_ms == sightings.time_ms[m.row]).all()


@pytest.mark.parametrize("name", ["gaen", "dp3t-lowcost", "dp3t-hybrid", "tcn"])
@pytest.mark.parametrize("ordered", [True, False])
def test_an_index_by_days_finds_the_same(name, ordered, monkeypatch):
    monkeypatch.setattr(index, "_WHOLE", 0)
    published, sightings, _ = mixed_history(name, 12)
    if ordered:
        sightings = sightings.take(np.argsort(sightings.time_ms, kind="stable"))
    by_days = bz.index_sightings(sightings, name, threads=2)
    assert len(by_days.buckets) > 5
    monkeypatch.undo()
    monkeypatch.setattr(engine, "_HELD_IDS", 0)
    whole = match(published, sightings, name)
    found = match(published, by_days, name, threads=2)
    assert len(whole) > 60
    for column in ("key", "row", "interval", "time_ms", "day_s"):
        assert getattr(found, column).tolist() == getattr(whole, column).tolist()
    with pytest.raises(TableError, match=f"indexed for {name}, not for bluezone"):
        match(published, by_days, "bluezone")


def test_gaens_attenuation_comes_from_the_encrypted_tx_power():
    p = protocols.get("gaen")
    key, start = keys_of(16, 4), 1_596_844_800
    ids = p.identifiers(key, start)[:, 7]
    tx = np.array([-20, 0, 4, -127])
    payload = gaen.crypt_metadata(key, ids, gaen.metadata(tx))
    rssi = np.array([-80, -90, -60, -100], np.int16)
    seen = Sightings(
        observer=np.zeros(4, np.int32),
        time_ms=np.full(4, (start + 7 * 600) * 1000),
        identifier=ids,
        rssi_dbm=rssi,
        protocol="gaen",
        payload=payload,
    )
    published = PublishedKeys(key, np.full(4, start), np.full(4, 144, np.int32))
    assert match(published, seen, "gaen").attenuation_db.tolist() == (tx - rssi).tolist()


def test_robert_opens_its_own_hellos_and_no_others():
    server = Server(bytes(range(24)), bytes(range(16)), country=33, start_s=1_590_000_000)
    users = {5: b"a" * 32, (1 << 40) - 1: b"b" * 32}
    time_s = np.array([1_596_844_800, 1_596_844_999])
    epochs = (time_s - server.start_s) // 900
    hellos = [
        naive.robert(server, users[u], int(e), u, int(t))
        for u, e, t in zip(users, epochs, time_s, strict=True)
    ]
    table = np.frombuffer(b"".join(hellos), np.uint8).reshape(2, 16)
    assert server.contacts(table, time_s, users).tolist() == [5, (1 << 40) - 1]
    for byte in range(16):  # one flipped bit anywhere, and the server rejects it
        bad = table.copy()
        bad[:, byte] ^= 1
        assert server.contacts(bad, time_s, users).tolist() == [-1, -1]
    late = time_s + 181
    assert server.contacts(table, late, users).tolist() == [-1, -1]
    assert server.contacts(table, time_s, {}).tolist() == [-1, -1]


def test_bluetraces_server_keeps_only_its_own_ids_in_their_time():
    key = bytes(range(32))
    temp = bluetrace.TempId(b"u" * 21, 1000, 1900)
    text = bluetrace.encrypt(key, temp, b"i" * 16)
    tampered = text[:10] + ("A" if text[10] != "A" else "B") + text[11:]
    foreign = bluetrace.encrypt(bytes(32), temp, b"i" * 16)
    history = [(text, 1000), (text, 1900), (text, 1901), (tampered, 1500), (foreign, 1500)]
    assert [row for row, _ in server_matches(key, history)] == [0, 1]


ON_AIR = {
    "bluezone": (bytes(range(12)), b""),
    "bluezone-v1": (b"aZ09qX", b""),
    "gaen": (bytes(range(16)), b"\x40\x08\x00\x00"),
    "dp3t-lowcost": (bytes(range(16)), b""),
    "tcn": (bytes(range(16)), b""),
    "robert": (bytes(range(16)), b"\1\2\3\4"),
}


@pytest.mark.parametrize("name", ON_AIR)
def test_an_advertisement_is_recognised_whole_and_in_no_other_form(name):
    p = protocols.get(name)
    identifier, payload = ON_AIR[name]
    data = p.advertisement(identifier, payload) if payload else p.advertisement(identifier)
    found = protocols.recognise(data)
    assert name in found.protocols
    assert (found.identifier, found.payload) == (identifier, payload)
    assert len(data) <= 31
    for end in range(len(data)):
        cut = p.parse_advertisement(data[:end])
        # An iPhone's advertisement of TCN is the service alone, to be read over a connection.
        assert cut is None or (cut.gatt and not cut.identifier)
    # A byte more, said by the length: another identifier length, so not this protocol's.
    at = 0
    while at + 1 + data[at] < len(data):
        at += 1 + data[at]
    longer = data[:at] + bytes([data[at] + 1]) + data[at + 1 :] + b"\xaa"
    assert p.parse_advertisement(longer) is None
    with pytest.raises(TableError):
        p.advertisement(identifier + b"x")


def test_a_wrong_company_or_service_is_not_recognised():
    data = protocols.get("bluezone").advertisement(bytes(12))
    assert protocols.recognise(data.replace(b"\xb5\x22", b"\xb6\x22")) is None
    assert protocols.recognise(data.replace(b"\x56\x4e", b"\x57\x4e")) is None


def test_the_fixed_identifier_of_v1_is_six_characters():
    v1 = protocols.get("bluezone-v1")
    words = np.array([0, 61, 62, (1 << 64) - 1], np.uint64)
    ids = [bytes(x).decode() for x in v1.fixed_ids(words)]
    assert ids[:3] == ["000000", "z00000", "010000"]
    assert all(len(x) == 6 and x.isalnum() for x in ids)


def test_bad_tables_are_refused_before_any_work():
    p = protocols.get("gaen")
    good = keys_of(16, 2)
    for keys, words in (
        (good.astype(np.int8), "uint8"),
        (good[:, :15], "16 bytes"),
        (good[0], r"uint8\[n"),
    ):
        with pytest.raises(TableError, match=words):
            p.identifiers(keys, 0)
    with pytest.raises(TableError, match=r"row 1: expected 0 to"):
        p.identifiers(good, np.array([0, (1 << 32) * 600]))
    with pytest.raises(TableError, match="out: expected"):
        p.identifiers(good, 0, out=np.empty((2, 144, 15), np.uint8))
    with pytest.raises(TableError, match=r"row 0: indices 0 to"):
        protocols.get("tcn").identifiers(keys_of(64, 1), start_index=0)
    seen = Sightings(
        np.zeros(1, np.int32), np.zeros(1, np.int64), keys_of(16, 1), np.zeros(1, np.int16)
    )
    for start, count, words in (
        (1, 144, "multiple of 600"),
        (0, 145, "expected 0 to 144"),
        (-600, 1, "no unix time"),
    ):
        published = PublishedKeys(good[:1], np.array([start]), np.array([count]))
        with pytest.raises(TableError, match=words):
            match(published, seen, "gaen")
    with pytest.raises(InputError, match="publishes no keys"):
        match(published, seen, "robert")


@pytest.fixture
def processor(monkeypatch):
    """What the kernels take the processor for."""

    def pretend(name: str, machine: str, *features: str) -> None:
        monkeypatch.setattr(cpu, "name", lambda: name)
        monkeypatch.setattr(cpu, "features", lambda: frozenset(features))
        monkeypatch.setattr(cpu.platform, "machine", lambda: machine)
        monkeypatch.delenv(cpu.VARIABLE, raising=False)

    return pretend


def test_keys_of_any_integers_and_strides_are_taken_apart_alike():
    system, start = protocols.get("gaen"), 2_642_976 * 600
    rows = np.arange(6)
    plain = PublishedKeys(keys_of(16, 6), start + 600 * rows, (rows * 28).astype(np.int32))
    want = system.unit_keys_of(plain)
    assert want.start_ms.tolist() == [1000 * (start + 600 * k) for k in range(6)]
    assert want.count.tolist() == [0, 28, 56, 84, 112, 140]
    assert want.parent.tolist() == [0, 1, 2, 3, 4, 5]
    assert set(want.step_ms.tolist()) == set(want.valid_ms.tolist()) == {600_000}
    for kind, count in (("uint32", "uint8"), ("uint64", "int64")):
        other = PublishedKeys(
            np.repeat(plain.key, 2, axis=0)[::2],
            np.repeat(plain.start_s.astype(kind), 2)[::2],
            np.repeat(plain.count.astype(count), 2)[::2],
        )
        taken = system.unit_keys_of(other)
        for name, column in vars(taken).items():
            expected = getattr(want, name)
            assert column.dtype == expected.dtype, name
            assert np.array_equal(column, expected), name


AVX512 = ("avx2", "avx512f", "avx512dq", "avx512vl", "avx512bw", "avx512vbmi")


@pytest.mark.parametrize(
    ("name", "machine", "features", "expected"),
    [
        ("znver4", "x86_64", ("sha", "ssse3", "aes", "vaes", *AVX512), "shani+vaes512"),
        ("sapphirerapids", "x86_64", ("sha", "ssse3", "aes", "vaes", *AVX512), "lanes+vaes512"),
        ("alderlake", "x86_64", ("sha", "ssse3", "aes", "vaes", "avx2"), "shani+vaes256"),
        ("znver1", "AMD64", ("sha", "ssse3", "aes", "avx2"), "shani+aesni"),
        ("skylake", "x86_64", ("ssse3", "aes", "avx2"), "lanes+aesni"),
        ("core2", "x86_64", ("ssse3",), "lanes+tables"),
        ("apple-m1", "arm64", ("aes", "neon", "sha2"), "armv8+armv8"),
        ("neoverse-n1", "aarch64", ("aes", "neon", "sha2"), "armv8+armv8"),
        ("cortex-a72", "aarch64", ("neon",), "lanes+tables"),
    ],
)
def test_each_unit_is_picked_by_itself(processor, name, machine, features, expected):
    processor(name, machine, *features)
    assert str(cpu.units()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("shani+aesni", "shani+aesni"),
        ("aesni+shani", "shani+aesni"),
        ("lanes", "lanes+vaes256"),
        ("tables", "shani+tables"),
        ("aesni", "lanes+aesni"),
        ("portable", "lanes+tables"),
        ("", "shani+vaes256"),
    ],
)
def test_units_are_forced_by_name(processor, monkeypatch, given, expected):
    processor("alderlake", "x86_64", "sha", "ssse3", "aes", "vaes", "avx2")
    monkeypatch.setenv(cpu.VARIABLE, given)
    units = cpu.units()
    assert str(units) == expected
    assert (units.sha, units.aes) == tuple(expected.split("+"))


def test_units_that_are_unknown_or_missing_are_named(processor, monkeypatch):
    processor("alderlake", "x86_64", "sha", "ssse3", "aes", "avx2")
    for given in ("sse9", "shani+lanes", "aesni+tables", "shani+"):
        monkeypatch.setenv(cpu.VARIABLE, given)
        with pytest.raises(InputError, match="expected one of shani, armv8, lanes, one of vaes512"):
            cpu.units()
    monkeypatch.setenv(cpu.VARIABLE, "vaes")
    with pytest.raises(InputError, match=r"lacks avx512bw, .*vaes; choose from aesni, tables"):
        cpu.units()
    monkeypatch.setenv(cpu.VARIABLE, "armv8")
    with pytest.raises(InputError, match="lacks sha2; choose from shani, lanes"):
        cpu.units()


def test_units_that_are_named_for_the_process_give_the_same(monkeypatch):
    """And one that is not there is refused before any work."""
    p = protocols.get("gaen")
    seen = {}
    with monkeypatch.context() as m:
        for given in _combinations():
            m.setenv(cpu.VARIABLE, given)
            table.fill()
            seen[given] = p.identifiers(keys_of(16, 3), 0).tobytes()
        assert len(set(seen.values())) == 1
        m.setenv(cpu.VARIABLE, "sse9")
        with pytest.raises(InputError, match="sse9"):
            table.fill()
    table.fill()


_ON_A_PLAIN_CPU = """
import json, numpy as np, sys
from bluezone_sim import protocols
from bluezone_sim.kernels import cpu
from bluezone_sim.kernels.units import table
assert cpu.available() == (("lanes",), ("tables",)), cpu.available()
v = json.load(open(sys.argv[1]))
tek = np.frombuffer(bytes.fromhex(v["tek"]), np.uint8)[None]
ids = protocols.get("gaen").identifiers(tek, 600 * v["rolling_start_interval_number"])
assert [bytes(x).hex() for x in ids[0]] == v["rpi"]
"""


@pytest.mark.slow
def test_a_cpu_without_any_of_the_instructions_gives_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_PLAIN_CPU, str(VECTORS / "gaen_v1_2.json")],
        env={**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
