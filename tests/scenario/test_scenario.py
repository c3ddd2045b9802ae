"""Scenarios: what is right loads, what is wrong is said all at once."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import pickle
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluezone_sim import protocols
from bluezone_sim.errors import FormatError, InputError, ScenarioError
from bluezone_sim.protocols import ServerIds
from bluezone_sim.scenario import (
    arm_scenario,
    load,
    parse,
    resolved_toml,
    schema,
    shipped,
    template,
)
from bluezone_sim.scenario.by_protocol import filled_tables
from bluezone_sim.scenario.dotted import override
from bluezone_sim.scenario.loading import point_scenario, validate, with_arm
from bluezone_sim.scenario.stored import stored_text
from bluezone_sim.scenario.values.shipped_rules import SHIPPED
from helpers.small import raw_scenario, scenario


def faults(raw):
    with pytest.raises(ScenarioError) as caught:
        validate(raw, "town.toml")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("town.toml: ")
    return {fault.path: f"{fault.message} {fault.hint}" for fault in caught.value.faults}


def test_a_radio_comes_from_a_file(tmp_path):
    (tmp_path / "walk.toml").write_text("[radio]\nexponent = 2.5\nattenuation_1m_db = 60.0\n")
    raw = raw_scenario()
    raw["radio"] = {"profile": "walk.toml", "attenuation_1m_db": 61.0}
    found = validate(raw, folder=tmp_path)
    assert (found.radio.exponent, found.radio.attenuation_1m_db) == (2.5, 61.0)
    # What was read is in the scenario now: it needs the file no longer.
    assert found.radio.profile is None
    assert parse(resolved_toml(found)) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no file"),
        ("radio", "not a profile in TOML"),
        ("[radio]\nexponent = 9.0\n", "walk.toml: exponent: expected at most 8"),
        ("[radio]\nexponnt = 2.0\n", "did you mean 'exponent'"),
        ("[radio]\nexponent = 2.0\n[phones]\n", "one table, [radio]"),
        ('[radio]\nprofile = "other.toml"\n', "one table, [radio]"),
    ],
)
def test_a_radio_file_that_is_at_fault_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "walk.toml").write_text(content)
    raw = raw_scenario()
    raw["radio"] = {"profile": str(tmp_path / "walk.toml")}
    assert message in faults(raw)["radio.profile"]


def test_an_arm_takes_no_radio_file():
    raw = raw_scenario()
    raw["sensitivity"] = {"arms": [{"name": "a", "set": {"radio.profile": "walk.toml"}}]}
    assert any("no key of an arm" in text for text in faults(raw).values())


def test_all_faults_come_in_one_answer():
    raw = raw_scenario()
    raw["population"]["people"] = 301
    raw["population"]["ownrship"] = {}
    raw["radio"] = {"scan_on": 40.0, "scan_period_s": "5 min", "sensitivity_dbm": 3.0}
    raw["adoption"]["levels"] = [0.3, 1.5, {"users": 1000}]
    raw["timezone"] = "Asia/Hanoi"
    found = faults(raw)
    assert set(found) == {
        "population.districts",
        "population.ownrship",
        "radio.scan_on",
        "radio.scan_period_s",
        "radio.sensitivity_dbm",
        "adoption.levels[1]",
        "adoption.levels[2].users",
        "timezone",
    }
    assert "differ by 1" in found["population.districts"]
    assert "did you mean 'ownership'" in found["population.ownrship"]
    assert "'scan_on_s'" in found["radio.scan_on"]
    assert "seconds" in found["radio.scan_on"]
    assert "a number in seconds" in found["radio.scan_period_s"]
    assert "at most 0" in found["radio.sensitivity_dbm"]
    assert "1.5" in found["adoption.levels[1]"]
    assert "220 smartphone owners" in found["adoption.levels[2].users"]


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("rule.minutes", 10.0, "rule.minutes"),
        ("f2.test_share", 0.5, "f2.test_share"),
        ("publication.offline_share", 0.0, None),
        ("index_cases.count", 301, "index_cases.count"),
        ("index_cases.f2_count", 61, "index_cases.f2_count"),
        ("radio.scan_on_s", 400.0, "radio.scan_on_s"),
        ("phones.off_share", 1.2, "phones.off_share"),
        ("date", "2020-08-12", "date"),
    ],
)
def test_faults_of_one_key(key, value, path):
    raw = raw_scenario()
    override(raw, key, value)
    if path is None:
        validate(raw)
    else:
        assert path in faults(raw)


def test_an_arm_is_checked_like_the_scenario_and_only_its_own_faults_are_told():
    raw = raw_scenario()
    raw["sensitivity"] = {
        "arms": [
            {"label": "fine", "set": {"phones.off_share": 0.3}},
            {"label": "misspelt", "set": {"phones.of_share": 0.3}},
        ]
    }
    found = faults(raw)
    assert list(found) == ["sensitivity.arms[1].set: phones.of_share"]
    raw["radio"] = {"densty": "on"}
    assert set(faults(raw)) == {"sensitivity.arms[1].set: phones.of_share", "radio.densty"}


def _arms(*sets, **changes):
    raw = raw_scenario()
    raw["sensitivity"] = {"arms": [{"label": str(i), "set": s} for i, s in enumerate(sets)]}
    for key, value in changes.items():
        override(raw, key.replace("__", "."), value)
    scenario = validate(raw)
    return scenario, [arm_scenario(scenario, arm) for arm in scenario.sensitivity.arms]


def test_an_arm_without_effect_is_left_out_and_what_has_one_is_run():
    killed = {"phones.android.killed_share": 0.0, "phones.ios.killed_share": 0.0}
    _, (arm,) = _arms(killed)
    assert (arm.phones.android.killed_share, arm.phones.ios.killed_share) == (0.0, 0.0)
    # Exposure Notification runs in the system: nothing kills it.
    _, (out, kept) = _arms(killed, {"phones.off_share": 0.3}, protocol__name="gaen")
    assert 'phones.ios.killed_share has no effect with protocol.name = "gaen"' in out.why
    assert "phones.android.killed_share" in out.why
    assert kept.phones.off_share == 0.3
    # Where nobody has an iPhone, what is left of an arm is run.
    _, (half,) = _arms(killed, population__ios_share=0.0)
    assert half.phones.android.killed_share == 0.0
    # Keys of a rule that is not the scenario's, and a rule that the protocol cannot follow.
    _, (minutes, cwa) = _arms({"rule.minutes": 5.0}, {"rule.name": "cwa"})
    assert "rule.minutes has no effect" in minutes.why
    assert "which bluezone does not tell" in cwa.why
    _, (minutes,) = _arms({"rule.minutes": 5.0}, rule__name="minutes-near")
    assert minutes.rule.minutes == 5.0


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("owners", [0, 220])
@pytest.mark.parametrize("name", ["bluezone", "gaen"])
def test_a_resolved_scenario_loads_back_whatever_has_no_effect(share, owners, name):
    raw = raw_scenario()
    override(raw, "population.ios_share", share)
    override(raw, "population.smartphones", owners)
    override(raw, "protocol.name", name)
    scenario = validate(raw)
    assert parse(resolved_toml(scenario)) == scenario


@pytest.mark.parametrize("name", protocols.followed())
def test_every_shipped_scenario_can_be_run_with_every_protocol(name):
    upload = "history" if isinstance(protocols.get(name).keys, ServerIds) else "keys"
    for title in shipped():
        scenario = load(title, {"protocol.name": name, "publication.upload": upload})
        arms = scenario.sensitivity.arms if scenario.sensitivity else ()
        for arm in arms:
            arm_scenario(scenario, arm)


def test_the_resolved_form_tells_which_days_are_published():
    text = resolved_toml(validate(raw_scenario()))
    assert "# before_onset_days: the whole look-back, rule any-match" in text
    raw = raw_scenario()
    override(raw, "publication.before_onset_days", 2)
    text = resolved_toml(validate(raw))
    assert "\nbefore_onset_days = 2\n" in text
    assert "# before_onset_days" not in text
    assert "# before_test_days" in text


def test_an_arm_changes_what_it_says_and_nothing_else():
    raw = raw_scenario()
    raw["sensitivity"] = {"arms": [{"label": "x", "set": {"rule.name": "minutes-near"}}]}
    scenario = validate(raw)
    arm = arm_scenario(scenario, scenario.sensitivity.arms[0])
    assert arm.rule.name == "minutes-near"
    assert arm.model_copy(update={"rule": scenario.rule, "sensitivity": scenario.sensitivity}) == (
        scenario
    )


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_a_scenario_with_any_rule_reaches_a_worker(rule):
    one = scenario(**{"rule.name": rule.name, "protocol.name": "gaen"})
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert type(again.rule) is type(one.rule)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_scenarios_load_and_survive_being_resolved(name):
    scenario = load(name)
    assert scenario.name == name
    again = parse(resolved_toml(scenario))
    assert again == scenario
    for arm in scenario.epidemic.arms if scenario.epidemic else ():
        assert with_arm(again, arm.set) == with_arm(scenario, arm.set), arm.name
    for arm in scenario.sensitivity.arms if scenario.sensitivity else ():
        assert arm_scenario(again, arm) == arm_scenario(scenario, arm), arm.label
    assert shipped()[name].read_text(encoding="utf-8").startswith("# ")


def test_yen_bai_says_what_the_order_of_13_august_said():
    scenario = load("yen-bai-2020")
    population = scenario.population
    assert population.people == sum(d.people for d in population.districts) == 821_030
    assert len(population.districts) == 9
    assert population.smartphones == 480_000
    users = scenario.level_users()
    assert users[0] == 66_081
    assert round(100 * users[0] / population.people, 2) == 8.05
    assert sorted(users[1:]) == [round(a * 480_000) for a in (0.2, 0.4, 0.6, 0.8, 1.0)]


def test_the_template_is_a_scenario():
    scenario = parse(template())
    assert scenario.name == "my-town"
    # Every default is there, in a comment.
    commented = {
        line.removeprefix("# ").split(" = ")[0] for line in template().splitlines() if "=" in line
    }
    assert {"sensitivity_dbm", "exponent", "offline_share", "f2_count"} <= commented


def test_uncommenting_every_default_of_a_table_changes_nothing():
    lines = []
    inside = False
    for line in template().splitlines():
        if line.startswith(("# [", "[")):
            inside = line.startswith("# [radio]")
        lines.append(line.removeprefix("# ") if inside else line)
    text = "\n".join(line for line in lines if not line.startswith("From distance"))
    assert parse(text) == parse(template())
    assert "radio" in tomllib.loads(text)


def test_the_schema_describes_every_key_that_has_a_source():
    text = json.dumps(schema())
    for words in ("Bluezone v2", "assumed", "IEEE 802.15.2-2003", "exp34"):
        assert words in text


def test_unknown_names_and_files_get_the_nearest(tmp_path):
    with pytest.raises(InputError, match="did you mean 'yen-bai-2020'"):
        load("yenbai-2020")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(FormatError, match=r"broken\.toml: not TOML"):
        load(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        load(broken)


def test_overrides_reach_list_elements_and_make_tables():
    raw = raw_scenario()
    override(raw, "population.districts[1].people", 5)
    override(raw, "radio.density", "on")
    assert raw["population"]["districts"][1]["people"] == 5
    assert raw["radio"] == {"density": "on"}
    for key in ("", ".a", "a.", "name.first", "population.districts[7].people"):
        with pytest.raises((ValueError, TypeError)):
            override(raw_scenario(), key, 1)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
        max_leaves=6,
    ),
    st.sampled_from(
        ["population", "adoption", "radio", "contacts", "sensitivity", "date", "rule.thresholds"]
    ),
)
def test_whatever_is_written_gives_a_scenario_or_a_scenario_error(value, key):
    raw = raw_scenario()
    override(raw, key, value)
    with contextlib.suppress(ScenarioError):
        assert resolved_toml(validate(raw))


def test_date_is_a_day():
    assert load("yen-bai-2020").date == dt.date(2020, 8, 12)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ({}, {"protocol.name": "gaen"}),
        ({}, {"rule.name": "minutes-near"}),
        ({"name": "minutes-near"}, {"protocol.name": "gaen", "rule.name": "cwa"}),
        ({"name": "minutes-near", "minutes": 5.0}, {"protocol.name": "gaen"}),
    ],
)
@pytest.mark.parametrize("stands", ["sensitivity", "epidemic", "sweep"])
def test_what_arms_change_is_not_fixed_by_the_resolved_form(rule, changes, stands):
    """Written out, the rule of the scenario's protocol was that of each arm as well."""
    raw = {**raw_scenario(), "rule": rule} if rule else raw_scenario()
    arm = {"set": changes, **({"label": "x"} if stands == "sensitivity" else {"name": "x"})}
    raw[stands] = {"arms": [arm]}
    if stands == "epidemic":
        arm["level"] = 1.0
    if stands == "sweep":
        raw[stands] = {"seeds": 1, "grid": {key: [value] for key, value in changes.items()}}
    scenario = validate(raw)
    again = parse(resolved_toml(scenario))
    assert again == scenario
    assert filled_tables(again) == filled_tables(scenario)
    assert point_scenario(again, changes) == point_scenario(scenario, changes)
    assert stored_text(resolved_toml(scenario, stored=True), "sweep.json") == scenario


@pytest.mark.parametrize("key", ["at_least", "at_most", "fall_at_most", "rise_at_most"])
def test_a_criterion_in_per_cent_is_told(key):
    raw = raw_scenario()
    raw["expect"] = [{"metric": "recall", key: 15}, {"metric": "n_warned_f1", key: 15}]
    found = faults(raw)
    assert list(found) == [f"expect[0].{key}"]
    assert "write 0.15" in found[f"expect[0].{key}"]
