"""The phones' keys: base identifiers from the seed, identifiers on air, and what is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import protocols
from .kernels import rng
from .tables import PublishedKeys
from .world import World

DAY_S = 86_400


@dataclass(frozen=True)
class KeyRing:
    """Every phone's keys, made from the seed when asked for.

    Attributes:
        world: the population.
        protocol: the system on the phones.
        first_s, last_s: the look-back, unix seconds; keys cover the UTC days that hold it.
    """

    world: World
    protocol: Any
    first_s: int
    last_s: int

    @classmethod
    def of(cls, world: World, protocol_name: str, first_s: int, last_s: int) -> KeyRing:
        """Keys of a protocol for a look-back."""
        return cls(world, protocols.get_key_protocol(protocol_name), first_s, last_s)

    def base_keys(self, person: NDArray[np.int32]) -> NDArray[np.uint8]:
        """``uint8[n, 32]``: the random base id that each phone makes on its install day."""
        words = [rng.draws(rng.key(self.world.seed, "base_id", k), person) for k in range(4)]
        return np.ascontiguousarray(np.stack(words, axis=1)).view(np.uint8)

    def day_keys(self, person: NDArray[np.int32], first_day: int, n_days: int) -> NDArray[np.uint8]:
        """``uint8[n, n_days, key_size]``: keys of the UTC days from ``first_day`` on.

        ``first_day`` counts days since 1970-01-01; phones that install later have no key yet and get
        that of their install day.
        """
        base = self.base_keys(person)
        installed = self.world.install_day[person]
        out = np.empty((len(person), n_days, self.protocol.key_size), np.uint8)
        for day in np.unique(installed):  # as many as a campaign has days
            rows = np.flatnonzero(installed == day)
            steps = np.maximum(first_day + np.arange(n_days) - day, 0)
            chain = self.protocol.daily_keys(base[rows], int(steps[-1]) + 1)
            out[rows] = chain[:, steps]
        return out

    def identifiers(
        self, person: NDArray[np.int32], first_day: int, n_days: int
    ) -> NDArray[np.uint8]:
        """``uint8[n, n_days * intervals, id_size]``: identifiers on air, in order of time."""
        keys = self.day_keys(person, first_day, n_days)
        flat = keys.reshape(-1, keys.shape[-1])
        starts = np.tile((first_day + np.arange(n_days)) * DAY_S, len(person))
        ids = self.protocol.identifiers(flat, starts)
        return np.asarray(ids.reshape(len(person), -1, ids.shape[-1]))

    def identifiers_at(
        self,
        person: NDArray[np.int32],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        """``uint8[n, id_size]``: what ``person[who]`` sends at each time.

        Args:
            person: distinct people.
            who: index into ``person``.
            time_ms: unix milliseconds.
        """
        if not len(who):
            return np.empty((0, self.protocol.id_size), np.uint8)
        first_day = int(time_ms.min() // (1000 * DAY_S))
        n_days = int(time_ms.max() // (1000 * DAY_S)) - first_day + 1
        table = self.identifiers(person, first_day, n_days)
        interval = (time_ms - first_day * DAY_S * 1000) // (self.protocol.interval_s * 1000)
        return np.asarray(table[who, interval])

    def published(self, person: NDArray[np.int32]) -> PublishedKeys:
        """What the authority publishes of each person: the first day's key and the time it covers.

        Phones walk the chain to later days themselves.
        """
        first_day = self.first_s // DAY_S
        start_s = first_day * DAY_S
        count = -(-(self.last_s - start_s) // self.protocol.interval_s)
        return PublishedKeys(
            key=np.ascontiguousarray(self.day_keys(person, first_day, 1)[:, 0]),
            start_s=np.full(len(person), start_s, np.int64),
            count=np.full(len(person), count, np.int32),
        )
