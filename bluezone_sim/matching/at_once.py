"""Few keys against indexed sightings, as a phone asks: a kernel finds, another makes the table.

A few hundred keys are looked up in the time of some dozen operations on arrays, however small these are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.lookup.columns import Seen, fill
from ..kernels.lookup.exact import Index, thread_work
from ..protocols.protocol import Protocol, called
from ..tables.rows import Matches, PublishedKeys, Sightings

#: Most identifiers of one call.
_MOST_IDS = 1 << 19
#: Room for hits; where there are more, the usual way finds them.
_HITS = 1 << 12
#: Types of the columns of keys and of sightings.
_PUBLISHED = (np.dtype(np.uint8), np.dtype(np.int64), np.dtype(np.int32))
_SEEN = (np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.int16))


@dataclass(frozen=True)
class AtOnce:
    """What calls with few keys need of sightings and of a protocol, each of whose keys is a unit.

    Attributes:
        index: of all sightings.
        seen: their columns.
        fused: see :class:`bluezone_sim.protocols.protocol.Keys`.
        key_bytes, most: of a key, and how many of them are looked up at once.
        width: words of an identifier.
        times_ms: length of an interval, and the tolerance.
        nothing: what is found where nothing is.
    """

    index: Index
    seen: Seen
    fused: Callable[..., int]
    key_bytes: int
    most: int
    width: int
    times_ms: tuple[int, int]
    nothing: Matches

    def find(self, published: PublishedKeys) -> Matches | None:
        """As :func:`bluezone_sim.match`; None where that has to go the usual way.

        It has to where there are many keys or hits, and where columns are of other types than declared or
        a key is at fault, which the usual way tells in words.
        """
        key, start_s, count = published.key, published.start_s, published.count
        n = len(start_s)
        if n > self.most or key.shape != (n, self.key_bytes) or count.shape != start_s.shape:
            return None
        if not _plain((key, start_s, count), _PUBLISHED):
            return None
        work = thread_work(self.width, _HITS)
        hits = self.fused(self.index, key, start_s, count, (0, n), work)
        if hits == 0:
            return self.nothing
        if hits < 0 or hits > len(work.hits):
            return None
        columns, kept = fill(work.hits, hits, start_s, self.times_ms, self.seen)
        return Matches(*(columns if kept == hits else (c[:kept] for c in columns)))


def at_once(sightings: Sightings, system: Protocol, index: Index) -> AtOnce | None:
    """For sightings that one index holds; None where the protocol or a column is not made for it."""
    facts = system.published_keys
    single = facts.made == "fresh" and facts.order == "told"
    if facts.fused is None or not single:
        return None
    if sightings.payload is not None and facts.attenuation is not None:
        return None
    seen = Seen(sightings.time_ms, sightings.observer, sightings.rssi_dbm)
    if not _plain(seen, _SEEN):
        return None
    step_ms, tolerance_ms = 1000 * system.interval_s, 1000 * system.tolerance_s
    nothing, _ = fill(np.empty((0, 3), np.int64), 0, np.empty(0, np.int64), (0, 0), seen)
    return AtOnce(
        index=index,
        seen=seen,
        fused=called(facts.fused),
        key_bytes=facts.bytes,
        most=_MOST_IDS // facts.per_key,
        width=index.words.shape[1],
        times_ms=(step_ms, tolerance_ms),
        nothing=Matches(*nothing),
    )


def _plain(columns: tuple[NDArray[Any], ...], kinds: tuple[np.dtype[Any], ...]) -> bool:
    """Of these types, and as they lie in memory, so that a kernel can take them as they are."""
    x, y, z = columns
    if (x.dtype, y.dtype, z.dtype) != kinds:
        return False
    return all(f.carray or (f.c_contiguous and f.aligned) for f in (x.flags, y.flags, z.flags))
