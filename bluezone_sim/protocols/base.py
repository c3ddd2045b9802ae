"""What protocols share: the interface of the systems that publish keys, and key tables unrolled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as TypingProtocol
from typing import runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables import PublishedKeys

DAY_S = 86_400


@dataclass(frozen=True)
class Unrolled:
    """Published keys taken apart into unit keys, each of which gives one run of identifiers.

    Attributes:
        keys: ``uint8[m, key_size]``.
        start_ms: ``int64[m]``, unix milliseconds at which each unit's interval 0 starts.
        first: ``int32[m]``, first interval wanted.
        count: ``int32[m]``, intervals wanted from there.
        interval_ms: ``int64[m]``, length of an interval.
        parent: ``int32[m]``, row of the published table.
    """

    keys: NDArray[np.uint8]
    start_ms: NDArray[np.int64]
    first: NDArray[np.int32]
    count: NDArray[np.int32]
    interval_ms: NDArray[np.int64]
    parent: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.start_ms)


@runtime_checkable
class KeyProtocol(TypingProtocol):
    """A system in which cases publish keys and phones derive identifiers from them.

    Attributes:
        name: as in :func:`bluezone_sim.protocols.get`.
        key_size, id_size: bytes.
        interval_s: how long an identifier is in use, seconds.
        intervals_per_key: identifiers that one key gives.
        tolerance_s: how far outside its interval a sighting still matches, seconds.
        retention_s: how long phones keep sightings, seconds.
    """

    @property
    def name(self) -> str: ...
    @property
    def key_size(self) -> int: ...
    @property
    def id_size(self) -> int: ...
    @property
    def interval_s(self) -> int: ...
    @property
    def intervals_per_key(self) -> int: ...
    @property
    def tolerance_s(self) -> int: ...
    @property
    def retention_s(self) -> int: ...

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64],
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """``uint8[n, count, id_size]``, in derivation order."""
        ...

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """Unit keys of a published table."""
        ...


def check_published(published: PublishedKeys, key_size: int) -> None:
    """Raises TableError unless the table has keys of ``key_size`` bytes and sensible columns."""
    key, start, count = published.key, published.start_s, published.count
    if key.dtype != np.uint8 or key.ndim != 2 or key.shape[1] != key_size:
        raise TableError(
            f"published.key: expected uint8[n, {key_size}], found {key.dtype}{list(key.shape)}"
        )
    if not np.issubdtype(start.dtype, np.integer) or not np.issubdtype(count.dtype, np.integer):
        raise TableError("published.start_s and published.count: expected integers")
    bad = np.flatnonzero(count < 0)
    if len(bad):
        raise TableError(f"published.count: row {bad[0]} is negative ({count[bad[0]]})")
