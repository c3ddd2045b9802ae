"""Radio profiles, the command that runs them, and runs of every protocol with its own radio."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest

from bluezone_sim.cli import main
from bluezone_sim.errors import InputError, ScenarioError
from bluezone_sim.protocols import get, names
from bluezone_sim.scenario.describe import resolved_toml
from bluezone_sim.scenario.loading import parse
from bluezone_sim.scenario.profiles import load_profile, profile_of
from bluezone_sim.scenario.schema.profile import STATES
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.validation.whitepaper import document
from bluezone_sim.validation.whitepaper.cases import WHITE_PAPER_CASES
from bluezone_sim.world import build_world
from helpers.small import scenario


def leaves(table: dict, path: str = ""):
    """(dotted key, value and source) of every value of a profile as it is written."""
    for key, value in table.items():
        if isinstance(value, dict) and set(value) != {"value", "source"}:
            yield from leaves(value, f"{path}{key}.")
        elif f"{path}{key}" not in ("title", "protocol"):
            yield f"{path}{key}", value


@pytest.mark.parametrize("name", names())
def test_every_value_of_a_profile_has_its_source(name):
    text = get(name).radio.read_text("utf-8")
    found = dict(leaves(tomllib.loads(text)))
    assert len(found) > 30
    for key, value in found.items():
        assert isinstance(value, dict), f"{key} has no source"
        source = value["source"]
        assert len(source) > 10, key
        # What no source gives says so at its end, so that it can be counted.
        assert "assumed" not in source or source.endswith("assumed)"), key
    sources = load_profile(name).sources
    assert sources == {key: value["source"] for key, value in found.items()}


def test_there_is_a_profile_for_every_protocol():
    for name in names():
        assert load_profile(name).title
    assert load_profile("dp3t-hybrid") == load_profile("dp3t-lowcost")


def test_gaen_pauses_as_its_source_says():
    does = load_profile("gaen").android.background
    assert does.scan_on_s == 4.0
    assert does.scan_period_s() == 4.0 + 300.0 - 44.5
    assert does.scan_period_s(screen_on_share=1.0) == pytest.approx(4.0 + 255.5 * 0.8)
    assert does.scan_period_s(1.0, 1.0) == pytest.approx(4.0 + 255.5 * 0.8 * 0.6)
    short = load_profile("gaen", {"android.scan_pause_s": 90.0}).android.background
    assert short.scan_period_s() == 64.0  # a pause lasts 60 s at least


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"android.scan_window_ms": 9000.0}, "android: scan_window_ms of 9000 does not fit"),
        ({"ios.background.hers": []}, "did you mean 'hears'"),
        ({"ios.sends": "all"}, "ios.sends: expected 'none'"),
        ({"android.advertise_on_s": 40.0}, "advertise_on_s of 40 does not fit"),
        ({"android.scan_on_s": "40 s"}, "android.scan_on_s: expected a number in seconds"),
        ({"android.advertise_channels": [38, 38]}, "given twice"),
        ({"gatt": None}, "[gatt] is missing"),
    ],
)
def test_impossible_profiles_are_named(changes, words):
    with pytest.raises(ScenarioError, match="profile bluezone") as caught:
        load_profile("bluezone", changes)
    assert words in str(caught.value)


def test_an_unknown_profile_gets_the_nearest():
    with pytest.raises(InputError, match="did you mean 'bluetrace'"):
        load_profile("bluetrase")


def test_a_scenario_replaces_what_its_radio_sets():
    s = scenario(radio__scan_on_s=35.0, radio__scan_period_s=120.0)
    for platform in ("android", "ios"):
        for state in STATES:
            does = profile_of(s).behaviour(platform, state)
            assert (does.scan_on_s, does.scan_pause_s) == (35.0, 85.0)
            assert does.advertise_on_s == 15.0
    assert "# advertise_on_s = 15.0   # Android, profile bluezone" in resolved_toml(s)
    assert parse(resolved_toml(s)) == s


def test_keys_that_another_protocol_reads_are_refused():
    with pytest.raises(ScenarioError, match=r"phones.gatt_success: has no effect"):
        scenario(protocol__name="gaen", phones__gatt_success=0.5)
    with pytest.raises(ScenarioError, match=r"phones.screen_on_share: has no effect"):
        scenario(phones__screen_on_share=0.5)


@pytest.mark.parametrize("name", [n for n in names() if get(n).publishes_keys])
def test_every_protocol_finds_what_its_phones_recorded(name):
    """Whoever holds a record of a case in the look-back finds it by what the case publishes."""
    s = scenario(protocol__name=name, look_back_days=3, phones__off_share=0.0)
    world = build_world(s, 3)
    tracer = SimulationContext.build(s, world, 1, StageTimer())
    cases = np.arange(10, 14, dtype=np.int32)
    contacts = tracer.with_app(tracer.contacts(cases), 1.0)
    history = tracer.sightings(contacts, 1.0)
    found = tracer.match(cases, history)
    assert len(history) > 100
    assert set(np.unique(history.true_sender)) == set(cases[world.rank[cases] < 1.0])
    np.testing.assert_array_equal(np.sort(found.row), np.arange(len(history)))
    owner = np.repeat(cases, tracer.keys.keys_per_person)[found.key]
    np.testing.assert_array_equal(owner, history.true_sender[found.row])


def test_gaen_attenuation_is_the_path_loss():
    """TX power from the metadata, RSSI, and the listener's own correction leave what the air took."""
    s = scenario(
        protocol__name="gaen",
        look_back_days=2,
        radio__shadowing_sd_db=0.0,
        radio__scan_sd_db=0.0,
        radio__scene_sd_db=0.0,
        radio__fading_sd_db=0.01,
    )
    world = build_world(s, 3)
    tracer = SimulationContext.build(s, world, 1, StageTimer())
    cases = np.arange(10, 14, dtype=np.int32)
    contacts = tracer.with_app(tracer.contacts(cases), 1.0)
    history = tracer.sightings(contacts, 1.0)
    found = tracer.match(cases, history)
    assert found.attenuation_db is not None
    near = s.radio.attenuation_1m_db + 10 * s.radio.exponent * np.log10(
        [contacts.distance_m.min(), s.radio.breakpoint_m]
    )
    low, high = np.quantile(found.attenuation_db, [0.0, 0.5])
    assert near[0] - 1.1 < low < high < near[1] + 1.1
    # TX power is sent as a whole number of dBm, RSSI is reported as one.
    distances = {round(float(x), 3) for x in contacts.distance_m}
    loss = np.sort(
        [
            s.radio.attenuation_1m_db + 10 * s.radio.exponent * np.log10(min(d, 8.0))
            for d in distances
        ]
    )
    close = found.attenuation_db[found.attenuation_db < near[1] - 2]
    gap = np.abs(close[:, None] - loss[None]).min(axis=1)
    assert gap.max() <= 1.01


def test_the_cases_are_the_white_papers():
    assert [c.number for c in WHITE_PAPER_CASES] == list(range(1, 25))
    assert [c.number for c in WHITE_PAPER_CASES if not c.recorded] == [10, 11, 12]
    assert {(c.scanner, c.advertisers) for c in WHITE_PAPER_CASES if 13 <= c.number <= 18} == {
        ("ios", "android")
    }


@pytest.fixture
def few_pairs(monkeypatch):
    """Latencies of a few contacts: the command's form, not its figures."""
    plain = document.latencies
    monkeypatch.setattr(
        document, "latencies", lambda *a, **k: plain(*a, **{**k, "pairs": 4, "seconds": 300})
    )


@pytest.mark.slow
def test_matrix_prints_the_document(few_pairs, capsys, tmp_path):
    assert main(["matrix", "--json", "--capture", str(tmp_path / "cases.pcapng")]) == 0
    out = json.loads(capsys.readouterr().out)
    assert [set(case) for case in out["cases"]] == [
        {"case", "scanner", "advertisers", "recorded", "seconds_to_first"}
    ] * 24
    assert sum(case["recorded"] for case in out["cases"]) == 21
    for case in out["cases"]:
        assert (case["seconds_to_first"] is None) == (not case["recorded"])
    (claim,) = out["claims"]
    assert claim["within_s"] == 120
    assert len(out["measured"]) == 9
    for figure in out["measured"]:
        lived, longer = figure["model_as_phones_live"], figure["model_8_h_together"]
        assert 0 <= lived <= 1
        # The longer two are together the more often one has the app in front; opened it is the most.
        assert lived <= longer + 0.02 <= figure["model_opened"] + 0.06
    iphones = next(f for f in out["measured"] if f["system"] == "NHS beta, locked iPhones")
    assert iphones["model"] == 0
    assert iphones["model_as_phones_live"] < 0.02 < iphones["model_8_h_together"] < 0.2
    assert iphones["model_opened"] == pytest.approx(0.9**2, abs=0.03)  # killed apps
    read_back = ["import", str(tmp_path / "cases.pcapng"), "--out", str(tmp_path / "s.parquet")]
    assert main(read_back) == 0
    assert "bluezone-v1:" in "".join(capsys.readouterr())


@pytest.mark.slow
def test_matrix_ends_with_1_where_the_table_is_missed(few_pairs, capsys):
    assert main(["matrix", "--set", "ios.background.sends=service"]) == 1
    shown = capsys.readouterr()
    assert "differ" in shown.err
    assert "11" in shown.err
    assert "← differs" in shown.out
    assert "does not hold" in shown.out or "holds" in shown.out


def test_matrix_refuses_what_is_no_profile(capsys):
    assert main(["matrix", "--protocol", "bluezoen"]) == 2
    assert "did you mean 'bluezone" in capsys.readouterr().err
    assert main(["matrix", "--set", "ios.backgroud.sends=none"]) == 2
    assert "ios" in capsys.readouterr().err
