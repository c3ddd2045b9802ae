"""Exact look-up of identifiers: a filter that fits the cache in front of an exact table.

The filter is a blocked Bloom filter, two bits an identifier in one 64-bit word, so that a probe costs one
cache line and foreign identifiers pass once in fifty times or less. What passes waits until a few dozen
are together, while the lines of the table that they need are fetched. The table holds (fingerprint, row)
grouped by bucket; every row whose identifier is equal, to the last byte, is found.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

#: Identifiers that are hashed and probed at a time.
BLOCK = 256
#: Candidates that wait for their lines of the table.
WAITING = 64

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(1)


class Index(NamedTuple):
    """Identifiers to be found.

    Attributes:
        words: ``uint32[n, w]``, the identifiers, w words each.
        filter: ``uint64[2**f]``.
        start: ``uint32[2**b + 1]``, first entry of each bucket.
        entry: ``uint64[n]``, fingerprint << 32 | row, by bucket, then row.
    """

    words: NDArray[np.uint32]
    filter: NDArray[np.uint64]
    start: NDArray[np.uint32]
    entry: NDArray[np.uint64]


class Work(NamedTuple):
    """Buffers of one thread, and the hits.

    Attributes:
        hashes: ``uint64[BLOCK]``.
        passed: ``int32[BLOCK]``, which of a block passed the filter.
        waiting: ``uint64[WAITING, 3]``: hash, unit, number within the unit.
        needle: ``uint32[WAITING, w]``, the waiting identifiers.
        hits: ``int64[capacity, 3]``: unit, number within the unit, row.
        tally: ``int64[2]``: candidates waiting; hits, of which the first ``capacity`` are written.
    """

    hashes: NDArray[np.uint64]
    passed: NDArray[np.int32]
    waiting: NDArray[np.uint64]
    needle: NDArray[np.uint32]
    hits: NDArray[np.int64]
    tally: NDArray[np.int64]


def new_work(width: int, capacity: int) -> Work:
    """Buffers for identifiers of ``width`` words and at most ``capacity`` hits."""
    return Work(
        np.empty(BLOCK, np.uint64),
        np.empty(BLOCK, np.int32),
        np.empty((WAITING, 3), np.uint64),
        np.empty((WAITING, width), np.uint32),
        np.empty((capacity, 3), np.int64),
        np.zeros(2, np.int64),
    )


@intrinsic
def _prefetch(typingctx, array, at):
    """Asks for the cache line of ``array[at]``, to read it soon."""

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, b, args[0]).data
        pointer = b.bitcast(b.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        function = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
        b.call(function, [pointer, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@nb.njit(nogil=True, cache=True)
def _hash(words, begin, width, n, hashes):
    """Hashes of identifiers ``begin`` .. ``begin + n`` - 1 of flat ``words``, ``width`` words each.

    Identifiers are hash output already, so one multiplication spreads even made-up ones.
    """
    if width == 4:
        for j in range(n):
            at = 4 * (begin + j)
            low = np.uint64(words[at]) | np.uint64(words[at + 1]) << np.uint64(32)
            high = np.uint64(words[at + 2]) | np.uint64(words[at + 3]) << np.uint64(32)
            hashes[j] = (low ^ high) * _SPREAD
    elif width == 3:
        for j in range(n):
            at = 3 * (begin + j)
            low = np.uint64(words[at]) | np.uint64(words[at + 1]) << np.uint64(32)
            hashes[j] = (low ^ np.uint64(words[at + 2])) * _SPREAD
    else:
        for j in range(n):
            h = np.uint64(0)
            for w in range(width):
                h = (h ^ np.uint64(words[width * (begin + j) + w])) * _SPREAD
                h ^= h >> np.uint64(29)
            hashes[j] = h * _SPREAD


@nb.njit(nogil=True, cache=True)
def _log2(n):
    """Of a power of two."""
    out = np.uint64(0)
    while (np.int64(1) << np.int64(out)) < n:
        out += _ONE
    return out


@nb.njit(nogil=True, cache=True)
def _fill(words, width, bloom, start, entry):
    n = len(entry)
    to_word = np.uint64(64) - _log2(len(bloom))
    to_bucket = np.uint64(64) - _log2(len(start) - 1)
    hashes = np.empty(BLOCK, np.uint64)
    for begin in range(0, n, BLOCK):
        size = min(BLOCK, n - begin)
        _hash(words, begin, width, size, hashes)
        for j in range(size):
            h = hashes[j]
            bits = _ONE << ((h >> np.uint64(12)) & np.uint64(63))
            bits |= _ONE << ((h >> np.uint64(18)) & np.uint64(63))
            bloom[h >> to_word] |= bits
            start[h >> to_bucket] += np.uint32(1)
    total = np.uint32(0)
    for k in range(len(start)):
        total += start[k]
        start[k] = total
    # Backwards, so that a bucket's rows end up in order and its start where it belongs.
    for begin in range((n - 1) // BLOCK * BLOCK, -1, -BLOCK):
        size = min(BLOCK, n - begin)
        _hash(words, begin, width, size, hashes)
        for j in range(size - 1, -1, -1):
            h = hashes[j]
            at = start[h >> to_bucket] - np.uint32(1)
            start[h >> to_bucket] = at
            entry[at] = (h & np.uint64(0xFFFFFFFF)) << np.uint64(32) | np.uint64(begin + j)


@nb.njit(nogil=True, cache=True)
def _equal(a, i, b, j):
    for w in range(a.shape[1]):  # noqa: SIM110 (Numba has no generators)
        if a[i, w] != b[j, w]:
            return False
    return True


@nb.njit(nogil=True, cache=True)
def settle(index, work):
    """Looks the waiting candidates up in the table."""
    to_bucket = np.uint64(64) - _log2(len(index.start) - 1)
    n = work.tally[0]
    for i in range(n):
        _prefetch(index.entry, np.int64(index.start[work.waiting[i, 0] >> to_bucket]))
    for i in range(n):
        h = work.waiting[i, 0]
        mark = h & np.uint64(0xFFFFFFFF)
        bucket = h >> to_bucket
        for at in range(index.start[bucket], index.start[bucket + _ONE]):
            found = index.entry[at]
            if found >> np.uint64(32) != mark:
                continue
            row = np.int64(found & np.uint64(0xFFFFFFFF))
            if _equal(work.needle, i, index.words, row):
                hit = work.tally[1]
                if hit < len(work.hits):
                    work.hits[hit, 0] = work.waiting[i, 1]
                    work.hits[hit, 1] = work.waiting[i, 2]
                    work.hits[hit, 2] = row
                work.tally[1] = hit + 1
    work.tally[0] = 0


@nb.njit(nogil=True, cache=True)
def probe(index, words, begin, n, unit, work):
    """Looks for identifiers ``begin`` .. ``begin + n`` - 1 of flat ``words`` as those of a unit.

    Their numbers within the unit are 0 .. n - 1. Hits are complete only after :func:`settle`.
    """
    width = index.words.shape[1]
    to_word = np.uint64(64) - _log2(len(index.filter))
    to_bucket = np.uint64(64) - _log2(len(index.start) - 1)
    for first in range(0, n, BLOCK):
        size = min(BLOCK, n - first)
        _hash(words, begin + first, width, size, work.hashes)
        passed = 0
        for j in range(size):  # without a branch, so that many words are on their way at a time
            h = work.hashes[j]
            word = index.filter[h >> to_word]
            both = word >> ((h >> np.uint64(12)) & np.uint64(63))
            both &= word >> ((h >> np.uint64(18)) & np.uint64(63))
            work.passed[passed] = j
            passed += np.int64(both & _ONE)
        for k in range(passed):
            j = np.int64(work.passed[k])
            at = work.tally[0]
            work.waiting[at, 0] = work.hashes[j]
            work.waiting[at, 1] = unit
            work.waiting[at, 2] = first + j
            for w in range(width):
                work.needle[at, w] = words[width * (begin + first + j) + w]
            _prefetch(index.start, np.int64(work.hashes[j] >> to_bucket))
            work.tally[0] = at + 1
            if at + 1 == WAITING:
                settle(index, work)


@nb.njit(nogil=True, cache=True)
def probe_rows(index, words, span, work):
    """Looks for identifiers ``span[0]`` .. ``span[1]`` - 1 of flat ``words``; the unit is the row."""
    for begin in range(span[0], span[1], BLOCK):
        # The number within the block completes the row; callers add the two.
        probe(index, words, begin, min(BLOCK, span[1] - begin), begin, work)
    settle(index, work)


def words_of(identifiers: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """``uint32[n, w]``: identifiers as words; those of an odd size are padded with zeros."""
    n, size = identifiers.shape
    if size % 4:
        padded = np.zeros((n, -(-size // 4) * 4), np.uint8)
        padded[:, :size] = identifiers
        identifiers = padded
    return np.ascontiguousarray(identifiers).view(np.uint32).reshape(n, -1)


#: Identifiers up to which the filter is twice as wide: it still fits a core's own cache.
_FEW = 200_000


def build_index(identifiers: NDArray[np.uint8]) -> Index:
    """Index over ``uint8[n, id_size]``, n below 2**31.

    Beside the identifiers it takes 2 to 8 bytes of filter, 2 to 4 of buckets and 8 of entries each.
    """
    words = words_of(identifiers)
    n = len(words)
    # At least 16 bits of filter each, and about one identifier a bucket.
    bits = max(n, 64) * (32 if n <= _FEW else 16)
    bloom = np.zeros(1 << max(1, (bits // 64 - 1).bit_length()), np.uint64)
    start = np.zeros((1 << max(1, (n - 1).bit_length() - 1)) + 1, np.uint32)
    entry = np.empty(n, np.uint64)
    _fill(words.reshape(-1), words.shape[1], bloom, start, entry)
    return Index(words, bloom, start, entry)


def collect(call: Any, width: int, guess: int) -> NDArray[np.int64]:
    """Hits of ``call(work)``: once more with room for all, where the guess was too small.

    Returns:
        ``int64[n, 3]``: unit, number within the unit, row.
    """
    work = new_work(width, guess)
    call(work)
    total = int(work.tally[1])
    if total > guess:
        work = new_work(width, total)
        call(work)
    return work.hits[:total].copy()
