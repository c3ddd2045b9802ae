"""A scenario is data: what shows or checks one loads nothing that computes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import bluezone_sim

HEAVY = ("numpy", "numba", "scipy", "pyarrow", "matplotlib")
_CODE = f"""
import sys
from bluezone_sim.cli import main
code = main(sys.argv[1:])
loaded = [name for name in {HEAVY!r} if name in sys.modules]
print("LOADED", code, *loaded, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["schema"],
        ["show", "yen-bai-2020"],
        ["show", "yen-bai-2020", "--resolved"],
        ["show", "yen-bai-campaign", "--resolved", "--set", "seed=2"],
        ["show", "yen-bai-2020", "--resolved", "--set", "protocol.name=gean"],
        ["new", "mine.toml"],
    ],
    ids=" ".join,
)
def test_a_scenario_is_data(arguments, tmp_path):
    root = os.path.dirname(os.path.dirname(bluezone_sim.__file__))
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("LOADED")]
    _, code, *loaded = said.split()
    assert loaded == []
    assert code == ("2" if "gean" in arguments[-1] else "0")
