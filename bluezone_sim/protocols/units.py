"""Published keys taken apart into unit keys, each of which gives one run of identifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import PublishedKeys

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class UnitKeys:
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

    def take(self, rows: NDArray[np.integer]) -> UnitKeys:
        """Units by number."""
        return UnitKeys(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def check_kinds(published: PublishedKeys, key_size: int) -> None:
    """Raises TableError unless the columns are of the right kinds, and keys have ``key_size`` bytes."""
    key, start, count = published.key, published.start_s, published.count
    if key.dtype != np.uint8 or key.ndim != 2 or key.shape[1] != key_size:
        raise TableError(
            f"published.key: expected uint8[n, {key_size}], found {key.dtype}{list(key.shape)}"
        )
    if start.dtype.kind not in "iu" or count.dtype.kind not in "iu":
        raise TableError("published.start_s and published.count: expected integers")


def check_published(published: PublishedKeys, key_size: int, most: int | None = None) -> None:
    """Raises TableError unless the table has keys of ``key_size`` bytes and sensible columns."""
    check_kinds(published, key_size)
    start, count = published.start_s, published.count
    row = first_row((start < 0) | (start >= 1 << 40))
    if row is not None:
        raise TableError(f"published.start_s: row {row}: {start[row]} is no unix time")
    row = first_row(count < 0 if most is None else (count < 0) | (count > most))
    if row is not None:
        limit = "0 or more" if most is None else f"0 to {most}"
        raise TableError(f"published.count: row {row}: expected {limit}, found {count[row]}")


def first_row(wrong: NDArray[np.bool_]) -> int | None:
    """The first row that is wrong; None where none is, which is told the quickest."""
    return int(wrong.argmax()) if np.count_nonzero(wrong) else None


def single_units(
    published: PublishedKeys, step_ms: int, valid_ms: int, keys: NDArray[np.uint8] | None = None
) -> UnitKeys:
    """Each published key is a unit of its own."""
    n = len(published.start_s)
    step = np.full(n, step_ms, np.int64)
    return UnitKeys(
        keys=np.ascontiguousarray(published.key if keys is None else keys),
        start_ms=published.start_s.astype(np.int64) * 1000,
        count=published.count.astype(np.int32),
        step_ms=step,
        valid_ms=step if valid_ms == step_ms else np.full(n, valid_ms, np.int64),
        parent=np.arange(n, dtype=np.int32),
    )


def day_units(
    published: PublishedKeys,
    per_day: int | NDArray[np.int64],
    chain: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]],
    *,
    shuffled: bool,
) -> UnitKeys:
    """Keys that ratchet from day to day: a unit a day, as many as the published intervals need.

    Args:
        published: one row an entry.
        per_day: identifiers a day, a number or ``int64[n]``.
        chain: ``daily_keys(base, days)`` of the protocol.
        shuffled: phones send a day's identifiers in an order of their own.
    """
    n = len(published)
    per_day = np.broadcast_to(np.asarray(per_day, np.int64), n)
    interval_ms = _DAY_MS // per_day
    days = -(-published.count.astype(np.int64) // per_day)
    parent = np.repeat(np.arange(n), days)
    day = np.arange(len(parent)) - np.repeat(np.cumsum(days) - days, days)
    keys = chain(published.key, max(1, int(days.max(initial=0))))
    done = day * per_day[parent]
    return UnitKeys(
        keys=np.ascontiguousarray(keys[parent, day]),
        start_ms=published.start_s.astype(np.int64)[parent] * 1000 + done * interval_ms[parent],
        count=np.minimum(per_day[parent], published.count[parent] - done).astype(np.int32),
        step_ms=np.zeros(len(parent), np.int64) if shuffled else interval_ms[parent],
        valid_ms=np.full(len(parent), _DAY_MS, np.int64) if shuffled else interval_ms[parent],
        parent=parent.astype(np.int32),
    )
