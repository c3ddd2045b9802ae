"""Contacts that somebody measured: the rows of a trace, merged, looked up by person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..scenario.inputs.traces.lent import cached
from ..scenario.model import Scenario
from ..scenario.schema.layers import Traced as TracedTable
from ..tables.days import Days
from ..tables.rows import Contacts
from ..tables.settings import SETTINGS
from ..tables.trace import UNKNOWN, Trace, _ranges
from .adoption import number_through
from .contact_model import ContactModel
from .world import People, World

#: Nearer the radio knows no difference; further nothing is heard.
_REACH_M = (0.1, 1000.0)
#: Age in years of those of whom none is known.
ADULT = 18


class Traced(ContactModel):
    """The segments of a trace."""

    def __init__(self, trace: Trace):
        self.trace, self.n_people = trace, trace.n_people

    def contacts_of(
        self,
        persons: NDArray[np.int32],
        days: Days,
        *,
        ordered: bool = False,
        threads: int = 1,
    ) -> Contacts:
        """Contacts ordered by person (as given), then time."""
        return trace_contacts(self.trace, persons, days, ordered=ordered)

    def crowds(
        self, contacts: Contacts, days: Days, rank: NDArray[np.float64], level: float
    ) -> NDArray[np.int64]:
        """Phones in contact with an end at the same time: see :func:`trace_crowds`."""
        return trace_crowds(self.trace, contacts, rank < level)


def bind(world: World, table: TracedTable) -> Traced:
    """The trace that the people of ``world`` are of."""
    assert isinstance(world.brought, Trace)
    return Traced(world.brought)


def people(table: TracedTable, timezone: str, seed: int) -> People:
    """The people of a trace, of whom their group and contacts are known, and what a file says of them.

    Whose age it does not say is an adult. Their lasting groups are those with whom each spends the most
    time, as households, and the file's groups, as work teams and as districts.
    """
    assert table.trace is not None
    trace = cached(table.trace, timezone)
    everybody = np.arange(trace.n_people)
    teams = everybody if len(trace.groups) > 1 else everybody[:0]
    nobody = (everybody[:0], everybody[:0])
    groups = number_through(
        len(everybody),
        [
            (everybody, trace.companions.astype(np.int64)),
            nobody,
            nobody,
            (teams, trace.group[teams].astype(np.int64)),
        ],
    )
    known = trace.known
    age = np.full(len(everybody), ADULT, np.uint8)
    if known is not None and known.age is not None:
        age = np.where(known.age == UNKNOWN, ADULT, known.age).astype(np.uint8)
    app = known.app == 1 if known is not None and known.app is not None else None
    case = known.case if known is not None else None
    return People(
        urban=np.zeros(len(everybody), np.bool_),
        age=age,
        groups=groups,
        activity=np.ones(len(everybody)),
        weight=np.ones(len(everybody)),
        brought=trace,
        ios=None if known is None else known.ios,
        app=app,
        cases=None if case is None else np.flatnonzero(case == 1).astype(np.int32),
    )


def at_distances(trace: Trace, scenario: Scenario, phones: Mapping[str, NDArray[Any]]) -> Trace:
    """A trace with RSSI, each segment at the distance at which the radio's path loss gives it.

    ``rssi = TX power - A(d) - RX correction``, with the mean of all phones; with ``rssi = "measured"``
    with that of the two phones, either way, so that they record what was measured.

    Args:
        trace: as read.
        scenario: its radio has A(d).
        phones: ``tx_power_dbm`` and ``rx_correction_db``, ``float64[n]``, of everybody's phone.

    Raises:
        InputError: the radio's path loss does not depend on distance.
    """
    radio, table = scenario.radio, scenario.contacts.trace
    if radio.exponent <= 0 or radio.exponent_far <= 0:
        raise InputError(
            "radio.exponent: with 0 an RSSI says no distance, and the contact trace has RSSI; expected "
            "more than 0"
        )
    assert trace.rssi_dbm is not None
    assert table is not None
    link_db = phones["tx_power_dbm"] - phones["rx_correction_db"]
    reference = np.full(len(trace.a), link_db.mean())
    if table.rssi == "measured":
        reference = (link_db[trace.a] + link_db[trace.b]) / 2
    beyond = reference - trace.rssi_dbm - radio.attenuation_1m_db
    at_break = 10 * radio.exponent * np.log10(radio.breakpoint_m)
    exponent = np.where(beyond <= at_break, radio.exponent, radio.exponent_far)
    origin = np.where(beyond <= at_break, 0.0, at_break)
    first = np.where(beyond <= at_break, 1.0, radio.breakpoint_m)
    with np.errstate(over="ignore"):
        distance = first * 10 ** ((beyond - origin) / (10 * exponent))
    return replace(trace, distance_m=np.clip(distance, *_REACH_M).astype(np.float32))


def trace_contacts(
    trace: Trace, persons: NDArray[np.int32], days: Days, *, ordered: bool = False
) -> Contacts:
    """Contacts of ``persons`` on ``days``, see :meth:`ContactModel.contacts_of`."""
    start, segments = trace.by_person
    persons = np.asarray(persons, np.int32)
    row, at = _ranges(start[persons], start[persons + 1])
    who, segment = persons[row], segments[at]
    other = np.where(trace.a[segment] == who, trace.b[segment], trace.a[segment])
    began = trace.start_s[segment]
    # Days of the look-back follow each other, so only its ends have to be cut.
    keep = days.index_of(began) >= 0
    keep &= began < days.end_s
    if ordered:
        keep &= other > who
    who, other, segment = who[keep], other[keep], segment[keep]
    return Contacts(
        contact=trace.contact[segment],
        group=np.full(len(segment), -1, np.int64),
        a=who.astype(np.int32),
        b=other.astype(np.int32),
        start_s=trace.start_s[segment],
        duration_s=trace.duration_s[segment],
        distance_m=trace.distance_m[segment],
        setting=np.full(len(segment), SETTINGS.index("other"), np.uint8),
    )


def trace_crowds(trace: Trace, contacts: Contacts, runs: NDArray[np.bool_]) -> NDArray[np.int64]:
    """``int64[n]``: phones with the app near each segment: its two ends and whom either is with.

    A trace knows no rooms, so a phone counts where it is in contact with an end at the same time; one
    that is in contact with both counts twice.

    Args:
        trace: the trace.
        contacts: its segments.
        runs: ``bool[people]``, who runs the app.
    """
    start, segments = trace.by_person
    longest = int(trace.duration_s.max(initial=0))
    span = int(trace.start_s.max(initial=0)) + longest + 1
    person = np.repeat(np.arange(trace.n_people), np.diff(start))
    key = person * span + trace.start_s[segments]
    begin, end = contacts.start_s, contacts.start_s + contacts.duration_s
    count = np.full(len(contacts), 2, np.int64)
    for this, other in ((contacts.a, contacts.b), (contacts.b, contacts.a)):
        low = np.searchsorted(key, this * np.int64(span) + np.maximum(begin - longest, 0), "right")
        high = np.searchsorted(key, this * np.int64(span) + end, "left")
        row, at = _ranges(low, np.maximum(high, low))
        segment = segments[at]
        third = np.where(trace.a[segment] == this[row], trace.b[segment], trace.a[segment])
        near = (trace.start_s[segment] + trace.duration_s[segment] > begin[row]) & runs[third]
        near &= third != other[row]
        # A third person may be there in several segments of one contact.
        met = np.unique(np.stack([row[near], third[near]], axis=1), axis=0)
        count += np.bincount(met[:, 0], minlength=len(contacts))
    return count
