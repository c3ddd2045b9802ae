"""Exports of keys as servers write them, right and wrong, and the log of a phone that was near one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bluezone_sim import protocols
from bluezone_sim.captures.formats.btsnoop import BtsnoopWriter
from bluezone_sim.protocols.gaen import keys as gaen
from bluezone_sim.protocols.gaen.files import HEADER
from bluezone_sim.protocols.gaen.protobuf import bytes_field, number_field, varint

from .capture_files import packets

DAY = 1_606_608_000  # 29 November 2020, midnight UTC
A, B = bytes(range(16)), bytes(range(16, 32))
PHONES_OID = "1.2.840.10045.4.3.2"


def key(data: bytes, report: int | None = 1, period: int = 144, risk: int = 4) -> bytes:
    """A TemporaryExposureKey that is valid from :data:`DAY` on."""
    out = bytes_field(1, data) + number_field(2, risk)
    out += number_field(3, DAY // 600) + number_field(4, period)
    return out + (b"" if report is None else number_field(5, report))


def signer(algorithm: str = PHONES_OID, key_id: str = "452") -> bytes:
    """A SignatureInfo."""
    return b"".join(
        bytes_field(tag, text.encode())
        for tag, text in ((3, "v1"), (4, key_id), (5, algorithm))
        if text
    )


def export(
    *keys: bytes,
    revised: tuple[bytes, ...] = (),
    batch: int = 1,
    of: int = 1,
    region: str = "VN",
    start_s: int = DAY + 86_400,
    end_s: int = DAY + 2 * 86_400,
    signers: tuple[bytes, ...] = (),
) -> bytes:
    """An ``export.bin`` of keys that are written already."""
    out = HEADER + varint(1 << 3 | 1) + start_s.to_bytes(8, "little")
    out += varint(2 << 3 | 1) + end_s.to_bytes(8, "little")
    out += bytes_field(3, region.encode()) + number_field(4, batch) + number_field(5, of)
    out += b"".join(bytes_field(6, info) for info in signers)
    out += b"".join(bytes_field(7, k) for k in keys)
    return out + b"".join(bytes_field(8, k) for k in revised)


def signatures(*entries: tuple[bytes, bytes]) -> bytes:
    """An ``export.sig`` of (SignatureInfo, signature)."""
    return b"".join(
        bytes_field(
            1, bytes_field(1, info) + number_field(2, 1) + number_field(3, 1) + bytes_field(4, data)
        )
        for info, data in entries
    )


def write_log(path: Path, *near: tuple[bytes, int], minutes: int = 20) -> Path:
    """The HCI log of a phone that heard keys' owners once a minute, from (key, unix seconds) on."""
    system = protocols.get("gaen")
    heard = []
    for data, start_s in near:
        one = np.frombuffer(data, np.uint8)[None]
        ids = system.identifiers(one, DAY)[0]
        for s in range(start_s, start_s + 60 * minutes, 60):
            own = ids[(s - DAY) // 600][None]
            sent = gaen.crypt_metadata(one, own, gaen.metadata(-20))
            heard.append((s, system.advertisement(bytes(own[0]), bytes(sent[0]))))
    heard.sort(key=lambda row: row[0])
    table = packets([ad for _, ad in heard])
    table.time_us[:] = [s * 1_000_000 for s, _ in heard]
    table.address[:] = [s // 600 for s, _ in heard]
    table.rssi_dbm[:] = -60
    with BtsnoopWriter(path) as out:
        out.write(table)
    return path
