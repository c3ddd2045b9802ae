"""Captures: what is written is read back, formats by hand, tshark and the measured captures, faults."""

from __future__ import annotations

import dataclasses
import io
import json
import struct
import subprocess
from uuid import uuid4

import numpy as np
import pytest

from bluezone_sim import protocols
from bluezone_sim.ble.listening.recorder import read_packets
from bluezone_sim.captures.formats import frames
from bluezone_sim.captures.formats.btsnoop import BtsnoopWriter
from bluezone_sim.captures.formats.frames import in_order
from bluezone_sim.captures.formats.hci import HciReader, concatenate
from bluezone_sim.captures.formats.link_layer import read_link_layer
from bluezone_sim.captures.formats.parquet import read_sightings, write_sightings
from bluezone_sim.captures.formats.pcapng import PcapngWriter, crc24
from bluezone_sim.captures.formats.pcapng_blocks import read_pcapng
from bluezone_sim.captures.formats.records import read_btsnoop
from bluezone_sim.captures.importing import import_file
from bluezone_sim.captures.phones import PhoneNumbers
from bluezone_sim.protocols.bluezone.wire import IOS_CHARACTERISTIC, ios_advertisement
from bluezone_sim.tables.rows import Sightings
from helpers.bluezone_files import write_history
from helpers.capture_files import (
    START_US,
    advertisement,
    btsnoop,
    event,
    extended,
    mixed,
    nordic,
    packets,
    pcap,
    pcapng,
    report,
    same,
    without_channel,
)
from helpers.commands import call
from helpers.paths import MEASUREMENTS
from helpers.tools import needs_tshark

PCAPS = MEASUREMENTS / "exp34-epfl-soldiers" / "pcaps"
needs_captures = pytest.mark.skipif(not PCAPS.is_dir(), reason=f"needs the captures in {PCAPS}")


def hci_packets(data: bytes):
    reader, parts, own = HciReader(), [], []
    for part, _ in in_order(read_btsnoop(io.BytesIO(data))):
        found, sent = reader.read(part)
        parts.append(found)
        own += sent
    return (concatenate(parts) if parts else None), own, reader


def import_one(path):
    """(report, tables) of a file."""
    file_report, tables = import_file(path, PhoneNumbers())
    return file_report, list(tables)


# -- there and back ----------------------------------------------------------------------------------


def test_pcapng_is_read_as_it_was_written(tmp_path):
    wanted = mixed(300, observers=3)
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(wanted.take(np.arange(100)))
        out.write(wanted.take(np.arange(100, 300)))
    with (tmp_path / "x.pcapng").open("rb") as stream:
        (part,) = read_pcapng(stream)
    found, n_other, n_broken = read_link_layer(part)
    same(found, wanted)
    assert (n_other, n_broken) == (0, 0)


def test_btsnoop_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "WINDOW_BYTES", 1000)  # records and chains cross windows
    wanted = mixed(300)
    with BtsnoopWriter(tmp_path / "x.log") as out:
        out.write_own(START_US - 1, b"\x02\x01\x06")
        out.write(wanted)
    found, own, reader = hci_packets((tmp_path / "x.log").read_bytes())
    same(found, without_channel(wanted))
    assert [(o.time_us, o.data) for o in own] == [(START_US - 1, b"\x02\x01\x06")]
    assert reader.n_malformed == 0


def test_sightings_are_read_as_they_were_written(tmp_path):
    rng = np.random.default_rng(1)
    n = 50
    gaen = Sightings(
        observer=rng.integers(0, 9, n).astype(np.int32),
        time_ms=rng.integers(0, 1 << 40, n),
        identifier=rng.integers(0, 256, (n, 16), np.uint8),
        rssi_dbm=rng.integers(-100, 0, n).astype(np.int16),
        protocol="gaen",
        payload=rng.integers(0, 256, (n, 4), np.uint8),
        address=rng.integers(0, 1 << 48, n, dtype=np.uint64),
        distance_m=np.where(rng.random(n) < 0.5, np.nan, 2).astype(np.float32),
    )
    bluezone = Sightings(gaen.observer, gaen.time_ms, gaen.identifier[:, :12].copy(), gaen.rssi_dbm)
    write_sightings(
        tmp_path / "s.parquet", [gaen.take(np.arange(20)), bluezone, gaen.take(np.arange(20, n))]
    )
    found = read_sightings(tmp_path / "s.parquet")
    assert set(found) == {"gaen", "bluezone"}
    for wanted in (gaen, bluezone):
        for name in wanted.__dataclass_fields__:
            a, b = getattr(wanted, name), getattr(found[wanted.protocol], name)
            if isinstance(a, np.ndarray) and a.dtype.kind == "f":
                assert np.array_equal(a, b, equal_nan=True)
            else:
                assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, name


def test_the_crc_is_that_of_the_specification():
    """Bit by bit, as volume 6, part B, section 3.1.1 draws the shift register."""

    def naive(pdu: bytes) -> int:
        state = 0x555555
        for byte in pdu:
            for bit in range(8):
                feedback = (state >> 23 & 1) ^ (byte >> bit & 1)
                state = (state << 1 & 0xFFFFFF) ^ (0x00065B if feedback else 0)
        return int(f"{state:024b}"[::-1], 2)

    rng = np.random.default_rng(3)
    pdu = rng.integers(0, 256, (20, 40), np.uint8)
    size = rng.integers(0, 41, 20)
    assert crc24(pdu, size).tolist() == [
        naive(row[:n].tobytes()) for row, n in zip(pdu, size, strict=True)
    ]


# -- formats by hand ---------------------------------------------------------------------------------


def test_reports_of_both_kinds_several_in_one_event():
    rng = np.random.default_rng(1)
    ads = [advertisement("gaen", rng), b"", advertisement("bluezone", rng)]
    legacy = [report(ad, -60 - k) for k, ad in enumerate(ads)]
    others = [extended(ad, 0x13, -70 - k) for k, ad in enumerate(ads)]
    complete = b"\x04\x0e\x04\x01\x03\x0c\x00"
    records = [event(*legacy), complete, event(*others, sub=0x0D)]
    found, _, _ = hci_packets(btsnoop([(START_US + k, r) for k, r in enumerate(records)]))
    assert [bytes(row[:n]) for row, n in zip(found.data, found.size, strict=True)] == ads * 2
    assert found.rssi_dbm.tolist() == [-60, -61, -62, -70, -71, -72]
    assert found.kind.tolist() == [2, 2, 2, 0, 0, 0]
    assert found.address[0] == 0x060504030201
    assert found.time_us.tolist() == [START_US] * 3 + [START_US + 2] * 3


def test_fragments_of_one_advertiser_are_joined_and_others_are_not():
    first, last, other = b"\x28\xff" + bytes(100), bytes(range(90)), b"\x02\x01\x06"
    who, someone = b"\1\2\3\4\5\6", b"\6\5\4\3\2\1"
    found, _, reader = hci_packets(
        btsnoop(
            [
                (START_US, event(extended(first, 0x20, address=who, sid=1), sub=0x0D)),
                (START_US + 1, event(extended(other, 0x00, address=someone, sid=1), sub=0x0D)),
                (START_US + 2, event(extended(last, 0x00, address=who, sid=1), sub=0x0D)),
                (START_US + 3, event(extended(other, 0x40, address=who, sid=1), sub=0x0D)),
            ]
        )
    )
    assert [bytes(row[:n]) for row, n in zip(found.data, found.size, strict=True)] == [
        other,
        first + last,
        other,
    ]
    assert found.kind.tolist() == [7, 7, 7]
    assert (reader.n_fragments, reader.n_incomplete) == (1, 1)


def test_what_the_phone_sends_by_every_command():
    ad = advertisement("gaen", np.random.default_rng(1))
    n = len(ad)
    commands = [
        b"\x01\x08\x20\x20" + bytes([n]) + ad.ljust(31, b"\0"),
        b"\x01\x37\x20" + bytes([n + 4]) + bytes([0, 3, 1, n]) + ad,
        b"\x01\x37\x20" + bytes([14]) + bytes([0, 1, 1, 10]) + ad[:10],
        b"\x01\x37\x20" + bytes([n - 6]) + bytes([0, 2, 1, n - 10]) + ad[10:],
        b"\x01\x37\x20\x04" + bytes([0, 4, 1, 0]),  # data unchanged
        b"\x01\x54\xfd" + bytes([n + 3]) + bytes([2, n]) + ad + b"\0",
        b"\x01\x54\xfd\x01\x05",
    ]
    _, own, _ = hci_packets(btsnoop([(START_US + k, c) for k, c in enumerate(commands)], flags=2))
    assert [(o.time_us - START_US, o.data) for o in own] == [(k, ad) for k in (0, 1, 3, 5)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_of_either_byte_order_any_clock_and_every_link_type_of_hci(order, tmp_path):
    ad = advertisement("bluezone", np.random.default_rng(1))
    h4 = event(report(ad))
    rows = [
        (0, START_US // 1_000_000 << 20, struct.pack(">I", 1) + h4),
        (1, (START_US // 1_000_000 << 20) + (1 << 19), h4),
        (2, (START_US // 1_000_000 + 1) << 20, struct.pack(">HH", 0, 3) + h4[1:]),
    ]
    resolution = struct.pack(order + "HH", 9, 1) + b"\x94\0\0\0" + bytes(4)  # 2**-20 s
    path = tmp_path / "x.pcapng"
    # A second section numbers its interfaces anew.
    path.write_bytes(
        pcapng(rows, (201, 187, 254), order, resolution)
        + pcapng([(0, START_US + 5_000_000, h4)], (187,), order)
    )
    file_report, (sightings,) = import_one(path)
    assert sightings.protocol == "bluezone"
    assert (sightings.time_ms - START_US // 1000).tolist() == [0, 500, 1000, 5000]
    assert sightings.observer.tolist() == [0, 1, 2, 3]
    assert file_report.n_advertisements == 4


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_holds_what_the_same_pcapng_holds(order, nano, tmp_path):
    table = mixed(70)
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(table)
    with (tmp_path / "x.pcapng").open("rb") as stream:
        (part,) = read_pcapng(stream)
    packets = [bytes(part.data[a : a + n]) for a, n in zip(part.at, part.size, strict=True)]
    times = part.time_us.tolist()
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(list(zip(times, packets, strict=True)), 256, order, nano))
    same(read_packets(path), read_packets(tmp_path / "x.pcapng"))
    (here, found), (there, expected) = import_one(path), import_one(tmp_path / "x.pcapng")
    assert here.format == "pcap"
    assert here.identifiers == there.identifiers
    assert [len(t) for t in found] == [len(t) for t in expected]


@pytest.mark.parametrize(("version", "message"), [(1, 6), (2, 2), (3, 2)])
def test_the_nrf_sniffer_tells_channel_rssi_and_whether_the_crc_is_right(
    version, message, tmp_path
):
    ad = advertisement("gaen", np.random.default_rng(1))
    address = b"\1\2\3\4\5\6"
    packet = struct.pack("<I", 0x8E89BED6) + bytes([0x42, 6 + len(ad)]) + address + ad + bytes(3)
    told = {"version": version, "message": message}
    rows = [
        nordic(packet, channel=38, rssi_dbm=-61, **told),
        nordic(packet, flags=0, **told),  # its CRC is wrong
        nordic(packet, flags=0x21, **told),  # on the coded PHY
        nordic(packet, message=1, version=version),  # no packet, but a word of the sniffer
    ]
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(START_US + k, row) for k, row in enumerate(rows)], 272))
    found = read_packets(path)
    assert bytes(found.data[0]) == ad
    assert (found.rssi_dbm.tolist(), found.channel.tolist()) == ([-61], [38])
    assert found.address[0] == 0x060504030201
    report, (sightings,) = import_one(path)
    assert (report.n_records, report.n_advertisements, report.n_malformed) == (4, 1, 1)
    assert sightings.rssi_dbm.tolist() == [-61]


def test_btsnoop_without_h4_and_of_the_linux_monitor(tmp_path):
    ad = advertisement("tcn", np.random.default_rng(1))
    body = event(report(ad))[1:]
    for link, flags in ((1001, 3), (2001, 3)):
        path = tmp_path / f"{link}.log"
        path.write_bytes(btsnoop([(START_US, body)], link, flags))
        file_report, (sightings,) = import_one(path)
        assert bytes(sightings.identifier[0]) == ad[-16:]
        assert file_report.n_records == 1


def test_packets_with_a_wrong_crc_and_of_other_kinds_are_counted(tmp_path):
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(mixed(4))
    data = bytearray((tmp_path / "x.pcapng").read_bytes())
    with io.BytesIO(bytes(data)) as stream:
        (part,) = read_pcapng(stream)
    flags_at, header_at = int(part.at[0]) + 8, int(part.at[1]) + 14
    data[flags_at + 1] &= ~0x08  # CRC checked, not valid
    data[header_at] = data[header_at] & 0xF0 | 5  # a connection request
    (tmp_path / "x.pcapng").write_bytes(data)
    with (tmp_path / "x.pcapng").open("rb") as stream:
        (part,) = read_pcapng(stream)
    found, n_other, n_broken = read_link_layer(part)
    assert (len(found), n_other, n_broken) == (2, 1, 1)


def test_an_extended_advertisement_on_air():
    ad = advertisement("dp3t-lowcost", np.random.default_rng(1))
    address = b"\1\2\3\4\5\6"
    # Extended header of 9 bytes: advertiser and data info.
    body = bytes([9, 0b1001]) + address + b"\x34\x12" + ad
    pdu = bytes([0x47, len(body)]) + body
    packet = struct.pack("<I", 0x8E89BED6) + pdu + b"\0\0\0"
    empty = struct.pack("<I", 0x8E89BED6) + bytes([0x47, 9, 8, 0b0001]) + address + b"\0\0\0\0"
    with io.BytesIO(pcapng([(0, START_US, packet), (0, START_US, empty)], (251,))) as stream:
        (part,) = read_pcapng(stream)
    found, n_other, n_broken = read_link_layer(part)
    assert (len(found), n_other, n_broken) == (1, 1, 0)
    assert bytes(found.data[0]) == ad
    assert found.address[0] == 0x060504030201
    assert found.rssi_dbm[0] == 127


# -- into sightings ----------------------------------------------------------------------------------


def test_every_protocol_is_recognised_with_the_identifier_on_air(tmp_path):
    table = mixed(70, observers=2)
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(table)
    file_report, tables = import_one(tmp_path / "x.pcapng")
    assert file_report.n_advertisements == 70
    assert file_report.n_sightings == dict.fromkeys(
        ("bluezone", "gaen", "dp3t-lowcost", "robert", "tcn"), 10
    )
    assert file_report.n_gatt == {"bluetrace": 10}
    for found in tables:
        for row in range(len(found)):
            i = int(found.time_ms[row] - START_US // 1000)
            ad = protocols.recognise(bytes(table.data[i, : table.size[i]]))
            assert ad.identifier == bytes(found.identifier[row])
            assert found.protocol in ad.protocols
            assert found.rssi_dbm[row] == table.rssi_dbm[i]
            assert found.address[row] == table.address[i]
            assert found.observer[row] == i % 2


def test_own_identifiers_go_with_what_was_heard_after_them(tmp_path):
    rng = np.random.default_rng(2)
    own = [advertisement("gaen", rng) for _ in range(2)]
    heard = packets(
        [advertisement("gaen", rng) for _ in range(4)] + [advertisement("bluezone", rng)]
    )
    with BtsnoopWriter(tmp_path / "x.log") as out:
        for k, ad in ((1, own[0]), (3, own[1])):
            out.write(heard.take(np.arange(0 if k == 1 else 1, k)))
            out.write_own(START_US + 1000 * k - 500, ad)
        out.write(heard.take(np.arange(3, 5)))
    file_report, tables = import_one(tmp_path / "x.log")
    gaen = next(t for t in tables if t.protocol == "gaen")
    identifiers = [ad[11:27] for ad in own]
    assert [bytes(i) for i in gaen.own_identifier] == [
        bytes(16),
        identifiers[0],
        identifiers[0],
        identifiers[1],
    ]
    assert next(t for t in tables if t.protocol == "bluezone").own_identifier is None
    assert [own.identifier for own in file_report.own] == identifiers


def acl(handle: int, pdu: bytes) -> bytes:
    """An H4 packet with an attribute PDU."""
    body = struct.pack("<HH", len(pdu), 4) + pdu
    return b"\x02" + struct.pack("<HH", handle, len(body)) + body


@pytest.mark.parametrize("window", [frames.WINDOW_BYTES, 64])
def test_identifiers_read_from_iphones_over_a_connection(window, tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "WINDOW_BYTES", window)
    address = b"\1\2\3\4\5\6"
    identifier, other = bytes(range(12)), bytes(range(20, 32))
    ours, foreign = (
        struct.pack("<HBH", at, 2, at + 1) + uuid.bytes[::-1]
        for at, uuid in ((0x20, IOS_CHARACTERISTIC), (0x30, uuid4()))
    )
    opened = b"\x04\x3e\x13\x01\x00\x40\x00\x00\x01" + address + bytes(7)
    sent, received = 2, 3
    talk = [
        (received, event(report(ios_advertisement(), -61, address))),
        (received, opened),
        (sent, acl(0x40, struct.pack("<BHHH", 8, 1, 0xFFFF, 0x2803))),
        (received, acl(0x2040, b"\x09\x15" + ours + foreign)),
        (sent, acl(0x40, struct.pack("<BH", 0x0A, 0x31))),
        (received, acl(0x2040, b"\x0b" + other)),  # another characteristic's
        (sent, acl(0x40, struct.pack("<BH", 0x0A, 0x21))),
        (sent, acl(0x40, b"\x0b" + other)),  # the phone's own answer to the peer
        (sent, acl(0x40, struct.pack("<BH", 0x0A, 0x21))),
        (received, acl(0x2040, b"\x0b" + identifier)),
        (received, acl(0x2040, b"\x0b" + other)),  # answers nothing
        (received, b"\x04\x05\x04\x00\x40\x00\x13"),
        (received, acl(0x2040, b"\x0b" + other)),
    ]
    path = tmp_path / "x.log"
    path.write_bytes(
        btsnoop([])
        + b"".join(btsnoop([(START_US + k, p)], flags=f)[16:] for k, (f, p) in enumerate(talk))
    )
    file_report, (found,) = import_one(path)
    assert [bytes(i) for i in found.identifier] == [identifier]
    assert found.transport.tolist() == [1]
    assert found.rssi_dbm.tolist() == [-61]
    assert found.address.tolist() == [int.from_bytes(address, "little")]
    assert file_report.n_gatt == {"bluezone": 1}


def test_an_rssi_that_is_not_told_is_never_near(tmp_path):
    ad = advertisement("gaen", np.random.default_rng(1))
    (tmp_path / "x.log").write_bytes(btsnoop([(START_US, event(report(ad, 127)))]))
    file_report, (found,) = import_one(tmp_path / "x.log")
    assert found.rssi_dbm.tolist() == [-128]
    assert file_report.n_without_rssi == 1


def test_import_of_several_files_numbers_their_phones(tmp_path, capsys):
    table = mixed(70)
    with PcapngWriter(tmp_path / "a.bin") as out:
        out.write(table)
    with BtsnoopWriter(tmp_path / "b.bin") as out:
        out.write(table)
    rows = np.zeros((2, 12), np.uint8)
    (tmp_path / "c.bin").write_bytes(
        write_history(
            Sightings(
                np.zeros(2, np.int32),
                np.array([1_597_219_200_000] * 2),
                rows,
                np.full(2, -60, np.int16),
            )
        )
    )
    out = tmp_path / "s.parquet"
    assert call("import", *(tmp_path / f"{k}.bin" for k in "abc"), "--out", out, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [f["format"] for f in document["files"]] == ["pcapng", "btsnoop", "data_trace"]
    assert document["n_sightings"] == 102
    found = read_sightings(out)
    assert np.bincount(found["bluezone"].observer).tolist() == [10, 10, 2]
    assert [p["observer"] for p in document["phones"]] == [0, 1, 2]
    # What was imported can be imported again.
    assert call("import", out, "--out", tmp_path / "again.parquet") == 0
    assert "102 sightings" in capsys.readouterr().out


# -- measured captures, tshark -----------------------------------------------------------------------


def tshark(path, *arguments: str) -> list[str]:
    done = subprocess.run(
        ["tshark", "-r", str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


@needs_tshark
def test_tshark_reads_what_is_written(tmp_path):
    table = mixed(70, observers=2)
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(table)
    fields = (
        "btle.advertising_address",
        "btle_rf.signal_dbm",
        "frame.time_epoch",
        "bluetooth.gaen.rpi",
    )
    lines = tshark(tmp_path / "x.pcapng", "-T", "fields", *(a for f in fields for a in ("-e", f)))
    assert len(lines) == 70
    for row, line in enumerate(lines):
        address, rssi, time, rpi = line.split("\t")
        assert int(address.replace(":", ""), 16) == table.address[row]
        assert int(rssi) == table.rssi_dbm[row]
        assert round(float(time) * 1e6) == table.time_us[row]
        ad = protocols.recognise(bytes(table.data[row, : table.size[row]]))
        gaen = ad is not None and ad.protocols == ("gaen",)
        assert rpi == (ad.identifier.hex() if gaen else "")
    assert tshark(tmp_path / "x.pcapng", "-Y", "btle.crc.incorrect") == []
    with BtsnoopWriter(tmp_path / "x.log") as out:
        out.write(dataclasses.replace(table, observer=np.zeros(70, np.int32)))
    lines = tshark(
        tmp_path / "x.log", "-T", "fields", "-e", "bthci_evt.bd_addr", "-e", "bthci_evt.rssi"
    )
    assert [int(x.split("\t")[1]) for x in lines] == table.rssi_dbm.tolist()


@needs_tshark
@pytest.mark.parametrize(("version", "message"), [(1, 6), (3, 2)])
def test_tshark_and_we_read_the_same_in_a_capture_of_the_nrf_sniffer(version, message, tmp_path):
    ad = advertisement("gaen", np.random.default_rng(1))
    packet = struct.pack("<I", 0x8E89BED6) + bytes([0x42, 6 + len(ad)]) + bytes(6) + ad + bytes(3)
    row = nordic(packet, channel=39, rssi_dbm=-77, version=version, message=message)
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(START_US, row)], 272))
    fields = ("nordic_ble.channel", "nordic_ble.rssi", "frame.time_epoch", "bluetooth.gaen.rpi")
    (line,) = tshark(path, "-T", "fields", *(a for f in fields for a in ("-e", f)))
    channel, rssi, time, rpi = line.split("\t")
    ours = read_packets(path)
    assert int(channel) == ours.channel[0] == 39
    assert int(rssi) == ours.rssi_dbm[0] == -77
    assert round(float(time) * 1e6) == ours.time_us[0]
    assert rpi == protocols.recognise(bytes(ours.data[0])).identifier.hex()


@pytest.mark.data
@needs_captures
@pytest.mark.parametrize(
    ("name", "n_advertisements", "n_sightings", "n_identifiers", "n_own"),
    [
        ("01.btsnoop", 15_041, 9_957, 485, 17),
        ("02.btsnoop", 15_866, 10_622, 505, 22),
        ("03.btsnoop", 15_798, 10_530, 491, 18),
    ],
)
def test_the_measured_captures(name, n_advertisements, n_sightings, n_identifiers, n_own):
    """Counts as tshark 4.0.17 gives them."""
    file_report, tables = import_one(PCAPS / name)
    assert file_report.n_advertisements == n_advertisements
    assert file_report.n_sightings == {"gaen": n_sightings}
    assert len(file_report.identifiers["gaen"]) == n_identifiers
    assert len(file_report.own) == n_own
    assert all(t.own_identifier is not None for t in tables)


@pytest.mark.data
@needs_captures
@needs_tshark
def test_tshark_agrees_on_a_measured_capture():
    path = PCAPS / "01.btsnoop"
    file_report, _ = import_one(path)
    rpi = tshark(
        path, "-Y", "bthci_evt && bluetooth.gaen", "-T", "fields", "-e", "bluetooth.gaen.rpi"
    )
    assert len(rpi) == file_report.n_sightings["gaen"]
    assert {bytes.fromhex(x) for x in rpi} == file_report.identifiers["gaen"]
    events = tshark(
        path,
        "-Y",
        "bthci_evt.le_meta_subevent == 0x0d",
        "-T",
        "fields",
        "-e",
        "bthci_evt.le_num_reports",
    )
    assert sum(map(int, events)) == file_report.n_advertisements
