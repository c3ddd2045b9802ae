"""A contact trace goes with the jobs of a sweep, and finished results do without it."""

from __future__ import annotations

import json
import platform

import pytest

import bluezone_sim as bz
from bluezone_sim.scenario.inputs.traces.lent import lending
from bluezone_sim.sweeping import cluster
from bluezone_sim.sweeping import plan as planning
from bluezone_sim.sweeping.work import Done, Failed
from helpers import contact_day as day
from helpers.commands import call
from helpers.results import saved

TEXT = (
    'name = "x"\ntimezone = "Europe/Paris"\n[adoption]\nlevels = [0.5, 1.0]\n[contacts]\n'
    'source = "trace"\n[contacts.trace]\nfile = "trace.csv"\nstart = 2013-12-02\n'
)


@pytest.fixture
def scenario(tmp_path):
    rows = [f"{t},{a},{b}" for t, a, b in day.steps()]
    day.write(tmp_path, "trace.csv", rows, "t,i,j\n")
    (tmp_path / "s.toml").write_text(TEXT)
    return bz.load(tmp_path / "s.toml")


def jobs(scenario):
    return planning.plan(scenario, {}, 1).jobs()


def test_a_worker_without_the_file_gives_the_same_bytes(scenario, tmp_path):
    (job,), trace = jobs(scenario), scenario.trace
    here = cluster._job(job, 1, None)
    assert isinstance(here, Done)
    (tmp_path / "trace.csv").unlink()
    without = cluster._job(job, 1, None)
    assert isinstance(without, Failed)
    assert without.exit_code == 2
    carried = cluster._job(job, 1, trace)
    assert isinstance(carried, Done)
    assert carried.results == here.results


def test_a_worker_with_another_file_of_the_name_is_refused(scenario, tmp_path):
    (job,), trace = jobs(scenario), scenario.trace
    day.write(tmp_path, "trace.csv", ["0,1,2"], "t,i,j\n")
    for lent in (trace, None):
        found = cluster._job(job, 1, lent)
        assert isinstance(found, Failed)
        assert found.exit_code == 2
        assert "is another file here, on " + platform.node() in found.message


@pytest.mark.slow
def test_dask_carries_the_trace(scenario, tmp_path):
    pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    todo, trace, found = jobs(scenario), scenario.trace, []
    here = cluster._job(todo[0], 1, None)
    (tmp_path / "trace.csv").unlink()
    with lending(scenario.contacts.trace, scenario.timezone, trace):
        cluster.run_on("local", todo, 1, 1, found.append)
    assert [f.results for f in found] == [here.results]


def test_the_digest_is_in_the_task_and_in_the_manifest(scenario, tmp_path):
    table = scenario.contacts.trace
    before = planning.task_id(scenario, 10, 1)
    assert len(table.sha256) == 64
    result = bz.run(scenario, seed=1)
    saved(result, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["scenario"]["contacts"]["trace"]["sha256"] == table.sha256
    assert manifest["result"]["trace"]["sha256"] == [table.sha256, None]
    with (tmp_path / "trace.csv").open("a") as file:
        file.write("90000,1,2\n")
    again = bz.load(tmp_path / "s.toml")
    assert again.contacts.trace.sha256 != table.sha256
    assert planning.task_id(again, 10, 1) != before
    pinned = TEXT + f'sha256 = "{table.sha256}"\n'
    (tmp_path / "s.toml").write_text(pinned)
    with pytest.raises(bz.ScenarioError, match="is another file here"):
        bz.load(tmp_path / "s.toml")


def test_finished_results_do_without_the_trace(scenario, tmp_path, capsys):
    result = bz.run(scenario, seed=1)
    saved(result, tmp_path / "run")
    bz.sweep(scenario, {}, 2, workers=1, out=tmp_path / "sweep")
    (tmp_path / "trace.csv").unlink()
    opened = bz.open_run(tmp_path / "run")
    assert opened.trace == result.trace
    assert opened.trace.pairs == day.right()["pairs"]
    assert len(bz.open_sweep(tmp_path / "sweep").table) == 4
    for what in ("run", "sweep"):
        assert call("report", tmp_path / what, "--out", tmp_path / f"of-{what}") == 0
    assert "The contact trace" in (tmp_path / "of-run" / "report.html").read_text("utf-8")
    assert call("compare", tmp_path / "run", tmp_path / "sweep") == 0
