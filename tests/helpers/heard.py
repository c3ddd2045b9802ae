"""A GAEN phone as another one's log has it, for tests: from the specification, apart from the package."""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .capture_files import btsnoop, event, report

#: Midnight UTC of 29 November 2020, and two keys.
DAY = 1_606_608_000
A, B = bytes(range(16)), bytes(range(16, 32))


def _hkdf(key: bytes, info: bytes) -> bytes:
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\1", hashlib.sha256).digest()[:16]


def _aes(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def gaen(key: bytes, unix_s: float, tx_dbm: int = -20) -> bytes:
    """Identifier and encrypted metadata at a time."""
    interval = struct.pack("<I", int(unix_s) // 600)
    identifier = _aes(_hkdf(key, b"EN-RPIK"), b"EN-RPI" + bytes(6) + interval)
    stream = _aes(_hkdf(key, b"EN-AEMK"), identifier)
    metadata = struct.pack("<Bbxx", 0x40, tx_dbm)
    return identifier + bytes(m ^ s for m, s in zip(metadata, stream, strict=False))


def service(uuid: int, data: bytes) -> bytes:
    """Advertising data: flags, a service, its data."""
    name = struct.pack("<H", uuid)
    return b"\x02\x01\x1a\x03\x03" + name + bytes([len(data) + 3, 0x16]) + name + data


def address_at(unix_s: float) -> bytes:
    """An address that changes with the identifier."""
    return (1 + int(unix_s) // 600).to_bytes(6, "little")


def advert(key: bytes, unix_s: float, rssi: int = -60) -> bytes:
    """An H4 packet: the advertisement of a key at a time."""
    return event(report(service(0xFD6F, gaen(key, unix_s)), rssi, address_at(unix_s)))


def heard(
    key: bytes, minutes: float, every_s: float = 60, start: float = DAY + 36_000, rssi: int = -60
) -> list[tuple[int, bytes]]:
    """(unix microseconds, packet) of a phone that is near for some minutes."""
    times = [start + k * every_s for k in range(round(minutes * 60 / every_s))]
    return [(round(t * 1e6), advert(key, t, rssi)) for t in times]


def scanning(unix_s: float, *, on: bool) -> tuple[int, bytes]:
    """The command by which a phone begins or ends a scan."""
    return round(unix_s * 1e6), bytes([1, 0x42, 0x20, 6, int(on), 0, 0, 0, 0, 0])


def log(*parts: list[tuple[int, bytes]], link: int = 1002) -> bytes:
    """A phone's log of (unix microseconds, packet), in order of time; commands are sent."""
    records = sorted((r for part in parts for r in part), key=lambda r: r[0])
    return btsnoop([], link) + b"".join(
        btsnoop([r], link, 2 if r[1][0] == 1 else 3)[16:] for r in records
    )


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def _field(tag: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(tag << 3) + _varint(value)
    return _varint(tag << 3 | 2) + _varint(len(value)) + value


def export(*keys: bytes, day: int = DAY) -> bytes:
    """An export of whole days' keys."""
    out = b"EK Export v1    " + _varint(1 << 3 | 1) + struct.pack("<q", day + 86_400)
    out += _varint(2 << 3 | 1) + struct.pack("<q", day + 2 * 86_400)
    out += _field(3, b"VN") + _field(4, 1) + _field(5, 1)
    for key in keys:
        whole = (
            _field(1, key) + _field(2, 4) + _field(3, day // 600) + _field(4, 144) + _field(5, 1)
        )
        out += _field(7, whole)
    return out
