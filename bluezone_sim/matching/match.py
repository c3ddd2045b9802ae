"""Published keys against histories: one engine for a phone and for a population."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..errors import TableError
from ..kernels.lookup.exact import Index, collect, probe_rows, words_of
from ..protocols.protocol import DAY_MS, Protocol, called
from ..protocols.units import UnitKeys
from ..tables.rows import Matches, PublishedKeys, Sightings
from .index import Bucket, SightingIndex, check_sightings, first_seen, index_sightings
from .published import PublishedIndex, chunks, expand, index_units

#: Identifiers that a task of one thread makes at a time, where they are written out.
_CHUNK_IDS = 1 << 16
#: Identifiers, or rows, that a task of one thread looks up, where nothing is written out.
_TASK_IDS = 1 << 19
#: Most published identifiers that are held at once, where it is they that are indexed.
_HELD_IDS = 1 << 24
#: Room for hits that a task starts with.
_HITS = 1 << 16
#: The same, where it is keys whose identifiers are looked up: a call may have a few hundred of them only.
_FEW_HITS = 1 << 12

_T = TypeVar("_T")
_Hits = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # unit, interval, row


def match(
    published: PublishedKeys | PublishedIndex,
    sightings: Sightings | SightingIndex,
    protocol: str | Protocol,
    *,
    threads: int = 1,
) -> Matches:
    """Finds published keys' identifiers in histories.

    A sighting matches where its identifier equals a published one and its time lies within that
    identifier's interval, widened by the protocol's tolerance, both ends included. Phones are a column
    of the sightings: each gets what it would find alone.

    Args:
        published: keys; see :class:`bluezone_sim.tables.rows.PublishedKeys`. Or what
            :func:`.index_published` made of them, where histories come in pieces.
        sightings: one phone's history or many phones', or what
            :func:`bluezone_sim.index_sightings` made of it, where several lists are matched.
        protocol: name, or what :func:`bluezone_sim.protocols.get` gave.
        threads: threads to use; the result does not depend on it.

    Returns:
        Matches sorted by (key, row).

    Raises:
        InputError: there is no such protocol.
        TableError: an array has the wrong dtype, shape or range, or the index is another protocol's.
    """
    index = sightings if isinstance(sightings, SightingIndex) else None
    # Before all else: what follows takes a quarter of the time of such a call.
    if index is not None and isinstance(published, PublishedKeys):
        known = protocol == index.protocol.name or protocol is index.protocol
        found = index.at_once.find(published) if known and index.at_once is not None else None
        if found is not None:
            return found
    system = protocols.get_key_protocol(protocol) if isinstance(protocol, str) else protocol
    for name, given in (("published", published), ("sightings", sightings)):
        if isinstance(given, PublishedIndex | SightingIndex) and given.protocol.name != system.name:
            raise TableError(f"{name}: indexed for {given.protocol.name}, not for {system.name}")
    if isinstance(sightings, SightingIndex):
        table = sightings.sightings  # which were checked when they were indexed
    else:
        table = sightings
        check_sightings(table, system)
    if isinstance(published, PublishedIndex):
        hits = _probe_sightings(published, table, threads)
        units = published.units
        return _matches(units, table, system, hits)
    units = system.unit_keys_of(published)
    if not len(table):
        return _matches(units, table, system, [])
    if index is None:
        # Index the smaller side. Published identifiers have to fit to be indexed.
        if int(units.count.sum()) <= min(len(table), _HELD_IDS):
            hits = _probe_sightings(index_units(units, system), table, threads)
            return _matches(units, table, system, hits)
        index = index_sightings(table, system, threads=threads)
    hits = [h for b in index.buckets for h in _probe_bucket(units, b, table, system, threads)]
    return _matches(units, table, system, hits)


def senders(
    published: PublishedIndex,
    keys: NDArray[np.uint8],
    day: int,
    count: int,
    *,
    threads: int = 1,
) -> NDArray[np.int64]:
    """Derives the identifiers of many phones on a day, and looks each up among the published ones.

    An identifier is made once and looked up once, however many phones heard it; nothing is written out.

    Args:
        published: by day.
        keys: ``uint8[n, key_size]``, the phones' keys of the day.
        day: UTC day, days since 1970-01-01.
        count: identifiers of each, from midnight on.
        threads: threads to use.

    Returns:
        Rows of ``keys`` of which an identifier is published, ascending.
    """
    index, system, n = published.on(day), published.protocol, len(keys)
    if index is None or not n:
        return np.empty(0, np.int64)
    step_ms = np.full(n, 1000 * system.interval_s)
    units = UnitKeys(
        keys=keys,
        start_ms=np.full(n, day * DAY_MS),
        count=np.full(n, count, np.int32),
        step_ms=step_ms,
        valid_ms=step_ms,
        parent=np.arange(n, dtype=np.int32),
    )
    hits = _probe_keys(units, index, system, threads)
    return np.unique(np.concatenate([unit for unit, _, _ in hits]))


def rows_published(
    published: PublishedIndex, day: int, identifiers: NDArray[np.uint8], *, threads: int = 1
) -> NDArray[np.int64]:
    """Rows of ``uint8[n, id_size]`` that are published as of a UTC day; some may come twice."""
    index = published.on(day)
    if index is None:
        return np.empty(0, np.int64)
    found = _rows_found(index, words_of(identifiers).reshape(-1), len(identifiers), threads)
    return np.concatenate([row for _, row in found])


def _probe_bucket(
    units: UnitKeys, bucket: Bucket, sightings: Sightings, system: Protocol, threads: int
) -> list[_Hits]:
    """Looks the keys' identifiers up among the sightings of a stretch of time."""
    if bucket.day is None:
        return _probe_keys(units, bucket.index, system, threads)
    until = units.start_ms + (units.count - 1) * units.step_ms
    # What outlasts the usual interval also looks among later sightings.
    late = until + units.valid_ms + 1000 * system.tolerance_s - bucket.reach_ms
    wanted = (units.start_ms // DAY_MS <= bucket.day) & (
        np.maximum(until, late) // DAY_MS >= bucket.day
    )
    of = np.flatnonzero(wanted & (units.count > 0))
    if not len(of):
        return []
    out = []
    for unit, interval, row in _probe_keys(units.take(of), bucket.index, system, threads):
        unit = of[unit]
        day = (units.start_ms[unit] + interval * units.step_ms[unit]) // DAY_MS
        keep = first_seen(bucket, day, sightings.time_ms[row])
        out.append((unit[keep], interval[keep], row[keep]))
    return out


def _probe_keys(units: UnitKeys, index: Index, system: Protocol, threads: int) -> list[_Hits]:
    """Looks the keys' identifiers up in an index."""
    # Most identifiers of a key are found once, if it is found at all; and room takes time to clear.
    made = int(units.count.sum())
    if not made:
        return []
    width, guess = index.words.shape[1], max(_FEW_HITS, min(2 * made, len(index.entry)))
    fused, size = system.published_keys.fused, _CHUNK_IDS
    if fused is not None:
        look, size = called(fused), _TASK_IDS
        keys, counts = np.ascontiguousarray(units.keys), np.ascontiguousarray(units.count, np.int32)
        starts_s = units.start_ms // 1000

    def work(span: tuple[int, int]) -> _Hits:
        if fused is not None:
            found = collect(
                lambda work: look(index, keys, starts_s, counts, span, work), width, guess
            )
            return found[:, 0], found[:, 1], found[:, 2]
        ids = expand(units, span, system)
        words, n = words_of(ids.reshape(-1, ids.shape[2])), ids.shape[0] * ids.shape[1]
        flat = words.reshape(-1)
        found = collect(lambda work: probe_rows(index, flat, (0, n), work), width, guess)
        unit, interval = np.divmod(found[:, 0] + found[:, 1], ids.shape[1])
        unit += span[0]
        keep = interval < units.count[unit]
        return unit[keep], interval[keep], found[keep, 2]

    return _mapped(work, chunks(units, size), threads)


def _probe_sightings(published: PublishedIndex, sightings: Sightings, threads: int) -> list[_Hits]:
    """Looks the sightings up among published identifiers."""
    words, times = words_of(sightings.identifier), sightings.time_ms
    out = []
    for day in published.days:
        rows = None  # all of them
        if day.day is not None:
            wanted = (times >= day.first_ms) & (times <= day.last_ms)
            rows = None if wanted.all() else np.flatnonzero(wanted)
        flat = (words if rows is None else words[rows]).reshape(-1)
        n = len(sightings) if rows is None else len(rows)
        for at, row in _rows_found(day.index, flat, n, threads):
            row = row if rows is None else rows[row]
            out.append((day.unit[at], day.interval[at], row))
    return out


def _rows_found(
    index: Index, words: NDArray[np.uint32], n: int, threads: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(row of the index, number of the identifier) of those of ``n`` identifiers that it holds."""

    def work(span: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = collect(
            lambda work: probe_rows(index, words, span, work), index.words.shape[1], _HITS
        )
        return found[:, 2], found[:, 0] + found[:, 1]

    return _mapped(work, list(pairwise([*range(0, n, _TASK_IDS), n])), threads)


def _mapped(
    work: Callable[[tuple[int, int]], _T], spans: list[tuple[int, int]], threads: int
) -> list[_T]:
    if threads < 2 or len(spans) < 2:
        return [work(span) for span in spans]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, spans))


def _matches(units: UnitKeys, sightings: Sightings, system: Protocol, hits: list[_Hits]) -> Matches:
    """Those of the hits that are in time, in order."""
    empty = np.empty(0, np.int64)
    unit, interval, row = (
        hits[0]
        if len(hits) == 1
        else (np.concatenate([h[k] for h in hits]) if hits else empty for k in range(3))
    )
    start, time = units.start_ms[unit], sightings.time_ms[row]
    begin = start + interval * units.step_ms[unit]
    tolerance = system.tolerance_s * 1000
    out = (time < begin - tolerance) | (time > begin + units.valid_ms[unit] + tolerance)
    key = units.parent[unit].astype(np.int32, copy=False)
    place = key.astype(np.int64) << 31 | row
    order = None
    if np.count_nonzero(out):
        order = np.flatnonzero(~out)
    # Hits of histories that are in order are so too.
    if np.count_nonzero(place[1:] <= place[:-1]):
        order = _ordered(place, interval, order)
    if order is not None:
        unit, interval, row, key = unit[order], interval[order], row[order], key[order]
        start, time = start[order], time[order]
    rssi = sightings.rssi_dbm[row]
    attenuation = None
    if sightings.payload is not None and system.published_keys.attenuation is not None:
        attenuation = system.attenuation_db(
            units.keys[unit], sightings.identifier[row], sightings.payload[row], rssi
        )
    return Matches(
        key=key,
        row=row,
        observer=sightings.observer[row],
        day_s=start // DAY_MS * 86_400,
        interval=interval.astype(np.int32),
        time_ms=time,
        rssi_dbm=rssi,
        attenuation_db=attenuation,
    )


def _ordered(
    place: NDArray[np.int64], interval: NDArray[np.int64], some: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Order of some hits, or of all, by place; by interval where an identifier is there twice."""
    if some is not None:
        place, interval = place[some], interval[some]
    order = np.argsort(place, kind="stable")
    if np.any(np.diff(place[order]) == 0):
        order = np.lexsort((interval, place))
    return order if some is None else some[order]
