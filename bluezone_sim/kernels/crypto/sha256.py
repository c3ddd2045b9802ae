"""SHA-256 of many short messages at once, and the hash chains that protocols are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..cpu import Vaes, path
from ..decorators import compiled
from ..threads import in_threads
from .sha256_ir import INITIAL, LANES, SUBKEY_WORDS, compress_block, rehash
from .sha256_ni import STREAMS, identifier_chains

INITIAL_STATE = np.array(INITIAL, dtype=np.uint32)
#: Words 8 to 15 of the first sub-key's message, as stored.
SUBKEY_STORED = np.array(SUBKEY_WORDS, dtype=np.uint32).byteswap()
#: Bytes of a sub-key that make a Bluezone identifier.
IDENTIFIER_BYTES = (0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 30)


@compiled
def swap(x):
    """Byte-swapped 32-bit word."""
    x = np.uint32(x)
    return (
        (x >> np.uint32(24))
        | ((x >> np.uint32(8)) & np.uint32(0xFF00))
        | ((x << np.uint32(8)) & np.uint32(0xFF0000))
        | (x << np.uint32(24))
    )


@compiled
def block(state, message):
    """One compression: ``state uint32[8, LANES]`` after the block ``message uint32[16, LANES]``."""
    compress_block(state, message)


@compiled
def _write_chain(state, out):
    """Writes a state, its SHA-256, the SHA-256 of that, and so on, for up to LANES states.

    ``state`` is ``uint32[8, LANES]``; ``out`` ``uint32[n, count, 8]`` for whole digests, or
    ``uint32[n, count, 3]`` for the 12 bytes of a Bluezone identifier.
    """
    n, count, width = out.shape
    pick = np.empty((3, LANES), np.uint32)
    ff = np.uint32(0xFF)
    for t in range(count):
        if width == 8:
            for lane in range(n):
                for w in range(8):
                    out[lane, t, w] = swap(state[w, lane])
        else:
            # First bytes of words 0-3, then first and third bytes of words 4-7.
            for lane in range(LANES):
                pick[0, lane] = (
                    (state[0, lane] >> np.uint32(24))
                    | ((state[1, lane] >> np.uint32(24)) << np.uint32(8))
                    | ((state[2, lane] >> np.uint32(24)) << np.uint32(16))
                    | (state[3, lane] & np.uint32(0xFF000000))
                )
            for k in range(2):
                for lane in range(LANES):
                    x, y = state[4 + 2 * k, lane], state[5 + 2 * k, lane]
                    pick[1 + k, lane] = (
                        (x >> np.uint32(24))
                        | (x & np.uint32(0xFF00))
                        | ((y >> np.uint32(24)) << np.uint32(16))
                        | (((y >> np.uint32(8)) & ff) << np.uint32(24))
                    )
            for lane in range(n):
                out[lane, t, 0] = pick[0, lane]
                out[lane, t, 1] = pick[1, lane]
                out[lane, t, 2] = pick[2, lane]
        if t + 1 < count:
            rehash(state)


@compiled
def digest(blocks, state, first, last, digest):
    """SHA-256 of messages ``first`` .. ``last`` - 1, after all their blocks.

    ``blocks`` is ``uint32[n, k, 16]`` in big-endian words as stored (little-endian machine words),
    ``state`` the ``uint32[8]`` to start from, ``digest`` ``uint32[n, 8]`` likewise.
    """
    lanes = np.empty((8, LANES), np.uint32)
    message = np.zeros((16, LANES), np.uint32)
    for begin in range(first, last, LANES):
        n = min(LANES, last - begin)
        for w in range(8):
            for lane in range(LANES):
                lanes[w, lane] = state[w]
        for k in range(blocks.shape[1]):
            for lane in range(n):
                for w in range(16):
                    message[w, lane] = swap(blocks[begin + lane, k, w])
            block(lanes, message)
        for lane in range(n):
            for w in range(8):
                digest[begin + lane, w] = swap(lanes[w, lane])


@compiled
def _streams(day_keys, first, last, out):
    """Identifiers of daily keys ``first`` .. ``last`` - 1 on the SHA instructions; ``out`` is flat."""
    count = len(out) // (12 * len(day_keys))
    whole = last - (last - first) % STREAMS
    for i in range(first, whole, STREAMS):
        identifier_chains(day_keys, i, out, count)
    if whole < last:  # the last few, beside keys that nobody wants
        few = np.zeros((STREAMS, 8), np.uint32)
        spare = np.empty(STREAMS * 12 * count, np.uint8)
        for i in range(whole, last):
            for w in range(8):
                few[i - whole, w] = day_keys[i, w]
        identifier_chains(few, 0, spare, count)
        for i in range(12 * count * (last - whole)):
            out[12 * count * whole + i] = spare[i]


@compiled
def chain(seeds, first, last, out):
    """:func:`_write_chain` for seeds ``uint32[n, 8]`` ``first`` .. ``last`` - 1."""
    state = np.zeros((8, LANES), np.uint32)
    for begin in range(first, last, LANES):
        end = min(begin + LANES, last)
        for lane in range(end - begin):
            for w in range(8):
                state[w, lane] = swap(seeds[begin + lane, w])
        _write_chain(state, out[begin:end])


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
    return np.ascontiguousarray(array)


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
    out = np.empty((len(keys), steps + 1, 8), np.uint32)
    seeds = keys.view(np.uint32)
    in_threads(lambda a, b: chain(seeds, a, b, out), len(keys), threads)
    return out.view(np.uint8).reshape(len(keys), steps + 1, 32)


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
    n = len(day_keys)
    out = output(out, (n, count, 12))
    flat = out.reshape(-1)
    if isinstance(path(), Vaes):
        keys = day_keys.view(np.uint32)
        in_threads(lambda a, b: _streams(keys, a, b, flat), n, threads, STREAMS)
        return out
    blocks, first = np.empty((n, 1, 16), np.uint32), np.empty((n, 8), np.uint32)
    blocks[:, 0, :8] = day_keys.view(np.uint32)
    blocks[:, 0, 8:] = SUBKEY_STORED
    ids = flat.view(np.uint32).reshape(n, count, 3)

    def work(a: int, b: int) -> None:
        digest(blocks, INITIAL_STATE, a, b, first)
        chain(first, a, b, ids)

    in_threads(work, n, threads)
    return out


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
    blocks = padded.view(np.uint32).reshape(n, n_blocks, 16)
    out = np.empty((n, 8), np.uint32)
    in_threads(lambda a, b: digest(blocks, INITIAL_STATE, a, b, out), n, threads)
    return out.view(np.uint8).reshape(n, 32)


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
