"""Counts of an epidemic, by arm and day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...analysis.epidemic.result import DAILY, ArmTally
from ...kernels.contacts.transmission import NEVER
from ...scenario.schema.epidemic import Disease
from ...tables.days import DAY_S
from .disease import to_come
from .finding import Found, Policy, Told
from .states import ELSEWHERE, ArmStates
from .town import Town

#: The cohort that R is taken of is followed for so many days, and ends when so many are infected.
_FOLLOWED_DAYS, _COHORT_ENDS = 21, 0.05
#: After a warning, days within which a positive test counts (Wymant et al. 2021), and within which
#: further warnings are of the same episode.
_POSITIVE_DAYS = 14
#: An epidemic is over when nobody has more than this share of their infectiousness before them.
_LEFT = 1e-3
_AT = {name: k for k, name in enumerate(DAILY)}


class Tally:
    """Counts what happens."""

    def __init__(self, town: Town, policies: Sequence[Policy], states: ArmStates):
        self._town, self._policies, self._states = town, policies, states
        self._days = np.zeros((len(policies), town.n_days, len(DAILY)), np.int64)
        self._first: list[int | None] = [None] * len(policies)
        self._told: list[list[tuple[NDArray[np.int64], int]]] = [[] for _ in policies]
        self._by_case, self._infected = np.zeros((2, len(policies)), np.int64)
        self._expected = np.zeros(len(policies))
        self._episode = np.full((len(policies), town.world.n_people), -_POSITIVE_DAYS, np.int32)
        self._of_infector = np.zeros((len(policies), town.world.n_people), np.bool_)

    def begin(self, day: int) -> None:
        """Who is at home."""
        states = self._states
        known = states.known_s < day * DAY_S
        quarantined = (states.quarantined_until > day) & ~known
        self._days[:, day, _AT["quarantined"]] = quarantined.sum(1)
        self._days[:, day, _AT["isolated"]] = (states.isolated_until > day).sum(1)

    def infected(
        self, k: int, day: int, own: NDArray[np.int64], elsewhere: NDArray[np.int64]
    ) -> None:
        """Who was infected in an arm."""
        self._days[k, day, _AT["infected"]] = len(own) + len(elsewhere)
        self._days[k, day, _AT["imported"]] = len(elsewhere)

    def found(self, k: int, day: int, known: NDArray[np.int64], found: Found) -> None:
        """What the cases of a day led to."""
        row = self._days[k, day]
        warned = np.unique(found.warned.person)
        row[_AT["known"]], row[_AT["published"]] = len(known), len(found.published)
        row[_AT["warned"]] = len(warned)
        row[_AT["traced"]] = len(np.unique(found.traced.person))
        if (len(warned) or len(found.traced.person)) and self._first[k] is None:
            self._first[k] = day
        for told in (found.warned, found.traced):
            by_case = self._states.source[k, told.person] == told.source
            self._of_infector[k, told.person[by_case & (told.source != ELSEWHERE)]] = True
        new = warned[day - self._episode[k, warned] >= _POSITIVE_DAYS]
        if len(new):
            self._episode[k, new] = day
            self._told[k].append((new, day))
            self._split(k, day, new, found.warned)

    def _split(self, k: int, day: int, warned: NDArray[np.int64], told: Told) -> None:
        """How many of those whose episode begins were infected, by that case or anybody; and of random
        users."""
        states, until = self._states, (day + 1) * DAY_S
        since = until - self._town.look_back * DAY_S
        rank, level = self._town.world.rank, self._policies[k].level
        infected_s = states.infected_s[k]
        at_s = infected_s[told.person]
        by_case = (states.source[k, told.person] == told.source) & (told.source != ELSEWHERE)
        by_case &= (at_s >= np.maximum(told.since_s, since)) & (at_s < until)
        self._by_case[k] += int(np.isin(warned, told.person[by_case]).sum())
        lately = (infected_s >= since) & (infected_s < until)
        self._infected[k] += int(lately[warned].sum())
        users = rank < level
        if users.any():
            self._expected[k] += len(warned) * float(lately[users].mean())

    def arms(self, disease: Disease, imports: bool) -> tuple[ArmTally, ...]:
        """All arms, at the end.

        Args:
            disease: whose course everybody has.
            imports: people are infected elsewhere, so that it is never over.
        """
        return tuple(self._arm(k, disease, imports) for k in range(len(self._policies)))

    def _arm(self, k: int, disease: Disease, imports: bool) -> ArmTally:
        cohort, secondary = self._cohort(k)
        warned = sum(len(who) for who, _ in self._told[k])
        known_s = self._states.known_s[k]
        positive = sum(
            int(
                (
                    (known_s[who] >= (day + 1) * DAY_S)
                    & (known_s[who] < (day + 1 + _POSITIVE_DAYS) * DAY_S)
                ).sum()
            )
            for who, day in self._told[k]
        )
        return ArmTally(
            days=self._days[k],
            over=not imports and not self._could_go_on(k, disease),
            cohort=cohort,
            secondary=secondary,
            first_warning=self._first[k],
            warned=warned,
            warned_infected_by_case=int(self._by_case[k]),
            warned_infected=int(self._infected[k]),
            expected_infected=float(self._expected[k]),
            warned_positive=positive,
            told_of_infector=int(self._of_infector[k].sum()),
        )

    def _could_go_on(self, k: int, disease: Disease) -> bool:
        """Some of somebody's infectiousness is still to come."""
        who = np.flatnonzero(self._states.infected_s[k] != NEVER)
        since_s = self._town.n_days * DAY_S - self._states.infected_s[k, who].astype(np.int64)
        left = to_come(disease, self._states.courses.onset_s[who], since_s)
        return bool((left > _LEFT).any())

    def _cohort(self, k: int) -> tuple[int, int]:
        """People infected in the town from the first warning until 5 % are infected, and followed to the
        end; and whom they infected within that time."""
        if self._first[k] is None:
            return 0, 0
        states, n_days = self._states, self._town.n_days
        total = np.cumsum(self._days[k, :, _AT["infected"]])
        many = np.flatnonzero(total >= _COHORT_ENDS * self._town.world.n_people)
        last = min(int(many[0]) if len(many) else n_days, n_days - _FOLLOWED_DAYS)
        infected_s, source = states.infected_s[k], states.source[k]
        begins, ends = self._first[k] or 0, last
        own = (infected_s >= begins * DAY_S) & (infected_s < ends * DAY_S) & (source != ELSEWHERE)
        child = np.flatnonzero(source != ELSEWHERE)
        child = child[own[source[child]]]
        after = infected_s[child].astype(np.int64) - infected_s[source[child]]
        return int(own.sum()), int((after <= _FOLLOWED_DAYS * DAY_S).sum())
