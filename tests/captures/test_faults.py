"""Captures, measurements and histories at fault: named, and what was read before is told."""

from __future__ import annotations

import dataclasses
import gzip
import json
import sqlite3
import struct

import numpy as np
import pytest

from bluezone_sim.captures.formats import frames
from bluezone_sim.captures.formats.btsnoop import BtsnoopWriter
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.captures.formats.pcapng import PcapngWriter
from bluezone_sim.captures.importing import import_file
from bluezone_sim.captures.phones import PhoneNumbers
from bluezone_sim.errors import FormatError, InputError, TableError
from helpers.capture_files import (
    RESULTS,
    START_US,
    advertisement,
    btsnoop,
    event,
    mixed,
    pcap,
    pcapng,
    report,
)
from helpers.commands import call


def log(n: int = 3) -> bytes:
    ad = advertisement("gaen", np.random.default_rng(1))
    return btsnoop([(START_US + k, event(report(ad))) for k in range(n)])


def capture(n: int = 3) -> bytes:
    ad = advertisement("gaen", np.random.default_rng(1))
    return pcapng([(0, START_US + k, bytes(4) + event(report(ad))) for k in range(n)])


BACK = btsnoop([(START_US, b"\x04\x0e\x00"), (START_US - 20_000_000, b"\x04\x0e\x00")])


FAULTS = [
    (b"", ("empty",), 0),
    (b"\0" * 100, ("not a file of sightings", "btsnoop, pcap, pcapng"), 0),
    (pcap([])[:20], ("24 bytes of a pcap header", "truncated"), 0),
    (pcap([(START_US, bytes(40))] * 2)[:-5], ("record 2", "mid-record, 51 bytes"), 1),
    (pcap([], 1), ("link type 1", "272 (nRF sniffer)"), 0),
    (pcap([]), ("holds no packets",), 0),
    (pcap([]) + struct.pack("<4I", 1, 2_000_000, 0, 0), ("2,000,000 parts", "1,000,000"), 0),
    (pcap([]) + struct.pack("<4I", 1, 0, 9, 8) + bytes(9), ("lengths of 8 and 9",), 0),
    (log()[:10], ("16 bytes of a btsnoop header", "truncated"), 0),
    (log()[:-5], ("byte 156", "record 3", "ends in mid-record, 65 bytes"), 2),
    (log()[:-80], ("record 2", "mid-record"), 1),
    (log()[:16], ("holds no packets",), 0),
    (btsnoop([], 1003), ("link type 1003", "1002 (HCI H4, btsnoop)"), 0),
    (log(1)[:16] + struct.pack(">IIIIq", 1 << 30, 1 << 30, 0, 0, 0), ("1,073,741,824",), 0),
    (log(1)[:16] + struct.pack(">IIIIq", 1, 2, 0, 0, 0) + b"\0\0", ("lengths of 1 and 2",), 0),
    (log(1)[:16] + struct.pack(">IIIIq", 1, 1, 0, 0, 5) + b"\0", ("no time since 1970",), 0),
    (BACK, ("record 2", "backwards by 20.0 s", "clock"), 1),
    (capture()[:-5], ("byte 216", "packet 3", "ends in mid-packet"), 2),
    (capture()[:-4] + b"\1\0\0\0", ("lengths at both ends",), 2),
    (pcapng([(0, START_US, b"\0" * 60)], (1,)), ("link type 1", "256"), 1),
    (pcapng([(3, START_US, b"\0")]), ("interface 3", "not described"), 0),
    (pcapng([]), ("holds no packets",), 0),
    (pcapng([], ()), ("holds no packets",), 0),
    (b"\x0a\x0d\x0d\x0a" + bytes(40), ("byte-order magic",), 0),
    (b"\x0a\x0d\x0d\x0a", ("mid-packet",), 0),
    (b"xx\tyy\t-1\t2\n", ("row 1", "own id"), 0),
    (b"PAR1" + bytes(30), ("not Parquet",), 0),
    (b"SQLite format 3\0" + bytes(100), ("sqlite",), 0),
]


@pytest.mark.parametrize(
    ("data", "words", "n_records"),
    FAULTS,
    ids=["; ".join(words) for _, words, _ in FAULTS],
)
def test_a_fault_is_named_and_what_was_read_before_it_is_told(
    data, words, n_records, tmp_path, capsys
):
    path, out = tmp_path / "x", tmp_path / "s.parquet"
    path.write_bytes(data)
    assert call("import", path, "--out", out) == 2
    said = capsys.readouterr().err
    for word in (str(path), *words):
        assert word in said
    if n_records:
        assert f"{n_records} records" in said
        assert "nothing was written" in said
    else:
        assert "--partial" not in said
    assert not out.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_what_was_read_before_a_fault_is_kept_when_asked_for(tmp_path, capsys):
    path, out = tmp_path / "x.log", tmp_path / "s.parquet"
    path.write_bytes(log(3)[:-5])
    assert call("import", path, "--out", out, "--partial", "--json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert "mid-record" in document["files"][0]["fault"]
    assert "2 sightings; written" in captured.err
    assert len(read_sightings(out)["gaen"]) == 2


def test_small_steps_back_are_counted(tmp_path, capsys):
    (tmp_path / "x.log").write_bytes(
        btsnoop([(START_US, b"\x04\x0e\x00"), (START_US - 4_300_000, b"\x04\x0e\x00")])
    )
    assert call("import", tmp_path / "x.log", "--out", tmp_path / "s.parquet") == 0
    assert "1 records are a little earlier" in capsys.readouterr().out


def sqlite_file(path, sql: str, rows: list[tuple] = ()) -> None:
    database = sqlite3.connect(path)
    database.execute(sql)
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO results VALUES ({marks})", rows)
    database.commit()
    database.close()


GOOD = (None, "6", "SM-G981B/DS", "2", "SM-G981B/DS", 1596113489.281193, -84, 0, 2.0)


def test_a_measurement_is_read_with_its_distances(tmp_path, capsys):
    path = tmp_path / "x.sqlite"
    other = (None, "2", "SM-G973F", "6", "SM-G973F", 1596113490.5, -90, 0, None)
    sqlite_file(path, RESULTS, [GOOD, other])
    assert call("import", path, "--out", tmp_path / "s.parquet", "--json") == 0
    phones = json.loads(capsys.readouterr().out)["phones"]
    # A phone's model is that with which it receives.
    assert [(p["name"], p["model"]) for p in phones] == [("6", "SM-G981B/DS"), ("2", "SM-G973F")]
    found = read_sightings(tmp_path / "s.parquet")["gaen"]
    assert found.observer.tolist() == [0, 1]
    assert found.true_sender.tolist() == [1, 0]
    assert found.time_ms.tolist() == [1_596_113_489_281, 1_596_113_490_500]
    assert found.distance_m[0] == 2
    assert np.isnan(found.distance_m[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({5: "noon"}, ("row 1", "timestamp", "unix seconds")),
        ({6: None}, ("row 1", "rssi", "dBm", "None")),
        ({6: 90}, ("rssi", "-127 to 20")),
        ({8: -2.0}, ("ground_truth_distance", "metres, NULL or -1")),
        ({1: "x" * 17}, ("receiver_id", "16")),
    ],
)
def test_a_row_at_fault_is_named(change, words, tmp_path, capsys):
    row = tuple(change.get(i, v) for i, v in enumerate(GOOD))
    sqlite_file(tmp_path / "x.sqlite", RESULTS, [row])
    assert call("import", tmp_path / "x.sqlite", "--out", tmp_path / "s.parquet") == 2
    said = capsys.readouterr().err
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE TABLE other(a)", ("table 'results'", "other")),
        ("CREATE TABLE results(rssi)", ("receiver_id", "missing", "found rssi")),
        (RESULTS, ("holds no rows",)),
    ],
)
def test_a_database_at_fault_is_named(sql, words, tmp_path, capsys):
    sqlite_file(tmp_path / "x.sqlite", sql)
    assert call("import", tmp_path / "x.sqlite", "--out", tmp_path / "s.parquet") == 2
    said = capsys.readouterr().err
    for word in (*words, "x.sqlite"):
        assert word in said


def test_a_sightings_file_at_fault_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "s.parquet"
    good = {
        "protocol": ["gaen"],
        "observer": [0],
        "time_ms": [1],
        "identifier": [bytes(16)],
        "rssi_dbm": [-70],
    }
    for change, words in (
        ({"protocol": ["gane"]}, "'gane'"),
        ({"identifier": [bytes(12)]}, "expected 16 bytes"),
        ({"rssi_dbm": ["x"]}, "not a file of sightings"),
        ({"rssi_dbm": [None]}, "rssi_dbm"),
        ({"rssi_dbm": None}, "no column rssi_dbm"),
    ):
        columns = {k: v for k, v in {**good, **change}.items() if v is not None}
        pq.write_table(pa.table(columns), path)
        with pytest.raises(FormatError, match=words):
            read_sightings(path)
    pq.write_table(pa.table(good), path)
    assert len(read_sightings(path)["gaen"]) == 1


def test_a_file_given_twice_is_not_counted_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.log").write_bytes(log(3))
    assert call("import", "x.log", "./x.log", "--out", "s.parquet") == 2
    assert "x.log: is given twice" in capsys.readouterr().err
    (tmp_path / "y.log.gz").write_bytes(gzip.compress(log(3)))
    assert call("import", "x.log", "y.log.gz", "--out", "s.parquet") == 2
    assert "holds what x.log holds" in capsys.readouterr().err
    assert not (tmp_path / "s.parquet").exists()


def test_writers_refuse_what_a_file_cannot_hold(tmp_path):
    good = mixed(4, observers=2)
    for writer, change, words in (
        (PcapngWriter, {"channel": np.full(4, 255, np.uint8)}, "37, 38 or 39"),
        (PcapngWriter, {"kind": np.full(4, 7, np.uint8)}, "legacy"),
        (PcapngWriter, {"size": np.full(4, 32, np.int32)}, "31 bytes"),
        (PcapngWriter, {"address": np.full(4, 1 << 48, np.uint64)}, "48 bits"),
        (BtsnoopWriter, {}, "one phone"),
    ):
        with pytest.raises(TableError, match=words), writer(tmp_path / "x") as out:
            out.write(dataclasses.replace(good, **change))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot be written"):
        PcapngWriter(tmp_path / "none" / "x")


def test_a_file_of_its_own_output_is_refused(tmp_path, capsys):
    path = tmp_path / "x.log"
    path.write_bytes(log())
    assert call("import", path, "--out", path) == 2
    assert "is read and would be written" in capsys.readouterr().err
    assert path.read_bytes() == log()


def test_memory_is_bounded_by_the_window(tmp_path, monkeypatch):
    """A file of many windows is never held whole."""
    monkeypatch.setattr(frames, "WINDOW_BYTES", 1 << 14)
    path = tmp_path / "x.log"
    path.write_bytes(log(5000))
    largest = 0
    _, tables = import_file(path, PhoneNumbers())
    for table in tables:
        largest = max(largest, len(table))
    assert largest < 300
