"""Tables whose keys depend on what they name: ``[rule]``, ``[contacts]``, ``[[campaign.measures]]``."""

from __future__ import annotations

import datetime as dt
import json
import tomllib

import pytest

from bluezone_sim.errors import ScenarioError
from bluezone_sim.scenario import parse, resolved_toml, schema, template
from bluezone_sim.scenario.dotted import override
from bluezone_sim.scenario.loading import arm_scenario, validate
from bluezone_sim.scenario.stored import stored_scenario
from bluezone_sim.scenario.values.registries import INTERVENTIONS, RULES, SOURCES
from helpers.small import raw_scenario, scenario

GAEN = {"protocol__name": "gaen"}


def faults(**changes) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scenario(**changes)
    return {fault.path: f"{fault.message} ({fault.hint})" for fault in caught.value.faults}


def thresholds_of(name: str) -> dict[str, float]:
    return RULES.get(name).parameters(name=name).thresholds.model_dump()


def test_a_rule_has_its_own_keys_and_defaults():
    rules = {
        "any-match": {},
        "coepi": {},
        "minutes-near": {"minutes": 15.0, "distance_m": [2.0], "weights": [1.0, 0.0]},
        "minutes-at-attenuation": {"minutes": 15.0, "attenuation_db": [63.0]},
        "cwa": {
            "minutes": 15.0,
            "attenuation_db": [55.0, 63.0],
            "weights": [1.0, 0.5, 0.0],
            "day_weights": [0.8, 1.2, 1.4, 1.6, 1.6, 1.6, 1.2, 1.0, 0.6],
            "day_weights_from": -4,
            "drop_below_min": 10.0,
            "drop_from_db": 73.0,
        },
        "cwa-2020-06": {"over": "case", "drop_above_mean_db": 73.0, "drop_over": "day"},
        "cwa-2021-02": {"drop_below_min": 5.0, "drop_from_db": 73.0},
        "cwa-2021-03": {
            "minutes": 13.0,
            "attenuation_db": [63.0, 73.0, 79.0],
            "weights": [0.8, 1.0, 0.1, 0.0],
            "drop_below_min": 5.0,
            "drop_from_db": 79.0,
        },
        "cwa-1.15": {"minutes": 9.0, "weights": [0.8, 1.0, 0.1, 0.0], "drop_below_min": 0.0},
        "gaen-v2": {
            "minutes": 15.0,
            "attenuation_db": [55.0, 63.0, 70.0],
            "weights": [1.5, 1.0, 0.4, 0.0],
            "day_weights": [],
        },
        "swisscovid": {"minutes": 15.0, "attenuation_db": [55.0, 63.0]},
        "swisscovid-2020-07": {"attenuation_db": [53.0, 60.0]},
        "swisscovid-2020-05": {"attenuation_db": [50.0, 55.0], "weights": [1.0, 0.5, 0.0]},
        "nhs-covid-19": {"minutes": 2.0, "over": "window", "day_weights_from": -5},
        "nhs-covid-19-v1": {"minutes": 3.0, "day_weights_from": -2, "more_than": True},
        "immuni": {"minutes": 15.0, "more_than": True, "drop_above_mean_db": 255.0},
        "immuni-2020-05": {"minutes": 15.0, "more_than": True, "drop_above_mean_db": 63.0},
        "tousanticovid": {"minutes": 15.0, "distance_m": [1.0, 2.0], "weights": [3.0, 1.0, 0.0]},
        "stopcovid": {"minutes": 15.0, "distance_m": [1.0]},
        "tracetogether": {"minutes": 30.0, "distance_m": [2.0]},
        "covidsafe": {"minutes": 15.0, "distance_m": [1.5]},
        "dp3t-sdk": {"minutes": 15.0},
    }
    assert set(rules) == set(RULES.names())
    for name, keys in rules.items():
        found = scenario(rule__name=name, **GAEN).rule.model_dump()
        assert {key: found[key] for key in ("name", *keys)} == {"name": name, **keys}
        assert RULES.get(name).name == name
    for name in ("any-match", "coepi"):
        assert scenario(rule__name=name).rule.model_dump() == {"name": name}
    assert scenario().rule.name == "any-match"
    near = scenario(rule__name="minutes-near", rule__thresholds__ios_ios_dbm=-70.0).rule
    assert near.thresholds.model_dump() == {**thresholds_of("minutes-near"), "ios_ios_dbm": -70.0}


def test_what_is_no_key_of_a_rule_is_told_with_those_that_have_it():
    told = faults(rule__drop_below_min=5)["rule.drop_below_min"]
    assert "name a rule that has it: cwa, cwa-2020-06" in told
    assert "minutes-near" not in told
    assert "did you mean 'weights'" in faults(rule__name="cwa", rule__weigths=[1], **GAEN)[
        "rule.weigths"
    ]  # fmt: skip
    found = faults(rule__name="minutes-near", rule__thresholds__ios_dbm=-70.0)
    assert "did you mean 'ios_ios_dbm'" in found["rule.thresholds.ios_dbm"]
    assert "did you mean 'minutes-near'" in faults(rule__name="minute-near")["rule.name"]
    assert "expected a table" in faults(rule=3)["rule"]
    assert "found 3" in faults(rule__name=3)["rule.name"]


def test_an_arm_with_another_rule_takes_its_defaults_and_leaves_the_first_ones_keys():
    raw = raw_scenario()
    override(raw, "protocol.name", "gaen")
    raw["rule"] = {"name": "cwa", "minutes": 20.0}
    names = ["gaen-v2", "any-match"]
    raw["sensitivity"] = {"arms": [{"label": n, "set": {"rule.name": n}} for n in names]}
    base = validate(raw)
    first, second = (arm_scenario(base, arm).rule for arm in base.sensitivity.arms)
    assert first == RULES.get("gaen-v2").parameters(name="gaen-v2", minutes=20.0)
    assert second.model_dump() == {"name": "any-match"}


def test_a_grid_may_set_keys_of_the_rules_it_names():
    grid = {"rule.name": ["minutes-near"], "rule.minutes": [5.0, 10.0]}
    assert scenario(sweep={"grid": grid}).sweep.grid == grid
    misspelt = {"rule.name": ["minutes-near"], "rule.minute": [5.0]}
    assert "unknown key" in faults(sweep={"grid": misspelt})["sweep.grid.rule.minute"]


def test_manifests_of_earlier_versions_are_read():
    """They had every rule's keys with each, and no kinds of measures."""
    day = dt.date(2020, 8, 13)
    campaign = {"users": 10, "until": day, "measures": [{"name": "m", "share": 0.1, "start": day}]}
    written = scenario(campaign=campaign, rule__name="minutes-near")
    old = json.loads(written.model_dump_json())
    old["rule"] |= {"attenuation_db": None, "weights": None}
    for measure in old["campaign"]["measures"]:
        assert measure.pop("kind") == "installs"
    del old["contacts"]["parameters"]
    assert stored_scenario(old) == written
    thresholds = old["rule"]["thresholds"]
    old["rule"] = {
        "name": "any-match", "thresholds": thresholds, "minutes": 15.0, "attenuation_db": None,
        "weights": None,
    }  # fmt: skip
    assert stored_scenario(old).rule == scenario().rule
    old["rule"] |= {"name": "cwa"}
    assert stored_scenario(old).rule == RULES.get("cwa").parameters(name="cwa")


def test_what_may_be_named_is_described():
    text = json.dumps(schema())
    for registry in (RULES, SOURCES, INTERVENTIONS):
        for value in registry.all():
            assert json.dumps(value.about) in text
    lines = template().splitlines()
    for name in RULES.names()[1:]:
        assert any(line.startswith(f'# With name = "{name}": ') for line in lines)


def test_a_resolved_scenario_says_the_rule_and_the_kinds():
    day = dt.date(2020, 8, 13)
    campaign = {"users": 10, "until": day, "measures": [{"name": "m", "share": 0.1, "start": day}]}
    s = scenario(campaign=campaign, rule__name="cwa", **GAEN)
    raw = tomllib.loads(resolved_toml(s))
    assert raw["rule"]["weights"] == [1.0, 0.5, 0.0]
    assert raw["campaign"]["measures"][0]["kind"] == "installs"
    assert parse(resolved_toml(s)) == s
