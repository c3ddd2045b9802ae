"""TCN's contact numbers: a chain of contact keys, and a number from each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..decorators import compiled
from ..threads import in_threads
from .sha256 import block, check_bytes, output, swap
from .sha256_ir import INITIAL, LANES, big_endian_words

_INITIAL = np.array(INITIAL, np.uint32)
#: "H_TC", with which both labels begin.
_LABEL = big_endian_words(b"H_TC")[0]
_K, _N = np.uint32(ord("K")), np.uint32(ord("N"))
_KEY_BITS, _NUMBER_BITS = np.uint32(8 * 69), np.uint32(8 * 39)


@compiled
def _start(state):
    for w in range(8):
        for lane in range(LANES):
            state[w, lane] = _INITIAL[w]


@compiled
def _runs(keys, index, first, last, out):
    """Numbers of keys ``uint32[n, 16]`` (rvk, contact key, as stored) into ``uint32[n, count, 4]``."""
    rvk = np.zeros((8, LANES), np.uint32)
    key = np.zeros((8, LANES), np.uint32)
    state = np.empty((8, LANES), np.uint32)
    message = np.zeros((16, LANES), np.uint32)
    for begin in range(first, last, LANES):
        n = min(LANES, last - begin)
        for lane in range(n):
            for w in range(8):
                rvk[w, lane] = swap(keys[begin + lane, w])
                key[w, lane] = swap(keys[begin + lane, 8 + w])
        for step in range(out.shape[1]):
            # SHA-256("H_TCK" || rvk || key), 69 bytes: everything sits one byte off the words.
            _start(state)
            for lane in range(LANES):
                message[0, lane] = _LABEL
                message[1, lane] = (_K << np.uint32(24)) | (rvk[0, lane] >> np.uint32(8))
                for w in range(1, 8):
                    message[1 + w, lane] = (rvk[w - 1, lane] << np.uint32(24)) | (
                        rvk[w, lane] >> np.uint32(8)
                    )
                message[9, lane] = (rvk[7, lane] << np.uint32(24)) | (key[0, lane] >> np.uint32(8))
                for w in range(1, 7):
                    message[9 + w, lane] = (key[w - 1, lane] << np.uint32(24)) | (
                        key[w, lane] >> np.uint32(8)
                    )
            block(state, message)
            for lane in range(LANES):
                message[0, lane] = (key[6, lane] << np.uint32(24)) | (key[7, lane] >> np.uint32(8))
                message[1, lane] = (key[7, lane] << np.uint32(24)) | np.uint32(0x800000)
                for w in range(2, 15):
                    message[w, lane] = np.uint32(0)
                message[15, lane] = _KEY_BITS
            block(state, message)
            for w in range(8):
                for lane in range(LANES):
                    key[w, lane] = state[w, lane]
            # SHA-256("H_TCN" || le16(index) || key), 39 bytes: three bytes off.
            _start(state)
            for lane in range(LANES):
                i = np.uint32(index[begin + lane] + step) if lane < n else np.uint32(0)
                swapped = ((i & np.uint32(0xFF)) << np.uint32(8)) | (i >> np.uint32(8))
                message[0, lane] = _LABEL
                message[1, lane] = (
                    (_N << np.uint32(24))
                    | (swapped << np.uint32(8))
                    | (key[0, lane] >> np.uint32(24))
                )
                for w in range(1, 8):
                    message[1 + w, lane] = (key[w - 1, lane] << np.uint32(8)) | (
                        key[w, lane] >> np.uint32(24)
                    )
                message[9, lane] = (key[7, lane] << np.uint32(8)) | np.uint32(0x80)
                for w in range(10, 15):
                    message[w, lane] = np.uint32(0)
                message[15, lane] = _NUMBER_BITS
            block(state, message)
            for lane in range(n):
                for w in range(4):
                    out[begin + lane, step, w] = swap(state[w, lane])


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
    words = out.reshape(n, -1).view(np.uint32).reshape(n, count, 4)
    source = keys.view(np.uint32)
    in_threads(lambda a, b: _runs(source, index, a, b, words), n, threads)
    return out
