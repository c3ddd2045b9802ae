"""Identifiers looked up while they are still in the first cache: nothing is ever written out."""

from __future__ import annotations

import numba as nb
import numpy as np
from numba.extending import overload

from .aes import expand_rpik, load_batch, rpi_run
from .aes_ir import GROUP
from .cpu import Vaes
from .hkdf import gaen_keys
from .lookup import probe, settle
from .sha256 import INITIAL_STATE, chain, digest
from .sha256_ir import LANES
from .sha256_ni import STREAMS, identifier_chains


@nb.njit(nogil=True, cache=True)
def gaen(path, index, keys, intervals, counts, span, work):
    """Looks for the identifiers of temporary exposure keys ``span``.

    Args: ``keys`` uint32[n, 4] as stored, ``intervals`` int64[n], ``counts`` int32[n] rolling periods;
    index, work as in :mod:`bluezone_sim.kernels.lookup`.
    """
    batch, derived = np.zeros(4 * LANES, np.uint32), np.empty(4 * LANES, np.uint32)
    key_bytes = derived.view(np.uint8)
    round_keys = np.empty(240, np.uint8)
    spare = np.empty(16 * GROUP, np.uint8)
    ids = np.empty(16 * 144, np.uint8)
    words = ids.view(np.uint32)
    for begin in range(span[0], span[1], LANES):
        n = load_batch(keys, begin, span[1], batch)
        gaen_keys(path, (), batch, derived)
        for lane in range(n):
            i = begin + lane
            expand_rpik(path, key_bytes, 16 * lane, round_keys)
            rpi_run(path, round_keys, intervals[i], counts[i], ids, 0, spare)
            probe(index, words, 0, counts[i], i, work)
    settle(index, work)


def _few(path):
    """Seeds that one call of :func:`_some_chains` takes."""


def _some_chains(path, seeds, ids):
    """Identifiers of a few seeds ``uint32[few, 8]`` into ``ids uint32[few, count, 3]``."""


@overload(_few)
def _(path):
    n = STREAMS if path.instance_class is Vaes else LANES
    return lambda path: n


@overload(_some_chains)
def _(path, seeds, ids):
    if path.instance_class is Vaes:

        def streams(path, seeds, ids):
            identifier_chains(seeds, 0, ids.view(np.uint8).reshape(-1), ids.shape[1])

        return streams

    def lanes(path, seeds, ids):
        chain(seeds, 0, len(seeds), ids)

    return lanes


@nb.njit(nogil=True, cache=True)
def bluezone(path, index, blocks, counts, span, work):
    """Looks for the identifiers of daily keys ``span``.

    Args: ``blocks`` uint32[n, 1, 16], each key's first message as stored; ``counts`` int32[n].
    """
    few = _few(path)
    first = np.empty((span[1] - span[0], 8), np.uint32)
    digest(blocks[span[0] : span[1]], INITIAL_STATE, 0, len(first), first)
    seeds = np.zeros((few, 8), np.uint32)
    most = 0
    for i in range(span[0], span[1]):
        most = max(most, counts[i])
    ids = np.empty((few, most, 3), np.uint32)
    words = ids.reshape(-1)
    for begin in range(0, len(first), few):
        n = min(few, len(first) - begin)
        for k in range(n):
            for w in range(8):
                seeds[k, w] = first[begin + k, w]
        _some_chains(path, seeds, ids)
        for k in range(n):
            unit = span[0] + begin + k
            probe(index, words, k * most, counts[unit], unit, work)
    settle(index, work)
