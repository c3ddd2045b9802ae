"""The core under pytest-benchmark: ``pytest tests/benchmarks --benchmark-enable``."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim import index_sightings, match, protocols
from bluezone_sim.benchmarks.workload import START_S, published_keys, sightings_of

KEYS = 2_000


@pytest.mark.parametrize("name", ["bluezone", "gaen", "dp3t-lowcost", "tcn"])
def test_identifiers(benchmark, name):
    system = protocols.get(name)
    keys = np.random.default_rng(0).integers(0, 256, (KEYS, system.key_size), np.uint8)
    out = np.empty((KEYS, system.intervals_per_key, system.id_size), np.uint8)
    ids = benchmark(lambda: system.identifiers(keys, START_S, None, out))
    assert ids is out


@pytest.mark.parametrize("name", ["bluezone", "gaen", "dp3t-lowcost"])
@pytest.mark.parametrize("observed", [10_000, 100_000])
def test_matching(benchmark, name, observed):
    published = published_keys(name, KEYS)
    index = index_sightings(sightings_of(name, observed, published), name)
    found = benchmark(lambda: match(published, index, name))
    # The twenty keys that sightings_of put there, and no stranger.
    assert set(found.key.tolist()) == set(range(20))
