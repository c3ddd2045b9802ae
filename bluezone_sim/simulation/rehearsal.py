"""A run in little, from its end to its beginning: it compiles what a run needs last first.

A second process plays it while the run makes its people and compiles from the beginning, so that the two
meet in the middle. The kernels get what the run gives them, by the same ways.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from ..kernels.compiling.helper import Helper
from ..kernels.compiling.watch import watching
from ..kernels.contacts.meetings import permute_many
from ..matching.published import index_published
from ..scenario.loading import validate
from ..tables.rows import Contacts
from ..world import build_world
from .context import SimulationContext, StageTimer
from .keys import KeyRing

#: What a run says while kernels are compiled.
COMPILING = "compiling for this processor, once"
_PEOPLE = 60
_WORK = "bluezone_sim.simulation.rehearsal:rehearse"


@contextmanager
def helped(
    protocol: str, threads: int, progress: Callable[[float, str], None]
) -> Iterator[Callable[[float, str], None]]:
    """Says that kernels are compiled while they are, with help where there is a second core.

    Args:
        protocol: of the scenario.
        threads: of the run.
        progress: of the run; what is given stands in its place.
    """
    helper, at = Helper(_WORK, protocol), (0.0, "")

    def report(done: float, stage: str) -> None:
        nonlocal at
        at = done, stage
        progress(done, stage)

    def told(busy: bool) -> None:
        if busy and threads > 1:
            helper.start()
        progress(at[0], COMPILING if busy else at[1])

    try:
        with watching(told):
            yield report
    finally:
        helper.end()


def rehearse(protocol: str) -> None:
    """Matching, radio and contacts of a protocol, a handful of each."""
    context = _context(protocol)
    contacts, ring = _contacts(context), context.keys
    n = len(contacts)
    heard = context.heard(
        contacts.a,
        contacts.b,
        contacts.start_s * 1000,
        np.ones(n, np.int32),
        np.full(n, -70, np.int16),
        np.full(n, -70, np.int16),
    )
    if isinstance(ring, KeyRing):
        published = ring.published(contacts.a[:1])
        context.match_published(published, heard)
        context.match_published(index_published(published, ring.protocol), heard)
    context.sightings(contacts, 1.0)
    context.contacts(np.arange(2, dtype=np.int32))
    permute_many(np.uint64(0), np.arange(2), _PEOPLE)


def _context(protocol: str) -> SimulationContext:
    """Of a village in which everybody has a phone."""
    scenario = validate(
        {
            "name": "rehearsal",
            "date": dt.date(2020, 8, 12),
            "look_back_days": 1,
            "population": {
                "people": _PEOPLE,
                "smartphones": _PEOPLE // 2,
                "districts": [{"name": "A", "people": _PEOPLE}],
            },
            "adoption": {"levels": [1.0]},
            "protocol": {"name": protocol},
            "index_cases": {"count": 2},
        }
    )
    return SimulationContext.build(scenario, build_world(scenario, 1), 1, StageTimer())


def _contacts(context: SimulationContext) -> Contacts:
    """Each with the next, at ten o'clock."""
    who = np.arange(_PEOPLE - 1, dtype=np.int32)
    n = len(who)
    return Contacts(
        contact=who.astype(np.uint64),
        group=np.zeros(n, np.int64),
        a=who,
        b=who + np.int32(1),
        start_s=np.full(n, context.days.start_s[0] + 36_000),
        duration_s=np.full(n, 900, np.int32),
        distance_m=np.ones(n, np.float32),
        setting=np.zeros(n, np.uint8),
    )
