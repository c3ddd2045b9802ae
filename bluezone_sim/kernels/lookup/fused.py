"""Identifiers looked up while they are still in the first cache: nothing is ever written out."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..crypto.aes import GAEN_IDENTIFIER
from ..decorators import bare, compiled
from ..units.filters import AHEAD
from ..units.table import function
from .exact import probe, settle, wait

_DAY, _INTERVAL_S, _INTERVAL_MS = 144, 600, 600_000
#: Later is no unix time.
_END_S = 1 << 40
#: Keys that are derived at a time, of GAEN's and of Bluezone's.
_BATCH, _FEW = 64, 16
_DERIVE, _SEEK, _CHAINS = map(function, ("derive", "seek", "identifiers"))


class GaenScratch(NamedTuple):
    """Buffers of a thread: ``derived`` identifier keys, ``numbers`` of first intervals, and what passes.

    ``found`` and ``where`` have room for every identifier, and only their first lines are written.
    """

    derived: NDArray[np.uint8]
    numbers: NDArray[np.uint32]
    found: NDArray[np.uint32]
    where: NDArray[np.int64]


_kept = threading.local()


def gaen_scratch() -> GaenScratch:
    """Buffers for :func:`gaen`, of this thread: memory that is new costs more than what a call does."""
    scratch: GaenScratch | None = getattr(_kept, "scratch", None)
    if scratch is None:
        room = _BATCH * _DAY + AHEAD
        scratch = _kept.scratch = GaenScratch(
            derived=np.empty(16 * _BATCH, np.uint8),
            numbers=np.empty(_BATCH, np.uint32),
            found=np.empty(4 * room, np.uint32),
            where=np.empty((room, 2), np.int64),
        )
    return scratch


@bare
def gaen_units(start_s, period, start_ms, step_ms, count, parent):
    """Fills the last four, of units that are temporary exposure keys; False where one cannot be a key.

    Args: ``start_s``, ``period`` int64[n], which are checked on the way; ``start_ms``, ``step_ms``
    int64[n], ``count``, ``parent`` int32[n].
    """
    for i in range(len(start_s)):
        start, n = start_s[i], period[i]
        if start < 0 or start >= _END_S or start % _INTERVAL_S or n < 0 or n > _DAY:
            return False
        start_ms[i] = 1000 * start
        step_ms[i] = _INTERVAL_MS
        count[i] = n
        parent[i] = i
    return True


@bare
def gaen(scratch, index, keys, start_ms, counts, span, work):
    """Looks for the identifiers of temporary exposure keys ``span``.

    Args: ``keys`` uint8[n, 16], ``start_ms`` int64[n], ``counts`` int32[n] rolling periods, at most 144;
    index, work as in :mod:`bluezone_sim.kernels.lookup.exact`.
    """
    for begin in range(span[0], span[1], _BATCH):
        n = min(_BATCH, span[1] - begin)
        _DERIVE(keys, 16 * begin, scratch.derived, 0, n, GAEN_IDENTIFIER, 0)
        for i in range(n):
            scratch.numbers[i] = np.uint32(start_ms[begin + i] // _INTERVAL_MS)
        # fmt: off
        found = _SEEK(
            scratch.derived, 0, scratch.numbers, 0, counts, begin, n,
            index.filter, 0, index.shifts[0], scratch.found, 0, scratch.where, 0,
        )
        # fmt: on
        for k in range(found):
            unit, number = begin + scratch.where[k, 0], scratch.where[k, 1]
            wait(index, scratch.found, 4 * k, unit, number, work)
    settle(index, work)


@compiled
def bluezone(index, day_keys, counts, span, work):
    """Looks for the identifiers of daily keys ``span``.

    Args: ``day_keys`` uint8[n, 32]; ``counts`` int32[n].
    """
    most = 0
    for i in range(span[0], span[1]):
        most = max(most, counts[i])
    words = np.empty(_FEW * most * 3, np.uint32)
    for begin in range(span[0], span[1], _FEW):
        n = min(_FEW, span[1] - begin)
        _CHAINS(day_keys, 32 * begin, words, 0, n, most)
        for k in range(n):
            probe(index, words, k * most, counts[begin + k], begin + k, work)
    settle(index, work)
