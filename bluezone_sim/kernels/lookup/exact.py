"""Exact look-up of identifiers: a filter that fits the cache in front of an exact table.

The filter is a blocked Bloom filter, three bits an identifier in one 64-bit word, so that a probe costs
one cache line and foreign identifiers pass once in fifty times or less. What passes waits until a few
dozen are together, while the lines of the table that they need are fetched. The table holds
(fingerprint, row) grouped by bucket; every row whose identifier is equal, to the last byte, is found.
"""

from __future__ import annotations

import math
import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bits_ir import lowest_bit
from ..decorators import bare, inlined
from ..pages import zeros
from ..units import filters, table
from ..units.filters import SPAN
from .prefetch_ir import prefetch

#: Candidates that wait for their lines of the table.
WAITING = 64

_SPREAD = np.uint64(filters.SPREAD)
_FIRST, _SECOND, _THIRD = map(np.uint64, filters.PLACES)
_ONE, _SIX = np.uint64(1), np.uint64(63)
_PASSING_3, _PASSING_4 = map(table.function, filters.SHAPES)


class Index(NamedTuple):
    """Identifiers to be found.

    Attributes:
        words: ``uint32[n, w]``, the identifiers, w words each.
        filter: ``uint64[2**f]``.
        start: ``uint32[2**b + 1]``, first entry of each bucket.
        entry: ``uint64[n]``, fingerprint << 32 | row, by bucket, then row.
        shifts: 64 - f and 64 - b: what is left of a hash is the word of the filter, and the bucket.
    """

    words: NDArray[np.uint32]
    filter: NDArray[np.uint64]
    start: NDArray[np.uint32]
    entry: NDArray[np.uint64]
    shifts: tuple[int, int]


class Hits(NamedTuple):
    """Buffers of one thread, and the hits.

    Attributes:
        waiting: ``uint64[WAITING, 3]``: hash, unit, number within the unit.
        needle: ``uint32[WAITING * w]``, the waiting identifiers.
        hits: ``int64[capacity, 3]``: unit, number within the unit, row.
        tally: ``int64[2]``: candidates waiting; hits, of which the first ``capacity`` are written.
    """

    waiting: NDArray[np.uint64]
    needle: NDArray[np.uint32]
    hits: NDArray[np.int64]
    tally: NDArray[np.int64]


def new_work(width: int, capacity: int) -> Hits:
    """Buffers for identifiers of ``width`` words and at most ``capacity`` hits."""
    return Hits(
        np.empty((WAITING, 3), np.uint64),
        np.empty(WAITING * width, np.uint32),
        np.empty((capacity, 3), np.int64),
        np.zeros(2, np.int64),
    )


@inlined
def _hash(words, at, width):
    """Hash of the identifier of ``width`` words at ``words[at]``.

    Identifiers are hash output already, so one multiplication spreads even made-up ones.
    """
    if width == 4:
        low = np.uint64(words[at]) | np.uint64(words[at + 1]) << np.uint64(32)
        high = np.uint64(words[at + 2]) | np.uint64(words[at + 3]) << np.uint64(32)
        return (low ^ high) * _SPREAD
    if width == 3:
        low = np.uint64(words[at]) | np.uint64(words[at + 1]) << np.uint64(32)
        return (low ^ np.uint64(words[at + 2])) * _SPREAD
    h = np.uint64(0)
    for w in range(width):
        h = (h ^ np.uint64(words[at + w])) * _SPREAD
        h ^= h >> np.uint64(29)
    return h * _SPREAD


@inlined
def _passing_few(bloom, to_word, words, at, width, n):
    """Bits of ``n`` identifiers, at most SPAN, that pass the filter."""
    bits = np.uint64(0)
    for j in range(n):  # without a branch, so that many words are on their way at a time
        h = _hash(words, at + width * j, width)
        word = bloom[h >> to_word]
        all_three = word >> ((h >> _FIRST) & _SIX)
        all_three &= word >> ((h >> _SECOND) & _SIX)
        all_three &= word >> ((h >> _THIRD) & _SIX)
        bits |= (all_three & _ONE) << np.uint64(j)
    return bits


@inlined
def _passing(bloom, to_word, words, at, width):
    """Bits of SPAN identifiers that pass the filter."""
    if width == 4:
        return np.uint64(_PASSING_4(bloom, 0, to_word, words, at))
    if width == 3:
        return np.uint64(_PASSING_3(bloom, 0, to_word, words, at))
    return _passing_few(bloom, to_word, words, at, width, SPAN)


#: Rows whose lines are asked for ahead of filling them in.
_AHEAD = 16


@bare
def _fill(words, rows, shifts, bloom, start, entry):
    n, width = len(rows), words.shape[1]
    flat = words.reshape(-1)
    to_word, to_bucket = np.uint64(shifts[0]), np.uint64(shifts[1])
    for k in range(n):
        if k + _AHEAD < n:
            h = _hash(flat, width * np.int64(rows[k + _AHEAD]), width)
            prefetch(bloom, np.int64(h >> to_word))
            prefetch(start, np.int64(h >> to_bucket))
        h = _hash(flat, width * np.int64(rows[k]), width)
        bits = _ONE << ((h >> _FIRST) & _SIX)
        bits |= _ONE << ((h >> _SECOND) & _SIX)
        bits |= _ONE << ((h >> _THIRD) & _SIX)
        bloom[h >> to_word] |= bits
        start[h >> to_bucket] += np.uint32(1)
    total = np.uint32(0)
    for k in range(len(start)):
        total += start[k]
        start[k] = total
    # Backwards, so that a bucket's rows end up in order and its start where it belongs.
    for k in range(n - 1, -1, -1):
        if k >= 2 * _AHEAD:
            h = _hash(flat, width * np.int64(rows[k - 2 * _AHEAD]), width)
            prefetch(start, np.int64(h >> to_bucket))
            h = _hash(flat, width * np.int64(rows[k - _AHEAD]), width)
            prefetch(entry, np.int64(start[h >> to_bucket]) - 1)
        row = rows[k]
        h = _hash(flat, width * np.int64(row), width)
        at = start[h >> to_bucket] - np.uint32(1)
        start[h >> to_bucket] = at
        entry[at] = (h & np.uint64(0xFFFFFFFF)) << np.uint64(32) | np.uint64(row)


@inlined
def _look(index, h, needle, at, unit, number, work):
    """Looks one identifier, ``needle[at]`` and on, of hash ``h``, up in the table."""
    mark = h & np.uint64(0xFFFFFFFF)
    bucket = h >> np.uint64(index.shifts[1])
    width = index.words.shape[1]
    for place in range(index.start[bucket], index.start[bucket + _ONE]):
        found = index.entry[place]
        if found >> np.uint64(32) != mark:
            continue
        row = np.int64(found & np.uint64(0xFFFFFFFF))
        equal = True
        for w in range(width):
            equal &= needle[at + w] == index.words[row, w]
        if equal:
            hit = work.tally[1]
            if hit < len(work.hits):
                work.hits[hit, 0] = unit
                work.hits[hit, 1] = number
                work.hits[hit, 2] = row
            work.tally[1] = hit + 1


@bare
def settle(index, work):
    """Looks the waiting candidates up in the table."""
    to_bucket = np.uint64(index.shifts[1])
    width = index.words.shape[1]
    n = work.tally[0]
    for i in range(n):
        prefetch(index.entry, np.int64(index.start[work.waiting[i, 0] >> to_bucket]))
    for i in range(n):
        h, unit, number = work.waiting[i, 0], work.waiting[i, 1], work.waiting[i, 2]
        _look(index, h, work.needle, width * i, unit, number, work)
    work.tally[0] = 0


@inlined
def settle_all(index, candidates, where, n, begin, work):
    """Looks ``n`` candidates up in the table.

    Args: ``candidates`` uint32, four words each; ``where`` int64[:, 2], unit as of ``begin``, and number.
    """
    to_bucket = np.uint64(index.shifts[1])
    # In three goes, so that many lines of the table are on their way at a time.
    for i in range(n):
        h = _hash(candidates, 4 * i, 4)
        prefetch(index.start, np.int64(h >> to_bucket))
    for i in range(n):
        h = _hash(candidates, 4 * i, 4)
        prefetch(index.entry, np.int64(index.start[h >> to_bucket]))
    for i in range(n):
        h = _hash(candidates, 4 * i, 4)
        _look(index, h, candidates, 4 * i, begin + where[i, 0], where[i, 1], work)


@inlined
def wait(index, words, at, unit, number, work):
    """Has the identifier at ``words[at]``, a unit's of that number, wait for the table."""
    width = index.words.shape[1]
    h = _hash(words, at, width)
    prefetch(index.start, np.int64(h >> np.uint64(index.shifts[1])))
    k = work.tally[0]
    work.waiting[k, 0] = h
    work.waiting[k, 1] = unit
    work.waiting[k, 2] = number
    for w in range(width):
        work.needle[width * k + w] = words[at + w]
    work.tally[0] = k + 1
    if k + 1 == WAITING:
        settle(index, work)


@inlined
def probe(index, words, begin, n, unit, work):
    """Looks for identifiers ``begin`` .. ``begin + n`` - 1 of flat ``words`` as those of a unit.

    Their numbers within the unit are 0 .. n - 1. Hits are complete only after :func:`settle`.
    """
    width = index.words.shape[1]
    to_word = np.uint64(index.shifts[0])
    for first in range(0, n, SPAN):
        at = width * (begin + first)
        if n - first >= SPAN:
            bits = _passing(index.filter, to_word, words, at, width)
        else:
            bits = _passing_few(index.filter, to_word, words, at, width, n - first)
        while bits:
            j = lowest_bit(bits)
            bits &= bits - _ONE
            wait(index, words, at + width * j, unit, first + j, work)


@bare
def probe_rows(index, words, span, work):
    """Looks for identifiers ``span[0]`` .. ``span[1]`` - 1 of flat ``words``; the unit is ``span[0]``."""
    probe(index, words, span[0], span[1] - span[0], span[0], work)
    settle(index, work)


def words_of(identifiers: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """``uint32[n, w]``: identifiers as words; those of an odd size are padded with zeros."""
    n, size = identifiers.shape
    if size % 4:
        padded = np.zeros((n, -(-size // 4) * 4), np.uint8)
        padded[:, :size] = identifiers
        identifiers = padded
    found = np.ascontiguousarray(identifiers).view(np.uint32).reshape(n, -(-size // 4))
    return found if found.flags.aligned else found.copy()


#: (identifiers, bits of filter each): up to so many. A filter that fits a cache passes the fewer foreign
#: identifiers the wider it is: 1 MiB at most in the second cache, 4 MiB in the last.
_FILTER_BITS = ((1 << 17, 48), (1 << 20, 32))
_FEWEST_BITS = 16


def build_index(words: NDArray[np.uint32], rows: NDArray[np.uint32]) -> Index:
    """Index over some rows, in ascending order, of ``uint32[n, w]``; see :func:`words_of`.

    Beside the identifiers it takes 1.4 to 8.5 bytes of filter, 2 to 4 of buckets and 8 of entries a row.
    """
    table.ready(*filters.SHAPES)  # for the kernels that ask the filter
    n = len(rows)
    # So many bits of filter each, and one identifier a bucket, or nearly so: both are powers of two.
    bits = max(n, 64) * next((bits for most, bits in _FILTER_BITS if n <= most), _FEWEST_BITS)
    f, b = max(1, round(math.log2(bits / 64))), max(1, (n - 1).bit_length() - 1)
    bloom, start = zeros(1 << f, np.uint64), zeros((1 << b) + 1, np.uint32)
    entry = zeros(n, np.uint64)
    shifts = (64 - f, 64 - b)
    _fill(words, rows, shifts, bloom, start, entry)
    return Index(words, bloom, start, entry, shifts)


#: Most hits whose room a thread keeps from call to call: 6 MiB, and only pages that were written.
_KEPT_HITS = 1 << 18
_kept = threading.local()


def thread_work(width: int, capacity: int) -> Hits:
    """Buffers for at least so many hits: this thread's of its last call, where they suffice.

    Memory that is new has to be cleared by the system first, which takes longer than a small look-up.
    """
    work: Hits | None = getattr(_kept, "work", None)
    if work is None or len(work.needle) != WAITING * width or len(work.hits) < capacity:
        table.ready(*filters.SHAPES)  # also where the index came from another process
        work = new_work(width, capacity)
        if capacity <= _KEPT_HITS:
            _kept.work = work
    work.tally.fill(0)
    return work


def collect(call: Any, width: int, guess: int) -> NDArray[np.int64]:
    """Hits of ``call(work)``: once more with room for all, where the guess was too small.

    Returns:
        ``int64[n, 3]``: unit, number within the unit, row.
    """
    work = thread_work(width, guess)
    call(work)
    total = int(work.tally[1])
    if total > len(work.hits):
        work = thread_work(width, total)
        call(work)
    return work.hits[:total].copy()
