"""A town for a model of disease: its contacts on any day, and whom it warns of cases on any day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...kernels.contacts.transmission import DOSES, HOUSEHOLD, fill_doses
from ...kernels.threads import available_threads
from ...scenario.model import Scenario
from ...scenario.schema.epidemic import Transmission
from ...tables.days import Days
from ...tables.rows import Contacts
from ...world import World, build_world
from ..context import SimulationContext, StageTimer
from .segments import segments_of

T = TypeVar("T")
#: What a minute counts where nothing else is said.
TRANSMISSION = Transmission()


class Exposure(NamedTuple):
    """Pairs that met, sorted by (a, b).

    Attributes:
        a, b: ``int32[p]``.
        minutes: ``float64[p]``, that count: weighted by distance, within a household up to its cap a day.
        household: ``bool[p]``, some of it in their household.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    minutes: NDArray[np.float64]
    household: NDArray[np.bool_]


@dataclass(frozen=True)
class Town:
    """People, their contacts and their phones, through the days of an epidemic.

    Day 0 is the day after the scenario's date. Contacts of days before it are there too, as far as phones
    look back. Everything is a pure function of scenario and seed, so a town has no state, and any
    number of models may share it.

    Attributes:
        scenario: the scenario.
        context: bound to all days, those of the first look-back among them.
        n_days: days of the epidemic.
    """

    scenario: Scenario
    context: SimulationContext
    n_days: int

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
        """Makes the people of a scenario.

        Args:
            scenario: from :func:`bluezone_sim.load`.
            seed: replaces the scenario's.
            days: of the epidemic; by default those of its ``[epidemic]``.
            threads: to use; no number depends on it.
            world: of the scenario and the seed, where it is there already.

        Raises:
            InputError: contacts are those of a trace, which has its own days alone, or no days are given.
        """
        if scenario.contacts.source == "trace":
            raise InputError(
                "contacts.source: a trace has contacts on its own days alone, and an epidemic needs them "
                "on any; expected generated"
            )
        if days is None:
            if scenario.epidemic is None:
                raise InputError("epidemic: the scenario has none, so days must be given")
            days = scenario.epidemic.days
        seed = scenario.seed if seed is None else seed
        world = build_world(scenario, seed) if world is None else world
        made = SimulationContext.build(
            through(scenario, days), world, threads or available_threads(), StageTimer()
        )
        return cls(scenario, made, days)

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: it has no state."""
        return self

    @property
    def world(self) -> World:
        """Its people."""
        return self.context.world

    @property
    def look_back(self) -> int:
        """Days that phones look back."""
        return self.scenario.look_back_days

    @property
    def midnight_s(self) -> int:
        """Unix seconds of the midnight that begins day 0."""
        return int(self.context.days.start_s[self.look_back])

    def day(self, day: int) -> Days:
        """One day, from minus the look-back on."""
        return self.days(day, 1)

    def days(self, last: int, n: int) -> Days:
        """The ``n`` days that end with ``last``."""
        whole, end = self.context.days, self.look_back + last + 1
        of = slice(end - n, end)
        ends_s = np.append(whole.start_s[1:], whole.end_s)
        return Days(whole.number[of], whole.start_s[of], whole.weekday[of], int(ends_s[end - 1]))

    def contacts(
        self, persons: NDArray[np.integer], day: int, *, threads: int | None = None
    ) -> Contacts:
        """Contacts of ``persons`` on a day, each with the person as ``a``.

        Args:
            persons: distinct people.
            day: of the epidemic.
            threads: to use; by default the town's.
        """
        who = np.asarray(persons, np.int32)
        model = self.context.contact_model
        return model.contacts_of(who, self.day(day), threads=threads or self.context.threads)

    def whole_day(self, day: int, visit: Callable[[Contacts], T]) -> list[T]:
        """Every contact of a day once; see :meth:`bluezone_sim.world.ContactModel.whole_day`."""
        context = self.context
        return context.contact_model.whole_day(
            context.days, self.look_back + day, visit, threads=context.threads
        )

    def exposure(self, contacts: Contacts, transmission: Transmission = TRANSMISSION) -> Exposure:
        """Minutes of each pair that count, see ``[epidemic.transmission]``.

        Args:
            contacts: of one day.
            transmission: what a minute counts.
        """
        minutes = doses(contacts, transmission)
        key = contacts.a.astype(np.int64) * self.world.n_people + contacts.b
        pair, inverse = np.unique(key, return_inverse=True)
        a, b = np.divmod(pair, self.world.n_people)
        home = np.zeros(len(pair), np.bool_)
        home[inverse[contacts.setting == HOUSEHOLD]] = True
        return Exposure(
            a.astype(np.int32),
            b.astype(np.int32),
            np.bincount(inverse, minutes, len(pair)).astype(np.float64),
            home,
        )

    def bound(self, context: SimulationContext, day: int) -> SimulationContext:
        """A context of this town, bound to the look-back that ends with ``day``."""
        days = self.days(day, self.look_back)
        name = context.scenario.protocol.name
        keys = type(context.keys).of(self.world, name, int(days.start_s[0]), days.end_s)
        # What is made together depends on how many days that is.
        scenario = context.scenario.model_copy(update={"look_back_days": self.look_back})
        return replace(context, scenario=scenario, days=days, keys=keys)

    def beside(self, scenario: Scenario) -> SimulationContext:
        """A context of the same people under another protocol, rule or radio."""
        if scenario == self.scenario:
            return self.context
        whole = through(scenario, self.n_days)
        if scenario.protocol == self.scenario.protocol:
            return self.context.beside(whole)
        own = self.context
        return SimulationContext.build(whole, own.world, own.threads, own.clock)


def through(scenario: Scenario, days: int) -> Scenario:
    """The scenario with the days of an epidemic behind its look-back."""
    return scenario.model_copy(
        update={
            "date": scenario.date + dt.timedelta(days=days),
            "look_back_days": scenario.look_back_days + days,
        }
    )


def doses(contacts: Contacts, transmission: Transmission) -> NDArray[np.float64]:
    """``float64[n]``: minutes of each segment that count."""
    out = np.empty(len(contacts))
    kind = DOSES.index(transmission.dose)
    fill_doses(segments_of(contacts), kind, transmission.household_cap_min, out)
    return out
