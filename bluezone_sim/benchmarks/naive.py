"""The baselines: what one writes first, on hashlib, the ``cryptography`` package and a ``set``."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import math
import random
from collections.abc import Collection

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

_ON_AIR = (0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 30)


def bluezone(keys: NDArray[np.uint8], count: int = 96) -> list[bytes]:
    """A chain of hashlib calls a key."""
    out = []
    for key in keys:
        sub_key = hashlib.sha256(key.tobytes() + b"bluzonesubkey").digest()
        for _ in range(count):
            out.append(bytes([sub_key[i] for i in _ON_AIR]))
            sub_key = hashlib.sha256(sub_key).digest()
    return out


def bluezone_chain(keys: NDArray[np.uint8], count: int = 96) -> bytes:
    """Only the hashes, without picking the bytes: the fastest loop there is."""
    sha256 = hashlib.sha256
    sub_key = b""
    for key in keys:
        sub_key = sha256(key.tobytes() + b"bluzonesubkey").digest()
        for _ in range(count - 1):
            sub_key = sha256(sub_key).digest()
    return sub_key


def gaen(keys: NDArray[np.uint8], first: int) -> list[bytes]:
    """A HKDF and an ECB call a key."""
    numbers = np.zeros((144, 16), np.uint8)
    numbers[:, :6] = np.frombuffer(b"EN-RPI", np.uint8)
    numbers[:, 12:] = (
        np.arange(first, first + 144, dtype=np.uint32).astype("<u4").view(np.uint8).reshape(-1, 4)
    )
    blocks = numbers.tobytes()
    out = []
    for key in keys:
        rpik = HKDF(algorithm=SHA256(), length=16, salt=None, info=b"EN-RPIK").derive(key.tobytes())
        out.append(Cipher(algorithms.AES(rpik), modes.ECB()).encryptor().update(blocks))
    return out


def dp3t_lowcost(keys: NDArray[np.uint8]) -> list[bytes]:
    """An HMAC and a CTR call a key."""
    zeros = bytes(96 * 16)
    out = []
    for key in keys:
        stream = hmac.digest(key.tobytes(), b"broadcast key", "sha256")
        cipher = Cipher(algorithms.AES(stream), modes.CTR(bytes(16)))
        out.append(cipher.encryptor().update(zeros))
    return out


def tcn(keys: NDArray[np.uint8], count: int = 96) -> list[bytes]:
    """Two hashlib calls a number."""
    out = []
    for key in keys:
        rvk, contact_key = key[:32].tobytes(), key[32:].tobytes()
        for i in range(1, count + 1):
            contact_key = hashlib.sha256(b"H_TCK" + rvk + contact_key).digest()
            out.append(hashlib.sha256(b"H_TCN" + i.to_bytes(2, "little") + contact_key).digest())
    return out


def gaen_matches(keys: NDArray[np.uint8], first: int, seen: Collection[bytes]) -> int:
    """Expands each key and asks a set for each identifier."""
    hits = 0
    for ids in gaen(keys, first):
        for i in range(0, len(ids), 16):
            hits += ids[i : i + 16] in seen
    return hits


def bluezone_matches(keys: NDArray[np.uint8], seen: Collection[bytes]) -> int:
    """The same for Bluezone."""
    return sum(x in seen for x in bluezone(keys))


def rows_found(identifiers: NDArray[np.uint8], published: Collection[bytes]) -> int:
    """Asks a set for each row of a history."""
    return sum(row.tobytes() in published for row in identifiers)


def scan_records(
    distance_m: NDArray[np.float32], start_s: NDArray[np.int64], duration_s: int
) -> int:
    """Records of contacts: a scan in five minutes, four packets each, each with a level."""
    rng = random.Random(1)
    records = 0
    for metres, start in zip(distance_m.tolist(), start_s.tolist(), strict=True):
        level = -60 - 20 * math.log10(metres) + rng.gauss(0, 6)
        first = -start % 300
        for _ in range(first, duration_s, 300):
            heard = [x for x in (level + rng.gauss(0, 4) for _ in range(4)) if x > -90]
            records += bool(heard) and max(heard) > -127
    return records


def queued_events(phones: int, count: int) -> float:
    """The next packet of every phone, in a heap; the time of the last."""
    rng = random.Random(1)
    heap = [(rng.random(), phone) for phone in range(phones)]
    heapq.heapify(heap)
    now = 0.0
    for _ in range(count):
        now, phone = heap[0]
        heapq.heapreplace(heap, (now + 0.25 + 0.01 * rng.random(), phone))
    return now
