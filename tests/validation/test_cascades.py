"""Cascades of warnings in the field, and the same steps of a scenario."""

from __future__ import annotations

import json

import pytest

import bluezone_sim as bz
from bluezone_sim.errors import InputError
from bluezone_sim.matching.warnings import consents
from bluezone_sim.scenario import resolved_toml
from bluezone_sim.scenario.loading import point_scenario
from bluezone_sim.simulation.engine import index_cases
from bluezone_sim.validation import cascades as room
from bluezone_sim.validation.cascades import FIELD, FieldCascade, Steps, cascades
from bluezone_sim.world import build_world
from helpers.commands import call
from helpers.small import scenario


def test_what_was_measured():
    at = {app.name.split(",")[0]: app.measured for app in FIELD}
    assert at["NHS COVID-19"].notified == 4.2
    assert at["Radar COVID"].notified == 6.3
    assert at["COVIDSafe"].sensitivity == pytest.approx(0.148, abs=5e-4)
    assert at["COVIDSafe"].precision == pytest.approx(0.385, abs=5e-4)
    assert at["SwissCovid"].published == pytest.approx(0.603, abs=5e-4)
    assert at["SwissCovid"].notified == pytest.approx(4.24, abs=5e-3)
    assert at["TousAntiCovid"].notified == pytest.approx(0.292, abs=5e-4)
    assert all(any(c.isdigit() for c in app.source) for app in FIELD)


@pytest.mark.parametrize("app", FIELD, ids=lambda app: app.name)
def test_every_app_can_be_followed(app):
    chosen = point_scenario(scenario(), app.changes)
    assert chosen.rule.name == app.changes["rule.name"]
    assert chosen.protocol.name == app.changes["protocol.name"]


def test_steps_are_counted_of_cases_that_publish(monkeypatch):
    app = FieldCascade("App, Place", {"rule.name": "any-match"}, 0.4, Steps(notified=5.0), "X 2020")
    monkeypatch.setattr(room, "FIELD", (app,))
    base = scenario(publication__consent=0.5)
    found = cascades(base, 3, cases=200)
    (pair,) = found.pairs
    assert (pair.users, pair.cases) == (120, 200)
    same = scenario(
        publication__consent=0.5,
        adoption__levels=[{"users": 120}],
        index_cases__count=200,
        index_cases__f2_count=0,
    )
    result, world = bz.run(same, 3), build_world(same, 3)
    cases = index_cases(3, 300, 200)
    runs = world.rank[cases] < 120 / 220
    publish = runs & consents(3, cases, same.publication)
    assert pair.ours.with_app == pytest.approx(runs.mean())
    assert pair.ours.published == pytest.approx(publish.sum() / runs.sum())
    assert pair.ours.notified == pytest.approx(len(result.warnings) / publish.sum())
    assert set(result.warnings.index_case.tolist()) <= set(cases[publish].tolist())
    (level,) = result.metrics
    assert pair.ours.precision == level.precision
    assert pair.ours.sensitivity == pytest.approx(level.recall / level.share_both_have_app)
    text = room.table(found).text()
    assert "5.00" in text
    assert f"{pair.ours.notified:.2f}" in text
    assert room.sources(found) == ["App, Place: X 2020."]
    assert json.loads(json.dumps(found.to_dict()))["cascades"][0]["measured"]["published"] is None
    few = scenario(population__smartphones=100)
    with pytest.raises(InputError, match="120 users, more than its 100 smartphones"):
        cascades(few, 3)


def test_the_command_prints_every_step_and_its_source(monkeypatch, tmp_path, capsys):
    app = FieldCascade("App, Place", {"rule.name": "any-match"}, 0.4, Steps(notified=5.0), "X 2020")
    monkeypatch.setattr(room, "FIELD", (app,))
    (tmp_path / "small.toml").write_text(resolved_toml(scenario()), encoding="utf-8")
    path = str(tmp_path / "small.toml")
    assert call("validate", "cascades", path, "--cases", "50") == 0
    text = capsys.readouterr().out
    assert "App, Place (40.0 % of people)" in text
    assert "Not fitted" in text
    assert "App, Place: X 2020." in text
    assert call("validate", "cascades", path, "--cases", "50", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["cascades"]
    assert (one["cases"], one["measured"]["notified"]) == (50, 5.0)
    assert one["ours"]["notified"] > 0
