"""A rehearsal compiles what a run needs, and a run says so while it compiles."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bluezone_sim.kernels.compiling import watch
from bluezone_sim.simulation.rehearsal import COMPILING, helped
from helpers.commands import environment
from helpers.paths import ROOT

#: Prints the kernels, with types, that a rehearsal has used, and those that a run then used besides.
CODE = """
import json, sys
sys.path.insert(0, {tests!r})
from bluezone_sim.kernels import decorators
used = []
add = decorators._Whole.add_overload
def note(self, made):
    used.append(f"{{self.py_func.__name__}} {{made.signature}}")
    add(self, made)
decorators._Whole.add_overload = note
from bluezone_sim.simulation import engine
from bluezone_sim.simulation.rehearsal import rehearse
from helpers.small import scenario
rehearse({protocol!r})
rehearsed = sorted(used)
used.clear()
engine.run(scenario(protocol__name={protocol!r}), threads=1)
print(json.dumps([rehearsed, sorted(used)]))
"""


@pytest.mark.parametrize("protocol", ["bluezone", "gaen"])
def test_a_run_compiles_nothing_after_a_rehearsal(protocol):
    code = CODE.format(tests=str(ROOT / "tests"), protocol=protocol)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rehearsed, besides = json.loads(done.stdout)
    assert len(rehearsed) >= 10
    assert {name.split()[0] for name in rehearsed} >= {"fill_records", "enumerate_contacts"}
    assert besides == []


def test_a_run_says_that_it_compiles_and_then_what_it_does():
    said = []
    with helped("bluezone", 1, lambda done, stage: said.append((done, stage))) as report:
        report(0.0, "population")
        report(0.4, "F1")
        watch.tell(True)
        watch.tell(False)
    assert said == [(0.0, "population"), (0.4, "F1"), (0.4, COMPILING), (0.4, "F1")]
    watch.tell(True)
    assert len(said) == 4


@pytest.mark.parametrize(("threads", "started"), [(1, 0), (2, 1)])
def test_help_comes_where_there_is_a_second_core_and_something_to_compile(
    threads, started, monkeypatch
):
    calls = []
    monkeypatch.setattr("bluezone_sim.simulation.rehearsal.Helper.start", lambda h: calls.append(h))
    with helped("bluezone", threads, lambda done, stage: None):
        assert calls == []
        watch.tell(True)
    assert len(calls) == started
