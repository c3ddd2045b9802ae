"""Every phone's history, day by day; only what published keys can match outlives its day.

The contacts of all who run the app are made group by group, both phones record each other, and the
records go again. Of the identifiers a record is not asked for bytes: one that a phone sends is the same
in all histories, so it is looked up once among the published ones, and the records of the phones that
sent one are written out, identifiers and all, and matched as any sightings are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from ..kernels.radio.availability import AvailableHours, day_hours, shared_hours
from ..kernels.radio.scans import Links, Records
from ..matching.match import rows_published, senders
from ..matching.published import PublishedIndex
from ..protocols.protocol import DAY_S
from ..protocols.schedule import KeySchedule
from ..radio.parameters import p_clear
from ..radio.places import places_of
from ..radio.records import WantedBuffers, others_to_read, padded, wanted_buffers, wanted_of
from ..tables.rows import Contacts, Sightings
from .context import SimulationContext

#: Records of a piece that are looked at together: its columns stay in a core's cache.
_RECORDS = 1 << 15
#: Phones whose identifiers of a day are written out together, where they have to be.
_PHONES_CHUNK = 10_000


def histories(
    tracer: SimulationContext, level: float, asked: Iterator[NDArray[np.bool_]], *, of_sender: bool
) -> Iterator[Sightings]:
    """Of every phone's records of a local day, those that are asked for, a day at a time.

    Args:
        tracer: world and scenario.
        level: adoption level up to which phones run the app.
        asked: ``bool[n_people]`` a local day, the phones whose records are wanted.
        of_sender: wanted is what they sent, wherever it was heard; otherwise what they heard.
    """
    radio, threads = tracer.radio, tracer.threads
    who = tracer.contact_model.participants(tracer.world.rank < level)
    phones = radio.life, radio.phones, radio.streams, who.people
    desks: SimpleQueue[WantedBuffers] = SimpleQueue()
    for _ in range(threads):
        desks.put(wanted_buffers(radio, _RECORDS))
    for day, wanted in zip(range(len(tracer.days)), asked, strict=False):
        awake = day_hours(*phones, int(tracer.days.number[day]), threads=threads)
        tracer.clock.lap("radio")
        visit = partial(_recorded, tracer, level, day, awake, wanted, of_sender, desks)
        found = tracer.contact_model.whole_day(tracer.days, day, visit, who=who, threads=threads)
        tracer.clock.share("radio", sum(seconds for seconds, _ in found) / threads)
        tracer.clock.lap("contacts")
        kept = [columns for _, both in found for columns in both]
        yield tracer.heard(*map(np.concatenate, zip(*kept, strict=True)))


def _recorded(
    tracer: SimulationContext,
    level: float,
    day: int,
    awake: AvailableHours,
    wanted: NDArray[np.bool_],
    of_sender: bool,
    desks: SimpleQueue[WantedBuffers],
    piece: Contacts,
) -> tuple[float, list[_Kept]]:
    """Seconds that it took, and what is wanted of the records of a piece, both ways."""
    begin = time.perf_counter()
    radio, n, kept = tracer.radio, len(piece), [_NONE]
    midnight, clear, queue = np.full(n, tracer.days.start_s[day]), np.ones(n), np.zeros(n)
    if tracer.scenario.radio.density == "on":
        crowd = tracer.contact_model.crowds(piece, tracer.days, tracer.world.rank, level)
        clear, queue = p_clear(radio, crowd), others_to_read(radio, crowd)
    place = places_of(piece, int(tracer.days.number[day]))
    both = (piece.b, piece.a), (piece.a, piece.b)
    when = piece.start_s, piece.duration_s
    shared = shared_hours(awake, piece.a, piece.b, *when, int(tracer.days.start_s[day]))
    used = desks.get()
    try:
        for observer, emitter, hours in zip(*both, shared, strict=True):
            links = padded(
                Links(
                    observer=observer,
                    emitter=emitter,
                    contact=piece.contact,
                    place=place,
                    midnight_s=midnight,
                    hours=hours,
                    start_s=piece.start_s,
                    duration_s=piece.duration_s,
                    distance_m=piece.distance_m,
                    p_clear=clear,
                    queue=queue,
                )
            )
            some = np.flatnonzero(wanted[emitter if of_sender else observer])
            kept += [_kept(links, records) for records in wanted_of(links, used, n, some)]
    finally:
        desks.put(used)
    return time.perf_counter() - begin, kept


#: Columns of :meth:`SimulationContext.heard`.
_Kept = tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int16],
    NDArray[np.int16],
]


#: None of them.
_NONE: _Kept = tuple(np.empty(0, kind) for kind in ("i4", "i4", "i8", "i4", "i2", "i2"))  # type: ignore[assignment]


def _kept(links: Links, records: Records) -> _Kept:
    """Emitter, observer, time, packets, RSSI and its maximum of records."""
    kept = Records._make(column.copy() for column in records)
    return (
        links.emitter[kept.row],
        links.observer[kept.row],
        kept.time_ms,
        kept.packets,
        kept.rssi_dbm,
        kept.rssi_max_dbm,
    )


def publishers(
    tracer: SimulationContext, published: PublishedIndex, level: float
) -> Iterator[NDArray[np.bool_]]:
    """``bool[n_people]`` a local day: phones of which an identifier of that day is published.

    Every phone's identifiers of every UTC day are derived and looked up.
    """
    ring, days, threads = tracer.key_ring.schedule, tracer.days, tracer.threads
    users = np.flatnonzero(tracer.world.rank < level).astype(np.int32)
    utc = range(int(days.start_s[0]) // DAY_S, -(-days.end_s // DAY_S))
    keys = ring.keys_by_day(users, utc, threads=threads) if ring.a_key_a_day else None
    sent: dict[int, NDArray[np.int32]] = {}
    ends_s = np.append(days.start_s[1:], days.end_s)
    for start_s, end_s in zip(days.start_s.tolist(), ends_s.tolist(), strict=True):
        out = np.zeros(tracer.world.n_people, np.bool_)
        # What is on the air may be of an interval that is over.
        first_s = max(start_s - tracer.radio.longest_life_ms // 1000, int(days.start_s[0]))
        for day in range(first_s // DAY_S, -(-end_s // DAY_S)):
            if day not in sent:
                # On the last day the phones get as far as the look-back.
                count = -(-min(DAY_S, days.end_s - day * DAY_S) // ring.protocol.interval_s)
                if keys is not None:
                    rows = senders(published, next(keys), day, count, threads=threads)
                    sent[day] = users[rows]
                else:
                    sent[day] = _senders(ring, published, users, day, threads)
            out[sent[day]] = True
        tracer.clock.lap("identifiers")
        yield out


def _senders(
    ring: KeySchedule, published: PublishedIndex, users: NDArray[np.int32], day: int, threads: int
) -> NDArray[np.int32]:
    """Phones that send a published identifier on a UTC day, of systems with other keys than a day's."""
    found = [users[:0]]
    for first in range(0, len(users), _PHONES_CHUNK):
        some = users[first : first + _PHONES_CHUNK]
        ids = ring.identifiers(some, day, 1)
        rows = rows_published(published, day, ids.reshape(-1, ids.shape[2]), threads=threads)
        found.append(some[np.unique(rows // ids.shape[1])])
    return np.concatenate(found)
