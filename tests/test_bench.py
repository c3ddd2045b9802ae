"""The benchmark: what it measures, how it is written down, when it says that something regressed."""

from __future__ import annotations

import json
import time

import pytest

from bluezone_sim import cli
from bluezone_sim.bench import Case, Measurement, measure, regressions, to_json
from bluezone_sim.bench.core import FIGURES, too_large
from bluezone_sim.bench.report import parse_baseline, scaled
from bluezone_sim.errors import FormatError


def measured(ratio: float | None, name: str = "match/gaen/1M") -> Measurement:
    return Measurement(name, "keys/s", 2e6, "a set", ratio, 100.0)


def test_a_ratio_is_that_of_the_two_rates():
    case = Case(
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
    monkeypatch.setattr("bluezone_sim.bench.core.available_memory_mib", lambda: 100.0)
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
