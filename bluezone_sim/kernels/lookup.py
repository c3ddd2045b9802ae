"""Exact look-up of identifiers: a blocked Bloom filter in front of a chained hash table.

The filter has two bits a key in one 64-bit word, so a probe costs one cache line; it is sized to pass
about one foreign identifier in fifty. The table stores row numbers; rows with equal identifiers are
chained, and every one of them is found.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from .rng import mix64


class Index(NamedTuple):
    """Identifiers to be found.

    Attributes:
        words: ``uint32[n, w]``, the identifiers, w words each.
        filter: ``uint64[2**f]``.
        head: ``int32[2**k]``, 1 + the last row of a bucket, 0 for none.
        following: ``int32[n]``, 1 + the next row of the bucket, 0 at its end.
    """

    words: NDArray[np.uint32]
    filter: NDArray[np.uint64]
    head: NDArray[np.int32]
    following: NDArray[np.int32]


@nb.njit(nogil=True, cache=True)
def _hash(words, row):
    h = np.uint64(0)
    for w in range(words.shape[1]):
        h = (h ^ np.uint64(words[row, w])) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
    return mix64(h)


@nb.njit(nogil=True, cache=True)
def _mask(h):
    """The two bits of a key within its filter word."""
    one = np.uint64(1)
    return (one << (h & np.uint64(63))) | (one << ((h >> np.uint64(6)) & np.uint64(63)))


@nb.njit(nogil=True, cache=True)
def _fill(words, bloom, head, following):
    f = np.uint64(len(bloom) - 1)
    k = np.uint64(len(head) - 1)
    # Backwards, so that a chain runs in the order of the rows.
    for row in range(len(words) - 1, -1, -1):
        h = _hash(words, row)
        bloom[(h >> np.uint64(12)) & f] |= _mask(h)
        bucket = (h >> np.uint64(32)) & k
        following[row] = head[bucket]
        head[bucket] = row + 1


@nb.njit(nogil=True, cache=True)
def _equal(a, i, b, j):
    for w in range(a.shape[1]):  # noqa: SIM110 (Numba has no generators)
        if a[i, w] != b[j, w]:
            return False
    return True


@nb.njit(nogil=True, cache=True)
def probe(index, needles, span, node, found_needle, found_row):
    """Finds needles ``span[0]`` .. ``span[1]`` - 1 (``uint32[m, w]``) in the index.

    Writes pairs (needle, row) until the buffers are full. ``node`` is where in a chain to resume, -1
    for its start. Returns (pairs written, needle to go on with, node to go on with).
    """
    f = np.uint64(len(index.filter) - 1)
    k = np.uint64(len(index.head) - 1)
    at = 0
    for i in range(span[0], span[1]):
        if node < 0:
            h = _hash(needles, i)
            mask = _mask(h)
            if index.filter[(h >> np.uint64(12)) & f] & mask != mask:
                continue
            node = np.int64(index.head[(h >> np.uint64(32)) & k])
        while node > 0:
            row = node - 1
            if _equal(needles, i, index.words, row):
                if at == len(found_row):
                    return at, i, node
                found_needle[at] = i
                found_row[at] = row
                at += 1
            node = np.int64(index.following[row])
        node = np.int64(-1)
    return at, span[1], np.int64(-1)


def words_of(identifiers: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """``uint32[n, w]``: identifiers as words; those of an odd size are padded with zeros."""
    n, size = identifiers.shape
    if size % 4:
        padded = np.zeros((n, -(-size // 4) * 4), np.uint8)
        padded[:, :size] = identifiers
        identifiers = padded
    return np.ascontiguousarray(identifiers).view(np.uint32).reshape(n, -1)


def build_index(identifiers: NDArray[np.uint8]) -> Index:
    """Index over ``uint8[n, id_size]``, n below 2**31."""
    words = words_of(identifiers)
    n = len(words)
    bits = max(6, int(2 * n - 1).bit_length() if n else 6)
    bloom = np.zeros(1 << max(3, bits - 2), np.uint64)  # 16 to 32 bits a key
    head = np.zeros(1 << bits, np.int32)
    following = np.zeros(n, np.int32)
    _fill(words, bloom, head, following)
    return Index(words, bloom, head, following)


def find(
    index: Index, needles: NDArray[np.uint8], first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs (needle, row) with equal identifiers, needles ``first`` .. ``last`` - 1.

    Ordered by needle, then row.
    """
    words = words_of(needles)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    at, node, size = first, -1, max(1024, (last - first) // 16)
    while at < last:
        found_needle, found_row = np.empty(size, np.int64), np.empty(size, np.int64)
        n, at, node = probe(index, words, (at, last), node, found_needle, found_row)
        parts.append((found_needle[:n], found_row[:n]))
        size *= 2
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
