"""Conformance: what did not end, what was not measured, what was required, who was heard instead."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from bluezone_sim import protocols
from bluezone_sim.ble.conformance import judge as conformance
from bluezone_sim.ble.conformance.documents import html, junit
from bluezone_sim.ble.conformance.limits import load_limits
from bluezone_sim.captures.formats.btsnoop import BtsnoopWriter
from bluezone_sim.captures.packets import Packets
from bluezone_sim.errors import InputError, NothingToRunError
from helpers.capture_files import START_US, packets
from helpers.commands import call
from helpers.junit import faults


def heard(name: str, time_s: np.ndarray, use: np.ndarray | int = 0) -> Packets:
    """Packets of one phone: at which seconds, and of which address and identifier each."""
    system = protocols.get(name)
    use = np.broadcast_to(use, len(time_s))
    payload = (bytes(4),) if name == "gaen" else ()
    ads = {
        int(u): system.advertisement(bytes([u]) * system.id_size, *payload)
        for u in set(use.tolist())
    }
    table = packets([ads[int(u)] for u in use])
    table.time_us[:] = START_US + (time_s * 1e6).astype(np.int64)
    table.address[:] = 0x0A0B0C0D0E00 + use
    table.address_random[:] = True
    table.kind[:] = 2  # not connectable
    return table


def joined(*tables: Packets) -> Packets:
    return Packets(
        **{n: np.concatenate([getattr(t, n) for t in tables]) for n in tables[0]._columns()}
    )


def judged(table: Packets, profile="gaen", required=()):
    limits = load_limits(profile)
    return conformance.judge(profile, limits, conformance.recorded(table), required=required)


def of(report, name):
    (found,) = [m for m in report.measurements if m.name == name]
    return found


STUCK = np.arange(0, 2699.25, 0.25)


def test_a_phone_that_never_rotates_fails_with_a_lower_bound(tmp_path, capsys):
    with BtsnoopWriter(tmp_path / "phone.log") as out:
        out.write(heard("gaen", STUCK))
    arguments = ("ble", "conformance", "gaen", "--recording", tmp_path / "phone.log")
    assert call(*arguments, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    (rotation,) = [m for m in found["measurements"] if m["name"] == "rotation_period_s"]
    assert (rotation["outcome"], rotation["value"], rotation["at_least"]) == ("fail", 2699, True)
    assert "at least 2,699 s, 1200 allowed" in rotation["detail"]
    assert "1 identifier" in rotation["detail"]
    assert not found["passed"]
    assert call(*arguments) == 1
    assert "≥ 2699" in capsys.readouterr().out


def test_a_use_that_may_end_in_time_is_not_measured():
    found = of(judged(heard("gaen", np.arange(0, 900, 0.25))), "rotation_period_s")
    assert (found.outcome, found.value, found.at_least) == ("not measured", None, False)


@pytest.mark.parametrize("first", [True, False])
def test_a_phone_that_stops_rotating_fails_although_its_whole_uses_are_right(first):
    """Whole uses of 900 s, and one of 1,500 s and more at the end or at the beginning."""
    t = np.arange(0, 4200, 0.25)
    use = np.minimum(t // 900, 3) if not first else np.maximum(t // 900 - 1, 0) + 0
    report = judged(heard("gaen", t, use.astype(int)))
    rotation = of(report, "rotation_period_s")
    assert rotation.outcome == "fail"
    assert rotation.at_least
    assert rotation.value == pytest.approx(1800 if first else 1500, abs=1)


def test_advertising_without_a_pause_fails_where_pauses_are_asked_for():
    found = judged(heard("bluezone", np.arange(0, 120, 0.1)), "bluezone-android")
    on, off = of(found, "duty_on_s"), of(found, "duty_off_s")
    assert (on.outcome, on.at_least) == ("fail", True)
    assert on.value == pytest.approx(119.9)
    assert off.outcome == "not measured"


def test_the_longest_silence_is_measured_until_the_end_of_the_recording():
    t = np.arange(0, 100, 0.25)
    quiet = t[(t < 20) | (t > 55)]
    found = of(judged(heard("gaen", quiet)), "longest_silence_s")
    assert (found.outcome, found.value) == ("pass", 35.5)
    assert found.detail == "from 20 s to 55 s"
    # Somebody else tells that the recording went on, while the phone was silent.
    other = heard("bluezone", np.arange(0, 400, 1.0))
    found = of(judged(joined(heard("gaen", t), other)), "longest_silence_s")
    assert found.outcome == "fail"
    assert found.value == pytest.approx(399 - 99.75)
    assert "nothing after 100 s until the end at 399 s" in found.detail


def test_not_measured_is_a_result_of_its_own_and_a_failure_where_it_is_required(tmp_path, capsys):
    table = heard("gaen", np.arange(0, 60, 0.25))
    report = judged(table)
    n = len(report.measurements)
    passed, missing = report.count("pass"), report.count("not measured")
    assert (passed + missing, missing) == (n, 5)
    assert report.verdict == f"passed {passed} of {n}, 5 not measured"
    assert not report.failed
    with BtsnoopWriter(tmp_path / "phone.log") as out:
        out.write(table)
    arguments = ("ble", "conformance", "gaen", "--recording", tmp_path / "phone.log")
    assert call(*arguments) == 0
    assert report.verdict in capsys.readouterr().out
    for names, code in (
        (("name_share",), 0),
        (("rotation_period_s", "name_share"), 1),
        (("all",), 1),
    ):
        options = [o for name in names for o in ("--require", name)]
        assert call(*arguments, *options, "--json") == code
        found = json.loads(capsys.readouterr().out)
        assert found["passed"] == (code == 0)
        assert f"passed {passed} of {n}, 5 not measured" in found["verdict"]
    assert call(*arguments, "--require", "rotation_period") == 2
    assert "did you mean 'rotation_period_s'" in capsys.readouterr().err
    with pytest.raises(InputError, match="duty_on_s: expected all, or some of"):
        conformance.required_of(["duty_on_s"], load_limits("gaen"))


def test_a_recording_at_fault_is_named(tmp_path, capsys):
    with BtsnoopWriter(tmp_path / "phone.log") as out:
        out.write(heard("gaen", np.arange(0, 10, 0.25)))
    (tmp_path / "cut.log").write_bytes((tmp_path / "phone.log").read_bytes()[:-7])
    assert call("ble", "conformance", "gaen", "--recording", tmp_path / "cut.log") == 2
    assert "cut.log: byte" in capsys.readouterr().err


def test_a_phone_of_another_protocol_is_told_as_that(tmp_path, capsys):
    with BtsnoopWriter(tmp_path / "phone.log") as out:
        out.write(heard("gaen", np.arange(0, 10, 0.25)))
    arguments = ("ble", "conformance", "bluezone-android", "--recording", tmp_path / "phone.log")
    assert call(*arguments) == 5
    err = capsys.readouterr().err
    assert "no phone advertised as bluezone in 40 packets" in err
    assert "heard of other protocols: 40 of gaen" in err
    with pytest.raises(NothingToRunError, match="is the app open"):
        judged(packets([b"\x02\x01\x06"] * 20))


@pytest.mark.parametrize("required", [(), ("rotation_period_s", "tx_power_dbm")])
@pytest.mark.parametrize(
    "time_s", [np.arange(0, 60, 0.25), STUCK], ids=["nothing fails", "rotation fails"]
)
def test_junit_keeps_the_schema_that_jenkins_and_gitlab_read(required, time_s):
    report = judged(heard("gaen", time_s), required=required)
    document = junit(report)
    assert faults(document) == []
    suite = ElementTree.fromstring(document).find("testsuite")
    values = {p.get("name"): p.get("value") for p in suite.find("properties")}
    assert values["verdict"] == report.verdict
    assert values["advertising_interval_ms.unit"] == "ms"
    assert "Bluetooth v1.2" in values["rotation_period_s.source"]
    assert int(suite.get("failures")) == sum(m.failed for m in report.measurements)
    for name in required:
        (case,) = [c for c in suite.findall("testcase") if c.get("name") == name]
        assert case.find("failure") is not None
    assert report.verdict in html(report).decode()


def test_the_rules_of_junit_tell_what_breaks_them():
    bad = b"""<testsuites><testsuite name="x" tests="2" failures="0" errors="0" time="1 s">
    <testcase name="a"><properties/></testcase><testcase name="a" value="1"/></testsuite></testsuites>"""
    assert sorted(faults(bad)) == [
        "GitLab: two cases of one name",
        "properties in testcase",
        "skipped: None, but 0",
        "testcase: attribute value",
        "testsuite: time 1 s",
    ]
