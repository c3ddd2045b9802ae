"""What protocols share: the interface of the systems that publish keys, and key tables unrolled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import PublishedKeys
from .ad import Advertisement

DAY_S = 86_400
DAY_MS = 1000 * DAY_S


@dataclass(frozen=True)
class Unrolled:
    """Published keys taken apart into unit keys, each of which gives one run of identifiers.

    Attributes:
        keys: ``uint8[m, key_size]``.
        start_ms: ``int64[m]``, unix milliseconds at which each unit starts.
        count: ``int32[m]``, identifiers wanted, from the unit's first on.
        step_ms: ``int64[m]``, from one identifier's start to the next one's; 0 where their order is not
            told, as where phones shuffle them.
        valid_ms: ``int64[m]``, how long an identifier is valid.
        parent: ``int32[m]``, row of the published table.
    """

    keys: NDArray[np.uint8]
    start_ms: NDArray[np.int64]
    count: NDArray[np.int32]
    step_ms: NDArray[np.int64]
    valid_ms: NDArray[np.int64]
    parent: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, rows: NDArray[np.integer]) -> Unrolled:
        """Units by number."""
        return Unrolled(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Protocol(ABC):
    """A system, as the air has it.

    Attributes:
        name: as in :func:`bluezone_sim.protocols.get`.
        id_size: bytes.
        retention_s: how long phones keep sightings, seconds.
    """

    name: ClassVar[str]
    id_size: ClassVar[int]
    retention_s: ClassVar[int]

    def __repr__(self) -> str:
        return f"<protocol {self.name}>"

    @abstractmethod
    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """Advertising data that carries an identifier.

        Raises:
            TableError: the identifier or the payload is of another size.
        """

    @abstractmethod
    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """The identifier in advertising data; None unless every byte of the form is as it should be."""


class KeyProtocol(Protocol):
    """A system in which cases publish keys and phones derive identifiers from them.

    Attributes:
        key_size: bytes.
        interval_s: how long an identifier is on air, seconds.
        intervals_per_key: identifiers that one key gives.
        tolerance_s: how far outside its validity a sighting still matches, seconds.
    """

    key_size: ClassVar[int]
    interval_s: ClassVar[int]
    intervals_per_key: ClassVar[int]
    tolerance_s: ClassVar[int]

    @abstractmethod
    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64],
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """Identifiers of keys, in derivation order, never shuffled.

        Args:
            keys: ``uint8[n, key_size]``.
            starts_s: unix time at which each key's validity starts, a scalar or ``int64[n]``.
            count: how many a key, by default all.
            out: ``uint8[n, count, id_size]``, contiguous, written and returned where given.
            threads: threads to use.

        Returns:
            ``uint8[n, count, id_size]``.

        Raises:
            TableError: an array has another dtype or shape, or a start is out of range.
        """

    @abstractmethod
    def unroll(self, published: PublishedKeys) -> Unrolled:
        """Unit keys of a published table.

        Raises:
            TableError: a column is of the wrong kind or out of range.
        """

    def expand(
        self, unit_keys: NDArray[np.uint8], starts_s: NDArray[np.int64], count: int
    ) -> NDArray[np.uint8]:
        """``uint8[n, count, id_size]``: identifiers of unit keys, from their first on."""
        return self.identifiers(unit_keys, starts_s, count)

    def attenuation_db(
        self,
        keys: NDArray[np.uint8],
        identifier: NDArray[np.uint8],
        payload: NDArray[np.uint8] | None,
        rssi_dbm: NDArray[np.int16],
    ) -> NDArray[np.float32] | None:
        """Attenuation of matched sightings, ``float32[n]``, where the protocol tells the TX power."""
        return None


def check_published(published: PublishedKeys, key_size: int, most: int | None = None) -> None:
    """Raises TableError unless the table has keys of ``key_size`` bytes and sensible columns."""
    key, start, count = published.key, published.start_s, published.count
    if key.dtype != np.uint8 or key.ndim != 2 or key.shape[1] != key_size:
        raise TableError(
            f"published.key: expected uint8[n, {key_size}], found {key.dtype}{list(key.shape)}"
        )
    if not np.issubdtype(start.dtype, np.integer) or not np.issubdtype(count.dtype, np.integer):
        raise TableError("published.start_s and published.count: expected integers")
    bad = np.flatnonzero((start < 0) | (start >= 1 << 40))
    if len(bad):
        raise TableError(f"published.start_s: row {bad[0]}: {start[bad[0]]} is no unix time")
    wrong = count < 0 if most is None else (count < 0) | (count > most)
    bad = np.flatnonzero(wrong)
    if len(bad):
        limit = "0 or more" if most is None else f"0 to {most}"
        raise TableError(f"published.count: row {bad[0]}: expected {limit}, found {count[bad[0]]}")


def unroll_single(
    published: PublishedKeys, step_ms: int, valid_ms: int, keys: NDArray[np.uint8] | None = None
) -> Unrolled:
    """Each published key is a unit of its own."""
    n = len(published)
    return Unrolled(
        keys=np.ascontiguousarray(published.key if keys is None else keys),
        start_ms=published.start_s.astype(np.int64) * 1000,
        count=published.count.astype(np.int32),
        step_ms=np.full(n, step_ms, np.int64),
        valid_ms=np.full(n, valid_ms, np.int64),
        parent=np.arange(n, dtype=np.int32),
    )


def unroll_days(
    published: PublishedKeys,
    per_day: NDArray[np.int64],
    chain: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]],
    *,
    shuffled: bool,
) -> Unrolled:
    """Keys that ratchet from day to day: a unit a day, as many as the published intervals need.

    Args:
        published: one row an entry.
        per_day: ``int64[n]``, identifiers a day.
        chain: ``daily_keys(base, days)`` of the protocol.
        shuffled: phones send a day's identifiers in an order of their own.
    """
    n = len(published)
    interval_ms = DAY_MS // per_day
    days = -(-published.count.astype(np.int64) // per_day)
    parent = np.repeat(np.arange(n), days)
    day = np.arange(len(parent)) - np.repeat(np.cumsum(days) - days, days)
    keys = chain(published.key, max(1, int(days.max(initial=0))))
    done = day * per_day[parent]
    return Unrolled(
        keys=np.ascontiguousarray(keys[parent, day]),
        start_ms=published.start_s.astype(np.int64)[parent] * 1000 + done * interval_ms[parent],
        count=np.minimum(per_day[parent], published.count[parent] - done).astype(np.int32),
        step_ms=np.zeros(len(parent), np.int64) if shuffled else interval_ms[parent],
        valid_ms=np.full(len(parent), DAY_MS, np.int64) if shuffled else interval_ms[parent],
        parent=parent.astype(np.int32),
    )
