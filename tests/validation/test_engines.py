"""One epidemic on two engines: what is compared, and what is said where Covasim is not there."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.errors import InputError
from bluezone_sim.scenario.schema.epidemic import Arm, Epidemic
from bluezone_sim.validation.epidemic.engines import compare_engines, table
from bluezone_sim.validation.epidemic.scaled import compared, scaled
from helpers.commands import call
from helpers.small import scenario

needs_covasim = pytest.mark.skipif(
    importlib.util.find_spec("covasim") is None,
    reason="Covasim is not installed: pip install 'bluezone-sim[epidemic]'",
)


def test_a_scaled_scenario_keeps_its_shares():
    whole = bz.load("yen-bai-2020")
    small = scaled(whole, 10_000)
    assert small.population.people == 10_000
    assert sum(d.people for d in small.population.districts) == 10_000
    assert small.population.smartphones == round(480_000 * 10_000 / 821_030)
    of_whole = [u / whole.population.smartphones for u in whole.level_users()]
    of_small = [u / small.population.smartphones for u in small.level_users()]
    assert of_small == pytest.approx(of_whole, abs=1e-3)
    shares = [d.people / 821_030 for d in whole.population.districts]
    assert [d.people / 10_000 for d in small.population.districts] == pytest.approx(
        shares, abs=1e-4
    )
    assert small.epidemic == Epidemic()
    assert small.population.districts[0].urban_share == 0.75


def test_a_small_scenario_stays_as_it_is():
    small = scenario(epidemic={"days": 30})
    assert scaled(small, 20_000) is small


def test_the_baseline_is_set_beside_the_phones_with_most_users():
    base, app = compared(scaled(scenario(), 300))
    assert (base.level, base.manual) == (0.0, True)
    assert (app.level, app.finds) == (1.0, "phones")
    arms = [
        {"name": "none", "manual": False},
        {"name": "half", "level": 0.5},
        {"name": "risky", "level": 1.0, "finds": "risky"},
    ]
    assert [a.name for a in compared(scenario(epidemic={"arms": arms}))] == ["none", "half"]


def test_without_an_app_there_is_nothing_to_compare():
    none = scenario(epidemic={"arms": [Arm(name="none").model_dump(exclude_defaults=True)]})
    with pytest.raises(InputError, match=r"epidemic\.arms: expected an arm with phones"):
        compared(none)


def test_without_covasim_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "covasim", None)
    monkeypatch.delitem(sys.modules, "bluezone_sim.connect.covasim", raising=False)
    assert call("validate", "epidemic", "--json") == 2
    told = capsys.readouterr()
    assert 'pip install "bluezone-sim[epidemic]"' in told.err
    assert told.out == ""


@needs_covasim
@pytest.mark.filterwarnings("ignore")
def test_both_engines_run_one_scenario():
    behaviour = {"compliance": 1.0}
    small = scenario(
        population__people=1500,
        population__smartphones=1000,
        population__districts=[{"name": "A", "people": 1500}],
        epidemic={"days": 60, "infected": 10, "behaviour": behaviour},
    )
    found = compare_engines(small, [3], threads=1)
    assert [e.name for e in found.engines][-1] == "Covasim"
    for engine in found.engines:
        (run,) = engine.runs
        assert run.r0 == pytest.approx(2.87, abs=0.01)
        assert run.attack_rate[0] > 0.1  # an outbreak, in each
        assert run.quarantine_days_per_person[1] > run.quarantine_days_per_person[0] > 0
    own, timing, course, covasim = (e.runs[0] for e in found.engines)
    # What the timing is taken over for: near Covasim's, and far from the scenario's.
    assert abs(timing.generation_days - covasim.generation_days) < 0.6
    assert covasim.generation_days > own.generation_days + 1
    assert abs(course.presymptomatic_share - covasim.presymptomatic_share) < 0.06
    assert covasim.presymptomatic_share < own.presymptomatic_share - 0.1
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["engines"][1]["runs"][0]["disease"]["profile_shape"] > 0
    assert len(table(found).rows) == 4
    assert found.engines[0].averted == pytest.approx(1 - np.divide(*own.attack_rate[::-1]))
