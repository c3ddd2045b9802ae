"""Bluezone's keys: a random base id, a hash of it a day, and 96 identifiers of each.

Version 2 is read from the app's published sources (BluezoneIdGenerator and BluezoneIdTrace of
BluezoneGlobal/react-native-bluetooth-scan). A phone makes a random 32-byte base id on day D0; the
daily key is hashed once a day, each day's sub-keys are a SHA-256 chain from it, and 12 bytes of a
sub-key are on air for 15 minutes. Version 1 (white paper, May 2020) had one fixed identifier.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ...kernels.crypto.sha256 import bluezone_identifiers, ratchet
from ...tables.rows import PublishedKeys
from ..protocol import DAY_S, Protocol
from ..units import UnitKeys, check_published, day_units
from .wire import V1_DIGITS, V1_ID_BYTES


def identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """Of daily keys. Starts are not needed."""
    bluezone_identifiers(keys, out.shape[1], out, threads=threads)


def next_keys(base: NDArray[np.uint8], days: int, *, threads: int = 1) -> NDArray[np.uint8]:
    """The base id as the key of day 0, then a SHA-256 a day."""
    return ratchet(base, days - 1, threads=threads)


def units(published: PublishedKeys, protocol: Protocol) -> UnitKeys:
    """One unit a day: the published key, then its hashes.

    ``meta["max"]``, where given, is the server's number of sub-keys a day. As in the app, the first
    sub-key's interval starts at the published start and an interval lasts 86,400,000 // max milliseconds.

    Raises:
        TableError: a column is of the wrong kind or out of range.
    """
    check_published(published, protocol.key_size)
    usual = np.full(len(published), protocol.intervals_per_key)
    per_day: NDArray[Any] = published.meta.get("max", usual)
    bad = np.flatnonzero((per_day < 1) | (per_day > DAY_S))
    if len(bad):
        raise TableError(
            f'published.meta["max"]: row {bad[0]} is {per_day[bad[0]]}, expected 1 to {DAY_S}'
        )
    return day_units(published, per_day.astype(np.int64), protocol.daily_keys, shuffled=False)


def fixed(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """``uint8[n, 6]``: version 1's; the bias of words modulo 62 to the 6th is below 2**-28."""
    left = np.asarray(words, np.uint64)
    digits = np.frombuffer(V1_DIGITS, np.uint8)
    out = np.empty((len(left), V1_ID_BYTES), np.uint8)
    for i in range(V1_ID_BYTES):
        out[:, i] = digits[(left % np.uint64(62)).astype(np.int64)]
        left = left // np.uint64(62)
    return out
