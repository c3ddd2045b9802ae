"""Whatever the program writes, killed at every step: the old or the new is there, and it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from helpers.cutting import STEPS
from helpers.kills import HALVED, WRITTEN

#: Steps that each takes at least: were one not made through the disk's calls, it would not be cut there.
LEAST = {
    "run": 16,
    "run --force": 19,
    "sweep": 86,
    "sweep into an empty folder": 105,
    "sweep with more values": 99,
    "sweep redone": 50,
    "sweep listed anew": 19,
    "sweep of an earlier version": 45,
    "report": 38,
    "report --out": 40,
    "report --out again": 36,
    "validate --out": 11,
    "capture": 9,
    "sightings": 9,
    "keys": 9,
}


def test_all_that_is_written_is_cut():
    assert LEAST.keys() == WRITTEN.keys()
    assert len(STEPS) == 8


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    """By what was written: how many kills, or what went wrong."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork, of POSIX")
    done = subprocess.run(
        [sys.executable, "-m", "helpers.kills", tmp_path_factory.mktemp("kills")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_the_same_again_goes_on(kills, name):
    assert len(kills[name]) == 1 + (name in HALVED)
    for found in kills[name]:
        assert isinstance(found, int), found
        assert found >= LEAST[name]
