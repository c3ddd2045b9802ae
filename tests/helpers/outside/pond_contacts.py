"""The code of :mod:`pond_sim` that stands on the simulator's."""

from __future__ import annotations

import numpy as np

from bluezone_sim.tables.rows import Contacts
from bluezone_sim.world.adoption import number_through
from bluezone_sim.world.contact_model import ContactModel
from bluezone_sim.world.world import People


class RingModel(ContactModel):
    def __init__(self, n_people, p):
        self.n_people, self.p = n_people, p

    def contacts_of(self, persons, days, *, ordered=False, threads=1):
        n, d = self.n_people, len(days)
        a = np.repeat(np.asarray(persons, np.int64), 2 * d)
        day = np.tile(np.repeat(np.arange(d), 2), len(persons))
        step = np.tile([-1, 1], d * len(persons))
        b = (a + step) % n
        keep = b != a
        if ordered:
            keep &= b > a
        a, b, day = a[keep], b[keep], day[keep]
        left = np.minimum(a, b) + n * (np.abs(a - b) > 1)
        return Contacts(
            contact=(left * 100_000 + days.number[day]).astype(np.uint64),
            group=np.full(len(a), -1, np.int64),
            a=a.astype(np.int32),
            b=b.astype(np.int32),
            start_s=days.start_s[day] + 12 * 3600,
            duration_s=np.full(len(a), 60 * self.p.minutes, np.int32),
            distance_m=np.full(len(a), self.p.distance_m, np.float32),
            setting=np.full(len(a), 6, np.uint8),
        )

    def crowds(self, contacts, days, rank, level):
        return np.full(len(contacts), 2, np.int64)


def people(n):
    everybody = np.arange(n)
    nobody = everybody[:0], everybody[:0]
    return People(
        urban=np.ones(n, bool),
        age=np.full(n, 30, np.uint8),
        groups=number_through(n, [(everybody, everybody // 4), nobody, nobody, nobody]),
        activity=np.ones(n),
        weight=np.ones(n),
    )
