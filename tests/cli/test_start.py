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


#: Runs a small scenario and writes it.
_RUN = """
import scipy.special  # of SciPy 1.13 it loads scipy.sparse
import sys
before = set(sys.modules)
import bluezone_sim as bz
bz.run(bz.load("small.toml")).save("out")
names = ("pandas", "scipy.stats", "scipy.sparse")
print("LOADED", *(name for name in names if name in sys.modules and name not in before))
"""
_SMALL = """
name = "small"
date = 2020-08-12
look_back_days = 4
population = { people = 300, smartphones = 220, districts = [{ name = "A", people = 300 }] }
adoption = { levels = [1.0] }
index_cases = { count = 20, f2_count = 5 }
"""


def test_a_run_loads_nothing_that_it_does_not_use(tmp_path):
    (tmp_path / "small.toml").write_text(_SMALL, encoding="utf-8")
    root = os.path.dirname(os.path.dirname(bluezone_sim.__file__))
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["LOADED"], done.stderr
    assert (tmp_path / "out" / "metrics.parquet").exists()
