"""A scenario without a rule takes that of an app that used its protocol, and says so."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bluezone_sim import protocols
from bluezone_sim.errors import ScenarioError
from bluezone_sim.protocols.registry import PROTOCOLS
from bluezone_sim.scenario import parse, resolved_toml
from bluezone_sim.scenario.by_protocol import filled_tables, rule_document, rule_in_words
from bluezone_sim.scenario.loading import arm_scenario, point_scenario, validate
from bluezone_sim.scenario.stored import stored_scenario
from bluezone_sim.scenario.values.registries import RULES
from bluezone_sim.sweeping.plan import plan, task_id
from helpers.commands import call
from helpers.small import raw_scenario, scenario

DEFAULTS = {
    "bluezone": ("any-match", "authority"),
    "gaen": ("cwa", "nobody"),
    "dp3t-lowcost": ("dp3t-sdk", "nobody"),
    "dp3t-unlinkable": ("dp3t-sdk", "nobody"),
    "dp3t-hybrid": ("dp3t-sdk", "nobody"),
    "tcn": ("coepi", "nobody"),
    "bluetrace": ("covidsafe", "tracer"),
    "robert": ("tousanticovid", "nobody"),
}


def of(protocol: str, **changes):
    if not protocols.get(protocol).publishes_keys:
        changes = {"publication__upload": "history", **changes}
    return scenario(protocol__name=protocol, **changes)


def test_every_protocol_has_the_rule_of_an_app_and_who_confirms():
    assert set(DEFAULTS) == {n for n in protocols.followed() if n not in PROTOCOLS.outside()}
    for name, (rule, by) in DEFAULTS.items():
        found = of(name)
        assert (found.rule.name, found.confirmation.by) == (rule, by)
        assert found.rule == RULES.get(rule).parameters(name=rule)
    assert scenario() == scenario(protocol__name="bluezone")


def test_what_is_written_stays_whatever_the_protocol():
    assert of("gaen", rule__name="any-match").rule.name == "any-match"
    changed = of("gaen", rule__minutes=20.0).rule
    assert (changed.name, changed.minutes) == ("cwa", 20.0)
    assert of("gaen", confirmation__by="tracer").confirmation.by == "tracer"


def test_points_and_arms_take_each_protocols_own_rule_unless_one_is_named():
    for base in (scenario(), of("gaen"), of("tcn")):
        for name in ("bluezone", "gaen", "tcn", "dp3t-hybrid"):
            point = point_scenario(base, {"protocol.name": name})
            assert (point.rule.name, point.confirmation.by) == DEFAULTS[name]
            assert point == of(name)
    named = scenario(rule__name="any-match")
    assert point_scenario(named, {"protocol.name": "gaen"}).rule.name == "any-match"
    twice = point_scenario(scenario(), {"protocol.name": "gaen", "rule.name": "swisscovid"})
    assert twice.rule.name == "swisscovid"
    raw = raw_scenario()
    arms = [{"protocol.name": "gaen"}, {"protocol.name": "gaen", "rule.name": "immuni"}]
    raw["sensitivity"] = {"arms": [{"label": str(a), "set": a} for a in arms]}
    base = validate(raw)
    assert [arm_scenario(base, a).rule.name for a in base.sensitivity.arms] == ["cwa", "immuni"]
    raw["rule"] = {"name": "coepi"}
    base = validate(raw)
    assert [arm_scenario(base, a).rule.name for a in base.sensitivity.arms] == ["coepi", "immuni"]


def test_a_rule_that_is_named_must_fit_every_protocol():
    with pytest.raises(
        ScenarioError, match="cwa weighs attenuations, which bluezone does not tell"
    ):
        point_scenario(of("gaen", rule__name="cwa"), {"protocol.name": "bluezone"})


def test_what_is_stored_holds_the_rule_that_was_used():
    found = of("gaen")
    assert parse(resolved_toml(found)) == found
    assert stored_scenario(found.model_dump(mode="json")) == found
    # What was left to the protocol is left to that of an arm again.
    for kept in (found, of("gaen", rule__name="any-match", confirmation__by="tracer")):
        again = stored_scenario(json.loads(kept.model_dump_json()), filled_tables(kept))
        changes = {"protocol.name": "bluetrace", "publication.upload": "history"}
        assert point_scenario(again, changes) == point_scenario(kept, changes)
    written = of("gaen", rule__name="cwa")
    assert task_id(found, 10, 1) == task_id(written, 10, 1)
    assert task_id(found, 10, 1) != task_id(of("gaen", rule__name="any-match"), 10, 1)
    points = plan(scenario(), {"protocol": ["bluezone", "gaen"]}, 1).points
    assert [p.scenario.rule.name for p in points] == ["any-match", "cwa"]


def test_a_rule_is_told_beside_its_protocol():
    assert rule_in_words(of("gaen")) == "rule cwa (ENF 2, 10 Dec 2020)"
    assert rule_in_words(of("gaen", rule__minutes=10.0)) == (
        "rule cwa (ENF 2, 10 Dec 2020, changed)"
    )
    assert rule_in_words(scenario()) == "rule any-match"
    assert rule_in_words(of("robert")) == "rule tousanticovid (27 Nov 2020)"
    document = rule_document(of("gaen"))
    assert document["name"] == "cwa"
    assert document["date"] == "2020-12-10"
    assert "f10b8528a" in document["source"]
    assert document["parameters"]["drop_from_db"] == 73.0
    assert "name" not in document["parameters"]


def test_without_a_published_rule_any_match_warns_and_is_told(monkeypatch):
    bare = dataclasses.replace(protocols.get("tcn"), rule=None)
    monkeypatch.setitem(PROTOCOLS._found, "tcn", bare)
    found = scenario(protocol__name="tcn")
    assert found.rule.name == "any-match"
    assert rule_in_words(found) == "no published rule: any match"
    assert rule_document(found)["source"] == "no published rule: any match"


def test_keys_of_a_distance_that_the_protocol_does_not_tell_have_no_effect():
    for protocol, dead in (("gaen", "thresholds"), ("bluezone", "attenuation_2m_db")):
        value = {"ios_ios_dbm": -70.0} if dead == "thresholds" else 60.0
        with pytest.raises(ScenarioError, match=f"rule.{dead}: has no effect with protocol.name"):
            scenario(protocol__name=protocol, rule__name="minutes-near", **{f"rule__{dead}": value})
    with pytest.raises(ScenarioError, match=r"confirmation.share: has no effect"):
        of("gaen", confirmation__share=0.5)


def test_rules_are_listed_with_their_sources(capsys):
    assert call("list", "--rules") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(RULES.names())
    (cwa,) = (line for line in lines if line.startswith("cwa "))
    for words in ("Corona-Warn-App", "2020-12-10", "cwa-server f10b8528a", "default of gaen"):
        assert words in cwa


def test_every_value_is_shown_with_its_source(capsys):
    assert call("show", "yen-bai-2020", "--sources", "--set", "protocol.name=gaen") == 0
    text = capsys.readouterr().out
    told = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    assert told["rule.name"].startswith("cwa   # ")
    for key in RULES.get("cwa").parameters.model_fields:
        if key != "upload_day_weights":
            assert "cwa-server f10b8528a" in told[f"rule.{key}"]
    assert "TransmissionRiskVectorDeterminator" in told["rule.day_weights"]
    assert "assumed" in told["confirmation.delay_h"]
    assert "google/exposure-notifications-internals" in told["profile gaen: android.scan_on_s"]
    assert "published: from the start of the look-back" in text
    for key in ("consent", "push_delay_h", "offline_share", "offline_h", "in_time_h"):
        assert "assumed" in told[f"publication.{key}"]
    (android,) = (line for line in text.splitlines() if line.startswith("phones.android   # "))
    assert "the NHS beta's 75 %" in android
    assert "5 %, 0 to 15" in android
    assert call("show", "yen-bai-2020", "--sources", "--set", "rule.name=tousanticovid") == 0
    text = capsys.readouterr().out
    assert "published: from 2 days before onset   # ROBERT SDK" in text
    assert "rule.thresholds.ios_ios_dbm = -74.0   # " in text
    for protocol in ("tcn", "dp3t-lowcost"):
        assert call("show", "yen-bai-2020", "--sources", "--set", f"protocol.name={protocol}") == 0
        assert "None (" not in capsys.readouterr().out
