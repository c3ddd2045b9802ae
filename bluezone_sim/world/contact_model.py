"""What a source of contacts makes of a population: who meets whom, when it is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..tables.days import Days
from ..tables.rows import Contacts

T = TypeVar("T")


class Participants(Protocol):
    """The people of whose contacts with each other a whole day is made."""

    @property
    def people(self) -> NDArray[np.int32]:
        """``int32[k]``, ascending."""


class _Some(NamedTuple):
    people: NDArray[np.int32]


class ContactModel(ABC):
    """Contacts of a population, a pure function of person and day.

    Both people of a contact have it, with the same contact id, time and distance. A source gives
    :meth:`contacts_of` and :meth:`crowds`; it gives the others too where it knows a faster way.

    Attributes:
        n_people: people of the population.
    """

    n_people: int

    @abstractmethod
    def contacts_of(
        self,
        persons: NDArray[np.int32],
        days: Days,
        *,
        ordered: bool = False,
        threads: int = 1,
    ) -> Contacts:
        """All contacts of ``persons`` on ``days``.

        Args:
            persons: ``int32[p]``; each is column ``a`` of its rows.
            days: the local days.
            ordered: only contacts with ``b > a``, so that a whole population gives each contact once.
            threads: threads to use; the result does not depend on it.

        Returns:
            Contacts ordered by person (as given), then time or place; a segment lies within one local
            day.
        """

    @abstractmethod
    def crowds(
        self, contacts: Contacts, days: Days, rank: NDArray[np.float64], level: float
    ) -> NDArray[np.int64]:
        """``int64[n]``: phones that advertise around each segment, its two ends among them.

        Args:
            contacts: segments of this model.
            days: the local days.
            rank: ``float64[n_people]``, adoption ranks.
            level: the app is where the rank is below it.
        """

    def participants(self, who: NDArray[np.bool_] | None = None) -> Participants:
        """What :meth:`whole_day` needs to know of some people, or of all, on any day.

        Args:
            who: ``bool[n_people]``, the people of whose contacts with each other are to be seen.
        """
        some = np.arange(self.n_people) if who is None else np.flatnonzero(who)
        return _Some(some.astype(np.int32))

    def whole_day(
        self,
        days: Days,
        day: int,
        visit: Callable[[Contacts], T],
        *,
        who: Participants | None = None,
        threads: int = 1,
    ) -> list[T]:
        """Shows every contact of a day once, ``a < b``, piece by piece.

        The pieces may be views of buffers: what is to be kept of one must be copied. ``visit`` may run
        in several threads at a time.

        Args:
            days: the local days.
            day: index of the day.
            visit: called with each piece.
            who: of :meth:`participants`, by default everybody.
            threads: threads to use; the pieces and their order do not depend on it.

        Returns:
            What ``visit`` gave, in the order of the pieces.
        """
        people = (self.participants() if who is None else who).people
        ends_s = np.append(days.start_s[1:], days.end_s)
        of = slice(day, day + 1)
        one = Days(days.number[of], days.start_s[of], days.weekday[of], int(ends_s[day]))
        found = self.contacts_of(people, one, ordered=True, threads=threads)
        there = np.zeros(self.n_people, np.bool_)
        there[people] = True
        return [visit(found.take(np.flatnonzero(there[found.b])))]
