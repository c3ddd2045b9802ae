"""Published keys against histories: one engine for a phone and for a population."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..errors import TableError
from ..kernels.lookup import Index, build_index, find
from ..protocols.base import KeyProtocol, Unrolled
from ..tables import Matches, PublishedKeys, Sightings

#: Identifiers expanded at a time: their memory stays within the cache of a core.
_CHUNK_IDS = 1 << 18
#: Most published identifiers that are held at once, where it is they that are indexed.
_HELD_IDS = 1 << 24

_Hits = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # unit, interval, row


def match(
    published: PublishedKeys,
    sightings: Sightings,
    protocol: str | KeyProtocol,
    *,
    threads: int = 1,
) -> Matches:
    """Finds published keys' identifiers in histories.

    A sighting matches where its identifier equals a published one and its time lies within that
    identifier's interval, widened by the protocol's tolerance, both ends included. Phones are a column
    of the sightings: each gets what it would find alone.

    Args:
        published: keys; see :class:`bluezone_sim.tables.PublishedKeys`.
        sightings: one phone's history or many phones'.
        protocol: name, or what :func:`bluezone_sim.protocols.get` gave.
        threads: threads to use; the result does not depend on it.

    Returns:
        Matches sorted by (key, row).

    Raises:
        InputError: there is no such protocol.
        TableError: an array has the wrong dtype, shape or range.
    """
    system = protocols.get_key_protocol(protocol) if isinstance(protocol, str) else protocol
    _check(sightings, system)
    units = system.unroll(published)
    total = int(units.count.sum())
    if not len(sightings) or not total:
        return _matches(units, sightings, [])
    # Index the smaller side. Published identifiers have to fit to be indexed.
    if total <= min(len(sightings), _HELD_IDS):
        hits = _probe_sightings(units, sightings, system, threads)
    else:
        hits = _probe_keys(units, sightings, system, threads)
    return _matches(units, sightings, [_in_time(units, sightings, system, *h) for h in hits])


def _check(sightings: Sightings, system: KeyProtocol) -> None:
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


def _expand(units: Unrolled, first: int, last: int, system: KeyProtocol) -> NDArray[np.uint8]:
    """``uint8[last - first, widest, id_size]``: identifiers of some units from interval 0 on."""
    widest = int(units.count[first:last].max(initial=0))
    return system.expand(units.keys[first:last], units.start_ms[first:last] // 1000, widest)


def _wanted(
    units: Unrolled, unit: NDArray[np.int64], interval: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Intervals that were published."""
    return np.asarray(interval < units.count[unit])


def _chunks(units: Unrolled, size: int) -> list[tuple[int, int]]:
    widest = max(1, int(units.count.max(initial=1)))
    step = max(1, size // widest)
    return list(pairwise([*range(0, len(units), step), len(units)]))


def _probe_keys(
    units: Unrolled, sightings: Sightings, system: KeyProtocol, threads: int
) -> list[_Hits]:
    """Expands the keys chunk by chunk and looks them up among the sightings."""
    index = build_index(sightings.identifier)

    def work(chunk: tuple[int, int]) -> _Hits:
        first, last = chunk
        ids = _expand(units, first, last, system)
        needle, row = find(index, ids.reshape(-1, ids.shape[2]), 0, ids.shape[0] * ids.shape[1])
        unit, interval = np.divmod(needle, ids.shape[1])
        unit += first
        keep = _wanted(units, unit, interval)
        return unit[keep], interval[keep], row[keep]

    return _mapped(work, _chunks(units, _CHUNK_IDS), threads)


def _probe_sightings(
    units: Unrolled, sightings: Sightings, system: KeyProtocol, threads: int
) -> list[_Hits]:
    """Expands all keys and looks the sightings up among them."""
    unit_of, interval_of, ids = [], [], []
    for first, last in _chunks(units, _CHUNK_IDS):
        table = _expand(units, first, last, system)
        unit, interval = np.divmod(np.arange(table.shape[0] * table.shape[1]), table.shape[1])
        unit += first
        keep = _wanted(units, unit, interval)
        unit_of.append(unit[keep])
        interval_of.append(interval[keep])
        ids.append(table.reshape(-1, table.shape[2])[keep])
    unit, interval = np.concatenate(unit_of), np.concatenate(interval_of)
    index: Index = build_index(np.concatenate(ids))
    step = max(1, _CHUNK_IDS)

    def work(chunk: tuple[int, int]) -> _Hits:
        row, at = find(index, sightings.identifier[chunk[0] : chunk[1]], 0, chunk[1] - chunk[0])
        return unit[at], interval[at], row + chunk[0]

    chunks = list(pairwise([*range(0, len(sightings), step), len(sightings)]))
    return _mapped(work, chunks, threads)


def _mapped(work, chunks, threads: int) -> list[_Hits]:  # type: ignore[no-untyped-def]
    if threads < 2 or len(chunks) < 2:
        return [work(chunk) for chunk in chunks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, chunks))


def _in_time(
    units: Unrolled,
    sightings: Sightings,
    system: KeyProtocol,
    unit: NDArray[np.int64],
    interval: NDArray[np.int64],
    row: NDArray[np.int64],
) -> _Hits:
    start = units.start_ms[unit] + interval * units.step_ms[unit]
    tolerance = system.tolerance_s * 1000
    time = sightings.time_ms[row]
    keep = (time >= start - tolerance) & (time <= start + units.valid_ms[unit] + tolerance)
    return unit[keep], interval[keep], row[keep]


def _matches(units: Unrolled, sightings: Sightings, hits: list[_Hits]) -> Matches:
    empty = np.empty(0, np.int64)
    unit, interval, row = (
        np.concatenate([h[k] for h in hits]) if hits else empty for k in range(3)
    )
    key = units.parent[unit]
    order = np.lexsort((interval, row, key))
    unit, interval, row, key = unit[order], interval[order], row[order], key[order]
    day_s = units.start_ms[unit] // 86_400_000 * 86_400
    return Matches(
        key=key.astype(np.int32),
        row=row,
        observer=sightings.observer[row],
        day_s=day_s,
        interval=interval.astype(np.int32),
        time_ms=sightings.time_ms[row],
        rssi_dbm=sightings.rssi_dbm[row],
    )
