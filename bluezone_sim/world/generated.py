"""Contacts of any person on any day, made from the key when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..kernels.contacts import groups
from ..kernels.contacts import meetings as kernel
from ..scenario.schema.layers import Layer, Layers, RoomLayer
from ..tables.days import Days
from ..tables.rows import Contacts
from ..tables.settings import SETTINGS
from .buffers import concatenate, empty_rows
from .contact_model import ContactModel, Participants
from .whole import participants, whole_day
from .world import World

#: Bounds of the diary's duration classes, seconds. The open class ends at a layer's window.
_DURATION_EDGES_S = (60, 300, 900, 3600, 14400)

T = TypeVar("T")

#: Rows of a buffer; a chunk of contacts is at most so long.
_BUFFER_ROWS = 1 << 20


class Generated(ContactModel):
    """Contacts by layers, in O(degree) for a person and a day."""

    def __init__(self, town: kernel.ContactInputs):
        self.town, self.n_people = town, len(town.people.zone)

    def contacts_of(
        self,
        persons: NDArray[np.int32],
        days: Days,
        *,
        ordered: bool = False,
        threads: int = 1,
    ) -> Contacts:
        """Contacts ordered by person (as given), day, setting."""
        parts = np.array_split(np.asarray(persons, dtype=np.int32), max(1, threads) * 4)
        parts = [part for part in parts if len(part)]

        def work(part: NDArray[np.int32]) -> list[Contacts]:
            return list(_stream(self.town, part, days, ordered))

        if threads > 1 and len(parts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                chunks = [c for chunk in pool.map(work, parts) for c in chunk]
        else:
            chunks = [c for part in parts for c in work(part)]
        return concatenate(chunks)

    def crowds(
        self, contacts: Contacts, days: Days, rank: NDArray[np.float64], level: float
    ) -> NDArray[np.int64]:
        """Those of all who attend the group that day. Neighbours visit in pairs, so there it is two."""
        day = days.index_of(contacts.start_s)
        rooms, inverse = np.unique(
            np.stack([contacts.setting.astype(np.int64), contacts.group, day], axis=1),
            axis=0,
            return_inverse=True,
        )
        count = kernel.count_rooms(self.town, days.as_array(), rooms, rank, level)
        count[rooms[:, 0] == SETTINGS.index("neighbours")] = 2
        return np.asarray(count[inverse.reshape(-1)])

    def participants(self, who: NDArray[np.bool_] | None = None) -> groups.Participants:
        """The members of each group that take part."""
        return participants(self.town.people, who)

    def whole_day(
        self,
        days: Days,
        day: int,
        visit: Callable[[Contacts], T],
        *,
        who: Participants | None = None,
        threads: int = 1,
    ) -> list[T]:
        """Group by group, in the order of layers, then groups."""
        some = self.participants() if who is None else who
        assert isinstance(some, groups.Participants)
        when = kernel.Day(int(days.number[day]), int(days.start_s[day]), int(days.weekday[day]))
        return whole_day(self.town, when, visit, some, threads)


def bind(world: World, table: Layers) -> Generated:
    """Binds a population to the contact parameters of a scenario."""
    layers: list[Layer] = [getattr(table, name) for name in SETTINGS]
    rooms = [layer if isinstance(layer, RoomLayer) else None for layer in layers]
    widest_household = int(np.diff(world.groups.start).max(initial=1))

    def hours(spans: list[list[float]]) -> NDArray[np.int64]:
        return np.round(np.array(spans) * 3600).astype(np.int64)

    window_s = hours([layer.window_h for layer in layers])
    people = kernel.PeopleArrays(
        group_of=world.groups.of,
        group_start=world.groups.start,
        members=world.groups.members,
        zone=world.zone,
        zone_start=world.zone_start,
        activity=world.activity,
    )
    parameters = kernel.LayerArrays(
        tie=np.array([layer.tie for layer in layers]),
        meet=np.array([layer.meet for layer in layers]),
        attendance=np.array([layer.attendance for layer in layers]),
        copresence=np.array(
            [min(1.0, room.copresence * table.copresence_scale) if room else 0.0 for room in rooms]
        ),
        open_days=np.array([layer.open_days for layer in layers], dtype=np.int64),
        # For lasting groups only a bound on the size, which neighbourhoods can exceed.
        group_size=np.array(
            [widest_household] * kernel.N_STATIC
            + [room.group_size for room in rooms[kernel.N_STATIC :] if room],
            dtype=np.int64,
        ),
        window_s=window_s,
        session_s=hours([room.session_h if room else [0.0, 0.0] for room in rooms]),
        duration_s=np.stack(
            [
                duration_table(layer.duration_shares, int(w[1] - w[0]))
                for layer, w in zip(layers, window_s, strict=True)
            ]
        ),
        near_m=np.stack(
            [distance_table(layer.near_distance_m, table.near_distance_scale) for layer in layers]
        ),
        far_m=np.array([room.far_distance_m if room else [0.0, 0.0] for room in rooms])
        * table.far_distance_scale,
    )
    keys = kernel.Keys._make(
        np.uint64(rng.key(world.seed, purpose)) for purpose in kernel.Keys._fields
    )
    return Generated(kernel.ContactInputs(people, parameters, keys))


def duration_table(shares: list[float], longest_s: int) -> NDArray[np.int32]:
    """``int32[256]``: quantiles of a duration, uniform within the diary's classes, seconds."""
    edges = np.minimum([*_DURATION_EDGES_S, max(longest_s, _DURATION_EDGES_S[-1])], longest_s)
    cumulative = np.concatenate(([0.0], np.cumsum(shares))) / np.sum(shares)
    return _quantiles(cumulative, edges, 256).astype(np.int32)


def distance_table(quantiles_m: list[float], scale: float) -> NDArray[np.float32]:
    """``float32[1024]``: quantiles of a distance from those at 5, 25, 50, 75 and 95 %, metres.

    Linear between them; the tails reach half a further step beyond, at least 0.3 m.
    """
    q = np.asarray(quantiles_m)
    low = max(min(0.3, q[0]), q[0] - (q[1] - q[0]) / 2)
    high = q[4] + (q[4] - q[3]) / 2
    table = _quantiles(
        np.array([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]), np.array([low, *q, high]), 1024
    )
    return (table * scale).astype(np.float32)


def _quantiles(
    cumulative: NDArray[np.float64], values: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    """Inverse of a piecewise linear distribution function at the midpoints of ``n`` equal steps."""
    # A class without weight has no quantiles: drop its upper edge's duplicate.
    keep = np.concatenate(([True], np.diff(cumulative) > 0))
    lower = np.concatenate((values[:1], values[:-1]))[keep][1:]
    upper = values[keep][1:]
    left, right = cumulative[keep][:-1], cumulative[keep][1:]
    p = (np.arange(n) + 0.5) / n
    k = np.minimum(np.searchsorted(right, p, side="right"), len(right) - 1)
    return np.asarray(lower[k] + (p - left[k]) / (right[k] - left[k]) * (upper[k] - lower[k]))


def _stream(
    town: kernel.ContactInputs, persons: NDArray[np.int32], days: Days, ordered: bool
) -> Iterator[Contacts]:
    table = days.as_array()
    done, total = 0, len(persons) * len(days)
    layers = town.layers
    pieces = (layers.window_s[:, 1] - layers.window_s[:, 0]) // kernel.PIECE_S + 3
    widest = int((layers.group_size * pieces).sum())
    capacity = max(2 * widest, min(_BUFFER_ROWS, total * widest))
    while done < total:
        rows = empty_rows(capacity)
        filled, done = kernel.enumerate_contacts(town, table, persons, ordered, rows, done)
        # Copies, so that the buffer's unused tail is freed.
        yield Contacts(**{k: column[:filled].copy() for k, column in rows._asdict().items()})
