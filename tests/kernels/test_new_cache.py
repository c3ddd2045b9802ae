"""Kernels in a new cache: what is compiled first must not decide whether the rest compiles."""

from __future__ import annotations

import subprocess
import sys

import pytest

from helpers.commands import environment

LOOK_UP = """
import numpy as np
import bluezone_sim as bz
from bluezone_sim import protocols
key = np.arange(16, dtype=np.uint8)[None]
keys = bz.PublishedKeys(key, np.array([86400]), np.array([144], np.int32))
own = protocols.get("gaen").identifiers(key, 86400)[0, :1]
seen = bz.Sightings(
    np.zeros(1, np.int32), np.array([86_400_000]), own, np.zeros(1, np.int16), "gaen"
)
assert bz.match(keys, seen, "gaen").row.tolist() == [0]
"""


@pytest.mark.slow
def test_a_look_up_is_the_first_thing_that_is_compiled(tmp_path):
    """Its kernel allocates nothing and calls one that does, on processors without wide instructions."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK_UP],
        env=environment(NUMBA_CACHE_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
