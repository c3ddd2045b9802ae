"""From published keys to what every phone holds of them: contacts, sightings, matches, exposure days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from ..matching.exposures import ExposureDays
from ..matching.pairs import concatenate_exposure_days
from ..matching.published import PublishedIndex, index_published
from ..tables.rows import Contacts, Matches, Sightings
from ..world.risk import RiskyDays, concatenate_risky_days, risky_days
from .context import SimulationContext
from .histories import histories, publishers
from .memory import sources_together
from .server_ids import ServerRing


def follow(
    context: SimulationContext, cases: NDArray[np.int32], levels: list[float]
) -> tuple[RiskyDays, dict[float, ExposureDays]]:
    """Risky days of the cases' contacts, and what phones hold of the cases at each level.

    Args:
        cases: distinct people, ascending.
        levels: adoption levels up to which phones run the app.
    """
    cut, protocol = context.scenario.index_cases, context.scenario.protocol
    # Then the contacts of a case are made once, for what happened and for what its keys find.
    one_by_one = protocol.histories == "asked" and protocol.identifiers == "lazy"
    risky: list[RiskyDays] = []
    held: dict[float, list[ExposureDays]] = {level: [] for level in levels}
    for some in _chunks(context, cases):
        contacts = context.contacts(some)
        risky.append(risky_days(contacts, context.days, cut.near_distance_m, cut.near_duration_s))
        context.clock.lap("contacts")
        for level in levels if one_by_one else []:
            held[level].append(_lazily(context, some, level, contacts))
    if not one_by_one:
        held = {level: [exposure_days(context, cases, level)] for level in levels}
    parts = {level: concatenate_exposure_days(found) for level, found in held.items()}
    return concatenate_risky_days(risky), parts


def exposure_days(
    context: SimulationContext, sources: NDArray[np.int32], level: float
) -> ExposureDays:
    """What every phone holds of the sources' published identifiers, by pair and local day.

    Args:
        sources: distinct people, ascending, whose keys are published.
        level: adoption level up to which phones run the app.
    """
    protocol = context.scenario.protocol
    if protocol.histories == "whole":
        return _out_of_all(context, sources, level)
    if protocol.identifiers == "full":
        parts = list(_of_senders(context, sources, level))
    else:
        chunks = _chunks(context, sources)
        parts = [_lazily(context, c, level, context.contacts(c)) for c in chunks]
    return concatenate_exposure_days(parts)


def _chunks(context: SimulationContext, sources: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    step = sources_together(context.scenario)
    return [sources[first : first + step] for first in range(0, len(sources), step)]


def _out_of_all(
    context: SimulationContext, sources: NDArray[np.int32], level: float
) -> ExposureDays:
    """A local day at a time, out of every phone's history; collected when all days are there."""
    users = sources[context.world.rank[sources] < level]
    asked = np.zeros(context.world.n_people, np.bool_)
    asked[users] = True
    if context.scenario.publication.upload == "history":
        first, *others = histories(context, level, repeat(asked), of_sender=False)
        return _read(context, first.then(others))
    index = _index(context, users)
    who = (
        publishers(context, index, level)
        if context.scenario.protocol.identifiers == "full"
        else repeat(asked)
    )
    # What is matched is little; a window or a day that begins on one local day may end on the next.
    matches = [
        context.match_published(index, history)
        for history in histories(context, level, who, of_sender=True)
    ]
    return context.collect(users, matches[0].then(matches[1:]))


def _of_senders(
    context: SimulationContext, sources: NDArray[np.int32], level: float
) -> Iterator[ExposureDays]:
    """Out of the records of the phones that turn out to have sent a published identifier."""
    users = sources[context.world.rank[sources] < level]
    index = _index(context, users)
    sent = np.logical_or.reduce(list(publishers(context, index, level)))
    for some in _chunks(context, np.flatnonzero(sent).astype(np.int32)):
        history = context.sightings(context.with_app(context.contacts(some), level), level)
        yield context.collect(users, context.match_published(index, history))


def _index(context: SimulationContext, users: NDArray[np.int32]) -> PublishedIndex:
    """What users publish, made and indexed day by day."""
    ring = context.key_ring
    out = index_published(ring.published(users), ring.protocol, threads=context.threads)
    context.clock.lap("matching")
    return out


def _lazily(
    context: SimulationContext, sources: NDArray[np.int32], level: float, contacts: Contacts
) -> ExposureDays:
    """Only the rows of the histories that hold one of the sources, or that a source holds."""
    if context.scenario.publication.upload == "history":
        return _read(
            context, context.sightings(context.with_app(contacts, level).reversed(), level)
        )
    history = context.sightings(context.with_app(contacts, level), level)
    return context.collect(sources, context.match(sources, history))


def _read(context: SimulationContext, history: Sightings) -> ExposureDays:
    """Whom the server reads in uploaded histories: the other way round, as if their phones held it.

    It knows everybody's keys; those of people who are not in the history would match nothing.
    """
    assert history.true_sender is not None
    senders = np.unique(history.true_sender)
    if isinstance(context.keys, ServerRing):
        who = context.keys.senders_of(history)
        row = np.flatnonzero(who >= 0)
        senders = np.unique(who[row]).astype(np.int32)
        none = np.zeros(len(row), np.int64)  # the server's identifiers have neither
        matches = Matches(
            key=np.searchsorted(senders, who[row]).astype(np.int32),
            row=row,
            observer=history.observer[row],
            day_s=none,
            interval=none.astype(np.int32),
            time_ms=history.time_ms[row],
            rssi_dbm=history.rssi_dbm[row],
        )
        context.clock.lap("matching")
    else:
        matches = context.match(senders, history)
    held = context.collect(senders, matches)
    turned = replace(held, source=held.person, person=held.source)
    return concatenate_exposure_days([turned])
