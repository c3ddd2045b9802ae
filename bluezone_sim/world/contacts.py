"""Contacts of any person on any day, made from the key when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..kernels.contacts import meetings as kernel
from ..scenario.schema.contacts import ContactsTable, Layer, RoomLayer
from ..tables.days import Days
from ..tables.rows import Contacts
from ..tables.settings import SETTINGS
from ..tables.trace import Trace
from .people import World
from .traced import trace_contacts, trace_crowds

#: Bounds of the diary's duration classes, seconds. The open class ends at a layer's window.
_DURATION_EDGES_S = (60, 300, 900, 3600, 14400)


@dataclass(frozen=True)
class ContactModel:
    """The parameters of :func:`contacts_of` in the form that the hot loop reads, or a trace."""

    town: kernel.Town
    trace: Trace | None


def contact_model(world: World, table: ContactsTable) -> ContactModel:
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
    return ContactModel(kernel.Town(people, parameters, keys), world.trace)


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


#: Rows of a buffer; a chunk of contacts is at most so long.
_BUFFER_ROWS = 1 << 20


def contacts_of(
    model: ContactModel,
    persons: NDArray[np.int32],
    days: Days,
    *,
    ordered: bool = False,
    threads: int = 1,
) -> Contacts:
    """All contacts of ``persons`` on ``days``, in O(degree) each.

    Args:
        model: from :func:`contact_model`.
        persons: ``int32[p]``; each is column ``a`` of its rows.
        days: the local days.
        ordered: only contacts with ``b > a``, so that a whole population gives each contact once.
        threads: threads to use; the result does not depend on it.

    Returns:
        Contacts ordered by person (as given), day, setting.
    """
    if model.trace is not None:
        return trace_contacts(model.trace, persons, days, ordered=ordered)
    parts = np.array_split(np.asarray(persons, dtype=np.int32), max(1, threads) * 4)
    parts = [part for part in parts if len(part)]

    def work(part: NDArray[np.int32]) -> list[Contacts]:
        return list(_stream(model, part, days, ordered))

    if threads > 1 and len(parts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            chunks = [c for chunk in pool.map(work, parts) for c in chunk]
    else:
        chunks = [c for part in parts for c in work(part)]
    return concatenate(chunks)


def _stream(
    model: ContactModel, persons: NDArray[np.int32], days: Days, ordered: bool
) -> Iterator[Contacts]:
    table = days.as_array()
    done, total = 0, len(persons) * len(days)
    layers = model.town.layers
    pieces = (layers.window_s[:, 1] - layers.window_s[:, 0]) // kernel.PIECE_S + 3
    widest = int((layers.group_size * pieces).sum())
    capacity = max(2 * widest, min(_BUFFER_ROWS, total * widest))
    while done < total:
        rows = empty_rows(capacity)
        filled, done = kernel.enumerate_contacts(model.town, table, persons, ordered, rows, done)
        # Copies, so that the buffer's unused tail is freed.
        yield Contacts(**{k: column[:filled].copy() for k, column in rows._asdict().items()})


def empty_rows(n: int) -> kernel.Rows:
    """Buffers for ``n`` rows."""
    return kernel.Rows(
        contact=np.empty(n, np.uint64),
        group=np.empty(n, np.int64),
        a=np.empty(n, np.int32),
        b=np.empty(n, np.int32),
        start_s=np.empty(n, np.int64),
        duration_s=np.empty(n, np.int32),
        distance_m=np.empty(n, np.float32),
        setting=np.empty(n, np.uint8),
    )


def concatenate(chunks: list[Contacts]) -> Contacts:
    """One table of many."""
    if not chunks:
        return Contacts(*empty_rows(0))
    return Contacts(
        *(np.concatenate([getattr(c, name) for c in chunks]) for name in kernel.Rows._fields)
    )


def crowds(
    model: ContactModel,
    contacts: Contacts,
    days: Days,
    rank: NDArray[np.float64],
    level: float,
) -> NDArray[np.int64]:
    """``int64[n]``: phones that advertise in each segment's room at an adoption level.

    Those of all who attend the group that day. Neighbours visit in pairs, so there it is two.
    """
    if model.trace is not None:
        return trace_crowds(model.trace, contacts, rank < level)
    day = days.index_of(contacts.start_s)
    rooms, inverse = np.unique(
        np.stack([contacts.setting.astype(np.int64), contacts.group, day], axis=1),
        axis=0,
        return_inverse=True,
    )
    count = kernel.count_rooms(model.town, days.as_array(), rooms, rank, level)
    count[rooms[:, 0] == SETTINGS.index("neighbours")] = 2
    return np.asarray(count[inverse.reshape(-1)])
