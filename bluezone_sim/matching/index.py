"""Sightings indexed once, to be matched against many key lists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..errors import TableError
from ..kernels.lookup.exact import Index, build_index, words_of
from ..protocols.protocol import DAY_MS, Protocol
from ..tables.rows import Sightings
from .at_once import AtOnce, at_once

#: Sightings up to which one index serves all times. More are cut by days, so that the filter that a
#: day's keys ask stays in the cache, whatever the number of days.
_WHOLE = 4_000_000


@dataclass(frozen=True)
class Bucket:
    """Sightings of one stretch of time.

    Attributes:
        day: UTC day (days since 1970-01-01) of the intervals that look here first; None for all times.
        reach_ms: how far beyond both ends of the day its sightings go.
        index: of the identifiers; its rows are those of the sightings.
    """

    day: int | None
    reach_ms: int
    index: Index


@dataclass(frozen=True, eq=False)
class SightingIndex:
    """Sightings of any number of phones, ready for :func:`bluezone_sim.match`.

    Attributes:
        sightings: what is indexed.
        protocol: the system that they are of.
        buckets: by day, ascending.
    """

    sightings: Sightings
    protocol: Protocol
    buckets: tuple[Bucket, ...]

    def __len__(self) -> int:
        return len(self.sightings)

    @cached_property
    def at_once(self) -> AtOnce | None:
        """What finds few keys in no time; None where it cannot."""
        buckets = self.buckets
        if len(buckets) != 1 or buckets[0].day is not None or not len(self):
            return None
        return at_once(self.sightings, self.protocol, buckets[0].index)

    def __repr__(self) -> str:
        return (
            f"<SightingIndex of {len(self):,} {self.protocol.name} sightings, "
            f"{self.nbytes / 2**20:,.0f} MiB beside them>"
        )

    @property
    def nbytes(self) -> int:
        """Bytes that it takes beside the sightings."""
        return sum(
            b.index.filter.nbytes + b.index.start.nbytes + b.index.entry.nbytes
            for b in self.buckets
        )


def index_sightings(
    sightings: Sightings, protocol: str | Protocol, *, threads: int = 1
) -> SightingIndex:
    """Indexes sightings, so that several key lists can be matched against them.

    Args:
        sightings: one phone's history or many phones'. Not copied, so not to be changed.
        protocol: name, or what :func:`bluezone_sim.protocols.get` gave.
        threads: threads to use; the result does not depend on it.

    Raises:
        InputError: there is no such protocol.
        TableError: an array has the wrong dtype, shape or range.
    """
    system = protocols.get_key_protocol(protocol) if isinstance(protocol, str) else protocol
    check_sightings(sightings, system)
    words, times = words_of(sightings.identifier), sightings.time_ms
    if len(sightings) <= _WHOLE:
        rows = np.arange(len(sightings), dtype=np.uint32)
        return SightingIndex(sightings, system, (Bucket(None, 0, build_index(words, rows)),))
    reach_ms = 1000 * (system.tolerance_s + system.interval_s)
    ordered = bool(np.all(times[1:] >= times[:-1]))
    first, last = int(times.min()), int(times.max())
    days = range((first - reach_ms) // DAY_MS, (last + reach_ms) // DAY_MS + 1)

    def bucket(day: int) -> Bucket | None:
        """Every sighting that an interval starting on ``day`` can match, if it lasts as usual."""
        span = (day * DAY_MS - reach_ms, (day + 1) * DAY_MS + reach_ms)
        if ordered:
            rows = np.arange(*np.searchsorted(times, span), dtype=np.uint32)
        else:
            rows = np.flatnonzero((times >= span[0]) & (times < span[1])).astype(np.uint32)
        if not len(rows):
            return None
        return Bucket(day, reach_ms, build_index(words, rows))

    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(bucket, days))
    return SightingIndex(sightings, system, tuple(b for b in found if b is not None))


def check_sightings(sightings: Sightings, system: Protocol) -> None:
    """Raises TableError unless the identifiers are of the system's size and the columns as declared."""
    ids, times = sightings.identifier, sightings.time_ms
    if ids.dtype != np.uint8 or ids.ndim != 2 or ids.shape[1] != system.id_size:
        raise TableError(
            f"sightings.identifier: expected uint8[n, {system.id_size}] for {system.name}, found "
            f"{ids.dtype}{list(ids.shape)}"
        )
    if times.dtype != np.int64:
        raise TableError(f"sightings.time_ms: expected int64, found {times.dtype}")
    if len(sightings) >= 1 << 31:
        raise TableError(f"sightings: expected fewer than 2**31 rows, found {len(sightings):,}")


def first_seen(
    bucket: Bucket, day: NDArray[np.int64], time_ms: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """``bool[n]``: hits that no earlier bucket gives.

    Args:
        bucket: where they were found.
        day: ``int64[n]``, UTC day on which each hit's interval starts.
        time_ms: ``int64[n]``, of each hit's sighting.
    """
    if bucket.day is None:
        return np.ones(len(day), np.bool_)
    news = time_ms >= bucket.day * DAY_MS + bucket.reach_ms  # to the bucket of the day before
    return np.asarray((day == bucket.day) | ((day < bucket.day) & news))
