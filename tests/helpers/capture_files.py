"""Captures made by hand, for tests."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np

from bluezone_sim import protocols
from bluezone_sim.captures.packets import Packets

EPOCH_US = 0x00DCDDB30F2F8000
START_US = 1_597_219_200_000_000  # 12 August 2020, 08:00 UTC
#: The table of a measurement of DP-3T.
RESULTS = """CREATE TABLE results(db_id INTEGER PRIMARY KEY, receiver_id TEXT, receiver_model TEXT,
transmitter_id TEXT, transmitter_model TEXT, timestamp REAL, rssi INTEGER, tx_power INTEGER,
ground_truth_distance REAL)"""


def advertisement(name: str, rng: np.random.Generator) -> bytes:
    """A random advertisement of a protocol."""
    system = protocols.get(name)
    if name == "gaen":
        return system.advertisement(rng.bytes(16), rng.bytes(4))
    if name == "bluetrace":
        return system.advertisement(bytes(61), rng.bytes(3))
    if name == "bluezone-v1":
        return system.advertisement(bytes(rng.choice(list(b"0123456789abcXYZ"), 6).tolist()))
    return system.advertisement(rng.bytes(system.id_size))


def packets(data: list[bytes], seed: int = 1, observers: int = 1) -> Packets:
    """A packet each millisecond with the advertising data given."""
    rng = np.random.default_rng(seed)
    n = len(data)
    table = np.zeros((n, 31), np.uint8)
    for row, ad in zip(table, data, strict=True):
        row[: len(ad)] = np.frombuffer(ad, np.uint8)
    return Packets(
        time_us=START_US + 1000 * np.arange(n),
        observer=(np.arange(n) % observers).astype(np.int32),
        address=rng.integers(0, 1 << 48, n, dtype=np.uint64),
        address_random=rng.random(n) < 0.5,
        rssi_dbm=rng.integers(-105, -30, n).astype(np.int16),
        channel=rng.choice([37, 38, 39], n).astype(np.uint8),
        kind=rng.choice([0, 2, 4, 6], n).astype(np.uint8),
        size=np.array([len(ad) for ad in data], np.int32),
        data=table,
    )


def mixed(n: int, seed: int = 1, observers: int = 1) -> Packets:
    """Packets of Bluezone, GAEN, DP-3T, ROBERT, BlueTrace, TCN, and of nobody."""
    rng = np.random.default_rng(seed)
    names = ("bluezone", "gaen", "dp3t-lowcost", "robert", "bluetrace", "tcn", None)
    data = [
        b"\x02\x01\x06" + b"\x05\xff\x4c\x00\x10\x05" if name is None else advertisement(name, rng)
        for name in (names[i % len(names)] for i in range(n))
    ]
    return packets(data, seed, observers)


def same(a: Packets, b: Packets) -> None:
    """Asserts that two tables hold the same; padding does not count."""
    for name in a.__dataclass_fields__:
        x, y = getattr(a, name), getattr(b, name)
        if name == "data":
            width = max(x.shape[1], y.shape[1])
            x, y = (np.pad(d, ((0, 0), (0, width - d.shape[1]))) for d in (x, y))
        assert np.array_equal(x, y), name


def without_channel(table: Packets) -> Packets:
    """As a phone's own log has it."""
    return dataclasses.replace(table, channel=np.full(len(table), 255, np.uint8))


def pcap(records: list[tuple[int, bytes]], link: int = 256, order: str = "<", nano: bool = False):
    """A capture of (unix µs, packet)."""
    magic, factor = (0xA1B23C4D, 1000) if nano else (0xA1B2C3D4, 1)
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(
        struct.pack(
            order + "4I", us // 1_000_000, us % 1_000_000 * factor, len(packet), len(packet)
        )
        + packet
        for us, packet in records
    )


def nordic(packet: bytes, *, message=6, version=1, flags=1, channel=38, rssi_dbm=-60) -> bytes:
    """A packet, access address to CRC, as the nRF sniffer tells of it."""
    size = len(packet) + 10
    lengths = bytes([6, size]) if version == 1 else struct.pack("<H", size)
    event = bytes([10, flags, channel, -rssi_dbm]) + bytes(6)
    return b"\x11" + lengths + bytes([version, 7, 0, message]) + event + packet


def btsnoop(records: list[tuple[int, bytes]], link: int = 1002, flags: int = 3) -> bytes:
    """A log of (unix µs, packet)."""
    return (
        b"btsnoop\0"
        + struct.pack(">II", 1, link)
        + b"".join(
            struct.pack(">IIIIq", len(p), len(p), flags, 0, t + EPOCH_US) + p for t, p in records
        )
    )


def report(ad: bytes, rssi: int = -70, address: bytes = b"\1\2\3\4\5\6", event: int = 3) -> bytes:
    """One legacy report, from event type to RSSI."""
    return bytes([event, 1]) + address + bytes([len(ad)]) + ad + struct.pack("b", rssi)


def extended(
    ad: bytes, event: int = 0x10, rssi: int = -70, address: bytes = b"\1\2\3\4\5\6", sid: int = 0xFF
) -> bytes:
    """One extended report."""
    head = struct.pack("<HB", event, 1) + address + bytes([1, 0, sid, 127])
    return head + struct.pack("b", rssi) + bytes(9) + bytes([len(ad)]) + ad


def event(*reports: bytes, sub: int = 0x02) -> bytes:
    """An H4 packet with an LE meta event of some reports."""
    body = bytes([sub, len(reports)]) + b"".join(reports)
    return b"\x04\x3e" + bytes([len(body)]) + body


def pcapng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(
    rows: list[tuple[int, int, bytes]],
    links: tuple[int, ...] = (201,),
    order: str = "<",
    resolution: bytes = b"",
) -> bytes:
    """A pcapng of (interface, ticks, packet)."""
    out = pcapng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    for link in links:
        out += pcapng_block(1, struct.pack(order + "HHI", link, 0, 0) + resolution, order)
    for interface, ticks, data in rows:
        head = struct.pack(
            order + "5I", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)
        )
        out += pcapng_block(6, head + data, order)
    return out
