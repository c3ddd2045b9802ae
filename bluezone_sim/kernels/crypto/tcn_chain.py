"""TCN's contact numbers: a chain of contact keys, and a number from each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..threads import in_threads
from ..units.table import call
from .sha256 import check_bytes, output

#: Keys whose messages are hashed in one go: so many stay in the second cache.
_TOGETHER = 1024


def _padded(n: int, label: bytes, size: int) -> NDArray[np.uint8]:
    """``n`` messages that begin with a label and are ``size`` bytes long, with SHA-256's padding."""
    out = np.zeros((n, (size + 8) // 64 * 64 + 64), np.uint8)
    out[:, : len(label)] = np.frombuffer(label, np.uint8)
    out[:, size] = 0x80
    out[:, -8:] = np.frombuffer((8 * size).to_bytes(8, "big"), np.uint8)
    return out


def _run(keys: NDArray[np.uint8], index: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Numbers of some keys ``uint8[n, 64]`` (rvk, contact key) into ``uint8[n, count, 16]``."""
    n, count = out.shape[:2]
    # SHA-256("H_TCK" || rvk || key), and SHA-256("H_TCN" || le16(index) || key).
    following, number = _padded(n, b"H_TCK", 69), _padded(n, b"H_TCN", 39)
    following[:, 5:69] = keys
    for step in range(count):
        call("digests", following, 2, n, number[:, 7:], 64, 32)
        following[:, 37:69] = number[:, 7:39]
        number[:, 5:7] = (index + step).astype("<u2")[:, None].view(np.uint8)
        call("digests", number, 1, n, out[:, step], 16 * count, 16)


def tcn_identifiers(
    keys: NDArray[np.uint8],
    start_index: int | NDArray[np.int64],
    count: int,
    out: NDArray[np.uint8] | None = None,
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Contact numbers j1 .. j1 + count - 1.

    Args:
        keys: ``uint8[n, 64]``: rvk, then tck_{j1-1}.
        start_index: j1, a scalar or ``int64[n]``.
        count: numbers a key.
        out: ``uint8[n, count, 16]``, contiguous, written and returned where given.
        threads: threads to use.

    Returns:
        ``uint8[n, count, 16]``.

    Raises:
        TableError: an array has another dtype or shape, or an index leaves 1 .. 65535.
    """
    keys = check_bytes("keys", keys, 64)
    n = len(keys)
    if count < 0:
        raise TableError(f"count: expected 0 or more, found {count}")
    index = np.ascontiguousarray(np.broadcast_to(np.asarray(start_index, np.int64), n))
    bad = np.flatnonzero((index < 1) | (index + count > 1 << 16))
    if len(bad):
        raise TableError(
            f"start_index: row {bad[0]}: indices {index[bad[0]]} to {index[bad[0]] + count - 1} leave "
            "1 to 65535"
        )
    out = output(out, (n, count, 16))

    def work(first: int, last: int) -> None:
        for a in range(first, last, _TOGETHER):
            b = min(a + _TOGETHER, last)
            _run(keys[a:b], index[a:b], out[a:b])

    in_threads(work, n, threads)
    return out
