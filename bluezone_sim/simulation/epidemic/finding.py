"""Whom the cases of a day warn in each arm: their phones, tracers, or what an arm assumes instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels import rng
from ...kernels.contacts.transmission import NEVER
from ...matching.exposures import ExposureDays
from ...matching.pairs import concatenate_exposure_days
from ...matching.warnings import (
    Notifications,
    confirmed,
    consents,
    f1_warnings,
    f2_warnings,
    in_time,
)
from ...scenario.schema.epidemic import Arm
from ...tables.days import DAY_S
from ...world.course import NO_ONSET
from ..context import SimulationContext
from ..publishing import first_published_day, verdicts_of
from ..tracing import chunks, exposure_days, held_by, same_records, side_by_side
from .disease import stream
from .near import Near, concatenate_near, met_days, near_days
from .town import Town


class Seen(Protocol):
    """What a model of disease tells of its people, by arm; times are seconds from the first midnight."""

    def at_home(
        self, arm: int, day: NDArray[np.integer], person: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """``bool[n]``: each person was at home on each day, and met their household alone."""

    def onset_s(self, arm: int, person: NDArray[np.integer]) -> NDArray[np.int64]:
        """``int64[n]``: when each case fell ill; ``NEVER`` of somebody without symptoms."""

    def result_s(self, arm: int, person: NDArray[np.integer]) -> NDArray[np.int64]:
        """``int64[n]``: when each case became known."""


@dataclass(frozen=True)
class Policy:
    """An arm over a town.

    Attributes:
        arm: what it is.
        context: the town's under the arm's protocol, rule and phones, bound to all days.
        level: adoption, as a rank below which the app is there.
    """

    arm: Arm
    context: SimulationContext
    level: float

    @property
    def looks_up(self) -> bool:
        """Cases publish, and something warns of them."""
        return self.level > 0 and self.arm.finds != "random"


class Told(NamedTuple):
    """Who is told of whom: a row a person and case.

    Attributes:
        person, case: ``int64[n]``.
        told_s: ``int64[n]``, seconds from the first midnight.
        source: ``int64[n]``, whose keys or words it is: the case, or of an F2 the F1 between.
        since_s: ``int64[n]``, the source's contacts count from then on: its keys are published of that
            time, or tracers ask for it.
    """

    person: NDArray[np.int64]
    case: NDArray[np.int64]
    told_s: NDArray[np.int64]
    source: NDArray[np.int64]
    since_s: NDArray[np.int64]

    @classmethod
    def of(
        cls, person: NDArray[np.int64], case: NDArray[np.int64], told_s: NDArray[np.int64]
    ) -> Told:
        """People told of the case itself, of whatever time."""
        return cls(person, case, told_s, case, np.full(len(case), -NEVER, np.int64))


NOBODY = Told(*np.zeros((5, 0), np.int64))


class Found(NamedTuple):
    """What the cases of a day lead to in one arm.

    Attributes:
        published: ``int64[n]``, cases whose keys are published, or that upload.
        warned, traced: whom the app tells, whom tracers call.
    """

    published: NDArray[np.int64]
    warned: Told
    traced: Told


class _Made(NamedTuple):
    """What is made of some cases once for all arms: near days, all days met, and what phones hold."""

    near: Near
    met: Near
    held: dict[int, ExposureDays]


class Finder:
    """Finds contacts of cases, for all arms of a town at a time."""

    def __init__(self, town: Town, policies: Sequence[Policy]):
        self.town, self.policies = town, policies
        self._household = town.world.groups.of[0]
        # Arms whose phones hold the same records, which are made once; of these, arms that weigh records
        # alike, whatever their levels, hold the same: the first stands for them.
        self._groups: list[list[int]] = []
        self._stands: dict[int, int] = {}
        for k, policy in enumerate(policies):
            if policy.level > 0 and policy.arm.finds == "phones":
                self._place(k, policy.context)

    def _place(self, k: int, own: SimulationContext) -> None:
        for group in self._groups:
            if same_records(self.policies[group[0]].context, own):
                break
        else:
            group = []
            self._groups.append(group)
        alike = (g for g in group if self.policies[g].context.scenario.rule == own.scenario.rule)
        self._stands[k] = self._stands[g] if (g := next(alike, None)) is not None else k
        group.append(k)

    def find(self, day: int, known: Sequence[NDArray[np.int64]], seen: Seen) -> list[Found]:
        """Contacts of the cases that become known on a day, whose keys are published as it ends.

        Args:
            day: of the epidemic.
            known: by arm, people, ascending.
            seen: of the same arms.
        """
        publish = [self._publish(p, who) for p, who in zip(self.policies, known, strict=True)]
        call = [
            who if p.arm.manual else who[:0] for p, who in zip(self.policies, known, strict=True)
        ]
        cases = np.unique(np.concatenate([*publish, *call])).astype(np.int32)
        if not len(cases):
            return [Found(p, NOBODY, NOBODY) for p in publish]
        made = self._made(day, cases, publish)
        return [
            Found(
                publish[k],
                self._warned(k, day, publish[k], seen, made) if len(publish[k]) else NOBODY,
                self._traced(k, day, call[k], seen, made.near) if len(call[k]) else NOBODY,
            )
            for k in range(len(self.policies))
        ]

    def _publish(self, policy: Policy, known: NDArray[np.int64]) -> NDArray[np.int64]:
        if not policy.looks_up:
            return known[:0]
        users = known[self.town.world.rank[known] < policy.level]
        return users[consents(self.town.world.seed, users, policy.context.scenario.publication)]

    def _made(
        self, day: int, cases: NDArray[np.int32], publish: Sequence[NDArray[np.int64]]
    ) -> _Made:
        """Contacts of the cases once, and what follows of them for any arm."""
        town, policies = self.town, self.policies
        base = town.bound(town.context, day)
        cut = town.scenario.index_cases
        groups = [g for g in self._groups if any(len(publish[k]) for k in g)]
        stand = [sorted({self._stands[k] for k in g}) for g in groups]
        bound = {k: town.bound(policies[k].context, day) for g in stand for k in g}
        of_group = [
            np.unique(np.concatenate([publish[k] for k in g])).astype(np.int32) for g in groups
        ]
        top = [max(policies[k].level for k in g) for g in groups]
        every = [k for k, p in enumerate(policies) if p.arm.finds == "contacts" and len(publish[k])]

        def visit(own: SimulationContext, some: NDArray[np.int32]) -> _Made:
            contacts = own.contacts(some)
            near = near_days(contacts, own.days, cut)
            met = (
                met_days(own.with_app(contacts, max(policies[k].level for k in every)), own.days)
                if every
                else near.take(slice(0, 0))
            )
            held: dict[int, ExposureDays] = {}
            for group, sources, level in zip(stand, of_group, top, strict=True):
                here = some[self._among(sources, some)]
                arms = [replace(bound[k], threads=own.threads, clock=own.clock) for k in group]
                of_here = contacts
                if len(here) < len(some):
                    of_here = contacts.take(np.flatnonzero(self._among(here, contacts.a)))
                held.update(zip(group, held_by(arms, here, level, of_here), strict=True))
            return _Made(near, met, held)

        parts = side_by_side(base, chunks(base, cases), visit)
        return _Made(
            concatenate_near([p.near for p in parts]),
            concatenate_near([p.met for p in parts]),
            {k: concatenate_exposure_days([p.held[k] for p in parts]) for k in bound},
        )

    def _warned(self, k: int, day: int, cases: NDArray[np.int64], seen: Seen, made: _Made) -> Told:
        policy, rank = self.policies[k], self.town.world.rank
        context = self._with_onsets(k, day, cases, seen)
        if policy.arm.finds == "phones":
            return self._by_phones(k, day, cases, seen, made.held[self._stands[k]], context)
        table = made.near if policy.arm.finds == "risky" else made.met
        rows = np.flatnonzero(
            self._among(cases, table.case)
            & (rank[table.case] < policy.level)
            & (rank[table.other] < policy.level)
        )
        table = table.take(rows)
        since_s = self._published_since_s(context, table.case)
        there = context.days.start_s[table.day] + DAY_S - self.town.midnight_s > since_s
        there &= self._happened(k, day, table.day, table.case, table.other, seen)
        if policy.arm.finds == "contacts":
            u = _pair_uniforms(self.town.world.seed, "contact_found", table.case, table.other)
            there &= u < policy.arm.contact_share
        told = _told_at(
            table.take(np.flatnonzero(there)), self.town.world.n_people, (day + 1) * DAY_S
        )
        return told._replace(since_s=self._published_since_s(context, told.case))

    def _published_since_s(
        self, context: SimulationContext, source: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """``int64[n]``: of which time on each source's keys are published, from the first midnight."""
        first = first_published_day(context, source.astype(np.int32), None)
        return first * DAY_S - self.town.midnight_s

    def _by_phones(
        self,
        k: int,
        day: int,
        cases: NDArray[np.int64],
        seen: Seen,
        held: ExposureDays,
        context: SimulationContext,
    ) -> Told:
        scenario, seed = context.scenario, self.town.world.seed
        held = self._there(k, day, held, seen, context, self._among(cases, held.source))
        _, pairs = verdicts_of(context, held)
        told = f1_warnings(seed, pairs, context.published_s, scenario.publication)
        told, sure = confirmed(seed, told, scenario.confirmation)
        told = told.take(np.flatnonzero(sure & in_time(told, scenario.publication)))
        out = self._as_told(context, told)
        if not self.policies[k].arm.f2 or not len(told):
            return out
        of_f1 = replace(context, symptoms=False)
        sources = np.unique(told.person)
        second = exposure_days(of_f1, sources, self.policies[k].level)
        second = self._there(k, day, second, seen, of_f1, np.ones(len(second), np.bool_))
        f2 = f2_warnings(
            seed,
            told,
            *verdicts_of(of_f1, second),
            self.town.world.n_people,
            scenario.f2,
            scenario.publication,
            scenario.confirmation,
        )
        both = zip(out, self._as_told(of_f1, f2), strict=True)
        return Told(*(np.concatenate(column) for column in both))

    def _there(
        self,
        k: int,
        day: int,
        held: ExposureDays,
        seen: Seen,
        context: SimulationContext,
        asked: NDArray[np.bool_],
    ) -> ExposureDays:
        """What phones hold of the sources that are asked for, of users, of meetings that took place."""
        rank, level = self.town.world.rank, self.policies[k].level
        rows = np.flatnonzero(asked & (rank[held.source] < level) & (rank[held.person] < level))
        held = held.take(rows)
        local = context.days.pieces.local[held.day]
        there = self._happened(k, day, local, held.source, held.person, seen)
        return held.take(np.flatnonzero(there))

    def _as_told(self, context: SimulationContext, told: Notifications) -> Told:
        return Told(
            told.person.astype(np.int64),
            told.index_case.astype(np.int64),
            told.told_s - self.town.midnight_s,
            told.source.astype(np.int64),
            self._published_since_s(context, told.source),
        )

    def _traced(self, k: int, day: int, cases: NDArray[np.int64], seen: Seen, near: Near) -> Told:
        """Whom tracers call: risky contacts from some days before onset on, each named or not."""
        epidemic = self.policies[k].context.scenario.epidemic
        assert epidemic is not None
        table = near.take(np.flatnonzero(self._among(cases, near.case)))
        seed = self.town.world.seed
        share = np.array(
            [epidemic.manual.household, epidemic.manual.named, epidemic.manual.strangers]
        )
        u = _pair_uniforms(seed, "manual_found", table.case, table.other)

        def since_s(case: NDArray[np.integer]) -> NDArray[np.int64]:
            # Who has no symptoms, or not yet, is asked for the days before the result.
            from_s = np.minimum(seen.onset_s(k, case), seen.result_s(k, case))
            return (from_s // DAY_S - epidemic.manual.before_onset_days) * DAY_S

        on = table.day - self.town.look_back + 1 + day
        keep = (u < share[table.kind]) & (on * DAY_S >= since_s(table.case))
        keep &= self._happened(k, day, table.day, table.case, table.other, seen)
        told = _told_at(table.take(np.flatnonzero(keep)), self.town.world.n_people, 0)
        wait = -epidemic.manual.delay_days * np.log1p(
            -_pair_uniforms(seed, "manual_delay", told.case, told.person)
        )
        at = seen.result_s(k, told.case) + (wait * DAY_S).astype(np.int64)
        return told._replace(told_s=np.maximum(at, (day + 1) * DAY_S), since_s=since_s(told.case))

    def _among(self, some: NDArray[np.integer], person: NDArray[np.integer]) -> NDArray[np.bool_]:
        """``bool[n]``: each person is one of ``some``."""
        there = np.zeros(self.town.world.n_people, np.bool_)
        there[some] = True
        return np.asarray(there[person])

    def _happened(
        self,
        k: int,
        day: int,
        local: NDArray[np.integer],
        one: NDArray[np.integer],
        other: NDArray[np.integer],
        seen: Seen,
    ) -> NDArray[np.bool_]:
        """``bool[n]``: neither was at home on that day of the look-back, or it is the same home."""
        on = local - self.town.look_back + 1 + day
        away = ~(seen.at_home(k, on, one) | seen.at_home(k, on, other))
        return np.asarray(away | (self._household[one] == self._household[other]))

    def _with_onsets(
        self, k: int, day: int, cases: NDArray[np.int64], seen: Seen
    ) -> SimulationContext:
        """The arm's context on a day, with the onsets of its cases."""
        onset = np.full(self.town.world.n_people, NO_ONSET, np.int64)
        own_s = seen.onset_s(k, cases)
        # Who will fall ill later is somebody without symptoms when the keys are published.
        ill = own_s < (day + 1) * DAY_S
        onset[cases] = np.where(ill, own_s + self.town.midnight_s, NO_ONSET)
        return replace(self.town.bound(self.policies[k].context, day), known_onset_s=onset)


def _told_at(table: Near, n_people: int, told_s: int) -> Told:
    """Each pair once."""
    pair = np.unique(table.case.astype(np.int64) * n_people + table.other)
    case, person = np.divmod(pair, n_people)
    return Told.of(person, case, np.full(len(pair), told_s, np.int64))


def _pair_uniforms(
    seed: int, name: str, one: NDArray[np.integer], other: NDArray[np.integer]
) -> NDArray[np.float64]:
    """``float64[n]`` in [0, 1): one an ordered pair."""
    first = rng.draws(stream(seed, name), one)
    with np.errstate(over="ignore"):
        pair = (first + other.astype(np.uint64) * np.uint64(rng.GOLDEN)).view(np.int64)
    return rng.uniforms(stream(seed, name, 1), pair)
