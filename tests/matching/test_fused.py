"""Keys with every number of identifiers, in indexes of few, many and made-up rows, by every unit."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bluezone_sim import protocols
from bluezone_sim.kernels import cpu
from bluezone_sim.kernels.lookup import fused
from bluezone_sim.kernels.lookup.exact import build_index, collect, words_of
from bluezone_sim.kernels.units import table

SHA, AES = cpu.available()
#: Look-up, bytes of a key and of an identifier, most identifiers of a key, first times.
KINDS = {
    "gaen": (fused.gaen, 16, 16, 144, 1_596_844_800),
    "bluezone": (fused.bluezone, 32, 12, 96, 0),
}


def tables(rng: np.random.Generator, ids: np.ndarray) -> list[np.ndarray]:
    """What is looked in: identifiers of keys, near misses, zeros, counters, and one 5,000 times."""
    some = [ids[rng.integers(0, len(ids), n)] for n in (0, 1, 2, 63, 64, 65, 300)]
    odd = some[-1].copy()
    odd[np.arange(300), rng.integers(0, ids.shape[1], 300)] ^= 1
    odd[:20], odd[20:40] = 0, np.arange(20)[:, None]
    return [*some, odd, np.repeat(ids[7:8], 5000, axis=0)]


@pytest.mark.parametrize("units", sorted({f"{s}+{a}" for s in SHA for a in AES}))
@pytest.mark.parametrize("kind", KINDS)
def test_a_look_up_equals_that_in_a_set(kind, units, monkeypatch):
    look_up, size, width, most, start = KINDS[kind]
    rng = np.random.default_rng(len(units))
    n = most + 1
    key = rng.integers(0, 256, (n, size), np.uint8)
    key[0], key[1], key[3] = 0, 255, key[2]
    starts = np.full(n, start, np.int64)
    ids = protocols.get(kind).identifiers(key, starts)
    counts = np.arange(n, dtype=np.int32)[::-1].copy()
    with monkeypatch.context() as m, ThreadPoolExecutor(2) as pool:
        m.setenv(cpu.VARIABLE, units)
        table.fill()
        for seen in tables(rng, ids.reshape(-1, width)):
            index = build_index(words_of(seen), np.arange(len(seen), dtype=np.uint32))
            rows = defaultdict(list)
            for row, identifier in enumerate(seen):
                rows[identifier.tobytes()].append(row)
            want = [
                (k, j, row)
                for k in range(n)
                for j in range(int(counts[k]))
                for row in rows.get(ids[k, j].tobytes(), ())
            ]

            def found(guess: int, index=index) -> list[tuple[int, ...]]:
                def call(work):
                    return look_up(index, key, starts, counts, (0, n), work)

                return sorted(map(tuple, collect(call, width // 4, guess).tolist()))

            assert list(pool.map(found, (1, 6000))) == [sorted(want)] * 2
    table.fill()
