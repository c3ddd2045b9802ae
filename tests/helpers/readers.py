"""Everything that reads what others wrote, with whole inputs to start from, and how inputs are damaged.

``tests/reading/test_readers.py`` tries each with some hundred inputs, ``tests/reading/fuzz_readers.py``
for as long as it is let.
"""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import io
import json
import random
import sqlite3
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bluezone_sim.errors import InputError

from . import bluezone_files, capture_files, contact_day, published
from .small import TOWN, scenario

#: Of one input that is made from another.
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Reader:
    """A way in for what others wrote.

    Attributes:
        name: of the reader.
        seeds: whole inputs, which are read.
        read: reads one; an :class:`InputError` is an answer, any other exception a fault.
        modules: its own modules, of which the lines that are reached are counted; behind a colon with what
            the names of its functions in them begin, with | between.
        words: pieces that inputs of its kind are made of.
        pack: makes an input of what the packing holds, so that damage is inside of it, checksums fit and
            signatures verify.
        within: gives what is packed in a seed.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes], object]
    modules: tuple[str, ...]
    words: tuple[bytes, ...] = ()
    pack: Callable[[bytes], bytes] | None = None
    within: Callable[[bytes], bytes] | None = None


# -- damage --------------------------------------------------------------------------------------------

_NUMBERS = tuple(
    struct.pack(order + form, value)
    for order in "<>"
    for form, values in (
        ("B", (0, 1, 127, 128, 255)),
        ("H", (0, 0x7FFF, 0x8000, 0xFFFF)),
        ("I", (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)),
        ("Q", (0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
    )
    for value in values
)
#: What texts break on: numbers without end, nesting, NULs, separators, half letters, dates of no year.
_TEXTS = (
    b"9" * 5000, b"-1", b"1e999", b"NaN", b"Infinity", b"9223372036854775808", b"0x" + b"f" * 5000,
    b"[" * 2000, b"{" * 2000, b'{"a":' * 1500, b"]" * 2000, b"\0", b"\\u0000", b"\xed\xa0\x80", b"\xff",
    b"\x1b[2J", b"\xe2\x80\xae", b"\r", b"\n", b'"', b"'", b",", b"\t", b"=1+1", b"null", b"true", b"[]",
    b"{}", b'""', b"x" * 70_000, b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00", b"2020-02-31", b"1_0",
)  # fmt: skip


def damaged(rng: random.Random, reader: Reader, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with some bytes replaced, a piece cut out, doubled or put in, an end cut off."""
    data = bytearray(rng.choice(seeds))
    packed = reader.pack is not None and rng.random() < 0.7
    if packed and reader.within is not None:
        with suppress(Exception):  # one that cannot be unpacked any more is packed once more
            data = bytearray(reader.within(bytes(data)))
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        _damage(rng, data, reader.words, seeds)
    out = bytes(data[:_MOST_BYTES])
    return reader.pack(out) if packed and reader.pack is not None else out


def _damage(
    rng: random.Random, data: bytearray, words: Sequence[bytes], seeds: Sequence[bytes]
) -> None:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 2, 4, 8, 30, 300)))
    kind = rng.randrange(8)
    if kind == 0 and data:
        data[at - 1] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at:end] = rng.randbytes(end - at)
    elif kind == 2:
        number = rng.choice(_NUMBERS)
        data[at : at + len(number)] = number
    elif kind == 3:
        data[at:end] = b""
    elif kind == 4:
        data[at:at] = data[at:end] * rng.choice((1, 2, 50))
    elif kind == 5:
        data[at : rng.choice((at, end))] = rng.choice((*words, *_TEXTS))
    elif kind == 6:
        other = rng.choice(seeds)
        begin = rng.randrange(len(other) + 1)
        data[at:end] = other[begin : begin + rng.choice((4, 40, 400))]
    elif rng.random() < 0.3:
        del data[at:]


# -- files in a folder ---------------------------------------------------------------------------------


@cache
def _folder() -> Path:
    shared = Path("/dev/shm")  # files in memory, where there are any
    place = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
    _KEPT.append(place)
    return Path(place.name)


#: Folders that last as long as the process.
_KEPT: list[Any] = []


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


# -- what phones heard ---------------------------------------------------------------------------------


def _import(data: bytes) -> None:
    """A file of sightings, strictly and then with what is at fault left out."""
    from bluezone_sim.captures.importing import Import

    path = _file("heard", data)

    def read(partial: bool) -> None:
        reading = Import(partial=partial, protocol="gaen")
        report, tables = reading.read(path)
        for table in tables:
            assert table.identifier.dtype == np.uint8
            assert not len(table) or 0 <= table.time_ms.min() <= table.time_ms.max() < 1 << 43
            assert not len(table) or -128 <= table.rssi_dbm.min() <= table.rssi_dbm.max() <= 20
        reading.listening()
        json.dumps(report.to_dict())

    _each(path, [lambda: read(False), lambda: read(True)])


def _each(path: Path, ways: Sequence[Callable[[], object]]) -> None:
    """Reads an input in several ways; where none of them can, the first one's error is the answer."""
    errors = []
    for read in ways:
        try:
            read()
        except InputError as error:
            assert str(path) in str(error), error
            errors.append(error)
    if len(errors) == len(ways):
        raise errors[0]


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

    with PcapngWriter(_folder() / "mixed") as out:
        out.write(capture_files.mixed(7, observers=2))
    rows = [(0, t, bytes(4) + p) for t, p in _rows()]
    return [
        (_folder() / "mixed").read_bytes(),
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


def _zip(name: str, **others: bytes) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
            for other, content in others.items():
                archive.writestr(other.replace("__", "."), content)
        return out.getvalue()

    return pack


def _unzip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(archive.namelist()[0])


def _tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("sysdiagnose/logs/Bluetooth/bluetoothd-hci-latest.pklg")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


_CSV = b"time,identifier,rssi,protocol\n" + b"".join(
    b"%d,%s,-%d,gaen\n" % (1_597_219_200 + i, bytes([i] * 16).hex().encode(), 60 + i)
    for i in range(9)
)


def _values(data: bytes) -> list[Any]:
    """Cells of every kind that a table can have, as the bytes choose."""
    rng = random.Random(data)
    kinds = (
        None, 0, -1, 1, 60, -60, 1_597_219_200, 1_597_219_200_123, (1 << 63) - 1, -(1 << 63), 0.5,
        1e308, float("inf"), float("nan"), "", "a", "fd6f:" + "0a" * 20, "\0", "é" * 9, b"", bytes(4),
        bytes(16), b"\xff" * 20, "11:22:33:44:55:66", "x" * 5000,
    )  # fmt: skip
    return [rng.choice(kinds) for _ in range(7 * 6)]


def _sqlite(create: str, tables: dict[str, int], good: Callable[[int], tuple[Any, ...]]):
    """Packs rows: the first two good ones, then one with cells as the bytes choose."""

    def pack(data: bytes) -> bytes:
        path = _folder() / "made.sqlite"
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.execute("PRAGMA page_size = 512")
        database.executescript(create)
        values, at = _values(data), 0
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
            value = rng.choice(_values(data))
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


# -- keys ----------------------------------------------------------------------------------------------


def _keys(data: bytes) -> None:
    """A file of keys as ``match`` and ``keys check`` read it."""
    from bluezone_sim.captures.key_check import check_keys
    from bluezone_sim.captures.key_sets import read_key_set

    path = _file("keys", data)

    def read(partial: bool) -> None:
        found = read_key_set([path], partial=partial)
        json.dumps(found.to_dict())
        found.summary()

    check_keys([path]).to_dict()
    _each(path, [lambda: read(False), lambda: read(True)])


def _lowcost() -> bytes:
    entry = {"key": base64.b64encode(bytes(range(32))).decode(), "keyDate": 1_597_219_200_000}
    return json.dumps({"exposed": [entry] * 2}).encode()


def _hybrid() -> bytes:
    entry = {"key": base64.b64encode(bytes(range(16))).decode(), "keyDate": 1_597_219_200_000}
    return json.dumps({"exposed": [entry] * 2}).encode()


def _cuckoo() -> bytes:
    from bluezone_sim.protocols.dp3t.files import CuckooFilter

    return CuckooFilter.build(np.ones((3, 32), np.uint8)).to_bytes()


def _export() -> bytes:
    return published.export(
        published.key(published.A),
        published.key(published.B, report=4),
        revised=(published.key(published.A, report=5),),
        signers=(published.signer(),),
    )


_SIGNATURES = published.signatures((published.signer(), bytes(70)))


@cache
def _ed25519() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(b"\1" * 32)


def _reports() -> bytes:
    from bluezone_sim.protocols.tcn.files import write_report

    return write_report(b"\1" * 32, 1, 5, memo=b"abc") + write_report(b"\1" * 32, 3, 4)


def _signed(body: bytes) -> bytes:
    """A report of TCN whose body is damaged, and then signed."""
    body = body[:64].ljust(64, b"\0") + body[64:70].ljust(6, b"\0") + body[70:]
    memo = body[70:][: body[69]].ljust(body[69], b"\0")
    public = _ed25519().public_key().public_bytes_raw()
    whole = public + body[32:70] + memo
    return whole + _ed25519().sign(whole)


def _public_key(data: bytes) -> None:
    from bluezone_sim.captures.key_files import read_public_key

    read_public_key(_file("key", data))


@cache
def _authority() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(0x1234_5678_9ABC_DEF0, ec.SECP256R1())


def _public_keys() -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key, form = _authority().public_key(), PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(Encoding.DER, form)
    return [key.public_bytes(Encoding.PEM, form), der, base64.b64encode(der)]


def _verified(data: bytes) -> None:
    """An export whose signature fits the file, whatever is in it."""
    from bluezone_sim.protocols.gaen.archive import verify

    verify(data, "export.zip", _authority().public_key(), lambda suffix: (b"", suffix))


def _signed_zip(export: bytes) -> bytes:
    from bluezone_sim.protocols.gaen.archive import write_signature
    from bluezone_sim.protocols.gaen.files import SignatureInfo

    export = b"EK Export v1    " + export[16:]
    signature = write_signature(export, _authority(), SignatureInfo(key_version="v1", key_id="452"))
    return _zip("export.bin", export__sig=signature)(export)


# -- scenarios, and the files that they name -----------------------------------------------------------


def _scenario(data: bytes) -> None:
    from bluezone_sim.scenario import load, resolved_toml
    from bluezone_sim.scenario.loading import parse

    found = load(_file("my.toml", data))
    assert parse(resolved_toml(found)) is not None


_SWEEP = b"""
[sensitivity]
cases = 10
arms = [{ label = "dense", set = { "radio.density" = "on" } }]
[[expect]]
metric = "recall"
at_least = 0.0
[sweep]
seeds = 2
grid = { "protocol.name" = ["bluezone", "gaen"] }
"""


def _of_scenario(more: str) -> Callable[[bytes], None]:
    """A file that a scenario names, read by it."""

    def read(data: bytes) -> None:
        from bluezone_sim.scenario.loading import parse

        _file("named", data)
        parse(TOWN + more, "s.toml", None, _folder())

    return read


def _limits(data: bytes) -> None:
    from bluezone_sim.ble.conformance.limits import load_limits

    load_limits(str(_file("limits.toml", data)))


def _shipped_limits() -> list[bytes]:
    from bluezone_sim.ble.conformance.limits import shipped_profiles

    return [path.read_bytes() for path in shipped_profiles().values()]


def _bench(data: bytes) -> None:
    from bluezone_sim.ble.bench.file import load_bench

    load_bench(_file("bench.toml", data))


_BENCH = b"""
name = "desk"
[[adapters]]
name = "hci0"
role = "listen"
[[phones]]
name = "an Android phone"
profile = "gaen"
target = "first"
seconds = 120
"""


def _baseline(data: bytes) -> None:
    from bluezone_sim.benchmarks.regressions import parse_baseline

    parse_baseline(data, "bench.json")


def _session(data: bytes) -> None:
    from bluezone_sim.ble.guided.whitepaper import load, to_dict

    to_dict(load(_file("session.json", data)))


def _sessions() -> list[bytes]:
    from bluezone_sim.ble.guided.whitepaper import CaseOutcome, to_dict

    return [json.dumps(to_dict({1: CaseOutcome(1, True, "history", 3, 9, 1, 2)})).encode()]


def _settings(data: bytes) -> None:
    from bluezone_sim.cli.common import settings_of
    from bluezone_sim.scenario.loading import parse

    text = data.decode("utf-8", "surrogateescape")
    parse(TOWN, "s.toml", settings_of([text]))


# -- traces --------------------------------------------------------------------------------------------


def _trace(data: bytes, people: bool = False) -> None:
    from bluezone_sim.scenario.inputs.traces.reader import read_trace
    from bluezone_sim.scenario.schema.trace import TraceTable

    path = _file("people" if people else "trace", data)
    table: dict[str, Any] = {"file": str(path), "start": dt.date(2013, 12, 2), "step_s": 20}
    if people:
        table |= {"file": str(_file("trace", _steps())), "people": str(path)}
    asked = [table]
    if not people:
        asked += [
            {"file": str(path), "bad_rows": "count"},
            {
                "file": str(path),
                "columns": ["t", "i", "j"],
                "steps_per_day": 100,
                "encoding": "latin-1",
            },
            {"file": str(path), "dialect": "one"},
        ]

    def read(keys: dict[str, Any]) -> None:
        found = read_trace(TraceTable.model_validate(keys), "Europe/Paris")
        assert len(found.ids) == len(found.group)
        assert (found.duration_s > 0).all()

    _each(_folder(), [partial(read, keys) for keys in asked])


def _steps() -> bytes:
    return b"".join(b"%d %d %d\n" % row for row in contact_day.steps()[:400])


def _traces() -> list[bytes]:
    steps = contact_day.steps()[:60]
    return [
        b"".join(b"%d %d %d\n" % row for row in steps),
        b"t,i,j,distance_m\n" + b"".join(b"%d,%d,%d,1.5\n" % row for row in steps),
        b"start,end,i,j,rssi\n" + b"".join(b"%d,%d,%d,%d,-60\n" % (t, t + 20, i, j) for t, i, j in steps),
        b"t;i;j\n" + b"".join(b"2013-12-02T08:%02d:00;%d;%d\n" % (k % 60, i, j)
                              for k, (_, i, j) in enumerate(steps)),
        b"".join(b"%d CONN %d %d up\n%d CONN %d %d down\n" % (t, i, j, t + 20, i, j)
                 for t, i, j in steps),
    ]  # fmt: skip


def _trace_parquet(data: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = random.Random(data)
    columns: dict[str, Any] = {"t": [0, 20, 40], "i": [1, 1, 2], "j": [2, 3, 3]}
    for name in columns:
        if data and rng.random() < 0.4:
            value = rng.choice(_values(data))
            columns[name] = [value, rng.choice((value, None)), value]
    out = io.BytesIO()
    try:
        pq.write_table(pa.table(columns), out)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pq.write_table(pa.table({"t": [0]}), out)
    return out.getvalue()


# -- runs and sweeps -----------------------------------------------------------------------------------


@cache
def _run() -> Path:
    from bluezone_sim.api import run

    folder = _folder() / "run"
    run(scenario(), seed=1).save(folder)
    # A folder from before: what is damaged is read, and not refused for its digest.
    (folder / "digests.json").unlink(missing_ok=True)
    return folder


def _of_run(name: str) -> Reader:
    @cache
    def seeds() -> tuple[bytes]:
        return ((_run() / name).read_bytes(),)

    def read(data: bytes) -> None:
        from bluezone_sim.storage.run_load import open_run

        (_run() / name).write_bytes(data)
        try:
            open_run(_run())
        finally:
            (_run() / name).write_bytes(seeds()[0])

    return Reader(f"run, {name}", seeds, read, ("storage.run_load",))


def _sweep(data: bytes) -> None:
    from bluezone_sim.sweeping.store import Store

    folder = _folder() / "sweep"
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_bytes(data)
    store = Store(folder)
    store.about()
    store.scenario()


def _sweeps() -> list[bytes]:
    from bluezone_sim.sweeping.plan import base_of, plan
    from bluezone_sim.sweeping.store import _document

    planned = plan(scenario(), {"radio.density": ["off", "on"]}, 1)
    axes = {key: list(values) for key, values in planned.axes.items()}
    return [_document(planned, base_of(planned.scenario, planned.axes), axes).encode()]


# -- the air -------------------------------------------------------------------------------------------


def _air(data: bytes) -> None:
    """What an adapter tells of one advertisement, whose parts the bytes are."""
    from bluezone_sim.ble.listening.on_air import OnAir
    from bluezone_sim.ble.listening.recorder import packets_of
    from bluezone_sim.ble.listening.reports import Decoder
    from bluezone_sim.captures.decode import SightingDecoder

    rng = random.Random(data[:8])
    uuids = [f"0000{v}-0000-1000-8000-00805f9b34fb" for v in ("fd6f", "fd68", "c019", "fd64")]
    told = SimpleNamespace(
        rssi=rng.choice((-60, -128, 127, 20, 21, None, "x", 1 << 40)),
        service_uuids=rng.choice(([], uuids[:1], uuids, ["x"], [data[8:40].decode("latin-1")])),
        manufacturer_data=rng.choice(
            ({}, {0x22B5: data[8:20]}, {0x4C: data}, {-1: data}, {"a": 1})
        ),
        service_data=rng.choice(({}, {rng.choice(uuids): data[8:28]}, {rng.choice(uuids): data})),
        local_name=rng.choice((None, data[8:60].decode("latin-1"), "x" * 5000, 7)),
        tx_power=rng.choice((None, -20, 1 << 20, "x")),
        platform_data=(None, {}),
    )
    address = rng.choice(("C0:00:00:00:00:01", "", "zz", data[:17].decode("latin-1"), None))
    device = SimpleNamespace(address=address, name=None, details={})
    decoder = Decoder()
    heard = decoder.decode([(capture_files.START_US, device, told)])
    packets = packets_of(heard)
    for table in SightingDecoder().sightings(packets):
        assert len(table) <= len(packets)
    assert OnAir is not None


def _advertisement(data: bytes) -> None:
    """Bytes of an advertisement, decoded as those of captures and of adapters are."""
    from bluezone_sim import protocols
    from bluezone_sim.captures.decode import SightingDecoder

    protocols.recognise(data[:255])
    packets = capture_files.packets([data[:31]])
    for table in SightingDecoder().sightings(packets):
        assert len(table) <= 1


def _advertisements() -> list[bytes]:
    rng = np.random.default_rng(1)
    names = ("bluezone", "gaen", "dp3t-lowcost", "robert", "bluetrace", "tcn")
    return [capture_files.advertisement(name, rng) for name in names]


def _gatt(data: bytes) -> None:
    from bluezone_sim.protocols.bluetrace.wire import answer, written

    errors = []
    for read in (answer, written):
        try:
            read(data)
        except InputError as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]


def _exchanges() -> list[bytes]:
    own = base64.b64encode(bytes(61)).decode()
    return [
        json.dumps({"id": own, "o": "SG", "v": 2, "mp": "Pixel"}).encode(),
        json.dumps({"id": own, "o": "SG", "v": 2, "mc": "Pixel", "rs": -60}).encode(),
        json.dumps({"msg": own, "org": "AU", "v": 1, "modelC": "x", "rssi": -60}).encode(),
    ]


# -- all -----------------------------------------------------------------------------------------------

_FORMATS = "captures.formats."
_JSON = (b'"exposed"', b'"data"', b'"key"', b'"keyDate"', b'"daily_key"', b'"time_start"', b'"max"')
_TOML = (
    b"[population]\n",
    b"people = ",
    b"[[population.districts]]\n",
    b"= inf",
    b"= nan",
    b"[radio]\n",
)
_TRACE = (
    b"CONN",
    b"up",
    b"down",
    b"-1",
    b"#",
    b"%",
    b"  ",
    b"t,i,j\n",
    b"1e300",
    b"-1e300",
    b"1,5",
)

READERS: tuple[Reader, ...] = (
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
        lambda: [_zip("FS/data/misc/bluetooth/logs/btsnoop_hci.log")(_btsnoop()[0]),
                 _zip("bugreport-x.txt")(_snooz(_snoozed()))],
        _import, (_FORMATS + "containers:unpacked|_of_report|logs_in|_of_text|_copy|is_report",),
        pack=_zip("FS/data/misc/bluetooth/logs/btsnoop_hci.log", version__txt=b"2"), within=_unzip,
    ),
    Reader(
        "sysdiagnose", lambda: [_gz(_tar(_pklg()[0]))], _import,
        (_FORMATS + "containers:unpacked|_gunzip|_of_sys|_packetlogs|_is_tar",),
        pack=_gz, within=gzip.decompress,
    ),
    Reader(
        "gzip", lambda: [_gz(_btsnoop()[0])], _import,
        (_FORMATS + "containers:unpacked|_gunzip|_before|_copy|_is_tar|head_of",),
        pack=_gz, within=gzip.decompress,
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
    Reader("message", lambda: [bluezone_files.message()], _keys,
           ("protocols.bluezone.files:parse_f0|_entries|_validated|_one|_faults|_span|_where|_say",), _JSON),
    Reader("low-cost list", lambda: [_lowcost()], _keys, ("protocols.dp3t.files:parse_list|read_low|read_hyb",), _JSON),
    Reader("hybrid list", lambda: [_hybrid()], _keys, ("protocols.dp3t.files:parse_list|read_low|read_hyb",), _JSON),
    Reader("cuckoo filter", lambda: [_cuckoo()], _keys,
           ("protocols.dp3t.files:CuckooFilter.from_bytes|read_filter|keys_of_filter",)),
    Reader("export", lambda: [_export()], _keys,
           ("protocols.gaen.files:parse|_info|_int|_text|read|key_faults|ExportInfo",
            "protocols.gaen.protobuf:read|fields")),
    Reader(
        "export, zipped", lambda: [_zip("export.bin", export__sig=_SIGNATURES)(_export())], _keys,
        ("protocols.gaen.archive:read|parse|verify|_m|_refus|told",), pack=_zip("export.bin", export__sig=_SIGNATURES), within=_unzip,
    ),
    Reader(
        "export, signed", lambda: [_signed_zip(_export())], _verified, ("protocols.gaen.archive:read|parse|verify|_m|_refus|told",),
        pack=_signed_zip, within=_unzip,
    ),
    Reader(
        "signatures", lambda: [_zip("export.sig", export__bin=_export())(_SIGNATURES)], _keys,
        ("protocols.gaen.archive:read|parse|verify|_m|_refus|told",), pack=_zip("export.sig", export__bin=_export()), within=_unzip,
    ),
    Reader("reports", lambda: [_reports()], _keys, ("protocols.tcn.files:parse|read|is_",), pack=_signed, within=bytes),
    Reader("public key", _public_keys, _public_key, ("captures.key_files:read_public_key",)),
    Reader("scenario", lambda: [TOWN.encode(), TOWN.encode() + _SWEEP], _scenario,
           ("scenario.loading", "scenario.faults", "reading.documents"), _TOML),
    Reader("settings", lambda: [b"radio.density=on", b"adoption.levels=[0.1]"], _settings,
           ("scenario.dotted:override|get|with_dotted|_dotted",)),
    Reader("radio profile", lambda: [b"[radio]\nexponent = 2.0\n"],
           _of_scenario('[radio]\nprofile = "named"\n'),
           ("scenario.inputs.radio_file",), _TOML),
    Reader("phone models", lambda: [b"model,rssi correction,tx,share\na,1,-20,0.5\nb,2,-25,0.5\n"],
           _of_scenario('[phones]\nmodels = "named"\n'), ("scenario.inputs.phone_models",)),
    Reader("trace", _traces, _trace, ("scenario.inputs.traces.parse", "scenario.inputs.traces.text",
           "scenario.inputs.traces.layout", "scenario.inputs.traces.reader"), _TRACE),
    Reader("trace, gzip", lambda: [_gz(data) for data in _traces()], _trace,
           ("scenario.inputs.traces.text",),
           _TRACE, pack=_gz, within=gzip.decompress),
    Reader("trace, parquet", lambda: [_trace_parquet(b"")], _trace,
           ("scenario.inputs.traces.parse:rows_of|_parquet|_arrow|_of_text|_iso_text",),
           pack=_trace_parquet),
    Reader("people", lambda: [b"id,department,app,age,platform\n" + b"".join(
           b"%d,A,yes,%d,ios\n" % (k, 20 + k) for k in range(1, 13))],
           lambda data: _trace(data, people=True), ("scenario.inputs.traces.people",)),
    _of_run("manifest.json"),
    _of_run("outcomes.parquet"),
    _of_run("warnings.parquet"),
    _of_run("histograms.parquet"),
    Reader("sweep", _sweeps, _sweep, ("sweeping.store:Store.about|Store.scenario",)),
    Reader("limits", _shipped_limits, _limits, ("ble.conformance.limits",), _TOML),
    Reader("bench", lambda: [_BENCH], _bench, ("ble.bench.file",), _TOML),
    Reader("baseline", lambda: [b'[{"name": "a", "ratio": 2.5}, {"name": "b", "ratio": null}]'],
           _baseline,
           ("benchmarks.regressions:parse",)),
    Reader("session", _sessions, _session, ("ble.guided.whitepaper:load|to_dict|_who|differ",)),
    Reader("adapter", lambda: [bytes([k]) * 8 + ad for k in range(40) for ad in _advertisements()], _air,
           ("ble.listening.reports",)),
    Reader("advertisement", _advertisements, _advertisement, ("captures.decode", "protocols.ad")),
    Reader("exchange", _exchanges, _gatt, ("protocols.bluetrace.wire",)),
)  # fmt: skip


@dataclass
class Found:
    """What came of a reader's inputs.

    Attributes:
        n: how many there were.
        n_read: how many of them were read without a fault.
        faults: exceptions that are no answers, by their place; with the input.
    """

    n: int = 0
    n_read: int = 0
    faults: dict[str, bytes] = field(default_factory=dict)


def attempt(reader: Reader, data: bytes, found: Found) -> None:
    """Reads one input; the project's own error or a result."""
    found.n += 1
    try:
        reader.read(data)
        found.n_read += 1
    except InputError:
        pass
    except Exception as error:
        at = error.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        place = "" if at is None else f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
        found.faults.setdefault(f"{type(error).__name__} at {place}", data)
