"""Identifiers that are AES output: GAEN's, and DP-3T's key streams."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..decorators import bare, entry
from ..threads import in_threads
from ..units.sha256_words import label_schedule
from ..units.table import call, function, ready
from .sha256 import check_bytes, output

#: HKDF's expand step for the identifier key and for the metadata key: a label, then 0x01.
GAEN_IDENTIFIER, GAEN_METADATA = map(label_schedule, (b"EN-RPIK\x01", b"EN-AEMK\x01"))
#: Keys whose identifier keys are derived in one go, and stay in the first cache.
_TOGETHER = 64
_MOST_NUMBERS = 1 << 32
_DERIVE, _RPIS = map(function, ("derive", "rpis"))


class _Scratch(NamedTuple):
    """Buffers of a thread: ``keys`` for identifiers, and ``numbers`` of their first intervals."""

    keys: NDArray[np.uint8]
    numbers: NDArray[np.uint32]


_kept = threading.local()


def _scratch() -> _Scratch:
    found: _Scratch | None = getattr(_kept, "scratch", None)
    if found is None:
        found = _kept.scratch = _Scratch(
            np.empty(16 * _TOGETHER, np.uint8), np.empty(_TOGETHER, np.uint32)
        )
    return found


@bare
def _runs(scratch, teks, starts, interval, out, span):
    """Writes the identifiers of keys ``span``; -1, or the first row whose numbers leave 32 bits."""
    first, last = span
    count = out.shape[1]
    for k in range(first, last):
        if starts[k] < 0 or starts[k] // interval > _MOST_NUMBERS - count:
            return k
    for begin in range(first, last, _TOGETHER):
        n = min(_TOGETHER, last - begin)
        _DERIVE(teks, 16 * begin, scratch.keys, 0, n, GAEN_IDENTIFIER, 0)
        for k in range(n):
            scratch.numbers[k] = np.uint32(starts[begin + k] // interval)
        _RPIS(scratch.keys, 0, scratch.numbers, 0, out, 16 * count * begin, n, count)
    return -1


@cache
def _runs_entry() -> Any:
    ready("derive", "rpis")
    keys, out = np.empty((0, 16), np.uint8), np.empty((0, 0, 16), np.uint8)
    return entry(_runs, _scratch(), keys, np.empty(0, np.int64), 1, out, (0, 0))


def _derived(teks: NDArray[np.uint8], label: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """``uint8[n, 16]``: the key of a label, of each temporary exposure key."""
    out = np.empty((len(teks), 16), np.uint8)
    call("derive", teks, out, len(teks), label)
    return out


def gaen_identifiers(
    teks: NDArray[np.uint8],
    starts: NDArray[np.int64],
    count: int = 144,
    out: NDArray[np.uint8] | None = None,
    *,
    interval: int = 1,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Rolling proximity identifiers of temporary exposure keys (GAEN cryptography v1.2).

    Args:
        teks: ``uint8[n, 16]``.
        starts: ``int64[n]``, start of each key's first identifier.
        count: identifiers a key.
        out: ``uint8[n, count, 16]``, contiguous, written and returned where given.
        interval: what starts are divided by for the number of an interval: 600 where they are seconds of
            unix time, 1 where they are such numbers.
        threads: threads to use.

    Returns:
        ``uint8[n, count, 16]``.

    Raises:
        TableError: an array has another dtype or shape, or an interval number leaves 32 bits; ``out`` is
            written in part then.
    """
    teks = check_bytes("teks", teks, 16)
    n = len(teks)
    if count < 0:
        raise TableError(f"count: expected 0 or more, found {count}")
    given = np.ascontiguousarray(starts, np.int64)
    if given.shape != (n,):
        given = np.ascontiguousarray(np.broadcast_to(given, n))
    written = output(out, (n, count, 16))

    def work(*span: int) -> None:
        row = _runs_entry()(_scratch(), teks, given, interval, written, span)
        if row >= 0:
            raise TableError(
                f"intervals: row {row}: expected 0 to 2**32 - {count}, found {given[row] // interval}"
            )

    in_threads(work, n, threads)
    return written


def gaen_metadata_key_stream(
    teks: NDArray[np.uint8], rpis: NDArray[np.uint8], *, threads: int = 1
) -> NDArray[np.uint8]:
    """What GAEN's associated metadata is XORed with: AES-CTR under AEMK, counter = RPI.

    Args:
        teks: ``uint8[n, 16]``, key of each row.
        rpis: ``uint8[n, 16]``.
        threads: threads to use.

    Returns:
        ``uint8[n, 4]``.
    """
    teks, rpis = check_bytes("teks", teks, 16), check_bytes("rpis", rpis, 16)
    if len(teks) != len(rpis):
        raise TableError(f"rpis: expected {len(teks)} rows as in teks, found {len(rpis)}")
    # A metadata key is derived once for rows of one key that follow each other, as those of a contact do.
    starts = np.flatnonzero(np.any(teks[1:] != teks[:-1], axis=1)) + 1
    begins = np.concatenate([[0] * (len(teks) > 0), starts, [len(teks)]]).astype(np.int64)
    keys, data = teks[begins[:-1]], rpis.copy()

    def work(a: int, b: int) -> None:
        call("encrypt", _derived(keys[a:b], GAEN_METADATA), begins[a : b + 1], data, b - a)

    in_threads(work, len(keys), threads)
    return np.ascontiguousarray(data[:, :4])


def aes256_key_stream(
    keys: NDArray[np.uint8],
    count: int,
    out: NDArray[np.uint8] | None = None,
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """AES-256-CTR key stream from counter 0, cut into blocks: DP-3T's generator.

    Args:
        keys: ``uint8[n, 32]``.
        count: blocks a key.
        out: ``uint8[n, count, 16]``, contiguous, written and returned where given.
        threads: threads to use.

    Returns:
        ``uint8[n, count, 16]``.
    """
    keys = check_bytes("keys", keys, 32)
    if count < 0:
        raise TableError(f"count: expected 0 or more, found {count}")
    out = output(out, (len(keys), count, 16))
    in_threads(
        lambda a, b: call("key_stream", keys[a:b], out[a:b], b - a, count), len(keys), threads
    )
    return out
