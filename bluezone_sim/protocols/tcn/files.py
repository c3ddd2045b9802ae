"""What TCN publishes: signed reports (TCN protocol 0.4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import FormatError, RowsError, SignatureError, TableError
from ...tables.rows import PublishedKeys
from .keys import MOST, first_contact_key, later
from .wire import RETENTION_S

SIGNATURE_BYTES = 64


def write_report(
    secret: bytes, first: int, last: int, memo_type: int = 0, memo: bytes = b""
) -> bytes:
    """A signed report of contact numbers ``first`` .. ``last``.

    ``rvk || tck_{first-1} || le16(first) || le16(last) || memo type || memo length || memo``, then an
    Ed25519 signature of all that.

    Raises:
        TableError: indices outside 1 .. 65535 or backwards, a memo of more than 255 bytes.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not 1 <= first <= last <= MOST:
        raise TableError(f"indices: expected 1 <= first <= last <= {MOST}, found {first}, {last}")
    if len(memo) > 255 or not 0 <= memo_type <= 255:
        raise TableError("memo: expected at most 255 bytes, and a type of one byte")
    public, contact_key = first_contact_key(secret)
    contact_key = later(public, contact_key, first - 1)
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


# -- as a format of keys -----------------------------------------------------------------------------


def is_reports(data: bytes) -> bool:
    """Bytes, no text, that begin with a whole report by its own length."""
    text = all(c >= 0x20 or c in b"\t\r\n" for c in data[:64])
    return not text and len(data) >= 70 and 70 + data[69] + SIGNATURE_BYTES <= len(data)


def read_reports(data: bytes, source: str = "reports") -> PublishedKeys:
    """Reports, one after the other.

    Raises:
        RowsError: single reports make no sense, or their signatures do not verify; the first is named.
        FormatError: one is truncated, or there is none.
    """
    parts: list[PublishedKeys] = []
    first: FormatError | None = None
    n_faults = 0
    at = 0
    while at < len(data):
        size = 70 + data[at + 69] + SIGNATURE_BYTES if at + 70 <= len(data) else 0
        if not size or at + size > len(data):
            raise FormatError(
                f"{source}: report {len(parts) + n_faults + 1} at byte {at} is truncated"
            )
        where = f"{source}: report {len(parts) + n_faults + 1}"
        try:
            parts.append(parse_report(data[at : at + size], where)[0])
        except FormatError as error:
            first, n_faults = first or error, n_faults + 1
        at += size
    if not parts:
        raise first or FormatError(f"{source}: holds no report")
    published = PublishedKeys(
        key=np.concatenate([p.key for p in parts]),
        start_s=np.concatenate([p.start_s for p in parts]),
        count=np.concatenate([p.count for p in parts]),
        meta={"start_index": np.concatenate([p.meta["start_index"] for p in parts])},
    )
    if first is not None:
        raise RowsError(str(first), kept=published, n=n_faults)
    return published


def kept_at(published: PublishedKeys, latest_ms: int) -> PublishedKeys:
    """Reports tell no times: they match what a phone still keeps, its latest second included."""
    start_s = max(0, -(-latest_ms // 1000) - RETENTION_S)
    return replace(published, start_s=np.full(len(published), start_s, np.int64))


def write_reports(published: PublishedKeys) -> bytes:
    """Signed reports, one after the other.

    Raises:
        TableError: ``meta["secret"]``, which signs them, is missing.
    """
    secret = published.meta.get("secret")
    if secret is None:
        raise TableError('published.meta["secret"]: missing; reports are signed with it')
    first = published.meta.get("start_index", np.ones(len(published), np.int64))
    last = first + published.count - 1
    rows = zip(secret, first.tolist(), last.tolist(), strict=True)
    return b"".join(write_report(own.tobytes(), a, b) for own, a, b in rows)
