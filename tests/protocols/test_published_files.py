"""What authorities publish, read and written: key exports, DP-3T lists and filters, TCN reports."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bluezone_sim import match, protocols
from bluezone_sim.errors import FormatError, SignatureError, TableError
from bluezone_sim.protocols.bluetrace import keys as bluetrace
from bluezone_sim.protocols.bluetrace.wire import parse_exchange
from bluezone_sim.protocols.dp3t import files as dp3t_files
from bluezone_sim.protocols.dp3t.keys import observations
from bluezone_sim.protocols.gaen import archive
from bluezone_sim.protocols.gaen import files as ek
from bluezone_sim.protocols.gaen.protobuf import bytes_field, fields, number_field
from bluezone_sim.protocols.tcn import files as tcn
from bluezone_sim.tables.rows import PublishedKeys, Sightings
from helpers.authorities import write_export_zip
from helpers.paths import EXPORT, VECTORS

TCN = json.loads((VECTORS / "tcn.json").read_text(encoding="utf-8"))
START = 1_596_844_800


def some_keys(n: int = 5) -> PublishedKeys:
    rng = np.random.default_rng(n)
    return PublishedKeys(
        rng.integers(0, 256, (n, 16), np.uint8),
        START + 600 * np.arange(n, dtype=np.int64),
        (1 + np.arange(n) * 29 % 144).astype(np.int32),
        {
            "transmission_risk_level": np.arange(n) % 8,
            "report_type": np.ones(n, np.int64),
            "days_since_onset": np.arange(n) - 3,
            "revised": np.arange(n) == n - 1,
        },
    )


def same(a: PublishedKeys, b: PublishedKeys) -> bool:
    return (
        a.key.tolist() == b.key.tolist()
        and a.start_s.tolist() == b.start_s.tolist()
        and a.count.tolist() == b.count.tolist()
    )


def test_an_export_survives_a_round_trip():
    info = ek.ExportInfo(
        START, START + 86_400, "VN", 1, 2, (ek.SignatureInfo("app", "", "v1", "310"),), 1
    )
    keys = some_keys()
    data = ek.write_export(keys, info)
    again, told = ek.parse_export(data)
    assert same(keys, again)
    assert told == info
    for name, column in keys.meta.items():
        assert again.meta[name].tolist() == column.tolist(), name
    assert ek.write_export(again, told) == data


@pytest.mark.data
@pytest.mark.skipif(not EXPORT.exists(), reason=f"needs Google's export, at {EXPORT}")
def test_a_real_export_is_read_whole_expanded_and_matched():
    keys, info = ek.parse_export(EXPORT.read_bytes())
    assert len(keys) == 200
    odd = keys.count != 144
    assert np.count_nonzero(odd) > 150  # which Google's own matcher leaves out
    assert info.n_revised == int(keys.meta["revised"].sum())
    p = protocols.get("gaen")
    rows, times = [], []
    for k in range(len(keys)):
        ids = p.identifiers(keys.key[k : k + 1], int(keys.start_s[k]), int(keys.count[k]))[0]
        assert len(ids) == keys.count[k]
        rows += [ids[0], ids[-1]]
        last = int(keys.count[k]) - 1
        times += [(int(keys.start_s[k]) + 600 * j) * 1000 for j in (0, last)]
    beyond = [
        p.identifiers(keys.key[k : k + 1], int(keys.start_s[k]), int(keys.count[k]) + 1)[0, -1]
        for k in np.flatnonzero(odd)
    ]
    ids = np.stack(rows + beyond)
    at = times + [int(keys.start_s[k]) * 1000 for k in np.flatnonzero(odd)]
    seen = Sightings(
        observer=np.zeros(len(ids), np.int32),
        time_ms=np.array(at, np.int64),
        identifier=ids,
        rssi_dbm=np.full(len(ids), -60, np.int16),
        protocol="gaen",
    )
    m = match(keys, seen, "gaen")
    # The first and the last of each key, and nothing beyond its own rolling period.
    assert m.row.tolist() == list(range(2 * len(keys)))


def test_a_zip_is_verified_with_the_key_that_signed_it():
    private, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    data = write_export_zip(some_keys(), private, ek.ExportInfo(region="VN"))
    keys, info = archive.parse_export_zip(data, public_key=private.public_key())
    assert same(keys, some_keys())
    assert info.region == "VN"
    assert same(archive.parse_export_zip(data)[0], keys)
    with pytest.raises(SignatureError, match="none of 1 signatures"):
        archive.parse_export_zip(data, public_key=other.public_key())
    with zipfile.ZipFile(io.BytesIO(data)) as inside:
        export, signature = inside.read("export.bin"), inside.read("export.sig")
    tampered = bytearray(export)
    tampered[-1] ^= 1
    with pytest.raises(SignatureError):
        archive.verify_signature(bytes(tampered), signature, private.public_key())


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("_", "."), content)
    return out.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_inflated(monkeypatch):
    monkeypatch.setattr(ek, "MAX_BYTES", 1000)
    bomb = packed(export_bin=bytes(100_000))
    assert len(bomb) < 1000
    with pytest.raises(FormatError, match="100,000 bytes, expected at most 1,000"):
        archive.parse_export_zip(bomb)
    # An archive that lies about the size.
    lying = bomb.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(FormatError):
        archive.parse_export_zip(lying)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected the header"),
        (b"EK Export v2    ", "expected the header"),
        (ek.write_export(some_keys())[:-3], r"byte \d+, key 4: a field runs past the end"),
        (ek.HEADER + bytes_field(7, bytes_field(1, bytes(15))), "another length than 16"),
        (ek.HEADER + bytes_field(7, number_field(2, 1)), "another length than 16"),
        (ek.HEADER + number_field(7, 1), "does not belong"),
        (
            ek.HEADER + bytes_field(7, bytes_field(1, bytes(16)) + number_field(4, 145)),
            "key 0: rolling_period: expected 1 to 144, found 145",
        ),
        (
            ek.HEADER + bytes_field(7, bytes_field(1, bytes(16)) + number_field(3, (1 << 64) - 1)),
            "rolling_start_interval_number: expected 0 or more",
        ),
        (
            ek.HEADER + bytes_field(7, bytes_field(1, bytes(16)) + number_field(3, 1 << 40)),
            "32 bits",
        ),
        (ek.HEADER + number_field(5, 1) * 2000, "more than 1024 fields"),
    ],
)
def test_a_broken_export_names_the_byte_or_the_key(data, words):
    with pytest.raises(FormatError, match=rf"^e\.bin: .*{words}"):
        ek.parse_export(data, "e.bin")


@pytest.mark.parametrize("data", [b"", b"PK", packed(a=b""), packed(export_bin=b"x")])
def test_a_broken_zip_is_named(data):
    with pytest.raises(FormatError, match=r"^e\.zip: "):
        archive.parse_export_zip(data, "e.zip")


@settings(max_examples=300)
@given(st.binary(max_size=400), st.booleans())
@example(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", True)
def test_no_bytes_break_the_parsers_of_published_files(data, with_header):
    for parse in (
        lambda: ek.parse_export(ek.HEADER + data if with_header else data),
        lambda: archive.parse_export_zip(data),
        lambda: fields(data),
        lambda: tcn.parse_report(data),
        lambda: dp3t_files.parse_list(data, 32, 96),
        lambda: dp3t_files.CuckooFilter.from_bytes(b"BZ3TCF1\0" + data if with_header else data),
        lambda: parse_exchange(data, "peripheral"),
        lambda: parse_exchange(data, "central"),
        lambda: bluetrace.decrypt(bytes(32), data.decode("latin-1")),
    ):
        with contextlib.suppress(FormatError):
            parse()


@settings(max_examples=150)
@given(st.data())
def test_one_wrong_byte_of_an_export_is_refused_or_read(data):
    good = bytearray(ek.write_export(some_keys()))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FormatError):
        keys, _ = ek.parse_export(bytes(good))
        assert len(keys) <= 6
        assert ((keys.count >= 1) & (keys.count <= 144)).all()


@given(st.binary(max_size=31))
def test_no_advertising_data_breaks_the_parsers(data):
    for name in protocols.names():
        found = protocols.get(name).parse_advertisement(data)
        assert found is None or name in found.protocols or found.protocols[0].startswith("dp3t")


def test_dp3t_lists_survive_a_round_trip():
    for name, size in (("dp3t-lowcost", 32), ("dp3t-hybrid", 16)):
        p = protocols.get(name)
        keys = PublishedKeys(
            np.arange(3 * size, dtype=np.uint8).reshape(3, size),
            np.array([START, START + 86_400, START]),
            np.full(3, p.intervals_per_key, np.int32),
        )
        read = dp3t_files.parse_list(dp3t_files.write_list(keys), p.key_size, p.intervals_per_key)
        assert same(read, keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "expected"),
        ('{"exposed": [{"key": "AAAA", "keyDate": 0}]}', r"exposed\[0\]\.key: expected 32 bytes"),
        (
            '{"exposed": [{"key": "' + "A" * 43 + '=", "keyDate": -1}]}',
            r"exposed\[0\]\.keyDate: expected unix milliseconds",
        ),
    ],
)
def test_a_broken_dp3t_list_names_the_entry(text, words):
    with pytest.raises(FormatError, match=words):
        dp3t_files.parse_list(text.encode(), 32, 96)


def test_a_cuckoo_filter_finds_what_was_put_in_and_next_to_nothing_else():
    rng = np.random.default_rng(4)
    ids = rng.integers(0, 256, (3_000, 16), np.uint8)
    times = START + 900 * (np.arange(3_000) % 500)
    found = dp3t_files.CuckooFilter.build(observations(ids, times))
    found = dp3t_files.CuckooFilter.from_bytes(found.to_bytes())
    seen = Sightings(
        observer=np.zeros(6_000, np.int32),
        time_ms=np.concatenate([times + 899, times + 900]) * 1000,  # in the epoch, and after it
        identifier=np.concatenate([ids, ids]),
        rssi_dbm=np.zeros(6_000, np.int16),
        protocol="dp3t-unlinkable",
    )
    # 8 / 2**32 a row: a foreign one passes once in 180,000 such tests.
    assert found.find(seen).tolist() == list(range(3_000))
    for data in (b"", b"BZ3TCF1\0", found.to_bytes()[:-1]):
        with pytest.raises(FormatError):
            dp3t_files.CuckooFilter.from_bytes(data)


def test_a_published_tcn_report_verifies_and_gives_its_numbers():
    data = bytes.fromhex(TCN["report"] + TCN["signature"])
    keys, memo = tcn.parse_report(data)
    assert memo == b"symptom data"
    assert keys.meta["start_index"].tolist() == [2]
    p = protocols.get("tcn")
    ids = p.identifiers(keys.key, count=int(keys.count[0]), start_index=2)
    assert [bytes(x).hex() for x in ids[0]] == [TCN["tcn"][str(i)] for i in range(2, 11)]
    again = tcn.write_report(bytes.fromhex(TCN["rak"]), 2, 10, 0, b"symptom data")
    assert again == data
    for at in (0, 40, 66, 75, len(data) - 1):
        bad = bytearray(data)
        bad[at] ^= 1
        with pytest.raises((SignatureError, FormatError)):
            tcn.parse_report(bytes(bad))
    with pytest.raises(FormatError, match="truncated"):
        tcn.parse_report(data[:100])
    for first, last in ((0, 1), (3, 2), (1, 1 << 16)):
        with pytest.raises(TableError, match="indices"):
            tcn.write_report(bytes(32), first, last)
