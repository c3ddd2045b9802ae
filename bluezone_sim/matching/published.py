"""Published identifiers indexed once, for histories that come piece by piece."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..kernels.lookup.exact import Index, build_index, words_of
from ..protocols.protocol import DAY_MS, Protocol
from ..protocols.units import UnitKeys
from ..tables.rows import PublishedKeys

#: Identifiers that are made at a time.
_CHUNK_IDS = 1 << 16


@dataclass(frozen=True)
class PublishedDay:
    """Published identifiers of one UTC day.

    Attributes:
        day: UTC day (days since 1970-01-01) on which they start; None for all days.
        first_ms, last_ms: the first and the last time at which one of them can match, unix milliseconds.
        unit: ``int64[n]``, unit of each identifier.
        interval: ``int64[n]``, number of each identifier within its unit.
        index: of the identifiers.
    """

    day: int | None
    first_ms: int
    last_ms: int
    unit: NDArray[np.int64]
    interval: NDArray[np.int64]
    index: Index


@dataclass(frozen=True, eq=False)
class PublishedIndex:
    """Published keys, their identifiers made and indexed, ready for :func:`bluezone_sim.match`.

    Attributes:
        units: the keys taken apart.
        protocol: the system that they are of.
        days: by day, ascending.
    """

    units: UnitKeys
    protocol: Protocol
    days: tuple[PublishedDay, ...]

    def __len__(self) -> int:
        return sum(len(d.unit) for d in self.days)

    def __repr__(self) -> str:
        return f"<PublishedIndex of {len(self):,} {self.protocol.name} identifiers>"

    def on(self, day: int) -> Index | None:
        """Index of the identifiers that start on a UTC day; None where there is none."""
        return next((d.index for d in self.days if d.day == day), None)


def index_published(
    published: PublishedKeys,
    protocol: str | Protocol,
    *,
    by_day: bool = True,
    threads: int = 1,
) -> PublishedIndex:
    """Makes and indexes the identifiers of published keys, so that several histories can be matched.

    Args:
        published: keys; see :class:`bluezone_sim.tables.rows.PublishedKeys`.
        protocol: name, or what :func:`bluezone_sim.protocols.get` gave.
        by_day: an index a UTC day, for histories of a day; otherwise one for all.
        threads: threads to use; the result does not depend on it.

    Raises:
        InputError: there is no such protocol.
        TableError: an array has the wrong dtype, shape or range.
    """
    system = protocols.get_key_protocol(protocol) if isinstance(protocol, str) else protocol
    units = system.unit_keys_of(published)
    if not by_day:
        return index_units(units, system)
    first = units.start_ms // DAY_MS
    last = (units.start_ms + np.maximum(units.count - 1, 0) * units.step_ms) // DAY_MS

    def made(day: int) -> PublishedDay | None:
        of = np.flatnonzero((first <= day) & (last >= day))
        return _day(units, of, system, day)

    lengths = last - first
    days = np.unique(np.concatenate([first + k for k in range(int(lengths.max(initial=0)) + 1)]))
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(made, days.tolist()))
    return PublishedIndex(units, system, tuple(d for d in found if d is not None))


def index_units(units: UnitKeys, system: Protocol) -> PublishedIndex:
    """One index of keys that are taken apart already."""
    whole = _day(units, np.arange(len(units)), system, None)
    return PublishedIndex(units, system, () if whole is None else (whole,))


def _day(
    units: UnitKeys, of: NDArray[np.int64], system: Protocol, day: int | None
) -> PublishedDay | None:
    """The identifiers of some units, of those that start on a UTC day, or of all."""
    some = units.take(of)
    ids, rows, numbers = [], [], []
    for begin, end in chunks(some, _CHUNK_IDS):
        made = expand(some, (begin, end), system)
        number = np.arange(made.shape[1])
        wanted = number < some.count[begin:end, None]
        if day is not None:
            start_ms = some.start_ms[begin:end, None] + number * some.step_ms[begin:end, None]
            wanted &= start_ms // DAY_MS == day
        at = np.flatnonzero(wanted)
        flat = made.reshape(-1, made.shape[2])
        ids.append(flat if len(at) == len(flat) else flat[at])
        unit, interval = np.divmod(at, made.shape[1])
        rows.append(of[unit + begin])
        numbers.append(interval)
    unit, interval = (np.concatenate(c) if c else of[:0] for c in (rows, numbers))
    if not len(unit):
        return None
    words = words_of(np.concatenate(ids))
    start_ms = units.start_ms[unit] + interval * units.step_ms[unit]
    tolerance_ms = 1000 * system.tolerance_s
    return PublishedDay(
        day=day,
        first_ms=int(start_ms.min()) - tolerance_ms,
        last_ms=int((start_ms + units.valid_ms[unit]).max()) + tolerance_ms,
        unit=unit,
        interval=interval,
        index=build_index(words, np.arange(len(words), dtype=np.uint32)),
    )


def chunks(units: UnitKeys, size: int) -> list[tuple[int, int]]:
    """Spans of units of about ``size`` identifiers."""
    widest = max(1, int(units.count.max(initial=1)))
    step = max(1, size // widest)
    return list(pairwise([*range(0, len(units), step), len(units)]))


def expand(units: UnitKeys, span: tuple[int, int], system: Protocol) -> NDArray[np.uint8]:
    """``uint8[units, widest, id_size]``: identifiers of some units, from their first on."""
    first, last = span
    widest = int(units.count[first:last].max(initial=0))
    return system.expand(units.keys[first:last], units.start_ms[first:last] // 1000, widest)
