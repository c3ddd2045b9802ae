"""Which key a phone has when, what it sends, what is published of it: by a protocol's facts, from a seed.

A *unit* is the time for which a protocol has one key: a day of Bluezone, GAEN, low-cost DP-3T or TCN, a
window of hybrid DP-3T, an epoch of unlinkable DP-3T. Simulated populations have a scenario's seed; phones
that go on air have a random one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..tables.rows import PublishedKeys
from .protocol import DAY_S, Keys, Protocol, called


class OwnKeys(Interface):
    """Keys that are made in a way of their own (``made="own"``); called with the protocol.

    ``secret uint8[n, 32]`` are the phones' random secrets, ``installed int64[n]`` the days, since 1970,
    on which they made them; a phone that installs later has that day's key on any day before.
    """

    def unit_keys(
        self, secret: NDArray[np.uint8], installed: NDArray[np.int64], first: int, n: int
    ) -> NDArray[np.uint8]:
        """``uint8[phones, n, bytes]``: keys of ``n`` units from unit ``first`` since 1970 on."""

    def identifiers(
        self, secret: NDArray[np.uint8], installed: NDArray[np.int64], first: int, n: int
    ) -> NDArray[np.uint8]:
        """``uint8[phones * n, per_key, id_bytes]``: what they send, unit after unit of each phone."""

    def published(
        self, secret: NDArray[np.uint8], installed: NDArray[np.int64], first_s: int, last_s: int
    ) -> PublishedKeys:
        """What is published, as many rows of each phone as ``publishes`` says."""


@dataclass(frozen=True)
class KeySchedule:
    """Every phone's keys, made when asked for.

    Attributes:
        protocol: one that publishes keys.
        seed: of all secrets.
        installed: by phone, the day since 1970 on which it makes its first secret; or one for all.
    """

    protocol: Protocol
    seed: int
    installed: NDArray[np.integer] | int

    @cached_property
    def facts(self) -> Keys:
        """The protocol's."""
        return self.protocol.published_keys

    @cached_property
    def _own(self) -> OwnKeys | None:
        schedule = self.facts.schedule
        return None if schedule is None else called(schedule)(self.protocol)

    @property
    def a_key_a_day(self) -> bool:
        """A phone has one key a UTC day, from which nothing but its identifiers follow."""
        return self.protocol.unit_s == DAY_S and self._own is None

    # -- secrets -----------------------------------------------------------------------------------

    def secrets(self, phone: NDArray[np.integer]) -> NDArray[np.uint8]:
        """``uint8[n, 32]``: the random secret that each phone makes on its install day."""
        return self._random(phone, 0, 32)

    def _random(self, at: NDArray[np.integer], first: int, size: int) -> NDArray[np.uint8]:
        """``uint8[..., size]`` at coordinates ``at``."""
        words = [
            rng.draws(rng.key(self.seed, "base_id", first + k), at) for k in range(-(-size // 8))
        ]
        out = np.ascontiguousarray(np.stack(words, axis=-1)).view(np.uint8)
        return out if out.shape[-1] == size else np.ascontiguousarray(out[..., :size])

    def _since(self, phone: NDArray[np.integer]) -> NDArray[np.int64]:
        """``int64[n]``: install days."""
        if isinstance(self.installed, np.ndarray):
            return np.asarray(self.installed[phone], np.int64)
        return np.full(len(phone), self.installed, np.int64)

    def unit_keys(self, phone: NDArray[np.integer], first: int, n: int) -> NDArray[np.uint8]:
        """``uint8[phones, n, bytes]``: keys of ``n`` units from unit ``first`` since 1970 on.

        Phones that install later have no key yet and get that of their install day, where keys come
        from one another.
        """
        if self._own is not None:
            return self._own.unit_keys(self.secrets(phone), self._since(phone), first, n)
        if self.facts.made == "ratchet":
            return self._day_keys(phone, first, n)
        return self._random(self._pairs(phone, first, n), 4, self.facts.bytes)

    def keys_by_day(
        self, phone: NDArray[np.integer], days: range, *, threads: int = 1
    ) -> Iterator[NDArray[np.uint8]]:
        """``uint8[phones, bytes]`` of one UTC day after the other; see :attr:`a_key_a_day`."""
        if self.facts.made != "ratchet":
            for day in days:
                yield self.unit_keys(phone, day, 1)[:, 0]
            return
        keys = self._day_keys(phone, days[0], 1)[:, 0]
        installed = self._since(phone)
        yield keys
        for day in days[1:]:
            step = self.protocol.daily_keys(keys, 2, threads=threads)[:, 1]
            there = installed < day
            keys = step.copy() if there.all() else np.where(there[:, None], step, keys)
            yield keys

    def _pairs(self, phone: NDArray[np.integer], first: int, n: int) -> NDArray[np.int64]:
        """``int64[phones, n]``: a coordinate of a phone and a unit."""
        who = rng.draws(rng.key(self.seed, "base_id"), phone)
        units = np.arange(first, first + n).astype(np.uint64)
        with np.errstate(over="ignore"):
            return (who[:, None] + units * np.uint64(rng.GOLDEN)).view(np.int64)

    def _day_keys(self, phone: NDArray[np.integer], first: int, n: int) -> NDArray[np.uint8]:
        base = self._random(phone, 0, self.facts.bytes)
        installed = self._since(phone)
        out = np.empty((len(phone), n, self.facts.bytes), np.uint8)
        for day in np.unique(installed):  # as many as a campaign has days
            rows = np.flatnonzero(installed == day)
            steps = np.maximum(first + np.arange(n) - day, 0)
            chain = self.protocol.daily_keys(base[rows], int(steps[-1]) + 1)
            out[rows] = chain[:, steps]
        return out

    # -- on air ------------------------------------------------------------------------------------

    def identifiers(
        self, phone: NDArray[np.integer], first_day: int, n_days: int
    ) -> NDArray[np.uint8]:
        """``uint8[n, n_days * intervals, id_bytes]``: identifiers on air, in order of time.

        ``first_day`` counts days since 1970-01-01.
        """
        unit_s = self.protocol.unit_s
        a_day = DAY_S // unit_s
        first, n = first_day * a_day, n_days * a_day
        if self._own is not None:
            ids = self._own.identifiers(self.secrets(phone), self._since(phone), first, n)
        else:
            keys = self.unit_keys(phone, first, n)
            flat = np.ascontiguousarray(keys.reshape(-1, keys.shape[-1]))
            starts = np.tile((first + np.arange(n)) * unit_s, len(phone))
            ids = self.protocol.identifiers(flat, starts)
        if self.facts.order == "shuffled":
            order = self._order(phone, first, n).reshape(len(ids), -1)
            ids = np.take_along_axis(ids, order[:, :, None], axis=1)
        return np.asarray(ids.reshape(len(phone), -1, ids.shape[-1]))

    def _order(self, phone: NDArray[np.integer], first: int, n: int) -> NDArray[np.int64]:
        """``int64[phones, n, per unit]``: which of a unit's identifiers is sent when."""
        unit = rng.draws(rng.key(self.seed, "base_id", 3), self._pairs(phone, first, n))
        slot = np.arange(self.facts.per_key).astype(np.uint64)
        with np.errstate(over="ignore"):
            each = (unit[:, :, None] + slot * np.uint64(rng.GOLDEN)).view(np.int64)
        draws = rng.draws(rng.key(self.seed, "base_id", 2), each)
        return np.asarray(np.argsort(draws, axis=2, kind="stable"))

    def payload_at(
        self,
        phone: NDArray[np.integer],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
        identifier: NDArray[np.uint8],
        tx_power_dbm: NDArray[np.int64],
    ) -> NDArray[np.uint8] | None:
        """``uint8[n, k]``: what ``phone[who]`` sends beside identifiers; None where that is nothing.

        Args:
            phone: distinct ones.
            who: index into ``phone``.
            time_ms: unix milliseconds.
            identifier: ``uint8[n, id_bytes]``, sent then.
            tx_power_dbm: of each of ``phone``.
        """
        if self.facts.payload is None:
            return None
        if not len(who):
            return np.empty((0, self.protocol.wire.payload_bytes[0]), np.uint8)
        unit = time_ms // (1000 * self.protocol.unit_s)
        first = int(unit.min())
        keys = self.unit_keys(phone, first, int(unit.max()) - first + 1)[who, unit - first]
        out: NDArray[np.uint8] = called(self.facts.payload)(keys, identifier, tx_power_dbm[who])
        return out

    # -- published ---------------------------------------------------------------------------------

    def keys_per_phone(self, first_s: int, last_s: int) -> int:
        """Rows of :meth:`published` for each phone."""
        if self.facts.publishes == "first":
            return 1
        # The unit after the last is the first that starts when the look-back has ended.
        return -(-last_s // self.protocol.unit_s) - first_s // self.protocol.unit_s

    def published(self, phone: NDArray[np.integer], first_s: int, last_s: int) -> PublishedKeys:
        """What an authority publishes: :meth:`keys_per_phone` rows of each phone, in order.

        Bluezone, low-cost DP-3T: the first day's key, from which phones walk to later days. GAEN: a
        key a day, the last one cut at the publication. Hybrid and unlinkable DP-3T: a seed a window or
        epoch. TCN: one report of the numbers of the look-back.

        Args:
            phone: distinct ones.
            first_s, last_s: the look-back, unix seconds.
        """
        if self._own is not None:
            return self._own.published(self.secrets(phone), self._since(phone), first_s, last_s)
        facts, unit_s = self.facts, self.protocol.unit_s
        first, n = first_s // unit_s, self.keys_per_phone(first_s, last_s)
        keys = self.unit_keys(phone, first, n)
        starts = (first + np.arange(n)) * unit_s
        counts = -(-(last_s - starts) // self.protocol.interval_s)
        if facts.order == "shuffled":  # any of a unit's identifiers may have been sent already
            counts = -(-counts // facts.per_key) * facts.per_key
        if facts.publishes == "each":  # such a key is good for its own unit only
            counts = np.minimum(counts, facts.per_key)
        return PublishedKeys(
            key=np.ascontiguousarray(keys.reshape(-1, facts.bytes)),
            start_s=np.tile(starts, len(phone)),
            count=np.tile(counts, len(phone)).astype(np.int32),
        )


@dataclass(frozen=True)
class ServerSecrets:
    """What a server draws that hands out identifiers.

    Attributes:
        seed: of all of it.
        first_s: first unix second of the look-back.
        n_users: users that are registered, from 0 on.
    """

    seed: int
    first_s: int
    n_users: int

    def secret(self, number: int, size: int) -> bytes:
        """A key of the server's own."""
        draws = rng.draws(rng.key(self.seed, "server", number), np.arange(-(-size // 8)))
        return draws.tobytes()[:size]

    def word(self, *coordinates: int) -> int:
        """64 random bits at coordinates."""
        return rng.key(self.seed, "server", *coordinates)

    def draws(self, stream: tuple[int, ...], at: NDArray[np.int64]) -> NDArray[np.uint64]:
        """``uint64[n]``: random words of a stream."""
        return rng.draws(self.word(*stream), at)
