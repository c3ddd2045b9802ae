"""TCN's keys: contact keys that ratchet with each number, and the numbers (TCN protocol 0.4).

A key is ``rvk || tck_{j1-1}``; the derivation knows indices and no times.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ...kernels.crypto.tcn_chain import tcn_identifiers
from ...tables.rows import PublishedKeys
from ..protocol import DAY_S, Protocol
from ..units import UnitKeys, check_published, single_units

#: Numbers that one report key gives, since their index has 16 bits.
MOST = (1 << 16) - 1


def identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    start_index: int | NDArray[np.int64] = 1,
    threads: int = 1,
) -> None:
    """Contact numbers j1, j1 + 1, … of keys: rvk, then the contact key before the first one wanted.

    Args:
        keys: ``uint8[n, 64]``.
        starts_s: not needed.
        out: ``uint8[n, count, 16]``.
        start_index: j1, a scalar or ``int64[n]``, at least 1.
        threads: threads to use.

    Raises:
        TableError: an index leaves 1 .. 65535.
    """
    tcn_identifiers(keys, start_index, out.shape[1], out, threads=threads)


def units(published: PublishedKeys, protocol: Protocol) -> UnitKeys:
    """Each report is a unit, matched anywhere in the retention from its start on.

    ``meta["start_index"]`` is j1, by default 1.

    Raises:
        TableError: a column is of the wrong kind, or an index out of range.
    """
    check_published(published, protocol.key_size, MOST)
    index = published.meta.get("start_index", np.ones(len(published), np.int64))
    bad = np.flatnonzero((index < 1) | (index + published.count > MOST + 1))
    if len(bad):
        raise TableError(
            f'published.meta["start_index"]: row {bad[0]}: indices {index[bad[0]]} to '
            f"{index[bad[0]] + published.count[bad[0]] - 1} leave 1 to {MOST}"
        )
    # The index travels with the key, as two more bytes.
    tail = index.astype("<u2").view(np.uint8).reshape(-1, 2)
    keys = np.concatenate([published.key, tail], axis=1)
    return single_units(published, 0, 1000 * protocol.retention_s, keys)


def expand(
    unit_keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """Identifiers of unit keys, which carry their index."""
    index = np.ascontiguousarray(unit_keys[:, 64:]).view("<u2")[:, 0].astype(np.int64)
    # Beyond the last index nothing is wanted; the widest unit of a chunk may ask for it.
    index = np.minimum(index, MOST + 1 - out.shape[1])
    keys = np.ascontiguousarray(unit_keys[:, :64])
    identifiers(keys, starts_s, out, start_index=index, threads=threads)


@dataclass(frozen=True)
class Schedule:
    """Keys of phones day by day; see :class:`bluezone_sim.protocols.schedule.OwnKeys`."""

    protocol: Protocol

    def unit_keys(
        self, secret: NDArray[np.uint8], installed: NDArray[np.int64], first: int, n: int
    ) -> NDArray[np.uint8]:
        """rvk and the contact key before each day's first number; they ratchet with each number."""
        out = np.empty((len(secret), n, self.protocol.key_size), np.uint8)
        for i, own in enumerate(secret):
            public, contact_key = first_contact_key(own.tobytes())
            out[i, :, :32] = np.frombuffer(public, np.uint8)
            at = int(installed[i])
            for k in range(n):
                days = max(0, first + k - at)
                contact_key = later(public, contact_key, days * self.protocol.intervals_per_key)
                at += days
                out[i, k, 32:] = np.frombuffer(contact_key, np.uint8)
        return out

    def identifiers(
        self, secret: NDArray[np.uint8], installed: NDArray[np.int64], first: int, n: int
    ) -> NDArray[np.uint8]:
        """Contact numbers in the order in which they are sent."""
        per_day = self.protocol.intervals_per_key
        keys = self.unit_keys(secret, installed, first, n).reshape(-1, self.protocol.key_size)
        index = self._index(installed, first)[:, None] + np.arange(n) * per_day
        return self.protocol.identifiers(keys, start_index=index.reshape(-1))

    def published(
        self, secret: NDArray[np.uint8], installed: NDArray[np.int64], first_s: int, last_s: int
    ) -> PublishedKeys:
        """One report a phone, of the numbers of the look-back; ``meta["secret"]`` signs it."""
        interval_s = self.protocol.interval_s
        first_day = first_s // DAY_S
        skip = first_s % DAY_S // interval_s
        keys = self.unit_keys(secret, installed, first_day, 1)[:, 0]
        for row in keys:
            contact_key = later(row[:32].tobytes(), row[32:].tobytes(), skip)
            row[32:] = np.frombuffer(contact_key, np.uint8)
        count = -(-(last_s - first_day * DAY_S) // interval_s) - skip
        return PublishedKeys(
            key=keys,
            start_s=np.full(len(secret), first_s // interval_s * interval_s, np.int64),
            count=np.full(len(secret), count, np.int32),
            meta={"start_index": self._index(installed, first_day) + skip, "secret": secret},
        )

    def _index(self, installed: NDArray[np.int64], day: int) -> NDArray[np.int64]:
        """``int64[n]``: number of the first contact number of a UTC day; the first is 1."""
        days = np.maximum(day - installed, 0)
        return np.asarray(1 + days * self.protocol.intervals_per_key)


def first_contact_key(secret: bytes) -> tuple[bytes, bytes]:
    """(rvk, tck_0) of a report authorisation key: its public key, SHA-256("H_TCK" || rak).

    Raises:
        TableError: the key is not 32 bytes long.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(secret) != 32:
        raise TableError(f"rak: expected 32 bytes, found {len(secret)}")
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return public, hashlib.sha256(b"H_TCK" + secret).digest()


def later(public: bytes, contact_key: bytes, steps: int) -> bytes:
    """The contact key so many numbers later."""
    for _ in range(steps):
        contact_key = hashlib.sha256(b"H_TCK" + public + contact_key).digest()
    return contact_key
