"""What figures are measured with: keys, sightings of strangers, published keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..protocols.protocol import DAY_S
from ..tables.rows import PublishedKeys, Sightings

#: A UTC midnight on which an interval of GAEN starts.
START_S = 1_596_844_800
DAYS = 14


def random_keys(size: int, n: int, seed: int = 1) -> NDArray[np.uint8]:
    """``uint8[n, size]``."""
    return np.random.default_rng(seed).integers(0, 256, (n, size), np.uint8)


def sightings_of(name: str, n: int, published: PublishedKeys) -> Sightings:
    """``n`` sightings of strangers over fourteen days, and one of each of the first 20 published keys."""
    system = protocols.get_key_protocol(name)
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 256, (n, system.id_size), np.uint8)
    step_ms = DAYS * DAY_S * 1000 / n
    times = START_S * 1000 + (np.arange(n) * step_ms).astype(np.int64)
    few = min(len(published), 20)
    own = system.identifiers(published.key[:few], published.start_s[:few])
    for k in range(few):
        interval = (k * 7) % system.intervals_per_key
        at_ms = (int(published.start_s[k]) + interval * system.interval_s + 1) * 1000
        row = min(n - 1, int((at_ms - START_S * 1000) / step_ms))
        ids[row], times[row] = own[k, interval], at_ms
    return Sightings(
        observer=np.zeros(n, np.int32),
        time_ms=times,
        identifier=ids,
        rssi_dbm=np.full(n, -70, np.int16),
        protocol=name,
    )


def published_keys(name: str, n: int) -> PublishedKeys:
    """``n`` keys of fourteen days, in turn."""
    system = protocols.get_key_protocol(name)
    return PublishedKeys(
        random_keys(system.key_size, n, seed=3),
        START_S + (np.arange(n) % DAYS).astype(np.int64) * DAY_S,
        np.full(n, system.intervals_per_key, np.int32),
    )
