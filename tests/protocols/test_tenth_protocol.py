"""A protocol that a package brings runs end to end: the example, without an install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bluezone_sim

ROOT = Path(__file__).parents[2]
#: Where the package under test is, with its compiled kernels.
PACKAGE = Path(bluezone_sim.__file__).parents[1]
EXAMPLE = ROOT / "examples" / "herald-protocol"
_SCENARIO = """
name = "tenth"
date = 2020-08-12
look_back_days = 2
[population]
people = 300
smartphones = 220
districts = [{ name = "A", people = 300 }]
[adoption]
levels = [0.5, 1.0]
[index_cases]
count = 20
f2_count = 3
"""
_POINT = "[bluezone_sim.protocols]\n{name} = {value}\n"


def install(folder: Path, name: str = "herald", value: str = "herald_sim:HERALD") -> Path:
    """A folder that Python takes for one with an installed package."""
    info = folder / "tenth-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tenth\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_POINT.format(name=name, value=value))
    return folder


def call(site: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """The command, or a program, with the package on the path."""
    what = ["-c", code] if code else ["-m", "bluezone_sim"]
    path = os.pathsep.join(map(str, (site, EXAMPLE, PACKAGE)))
    return subprocess.run(
        [sys.executable, *what, *arguments],
        capture_output=True, text=True, cwd=site, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


@pytest.fixture
def site(tmp_path):
    (tmp_path / "s.toml").write_text(_SCENARIO)
    return install(tmp_path / "site").parent


@pytest.mark.slow
def test_a_run_finds_the_same_in_each_mode(site):
    found = []
    for mode in ((), ("--set", "protocol.identifiers=full"), ("--set", "protocol.histories=whole")):
        done = call(
            site / "site", "run", "../s.toml", "--set", "protocol.name=herald", *mode, "--json",
            "--force", "--out", "out",
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        found.append([m["recall"] for m in json.loads(done.stdout)["levels"]])
    assert found[0] == found[1] == found[2]
    assert found[0][-1] > 0


def test_its_own_check_passes_and_captures_know_it(site):
    code = """
import numpy as np
from herald_sim import HERALD
from bluezone_sim import protocols, match
from bluezone_sim.ble.sending.crowd import SendingPhones, key_file_name
from bluezone_sim.testing import check_protocol
check_protocol(HERALD)
assert protocols.names()[-1] == "herald" and protocols.get("herald") is HERALD
found = protocols.recognise(HERALD.advertisement(bytes(range(16))))
assert found.protocols == ("herald",) and found.identifier == bytes(range(16))
crowd = SendingPhones("herald", 2)
sent = [crowd.identifier(0, 1_700_000_000.0 + 360 * k)[0] for k in range(3)]
assert len(set(sent)) == 3 and set(sent) <= crowd.identifiers()
assert HERALD.files[0].read(crowd.key_file(), "k").key.tobytes() == crowd.published().key.tobytes()
assert key_file_name(HERALD) == "herald-keys.txt"
"""
    done = call(site / "site", code=code)
    assert done.returncode == 0, done.stderr


def test_a_misspelt_protocol_gets_the_nearest_of_all(site):
    done = call(site / "site", "run", "../s.toml", "--set", "protocol.name=heralt")
    assert done.returncode == 2
    assert "did you mean 'herald'?" in done.stderr
    assert "'bluezone', 'gaen'" in done.stderr
    assert "bluezone-v1" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("gaen", "herald_sim:HERALD", "of tenth and of bluezone_sim itself"),
        ("tenth", "herald_sim:HERALD", "calls itself 'herald'"),
        ("tenth", "nothing_there:X", "the package tenth: nothing_there:X cannot be imported"),
        ("tenth", "herald_sim:PER_DAY", "is of type int, expected a Protocol"),
    ],
)
def test_a_package_at_fault_is_named(tmp_path, name, value, words):
    site = install(tmp_path / "site", name, value)
    done = call(site, code="from bluezone_sim import protocols as p; p.names(); p.get('tenth')")
    assert words in done.stderr
