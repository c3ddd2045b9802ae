"""A town that a model of disease asks: who meets whom, and whom cases warn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.contacts.transmission import NEVER
from ..scenario.schema.epidemic import Arm
from ..simulation.epidemic import town as simulated
from ..simulation.epidemic.arms import policy_of
from ..simulation.epidemic.finding import Finder
from ..simulation.epidemic.town import DAY_S


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
            InputError: a case is nobody, is there twice, or the day is none of the town's.
        """
        who = np.asarray(cases)
        n = self.world.n_people
        if len(np.unique(who)) != len(who) or ((who < 0) | (who >= n)).any():
            raise InputError(f"cases: expected distinct people from 0 to {n - 1:,}")
        if not 0 <= published_day < self.n_days:
            raise InputError(
                f"published_day: expected 0 to {self.n_days - 1}, found {published_day}"
            )
        policy = policy_of(self, arm)
        order = np.argsort(who, kind="stable")
        who = who[order].astype(np.int64)
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
