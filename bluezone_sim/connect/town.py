"""A town that a model of disease asks: who meets whom, and whom cases warn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.contacts.transmission import NEVER
from ..scenario.model import Scenario
from ..scenario.schema.epidemic import Arm, Epidemic
from ..simulation.epidemic import town as simulated
from ..simulation.epidemic.arms import policy_of
from ..simulation.epidemic.finding import Finder
from ..tables.days import DAY_S
from ..tables.rows import Contacts
from ..world import World


class Warned(NamedTuple):
    """Who is told of whom: a row a person and case.

    Attributes:
        person, case: ``int64[n]``.
        day: ``float64[n]``, when, in days of the epidemic; 3.5 is the noon of day 3.
        by_app: ``bool[n]``, told by the app; otherwise called by tracers.
    """

    person: NDArray[np.int64]
    case: NDArray[np.int64]
    day: NDArray[np.float64]
    by_app: NDArray[np.bool_]


class Town(simulated.Town):
    __doc__ = simulated.Town.__doc__

    @classmethod
    def build(
        cls,
        scenario: Scenario,
        seed: int | None = None,
        *,
        days: int | None = None,
        threads: int | None = None,
        world: World | None = None,
    ) -> Self:
        """Makes the people of a scenario; see :meth:`bluezone_sim.simulation.epidemic.town.Town.build`.

        A scenario without ``[epidemic]`` gets one with all defaults, of which tracers and behaviour are
        taken; the course of the disease is the model's that asks.
        """
        if scenario.epidemic is None and days is not None:
            scenario = scenario.model_copy(update={"epidemic": Epidemic(days=days)})
        return super().build(scenario, seed, days=days, threads=threads, world=world)

    def __reduce__(self) -> tuple[Any, ...]:
        """How to make it anew, so that models that pickle what they hold need not pickle its people."""
        again = (self.scenario, self.world.seed, self.n_days, self.context.threads)
        return _built, again

    def contacts(
        self, persons: NDArray[np.integer], day: int, *, threads: int | None = None
    ) -> Contacts:
        """Contacts of ``persons`` on a day, each with the person as ``a``.

        Args:
            persons: distinct people.
            day: of the epidemic, from minus the look-back on.
            threads: to use; by default the town's.

        Raises:
            InputError: somebody is nobody or is there twice, or the day is none of the town's.
        """
        if not -self.look_back <= day < self.n_days:
            raise InputError(f"day: expected {-self.look_back} to {self.n_days - 1}, found {day}")
        return super().contacts(self._people(persons, "persons"), day, threads=threads)

    def warnings(
        self,
        cases: NDArray[np.integer],
        published_day: int,
        arm: Arm,
        at_home: NDArray[np.bool_] | None = None,
        onset_day: NDArray[np.floating] | None = None,
    ) -> Warned:
        """Whom cases warn that become known on a day, whose keys are published as it ends.

        Nobody is told of meetings that a stay at home prevented, but of those within the household.

        Args:
            cases: distinct people.
            published_day: day of the epidemic, from 0 on.
            arm: adoption and what finds contacts, as ``[[epidemic.arms]]`` has it.
            at_home: ``bool[days, n_people]``, who was at home on which day from day 0 on; by default
                nobody.
            onset_day: ``float[len(cases)]``, when each fell ill, in days of the epidemic; NaN without
                symptoms. By default the index cases' own delays are taken back from the day's end.

        Returns:
            Everybody that phones, or what the arm assumes instead, and tracers find.

        Raises:
            InputError: a case is nobody or is there twice, the day is none of the epidemic's, a table has
                another shape, or the arm is a placebo, whose warned are nobody's contacts.
        """
        if arm.finds == "random":
            raise InputError(
                f"arm {arm.name}: random users are nobody's contacts; draw as many as another arm warns"
            )
        who = self._people(cases, "cases")
        if not 0 <= published_day < self.n_days:
            raise InputError(
                f"published_day: expected 0 to {self.n_days - 1}, found {published_day}"
            )
        if onset_day is not None and np.shape(onset_day) != who.shape:
            raise InputError(
                f"onset_day: expected one for each of {len(who):,} cases, found the shape "
                f"{np.shape(onset_day)}"
            )
        n = self.world.n_people
        if at_home is not None and (
            np.ndim(at_home) != 2 or at_home.shape[1] != n or at_home.dtype != np.bool_
        ):
            raise InputError(
                f"at_home: expected bool[days, {n:,}], found {at_home.dtype}{list(at_home.shape)}"
            )
        policy = policy_of(self, arm)
        order = np.argsort(who, kind="stable")
        who = who[order]
        ends_s = (published_day + 1) * DAY_S
        if onset_day is None:
            bound = self.bound(policy.context, published_day)
            onset_s = bound.onset_s(who) - self.midnight_s
        else:
            given = np.asarray(onset_day, np.float64)[order]
            onset_s = np.where(np.isnan(given), NEVER, np.nan_to_num(given) * DAY_S).astype(
                np.int64
            )
        seen = _Seen(who, onset_s, ends_s - 1, at_home)
        (found,) = Finder(self, [policy]).find(published_day, [who], seen)
        both = [np.concatenate(c) for c in zip(found.warned, found.traced, strict=True)]
        return Warned(
            both[0],
            both[1],
            both[2] / DAY_S,
            np.arange(len(both[0])) < len(found.warned.person),
        )

    def _people(self, given: NDArray[np.integer], name: str) -> NDArray[np.int64]:
        who, n = np.asarray(given), self.world.n_people
        if who.size == 0:
            return np.empty(0, np.int64)
        if who.ndim != 1 or not np.issubdtype(who.dtype, np.integer):
            raise InputError(
                f"{name}: expected numbers of people, found {who.dtype}{list(who.shape)}"
            )
        if len(np.unique(who)) != len(who) or ((who < 0) | (who >= n)).any():
            raise InputError(f"{name}: expected distinct people from 0 to {n - 1:,}")
        return who.astype(np.int64)


def begins(warned: Warned, day: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When people who are told begin to stay at home: the midnight next to the first that they hear.

    Args:
        warned: a row a person and case.
        day: the day that begins; nobody stays at home before.

    Returns:
        People, ascending, each once; and the first day at home of each, ``int64[n]``.
    """
    order = np.lexsort((warned.day, warned.person))
    new = order[np.flatnonzero(np.diff(warned.person[order], prepend=-1))]
    first = np.floor(warned.day[new] + 0.5).astype(np.int64)
    return warned.person[new], np.maximum(first, day)


def _built(scenario: Scenario, seed: int, days: int, threads: int) -> Town:
    return Town.build(scenario, seed, days=days, threads=threads)


@dataclass(frozen=True)
class _Seen:
    """What a model tells of the cases of one day.

    Attributes:
        cases: ``int64[n]``, ascending.
        onset: ``int64[n]``, seconds from the first midnight, ``NEVER``.
        known_s: when they became known.
        home: ``bool[days, n_people]``.
    """

    cases: NDArray[np.int64]
    onset: NDArray[np.int64]
    known_s: int
    home: NDArray[np.bool_] | None

    def at_home(
        self, arm: int, day: NDArray[np.integer], person: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        out = np.zeros(len(person), np.bool_)
        if self.home is not None:
            there = np.flatnonzero((day >= 0) & (day < len(self.home)))
            out[there] = self.home[day[there], person[there]]
        return out

    def onset_s(self, arm: int, person: NDArray[np.integer]) -> NDArray[np.int64]:
        return self.onset[np.searchsorted(self.cases, person)]

    def result_s(self, arm: int, person: NDArray[np.integer]) -> NDArray[np.int64]:
        return np.full(len(person), self.known_s, np.int64)
