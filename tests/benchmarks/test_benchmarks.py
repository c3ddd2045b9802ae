"""The benchmark: what it measures, how it is written down, when it says that something regressed."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.benchmarks import BenchmarkCase, BenchmarkResult, regressions, to_json
from bluezone_sim.benchmarks import whole_runs as engine
from bluezone_sim.benchmarks.core import FIGURES, too_large
from bluezone_sim.benchmarks.regressions import parse_baseline, scaled
from bluezone_sim.benchmarks.rounds import measure
from bluezone_sim.errors import BluezoneSimError, FormatError, InputError


def measured(ratio: float | None, name: str = "match/gaen/1M") -> BenchmarkResult:
    return BenchmarkResult(name, "keys/s", 2e6, "a set", ratio, 100.0)


def test_a_ratio_is_that_of_the_two_rates():
    case = BenchmarkCase(
        "a",
        "things",
        work=lambda: time.sleep(0.01),
        items=100,
        baseline="slow",
        baseline_work=lambda: time.sleep(0.02),
        baseline_items=10,
        rounds=3,
    )
    m = measure(case)
    assert 15 < m.ratio < 25
    assert 5_000 < m.value < 10_001
    assert m.unit == "things/s"
    assert m.peak_memory_mib > 10


def test_a_regression_is_judged_on_the_ratio():
    before = parse_baseline(to_json([measured(10.0)]).encode(), "before.json")
    assert before == {"match/gaen/1M": 10.0}
    assert regressions([measured(8.6)], before, 0.15) == []
    (line,) = regressions([measured(8.4)], before, 0.15)
    assert "match/gaen/1M: 8.40 times a set, was 10.00: 16 % less" in line
    assert regressions([measured(None), measured(1.0, "new")], before, 0.15) == []


def test_the_json_is_the_list_that_benchmark_actions_read():
    (entry,) = json.loads(to_json([measured(8.0)]))
    assert (entry["name"], entry["unit"], entry["value"]) == ("match/gaen/1M", "keys/s", 2e6)
    assert entry["extra"].startswith("8.00 times a set")


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'[{"name": "a", "ratio": "b"}]'])
def test_a_broken_baseline_is_named(data):
    with pytest.raises(FormatError, match=r"^b\.json: "):
        parse_baseline(data, "b.json")


def test_every_figure_that_ci_watches_is_there():
    wanted = {
        *("ids/bluezone", "ids/dp3t-lowcost", "ids/tcn", "expand/gaen", "match/bluezone/1M"),
        *(f"match/gaen/{n}" for n in ("10k", "100k", "1M", "100M")),
        *("match/population", "parse/gaen-export"),
    }
    assert wanted <= set(FIGURES)


def test_what_does_not_fit_the_memory_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr("bluezone_sim.benchmarks.core.available_mib", lambda: 100.0)
    assert "needs 7,000 MiB" in too_large("match/gaen/100M")
    assert too_large("match/gaen/1M") is None


def test_the_command_measures_writes_and_compares(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench", "--only", "parse/*", "--json", "out.json"]) == 0
    assert "parse/gaen-export" in capsys.readouterr().out
    (entry,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert entry["ratio"] > 2
    entry["ratio"] *= 1e-3
    (tmp_path / "low.json").write_text(json.dumps([entry]), encoding="utf-8")
    assert cli.main(["bench", "--only", "parse/*", "--baseline", "low.json"]) == 0
    entry["ratio"] *= 1e6
    (tmp_path / "high.json").write_text(json.dumps([entry]), encoding="utf-8")
    assert cli.main(["bench", "--only", "parse/*", "--baseline", "high.json"]) == 1
    assert "regression" in capsys.readouterr().err
    assert cli.main(["bench", "--only", "nothing"]) == 2
    assert cli.main(["bench", "--only", "parse/*", "--json", "no/folder.json"]) == 2


def test_rates_are_read_with_a_prefix():
    assert scaled(62_100_000, "ids/s") == ("62.1", "M ids/s")
    assert scaled(12.5, "keys/s") == ("12.5", "keys/s")


def test_a_whole_run_is_measured_by_part():
    figure = engine.measure_here(2_000, "bluezone", "full", 1, 1)
    assert (figure.people, figure.days, figure.threads) == (2_000, 14, 1)
    assert figure.users == round(0.6 * round(480_000 * 2_000 / 821_030))
    assert set(figure.parts_s) == set(engine.PARTS)
    assert min(figure.parts_s.values()) > 0
    # What is left between the parts is little.
    assert 0.8 * figure.seconds < sum(figure.parts_s.values()) <= figure.seconds * 1.001
    assert figure.person_days_per_s == pytest.approx(28_000 / figure.seconds)


@pytest.mark.parametrize("mode", engine.MODES)
def test_the_modes_find_the_same(mode):
    asked = engine.engine_scenario(3_000, "bluezone", "full")
    assert sum(d.people for d in asked.population.districts) == 3_000
    s = engine.engine_scenario(3_000, "bluezone", mode)
    a, b = bz.run(asked, threads=2), bz.run(s, threads=1)
    assert repr(a.metrics) == repr(b.metrics)
    assert np.array_equal(a.warnings.told_s, b.warnings.told_s)


def test_the_command_measures_whole_runs_along_a_curve(monkeypatch, capsys):
    calls = []

    def apart(people, protocol, mode, rounds, threads):
        calls.append((people, protocol, mode))
        parts = dict.fromkeys(engine.PARTS, 0.5)
        return engine.EngineFigure(
            protocol, mode, people, 14, 2, people // 3, 7.0, people * 2.0, parts, 900.0, 0.1
        )

    monkeypatch.setattr(engine, "measure_apart", apart)
    monkeypatch.setattr(engine, "too_many", lambda n: "needs more" if n > 10**6 else None)
    assert cli.main(["bench", "engine", "--curve", "--protocol", "gaen", "--json"]) == 0
    out = capsys.readouterr()
    runs = json.loads(out.out)["runs"]
    small = [n for n in engine.CURVE if n <= 10**6]
    assert [r["people"] for r in runs if r["mode"] == "full"] == small
    assert {(r["protocol"], r["mode"]) for r in runs} == {("gaen", "full"), ("gaen", "whole")}
    assert "5,000,000 people: left out, it needs more" in out.err
    assert cli.main(["bench", "engine"]) == 0
    assert "2.00" in capsys.readouterr().out
    assert calls[-len(engine.DEFAULT) :] == [(10**6, p, m) for p, m in engine.DEFAULT]
    assert cli.main(["bench", "engine", "--mode", "all"]) == 2
    assert cli.main(["bench", "engine", "--people", "5000000"]) == 2


def test_figures_come_from_a_process_of_their_own():
    figure = engine.measure_apart(1_000, "bluezone", "lazy", 1, 1)
    assert figure.people == 1_000
    assert figure.peak_memory_mib > 50
    with pytest.raises(BluezoneSimError, match=r"people stopped with code 1: .*threads: expected"):
        engine.measure_apart(1_000, "bluezone", "lazy", threads=0)


@pytest.mark.skipif(find_spec("covasim") is not None, reason="without Covasim")
def test_a_peer_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"has no Covasim: pip install 'bluezone-sim\[peers\]'"):
        engine.measure_peer(1_000, 2)
    with pytest.raises(InputError, match="no/python: cannot be run"):
        engine.measure_peer(1_000, 2, "no/python")


def test_a_peer_is_told_beside(tmp_path, monkeypatch):
    """A Covasim of few words."""
    (tmp_path / "covasim.py").write_text(
        "__version__ = '0.1'\n"
        "test_prob = contact_tracing = lambda **k: None\n"
        "class Sim:\n"
        "    def __init__(self, **k): assert k['n_days'] == 1\n"
        "    def initialize(self): print('hello')\n"
        "    run = initialize\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    peer = engine.measure_peer(1_000, 2)
    assert (peer.name, peer.people, peer.days) == ("Covasim 0.1", 1_000, 2)
    assert peer.person_days_per_s == pytest.approx(2_000 / (peer.population_s + peer.days_s))
