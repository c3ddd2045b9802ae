"""A run again, from its folder."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

import bluezone_sim as bz
from bluezone_sim.cli import main as call
from bluezone_sim.files import Digests
from bluezone_sim.storage.repeat import compared, folder_of, recorded
from helpers import small
from helpers.epidemics import small_epidemic


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "before"
    bz.run(small.scenario(radio__density="on"), seed=7).save(out)
    return out


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
    bz.run(small.scenario(radio__density="on"), seed=8).save(other)
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
    bz.open_run(before).save(other)
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
    assert "is run again as it was" in capsys.readouterr().err
    assert call(["run", str(before), "--set", "seed=1", *out]) == 2
    damaged = tmp_path / "damaged"
    bz.open_run(before).save(damaged)
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
    bz.open_run(before).save(own)
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
    result.save(before)
    robert = result.epidemic.seeds[0].arms[1]
    assert robert.warned > 0
    assert call(["run", str(before), "--out", str(after)]) == 0
    assert "the same bytes as" in capsys.readouterr().out
    assert bz.open_run(after).epidemic.seeds[0].arms[1] == robert
