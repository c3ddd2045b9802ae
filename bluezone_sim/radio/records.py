"""The vectorised radio: records of contacts in one direction."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..kernels import radio as kernel
from ..kernels.air import IDENTIFIER
from ..kernels.lanes import WIDTH
from ..kernels.life import link_hours
from ..tables import Contacts
from ..world import Days
from .model import RadioModel, p_clear

_BUFFER_RECORDS = 1 << 20


def record(
    model: RadioModel,
    contacts: Contacts,
    days: Days,
    *,
    crowd: NDArray[np.integer] | None = None,
    hours: NDArray[np.uint32] | None = None,
    threads: int = 1,
) -> kernel.Records:
    """What the phones of ``contacts.b`` hear of those of ``contacts.a``.

    Args:
        model: from :func:`bluezone_sim.radio.radio_model`.
        contacts: segments; each lies within one local day of ``days``.
        days: the local days.
        crowd: ``int[n]``, advertisers in each segment's room; None: no packets collide and no phone
            waits for its turn to be read.
        hours: as :func:`hours_of` makes them, where they are at hand.
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
            midnight_s=days.start_s[day],
            hours=hours_of(model, contacts, days, day, threads) if hours is None else hours,
            start_s=contacts.start_s,
            duration_s=contacts.duration_s,
            distance_m=contacts.distance_m,
            p_clear=np.ones(n) if crowd is None else p_clear(model, crowd),
            queue=np.zeros(n) if crowd is None else others_to_read(model, crowd),
        )
    )
    edges = np.linspace(0, n, max(1, threads) * 4 + 1).astype(np.int64)

    def work(part: tuple[int, int]) -> list[kernel.Records]:
        return _stream(model, links, *part)

    parts = [(int(a), int(b)) for a, b in itertools.pairwise(edges) if b > a]
    if threads > 1 and len(parts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            chunks = [c for chunk in pool.map(work, parts) for c in chunk]
    else:
        chunks = [c for part in parts for c in work(part)]
    if len(chunks) == 1:
        return chunks[0]
    return kernel.Records._make(map(np.concatenate, zip(*chunks, strict=True)))


def padded(links: kernel.Links) -> kernel.Links:
    """Contiguous columns, a few links repeated where there are fewer than the kernel looks at."""
    n = len(links.observer)
    if n < WIDTH:
        return kernel.Links._make(np.resize(column, WIDTH) for column in links)
    return kernel.Links._make(np.ascontiguousarray(column) for column in links)


def hours_of(
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


def _stream(model: RadioModel, links: kernel.Links, first: int, last: int) -> list[kernel.Records]:
    longest = int(links.duration_s[first:last].max(initial=0)) * 1000
    app = model.app
    widest = (longest // int(app.scan_period_ms.min()) + 3) * (
        int(app.scan_on_ms.max()) // app.identifier_ms + 2
    )
    chunks, room = [], kernel.room()
    while first < last:
        wanted = max(widest, min(_BUFFER_RECORDS, (last - first) * widest))
        out = buffers(wanted + WIDTH)
        filled, first = kernel.record_links(
            model.plan, model.air, app, model.streams, links, first, last, room, out
        )
        chunks.append(kernel.Records._make(column[:filled].copy() for column in out))
    return chunks


def buffers(n: int) -> kernel.Records:
    """Room for ``n`` records."""
    return kernel.Records(
        row=np.empty(n, np.int64),
        time_ms=np.empty(n, np.int64),
        packets=np.empty(n, np.int32),
        rssi_dbm=np.empty(n, np.int16),
        rssi_max_dbm=np.empty(n, np.int16),
    )
