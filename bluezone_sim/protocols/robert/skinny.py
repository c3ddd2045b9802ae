"""SKINNY-64/192 (Beierle et al., CRYPTO 2016), for many blocks under one key."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError

_ROUNDS = 40
_SBOX = np.array([0xC, 6, 9, 0, 1, 0xA, 2, 0xB, 3, 8, 5, 0xD, 4, 0xE, 7, 0xF], np.uint8)
_INVERSE_SBOX = np.argsort(_SBOX).astype(np.uint8)
#: Where each cell of the tweakey comes from.
_PERMUTATION = np.array([9, 15, 8, 13, 10, 14, 12, 11, 0, 1, 2, 3, 4, 5, 6, 7])
#: Where each cell of the state comes from: row r turns right by r cells.
_SHIFT = np.array([4 * r + (c - r) % 4 for r in range(4) for c in range(4)])
_UNSHIFT = np.argsort(_SHIFT)


def _cells(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bytes as 4-bit cells, the high one first."""
    return np.stack([data >> 4, data & 15], axis=-1).reshape(*data.shape[:-1], 2 * data.shape[-1])


def _bytes(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cells[:, ::2] << 4 | cells[:, 1::2])


def _round_keys(key: bytes) -> Iterator[NDArray[np.uint8]]:
    """Constants and round tweakey of each round, ``uint8[16]``."""
    if len(key) != 24:
        raise TableError(f"key: expected 24 bytes, found {len(key)}")
    tweakeys = _cells(np.frombuffer(key, np.uint8).reshape(3, 8))
    constant = 0
    for _ in range(_ROUNDS):
        constant = (constant << 1 & 0x3F) | (constant >> 5 ^ constant >> 4 ^ 1) & 1
        added = np.zeros(16, np.uint8)
        added[:8] = np.bitwise_xor.reduce(tweakeys[:, :8], axis=0)
        added[0] ^= constant & 15
        added[4] ^= constant >> 4
        added[8] ^= 2
        yield added
        tweakeys = tweakeys[:, _PERMUTATION]
        second, third = tweakeys[1, :8], tweakeys[2, :8]
        tweakeys[1, :8] = (second << 1 & 15) | (second >> 3 ^ second >> 2) & 1
        tweakeys[2, :8] = third >> 1 | (third << 3 ^ third) & 8


def _check(blocks: NDArray[np.uint8]) -> None:
    if blocks.dtype != np.uint8 or blocks.ndim != 2 or blocks.shape[1] != 8:
        raise TableError(f"blocks: expected uint8[n, 8], found {blocks.dtype}{list(blocks.shape)}")


def encrypt(key: bytes, blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``uint8[n, 8]`` under a key of 24 bytes.

    Raises:
        TableError: the key or the blocks are of another size.
    """
    _check(blocks)
    state = _cells(blocks)
    for added in _round_keys(key):
        state = (_SBOX[state] ^ added)[:, _SHIFT]
        r0, r1, r2, r3 = (state[:, i : i + 4] for i in range(0, 16, 4))
        state = np.concatenate([r0 ^ r2 ^ r3, r0, r1 ^ r2, r0 ^ r2], axis=1)
    return _bytes(state)


def decrypt(key: bytes, blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inverse of :func:`encrypt`."""
    _check(blocks)
    state = _cells(blocks)
    for added in reversed(list(_round_keys(key))):
        n0, n1, n2, n3 = (state[:, i : i + 4] for i in range(0, 16, 4))
        state = np.concatenate([n1, n1 ^ n2 ^ n3, n1 ^ n3, n0 ^ n3], axis=1)
        state = _INVERSE_SBOX[state[:, _UNSHIFT] ^ added]
    return _bytes(state)
