"""The generated contacts as a diary would record them: only those in which people talk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels import rng
from ...kernels.contacts.meetings import permute_many
from ...scenario.chosen import ContactsTable
from ...scenario.schema.layers import RoomLayer
from ...tables.days import Days
from ...tables.settings import SETTINGS
from ...world import World, contact_model

#: Places of the diary, and which of them each setting is.
PLACES = ("home", "school", "work", "transport", "leisure", "other")
_PLACE_OF = np.array([0, 0, 1, 2, 3, 4, 5])
#: Upper ends of the diary's duration classes but the last, seconds.
DURATION_CLASSES_S = (300, 900, 3600, 14_400)
#: Lower ends of the age groups.
AGE_GROUPS = (0, 6, 16, 26, 35, 50, 65)
#: A pair that met on so many of 14 days met "daily or almost daily".
ALMOST_DAILY, FORTNIGHT = 9, 14


@dataclass(frozen=True)
class Diary:
    """What participants would have written on every day of a fortnight.

    Attributes:
        people_met: ``int64[participants, days]``.
        by_place: ``float64[6]``, contacts a day at each of :data:`PLACES`.
        by_day: ``float64[days]``, people met, mean over participants.
        durations: ``float64[6, 5]``, shares of :data:`DURATION_CLASSES_S` at each place.
        almost_daily: share of contacts with people met almost daily.
        ages: ``float64[groups, groups]``, people of each group (column) that one of a group meets a day.
        age_share: ``float64[groups]``, of the population.
    """

    people_met: NDArray[np.int64]
    by_place: NDArray[np.float64]
    by_day: NDArray[np.float64]
    durations: NDArray[np.float64]
    almost_daily: float
    ages: NDArray[np.float64]
    age_share: NDArray[np.float64]

    @property
    def assortativity(self) -> float:
        """Contacts within one's own age group, over what they were if people met at random."""
        weight = self.age_share * self.ages.sum(axis=1)
        inside = (self.age_share * np.diag(self.ages)).sum() / weight.sum()
        return float(inside / (self.age_share * weight / weight.sum()).sum())


def keep_diary(
    world: World, table: ContactsTable, days: Days, participants: int, *, threads: int = 1
) -> Diary:
    """Lets people of the population keep the survey's diary.

    Args:
        world: the population, generated.
        table: its contact parameters.
        days: 14 local days.
        participants: how many people, drawn by key.
        threads: threads to use; the result does not depend on it.
    """
    talking = {
        name: layer.model_copy(update={"session_h": [0.0, 0.0]})
        for name in SETTINGS
        if isinstance(layer := getattr(table, name), RoomLayer)
    }
    n = world.n_people
    drawn = permute_many(np.uint64(rng.key(world.seed, "index_cases")), np.arange(participants), n)
    people = np.sort(drawn).astype(np.int32)
    model = contact_model(world, table.model_copy(update=talking))
    c = model.contacts_of(people, days, threads=threads)
    day, who = days.index_of(c.start_s), np.searchsorted(people, c.a)
    # A contact is one of a person, an other and a place on a day, in pieces of an hour.
    meeting, first, of = np.unique(
        ((who * n + c.b) * len(days) + day) * len(SETTINGS) + c.setting,
        return_index=True,
        return_inverse=True,
    )
    duration_s = np.bincount(of, c.duration_s)
    place = _PLACE_OF[c.setting[first]]
    classes = np.searchsorted(DURATION_CLASSES_S, duration_s, side="right")
    counts = np.zeros((len(PLACES), len(DURATION_CLASSES_S) + 1))
    np.add.at(counts, (place, classes), 1)
    # People met: one that is met at two places counts once.
    met = np.unique(meeting // len(SETTINGS))
    pair, at = np.divmod(met, len(days))
    who = pair // n
    people_met = np.bincount(who * len(days) + at, minlength=participants * len(days))
    people_met = people_met.reshape(participants, len(days))
    _, again, times = np.unique(pair, return_inverse=True, return_counts=True)
    group = np.searchsorted(AGE_GROUPS, world.age, side="right") - 1
    ages = np.zeros((len(AGE_GROUPS), len(AGE_GROUPS)))
    np.add.at(ages, (group[people[who]], group[pair % n]), 1)
    size = np.bincount(group[people], minlength=len(AGE_GROUPS))
    return Diary(
        people_met=people_met,
        by_place=counts.sum(axis=1) / people_met.size,
        by_day=people_met.mean(axis=0),
        durations=counts / np.maximum(counts.sum(axis=1, keepdims=True), 1),
        almost_daily=float(np.mean(times[again] >= ALMOST_DAILY)) if len(met) else 0.0,
        ages=ages / np.maximum(size, 1)[:, None] / len(days),
        age_share=np.bincount(group, minlength=len(AGE_GROUPS)) / n,
    )
