"""The vectorised radio: records of contacts in one direction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.decorators import entry
from ..kernels.lanes import WIDTH
from ..kernels.radio import scans as kernel
from ..kernels.radio.availability import link_hours
from ..kernels.radio.link_budget import IDENTIFIER
from ..kernels.radio.wanted import fill_wanted
from ..protocols.protocol import DAY_MS
from ..tables.rows import Contacts
from ..world import Days
from .parameters import RadioModel, p_clear
from .places import places_of

#: Records of a buffer: its columns stay in a core's cache.
_BUFFER_RECORDS = 1 << 15


def record(
    model: RadioModel,
    contacts: Contacts,
    days: Days,
    *,
    crowd: NDArray[np.integer] | None = None,
    threads: int = 1,
) -> kernel.Records:
    """What the phones of ``contacts.b`` hear of those of ``contacts.a``.

    Args:
        model: from :func:`bluezone_sim.radio.radio_model`.
        contacts: segments; each lies within one local day of ``days``.
        days: the local days.
        crowd: ``int[n]``, advertisers in each segment's room; None: no packets collide and no phone
            waits for its turn to be read.
        threads: threads to use; the result does not depend on it.

    Returns:
        Records; ``row`` is the row of ``contacts``.
    """
    n = len(contacts)
    if not n:
        return buffers(0)
    day = days.index_of(contacts.start_s)
    links = padded(
        kernel.Links(
            observer=contacts.b,
            emitter=contacts.a,
            contact=contacts.contact,
            place=places_of(contacts, days.number[day]),
            midnight_s=days.start_s[day],
            hours=_hours_of(model, contacts, days, day, threads),
            start_s=contacts.start_s,
            duration_s=contacts.duration_s,
            distance_m=contacts.distance_m,
            p_clear=np.ones(n) if crowd is None else p_clear(model, crowd),
            queue=np.zeros(n) if crowd is None else others_to_read(model, crowd),
        )
    )
    edges = np.linspace(0, n, max(1, threads) * 4 + 1).astype(np.int64)
    parts = list(itertools.pairwise(edges.tolist())) if threads > 1 else [(0, n)]

    def work(part: tuple[int, int]) -> list[kernel.Records]:
        with _buffers_of(model) as used:
            found = records_of(links, used, *part)
            return [kernel.Records._make(column.copy() for column in piece) for piece in found]

    with ThreadPoolExecutor(max(1, threads)) as pool:
        chunks = [c for chunk in pool.map(work, parts) for c in chunk]
    if len(chunks) == 1:
        return chunks[0]
    return kernel.Records._make(map(np.concatenate, zip(*chunks, strict=True)))


class Desk(NamedTuple):
    """What a thread reads and writes: a model's medium, scratch and buffers."""

    medium: kernel.Medium
    room: kernel.RadioScratch
    out: kernel.Records


def _desk_of(model: RadioModel, records: int) -> Desk:
    """Room for at least so many records, and for those of a link that lasts all day."""
    app = model.app
    scans = DAY_MS // int(app.scan_period_ms.min()) + 4
    parts = int(model.plan.parts.max())
    widest = scans * parts
    medium = kernel.Medium(model.plan, model.air, model.app, model.streams)
    return Desk(medium, kernel.radio_scratch(parts), buffers(max(records, widest) + 2 * WIDTH))


@dataclass(frozen=True)
class RecordBuffers:
    """One thread's desk, and the kernel that fills it."""

    desk: Desk
    fill: Callable[..., tuple[int, int]]


@contextmanager
def _buffers_of(model: RadioModel) -> Iterator[RecordBuffers]:
    """A thread's buffers: some that no thread writes on at the time, or new ones."""
    try:
        used = model.desks.get_nowait()
    except Empty:
        used = record_buffers(model, _BUFFER_RECORDS)
    yield used
    model.desks.put(used)


def record_buffers(model: RadioModel, records: int) -> RecordBuffers:
    """For pieces of at least so many records."""
    desk = _desk_of(model, records)
    given = desk.medium, _NO_LINKS, 0, 0, desk.room, desk.out
    return RecordBuffers(desk, entry(kernel.fill_records, *given))


def records_of(
    links: kernel.Links, buffers: RecordBuffers, first: int, last: int
) -> Iterator[kernel.Records]:
    """Records of :func:`padded` links ``first`` .. ``last`` - 1, piece by piece: views of the buffers."""
    desk = buffers.desk
    while first < last:
        filled, first = buffers.fill(desk.medium, links, first, last, desk.room, desk.out)
        yield kernel.Records._make(column[:filled] for column in desk.out)


@dataclass(frozen=True)
class WantedBuffers:
    """One thread's desk, room for what is kept, and the kernel that keeps records of some links."""

    desk: Desk
    kept: kernel.Records
    fill: Callable[..., tuple[int, int, int]]


def wanted_buffers(model: RadioModel, records: int) -> WantedBuffers:
    """For pieces of at least so many records, of which twice as many are kept at most."""
    desk = _desk_of(model, records)
    kept, rows = buffers(2 * len(desk.out.row)), np.empty(0, np.int64)
    given = desk.medium, _NO_LINKS, 0, rows, (0, 0), desk.room, desk.out, kept
    return WantedBuffers(desk, kept, entry(fill_wanted, *given))


def wanted_of(
    links: kernel.Links, buffers: WantedBuffers, n: int, rows: NDArray[np.int64]
) -> Iterator[kernel.Records]:
    """Records of the first ``n`` of :func:`padded` links are made; of links ``rows``, which ascend, they
    are shown, piece by piece: views of the buffers."""
    desk, first, at = buffers.desk, 0, 0
    while first < n:
        filled, first, at = buffers.fill(
            desk.medium, links, n, rows, (first, at), desk.room, desk.out, buffers.kept
        )
        yield kernel.Records._make(column[:filled] for column in buffers.kept)


#: Of the columns of :class:`.kernel.Links`.
_LINK_TYPES = ("i4", "i4", "u8", "u8", "i8", "u4", "i8", "i4", "f4", "f8", "f8")
_NO_LINKS = kernel.Links._make(np.empty(0, kind) for kind in _LINK_TYPES)


def padded(links: kernel.Links) -> kernel.Links:
    """Contiguous columns of the types declared; links repeated where there are too few for the kernel."""
    columns = kernel.Links._make(map(np.ascontiguousarray, links, _LINK_TYPES))
    if len(links.observer) < WIDTH:
        return kernel.Links._make(np.resize(column, WIDTH) for column in columns)
    return columns


def _hours_of(
    model: RadioModel, contacts: Contacts, days: Days, day: NDArray[np.int64], threads: int = 1
) -> NDArray[np.uint32]:
    """``uint32[n]``: bits of the hours of a segment's local day (an index) in which ``b`` can hear ``a``,
    every bit where it can in all hours of the segment."""

    def work(part: slice) -> NDArray[np.uint32]:
        at = day[part]
        begins = contacts.start_s[part] - days.start_s[at]
        ends = begins + contacts.duration_s[part] - 1
        who = contacts.b[part], contacts.a[part]
        return link_hours(
            model.life, model.phones, model.streams, *who, days.number[at], begins, ends
        )

    if threads == 1 or model.life.always_on:
        return work(slice(None))
    edges = np.linspace(0, len(day), threads + 1).astype(np.int64)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(work, map(slice, edges[:-1], edges[1:]))))


def others_to_read(model: RadioModel, crowd: NDArray[np.integer]) -> NDArray[np.float64]:
    """``float64[n]``: how many others of a room's ``crowd`` have to be read over GATT as well."""
    read = np.any(model.app.form > IDENTIFIER, axis=1)
    share = (1 - model.ios_share) * read[0] + model.ios_share * read[1]
    return np.asarray(np.maximum(crowd - 2, 0) * share)


def buffers(n: int) -> kernel.Records:
    """Room for ``n`` records."""
    return kernel.Records(
        row=np.empty(n, np.int64),
        time_ms=np.empty(n, np.int64),
        packets=np.empty(n, np.int32),
        rssi_dbm=np.empty(n, np.int16),
        rssi_max_dbm=np.empty(n, np.int16),
    )
