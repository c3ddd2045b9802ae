"""The systems' derivations as their specifications have them, one key at a time, on other libraries."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bluezone_sim.protocols.robert.keys import Server

#: Bytes of a Bluezone sub-key that are on air.
ON_AIR = [0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 30]


def bluezone(daily_key: bytes, count: int) -> list[bytes]:
    sub_key = hashlib.sha256(daily_key + b"bluzonesubkey").digest()
    out = []
    for _ in range(count):
        out.append(bytes(sub_key[i] for i in ON_AIR))
        sub_key = hashlib.sha256(sub_key).digest()
    return out


def _gaen_key(tek: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=16, salt=None, info=label).derive(tek)


def gaen(tek: bytes, first: int, count: int) -> list[bytes]:
    aes = Cipher(algorithms.AES(_gaen_key(tek, b"EN-RPIK")), modes.ECB()).encryptor()
    blocks = (
        b"EN-RPI" + bytes(6) + ((first + j) & 0xFFFFFFFF).to_bytes(4, "little")
        for j in range(count)
    )
    return [aes.update(block) for block in blocks]


def gaen_metadata(tek: bytes, rpi: bytes, data: bytes) -> bytes:
    aes = Cipher(algorithms.AES(_gaen_key(tek, b"EN-AEMK")), modes.CTR(rpi)).encryptor()
    return aes.update(data)


def dp3t(key: bytes, label: bytes, count: int) -> list[bytes]:
    stream_key = hmac.digest(key, label, "sha256")
    aes = Cipher(algorithms.AES(stream_key), modes.CTR(bytes(16))).encryptor()
    stream = aes.update(bytes(16 * count))
    return [stream[16 * i : 16 * i + 16] for i in range(count)]


def dp3t_lowcost(key: bytes, count: int) -> list[bytes]:
    return dp3t(key, b"broadcast key", count)


def dp3t_hybrid(key: bytes, count: int) -> list[bytes]:
    return dp3t(key, b"DP3T-HYBRID", count)


def tcn(key: bytes, first: int, count: int) -> list[bytes]:
    rvk, contact_key = key[:32], key[32:]
    out = []
    for i in range(first, first + count):
        contact_key = hashlib.sha256(b"H_TCK" + rvk + contact_key).digest()
        number = hashlib.sha256(b"H_TCN" + i.to_bytes(2, "little") + contact_key).digest()
        out.append(number[:16])
    return out


def robert(server: Server, user_key: bytes, epoch: int, user: int, time_s: int) -> bytes:
    """The HELLO of a user at a time; the EBID is the server's."""
    ebid = bytes(server.ephemeral_ids(epoch, user)[0])
    aes = Cipher(algorithms.AES(server.federation_key), modes.ECB()).encryptor()
    country = bytes([aes.update(ebid + bytes(8))[0] ^ server.country])
    body = country + ebid + ((time_s + 2_208_988_800) & 0xFFFF).to_bytes(2, "big")
    return body + hmac.digest(user_key, b"\x01" + body, "sha256")[:5]
