"""Files of what phones heard."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import sqlite3
import struct
import tarfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from .. import bluezone_files, capture_files
from .damage import gzipped, unzipped, values_of, zipped
from .reader import Reader, each, folder, in_file

_FORMATS = "captures.formats."


def _import(data: bytes) -> None:
    """A file of sightings, strictly and then with what is at fault left out."""
    from bluezone_sim.captures.importing import Import

    path = in_file("heard", data)

    def read(partial: bool) -> None:
        reading = Import(partial=partial, protocol="gaen")
        report, tables = reading.read(path)
        for table in tables:
            assert table.identifier.dtype == np.uint8
            assert not len(table) or 0 <= table.time_ms.min() <= table.time_ms.max() < 1 << 43
            assert not len(table) or -128 <= table.rssi_dbm.min() <= table.rssi_dbm.max() <= 20
        reading.listening()
        json.dumps(report.to_dict())

    each(path, [lambda: read(False), lambda: read(True)])


_AD = b"\x02\x01\x1a\x03\x03\x6f\xfd\x17\x16\x6f\xfd" + bytes(range(20))


def _rows() -> list[tuple[int, bytes]]:
    """HCI packets of every kind that is taken apart."""
    us, event, report, extended = (
        capture_files.START_US,
        capture_files.event,
        capture_files.report,
        capture_files.extended,
    )
    return [
        (us, event(report(_AD), report(b""))),
        (us + 1, event(extended(_AD, 0x20, sid=1), sub=0x0D)),
        (us + 2, event(extended(_AD, 0, sid=1), sub=0x0D)),
        (us + 3, b"\x04\x3e\x13\x01\x00\x40\x00\x00\x01" + bytes(13)),
        (us + 4, b"\x02\x40\x00\x07\x00\x03\x00\x04\x00\x0b\x21\x00"),
        (us + 5, b"\x01\x37\x20\x23" + bytes([0, 3, 1, 31]) + _AD[:31]),
        (us + 6, b"\x01\x0c\x20\x02\x01\x00"),
        (us + 7, b"\x01\x08\x20\x20" + bytes([3]) + b"\x02\x01\x06" + bytes(28)),
    ]


def _btsnoop() -> list[bytes]:
    return [capture_files.btsnoop(_rows())]


def _pcap() -> list[bytes]:
    us = capture_files.START_US
    return [
        capture_files.pcap([(us, capture_files.nordic(bytes(40)))] * 2, 272),
        capture_files.pcap([(t, bytes(4) + p) for t, p in _rows()], 201, ">", nano=True),
        capture_files.pcap([(us, bytes(10) + bytes(60))] * 2, 256),
        capture_files.pcap([(us, bytes(8) + bytes(60))] * 2, 192),
    ]


def _pcapng() -> list[bytes]:
    from bluezone_sim.captures.formats.pcapng import PcapngWriter

    with PcapngWriter(folder() / "mixed") as out:
        out.write(capture_files.mixed(7, observers=2))
    rows = [(0, t, bytes(4) + p) for t, p in _rows()]
    return [
        (folder() / "mixed").read_bytes(),
        capture_files.pcapng(rows, (201, 1), ">"),
        capture_files.pcapng(rows, (201,), "<", b"\x09\x00\x01\x00\x06\0\0\0" + bytes(4)),
    ]


def _pklg() -> list[bytes]:
    kinds = {1: 0x00, 4: 0x01, 2: 0x03}
    return [
        b"".join(
            struct.pack(">3IB", len(p) + 8, t // 1_000_000, t % 1_000_000, kinds[p[0]]) + p[1:]
            for t, p in _rows()
        )
    ]


def _snooz(records: bytes) -> bytes:
    last = capture_files.START_US // 1000
    text = base64.encodebytes(struct.pack("<BQ", 2, last) + zlib.compress(records))
    return (
        b"--- BEGIN:BTSNOOP_LOG_SUMMARY (99 bytes in) ---\n"
        + text
        + b"--- END:BTSNOOP_LOG_SUMMARY ---\n"
    )


def _snoozed() -> bytes:
    kinds = {1: 0x20, 2: 0x11, 4: 0x10}
    return b"".join(
        struct.pack("<HHQB", len(p), len(p), 1, kinds[p[0]]) + p[1:] for _, p in _rows()
    )


def _tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("sysdiagnose/logs/Bluetooth/bluetoothd-hci-latest.pklg")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


_CSV = b"time,identifier,rssi,protocol\n" + b"".join(
    b"%d,%s,-%d,gaen\n" % (1_597_219_200 + i, bytes([i] * 16).hex().encode(), 60 + i)
    for i in range(9)
)


def _sqlite(create: str, tables: dict[str, int], good: Callable[[int], tuple[Any, ...]]):
    """Packs rows: the first two good ones, then one with cells as the bytes choose."""

    def pack(data: bytes) -> bytes:
        path = folder() / "made.sqlite"
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.execute("PRAGMA page_size = 512")
        database.executescript(create)
        values, at = values_of(data), 0
        for table, n in tables.items():
            marks = ",".join("?" * n)
            row = list(good(n))
            database.execute(f"INSERT INTO {table} VALUES ({marks})", row)
            for k in range(n):
                if data and data[k % len(data)] & 1:
                    row[k] = values[at + k]
            at += n
            if data:
                with suppress(sqlite3.IntegrityError):
                    database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
        database.commit()
        database.close()
        return path.read_bytes()

    return pack


_RESULTS = _sqlite(
    capture_files.RESULTS + ";",
    {"results": 9},
    lambda n: (1, "a", "m", "b", "m", 1_597_219_200, -60, 0, 1.5),
)
_RAMBLE = _sqlite(
    "CREATE TABLE devices(id INTEGER PRIMARY KEY, address TEXT, service_data TEXT);"
    "CREATE TABLE locations(id INTEGER PRIMARY KEY, device_id INTEGER, timestamp, rssi);",
    {"devices": 3, "locations": 4},
    lambda n: (
        (1, "11:22:33:44:55:66", "fd6f: " + "0a" * 20) if n == 3 else (1, 1, 1_597_219_200, -60)
    ),
)
_MICROG = _sqlite(
    "CREATE TABLE advertisements(rpi BLOB, aem BLOB, timestamp, rssi, duration);",
    {"advertisements": 5},
    lambda n: (bytes(16), bytes(4), 1_597_219_200_000, -60, 5000),
)


def _sightings_parquet(data: bytes) -> bytes:
    """A Parquet of sightings of which some columns are of other kinds, or have other values."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = random.Random(data)
    columns: dict[str, Any] = {
        "protocol": ["gaen", "gaen"],
        "observer": [0, 1],
        "time_ms": [1_597_219_200_000] * 2,
        "identifier": [bytes(16), bytes(range(16))],
        "rssi_dbm": [-60, -128],
        "payload": [bytes(4)] * 2,
        "address": [1, 2],
        "distance_m": [1.0, None],
    }
    for name in columns:
        if data and rng.random() < 0.25:
            value = rng.choice(values_of(data))
            columns[name] = [rng.choice((columns[name][0], value)), value]
    if data and rng.random() < 0.2:
        del columns[rng.choice(list(columns))]
    noted = b'{"listening": [[0, 1, 2, 0]], "phones": {"0": "a"}}'
    if data and rng.random() < 0.3:
        noted = data[:4000]
    out = io.BytesIO()
    try:
        table = pa.table(columns)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        table = pa.table({"protocol": ["gaen"]})
    pq.write_table(table.replace_schema_metadata({"bluezone_sim.listening": noted}), out)
    return out.getvalue()


HEARD: tuple[Reader, ...] = (
    Reader("btsnoop", _btsnoop, _import, (_FORMATS + "records", _FORMATS + "hci")),
    Reader("pcap", _pcap, _import, (_FORMATS + "records", _FORMATS + "link_layer")),
    Reader("pcapng", _pcapng, _import, (_FORMATS + "pcapng_blocks",)),
    Reader("pklg", _pklg, _import, (_FORMATS + "records",)),
    Reader(
        "btsnooz", lambda: [_snooz(_snoozed())], _import, (_FORMATS + "btsnooz",),
        pack=_snooz, within=lambda data: _snoozed(),
    ),
    Reader(
        "bug report",
        lambda: [zipped("FS/data/misc/bluetooth/logs/btsnoop_hci.log")(_btsnoop()[0]),
                 zipped("bugreport-x.txt")(_snooz(_snoozed()))],
        _import, (_FORMATS + "containers:unpacked|_of_report|logs_in|_of_text|_copy|is_report",),
        pack=zipped("FS/data/misc/bluetooth/logs/btsnoop_hci.log", version__txt=b"2"), within=unzipped,
    ),
    Reader(
        "sysdiagnose", lambda: [gzipped(_tar(_pklg()[0]))], _import,
        (_FORMATS + "containers:unpacked|_gunzip|_of_sys|_packetlogs|_is_tar",),
        pack=gzipped, within=gzip.decompress,
    ),
    Reader(
        "gzip", lambda: [gzipped(_btsnoop()[0])], _import,
        (_FORMATS + "containers:unpacked|_gunzip|_before|_copy|_is_tar|head_of",),
        pack=gzipped, within=gzip.decompress,
    ),
    Reader("data_trace", lambda: [bluezone_files.trace()], _import,
           ("protocols.bluezone.files:parse_history|_Where|_identifiers|_integers",)),
    Reader("csv", lambda: [_CSV], _import, (_FORMATS + "csv_rows",),
           (b"payload", b"tcn", b"2020-08-12T08:00:00Z")),
    Reader("sqlite", lambda: [_RESULTS(b"")], _import, (_FORMATS + "dp3t_sqlite",), pack=_RESULTS),
    Reader("ramble", lambda: [_RAMBLE(b"")], _import, (_FORMATS + "ramble",), pack=_RAMBLE),
    Reader("microg", lambda: [_MICROG(b"")], _import, (_FORMATS + "microg",), pack=_MICROG),
    Reader(
        "parquet", lambda: [_sightings_parquet(b"")], _import, (_FORMATS + "parquet", "reading.parquet"),
        pack=_sightings_parquet,
    ),
)  # fmt: skip
