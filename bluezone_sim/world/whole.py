"""Contacts of everybody on a day, piece by piece, in buffers that are used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..kernels.contacts import groups
from ..kernels.contacts import meetings as kernel
from ..tables.rows import Contacts
from .buffers import empty_rows

#: Rows of a buffer: its columns stay in a core's cache.
ROWS = 1 << 15
#: Tasks that a layer of lasting groups is cut into.
_TASKS = 8

T = TypeVar("T")


@dataclass(frozen=True)
class DayBuffers:
    """One thread's buffers."""

    rows: kernel.ContactBuffers
    group: groups.GroupScratch
    seats: groups.Blocks


def participants(people: kernel.PeopleArrays, who: NDArray[np.bool_] | None) -> groups.Participants:
    """Whose contacts :func:`whole_day` shows: everybody's, or those of ``who`` with each other."""
    zone_start = people.zone_start
    if who is None:
        everybody = np.arange(zone_start[-1], dtype=np.int32)
        return groups.Participants(people.group_start, people.members, zone_start, everybody)
    there = who[people.members]
    before = np.concatenate(([0], np.cumsum(there)))
    some = np.flatnonzero(who).astype(np.int32)
    return groups.Participants(
        group_start=before[people.group_start],
        members=people.members[there],
        zone_start=np.searchsorted(some, zone_start),
        people=some,
    )


def whole_day(
    town: kernel.ContactInputs,
    when: kernel.Day,
    visit: Callable[[Contacts], T],
    who: groups.Participants,
    threads: int,
) -> list[T]:
    """Shows every generated contact of a day once; what ``visit`` gave by layer, then group."""
    tasks = list(_tasks(town, when.weekday))
    rooms: SimpleQueue[DayBuffers] = SimpleQueue()
    for _ in range(max(1, threads)):
        rooms.put(day_buffers(town))

    def work(span: groups.GroupRange) -> list[T]:
        room = rooms.get()
        try:
            return [visit(piece) for piece in _pieces(town, when, who, span, room)]
        finally:
            rooms.put(room)

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            return [value for found in pool.map(work, tasks) for value in found]
    return [value for task in tasks for value in work(task)]


def _tasks(town: kernel.ContactInputs, weekday: int) -> Iterator[groups.GroupRange]:
    """The lasting groups of each layer in parts, then each district's blocks, still to be counted."""
    ends = town.people.group_of.max(axis=1).astype(np.int64) + 1
    first = 0
    for layer in range(kernel.N_STATIC):
        last = max(int(ends[layer]), first)
        if weekday < town.layers.open_days[layer]:
            edges = np.linspace(first, last, _TASKS + 1).astype(np.int64)
            for low, high in pairwise(edges):
                yield groups.GroupRange(layer, -1, int(low), int(high))
        first = last
    for layer in range(kernel.N_STATIC, kernel.N_LAYERS):
        if weekday < town.layers.open_days[layer]:
            for zone in range(len(town.people.zone_start) - 1):
                yield groups.GroupRange(layer, zone, 0, 0)


def day_buffers(town: kernel.ContactInputs) -> DayBuffers:
    people = town.people
    members = np.diff(people.group_start)
    largest = int(max(members.max(initial=1), town.layers.group_size.max()))
    zone = int(np.diff(people.zone_start).max(initial=1))
    widest = max(
        groups.most_rows(town.layers, layer, n)
        for layer in range(kernel.N_LAYERS)
        for n in (largest if layer < kernel.N_STATIC else int(town.layers.group_size[layer]),)
    )
    return DayBuffers(
        rows=empty_rows(max(ROWS, widest)),
        group=groups.GroupScratch(
            here=np.empty(largest, np.int32),
            activity=np.empty(largest, np.float64),
            household=np.empty(largest, np.int32),
            contact=np.empty(largest, np.uint64),
            code=np.empty(largest, np.uint8),
        ),
        seats=groups.Blocks(
            start=np.empty(zone + 2, np.int64),
            seated=np.empty(zone, np.int32),
            block=np.empty(zone, np.int32),
        ),
    )


def _pieces(
    town: kernel.ContactInputs,
    day: kernel.Day,
    who: groups.Participants,
    span: groups.GroupRange,
    room: DayBuffers,
) -> Iterator[Contacts]:
    lasting = span.zone < 0
    if not lasting:
        blocks = groups.fill_blocks(town, day, span.layer, span.zone, who, room.seats)
        span = span._replace(last=blocks)
    while span.first < span.last:
        if lasting:
            filled, done = groups.lasting_groups(town, day, span, who, room.group, room.rows)
        else:
            filled, done = groups.day_groups(town, day, span, room.seats, room.group, room.rows)
        span = span._replace(first=done)
        yield Contacts(**{k: column[:filled] for k, column in room.rows._asdict().items()})
