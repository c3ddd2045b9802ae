"""Covasim over a town; what needs no Covasim is in test_town.py and test_edges.py."""

from __future__ import annotations

import copy
import re
import runpy
import warnings

import numpy as np
import pytest

from bluezone_sim.connect import Arm, Town
from bluezone_sim.simulation.epidemic.disease import uniforms
from helpers.paths import ROOT
from helpers.small import scenario
from helpers.snippets import run_page

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # those of Covasim's own imports
    cv = pytest.importorskip(
        "covasim", reason="Covasim is not installed: pip install 'bluezone-sim[epidemic]'"
    )

from bluezone_sim.connect import covasim as connector

pytestmark = pytest.mark.filterwarnings("ignore")
DAYS, BETA = 30, 0.004


@pytest.fixture(scope="module")
def town() -> Town:
    behaviour = {"compliance": 1.0, "symptomatic_isolate": 0.5}
    table = {"days": DAYS, "infected": 8, "behaviour": behaviour}
    return Town.build(scenario(epidemic=table), threads=1)


class Watch(cv.Intervention):
    """Remembers each day's states and infections."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.home, self.quarantined, self.infected = [], [], []

    def step(self):
        pass

    def finish_step(self):
        covid, n = self.sim.diseases.covid, len(self.sim.people)
        for log, state in (
            (self.home, covid.isolated | covid.quarantined),
            (self.quarantined, covid.quarantined),
        ):
            row = np.zeros(n + 1, bool)
            row[np.asarray(state.uids)] = True
            log.append(row)
        super().finish_step()


def run(town: Town, arm: Arm, **changes):
    more = {"beta": BETA, "use_waning": False, "verbose": 0} | changes
    parts = [connector.Testing(town, arm), connector.Tracing(town, arm), Watch()]
    sim = cv.Sim(**connector.parameters(town), interventions=parts, **more)
    sim.run()
    return sim, sim.get_intervention(connector.Tracing), sim.get_intervention(Watch)


def transmissions(sim):
    """Infections by somebody of the town."""
    log = sim.diseases.covid.infection_log.to_df()
    return log[log["network"] != "seed_infection"]


@pytest.fixture(scope="module")
def warned(town):
    return run(town, Arm(name="app", level=1.0))


def test_nobody_at_home_infects_or_is_infected_outside_the_household(town, warned):
    sim, _, watch = warned
    household = town.world.groups.of[0]
    log = transmissions(sim)
    assert len(log) > 50
    own = 0
    for source, target, day in zip(log["source"], log["target"], log["day"], strict=True):
        source, target, day = int(source), int(target), int(day)
        if watch.home[day][source] or watch.home[day][target]:
            assert household[source] == household[target]
            own += 1
    assert own > 0  # some infections were at home


def test_every_infection_is_of_two_who_met_that_day(town, warned):
    log = transmissions(warned[0])
    for source, target, day in zip(log["source"], log["target"], log["day"], strict=True):
        met = town.contacts(np.array([int(source)]), int(day)).b
        assert int(target) in met


def test_only_those_who_were_told_are_in_quarantine(warned):
    _, tracing, watch = warned
    told = set(np.concatenate([t.person for t in tracing.told]).tolist())
    assert any(t.by_app.any() for t in tracing.told)
    stayed = set(np.flatnonzero(np.any(watch.quarantined, axis=0)).tolist())
    assert len(stayed) > 20
    assert stayed <= told


def test_what_tracing_remembers_is_who_was_at_home(warned):
    _, tracing, watch = warned
    assert tracing.at_home.shape[0] == DAYS
    assert (tracing.at_home == np.array(watch.home)[:, :-1]).all()


def test_ages_are_those_of_the_town(town, warned):
    ages = warned[0].people.age.raw[: town.world.n_people]
    assert (np.abs(ages - town.world.age) < 1).all()


def test_nobody_complies_nobody_stays(town):
    ignore = Arm(name="app", level=1.0, set={"epidemic.behaviour.compliance": 0.0})
    _, tracing, watch = run(town, ignore)
    assert sum(len(t.person) for t in tracing.told) > 0
    assert not np.any(watch.quarantined)


def test_compliance_is_of_the_person(town):
    half = Arm(name="app", level=1.0, set={"epidemic.behaviour.compliance": 0.5})
    _, tracing, watch = run(town, half)
    comply = uniforms(town.world.seed, "complies", np.arange(town.world.n_people)) < 0.5
    told = np.unique(np.concatenate([t.person for t in tracing.told]))
    stayed = np.flatnonzero(np.any(watch.quarantined, axis=0))
    assert (~comply[told]).sum() > 20
    assert len(stayed) > 10
    assert comply[stayed].all()


def test_nobody_tested_nobody_known(town):
    untested = {
        "epidemic.tests.symptomatic_share": 0.0,
        "epidemic.behaviour.symptomatic_isolate": 0.0,
    }
    sim, tracing, watch = run(town, Arm(name="app", level=1.0, set=untested))
    assert sim.results["cum_infections"][-1] > 60
    assert not np.any(watch.home)
    assert tracing.told == []


def test_one_seed_one_result(town, warned):
    again, _, _ = run(town, Arm(name="app", level=1.0))
    first = warned[0]
    assert (again.results["cum_infections"] == first.results["cum_infections"]).all()


def test_copies_keep_the_town(town, warned):
    sim, tracing, _ = warned
    assert tracing.town is town
    other = copy.deepcopy(tracing)
    assert other.town is town
    feeds = {id(network.feed) for network in sim.networks.values()}
    assert len(feeds) == 1  # the day's contacts are made once


def test_the_script_of_the_docs_runs(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "epidemics.md").read_text(encoding="utf-8")
    (code,) = [
        block.split("```")[0]
        for block in text.split("```python\n")[1:]
        if block.startswith("import bluezone_sim")
    ]
    assert len(code.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    town = runpy.run_path(str(ROOT / "examples" / "own_disease.py"))["SMALL_TOWN"]
    (tmp_path / "town.toml").write_text(town.replace("3_000", "600").replace("2_400", "450"))
    names: dict = {}
    exec(code.replace("days=75", "days=40"), names)
    assert names["sim"].results["cum_infections"][-1] > 60
    assert sum(table.by_app.sum() for table in names["told"]) > 0
    assert names["told"] is not names["app"].told


def test_the_page_of_the_docs_prints_what_is_stored_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    page = ROOT / "docs" / "covasim.md"
    version = re.search(r"generated: covasim ([\d.]+)", page.read_text(encoding="utf-8"))
    if version[1] != cv.__version__:
        pytest.skip(f"the page is of Covasim {version[1]}, and {cv.__version__} is installed")
    names = run_page(page, _cells=True)
    for without, traced in names["pairs"]:
        assert traced.results["cum_infections"][-1] < without.results["cum_infections"][-1]
