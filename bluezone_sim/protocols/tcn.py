"""TCN (TCN Coalition): temporary contact numbers and signed reports (TCN protocol 0.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, SignatureError, TableError
from ..tables.rows import PublishedKeys
from . import ad
from .ad import Advertisement
from .protocol import DAY_S, KeyProtocol, Unrolled, check_published, unroll_single

SERVICE_UUID = 0xC019
#: Numbers that one report key gives, since their index has 16 bits.
MOST = (1 << 16) - 1
SIGNATURE_BYTES = 64
_FLAGS = 0x02


class Tcn(KeyProtocol):
    """TCN. A key is ``rvk || tck_{j1-1}``; the derivation knows indices and no times."""

    name = "tcn"
    key_size = 64
    id_size = 16
    #: What the apps used; the protocol leaves it open.
    interval_s = 900
    intervals_per_key = 96
    tolerance_s = 0
    retention_s = 14 * DAY_S

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        start_index: int | NDArray[np.int64] = 1,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """Contact numbers j1, j1 + 1, … of keys; see :meth:`KeyProtocol.identifiers`.

        Args:
            keys: ``uint8[n, 64]``: rvk, then the contact key before the first one wanted.
            starts_s: not needed.
            count: how many a key.
            out: as in :meth:`KeyProtocol.identifiers`.
            start_index: j1, a scalar or ``int64[n]``, at least 1.
            threads: threads to use.

        Raises:
            TableError: an index leaves 1 .. 65535.
        """
        from ..kernels.crypto.tcn_chain import tcn_identifiers

        n = self.intervals_per_key if count is None else count
        return tcn_identifiers(keys, start_index, n, out, threads=threads)

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """Each report is a unit, matched anywhere in the retention from its start on.

        ``meta["start_index"]`` is j1, by default 1.
        """
        check_published(published, self.key_size, MOST)
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
        return unroll_single(published, 0, 1000 * self.retention_s, keys)

    def expand(
        self, unit_keys: NDArray[np.uint8], starts_s: NDArray[np.int64], count: int
    ) -> NDArray[np.uint8]:
        """Identifiers of unit keys, which carry their index."""
        index = np.ascontiguousarray(unit_keys[:, 64:]).view("<u2")[:, 0].astype(np.int64)
        # Beyond the last index nothing is wanted; the widest unit of a chunk may ask for it.
        index = np.minimum(index, MOST + 1 - count)
        return self.identifiers(unit_keys[:, :64], 0, count, start_index=index)

    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """Service UUID C019 and its service data, the contact number."""
        ad.check_identifier(identifier, self.id_size)
        return ad.with_service_data(SERVICE_UUID, identifier, flags=_FLAGS)

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """The contact number, or None."""
        found = ad.walk(data)
        sent = None if found is None else ad.service_data(found, SERVICE_UUID)
        if sent is None or len(sent) != self.id_size:
            return None
        return Advertisement((self.name,), sent)


def first_contact_key(secret: bytes) -> tuple[bytes, bytes]:
    """(rvk, tck_0) of a report authorisation key: its public key, SHA-256("H_TCK" || rak).

    Raises:
        TableError: the key is not 32 bytes long.
    """
    import hashlib

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(secret) != 32:
        raise TableError(f"rak: expected 32 bytes, found {len(secret)}")
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return public, hashlib.sha256(b"H_TCK" + secret).digest()


def write_report(
    secret: bytes, first: int, last: int, memo_type: int = 0, memo: bytes = b""
) -> bytes:
    """A signed report of contact numbers ``first`` .. ``last``.

    ``rvk || tck_{first-1} || le16(first) || le16(last) || memo type || memo length || memo``, then an
    Ed25519 signature of all that.

    Raises:
        TableError: indices outside 1 .. 65535 or backwards, a memo of more than 255 bytes.
    """
    import hashlib

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not 1 <= first <= last <= MOST:
        raise TableError(f"indices: expected 1 <= first <= last <= {MOST}, found {first}, {last}")
    if len(memo) > 255 or not 0 <= memo_type <= 255:
        raise TableError("memo: expected at most 255 bytes, and a type of one byte")
    public, contact_key = first_contact_key(secret)
    for _ in range(first - 1):
        contact_key = hashlib.sha256(b"H_TCK" + public + contact_key).digest()
    indices = first.to_bytes(2, "little") + last.to_bytes(2, "little")
    body = public + contact_key + indices + bytes([memo_type, len(memo)]) + memo
    return body + Ed25519PrivateKey.from_private_bytes(secret).sign(body)


def parse_report(data: bytes, source: str = "report") -> tuple[PublishedKeys, bytes]:
    """One signed report: its keys, with ``meta["start_index"]``, and its memo.

    Times are not in a report; ``start_s`` is 0 and the keys match sightings of the retention from any
    start that the caller sets.

    Raises:
        FormatError: truncated, of another length than it says, or with indices that make no sense.
        SignatureError: the signature does not verify.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(data) < 70 + SIGNATURE_BYTES:
        raise FormatError(
            f"{source}: expected at least {70 + SIGNATURE_BYTES} bytes, found {len(data)}; truncated?"
        )
    wanted = 70 + data[69] + SIGNATURE_BYTES
    if len(data) != wanted:
        raise FormatError(
            f"{source}: expected {wanted} bytes by its memo length, found {len(data)}"
        )
    first, last = (int.from_bytes(data[i : i + 2], "little") for i in (64, 66))
    if not 1 <= first <= last:
        raise FormatError(f"{source}: indices {first} to {last}, expected 1 <= first <= last")
    try:
        Ed25519PublicKey.from_public_bytes(data[:32]).verify(
            data[-SIGNATURE_BYTES:], data[:-SIGNATURE_BYTES]
        )
    except (InvalidSignature, ValueError):
        raise SignatureError(f"{source}: the signature does not verify") from None
    keys = PublishedKeys(
        key=np.frombuffer(data[:64], np.uint8).reshape(1, 64).copy(),
        start_s=np.zeros(1, np.int64),
        count=np.array([last - first + 1], np.int32),
        meta={"start_index": np.array([first], np.int64)},
    )
    return keys, data[70:-SIGNATURE_BYTES]
