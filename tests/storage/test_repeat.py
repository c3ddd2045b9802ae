"""A run again, from its folder."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

import bluezone_sim as bz
from bluezone_sim.cli import main as call
from bluezone_sim.files import Digests
from bluezone_sim.scenario.describe import toml_of, written_raw
from bluezone_sim.scenario.loading import point_scenario
from bluezone_sim.storage.repeat import compared, folder_of, recorded
from bluezone_sim.sweeping.plan import task_id
from helpers import small
from helpers.epidemics import small_epidemic
from helpers.results import saved


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "before"
    return saved(bz.run(small.scenario(radio__density="on"), seed=7), out)


def listed(folder):
    """Writes the list of digests anew, as if the program had written what is there."""
    (folder / "digests.json").write_bytes(Digests.of(folder, "run").text())


@pytest.mark.parametrize("given", ["", "manifest.json"])
def test_a_folder_or_its_manifest_is_run_again(before, tmp_path, capsys, given):
    out = tmp_path / "after"
    assert call(["run", str(before / given), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    tables = "histograms.parquet, metrics.parquet, outcomes.parquet, warnings.parquet"
    assert f"the same bytes as {before}: {tables}" in shown
    assert (out / "metrics.parquet").read_bytes() == (before / "metrics.parquet").read_bytes()
    again = bz.open_run(out)
    assert again.seed == 7
    assert again.scenario == bz.open_run(before).scenario


def test_other_numbers_are_told_with_versions(before, tmp_path, capsys):
    other = tmp_path / "other"
    saved(bz.run(small.scenario(radio__density="on"), seed=8), other)
    about = json.loads((other / "manifest.json").read_text())
    about.update(seed=7, numeric_version=1)
    (other / "manifest.json").write_text(json.dumps(about))
    listed(other)
    assert call(["run", str(other), "--out", str(tmp_path / "after")]) == 1
    err = capsys.readouterr().err
    assert f"other numbers than {other}: " in err
    assert "outcomes.parquet" in err
    assert "numeric version: 1 then, " in err


def test_other_bytes_of_the_same_numbers_are_told_as_that(before, tmp_path):
    other = tmp_path / "other"
    saved(bz.open_run(before), other)
    path = other / "outcomes.parquet"
    pq.write_table(pq.read_table(path), path, compression="none")
    found = compared(recorded(before), other)
    assert found.same_values == ("outcomes.parquet",)
    assert not found.other
    assert "the same numbers as" in found.summary()
    path.unlink()
    assert compared(recorded(before), other).other == ("outcomes.parquet",)


def test_what_cannot_be_repeated_is_told(before, tmp_path, capsys):
    out = ["--out", str(tmp_path / "x")]
    assert call(["run", str(before), "--seed", "1", *out]) == 2
    err = capsys.readouterr().err
    assert "is run again as it was" in err
    assert f"bluezone-sim show {before} > my.toml" in err
    assert call(["run", str(before), "--set", "seed=1", *out]) == 2
    damaged = tmp_path / "damaged"
    saved(bz.open_run(before), damaged)
    (damaged / "metrics.parquet").write_bytes(b"PAR1")
    assert call(["run", str(damaged), *out]) == 2
    assert "metrics.parquet" in capsys.readouterr().err
    (damaged / "manifest.json").unlink()
    assert call(["run", str(damaged), *out]) == 2
    assert f"{damaged / 'manifest.json'}: missing" in capsys.readouterr().err
    (damaged / "digests.json").write_bytes(Digests("example").text())
    assert call(["run", str(damaged), *out]) == 2
    assert "holds an example, not a run" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    assert folder_of(tmp_path) is None
    assert folder_of("yen-bai-2020") is None


def test_a_run_does_not_take_the_place_of_the_one_it_repeats(before, tmp_path, capsys):
    """Beside itself it would always be the same."""
    own, link = tmp_path / "own", tmp_path / "link"
    saved(bz.open_run(before), own)
    link.symlink_to(own)
    whole = (own / "manifest.json").read_bytes()
    for out in (own, link):
        assert call(["run", str(own), "--out", str(out), "--force"]) == 2
        assert "is the run that is repeated" in capsys.readouterr().err
    assert (own / "manifest.json").read_bytes() == whole


def test_a_result_has_its_manifest(before):
    opened = bz.open_run(before)
    assert opened.manifest == json.loads((before / "manifest.json").read_text())
    fresh = bz.run(small.scenario(), seed=3)
    assert fresh.manifest["seed"] == 3
    assert fresh.manifest["scenario"]["population"]["people"] == 300


@pytest.mark.slow
def test_arms_of_other_protocols_are_followed_again(tmp_path, capsys):
    """What the scenario left to its protocol is filled anew by that of each arm."""
    history = {"publication.upload": "history"}
    arms = [
        {"name": "by hand"},
        {"name": "robert", "level": 1.0, "set": {"protocol.name": "robert", **history}},
        {"name": "cwa", "level": 1.0, "set": {"protocol.name": "gaen", "rule.name": "cwa"}},
    ]
    table = {"days": 10, "infected": 30, "arms": arms}
    before, after = tmp_path / "before", tmp_path / "after"
    result = bz.run(small_epidemic(epidemic=table), seed=3)
    saved(result, before)
    robert = result.epidemic.seeds[0].arms[1]
    assert robert.warned > 0
    assert call(["run", str(before), "--out", str(after)]) == 0
    assert "the same bytes as" in capsys.readouterr().out
    assert bz.open_run(after).epidemic.seeds[0].arms[1] == robert


# -- the scenario, and the files that it read --------------------------------------------------------


def shown(capsys, *arguments):
    """What ``show`` prints of a folder."""
    capsys.readouterr()
    assert call(["show", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_show_prints_the_scenario_of_a_run_to_go_on_from(before, tmp_path, capsys):
    text = shown(capsys, before)
    again = bz.parse(text)
    recorded_one = bz.open_run(before).scenario
    assert again == recorded_one.model_copy(update={"seed": 7})
    # What the scenario left to its protocol it still does.
    assert bz.parse(text, overrides={"protocol": "gaen"}).rule.name == "cwa"
    assert bz.parse(shown(capsys, before, "--resolved")) == again
    assert f"population.people = 300   # set in {before}" in shown(capsys, before, "--sources")
    assert call(["show", str(before), "--set", "seed=1", "--resolved"]) == 2
    assert f"bluezone-sim show {before} > my.toml" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["yen-bai-outbreak", "yen-bai-campaign", "workplace-trace"])
def test_what_a_scenario_says_loads_back(name):
    found = bz.load(name)
    assert bz.parse(toml_of(written_raw(found))) == found


def test_show_prints_the_scenario_of_a_sweep_with_its_grid(tmp_path, capsys):
    out = tmp_path / "swept"
    grid = {"phones.off_share": [0.1, 0.3]}
    bz.sweep(small.scenario(), grid, seeds=1, workers=1, out=out)
    text = shown(capsys, out)
    assert "#   phones.off_share = [0.1, 0.3]" in text.replace('"', "")
    assert bz.parse(text).population == small.scenario().population
    assert call(["run", str(out)]) == 2
    assert f"bluezone-sim show {out} > my.toml" in capsys.readouterr().err
    assert call(["run", str(tmp_path)]) == 2
    assert "is a folder, and no run's" in capsys.readouterr().err


def test_show_of_a_sweep_leaves_to_each_protocol_what_the_sweep_did(tmp_path, capsys):
    """Written out, the rule of the scenario's own protocol would be that of each."""
    out, gaen = tmp_path / "swept", {"protocol.name": "gaen"}
    bz.sweep(small.scenario(), {"protocol": ["bluezone", "gaen"]}, seeds=1, workers=1, out=out)
    again = bz.parse(shown(capsys, out))
    assert again == small.scenario()
    assert point_scenario(again, gaen) == point_scenario(small.scenario(), gaen)
    assert "rule.name = any-match   # as protocol bluezone has it" in shown(
        capsys, out, "--sources"
    )


TRACE = "t,i,j,duration\n" + "".join(f"{1596240000 + 9000 * k},a,{k},1000\n" for k in range(9))


@pytest.fixture
def of_trace(tmp_path, monkeypatch):
    """The folder of a run whose trace is in another place now, and that place."""
    monkeypatch.chdir(tmp_path)
    home, moved = tmp_path / "home", tmp_path / "elsewhere" / "moved.csv"
    home.mkdir()
    moved.parent.mkdir()
    (home / "met.csv").write_text(TRACE)
    (home / "s.toml").write_text(
        'name = "met"\n[adoption]\nlevels = [1.0]\n[contacts]\nsource = "trace"\n'
        '[contacts.trace]\nfile = "met.csv"\n'
    )
    assert call(["run", str(home / "s.toml"), "--out", "runs/one", "--quiet"]) == 0
    (home / "met.csv").rename(moved)
    return tmp_path / "runs" / "one", moved


def test_a_trace_that_was_moved_is_looked_for_and_asked_for(of_trace, tmp_path, capsys):
    run, moved = of_trace
    assert call(["run", str(run), "--out", "again"]) == 2
    err = capsys.readouterr().err
    assert f"bluezone-sim run {run} --set contacts.trace.file=PATH" in err
    assert not (tmp_path / "again").exists()
    here = f"contacts.trace.file={moved}"
    assert call(["run", str(run), "--out", "again", "--set", here]) == 0
    said = capsys.readouterr()
    assert "the same bytes as" in said.out
    assert f"note: contacts.trace.file: {moved}, with the same bytes as" in said.err
    for place in (run, run.parent, tmp_path):
        copy = place / "met.csv"
        copy.write_text(TRACE)
        assert call(["run", str(run), "--out", "again", "--force"]) == 0
        assert str(bz.open_run("again").scenario.contacts.trace.file) == str(copy)
        copy.unlink()


def test_another_trace_is_not_taken_for_it(of_trace, capsys):
    run, moved = of_trace
    moved.write_text(TRACE + "1596400000,b,c,60\n")
    (run.parent / "met.csv").write_text("t,i,j\n0,1,2\n")
    assert call(["run", str(run), "--out", "again"]) == 2
    assert "is not there any more" in capsys.readouterr().err
    for place, why in ((moved, "holds other bytes"), ("nothing.csv", "no such file")):
        given = f"contacts.trace.file={place}"
        assert call(["run", str(run), "--out", "again", "--set", given]) == 2
        assert f"--set {given}: {why}" in capsys.readouterr().err
    assert call(["run", str(run), "--set", "contacts.trace.people=x.csv"]) == 2
    assert "has no such file" in capsys.readouterr().err


def test_a_table_of_phones_that_changed_is_told_and_not_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "phones.csv"
    table.write_text("model,rssi correction,tx,share\nOne,3,-24,0.5\nTwo,0,-30,0.2\n")
    before = bz.run(small.scenario(phones__models=str(table)), seed=2)
    before.save("one")
    assert call(["run", "one", "--out", "again"]) == 0
    assert "phones.models" not in capsys.readouterr().err
    table.write_text("model,rssi correction,tx,share\nOne,9,-60,0.5\n")
    for out, what in (("changed", "holds another table now"), ("gone", "is not there any more")):
        assert call(["run", "one", "--out", out]) == 0
        said = capsys.readouterr()
        assert "the same bytes as one" in said.out
        told = f"the 2 models that the run read, as its manifest has them; {table} {what}"
        assert told in said.err
        table.unlink(missing_ok=True)


def test_another_table_of_phones_is_not_told_as_the_first(tmp_path):
    table = tmp_path / "phones.csv"
    table.write_text("model,rssi correction,tx,share\nOne,3,-24,0.5\n")
    first = small.scenario(phones__models=str(table))
    assert first.phones.models_file == str(table)
    text = toml_of(written_raw(first))
    other = bz.parse(text, overrides={"phones.models": "en-calibration"})
    assert other.phones.models_file == "en-calibration"
    assert other.phones.models_sha256 != first.phones.models_sha256
    # Where it was read is no part of the numbers.
    plain = toml_of(
        {**written_raw(first), "phones": {"models": first.model_dump()["phones"]["models"]}}
    )
    assert task_id(first, 10, 1) == task_id(bz.parse(plain), 10, 1)
