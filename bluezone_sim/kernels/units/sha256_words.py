"""SHA-256's constants (FIPS 180-4), and the function itself in Python, for what is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import xor

import numpy as np
from numpy.typing import NDArray

_MASK = 0xFFFFFFFF


def _fractional_bits(root: int, n: int) -> list[int]:
    """First 32 bits of the fractional parts of the square or cube roots of the first n primes."""
    primes = [p for p in range(2, 312) if all(p % q for q in range(2, int(p**0.5) + 1))]
    out = []
    for p in primes[:n]:
        # The integer root of p * 2**(32 root), by bisection on integers.
        low, high = 0, 1 << 40
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle**root <= p << (32 * root) else (low, middle)
        out.append(low & _MASK)
    return out


INITIAL: list[int] = _fractional_bits(2, 8)
ROUND: list[int] = _fractional_bits(3, 64)


def _turn(x: int, *by: int) -> int:
    return reduce(xor, ((x >> n | x << (32 - n)) & _MASK for n in by))


def scheduled(block: Sequence[int]) -> list[int]:
    """What the 64 rounds add for a block of 16 words: the message schedule and the round constants."""
    w = list(block)
    for i in range(16, 64):
        s0 = _turn(w[i - 15], 7, 18) ^ w[i - 15] >> 3
        s1 = _turn(w[i - 2], 17, 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + s0 + w[i - 7] + s1) & _MASK)
    return [(k + x) & _MASK for k, x in zip(ROUND, w, strict=True)]


def after_block(block: Sequence[int]) -> list[int]:
    """The state after one block."""
    a, b, c, d, e, f, g, h = INITIAL
    for x in scheduled(block):
        t1 = h + _turn(e, 6, 11, 25) + (e & f ^ ~e & g) + x
        t2 = _turn(a, 2, 13, 22) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & _MASK, a, b, c, (d + t1) & _MASK, e, f, g
    return [(x + y) & _MASK for x, y in zip((a, b, c, d, e, f, g, h), INITIAL, strict=True)]


def big_endian_words(data: bytes) -> list[int]:
    """Bytes as SHA-256's words."""
    return [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]


def padding(n_words: int, n_bytes: int) -> list[int]:
    """Words after the last ``n_words`` of a message of ``n_bytes`` bytes in all."""
    return [0x80000000] + [0] * (14 - n_words) + [8 * n_bytes]


#: Words 8 to 15 of the one block that Bluezone's first sub-key hashes: after the daily key come 13 bytes,
#: spelled as the app spells them, and the padding of a message of 45 bytes.
SUBKEY_WORDS = big_endian_words(
    b"bluzonesubkey" + b"\x80" + bytes(10) + (45 * 8).to_bytes(8, "big")
)


def label_schedule(label: bytes) -> NDArray[np.uint32]:
    """``uint32[64]``: :func:`scheduled` of HKDF's expand step: a label of 8 bytes after the pad."""
    return np.array(scheduled([*big_endian_words(label), *padding(2, 64 + 8)]), np.uint32)
