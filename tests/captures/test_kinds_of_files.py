"""Files of many kinds into the same sightings, each by its specification, and a damaged twin."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from bluezone_sim.captures.formats import btsnooz, containers, csv_rows
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.captures.importing import Import
from bluezone_sim.captures.sources import told_by_content
from bluezone_sim.errors import FormatError
from helpers.capture_files import (
    RESULTS,
    START_US,
    btsnoop,
    event,
    extended,
    pcap,
    pcapng_block,
    report,
)
from helpers.commands import call
from helpers.heard import DAY, A, export, gaen, heard, log, service
from helpers.tools import needs_tshark

START = DAY + 36_000
ROWS = heard(A, 5)
IDENTIFIERS = [gaen(A, us / 1e6)[:16] for us, _ in ROWS]


def imported(path, partial: bool = False):
    """(report, identifiers in order, times in seconds, RSSI, phones)."""
    reading = Import(partial=partial)
    file_report, tables = reading.read(path)
    found = list(tables)
    ids = [bytes(i) for t in found for i in t.identifier]
    times = [ms / 1000 for t in found for ms in t.time_ms.tolist()]
    return file_report, ids, times, [r for t in found for r in t.rssi_dbm.tolist()], reading.phones


def same(path, kind: str) -> None:
    """A file holds the five sightings of :data:`ROWS`."""
    file_report, ids, times, rssi, _ = imported(path)
    assert file_report.format == kind
    assert ids == IDENTIFIERS
    assert times == [us / 1e6 for us, _ in ROWS]
    assert rssi == [-60] * 5


def fails(path, *words: str, partial: bool = False) -> None:
    with pytest.raises(FormatError) as error:
        imported(path, partial)
    for word in (str(path), *words):
        assert word in str(error.value)


# -- PacketLogger ------------------------------------------------------------------------------------


def pklg(rows, order: str = ">") -> bytes:
    """Records of (unix µs, kind, packet)."""
    return b"".join(
        struct.pack(order + "3IB", len(packet) + 9, us // 1_000_000, us % 1_000_000, kind) + packet
        for us, kind, packet in rows
    )


LOGGED = [
    (ROWS[0][0], 0xFC, b"a note"),
    *((us, 0x01, packet[1:]) for us, packet in ROWS),
]


@pytest.mark.parametrize("order", ["<", ">"])
def test_packetlogger(order, tmp_path):
    path = tmp_path / "x.pklg"
    path.write_bytes(pklg(LOGGED, order))
    same(path, "pklg")
    assert imported(path)[0].n_records == 6
    path.write_bytes(pklg(LOGGED, order)[:-3])
    fails(path, "record 6", "mid-record")
    path.write_bytes(pklg([*LOGGED[:3], (ROWS[0][0], 0x55, b"?"), *LOGGED[3:]], order))
    fails(path, "kind 0x55")
    file_report, ids, *_ = imported(path, partial=True)
    assert ids == IDENTIFIERS
    assert file_report.damage.n == 1


@needs_tshark
def test_tshark_reads_the_same_packetlogger(tmp_path):
    path = tmp_path / "x.pklg"
    path.write_bytes(pklg(LOGGED))
    assert tshark(path, "bluetooth.gaen.rpi") == [i.hex() for i in IDENTIFIERS]


def tshark(path, field: str, *options: str) -> list[str]:
    done = subprocess.run(
        ["tshark", "-r", str(path), *options, "-T", "fields", "-e", field],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if line]


# -- what is packed ----------------------------------------------------------------------------------


def snooz(rows, version: int = 2) -> bytes:
    """A btsnooz of (unix µs, H4 packet), its text."""
    last = rows[-1][0] // 1000
    records, before = b"", rows[0][0] // 1000
    for us, packet in rows:
        delta, kind, length = (
            us // 1000 - before,
            {1: 0x20, 2: 0x11, 4: 0x10}[packet[0]],
            len(packet),
        )
        before = us // 1000
        if version == 1:
            records += struct.pack("<HIB", length, delta, kind) + packet[1:]
        else:
            records += struct.pack("<HHQB", length, length, delta, kind) + packet[1:]
    text = base64.encodebytes(struct.pack("<BQ", version, last) + zlib.compress(records))
    return btsnooz.BEGIN + b" (99 bytes in) ---\n" + text + btsnooz.END + b" ---\n"


REPORT = b"=" * 56 + b"\n== dumpstate: 2020-11-29\n" + b"=" * 56 + b"\n"


def bug_report(path, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("version.txt", "2.0")
        for name, data in files.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("version", [1, 2])
def test_btsnooz_in_the_text_of_a_bug_report(version, tmp_path):
    text = snooz(ROWS, version)
    for before in (b"", REPORT + b"much else\n", b"Bluetooth Status\n  enabled: true\n" * 9999):
        (tmp_path / "x.txt").write_bytes(before + text + b"more\n")
        same(tmp_path / "x.txt", "btsnoop in btsnooz")
    for damaged, words in (
        (text.replace(btsnooz.END, b"x"), "has no end"),
        (REPORT + b"nothing\n", "holds no btsnooz"),
        (text.replace(text[60:64], b"!!!!"), "not base64"),
        (btsnooz.BEGIN + b"\n" + base64.b64encode(bytes(20)) + b"\n" + btsnooz.END, "version 0"),
        (
            btsnooz.BEGIN + b"\n" + base64.b64encode(b"\2" + bytes(20)) + b"\n" + btsnooz.END,
            "inflated",
        ),
    ):
        (tmp_path / "x.txt").write_bytes(damaged)
        fails(tmp_path / "x.txt", words)


def test_a_btsnooz_of_which_a_record_is_cut(tmp_path):
    raw = struct.pack("<BQ", 2, 1_606_644_000_000) + zlib.compress(
        struct.pack("<HHQB", 9, 9, 0, 0x10)
    )
    text = btsnooz.BEGIN + b"\n" + base64.b64encode(raw) + b"\n" + btsnooz.END + b"\n"
    (tmp_path / "x.txt").write_bytes(text)
    fails(tmp_path / "x.txt", "record 1", "make no sense")


def test_a_bug_report_of_android(tmp_path):
    path = tmp_path / "bugreport-phone.zip"
    place = "FS/data/misc/bluetooth/logs/btsnoop_hci.log"
    bug_report(
        path, **{place: log(ROWS[2:]), f"{place}.last": log(ROWS[:2]), "bugreport.txt": REPORT}
    )
    same(path, "btsnoop in bugreport")
    assert list(imported(path)[4].number) == [str(path)]
    bug_report(path, **{"bugreport.txt": REPORT + snooz(ROWS)})
    same(path, "btsnoop in bugreport")
    bug_report(path, **{place: log(ROWS)[:-4]})
    fails(path, "btsnoop_hci.log", "mid-record")
    bug_report(path, **{"bugreport.txt": REPORT})
    fails(path, "holds no btsnooz")
    bug_report(path, **{"export.bin": export(A)})
    fails(path, "not a file of sightings")
    bug_report(path, **{place: log(ROWS)})
    path.write_bytes(path.read_bytes()[:-30])
    fails(path, "zip")


def test_a_sysdiagnose_of_ios(tmp_path):
    path, place = tmp_path / "sysdiagnose.tar.gz", "sysdiagnose/logs/Bluetooth/bluetoothd-hci"
    parts = {f"{place}-latest.pklg": LOGGED[3:], f"{place}-2020-11-29_10-00-00.pklg": LOGGED[:3]}

    def write(files: dict[str, bytes]) -> None:
        with tarfile.open(path, "w:gz") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))

    write({"sysdiagnose/README.txt": b"x", **{name: pklg(rows) for name, rows in parts.items()}})
    same(path, "pklg in gzip")
    write({name: pklg(rows)[:-3] for name, rows in parts.items()})
    fails(path, "bluetoothd-hci-2020-11-29_10-00-00.pklg", "mid-record")
    write({"sysdiagnose/README.txt": b"x"})
    fails(path, "profile")


@pytest.mark.parametrize("kind", ["btsnoop", "pklg", "pcap", "csv", "microg"])
def test_gzip_of_any(kind, tmp_path):
    path = tmp_path / "x.gz"
    data = {
        "btsnoop": log(ROWS),
        "pklg": pklg(LOGGED),
        "pcap": pcap([(us, bytes(3) + b"\1" + packet) for us, packet in ROWS], 201),
        "csv": rows_csv(),
    }.get(kind)
    if kind == "microg":
        microg(tmp_path / "exposure.db")
        data = (tmp_path / "exposure.db").read_bytes()
    path.write_bytes(gzip.compress(data))
    same(path, f"{kind} in gzip")
    path.write_bytes(gzip.compress(data)[:-12])
    fails(path, "cannot be unpacked")
    path.write_bytes(gzip.compress(gzip.compress(data)))
    fails(path, "gzip inside gzip")


def test_no_more_is_unpacked_than_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "MOST_BYTES", 1 << 20)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(log(ROWS) + bytes(2 << 20)))
    fails(path, "when unpacked")
    bug_report(path, **{"FS/data/misc/bluetooth/logs/btsnoop_hci.log": bytes(2 << 20)})
    fails(path, "when unpacked")
    monkeypatch.setattr(btsnooz, "_MOST_BYTES", 50)
    path.write_bytes(snooz(ROWS))
    fails(path, "btsnooz: more than")
    monkeypatch.setattr(btsnooz, "_MOST_TEXT", 100)
    fails(path, "longer than")


# -- sniffers ----------------------------------------------------------------------------------------

ADDRESS = b"\1\2\3\4\5\6"


def on_air(ad: bytes) -> bytes:
    """Access address to CRC."""
    return struct.pack("<I", 0x8E89BED6) + bytes([0x42, 6 + len(ad)]) + ADDRESS + ad + bytes(3)


def sniffed(
    link: int, ad: bytes, *, rssi: int = -60, old: bool = False, good: bool = True
) -> bytes:
    packet = on_air(ad)
    tail = bytes([10, good, 38, -rssi]) + bytes(6)
    if link == 192:  # PPI: head, Ubertooth's field
        field = struct.pack("<BHBIbbbB", 0, 2426, 0, 0, rssi + 3, rssi - 3, rssi, 1)
        return struct.pack("<BBHI", 0, 0, 24, 147) + struct.pack("<HH", 30006, 12) + field + packet
    if old:
        return b"\xbe\xef\x06" + bytes(4) + bytes([len(packet) + 9]) + tail[1:] + packet
    return b"\1\6" + bytes([len(packet) + 10, 1, 7, 0, 6]) + tail + packet


@pytest.mark.parametrize(("link", "old"), [(157, False), (157, True), (192, False)])
def test_older_sniffers(link, old, tmp_path):
    path = tmp_path / "x.pcap"
    ads = [service(0xFD6F, gaen(A, us / 1e6)) for us, _ in ROWS]
    path.write_bytes(
        pcap(
            [(us, sniffed(link, ad, old=old)) for (us, _), ad in zip(ROWS, ads, strict=True)], link
        )
    )
    same(path, "pcap")
    # A wrong CRC, or another field of PPI; cut in the head and in the packet.
    whole = sniffed(link, ads[0], old=old)
    wrong = sniffed(link, ads[0], old=old, good=False)
    if link == 192:
        wrong = whole.replace(struct.pack("<H", 30006), struct.pack("<H", 2))
    path.write_bytes(pcap([(START_US, r) for r in (wrong, whole[:12], whole[:-20], whole)], link))
    file_report, ids, *_ = imported(path)
    assert ids == IDENTIFIERS[:1]
    assert file_report.n_malformed == 3


@needs_tshark
@pytest.mark.parametrize("link", [157, 192])
def test_tshark_reads_the_same_of_older_sniffers(link, tmp_path):
    path = tmp_path / "x.pcap"
    ad = service(0xFD6F, gaen(A, START))
    path.write_bytes(pcap([(START_US, sniffed(link, ad))], link))
    dlt = {157: 'User 10 (DLT=157)","nordic_ble', 192: 'User 0 (DLT=147)","btle'}[link]
    found = tshark(path, "bluetooth.gaen.rpi", "-o", f'uat:user_dlts:"{dlt}","0","","0",""')
    assert found == [gaen(A, START)[:16].hex()]
    assert imported(path)[1] == [bytes.fromhex(found[0])]


# -- databases ---------------------------------------------------------------------------------------


def ramble(path, rows=None) -> None:
    rows = [(us // 1_000_000, -60, gaen(A, us / 1e6)) for us, _ in ROWS] if rows is None else rows
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE devices(id INTEGER PRIMARY KEY, address TEXT, service_uuids TEXT, "
            "service_data TEXT, first_seen INTEGER, last_seen INTEGER)"
        )
        database.execute(
            "CREATE TABLE locations(id INTEGER PRIMARY KEY, device_id INTEGER, timestamp INTEGER, "
            "rssi INTEGER, latitude REAL, longitude REAL)"
        )
        for k, (time, rssi, data) in enumerate(rows):
            device = (k, "01:02:03:04:05:06", "fd6f", f"fd6f:{data.hex()}", time, time)
            database.execute("INSERT INTO devices VALUES (?,?,?,?,?,?)", device)
            database.execute("INSERT INTO locations VALUES (NULL,?,?,?,52.5,13.4)", (k, time, rssi))
    database.close()


def microg(path, rows=None) -> None:
    rows = [(us // 1000, -60, gaen(A, us / 1e6), 0) for us, _ in ROWS] if rows is None else rows
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE advertisements(rpi BLOB NOT NULL, aem BLOB NOT NULL, timestamp INTEGER NOT "
            "NULL, rssi INTEGER NOT NULL, duration INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(rpi, "
            "timestamp))"
        )
        for time, rssi, data, duration in rows:
            database.execute(
                "INSERT INTO advertisements VALUES (?,?,?,?,?)",
                (data[:16], data[16:], time, rssi, duration),
            )
    database.close()


def test_ramble(tmp_path):
    path = tmp_path / "RaMBLE_playstore.sqlite"
    ramble(path)
    same(path, "ramble")
    damaged = tmp_path / "damaged.sqlite"
    ramble(damaged, [(START, 99, gaen(A, START))])
    fails(damaged, "locations, row 1", "rssi", "99")
    with sqlite3.connect(damaged) as database:
        database.execute("ALTER TABLE locations RENAME COLUMN rssi TO level")
    database.close()
    fails(damaged, "rssi missing")
    damaged.write_bytes(path.read_bytes()[:5000])
    fails(damaged, "sqlite cannot read it")


def test_microg(tmp_path):
    path = tmp_path / "exposure.db"
    microg(path)
    same(path, "microg")
    # What lasted is heard at its end as well.
    long = tmp_path / "long.db"
    microg(long, [(START * 1000, -60, gaen(A, START), 90_000)])
    assert imported(long)[2] == [START, START + 90]
    damaged = tmp_path / "damaged.db"
    microg(damaged, [(START * 1000, -60, gaen(A, START)[:-1], 0)])
    fails(damaged, "row 1", "aem", "4 bytes")


def test_a_database_of_something_else_is_named(tmp_path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE messages(text TEXT)")
    database.close()
    fails(path, "RaMBLE", "microG", "messages")


# -- CSV ---------------------------------------------------------------------------------------------


def rows_csv() -> bytes:
    lines = ["time,rpi,rssi"]
    lines += [
        f"{us // 1_000_000},{i.hex()},-60" for (us, _), i in zip(ROWS, IDENTIFIERS, strict=True)
    ]
    return "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("time,rpi,rssi", "{s},{hex},-60"),
        ("RSSI;Timestamp;RPI", "-60;{ms};{hex}"),
        ("unix_ms\tprotocol\trssi_dbm\tidentifier", "{ms}\tgaen\t-60\t{base64}"),
        ('"datetime","rpi","rssi","aem"', '"{iso}","{hex}","-60","00010203"'),
    ],
)
def test_a_csv_whose_header_names_its_columns(head, row, tmp_path):
    path = tmp_path / "x.csv"
    lines = [
        row.format(
            s=us // 1_000_000,
            ms=us // 1000,
            hex=i.hex(),
            base64=base64.b64encode(i).decode(),
            iso=np.datetime64(us, "us").astype("datetime64[s]").item().isoformat() + "+00:00",
        )
        for (us, _), i in zip(ROWS, IDENTIFIERS, strict=True)
    ]
    path.write_bytes("\ufeff".encode() + "\n".join([head, *lines, ""]).encode())
    same(path, "csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,identifier\n1,00\n", ("nothing tells whose", "--protocol", "column protocol")),
        ("time,rpi\n1606644000,00ff\n", ("row 2", "expected 16 bytes of gaen, found 2")),
        ("time,rpi\nyesterday," + "00" * 16 + "\n", ("row 2", "offset from UTC", "yesterday")),
        ("time,rpi\n2020-11-29T10:00:00," + "00" * 16 + "\n", ("row 2", "offset from UTC")),
        ("time,rpi,rssi\n1," + "00" * 16 + ",300\n", ("row 2", "rssi", "300")),
        ("time,rpi,rpi\n", ("column 'rpi' is there twice",)),
        ("time,rpi,tcn\n", ("columns rpi and tcn", "one of them")),
        ("time,rpi\n1\n", ("row 2", "expected 2 columns, found 1")),
        ("time,identifier,protocol\n1," + "00" * 16 + ",gean\n", ("row 2", "'gean'")),
        ("time,rpi\n1,zz%zz\n", ("row 2", "hexadecimal digits or base64")),
    ],
)
def test_a_csv_at_fault_is_named(text, words, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    fails(tmp_path / "x.csv", *words)


def test_columns_of_a_csv_that_are_not_used_are_told(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(f"time,Metadata,rpi,attenuation_db\n1606644000,?,{1:032x},50\n")
    arguments = ("import", tmp_path / "x.csv", "--out", tmp_path / "x.parquet")
    assert call(*arguments) == 0
    assert "  not used: metadata, attenuation_db\n" in capsys.readouterr().out
    assert call(*arguments, "--json") == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["columns_not_used"] == ["metadata", "attenuation_db"]


def test_the_docs_have_every_column_of_a_csv():
    page = Path(__file__).parents[2] / "docs" / "reference" / "phone-files.md"
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines()]
    told = {
        row[1].strip().strip("`"): {*re.findall(r"`(\w+)`", row[1] + row[2])}
        for row in rows
        if len(row) == 6
    }
    known = (csv_rows.TIME, csv_rows.IDENTIFIER, csv_rows.PROTOCOL, csv_rows.RSSI, csv_rows.PAYLOAD)
    for names in known:
        assert told[next(iter(names))] == set(names)


def test_a_row_of_a_csv_at_fault_costs_that_row(tmp_path, capsys):
    good = "\n".join(f"{1606644000 + k},{k:032x}" for k in range(5))
    (tmp_path / "x.csv").write_text(f"time,rpi\n{good}\n1606644009,zz%zz\n")
    arguments = ("import", tmp_path / "x.csv", "--out", tmp_path / "x.parquet", "--json")
    assert call(*arguments) == 2
    capsys.readouterr()
    assert call(*arguments, "--partial") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["n_sightings"] == 5
    assert "row 7: rpi: expected hexadecimal digits" in err
    assert "bytes were passed over" not in err


def test_a_gzip_that_is_cut_gives_what_is_before_the_cut(tmp_path, capsys):
    (tmp_path / "x.log.gz").write_bytes(gzip.compress(log(heard(A, 60)))[:-30])
    arguments = ("import", tmp_path / "x.log.gz", "--out", tmp_path / "x.parquet", "--json")
    assert call(*arguments) == 2
    capsys.readouterr()
    assert call(*arguments, "--partial") == 0
    out, err = capsys.readouterr()
    assert 30 <= json.loads(out)["n_sightings"] < 60
    assert "unpacked as far as can be" in err


def test_times_ahead_of_now_are_told(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(f"time,rpi\n4102444800,{1:032x}\n")
    assert call("import", tmp_path / "x.csv", "--out", tmp_path / "x.parquet", "--json") == 0
    assert "its sightings reach 2100-01-01, ahead of now" in capsys.readouterr().err


# -- pcapng's other blocks, and fragments ------------------------------------------------------------


def test_obsolete_packet_blocks_are_read_and_simple_ones_counted(tmp_path):
    out = pcapng_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += pcapng_block(1, struct.pack("<HHI", 201, 0, 0))
    for k, (us, packet) in enumerate(ROWS):
        data = bytes(3) + b"\1" + packet
        head = struct.pack("<HHIIII", 0, 9, us >> 32, us & 0xFFFFFFFF, len(data), len(data))
        out += pcapng_block(2, head + data)
        if k == 2:
            out += pcapng_block(3, struct.pack("<I", len(data)) + data)
    path = tmp_path / "x.pcapng"
    path.write_bytes(out)
    same(path, "pcapng")
    file_report = imported(path)[0]
    assert (file_report.n_records, file_report.n_untimed) == (6, 1)
    path.write_bytes(out[:-4] + b"\1\0\0\0")
    fails(path, "lengths at both ends")


def test_fragments_that_wait_in_vain_are_left_out_and_counted(tmp_path):
    first, second = (service(0xFD6F, gaen(A, START + 600 * k)) for k in (0, 1))

    def fragment(ad, more, sid=1):
        return event(extended(ad, 0x20 if more else 0, sid=sid), sub=0x0D)

    rows = [
        (START_US, fragment(first[:10], True)),
        (START_US + 3_000, fragment(first[10:], False)),  # the rest, in time
        (START_US + 10_000_000, fragment(first[:10], True)),
        (
            START_US + 15_000_000,
            fragment(second[:10], True),
        ),  # another one; the first's rest is lost
        (START_US + 15_001_000, fragment(second[10:], False)),
        (START_US + 15_002_000, fragment(second[:10], True)),
        (START_US + 15_003_000, fragment(first, False, sid=2)),  # of another set
    ]
    path = tmp_path / "x.log"
    path.write_bytes(btsnoop(rows))
    file_report, ids, *_ = imported(path)
    assert ids == [gaen(A, START)[:16], gaen(A, START + 600)[:16], gaen(A, START)[:16]]
    assert file_report.n_stale == 2


# -- logs in parts, and damage -----------------------------------------------------------------------


def read_all(folder, *names: str, options=(), capsys=None) -> dict:
    out = folder / "s.parquet"
    code = call("import", *(folder / n for n in names), "--out", out, "--json", *options)
    assert code == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "names", [("phone.log.last", "phone.log"), ("phone.log", "phone.log.last"), ("b", "a")]
)
def test_parts_of_a_log_are_one_phone_in_order_of_time(names, tmp_path, capsys):
    early, late = sorted(names, key=lambda n: n in ("phone.log", "b"))
    (tmp_path / early).write_bytes(log(heard(A, 10)))
    (tmp_path / late).write_bytes(log(heard(A, 10, start=START + 600)))
    document = read_all(tmp_path, *names, capsys=capsys)
    assert document["n_sightings"] == 20
    (phone,) = document["phones"]
    assert document["continued"][0]["gap_s"] == 60
    found = read_sightings(tmp_path / "s.parquet")["gaen"]
    assert (np.diff(found.time_ms) == 60_000).all()
    assert not found.observer.any()
    assert phone["listened"]["last_unix_ms"] == 1000 * (START + 19 * 60)


def test_two_phones_are_told_apart_and_named_by_file(tmp_path, capsys):
    (tmp_path / "one.log").write_bytes(log(heard(A, 10)))
    (tmp_path / "two.log").write_bytes(log(heard(A, 10, start=START + 30)))
    (tmp_path / "far.log").write_bytes(log(heard(A, 10, start=START + 30_000)))
    document = read_all(tmp_path, "one.log", "two.log", "far.log", capsys=capsys)
    names = [str(tmp_path / n) for n in ("one.log", "two.log", "far.log")]
    assert [p["name"] for p in document["phones"]] == names
    assert document["continued"] == []
    found = read_sightings(tmp_path / "s.parquet")["gaen"]
    assert np.bincount(found.observer).tolist() == [10, 10, 10]


def own_address(unix_s: int, address: bytes) -> tuple[int, bytes]:
    return unix_s * 1_000_000, b"\4\x0e\x0a\1\x09\x10\0" + address


@pytest.mark.parametrize("same_phone", [True, False])
def test_a_phone_s_own_address_decides(same_phone, tmp_path, capsys):
    first, second = b"\1" * 6, b"\1" * 6 if same_phone else b"\2" * 6
    gap = 30_000 if same_phone else 600
    (tmp_path / "a").write_bytes(log([own_address(START, first)], heard(A, 10)))
    late = START + gap
    (tmp_path / "b").write_bytes(log([own_address(late, second)], heard(A, 10, start=late)))
    document = read_all(tmp_path, "a", "b", capsys=capsys)
    assert len(document["phones"]) == (1 if same_phone else 2)


DAMAGE = {
    "zeros": lambda data, at: data[:at] + bytes(100) + data[at + 100 :],
    "noise": lambda data, at: data[:at] + bytes(range(1, 101)) + data[at + 100 :],
    "a hole": lambda data, at: data[:at] + data[at + 37 :],
}


@pytest.mark.parametrize("damage", ["zeros", "noise", "a hole"])
@pytest.mark.parametrize("kind", ["btsnoop", "pcap", "pcapng", "pklg"])
def test_a_damaged_middle_costs_the_stretch(kind, damage, tmp_path, capsys):
    rows = heard(A, 40)
    data = {
        "btsnoop": log(rows),
        "pcap": pcap([(us, bytes(3) + b"\1" + p) for us, p in rows], 201),
        "pklg": pklg([(us, 1, p[1:]) for us, p in rows]),
        "pcapng": blocks(rows),
    }[kind]
    path = tmp_path / "x"
    path.write_bytes(DAMAGE[damage](data, len(data) // 2 + 5))
    out = tmp_path / "s.parquet"
    assert call("import", path, "--out", out) == 2
    assert not out.exists()
    capsys.readouterr()
    assert call("import", path, "--out", out, "--partial", "--json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    found = read_sightings(out)["gaen"]
    assert 36 <= len(found) <= 39
    ends = found.time_ms[[0, -1]].tolist()
    assert ends == [1000 * START, 1000 * (START + 39 * 60)]
    assert document["files"][0]["left_out"]["n_bytes"] > 0
    assert "bytes were passed over" in captured.err


def blocks(rows) -> bytes:
    out = pcapng_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += pcapng_block(1, struct.pack("<HHI", 201, 0, 0))
    for us, packet in rows:
        data = bytes(3) + b"\1" + packet
        head = struct.pack("<5I", 0, us >> 32, us & 0xFFFFFFFF, len(data), len(data))
        out += pcapng_block(6, head + data)
    return out


def test_a_step_of_the_clock_is_told_and_the_rest_goes_on(tmp_path, capsys):
    early, late = heard(A, 10), heard(A, 10, start=START - 7200)
    (tmp_path / "x").write_bytes(btsnoop(early + late))
    out = tmp_path / "s.parquet"
    assert call("import", tmp_path / "x", "--out", out) == 2
    assert "backwards by 7,740.0 s" in capsys.readouterr().err
    assert call("import", tmp_path / "x", "--out", out, "--partial") == 0
    assert "record 11: time runs backwards" in capsys.readouterr().err
    assert len(read_sightings(out)["gaen"]) == 20


def test_a_record_with_an_impossible_time_costs_itself(tmp_path):
    rows = heard(A, 10)
    data = bytearray(log(rows))
    size = (len(data) - 16) // 10
    data[16 + 5 * size + 16 : 16 + 5 * size + 24] = bytes(8)
    (tmp_path / "x").write_bytes(data)
    fails(tmp_path / "x", "record 6", "no time since 1970")
    file_report, ids, *_ = imported(tmp_path / "x", partial=True)
    assert len(ids) == 9
    assert file_report.damage.n_bytes == size


def test_keys_are_not_taken_for_a_bug_report(tmp_path):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("export.bin", export(A))
        archive.writestr("export.sig", b"")
    with pytest.raises(FormatError):
        told_by_content(tmp_path / "export.zip")


def test_twenty_bytes_of_tcn_are_one_number(tmp_path):
    """tcn-client-android sends 16 bytes and four of its own behind them."""
    number = bytes(range(16))
    packet = event(report(service(0xC019, number + b"\1\2\3\4"), -55))
    (tmp_path / "x").write_bytes(btsnoop([((DAY + k) * 1_000_000, packet) for k in range(10)]))
    file_report, ids, *_ = imported(tmp_path / "x")
    assert file_report.n_sightings == {"tcn": 10}
    assert set(ids) == {number}


# -- measurements of DP-3T, and folders --------------------------------------------------------------


def measurement(path, rows) -> None:
    with sqlite3.connect(path) as database:
        database.execute(RESULTS)
        for row in rows:
            database.execute(
                "INSERT INTO results(receiver_id, receiver_model, transmitter_id, transmitter_model, "
                "timestamp, rssi, ground_truth_distance) VALUES ('01','A','02','B',?,?,?)",
                row,
            )
    database.close()


def test_an_impossible_row_costs_itself(tmp_path, capsys):
    measurement(tmp_path / "x", [(START, -60, 1.5), (START, -300, 1.0), (START, -60, -2.0)])
    fails(tmp_path / "x", "row 2", "rssi", "-300")
    file_report, ids, *_ = imported(tmp_path / "x", partial=True)
    assert len(ids) == 1
    assert file_report.damage.n == 2
    assert "row 3: ground_truth_distance" in file_report.damage.told[1]


def test_a_folder_is_its_files(tmp_path, capsys):
    folder, out = tmp_path / "phones", tmp_path / "s.parquet"
    folder.mkdir()
    (folder / "one.log").write_bytes(log(heard(A, 5)))
    (folder / "two.log").write_bytes(log(heard(A, 6)))
    assert call("import", folder, "--out", out, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [p["name"] for p in document["phones"]] == [
        str(folder / n) for n in ("one.log", "two.log")
    ]
    (folder / "README").write_text("Two phones.")
    assert call("import", folder, "--out", out) == 2
    assert "README: not a file of sightings" in capsys.readouterr().err
    assert call("import", folder, "--out", out, "--partial") == 0
    assert "README" in capsys.readouterr().err


def test_parts_of_a_sniffer_s_ring_of_files_are_one(tmp_path, capsys):
    ad = service(0xFD6F, gaen(A, START))
    for k in range(3):
        rows = [((START + 10 * k + s) * 1_000_000, sniffed(157, ad)) for s in range(10)]
        (tmp_path / f"x_{k}.pcap").write_bytes(pcap(rows, 157))
    document = read_all(tmp_path, "x_1.pcap", "x_0.pcap", "x_2.pcap", capsys=capsys)
    (phone,) = document["phones"]
    assert phone["name"] == str(tmp_path / "x_2.pcap")
    found = read_sightings(tmp_path / "s.parquet")["gaen"]
    assert (np.diff(found.time_ms) == 1000).all()
