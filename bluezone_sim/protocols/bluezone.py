"""Bluezone v2 (Bkav, Vietnam): identifiers, the server's message to phones, a phone's history.

Read from the app's published sources (BluezoneIdGenerator and BluezoneIdTrace of
BluezoneGlobal/react-native-bluetooth-scan). A phone makes a random 32-byte base id on day D0; the
daily key is hashed once a day, each day's sub-keys are a SHA-256 chain from it, and 12 bytes of a
sub-key are on air for 15 minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables import PublishedKeys
from .base import DAY_S, Unrolled, check_published

#: Sub-keys a day unless the server says otherwise.
SUBKEYS_PER_DAY = 96
#: Company id of the manufacturer data, and the 16-bit service UUID ("VN").
COMPANY_ID = 0x22B5
SERVICE_UUID = 0x4E56


@dataclass(frozen=True)
class Bluezone:
    """Bluezone v2."""

    name: str = "bluezone"
    key_size: int = 32
    id_size: int = 12
    interval_s: int = DAY_S // SUBKEYS_PER_DAY
    intervals_per_key: int = SUBKEYS_PER_DAY
    #: A sighting matches within the identifier's own interval, both ends included.
    tolerance_s: int = 0
    #: White paper; the app's code deletes nothing.
    retention_s: int = 14 * DAY_S

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """Identifiers of daily keys, in order of time.

        Args:
            keys: ``uint8[n, 32]`` daily keys.
            starts_s: not needed: a daily key alone gives its identifiers.
            count: how many a key, by default 96.
            out: ``uint8[n, count, 12]``, written and returned where given.
            threads: threads to use.

        Returns:
            ``uint8[n, count, 12]``.

        Raises:
            TableError: an array has another dtype or shape.
        """
        from ..kernels.sha256 import bluezone_identifiers

        n = self.intervals_per_key if count is None else count
        return bluezone_identifiers(keys, n, out, threads=threads)

    def daily_keys(
        self, base: NDArray[np.uint8], days: int, *, threads: int = 1
    ) -> NDArray[np.uint8]:
        """``uint8[n, days, 32]``: the base id as the key of day 0, then a SHA-256 a day.

        Raises:
            TableError: ``base`` is not ``uint8[n, 32]``, or ``days`` is below 1.
        """
        from ..kernels.sha256 import ratchet

        if days < 1:
            raise TableError(f"days: expected at least 1, found {days}")
        return ratchet(base, days - 1, threads=threads)

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """One unit a day: the published key, then its hashes.

        ``meta["max"]``, where given, is the server's number of sub-keys a day. As in the app, the
        first sub-key's interval starts at the published start and an interval lasts
        86,400,000 // max milliseconds.

        Raises:
            TableError: a column is of the wrong kind or out of range.
        """
        check_published(published, self.key_size)
        n = len(published)
        per_day: NDArray[Any] = published.meta.get("max", np.full(n, SUBKEYS_PER_DAY))
        bad = np.flatnonzero((per_day < 1) | (per_day > DAY_S))
        if len(bad):
            raise TableError(
                f'published.meta["max"]: row {bad[0]} is {per_day[bad[0]]}, expected 1 to {DAY_S}'
            )
        per_day = per_day.astype(np.int64)
        interval_ms = DAY_S * 1000 // per_day
        days = -(-published.count.astype(np.int64) // per_day)
        parent = np.repeat(np.arange(n), days)
        day = np.arange(len(parent)) - np.repeat(np.cumsum(days) - days, days)
        longest = int(days.max(initial=0))
        chain = self.daily_keys(published.key, max(1, longest))
        done = day * per_day[parent]
        return Unrolled(
            keys=np.ascontiguousarray(chain[parent, day]),
            start_ms=published.start_s[parent] * 1000 + done * interval_ms[parent],
            first=np.zeros(len(parent), np.int32),
            count=np.minimum(per_day[parent], published.count[parent] - done).astype(np.int32),
            interval_ms=interval_ms[parent],
            parent=parent.astype(np.int32),
        )


def advertisement(identifier: bytes) -> bytes:
    """AD structures of an Android phone: service UUID 4E56, manufacturer data 22B5 with the id.

    Raises:
        TableError: the identifier is not 12 bytes long.
    """
    if len(identifier) != 12:
        raise TableError(f"identifier: expected 12 bytes, found {len(identifier)}")
    uuid = b"\x03\x03" + SERVICE_UUID.to_bytes(2, "little")
    return uuid + b"\x0f\xff" + COMPANY_ID.to_bytes(2, "little") + identifier
