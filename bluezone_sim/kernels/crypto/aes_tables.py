"""AES (FIPS 197) by tables: the path that works on every CPU.

Its lookups depend on the key, so an attacker on the same core could time them. The keys here are
simulated, or already published.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..decorators import allocating, compiled


def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The S-box, and MixColumns of it: bytes (2s, s, s, 3s) of a little-endian word."""
    box = np.zeros(256, np.uint32)
    p = q = 1
    while True:  # p runs over all field elements, q over their inverses
        p ^= (p << 1 & 0xFF) ^ (0x1B if p & 0x80 else 0)
        for shift in (1, 2, 4):
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        x = q
        for turn in (1, 2, 3, 4):
            x ^= (q << turn | q >> (8 - turn)) & 0xFF
        box[p] = x ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    double = (box << 1 & 0xFF) ^ np.where(box & 0x80, 0x1B, 0).astype(np.uint32)
    mix = double | box << 8 | box << 16 | (box ^ double) << 24
    return box, mix.astype(np.uint32)


_BOX, _MIX = _tables()
_CONSTANTS = np.array([1, 2, 4, 8, 16, 32, 64, 128, 27, 54], np.uint32)


@compiled
def _rotate(x, n):
    """Rotated left, which moves bytes up."""
    return (x << np.uint32(n)) | (x >> np.uint32(32 - n))


@compiled
def _byte(x, i):
    return (x >> np.uint32(8 * i)) & np.uint32(0xFF)


@compiled
def _substitute(x):
    return (
        _BOX[_byte(x, 0)]
        | _BOX[_byte(x, 1)] << np.uint32(8)
        | _BOX[_byte(x, 2)] << np.uint32(16)
        | _BOX[_byte(x, 3)] << np.uint32(24)
    )


@compiled
def _word(data, at):
    """Little-endian word at a byte."""
    return (
        np.uint32(data[at])
        | np.uint32(data[at + 1]) << np.uint32(8)
        | np.uint32(data[at + 2]) << np.uint32(16)
        | np.uint32(data[at + 3]) << np.uint32(24)
    )


@compiled
def _put(data, at, word):
    for i in range(4):
        data[at + i] = np.uint8(_byte(word, i))


@compiled
def expand_key(key, at, n_words, round_keys):
    """Key schedule of the 4 or 8 words at ``key[at:]`` into ``round_keys uint8[240]``."""
    for i in range(n_words):
        _put(round_keys, 4 * i, _word(key, at + 4 * i))
    for i in range(n_words, 4 * (n_words + 7)):
        x = _word(round_keys, 4 * (i - 1))
        if i % n_words == 0:
            x = _substitute(_rotate(x, 24)) ^ _CONSTANTS[i // n_words - 1]
        elif n_words > 6 and i % n_words == 4:
            x = _substitute(x)
        _put(round_keys, 4 * i, x ^ _word(round_keys, 4 * (i - n_words)))


@allocating
def encrypt_block(round_keys, rounds, data, at):
    """Encrypts the block at ``data[at:]`` in place."""
    s = np.empty(4, np.uint32)
    t = np.empty(4, np.uint32)
    for c in range(4):
        s[c] = _word(data, at + 4 * c) ^ _word(round_keys, 4 * c)
    for r in range(1, rounds):
        for c in range(4):
            t[c] = (
                _MIX[_byte(s[c], 0)]
                ^ _rotate(_MIX[_byte(s[(c + 1) % 4], 1)], 8)
                ^ _rotate(_MIX[_byte(s[(c + 2) % 4], 2)], 16)
                ^ _rotate(_MIX[_byte(s[(c + 3) % 4], 3)], 24)
                ^ _word(round_keys, 16 * r + 4 * c)
            )
        for c in range(4):
            s[c] = t[c]
    for c in range(4):
        x = (
            _BOX[_byte(s[c], 0)]
            | _BOX[_byte(s[(c + 1) % 4], 1)] << np.uint32(8)
            | _BOX[_byte(s[(c + 2) % 4], 2)] << np.uint32(16)
            | _BOX[_byte(s[(c + 3) % 4], 3)] << np.uint32(24)
        )
        _put(data, at + 4 * c, x ^ _word(round_keys, 16 * rounds + 4 * c))
