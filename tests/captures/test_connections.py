"""Identifiers over connections: link types, tables that phones keep, BlueTrace; lengths on the air."""

from __future__ import annotations

import base64
import json
import struct
from uuid import UUID

import numpy as np
import pytest

from bluezone_sim import protocols
from bluezone_sim.captures.importing import import_file
from bluezone_sim.captures.phones import PhoneNumbers
from bluezone_sim.errors import FormatError
from bluezone_sim.protocols.bluetrace import wire as bluetrace
from bluezone_sim.protocols.bluezone.wire import IOS_CHARACTERISTIC, ios_advertisement
from bluezone_sim.protocols.tcn.wire import CHARACTERISTIC as TCN_CHARACTERISTIC
from helpers.capture_files import START_US, btsnoop, event, pcap, pcapng_block, report

PEER = b"\1\2\3\4\5\6"
#: One of Bluezone's intervals begins here.
BEGIN_US = START_US // 900_000_000 * 900_000_000


def acl(pdu: bytes, handle: int = 0x40) -> bytes:
    """An H4 packet with an attribute PDU."""
    body = struct.pack("<HH", len(pdu), 4) + pdu
    return b"\2" + struct.pack("<HH", handle | 0x2000, len(body)) + body


def opened(sub: int = 0x01, peer: bytes = PEER) -> bytes:
    return b"\4\x3e\x1f" + bytes([sub, 0, 0x40, 0, 0, 1]) + peer + bytes(19)


CLOSED = b"\4\5\4\0\x40\0\x13"


def declared(uuid: UUID, at: int = 0x20) -> bytes:
    return b"\x09\x15" + struct.pack("<HBH", at, 2, at + 1) + uuid.bytes[::-1]


ASKED = b"\x08" + struct.pack("<HHH", 1, 0xFFFF, 0x2803)
READ = b"\x0a\x21\0"


def talk(uuid: UUID, value: bytes, sub: int = 0x01) -> list[tuple[bool, bytes]]:
    """(received, packet): a phone connects, looks for the characteristic and reads it."""
    return [
        (True, opened(sub)),
        (False, acl(ASKED)),
        (True, acl(declared(uuid))),
        (False, acl(READ)),
        (True, acl(b"\x0b" + value)),
        (True, CLOSED),
    ]


def advert(data: bytes = b"", rssi: int = -61, peer: bytes = PEER) -> tuple[bool, bytes]:
    return True, event(report(data or ios_advertisement(), rssi, peer, 0))


def written(link: int, rows: list[tuple[bool, bytes]], times=None, adapter: int = 0) -> bytes:
    """A file of a link type; what is received, and when."""
    times = [BEGIN_US + 1000 * k for k in range(len(rows))] if times is None else times
    out = b""
    if link in (1001, 1002, 2001):
        for time, (received, packet) in zip(times, rows, strict=True):
            flags = received | (2 if packet[0] in (1, 4) else 0)
            body = packet if link == 1002 else packet[1:]
            if link == 2001:
                flags = adapter << 16 | monitor_code(received, packet)
            out += btsnoop([(time, body)], link, flags)[16:]
        return btsnoop([], link) + out
    if link == 187:  # with the flags of pcapng's blocks
        out = pcapng_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        out += pcapng_block(1, struct.pack("<HHI", 187, 0, 0))
        for time, (received, packet) in zip(times, rows, strict=True):
            head = struct.pack("<5I", 0, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet))
            padded = packet + bytes(-len(packet) % 4)
            options = struct.pack("<HHI", 2, 4, 1 if received else 2) + bytes(4)
            out += pcapng_block(6, head + padded + options)
        return out
    packets = []
    for received, packet in rows:
        if link == 201:
            packets.append(struct.pack(">I", received) + packet)
        else:
            packets.append(struct.pack(">HH", adapter, monitor_code(received, packet)) + packet[1:])
    return pcap(list(zip(times, packets, strict=True)), link)


def monitor_code(received: bool, packet: bytes) -> int:
    return {1: 2, 4: 3}.get(packet[0], 4 + received)


def read(path, data: bytes):
    path.write_bytes(data)
    phones = PhoneNumbers()
    file_report, tables = import_file(path, phones)
    return file_report, list(tables), phones


IDENTIFIER = bytes(range(12))


@pytest.mark.parametrize("link", [1001, 1002, 2001, 201, 254, 187])
@pytest.mark.parametrize("sub", [0x01, 0x0A, 0x29])
def test_reads_are_found_in_every_link_type_and_after_every_kind_of_connection(link, sub, tmp_path):
    rows = [advert(), *talk(IOS_CHARACTERISTIC, IDENTIFIER, sub)]
    file_report, (found,), _ = read(tmp_path / "x", written(link, rows))
    assert [bytes(i) for i in found.identifier] == [IDENTIFIER]
    assert found.rssi_dbm.tolist() == [-61]
    assert found.transport.tolist() == [1]
    assert file_report.n_gatt == {"bluezone": 1}


def test_without_a_direction_nothing_is_taken_for_an_answer(tmp_path):
    rows = [advert(), *talk(IOS_CHARACTERISTIC, IDENTIFIER)]
    data = pcap([(BEGIN_US + k, packet) for k, (_, packet) in enumerate(rows)], 187)
    file_report, found, _ = read(tmp_path / "x", data)
    assert found == []
    assert file_report.n_gatt == {"bluezone": 1}


def test_a_phone_remembers_the_tables_of_its_peers(tmp_path):
    again = bytes(range(20, 32))
    rows = [
        *talk(IOS_CHARACTERISTIC, IDENTIFIER),
        (True, opened()),
        (False, acl(READ)),
        (True, acl(b"\x0b" + again)),
        (True, CLOSED),
        # Another phone has a table of its own.
        (True, opened(peer=b"\6\5\4\3\2\1")),
        (False, acl(READ)),
        (True, acl(b"\x0b" + again)),
    ]
    _, tables, _ = read(tmp_path / "x", written(1002, rows))
    assert [bytes(i) for t in tables for i in t.identifier] == [IDENTIFIER, again]


def test_every_advertisement_of_a_phone_that_was_read_is_a_row(tmp_path):
    """As in the app: 59 rows in 14.7 minutes, all of them minutes near."""
    later = [advert(rssi=-50 - k % 9) for k in range(59)]
    other = [advert(peer=b"\6\5\4\3\2\1")]
    rows = [advert(), *talk(IOS_CHARACTERISTIC, IDENTIFIER), *later, *other]
    times = [BEGIN_US + 1000 * k for k in range(7)]
    times += [BEGIN_US + 10_000_000 + 15_200_000 * k for k in range(59)] + [BEGIN_US + 895_000_000]
    file_report, tables, _ = read(tmp_path / "x", written(1002, rows, times))
    assert file_report.n_sightings == {"bluezone": 60}
    assert {bytes(i) for t in tables for i in t.identifier} == {IDENTIFIER}
    assert all((t.transport == 1).all() for t in tables)
    heard = tables[-1]
    assert heard.rssi_dbm.tolist() == [-50 - k % 9 for k in range(59)]
    # Of the first one nothing was known yet, and of the other phone nothing at all.
    assert file_report.n_gatt == {"bluezone": 2}


def test_what_was_read_holds_while_its_interval_lasts(tmp_path):
    rows = [*talk(IOS_CHARACTERISTIC, IDENTIFIER), advert(), advert()]
    times = [BEGIN_US + k for k in range(6)] + [BEGIN_US + 899_000_000, BEGIN_US + 900_000_000]
    file_report, _, _ = read(tmp_path / "x", written(1002, rows, times))
    assert file_report.n_sightings == {"bluezone": 2}
    assert file_report.n_gatt == {"bluezone": 1}


def test_a_number_of_an_iphone_with_tcn(tmp_path):
    shown = b"\x02\x01\x1a\x03\x03\x19\xc0"
    number = bytes(range(16))
    rows = [advert(shown), *talk(TCN_CHARACTERISTIC, number), advert(shown)]
    file_report, tables, _ = read(tmp_path / "x", written(1002, rows))
    assert [bytes(i) for t in tables for i in t.identifier] == [number, number]
    assert file_report.n_gatt == {"tcn": 1}


def test_two_adapters_are_two_observers_each_with_its_own_identifiers(tmp_path):
    system = protocols.get("gaen")
    own = [system.advertisement(bytes([k]) * 16, bytes(4)) for k in (1, 2)]
    other = system.advertisement(b"\7" * 16, bytes(4))

    def rows(k):
        sets = b"\1\x08\x20\x20" + bytes([len(own[k])]) + own[k].ljust(31, b"\0")
        return [(False, sets), advert(other, rssi=-50 - k)]

    for link in (254, 2001):
        parts = [written(link, rows(k), adapter=k) for k in (0, 1)]
        data = parts[0] + parts[1][16 if link == 2001 else 24 :]
        file_report, (found,), phones = read(tmp_path / "x", data)
        assert found.observer.tolist() == [0, 1]
        assert found.rssi_dbm.tolist() == [-50, -51]
        assert [bytes(i) for i in found.own_identifier] == [b"\1" * 16, b"\2" * 16]
        assert [o.observer for o in file_report.own] == [0, 1]
        assert list(phones.number) == [str(tmp_path / "x"), f"{tmp_path / 'x'}, adapter hci1"]


# -- BlueTrace ---------------------------------------------------------------------------------------

TEMPORARY = bytes(range(61))
TEXT = base64.b64encode(TEMPORARY).decode()
PERIPHERAL = {"id": TEXT, "mp": "iPhone X", "o": "SG_MOH", "v": 2}
CENTRAL = {"id": TEXT, "mc": "Pixel 3", "rs": -57, "o": "SG_MOH", "v": 2}
SAFE_PERIPHERAL = {"msg": TEXT, "modelP": "iPhone X", "org": "AU_DTA", "v": 1}
SAFE_CENTRAL = {
    "msg": TEXT,
    "modelC": "Pixel 3",
    "rssi": -57,
    "txPower": 7,
    "org": "AU_DTA",
    "v": 1,
}


def coded(message) -> bytes:
    return json.dumps(message).encode()


@pytest.mark.parametrize("message", [PERIPHERAL, SAFE_PERIPHERAL])
def test_what_a_peripheral_answers(message):
    assert bluetrace.answer(coded(message)) == TEMPORARY
    for name in message:
        if name != "modelP":
            with pytest.raises(FormatError):
                bluetrace.answer(coded({k: v for k, v in message.items() if k != name}))
    with pytest.raises(FormatError, match=r"mc|rssi"):
        bluetrace.written(coded(message))


@pytest.mark.parametrize("message", [CENTRAL, SAFE_CENTRAL])
def test_what_a_central_writes(message):
    assert bluetrace.written(coded(message)) == (TEMPORARY, -57)
    for name in message:
        if name not in ("modelC", "txPower"):
            with pytest.raises(FormatError):
                bluetrace.written(coded({k: v for k, v in message.items() if k != name}))
    with pytest.raises(FormatError):
        bluetrace.written(coded({**message, "rs": "near", "rssi": "near"}))


def in_parts(pdu: bytes, size: int = 27) -> list[bytes]:
    """One attribute PDU in ACL packets of some bytes."""
    whole = struct.pack("<HH", len(pdu), 4) + pdu
    out = []
    for k in range(0, len(whole), size):
        part = whole[k : k + size]
        out.append(b"\2" + struct.pack("<HH", 0x40 | (0x1000 if k else 0x2000), len(part)) + part)
    return out


@pytest.mark.parametrize(
    ("uuid", "message"),
    [
        (bluetrace.CHARACTERISTIC, PERIPHERAL),
        (bluetrace.COVIDSAFE_CHARACTERISTIC, SAFE_PERIPHERAL),
    ],
)
def test_a_temporary_id_is_read_in_blobs_and_in_fragments(uuid, message, tmp_path):
    value = coded(message)
    rows = [
        (True, opened()),
        (False, acl(ASKED)),
        (True, acl(declared(uuid))),
        (False, acl(READ)),
        *((True, p) for p in in_parts(b"\x0b" + value[:100])),
        (False, acl(b"\x0c\x21\0" + struct.pack("<H", 100))),
        *((True, p) for p in in_parts(b"\x0d" + value[100:])),
    ]
    _, (found,), _ = read(tmp_path / "x", written(1002, rows))
    assert [bytes(i) for i in found.identifier] == [TEMPORARY]
    assert found.protocol == "bluetrace"


@pytest.mark.parametrize("message", [CENTRAL, SAFE_CENTRAL])
@pytest.mark.parametrize("prepared", [False, True])
def test_what_a_central_writes_to_the_phone_is_heard_with_its_rssi(message, prepared, tmp_path):
    value = coded(message)
    writes = [b"\x12\x31\0" + value]
    if prepared:
        halves = [(0, value[:90]), (90, value[90:])]
        writes = [b"\x16\x31\0" + struct.pack("<H", at) + part for at, part in halves] + [b"\x18\1"]
    rows = [(True, opened()), *((True, p) for w in writes for p in in_parts(w))]
    _, (found,), _ = read(tmp_path / "x", written(1002, rows))
    assert [bytes(i) for i in found.identifier] == [TEMPORARY]
    assert found.rssi_dbm.tolist() == [-57]
    # What the phone itself writes was not heard.
    sent = [(k == 0, packet) for k, (_, packet) in enumerate(rows)]
    assert read(tmp_path / "x", written(1002, sent))[1] == []


def test_both_services_show_bluetrace():
    for uuid in bluetrace.SERVICES:
        data = bytes([17, 7]) + uuid.bytes[::-1]
        assert protocols.recognise(data).protocols == ("bluetrace",)


# -- variants of advertisements ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "uuid", "sizes"),
    [
        ("tcn", 0xC019, (16, 20)),
        ("robert", 0xFD64, (16, 18, 19, 20)),
        ("dp3t-lowcost", 0xFD68, (16,)),
        ("gaen", 0xFD6F, (20,)),
    ],
)
def test_an_advertisement_has_the_lengths_that_its_protocol_declares(name, uuid, sizes):
    system = protocols.get(name)
    assert {16 + n for n in system.wire.payload_bytes} == set(sizes)
    for size in range(24):
        sent = np.random.default_rng(size).bytes(size)
        head = b"\x03\x03" + struct.pack("<H", uuid)
        found = protocols.recognise(head + bytes([size + 3, 0x16]) + struct.pack("<H", uuid) + sent)
        if size not in sizes:
            assert found is None
        else:
            assert name in found.protocols
            assert (found.identifier, found.payload) == (sent[:16], sent[16:])
