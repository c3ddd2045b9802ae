"""Published identifiers indexed once, for histories that come piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..kernels.lookup import Index, build_index, words_of
from ..protocols.base import DAY_MS, KeyProtocol, Unrolled
from ..tables import PublishedKeys

#: Identifiers that are made at a time.
_CHUNK_IDS = 1 << 16


@dataclass(frozen=True)
class PublishedDay:
    """Published identifiers of one UTC day.

    Attributes:
        day: UTC day (days since 1970-01-01) on which they start; None for all days.
        first_ms, last_ms: the first and the last time at which one of them can match, unix milliseconds.
        index: of the identifiers; its rows are those of :attr:`PublishedIndex.unit`.
    """

    day: int | None
    first_ms: int
    last_ms: int
    index: Index


@dataclass(frozen=True, eq=False)
class PublishedIndex:
    """Published keys, their identifiers made and indexed, ready for :func:`bluezone_sim.match`.

    Attributes:
        units: the keys taken apart.
        protocol: the system that they are of.
        unit: ``int32[n]``, unit of each identifier.
        interval: ``int32[n]``, number of each identifier within its unit.
        days: by day, ascending.
    """

    units: Unrolled
    protocol: KeyProtocol
    unit: NDArray[np.int32]
    interval: NDArray[np.int32]
    days: tuple[PublishedDay, ...]

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        return f"<PublishedIndex of {len(self):,} {self.protocol.name} identifiers>"

    def on(self, day: int) -> Index | None:
        """Index of the identifiers that start on a UTC day; None where there is none."""
        return next((d.index for d in self.days if d.day == day), None)


def index_published(
    published: PublishedKeys, protocol: str | KeyProtocol, *, by_day: bool = True
) -> PublishedIndex:
    """Makes and indexes the identifiers of published keys, so that several histories can be matched.

    Args:
        published: keys; see :class:`bluezone_sim.tables.PublishedKeys`.
        protocol: name, or what :func:`bluezone_sim.protocols.get` gave.
        by_day: an index a UTC day, for histories of a day; otherwise one for all.

    Raises:
        InputError: there is no such protocol.
        TableError: an array has the wrong dtype, shape or range.
    """
    system = protocols.get_key_protocol(protocol) if isinstance(protocol, str) else protocol
    return index_units(system.unroll(published), system, by_day=by_day)


def index_units(units: Unrolled, system: KeyProtocol, *, by_day: bool) -> PublishedIndex:
    """:func:`index_published` of keys that are taken apart already."""
    tables = []
    for first, last in chunks(units, _CHUNK_IDS):
        ids = expand(units, (first, last), system)
        tables.append(ids[np.arange(ids.shape[1]) < units.count[first:last, None]])
    size = (0, system.id_size)
    words = words_of(np.concatenate([*tables, np.empty(size, np.uint8)]))
    unit = np.repeat(np.arange(len(units), dtype=np.int32), units.count)
    begin = np.repeat(np.cumsum(units.count) - units.count, units.count)
    interval = (np.arange(len(unit)) - begin).astype(np.int32)
    start_ms = units.start_ms[unit] + interval * units.step_ms[unit]
    end_ms = start_ms + units.valid_ms[unit]
    tolerance_ms = 1000 * system.tolerance_s

    def span(day: int | None, rows: NDArray[np.int64]) -> PublishedDay:
        return PublishedDay(
            day,
            int(start_ms[rows].min()) - tolerance_ms,
            int(end_ms[rows].max()) + tolerance_ms,
            build_index(words, rows.astype(np.uint32)),
        )

    days: list[PublishedDay] = []
    if by_day:
        day = start_ms // DAY_MS
        days = [span(int(d), np.flatnonzero(day == d)) for d in np.unique(day)]
    elif len(unit):
        days = [span(None, np.arange(len(unit)))]
    return PublishedIndex(units, system, unit, interval, tuple(days))


def chunks(units: Unrolled, size: int) -> list[tuple[int, int]]:
    """Spans of units of about ``size`` identifiers."""
    widest = max(1, int(units.count.max(initial=1)))
    step = max(1, size // widest)
    return list(pairwise([*range(0, len(units), step), len(units)]))


def expand(units: Unrolled, span: tuple[int, int], system: KeyProtocol) -> NDArray[np.uint8]:
    """``uint8[units, widest, id_size]``: identifiers of some units, from their first on."""
    first, last = span
    widest = int(units.count[first:last].max(initial=0))
    return system.expand(units.keys[first:last], units.start_ms[first:last] // 1000, widest)
