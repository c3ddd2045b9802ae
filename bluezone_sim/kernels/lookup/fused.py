"""Identifiers looked up while they are still in the first cache: nothing is ever written out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ..bits_ir import lowest_bit
from ..cpu import Vaes
from ..crypto.aes import RPI_TEMPLATE, expand_rpik, load_batch, rpi_run
from ..crypto.aes_ir import GROUP, KEYS, REGISTERS, STEP_IDS, schedules
from ..crypto.hkdf import gaen_keys
from ..crypto.sha256 import INITIAL_STATE, SUBKEY_STORED, chain, digest
from ..crypto.sha256_ir import LANES
from ..crypto.sha256_ni import STREAMS, identifier_chains
from ..decorators import INLINED, bare, compiled
from .exact import probe, settle, wait
from .gaen_ir import days_filtered

_DAY = 144
_DAYS = days_filtered(RPI_TEMPLATE, _DAY)


class GaenScratch(NamedTuple):
    """Buffers of one thread, all within its first cache."""

    batch: NDArray[np.uint32]
    derived: NDArray[np.uint32]
    derived_bytes: NDArray[np.uint8]
    numbers: NDArray[np.uint32]
    round_keys: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    words: NDArray[np.uint32]
    spare: NDArray[np.uint8]
    bits: NDArray[np.uint32]


def gaen_scratch() -> GaenScratch:
    """Buffers for :func:`gaen`."""
    derived, ids = np.empty(4 * LANES, np.uint32), np.empty(KEYS * 16 * _DAY, np.uint8)
    return GaenScratch(
        batch=np.zeros(4 * LANES, np.uint32),
        derived=derived,
        derived_bytes=derived.view(np.uint8),
        numbers=np.zeros(LANES, np.uint32),
        round_keys=np.empty(16 * KEYS * REGISTERS * 11, np.uint8),
        ids=ids,
        words=ids.view(np.uint32),
        spare=np.empty(16 * GROUP, np.uint8),
        bits=np.empty(KEYS * _DAY // STEP_IDS, np.uint32),
    )


def _batch(path, scratch, index, first, counts, work):
    """Looks for the identifiers of up to LANES keys, whose identifier keys are in ``scratch``.

    Args: ``first`` number of the first key; ``counts`` int32[n], of these keys.
    """


@overload(_batch, jit_options=INLINED)
def _(path, scratch, index, first, counts, work):
    if path.instance_class is not Vaes:

        def one_by_one(path, scratch, index, first, counts, work):
            for i in range(len(counts)):
                count = np.int64(counts[i])
                expand_rpik(path, scratch.derived_bytes, 16 * i, scratch.round_keys)
                number = np.int64(scratch.numbers[i])
                rpi_run(path, scratch.round_keys, number, count, scratch.ids, 0, scratch.spare)
                probe(index, scratch.words, 0, count, first + i, work)

        return one_by_one

    def four_by_four(path, scratch, index, first, counts, work):
        to_word = np.uint64(index.shifts[0])
        for begin in range(0, len(counts), KEYS):
            z = begin // KEYS % REGISTERS
            if z == 0:
                schedules(scratch.derived_bytes, 16 * begin, scratch.round_keys)
            _DAYS(
                scratch.round_keys,
                z,
                scratch.numbers,
                begin,
                scratch.ids,
                index.filter,
                to_word,
                scratch.bits,
            )
            for step in range(KEYS * _DAY // STEP_IDS):
                bits = np.uint64(scratch.bits[step])
                while bits:
                    at = STEP_IDS * step + lowest_bit(bits)
                    bits &= bits - np.uint64(1)
                    i, number = begin + at % KEYS, at // KEYS
                    if i < len(counts) and number < counts[i]:
                        wait(index, scratch.words, 4 * at, first + i, number, work)

    return four_by_four


@bare
def gaen(path, scratch, index, keys, intervals, counts, span, work):
    """Looks for the identifiers of temporary exposure keys ``span``.

    Args: ``keys`` uint32[n, 4] as stored, ``intervals`` int64[n], ``counts`` int32[n] rolling periods;
    index, work as in :mod:`bluezone_sim.kernels.lookup.exact`.
    """
    for begin in range(span[0], span[1], LANES):
        n = load_batch(keys, begin, span[1], scratch.batch)
        gaen_keys(path, (), scratch.batch, scratch.derived)
        for i in range(n):
            scratch.numbers[i] = np.uint32(intervals[begin + i])
        _batch(path, scratch, index, begin, counts[begin : begin + n], work)
    settle(index, work)


def _few(path):
    """Daily keys that one call of :func:`_some_chains` takes."""


def _some_chains(path, keys, blocks, ids):
    """Identifiers of a few daily keys ``uint32[few, 8]`` into ``ids uint32[few, count, 3]``.

    ``blocks uint32[few, 1, 16]`` holds the first sub-key's message but for the keys.
    """


@overload(_few)
def _(path):
    n = STREAMS if path.instance_class is Vaes else LANES
    return lambda path: n


@overload(_some_chains)
def _(path, keys, blocks, ids):
    if path.instance_class is Vaes:

        def streams(path, keys, blocks, ids):
            identifier_chains(keys, 0, ids.view(np.uint8).reshape(-1), ids.shape[1])

        return streams

    def lanes(path, keys, blocks, ids):
        first = np.empty_like(keys)
        for k in range(len(keys)):
            for w in range(8):
                blocks[k, 0, w] = keys[k, w]
        digest(blocks, INITIAL_STATE, 0, len(keys), first)
        chain(first, 0, len(keys), ids)

    return lanes


@compiled
def bluezone(path, index, day_keys, counts, span, work):
    """Looks for the identifiers of daily keys ``span``.

    Args: ``day_keys`` uint32[n, 8] as stored; ``counts`` int32[n].
    """
    few = _few(path)
    keys = np.zeros((few, 8), np.uint32)
    blocks = np.empty((few, 1, 16), np.uint32)
    for k in range(few):
        for w in range(8):
            blocks[k, 0, 8 + w] = SUBKEY_STORED[w]
    most = 0
    for i in range(span[0], span[1]):
        most = max(most, counts[i])
    ids = np.empty((few, most, 3), np.uint32)
    words = ids.reshape(-1)
    for begin in range(span[0], span[1], few):
        n = min(few, span[1] - begin)
        for k in range(n):
            for w in range(8):
                keys[k, w] = day_keys[begin + k, w]
        _some_chains(path, keys, blocks, ids)
        for k in range(n):
            probe(index, words, k * most, counts[begin + k], begin + k, work)
    settle(index, work)
