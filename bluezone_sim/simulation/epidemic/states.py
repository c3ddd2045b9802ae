"""Who is infected, at home or known as a case, in every arm."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...kernels.contacts.transmission import NEVER, Infections, States, fill_states
from ...tables.days import DAY_S
from .disease import Courses

#: In place of a source: nobody of the town.
ELSEWHERE = -1


class Stay(NamedTuple):
    """A stay at home.

    Attributes:
        days: how many.
        isolated: as a case or with symptoms; or else warned or traced.
        confirmed: with the result that makes somebody known as a case, not a later one.
    """

    days: int
    isolated: bool
    confirmed: bool = False


@dataclass
class ArmStates:
    """The state of all arms; it changes from day to day.

    Attributes:
        courses: everybody's course.
        look_back: days of which it is remembered who was at home.
        infected_s: ``int32[arms, n]``, seconds from the first midnight, ``NEVER``.
        source: ``int32[arms, n]``, who infected, :data:`ELSEWHERE` of nobody of the town.
        known_s: ``int32[arms, n]``, when somebody becomes known as a case.
        quarantined_until, isolated_until: ``int16[arms, n]``, the day on which a stay at home ends.
        home: ``uint64[look_back, n]``, who was at home on the days of the look-back, a bit an arm; a
            day's row is that of its number modulo the look-back.
    """

    courses: Courses
    look_back: int
    infected_s: NDArray[np.int32]
    source: NDArray[np.int32]
    known_s: NDArray[np.int32]
    quarantined_until: NDArray[np.int16]
    isolated_until: NDArray[np.int16]
    home: NDArray[np.uint64]
    _stays: dict[int, list[tuple[int, NDArray[np.int64], NDArray[np.integer], Stay]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _known: dict[int, list[tuple[int, NDArray[np.int64]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @classmethod
    def of(cls, courses: Courses, arms: int, look_back: int) -> ArmStates:
        """Nobody is infected."""
        shape = arms, len(courses.onset_s)
        return cls(
            courses,
            look_back,
            infected_s=np.full(shape, NEVER, np.int32),
            source=np.full(shape, ELSEWHERE, np.int32),
            known_s=np.full(shape, NEVER, np.int32),
            quarantined_until=np.zeros(shape, np.int16),
            isolated_until=np.zeros(shape, np.int16),
            home=np.zeros((look_back, shape[1]), np.uint64),
        )

    @property
    def n_arms(self) -> int:
        """How many."""
        return len(self.infected_s)

    def begin(self, day: int) -> States:
        """Stays at home that begin on this day; then who can infect whom on it."""
        for arm, who, from_s, stay in self._stays.pop(day, ()):
            ends = self.isolated_until if stay.isolated else self.quarantined_until
            if not stay.isolated:  # who is known as a case by now is not quarantined
                who = who[self.known_s[arm, who] >= day * DAY_S]
            elif stay.confirmed:  # another test may have been earlier
                who = who[self.known_s[arm, who] == from_s]
            ends[arm, who] = np.maximum(ends[arm, who], day + stay.days)
        n = self.infected_s.shape[1]
        infectious, susceptible, home = np.zeros((3, n), np.uint64)
        states = States(
            infectious,
            susceptible,
            home,
            self.infected_s,
            self.courses.onset_s,
            self.courses.strength,
        )
        fill_states(day, states, self.quarantined_until, self.isolated_until, self.courses.immune)
        self.home[day % self.look_back] = home
        return states

    def infect(self, found: Infections) -> list[NDArray[np.int64]]:
        """The first infection of each person in each arm; who was infected, by arm.

        Of infections at the same second that by the person with the lowest number counts.
        """
        order = np.lexsort((found.source, found.time_s, found.person, found.arm))
        arm, person = found.arm[order], found.person[order]
        new = np.flatnonzero((np.diff(arm, prepend=-1) != 0) | (np.diff(person, prepend=-1) != 0))
        out = []
        for k in range(self.n_arms):
            rows = order[new[arm[new] == k]]
            who = found.person[rows].astype(np.int64)
            self.infected_s[k, who] = found.time_s[rows]
            self.source[k, who] = found.source[rows]
            out.append(who)
        return out

    def infect_elsewhere(self, who: NDArray[np.int64], day: int) -> list[NDArray[np.int64]]:
        """Infects people as the day begins; who was, by arm: not the immune, nor the infected."""
        out = []
        for k in range(self.n_arms):
            new = who[(self.infected_s[k, who] == NEVER) & ~self.courses.immune[who]]
            self.infected_s[k, new] = day * DAY_S
            out.append(new)
        return out

    def stay(
        self, arm: int, who: NDArray[np.int64], from_s: NDArray[np.integer], stay: Stay, today: int
    ) -> None:
        """People stay at home, from the midnight next to ``from_s`` on.

        Stays are whole days, in transmission and in what phones and tracers find alike.

        Args:
            arm: of the people.
            who: people.
            from_s: seconds from the first midnight.
            stay: how long, and why.
            today: the day that goes on, or has ended; nobody stays at home on it for this.
        """
        first = np.maximum((from_s + DAY_S // 2) // DAY_S, today + 1)
        for day in np.unique(first).tolist():
            now = first == day
            self._stays[day].append((arm, who[now], from_s[now], stay))

    def become_known(self, arm: int, who: NDArray[np.int64], at_s: NDArray[np.integer]) -> None:
        """People will be known as cases, if they are not before."""
        earlier = at_s < self.known_s[arm, who]
        who, at_s = who[earlier], at_s[earlier]
        self.known_s[arm, who] = at_s
        for day in np.unique(at_s // DAY_S).tolist():
            self._known[day].append((arm, who[at_s // DAY_S == day]))

    def known_on(self, day: int) -> list[NDArray[np.int64]]:
        """By arm: who becomes known on a day, ascending."""
        found: list[list[NDArray[np.int64]]] = [[] for _ in range(self.n_arms)]
        for arm, who in self._known.pop(day, ()):
            found[arm].append(who[self.known_s[arm, who] // DAY_S == day])
        return [np.unique(np.concatenate([np.empty(0, np.int64), *f])) for f in found]

    def at_home(
        self, arm: int, day: NDArray[np.integer], person: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """``bool[n]``: each person was at home on each day of the look-back; nobody was before the first.

        Rows of days that are not there yet hold nothing.
        """
        bits = self.home[day % self.look_back, person]
        return np.asarray((bits >> np.uint64(arm)) & np.uint64(1), np.bool_)

    def onset_s(self, arm: int, person: NDArray[np.integer]) -> NDArray[np.int64]:
        """``int64[n]``: when infected people fall ill, in seconds; ``NEVER`` of those who do not."""
        at: NDArray[np.int64] = (
            self.infected_s[arm, person].astype(np.int64) + self.courses.onset_s[person]
        )
        at[~self.courses.symptoms[person]] = NEVER
        return at

    def result_s(self, arm: int, person: NDArray[np.integer]) -> NDArray[np.int64]:
        """``int64[n]``: when people become known as cases, seconds from the first midnight."""
        out: NDArray[np.int64] = self.known_s[arm, person].astype(np.int64)
        return out
