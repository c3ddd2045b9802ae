"""Contacts that somebody measured: the rows of a trace, merged, looked up by person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..scenario.inputs.trace_reader import cached
from ..scenario.schema.layers import Traced as TracedTable
from ..tables.days import Days
from ..tables.rows import Contacts
from ..tables.settings import SETTINGS
from ..tables.trace import Trace, _ranges
from .adoption import number_through
from .contact_model import ContactModel
from .world import People, World

#: Everybody's age in years, of whom none is known.
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
    """The people of a trace: adults of whom nothing is known but their group and their contacts.

    Their lasting groups are those with whom each spends the most time, as households, and the file's
    groups, as work teams and as districts.
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
    return People(
        urban=np.zeros(len(everybody), np.bool_),
        age=np.full(len(everybody), ADULT, np.uint8),
        groups=groups,
        activity=np.ones(len(everybody)),
        weight=np.ones(len(everybody)),
        brought=trace,
    )


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
