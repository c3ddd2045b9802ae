"""Identifiers looked up while they are still in the first cache: nothing is ever written out."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..crypto.aes import GAEN_IDENTIFIER
from ..decorators import bare, compiled, entry
from ..units.filters import MOST
from ..units.table import function, ready
from .exact import Hits, Index, build_index, new_work, probe, settle, settle_all

_INTERVAL_S = 600
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
        room = _BATCH * MOST
        scratch = _kept.scratch = GaenScratch(
            derived=np.empty(16 * _BATCH, np.uint8),
            numbers=np.empty(_BATCH, np.uint32),
            found=np.empty(4 * room, np.uint32),
            where=np.empty((room, 2), np.int64),
        )
    return scratch


@bare
def _gaen(scratch, index, keys, starts_s, counts, span, work):
    for i in range(span[0], span[1]):
        start, n = starts_s[i], counts[i]
        if start < 0 or start >= _END_S or start % _INTERVAL_S or n < 0 or n > MOST:
            return -1
    for begin in range(span[0], span[1], _BATCH):
        n = min(_BATCH, span[1] - begin)
        _DERIVE(keys, 16 * begin, scratch.derived, 0, n, GAEN_IDENTIFIER, 0)
        for i in range(n):
            scratch.numbers[i] = np.uint32(starts_s[begin + i] // _INTERVAL_S)
        # fmt: off
        found = _SEEK(
            scratch.derived, 0, scratch.numbers, 0, counts, begin, n,
            index.filter, 0, index.shifts[0], scratch.found, 0, scratch.where, 0,
        )
        # fmt: on
        settle_all(index, scratch.found, scratch.where, found, begin, work)
    return work.tally[1]


@cache
def _gaen_entry() -> Any:
    ready("derive", "seek")
    words, rows = np.zeros((1, 4), np.uint32), np.zeros(1, np.uint32)
    keys, starts_s, counts = (
        np.zeros((1, 16), np.uint8),
        np.zeros(1, np.int64),
        np.zeros(1, np.int32),
    )
    index, work = build_index(words, rows), new_work(4, 1)
    return entry(_gaen, gaen_scratch(), index, keys, starts_s, counts, (0, 1), work)


def gaen(
    index: Index,
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    counts: NDArray[np.int32],
    span: tuple[int, int],
    work: Hits,
) -> int:
    """Looks for the identifiers of temporary exposure keys ``span``.

    Args:
        index: of what may be found.
        keys: ``uint8[n, 16]``; this and the next two contiguous and of just these types, which is not
            checked.
        starts_s: ``int64[n]``, unix time of each key's first interval.
        counts: ``int32[n]``, rolling periods.
        span: the first, and the one after the last.
        work: takes the hits, whose units are rows of ``keys``.

    Returns:
        How many hits there are; -1 where one of them cannot be a key, and nothing was looked up.
    """
    found: int = _gaen_entry()(gaen_scratch(), index, keys, starts_s, counts, span, work)
    return found


@compiled
def _bluezone(index, day_keys, counts, span, work):
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


def bluezone(
    index: Index,
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    counts: NDArray[np.int32],
    span: tuple[int, int],
    work: Hits,
) -> int:
    """Looks for the identifiers of daily keys ``span``, ``uint8[n, 32]``; see :func:`gaen`.

    Their starts do not matter.
    """
    ready("identifiers")
    _bluezone(index, keys, counts, span, work)
    return int(work.tally[1])
