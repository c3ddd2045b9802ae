"""SHA-256 of many short messages at once, and the hash chains that protocols are made of."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..decorators import bare, entry
from ..threads import in_threads
from ..units.table import call, function, ready

#: Bytes of a sub-key that make a Bluezone identifier.
IDENTIFIER_BYTES = (0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 30)
_IDENTIFIERS = function("identifiers")


def check_bytes(name: str, array: NDArray[np.uint8], width: int | None) -> NDArray[np.uint8]:
    """Contiguous ``uint8[n, width]``, or an error that says what it is instead.

    Raises:
        TableError: another dtype or shape.
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 2:
        found = (
            f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array)
        )
        raise TableError(f"{name}: expected uint8[n, {width or 'width'}], found {found}")
    if width is not None and array.shape[1] != width:
        raise TableError(f"{name}: expected {width} bytes a row, found {array.shape[1]}")
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def ratchet(keys: NDArray[np.uint8], steps: int, *, threads: int = 1) -> NDArray[np.uint8]:
    """SHA-256 chains: Bluezone's daily keys, DP-3T's.

    Args:
        keys: ``uint8[n, 32]``.
        steps: how often to hash.
        threads: threads to use.

    Returns:
        ``uint8[n, steps + 1, 32]``; step 0 is the key itself.

    Raises:
        TableError: ``keys`` has another shape, or ``steps`` is negative.
    """
    keys = check_bytes("keys", keys, 32)
    if steps < 0:
        raise TableError(f"steps: expected 0 or more, found {steps}")
    out = np.empty((len(keys), steps + 1, 32), np.uint8)
    in_threads(
        lambda a, b: call("ratchet", keys[a:b], out[a:b], b - a, steps + 1), len(keys), threads
    )
    return out


def bluezone_identifiers(
    day_keys: NDArray[np.uint8],
    count: int = 96,
    out: NDArray[np.uint8] | None = None,
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Bluezone v2 identifiers of a day, from its daily key (see protocols/bluezone.py).

    Args:
        day_keys: ``uint8[n, 32]``.
        count: identifiers a key, in order from the day's first interval.
        out: ``uint8[n, count, 12]``, contiguous, written and returned where given.
        threads: threads to use.

    Returns:
        ``uint8[n, count, 12]``.

    Raises:
        TableError: an array has another dtype or shape, or ``count`` is negative.
    """
    day_keys = check_bytes("day_keys", day_keys, 32)
    if count < 0:
        raise TableError(f"count: expected 0 or more, found {count}")
    written = output(out, (len(day_keys), count, 12))
    chains = _chains_entry()
    in_threads(lambda *span: chains(day_keys, written, span), len(day_keys), threads)
    return written


@bare
def _chains(day_keys, out, span):
    first, last = span
    count = out.shape[1]
    _IDENTIFIERS(day_keys, 32 * first, out, 12 * count * first, last - first, count)


@cache
def _chains_entry() -> Any:
    ready("identifiers")
    return entry(_chains, np.empty((0, 32), np.uint8), np.empty((0, 0, 12), np.uint8), (0, 0))


def output(out: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """``out`` if it is contiguous ``uint8`` of ``shape``, a new array if it is None.

    Raises:
        TableError: it is something else.
    """
    if out is None:
        return np.empty(shape, np.uint8)
    if out.dtype != np.uint8 or out.shape != shape or not out.flags.c_contiguous:
        raise TableError(
            f"out: expected a contiguous uint8{list(shape)}, found {out.dtype}{list(out.shape)}"
        )
    return out


def sha256_short(messages: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.uint8]:
    """SHA-256 of many messages of one length.

    Args:
        messages: ``uint8[n, m]``.
        threads: threads to use.

    Returns:
        ``uint8[n, 32]``.
    """
    messages = check_bytes("messages", messages, None)
    n, m = messages.shape
    n_blocks = (m + 8) // 64 + 1
    padded = np.zeros((n, n_blocks * 64), np.uint8)
    padded[:, :m] = messages
    padded[:, m] = 0x80
    padded[:, -8:] = np.frombuffer((m * 8).to_bytes(8, "big"), np.uint8)
    return digests(padded, threads=threads)


def digests(padded: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.uint8]:
    """``uint8[n, 32]``: SHA-256 of messages ``uint8[n, 64 k]`` that are padded already."""
    n, width = padded.shape
    out = np.empty((n, 32), np.uint8)
    in_threads(
        lambda a, b: call("digests", padded[a:b], width // 64, b - a, out[a:b], 32, 32), n, threads
    )
    return out


def hmac_sha256(keys: NDArray[np.uint8], message: bytes, *, threads: int = 1) -> NDArray[np.uint8]:
    """HMAC-SHA256 (RFC 2104) of one message under many keys.

    Args:
        keys: ``uint8[n, k]``, k at most 64.
        message: the message.
        threads: threads to use.

    Returns:
        ``uint8[n, 32]``.

    Raises:
        TableError: keys of more than 64 bytes.
    """
    keys = check_bytes("keys", keys, None)
    n, k = keys.shape
    if k > 64:
        raise TableError(f"keys: expected at most 64 bytes a row, found {k}")
    padded = np.zeros((n, 64), np.uint8)
    padded[:, :k] = keys
    tail = np.broadcast_to(np.frombuffer(message, np.uint8), (n, len(message)))
    inner = sha256_short(np.concatenate([padded ^ np.uint8(0x36), tail], axis=1), threads=threads)
    return sha256_short(np.concatenate([padded ^ np.uint8(0x5C), inner], axis=1), threads=threads)
