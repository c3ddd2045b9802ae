"""The benchmark: what it measures, how it is written down, when it says that something regressed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.benchmarks import BenchmarkCase, BenchmarkResult, measure, results
from bluezone_sim.benchmarks import whole_runs as engine
from bluezone_sim.benchmarks.core import FIGURES, Figure, cases, chosen, too_large
from bluezone_sim.benchmarks.regressions import AGAIN, check_figures, judge
from bluezone_sim.benchmarks.results import parse_baseline, scaled, to_json
from bluezone_sim.benchmarks.rounds import _result
from bluezone_sim.errors import BluezoneSimError, FormatError, InputError

NAME = "match/gaen/1M"


def measured(ratio: float, name: str = NAME, width: float = 0.1, threads: int = 1):
    """25 rounds, whose interval is ``width`` wide on both sides."""
    ratios = tuple(ratio + width * (i - 12) / 5 for i in range(25))
    return BenchmarkResult(name, "keys/s", "a set", threads, (2e6,) * 25, ratios)


class Clocks:
    """Seconds that works say they took: on the core, and on the wall."""

    def __init__(self, resolution: float = 1e-9):
        self.core = self.wall = 0.0
        self.resolution = resolution

    def process_time(self) -> float:
        return self.core

    def perf_counter(self) -> float:
        return self.wall

    def get_clock_info(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(resolution=self.resolution)

    def takes(self, core: float, waited: float = 0.0) -> None:
        self.core += core
        self.wall += core + waited


@pytest.fixture
def clocks(monkeypatch):
    made = Clocks()
    monkeypatch.setattr("bluezone_sim.benchmarks.rounds.time", made)
    return made


def case_of(name: str, work, baseline_work=lambda: None, threads: int = 1) -> BenchmarkCase:
    """Work of 10 things beside a baseline of 1."""
    return BenchmarkCase(name, "things", work, 10, "slow", baseline_work, 1, threads)


def test_a_ratio_is_that_of_the_two_rates_in_the_same_round(clocks):
    # Warming up, then rounds in which the machine is ever slower: rates fall, and the ratio stays.
    begun = iter([9, 9, 1, 1, 2, 2, 4, 4])
    case = case_of(
        "a", lambda: clocks.takes(0.1 * next(begun)), lambda: clocks.takes(0.2 * next(begun))
    )
    (m,) = measure([case], rounds=3)
    assert m.rate == pytest.approx(50)
    assert m.ratios == pytest.approx([20] * 3)
    assert (m.name, m.unit, m.baseline) == ("a", "things/s", "slow")


def test_rounds_take_every_figure_in_turn_beside_its_baseline(clocks):
    done: list[str] = []
    told: list[int] = []

    def noting(name):
        def work():
            done.append(name)
            clocks.takes(1.0)

        return work

    measure([case_of(n, noting(n), noting(n.upper())) for n in "ab"], 2, told.append)
    # Once to warm up; in the second round the other way round: what goes first finds other caches.
    assert done == [*"aAbB", *"aAbB", *"AaBb"]
    assert told == [1, 2]


def test_turns_of_other_processes_do_not_count(clocks):
    work = lambda: clocks.takes(1.0, waited=3.0)  # noqa: E731
    baseline = lambda: clocks.takes(1.0)  # noqa: E731
    (m,) = measure([case_of("a", work, baseline)], rounds=3)
    assert m.ratio == 10
    (m,) = measure([case_of("a", work, baseline, threads=2)], rounds=3)
    assert m.ratio == 2.5
    clocks.resolution = 1 / 64  # Windows
    (m,) = measure([case_of("a", work, baseline)], rounds=3)
    assert m.ratio == 2.5


def test_the_interval_is_that_of_the_median():
    """Of order statistics: in 95 of 100 samples it holds the distribution's median."""
    draws = np.random.default_rng(1).lognormal(0, 0.3, (2_000, 25))
    held = 0
    for ratios in draws:
        r = _result(
            case_of("a", None), [(10 / x, 1.0) for x in ratios]
        )  # a rate of x beside one of 1
        assert r.ratio == pytest.approx(np.median(ratios))
        held += r.interval[0] <= 1 <= r.interval[1]
    assert 0.94 < held / len(draws) < 0.985


def judged(first, *later, most=0.15):
    """The gate on a baseline of 10; what is measured again gives ``later``."""
    gives = iter(later)
    asked: list[list[str]] = []

    def again(names):
        asked.append(names)
        return [next(gives)]

    return judge([first], {NAME: 10.0}, most, again), asked


def test_a_regression_is_measured_again_before_it_counts():
    verdict, asked = judged(measured(8.6))
    assert (verdict.worse, verdict.unclear, asked) == ([], [], [])
    verdict, asked = judged(measured(8.4), measured(9.9))
    assert (verdict.worse, verdict.unclear, asked) == ([], [], [[NAME]])
    assert verdict.results[0].ratio == 9.9
    verdict, asked = judged(measured(8.4), measured(8.0))
    (line,) = verdict.worse
    assert f"{NAME}: 8.00 (7.90 to 8.10) times a set, was 10.00: 20 % less" in line
    assert len(asked) == 1


def test_an_interval_that_holds_the_bound_is_not_counted():
    verdict, asked = judged(measured(8.4), *[measured(8.49, width=0.2)] * AGAIN)
    assert verdict.worse == []
    assert len(asked) == AGAIN
    assert f"{NAME}: 8.49" in verdict.unclear[0]


def test_rounds_are_added_until_it_is_clear():
    # One of these alone holds the bound of 8.5; two together do not.
    verdict, asked = judged(measured(8.4), *[measured(8.44, width=0.07)] * AGAIN)
    assert len(verdict.worse) == 1
    assert len(asked) == 2
    assert len(verdict.results[0].ratios) == 50
    # What made it suspected is not among them.
    assert min(verdict.results[0].ratios) == pytest.approx(8.44 - 0.07 * 12 / 5)


def test_the_json_is_the_list_that_benchmark_actions_read(monkeypatch):
    monkeypatch.setattr(results, "processor", lambda: "Zen 4")
    monkeypatch.setattr(results, "units", lambda: "vaes")
    given = [measured(8.0), measured(9.0, "match/gaen/1M/2 threads", threads=2)]
    (entry,) = json.loads(to_json(given))
    assert (entry["name"], entry["value"], entry["unit"]) == (NAME, 8.0, "times the baseline")
    assert entry["range"] == "7.9 to 8.1"
    assert entry["extra"] == "2 M keys/s; the baseline: a set; on Zen 4, vaes"
    assert (entry["rate"], entry["rate_unit"]) == (2e6, "keys/s")
    before = parse_baseline(to_json(given).encode(), "b.json")
    assert before == results.Baseline("b.json", {NAME: 8.0}, "Zen 4", "vaes", ())
    assert before.differences() == []
    monkeypatch.setattr(results, "units", lambda: "aesni")
    (line,) = before.differences()
    assert line.startswith("b.json was measured on another machine: units vaes, here aesni")


def test_a_baseline_of_an_earlier_version_is_read():
    """It had rates as values, ratios beside them, figures of threads, and no processor."""
    old = [
        {"name": NAME, "unit": "keys/s", "value": 2e6, "ratio": 94.0},
        {"name": "match/gaen/1M/2 threads", "unit": "keys/s", "value": 3e6, "ratio": 155.0},
        {"name": "radio/gaen", "unit": "records/s", "value": 3e7, "ratio": None},
    ]
    before = parse_baseline(json.dumps(old).encode(), "old.json")
    assert before.ratios == {NAME: 94.0}
    assert before.ignored == ("match/gaen/1M/2 threads",)
    assert before.differences() == [
        "old.json is of an earlier version and does not tell its processor: measure it anew"
    ]


GOOD = {"name": "a", "value": 2, "processor": "Zen 4", "units": "vaes"}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "expected the list"),
        ([], "no figure in it"),
        ([1], "entry 0: expected a name and a ratio"),
        ([{"name": "a", "ratio": "b"}], "entry 0: expected a name and a ratio above 0"),
        ([{"name": "a"}], "entry 0: expected a name and a ratio above 0"),
        ([GOOD, {**GOOD, "name": "b", "value": 0}], "entry 1: expected a name and a ratio above 0"),
        ([{**GOOD, "value": True}], "entry 0: expected a name and a ratio above 0"),
        ([{**GOOD, "units": 4}], "entry 0: expected processor and units as text"),
        ([GOOD, GOOD], "entry 1: a is there twice"),
        ([GOOD, {**GOOD, "name": "b", "units": "aesni"}], "of several machines"),
    ],
)
def test_a_broken_baseline_is_named(document, why):
    with pytest.raises(FormatError, match=rf"^b\.json: .*{why}"):
        parse_baseline(json.dumps(document).encode(), "b.json")
    with pytest.raises(FormatError, match=r"^b\.json: not JSON"):
        parse_baseline(b"", "b.json")


def test_figures_that_one_of_the_two_lacks_are_named():
    before = results.Baseline("b.json", {"a": 1.0, "b": 2.0, "x/y": 3.0}, None, None, ())
    check_figures(["a", "b", "x/y"], before, lambda _: True)
    check_figures(["a", "b"], before, lambda name: name != "x/y")
    with pytest.raises(InputError) as caught:
        check_figures(["a", "c"], before, lambda _: True)
    assert "b.json has b, x/y, which this run lacks" in str(caught.value)
    assert "this run has c, which b.json lacks" in str(caught.value)


def test_patterns_choose_figures():
    everything = chosen(())
    assert {"match/gaen/100M", "match/gaen/1M/2 threads"} & set(everything) == set()
    assert {"ids/tcn", "match/gaen/10M", "radio/events"} <= set(everything)
    both = chosen(("ids/*", "parse/gaen-export"))
    assert both == ["ids/bluezone", "ids/dp3t-lowcost", "ids/tcn", "parse/gaen-export"]
    assert "match/gaen/100M" not in chosen(("match/*",))
    assert chosen(("match/gaen/100M",)) == ["match/gaen/100M"]
    assert chosen(("match/gaen/100*",)) == ["match/gaen/100k"]
    for pattern in ("nothing", ""):
        with pytest.raises(InputError, match=f"--only {pattern}: no such figure"):
            chosen(("ids/*", pattern))


def test_every_figure_that_ci_watches_is_there():
    watched = {
        *("ids/bluezone", "ids/dp3t-lowcost", "ids/tcn", "expand/gaen", "match/bluezone/1M"),
        *(f"match/gaen/{n}" for n in ("10k", "100k", "1M", "100M")),
        *("match/population", "parse/gaen-export", "radio/bluezone", "radio/gaen"),
    }
    assert watched <= set(FIGURES)


def test_what_does_not_fit_the_memory_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr("bluezone_sim.benchmarks.core.available_mib", lambda: 100.0)
    assert "needs 7,000 MiB" in too_large("match/gaen/100M")
    assert too_large("match/gaen/1M") is None


@pytest.fixture
def few(clocks, monkeypatch):
    """Few figures, ten times as quick as their baselines."""
    work = lambda: clocks.takes(1.0)  # noqa: E731
    made = {n: case_of(n, work, work) for n in ("a", "b/x", "b/y")}
    figures = {n: Figure(lambda case=case: case) for n, case in made.items()}
    two = case_of("b/2 threads", work, work, threads=2)
    figures["b/2 threads"] = Figure(lambda: two, alone="slow", threads=2)
    monkeypatch.setattr("bluezone_sim.benchmarks.core.FIGURES", figures)


def test_the_command_names_its_figures(few, capsys):
    assert cli.main(["bench", "--list"]) == 0
    assert capsys.readouterr().out == "a\nb/x\nb/y\nb/2 threads  (only by its name: slow)\n"


def test_the_command_measures_writes_and_compares(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench", "--only", "a, b/*", "--json", "out.json"]) == 0
    assert "b/y" in capsys.readouterr().out
    entries = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [e["name"] for e in entries] == ["a", "b/x", "b/y"]

    def gate(factor, *options):
        changed = [{**e, "value": e["value"] * factor} for e in entries]
        (tmp_path / "before.json").write_text(json.dumps(changed), encoding="utf-8")
        return cli.main(["bench", "--baseline", "before.json", *options])

    assert gate(0.1) == 0
    assert "No figure fell by more than 15%." in capsys.readouterr().out
    assert gate(10) == 1
    told = capsys.readouterr().err
    assert "measured again: a, b/x, b/y" in told
    assert "regression\n  - a: " in told
    # Only what is asked for has to be on both sides; figures of threads never are.
    assert gate(0.1, "--only", "b/x") == 0
    assert gate(0.1, "--only", "a,b/2 threads") == 0
    entries = entries[:2]
    assert gate(0.1) == 2
    assert "this run has b/y, which before.json lacks" in capsys.readouterr().err
    entries.append({**entries[0], "name": "c"})
    assert gate(0.1, "--only", "a,b/x") == 0
    assert gate(0.1) == 2
    assert "before.json has c, which this run lacks" in capsys.readouterr().err


def test_the_json_may_go_to_standard_output_alone(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench", "--only", "a", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert [e["name"] for e in json.loads(out)] == ["a"]
    assert "its baseline" in err
    (tmp_path / "before.json").write_text(out, encoding="utf-8")
    arguments = ["--only", "a", "--json", "-", "--baseline", "before.json", "--max-regression", "1"]
    assert cli.main(["bench", *arguments]) == 0
    json.loads(capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == [tmp_path / "before.json"]


def test_bad_input_is_told_before_anything_is_measured(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bluezone_sim.benchmarks.rounds.measure", None)
    for arguments in (["--only", "nothing"], ["--json", "no/folder.json"], ["--baseline", "no"]):
        assert cli.main(["bench", *arguments]) == 2
        assert "bluezone-sim: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["radio/bluezone", "parse/gaen-export", "match/gaen/1k"])
def test_a_figure_and_its_baseline_do_their_work(name):
    (case,) = cases([name])
    (m,) = measure([case], rounds=1)
    assert (m.name, m.threads) == (name, 1)
    assert min(m.rate, m.ratio) > 0


@pytest.mark.slow
def test_matching_takes_less_than_a_gib_and_a_half():
    call = [sys.executable, "-m", "bluezone_sim", "bench", "--only", "match/*"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    (peak,) = re.findall(r"peak memory ([\d,]+) MiB", done.stderr)
    assert 300 < int(peak.replace(",", "")) < 1536


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


@pytest.mark.slow
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
