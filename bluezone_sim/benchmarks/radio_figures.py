"""Figures of the radio: records of the vectorised engine, packets of the event engine."""

from __future__ import annotations

import itertools

import numpy as np

from ..kernels.radio import scans as kernel
from ..kernels.radio.availability import ALL_HOURS
from ..kernels.radio.link_budget import Phones
from ..radio.events import simulate
from ..radio.parameters import always_on, model_of
from ..radio.records import record_buffers, records_of
from ..scenario.profiles import load_profile
from ..validation.whitepaper.simulate import START_S, contacts_at
from . import naive
from .rounds import BenchmarkCase

_PEOPLE = 100_000
#: As of a piece of whole histories.
_BUFFER_RECORDS = 1 << 15


def vectorised(
    protocol: str = "bluezone", links: int = 400_000, duration_s: int = 900
) -> BenchmarkCase:
    """Contacts of 15 minutes in one direction, 0.5 to 6 m apart, all phones Android, on one core.

    At the scenario's default radio: most links are near the sensitivity, so that every scan draws how
    many packets arrive. With Bluezone's and Exposure Notification's scans each 5 minutes a contact gives
    about three records, in a buffer that stays in the cache.
    """
    rng = np.random.default_rng(1)
    emitter = rng.integers(0, _PEOPLE, links).astype(np.int32)
    observer = (emitter + rng.integers(1, _PEOPLE, links)).astype(np.int32) % np.int32(_PEOPLE)
    phones = Phones(
        rng.normal(-25.8, 4.6, _PEOPLE), rng.normal(3.5, 3.2, _PEOPLE), np.zeros(_PEOPLE, np.bool_)
    )
    model = model_of(load_profile(protocol), phones, 1, table=always_on())
    table = kernel.Links(
        observer=observer,
        emitter=emitter,
        contact=rng.integers(0, 2**63, links).astype(np.uint64),
        place=rng.integers(0, 2**40, links).astype(np.uint64),
        midnight_s=np.full(links, START_S // 86_400 * 86_400),
        hours=np.full(links, ALL_HOURS, np.uint32),
        start_s=START_S + rng.integers(0, 80_000, links),
        duration_s=np.full(links, duration_s, np.int32),
        distance_m=rng.uniform(0.5, 6.0, links).astype(np.float32),
        p_clear=np.ones(links),
        queue=np.zeros(links),
    )
    used = record_buffers(model, _BUFFER_RECORDS)

    def work() -> int:
        return sum(len(piece.row) for piece in records_of(table, used, 0, links))

    few = (table.distance_m[:500], table.start_s[:500])
    records = naive.scan_records(*few, duration_s)
    return BenchmarkCase(
        name=f"radio/{protocol}",
        unit="records",
        work=work,
        items=work(),
        baseline="a loop of random.gauss, a packet at a time",
        baseline_work=lambda: naive.scan_records(*few, duration_s),
        baseline_items=records,
    )


def events(phones: int = 20, seconds: int = 600) -> BenchmarkCase:
    """Phones of one room, every packet followed; the figure is PDUs sent."""
    ios = np.arange(phones) % 3 == 0
    people = Phones(np.where(ios, -10.3, -25.8), np.where(ios, 7.0, 3.5), ios)
    model = model_of(load_profile("bluezone"), people, 1, table=always_on(), ios_share=1 / 3)
    a, b = (np.array(x) for x in zip(*itertools.combinations(range(phones), 2), strict=True))
    contacts = contacts_at(a, b, seconds, 2.0)

    def work() -> int:
        return simulate(model, contacts, START_S, seconds, seed=3).sent

    sent = work()
    return BenchmarkCase(
        name="radio/events",
        unit="PDUs",
        work=work,
        items=sent,
        baseline="a heap of as many events, heapq",
        baseline_work=lambda: naive.queued_events(phones, sent),
        baseline_items=sent,
    )
