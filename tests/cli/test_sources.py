"""`show --sources`: who set a value, and the source of the default that it replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.commands import call

TOWN = """
name = "town"
date = 2020-08-12
[population]
people = 300
smartphone_share = 0.5
ios_share = 0.5
districts = [{ name = "A", people = 300, urban_share = 0.25 }]
[adoption]
levels = [0.4]
[radio]
profile = "walk.toml"
"""


@pytest.fixture
def lines(tmp_path, monkeypatch, capsys):
    """What is said of each key, by key and value."""
    monkeypatch.chdir(tmp_path)
    Path("walk.toml").write_text("[radio]\nexponent = 2.5\n")
    Path("town.toml").write_text(TOWN)

    def said(*arguments, scenario="town.toml"):
        assert call("show", scenario, "--sources", *arguments) == 0
        found = (line.partition("   # ") for line in capsys.readouterr().out.splitlines())
        return {what: comment for what, _, comment in found}

    return said


def test_a_value_says_who_set_it_and_what_it_would_be(lines):
    found = lines("--set", "phones.off_share=0.3", "--set", "protocol=gaen")
    ios = found["population.ios_share = 0.5"]
    assert ios.startswith("set in town.toml (default 0.364: iOS share of smartphones (")
    assert found["population.people = 300"] == "set in town.toml"
    assert found["population.smartphones = 150"].startswith("set in town.toml")
    assert found["population.districts[0].urban_share = 0.25"].startswith(
        "set in town.toml (default 0.0: share"
    )
    assert found["phones.off_share = 0.3"].startswith("set by --set (default 0.12: share of")
    assert found["protocol.name = gaen"].startswith("set by --set")
    assert found["radio.exponent = 2.5"].startswith("set in walk.toml (default ")
    # A default has its source alone.
    assert found["phones.android.tx_power_dbm = -25.8"] == "mean TX power"


def test_the_command_line_comes_after_the_file(lines):
    found = lines("--set", "population.smartphones=10", "--set", "adoption=0.9")
    assert found["population.smartphones = 10"].startswith("set by --set")
    assert found["adoption.levels = [0.9]"].startswith("set by --set")
    assert lines()["adoption.levels = [0.4]"].startswith("set in town.toml")


def test_what_the_command_line_replaces_is_not_the_files_any_more(lines, tmp_path):
    model = 'model = "One"\nshare = 0.5\ntx_power_dbm = -24.0\nrx_correction_db = 3.0\n'
    Path("models.toml").write_text(
        f'{TOWN}[phones]\nmodels_file = "one.csv"\n[[phones.models]]\n{model}'
    )
    Path("two.csv").write_text("model,rssi correction,tx,share\nTwo,0,-30,0.2\n")
    found = lines("--set", "phones.models=two.csv", scenario="models.toml")
    assert found["phones.models[0].model = Two"].startswith("set by --set")
    (file,) = (key for key in found if key.startswith("phones.models_file"))
    assert file.endswith("two.csv")
    assert "models.toml" not in found[file]
    found = lines("--set", "phones.models[0].share=0.25", scenario="models.toml")
    assert found["phones.models[0].share = 0.25"].startswith("set by --set")
    assert found["phones.models[0].model = One"].startswith("set in models.toml")
    assert not [key for key in found if key.startswith("phones.models_file")]
    Path("one.csv").write_text("t,i,j,duration\n1596240000,a,b,1000\n")
    Path("other.csv").write_text("t,i,j,duration\n1596240000,a,b,1000\n1596250000,a,c,90\n")
    Path("met.toml").write_text(
        'name = "met"\n[adoption]\nlevels = [1.0]\n[contacts]\nsource = "trace"\n'
        '[contacts.trace]\nfile = "one.csv"\n'
    )
    found = lines("--set", "contacts.trace.file=other.csv", scenario="met.toml")
    assert found["population.people = 3"] == "read from other.csv"


def test_what_nobody_set_and_is_no_default_says_why(lines):
    found = lines()
    assert found["index_cases.count = 300"].startswith("follows from other keys (default 3000")
    assert found["confirmation.by = authority"].startswith("as protocol bluezone has it (default")
    shipped = lines(scenario="workplace-trace")
    assert shipped["population.people = 72"] == "read from workplace-trace.csv"
    assert (
        shipped["title = A workplace, one week, from a contact trace"] == "set in workplace-trace"
    )
