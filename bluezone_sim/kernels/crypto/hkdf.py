"""HKDF-SHA256 (RFC 5869) as GAEN uses it: no salt, 16-byte key, one short label, 16 bytes out.

The pads of the empty salt are the same for every key, so the states after them are constants and six
compressions a key remain.
"""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from ..cpu import Vaes
from ..decorators import allocating, compiled
from . import sha256_ni
from .sha256 import block, swap
from .sha256_ir import INITIAL, LANES, after_block, big_endian_words
from .sha256_ni import STREAMS

_INNER, _OUTER = np.uint32(0x36363636), np.uint32(0x5C5C5C5C)
_END = np.uint32(0x80000000)
_INITIAL = np.array(INITIAL, np.uint32)


_AFTER_INNER, _AFTER_OUTER = (
    np.array(after_block(int(pad)), np.uint32) for pad in (_INNER, _OUTER)
)


#: The expand step's message for the identifier key and for the metadata key: label, then 0x01.
_IDENTIFIER_LABEL, _METADATA_LABEL = b"EN-RPIK\x01", b"EN-AEMK\x01"
GAEN_IDENTIFIER, GAEN_METADATA = map(big_endian_words, (_IDENTIFIER_LABEL, _METADATA_LABEL))
_IDENTIFIER_KEYS, _METADATA_KEYS = map(sha256_ni.gaen_keys, (_IDENTIFIER_LABEL, _METADATA_LABEL))


@compiled
def _set(lanes, words):
    # Loops, not slices: Numba's slice assignment compiles for a second each.
    for w in range(8):
        for lane in range(LANES):
            lanes[w, lane] = words[w]


@compiled
def _fill(message, first, last, word):
    for w in range(first, last):
        for lane in range(LANES):
            message[w, lane] = word


@compiled
def _copy(source, target):
    for w in range(8):
        for lane in range(LANES):
            target[w, lane] = source[w, lane]


@compiled
def _pad(message, n_words, n_bytes):
    """Padding after ``n_words`` words, of a message of ``n_bytes`` bytes in all."""
    _fill(message, n_words, n_words + 1, _END)
    _fill(message, n_words + 1, 15, np.uint32(0))
    _fill(message, 15, 16, np.uint32(8 * n_bytes))


@allocating
def _on_lanes(teks, label, out):
    """The keys of a label, LANES at a time; arguments as in :func:`gaen_keys`."""
    state = np.empty((8, LANES), np.uint32)
    inner = np.empty((8, LANES), np.uint32)
    message = np.zeros((16, LANES), np.uint32)
    # Extract: HMAC(key = zeros, TEK).
    _set(state, _AFTER_INNER)
    for lane in range(LANES):
        for w in range(4):
            message[w, lane] = swap(teks[4 * lane + w])
    _pad(message, 4, 64 + 16)
    block(state, message)
    _copy(state, message)
    _pad(message, 8, 64 + 32)
    _set(state, _AFTER_OUTER)
    block(state, message)
    # Expand: HMAC(PRK, label || 1).
    for w in range(8):
        for lane in range(LANES):
            message[w, lane] = state[w, lane] ^ _INNER
            inner[w, lane] = state[w, lane]
    _fill(message, 8, 16, _INNER)
    _set(state, _INITIAL)
    block(state, message)
    _fill(message, 0, 1, label[0])
    _fill(message, 1, 2, label[1])
    _pad(message, 2, 64 + 8)
    block(state, message)
    # state is the inner digest; the outer pad's block comes next, on the PRK.
    for w in range(8):
        for lane in range(LANES):
            message[w, lane] = inner[w, lane] ^ _OUTER
            inner[w, lane] = state[w, lane]
    _fill(message, 8, 16, _OUTER)
    _set(state, _INITIAL)
    block(state, message)
    _copy(inner, message)
    _pad(message, 8, 64 + 32)
    block(state, message)
    for lane in range(LANES):
        for w in range(4):
            out[4 * lane + w] = swap(state[w, lane])


def gaen_keys(path, metadata, teks, out):
    """Identifier keys, or metadata keys, of LANES temporary exposure keys.

    Args:
        path: from :mod:`bluezone_sim.kernels.cpu`.
        metadata: a tuple of no elements for identifier keys, of one for metadata keys.
        teks: ``uint32[4 * LANES]``, the keys as stored.
        out: ``uint32[4 * LANES]``.
    """


@overload(gaen_keys)
def _(path, metadata, teks, out):
    which = len(metadata)
    if path.instance_class is not Vaes:
        label = (GAEN_IDENTIFIER, GAEN_METADATA)[which]
        return lambda path, metadata, teks, out: _on_lanes(teks, label, out)
    four = (_IDENTIFIER_KEYS, _METADATA_KEYS)[which]

    def streams(path, metadata, teks, out):
        for lane in range(0, LANES, STREAMS):
            four(teks, 4 * lane, out)

    return streams
