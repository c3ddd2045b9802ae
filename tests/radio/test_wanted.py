"""Records of some links out of those of all."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim.kernels.radio.availability import ALL_HOURS
from bluezone_sim.kernels.radio.link_budget import Phones
from bluezone_sim.kernels.radio.scans import Links
from bluezone_sim.radio.parameters import model_of
from bluezone_sim.radio.records import (
    padded,
    record_buffers,
    records_of,
    wanted_buffers,
    wanted_of,
)
from bluezone_sim.scenario.profiles import load_profile
from verification.radio_cells import START_S, always_on

PEOPLE, LINKS = 60, 900


def links(n: int) -> Links:
    """Some of them out of reach."""
    rng = np.random.default_rng(8)
    who = rng.integers(0, PEOPLE, n)
    return padded(
        Links(
            observer=who,
            emitter=(who + 1 + rng.integers(0, PEOPLE - 1, n)) % PEOPLE,
            contact=np.arange(n),
            place=np.arange(n),
            midnight_s=np.full(n, START_S // 86_400 * 86_400),
            hours=np.where(rng.random(n) < 0.8, ALL_HOURS, 0),
            start_s=START_S + rng.integers(0, 20_000, n),
            duration_s=rng.choice([60, 900, 20_000], n),
            distance_m=rng.uniform(0.5, 30, n),
            p_clear=np.ones(n),
            queue=np.zeros(n),
        )
    )


@pytest.mark.parametrize("n", [LINKS, 5])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("profile", ["bluezone", "gaen"])
def test_of_wanted_links_the_same_records_are_made(profile, share, n):
    none = np.zeros(PEOPLE)
    phones = Phones(none - 20, none, np.arange(PEOPLE) % 3 == 0)
    model = model_of(load_profile(profile), phones, 4, table=always_on())
    table = links(n)
    rows = np.flatnonzero(np.random.default_rng(1).random(n) < share)
    every = [np.stack(r) for r in records_of(table, record_buffers(model, 200), 0, n)]
    pieces = [np.stack(r) for r in wanted_of(table, wanted_buffers(model, 200), n, rows)]
    everything = np.concatenate(every, axis=1)
    found = np.concatenate(pieces, axis=1)
    assert everything.shape[1] > 0
    np.testing.assert_array_equal(found, everything[:, np.isin(everything[0], rows)])
    if n == LINKS and share == 1:
        assert len(pieces) > 2  # more than the buffers hold at once
