"""The phones' keys: secrets from the seed, identifiers on air, and what is published.

A *unit* is the time for which a protocol has one key: a day of Bluezone, GAEN, low-cost DP-3T or TCN, a
window of hybrid DP-3T, an epoch of unlinkable DP-3T.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..kernels import rng
from ..protocols import gaen, tcn
from ..protocols.protocol import DAY_S, KeyProtocol
from ..tables.rows import PublishedKeys
from ..world import World

#: Protocols whose phones send a unit's identifiers in an order of their own.
_SHUFFLED = ("dp3t-lowcost", "dp3t-hybrid")


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

    @property
    def unit_s(self) -> int:
        """Time for which there is one key, seconds."""
        system: KeyProtocol = self.protocol
        return system.intervals_per_key * system.interval_s

    # -- secrets -----------------------------------------------------------------------------------

    def base_keys(self, person: NDArray[np.int32]) -> NDArray[np.uint8]:
        """``uint8[n, 32]``: the random secret that each phone makes on its install day."""
        words = [rng.draws(rng.key(self.world.seed, "base_id", k), person) for k in range(4)]
        return np.ascontiguousarray(np.stack(words, axis=1)).view(np.uint8)

    def unit_keys(self, person: NDArray[np.int32], first: int, n: int) -> NDArray[np.uint8]:
        """``uint8[people, n, key_size]``: keys of ``n`` units from unit ``first`` since 1970 on.

        Phones that install later have no key yet and get that of their install day, where keys come
        from one another.
        """
        if self.protocol.name == "tcn":
            return self._tcn_keys(person, first, n)
        if hasattr(self.protocol, "daily_keys"):
            return self._day_keys(person, first, n)
        # A fresh random key each unit.
        pair = self._pairs(person, first, n)
        size = self.protocol.key_size
        words = [
            rng.draws(rng.key(self.world.seed, "base_id", 4 + k), pair) for k in range(size // 8)
        ]
        return np.ascontiguousarray(np.stack(words, axis=2)).view(np.uint8)

    @property
    def a_key_a_day(self) -> bool:
        """A phone has one key a UTC day, from which nothing but its identifiers follow."""
        return self.unit_s == DAY_S and self.protocol.name != "tcn"

    def keys_by_day(
        self, person: NDArray[np.int32], days: range, *, threads: int = 1
    ) -> Iterator[NDArray[np.uint8]]:
        """``uint8[people, key_size]`` of one UTC day after the other; see :attr:`a_key_a_day`."""
        if not hasattr(self.protocol, "daily_keys"):
            for day in days:
                yield self.unit_keys(person, day, 1)[:, 0]
            return
        keys = self._day_keys(person, days[0], 1)[:, 0]
        installed = self.world.install_day[person]
        yield keys
        for day in days[1:]:
            step = self.protocol.daily_keys(keys, 2, threads=threads)[:, 1]
            there = installed < day
            keys = step.copy() if there.all() else np.where(there[:, None], step, keys)
            yield keys

    def _pairs(self, person: NDArray[np.int32], first: int, n: int) -> NDArray[np.int64]:
        """``int64[people, n]``: a coordinate of a person and a unit."""
        who = rng.draws(rng.key(self.world.seed, "base_id"), person)
        units = np.arange(first, first + n).astype(np.uint64)
        with np.errstate(over="ignore"):
            return (who[:, None] + units * np.uint64(rng.GOLDEN)).view(np.int64)

    def _day_keys(self, person: NDArray[np.int32], first: int, n: int) -> NDArray[np.uint8]:
        base = self.base_keys(person)
        installed = self.world.install_day[person]
        out = np.empty((len(person), n, self.protocol.key_size), np.uint8)
        for day in np.unique(installed):  # as many as a campaign has days
            rows = np.flatnonzero(installed == day)
            steps = np.maximum(first + np.arange(n) - day, 0)
            chain = self.protocol.daily_keys(base[rows], int(steps[-1]) + 1)
            out[rows] = chain[:, steps]
        return out

    def _tcn_keys(self, person: NDArray[np.int32], first: int, n: int) -> NDArray[np.uint8]:
        """rvk and the contact key before each day's first number; they ratchet with each number."""
        out = np.empty((len(person), n, 64), np.uint8)
        per_day = self.protocol.intervals_per_key
        for i, secret in enumerate(self.base_keys(person)):
            public, contact_key = tcn.first_contact_key(secret.tobytes())
            prefix = b"H_TCK" + public
            out[i, :, :32] = np.frombuffer(public, np.uint8)
            at = int(self.world.install_day[person[i]])
            for k in range(n):
                while at < first + k:
                    for _ in range(per_day):
                        contact_key = hashlib.sha256(prefix + contact_key).digest()
                    at += 1
                out[i, k, 32:] = np.frombuffer(contact_key, np.uint8)
        return out

    # -- on air ------------------------------------------------------------------------------------

    def identifiers(
        self, person: NDArray[np.int32], first_day: int, n_days: int
    ) -> NDArray[np.uint8]:
        """``uint8[n, n_days * intervals, id_size]``: identifiers on air, in order of time.

        ``first_day`` counts days since 1970-01-01.
        """
        a_day = DAY_S // self.unit_s
        first, n = first_day * a_day, n_days * a_day
        keys = self.unit_keys(person, first, n)
        flat = np.ascontiguousarray(keys.reshape(-1, keys.shape[-1]))
        starts = np.tile((first + np.arange(n)) * self.unit_s, len(person))
        if self.protocol.name == "tcn":
            index = self._tcn_index(person, first_day)[:, None] + np.arange(n) * 96
            ids = self.protocol.identifiers(flat, start_index=index.reshape(-1))
        else:
            ids = self.protocol.identifiers(flat, starts)
        if self.protocol.name in _SHUFFLED:
            order = self._order(person, first, n).reshape(len(ids), -1)
            ids = np.take_along_axis(ids, order[:, :, None], axis=1)
        return np.asarray(ids.reshape(len(person), -1, ids.shape[-1]))

    def _order(self, person: NDArray[np.int32], first: int, n: int) -> NDArray[np.int64]:
        """``int64[people, n, per unit]``: which of a unit's identifiers is sent when."""
        unit = rng.draws(rng.key(self.world.seed, "base_id", 3), self._pairs(person, first, n))
        slot = np.arange(self.protocol.intervals_per_key).astype(np.uint64)
        with np.errstate(over="ignore"):
            each = (unit[:, :, None] + slot * np.uint64(rng.GOLDEN)).view(np.int64)
        draws = rng.draws(rng.key(self.world.seed, "base_id", 2), each)
        return np.asarray(np.argsort(draws, axis=2, kind="stable"))

    def _tcn_index(self, person: NDArray[np.int32], day: int) -> NDArray[np.int64]:
        """``int64[n]``: number of the first contact number of a UTC day; the first is 1."""
        days = np.maximum(day - self.world.install_day[person].astype(np.int64), 0)
        return np.asarray(1 + days * self.protocol.intervals_per_key)

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

    def payload_at(
        self,
        person: NDArray[np.int32],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
        identifier: NDArray[np.uint8],
    ) -> NDArray[np.uint8] | None:
        """``uint8[n, 4]``: the encrypted metadata of ``person[who]``, which holds the calibrated TX
        power; None but for GAEN."""
        if self.protocol.name != "gaen":
            return None
        if not len(who):
            return np.empty((0, gaen.METADATA_BYTES), np.uint8)
        day = time_ms // (1000 * DAY_S)
        first = int(day.min())
        keys = self.unit_keys(person, first, int(day.max()) - first + 1)[who, day - first]
        power = np.clip(np.rint(self.world.tx_power_dbm[person]), -127, 127).astype(np.int64)
        return gaen.crypt_metadata(
            np.ascontiguousarray(keys), identifier, gaen.metadata(power)[who]
        )

    # -- published ---------------------------------------------------------------------------------

    @property
    def keys_per_person(self) -> int:
        """Rows of :meth:`published` for each person."""
        if self.protocol.name in ("bluezone", "dp3t-lowcost", "tcn"):
            return 1
        return self._last_unit - self.first_s // self.unit_s

    @property
    def _last_unit(self) -> int:
        """The first unit that starts when the look-back has ended."""
        return -(-self.last_s // self.unit_s)

    def published(self, person: NDArray[np.int32]) -> PublishedKeys:
        """What the authority publishes: :attr:`keys_per_person` rows of each person, in order.

        Bluezone, low-cost DP-3T: the first day's key, from which phones walk to later days. GAEN: a
        key a day, the last one cut at the publication. Hybrid and unlinkable DP-3T: a seed a window or
        epoch. TCN: one report of the numbers of the look-back.
        """
        system: KeyProtocol = self.protocol
        first = self.first_s // self.unit_s
        start_s = first * self.unit_s
        n = self.keys_per_person
        if system.name == "tcn":
            return self._tcn_report(person)
        keys = self.unit_keys(person, first, n)
        starts = start_s + np.arange(n) * self.unit_s
        counts = -(-(self.last_s - starts) // system.interval_s)
        if system.name in _SHUFFLED:  # any of a unit's identifiers may have been sent already
            counts = -(-counts // system.intervals_per_key) * system.intervals_per_key
        if not hasattr(system, "daily_keys"):  # such a key is good for its own unit only
            counts = np.minimum(counts, system.intervals_per_key)
        return PublishedKeys(
            key=np.ascontiguousarray(keys.reshape(-1, system.key_size)),
            start_s=np.tile(starts, len(person)),
            count=np.tile(counts, len(person)).astype(np.int32),
        )

    def _tcn_report(self, person: NDArray[np.int32]) -> PublishedKeys:
        interval_s = self.protocol.interval_s
        first_day = self.first_s // DAY_S
        skip = self.first_s % DAY_S // interval_s
        keys = self._tcn_keys(person, first_day, 1)[:, 0]
        for row in keys:
            public, contact_key = row[:32].tobytes(), row[32:].tobytes()
            for _ in range(skip):
                contact_key = hashlib.sha256(b"H_TCK" + public + contact_key).digest()
            row[32:] = np.frombuffer(contact_key, np.uint8)
        count = -(-(self.last_s - first_day * DAY_S) // interval_s) - skip
        return PublishedKeys(
            key=keys,
            start_s=np.full(len(person), self.first_s // interval_s * interval_s, np.int64),
            count=np.full(len(person), count, np.int32),
            meta={"start_index": self._tcn_index(person, first_day) + skip},
        )
