"""Files of phones and keys that are made to break what reads them, or to fill the machine."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bluezone_sim.captures.formats.parquet import read_listening, read_sightings
from bluezone_sim.captures.importing import Import
from bluezone_sim.captures.key_sets import read_key_set
from bluezone_sim.errors import FormatError, RowsError
from bluezone_sim.protocols.gaen import archive
from bluezone_sim.protocols.gaen import files as gaen
from bluezone_sim.protocols.gaen.protobuf import bytes_field, fields
from bluezone_sim.reading import packed
from bluezone_sim.tables import fields as ranges
from helpers import published
from helpers.capture_files import RESULTS, START_US, btsnoop, event, report


def imported(path) -> int:
    """How many sightings a file holds."""
    _, tables = Import(protocol="gaen").read(path)
    return sum(map(len, tables))


def refused(path, words: str) -> str:
    with pytest.raises(FormatError, match=words) as told:
        imported(path)
    assert str(path) in str(told.value)
    return str(told.value)


# -- values --------------------------------------------------------------------------------------------


def sightings(**changes) -> pa.Table:
    columns = {
        "protocol": ["gaen", "gaen"],
        "observer": [0, 1],
        "time_ms": [1_597_219_200_000, 1_597_219_201_000],
        "identifier": [bytes(16), bytes(range(16))],
        "rssi_dbm": [-60, -128],
    }
    return pa.table(columns | changes)


def test_a_table_with_possible_values_is_read(tmp_path):
    pq.write_table(sightings(distance_m=[1.5, None], address=[1, (1 << 48) - 1]), tmp_path / "x")
    (found,) = read_sightings(tmp_path / "x").values()
    assert found.rssi_dbm.tolist() == [-60, -128]
    assert found.identifier.tolist() == [[0] * 16, list(range(16))]
    assert np.isnan(found.distance_m[1])


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("rssi_dbm", [-60, 32_000], "rssi_dbm: row 2: expected -127 to 20 dBm, found 32000"),
        ("rssi_dbm", [21, 22], "rssi_dbm: row 1: .* found 21; 1 more rows are so"),
        ("rssi_dbm", [-60, -129], "rssi_dbm: row 2: .* found -129"),
        ("time_ms", [-1, 0], "time_ms: row 1: expected 0 to 8.796e\\+12 unix milliseconds"),
        ("time_ms", [0, (1 << 63) - 1], "time_ms: row 2: .* found 9223372036854775807"),
        ("time_ms", [0.5, float("nan")], "not a file of sightings"),
        ("observer", [0, -1], "observer: row 2"),
        ("observer", [0, 1 << 40], "not a file of sightings"),
        ("transport", [0, 2], "transport: row 2"),
        ("address", [0, 1 << 48], "address: row 2"),
        ("distance_m", [1.0, 1e9], "distance_m: row 2: expected 0 to 1,000 metres"),
        ("distance_m", [1.0, float("inf")], "distance_m: row 2"),
        ("packets", [1, -1], "packets: row 2"),
        ("protocol", ["gaen", "\x1b[2J"], r"protocol '\\x1b\[2J': expected one of"),
        ("protocol", ["gaen", None], "protocol: 1 rows are null"),
        ("identifier", [bytes(16), b"x" * 1_000_000], "identifier: row 2: expected 16 bytes"),
    ],
)
def test_values_of_a_table_are_checked(column, values, words, tmp_path):
    pq.write_table(sightings(**{column: values}), tmp_path / "x")
    with pytest.raises(FormatError, match=words):
        read_sightings(tmp_path / "x")


def test_what_a_table_says_of_listening_is_checked(tmp_path):
    for text in (
        '{"listening": [[0, 2, 1, 0]], "phones": {}}',
        "[" * 5000,
        '{"listening": 9, "phones": 1}',
    ):
        table = sightings().replace_schema_metadata({"bluezone_sim.listening": text})
        pq.write_table(table, tmp_path / "x")
        with pytest.raises(FormatError, match=str(tmp_path)):
            read_listening(tmp_path / "x")


def test_an_rssi_that_bluetooth_reserves_is_none(tmp_path):
    ad = b"\x02\x01\x1a\x03\x03\x6f\xfd\x17\x16\x6f\xfd" + bytes(20)
    rows = [(START_US + k, event(report(ad, rssi))) for k, rssi in enumerate((-60, 20, 21, 127))]
    (tmp_path / "x").write_bytes(btsnoop(rows))
    _, tables = Import().read(tmp_path / "x")
    found = [int(v) for table in tables for v in table.rssi_dbm]
    assert found == [-60, 20, ranges.UNKNOWN_RSSI_DBM, ranges.UNKNOWN_RSSI_DBM]


# -- sqlite --------------------------------------------------------------------------------------------


def measurement(path, *rows: tuple) -> None:
    database = sqlite3.connect(path)
    database.execute(RESULTS)
    database.executemany("INSERT INTO results VALUES (NULL,?,?,?,?,?,?,?,?)", rows)
    database.commit()
    database.close()


GOOD = ("a", "m", "b", "m", 1_597_219_200, -60, 0, 1.0)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (4, b"\x00\xff", "timestamp"),
        (4, float("inf"), "timestamp"),
        (4, 1e300, "timestamp"),
        (4, None, "timestamp"),
        (5, b"-60", "rssi"),
        (5, 32_000, "rssi: expected -127 to 20 dBm, found 32000"),
        (5, "loud", "rssi"),
        (7, b"", "ground_truth_distance"),
        (7, 1e9, "ground_truth_distance"),
        (0, b"x" * 5000, "receiver_id"),
        (2, None, "transmitter_id"),
    ],
)
def test_cells_of_a_measurement_are_checked(at, value, words, tmp_path):
    row = list(GOOD)
    row[at] = value
    measurement(tmp_path / "x", GOOD, tuple(row))
    assert "row 2" in refused(tmp_path / "x", words)


def test_a_cell_of_megabytes_is_refused(tmp_path):
    measurement(tmp_path / "x", GOOD, ("a", "m" * 3_000_000, *GOOD[2:]))
    refused(tmp_path / "x", "sqlite cannot read it .*too big")


def test_devices_that_are_there_twice_do_not_multiply_rows(tmp_path):
    database = sqlite3.connect(tmp_path / "x")
    database.execute("CREATE TABLE devices(id, address, service_data)")
    database.execute("CREATE TABLE locations(id, device_id, timestamp, rssi)")
    database.executemany("INSERT INTO devices VALUES (1, '', 'fd6f: 00')", [()] * 3000)
    database.executemany("INSERT INTO locations VALUES (1, 1, 1597219200, -60)", [()] * 3000)
    database.commit()
    database.close()
    refused(tmp_path / "x", "table devices: id 1 is there twice")


# -- packed --------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """Bounds that small files reach."""
    monkeypatch.setattr(packed, "ALWAYS", 100_000)


def test_a_log_that_unpacks_to_more_than_it_can_is_refused(small, tmp_path):
    log = btsnoop([(START_US, event(report(b"")))])
    (tmp_path / "x").write_bytes(gzip.compress(log))
    assert imported(tmp_path / "x") == 0
    (tmp_path / "x").write_bytes(gzip.compress(log + bytes(1_000_000)))
    refused(tmp_path / "x", "gives more than 10. KiB when unpacked.*; unpack it")
    with pytest.raises(FormatError, match="gives more than"):
        list(Import(partial=True).read(tmp_path / "x")[1])


def test_the_members_of_an_archive_share_one_bound(small, tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as out:
        for k in range(3):
            out.writestr(f"FS/data/misc/bluetooth/logs/btsnoop_hci.log.{k}", bytes(50_000))
    refused(tmp_path / "x", "gives more than")


def test_a_hole_in_a_tar_is_no_log(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("logs/Bluetooth/bluetoothd-hci-latest.pklg")
        member.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": str(1 << 40),
            "GNU.sparse.name": member.name,
        }
        data = b"1\n0\n0\n".ljust(512, b"\0")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    (tmp_path / "x").write_bytes(gzip.compress(out.getvalue()))
    refused(tmp_path / "x", "holds no logs/Bluetooth")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_that_no_phone_packs_are_told(method, tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w", method) as out:
        out.writestr("FS/data/misc/bluetooth/logs/btsnoop_hci.log", btsnoop([]))
    refused(tmp_path / "x", f"packed with method {method}; phones read deflated")
    with zipfile.ZipFile(tmp_path / "y", "w", method) as out:
        out.writestr("export.bin", published.export(published.key(published.A)))
    with pytest.raises(FormatError, match=f"export.bin: packed with method {method}"):
        read_key_set([tmp_path / "y"])


# -- keys ----------------------------------------------------------------------------------------------


def test_a_zip_of_keys_gives_no_more_than_keys_have(tmp_path):
    one = bytes_field(7, bytes_field(1, bytes(16)) + b"\x18\x80\x80\xa3\x01\x20\x90\x01")
    export = gaen.HEADER + one * 300_000
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("export.bin", export)
    with pytest.raises(
        FormatError, match=r"8,\d{3},\d{3} bytes, expected at most 4,194,304 of such"
    ):
        read_key_set([tmp_path / "x"])


def test_entries_at_fault_without_end_are_counted(tmp_path):
    entry = {"daily_key": "zz", "time_start": -1}
    (tmp_path / "x").write_text(json.dumps({"data": [entry] * 30_000}))
    with pytest.raises(RowsError, match=r"data\[0\]\.daily_key") as told:
        read_key_set([tmp_path / "x"])
    assert told.value.n == 30_000
    assert str(told.value).endswith("  and 29,950 more")
    assert len(str(told.value)) < 20_000


@pytest.mark.parametrize(
    "data",
    [
        b'{"data": ' + b"[" * 5000,
        b'{"data": [{"daily_key": ' + b"9" * 5000 + b"}]}",
        b'{"data": [{"daily_key": "a\\u0000", "time_start": 1e999}]}',
        b'{"exposed": ' + b'{"a":' * 5000 + b"}",
        b'{"exposed": [{"key": "AAAA", "keyDate": ' + b"9" * 5000 + b"}]}",
    ],
    ids=range(5),
)
def test_keys_in_json_of_no_sense_are_refused(data, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(FormatError, match=str(tmp_path)):
        read_key_set([tmp_path / "x"])


def test_numbers_of_an_export_have_64_bits():
    assert fields(b"\x08" + b"\xff" * 9 + b"\x7f") == [(1, (1 << 64) - 1)]
    data = gaen.HEADER + b"\x10" + b"\xff" * 9 + b"\x7f" + bytes_field(1, b"\xff" * 50)
    _, info = gaen.parse_export(data)
    assert (info.start_s, info.end_s) == (-1, -1)


def test_signatures_without_end_are_refused():
    with pytest.raises(FormatError, match="1,000 signatures, expected at most 64"):
        archive.read_signatures(bytes_field(1, b"") * 1000)
