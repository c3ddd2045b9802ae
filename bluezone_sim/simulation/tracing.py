"""From published keys to what every phone holds of them: contacts, sightings, matches, exposure days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..matching.exposures import ExposureDays
from ..matching.pairs import concatenate_exposure_days
from ..matching.published import PublishedIndex, index_published
from ..tables.rows import Contacts, Matches, Sightings
from ..world.risk import RiskyDays, concatenate_risky_days, risky_days
from .context import SimulationContext, StageTimer
from .histories import histories, publishers
from .memory import sources_together
from .server_ids import ServerRing

#: Fewer sources than this are not worth a piece of their own.
_LEAST_SOURCES = 20

Item = TypeVar("Item")
Made = TypeVar("Made")


def follow(
    context: SimulationContext, cases: NDArray[np.int32], levels: list[float]
) -> tuple[RiskyDays, dict[float, ExposureDays]]:
    """Risky days of the cases' contacts, and what phones hold of the cases at each level.

    Args:
        cases: distinct people, ascending.
        levels: adoption levels up to which phones run the app.
    """
    one_by_one = _one_by_one(context)

    def visit(
        own: SimulationContext, some: NDArray[np.int32]
    ) -> tuple[RiskyDays, list[ExposureDays]]:
        contacts = own.contacts(some)
        risky = _risky(own, contacts)
        return risky, [_lazily(own, some, x, contacts) for x in (levels if one_by_one else [])]

    found = side_by_side(context, chunks(context, cases), visit)
    held = [
        concatenate_exposure_days(list(of_level))
        for of_level in zip(*(held for _, held in found), strict=True)
    ]
    if not one_by_one:
        held = [exposure_days(context, cases, level) for level in levels]
    return concatenate_risky_days([r for r, _ in found]), dict(zip(levels, held, strict=True))


def follow_arms(
    context: SimulationContext,
    arms: Sequence[SimulationContext],
    cases: NDArray[np.int32],
    level: float,
) -> list[tuple[RiskyDays, ExposureDays]]:
    """:func:`follow` of several scenarios in step: what two of them share is made once.

    Args:
        context: of the scenario that they change.
        arms: bound to the same world, days and protocol.
        cases: distinct people, ascending.
        level: adoption level up to which phones run the app.
    """
    if not _one_by_one(context):
        found = [follow(arm, cases, [level]) for arm in arms]
        return [(risky, held[level]) for risky, held in found]
    groups: dict[int, list[int]] = {}
    for k, arm in enumerate(arms):
        alike = (first for first in groups if same_records(arms[first], arm))
        groups.setdefault(next(alike, k), []).append(k)
    looked_up = any(arm.scenario.publication.upload == "keys" for arm in arms)
    parts: list[list[tuple[RiskyDays, ExposureDays]]] = [[] for _ in arms]
    for some in chunks(context, cases):
        contacts = context.contacts(some)
        risky = _risky(context, contacts)
        index = _index(context, some, by_day=False) if looked_up else None

        def visit(
            own: SimulationContext,
            group: list[int],
            some: NDArray[np.int32] = some,
            contacts: Contacts = contacts,
            risky: RiskyDays = risky,
            index: PublishedIndex | None = index,
        ) -> list[tuple[RiskyDays, ExposureDays]]:
            each = [replace(arms[k], threads=own.threads, clock=own.clock) for k in group]
            same = each[0].scenario.contacts == context.scenario.contacts
            met = contacts if same else each[0].contacts(some)
            held = held_by(each, some, level, met, index)
            return [
                (risky if same and _same_cut(arm, context) else _risky(arm, met), h)
                for arm, h in zip(each, held, strict=True)
            ]

        found_of = side_by_side(context, list(groups.values()), visit)
        for group, found_here in zip(groups.values(), found_of, strict=True):
            for k, part in zip(group, found_here, strict=True):
                parts[k].append(part)
    return [
        (
            concatenate_risky_days([r for r, _ in of_arm]),
            concatenate_exposure_days([h for _, h in of_arm]),
        )
        for of_arm in parts
    ]


#: Tables of a scenario that are read after its phones' records are matched, or not in an evaluation.
_AFTER_MATCHING = frozenset(
    ("title", "index_cases", "rule", "publication", "confirmation", "f2", "sensitivity", "sweep",
     "expect", "limits", "epidemic")
)  # fmt: skip


def same_records(a: SimulationContext, b: SimulationContext) -> bool:
    """Phones hold the same records in both, and the same of them are matched."""
    one, other = a.scenario, b.scenario
    return (
        a.world is b.world
        and one.publication.upload == other.publication.upload
        and all(
            getattr(one, name) == getattr(other, name)
            for name in type(one).model_fields
            if name not in _AFTER_MATCHING
        )
    )


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
        parts = _of_senders(context, sources, level)
    else:
        parts = side_by_side(
            context,
            chunks(context, sources),
            lambda own, some: _lazily(own, some, level, own.contacts(some)),
        )
    return concatenate_exposure_days(parts)


def side_by_side(
    context: SimulationContext,
    items: Sequence[Item],
    work: Callable[[SimulationContext, Item], Made],
) -> list[Made]:
    """``work(context, item)`` of every item, as many at a time as there are threads, a thread each.

    Most of what a piece of the sources takes is whole-table work, which has one thread; its threads are
    the pieces. All that are there at a time take the memory of one piece of ``sources_together``.
    """
    most = sources_together(context.scenario) // _LEAST_SOURCES
    at_once = max(1, min(context.threads, len(items), most))

    def one(item: Item) -> tuple[Made, StageTimer]:
        own = replace(context, threads=context.threads // at_once, clock=StageTimer())
        return work(own, item), own.clock

    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(one, items))
    context.clock.share_out([clock for _, clock in found])
    return [made for made, _ in found]


def _one_by_one(context: SimulationContext) -> bool:
    """The contacts of a case are made once, for what happened and for what its keys find."""
    protocol = context.scenario.protocol
    return protocol.histories == "asked" and protocol.identifiers == "lazy"


def _risky(context: SimulationContext, contacts: Contacts) -> RiskyDays:
    cut = context.scenario.index_cases
    out = risky_days(contacts, context.days, cut.near_distance_m, cut.near_duration_s)
    context.clock.lap("contacts")
    return out


def _same_cut(a: SimulationContext, b: SimulationContext) -> bool:
    one, other = a.scenario.index_cases, b.scenario.index_cases
    return (one.near_distance_m, one.near_duration_s) == (
        other.near_distance_m,
        other.near_duration_s,
    )


def chunks(context: SimulationContext, sources: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """Sources in pieces, of which a thread has one at a time."""
    step = max(_LEAST_SOURCES, sources_together(context.scenario) // context.threads)
    # As many pieces as threads, or a few times as many, so that none waits long for the last.
    step = min(step, max(_LEAST_SOURCES, -(-len(sources) // context.threads)))
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
) -> list[ExposureDays]:
    """Out of the records of the phones that turn out to have sent a published identifier."""
    users = sources[context.world.rank[sources] < level]
    index = _index(context, users)
    sent = np.logical_or.reduce(list(publishers(context, index, level)))

    def visit(own: SimulationContext, some: NDArray[np.int32]) -> ExposureDays:
        history = own.sightings(own.with_app(own.contacts(some), level), level)
        return own.collect(users, own.match_published(index, history))

    return side_by_side(context, chunks(context, np.flatnonzero(sent).astype(np.int32)), visit)


def _index(
    context: SimulationContext, users: NDArray[np.int32], *, by_day: bool = True
) -> PublishedIndex:
    """What users publish, made and indexed, day by day or all of it."""
    ring, threads = context.key_ring, context.threads
    out = index_published(ring.published(users), ring.protocol, by_day=by_day, threads=threads)
    context.clock.lap("matching")
    return out


def _lazily(
    context: SimulationContext, sources: NDArray[np.int32], level: float, contacts: Contacts
) -> ExposureDays:
    """Only the rows of the histories that hold one of the sources, or that a source holds."""
    return held_by([context], sources, level, contacts)[0]


def held_by(
    arms: Sequence[SimulationContext],
    sources: NDArray[np.int32],
    level: float,
    contacts: Contacts,
    index: PublishedIndex | None = None,
) -> list[ExposureDays]:
    """:func:`_lazily` of scenarios that differ in what comes after their records are matched.

    Args:
        index: of what the sources publish, where it is there already.
    """
    first = arms[0]
    both = first.with_app(contacts, level)
    if first.scenario.publication.upload == "history":
        history = first.sightings(both.reversed(), level)
        return [_read(arm, history) for arm in arms]
    history = first.sightings(both, level)
    published = first.key_ring.published(sources) if index is None else index
    matches = first.match_published(published, history)
    return [arm.collect(sources, matches) for arm in arms]


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
