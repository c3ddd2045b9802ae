"""`run --force` and `report --out`: what the program has written may go, and nothing else."""

from __future__ import annotations

import json
import os
import shutil

import pytest

import bluezone_sim as bz
from bluezone_sim.errors import InputError
from bluezone_sim.files import DIGESTS, write_listed
from bluezone_sim.simulation import engine
from bluezone_sim.storage.verify import verify
from helpers.commands import call
from helpers.small import scenario

posix = pytest.mark.skipif(os.name != "posix", reason="needs links of POSIX")


@pytest.fixture(scope="module")
def run():
    return bz.run(scenario(), 1)


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("saved") / "run"
    run.save(out)
    assert call("report", out, "--format", "csv") == 0
    return out


@pytest.fixture
def out(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "out")
    return tmp_path / "out"


def as_earlier(folder):
    """As a version without digests wrote it."""
    about = json.loads((folder / "manifest.json").read_bytes())
    del about["digests"]
    (folder / "manifest.json").write_text(json.dumps(about))
    (folder / DIGESTS).unlink()
    shutil.rmtree(folder / "figures")


def everything(folder):
    return {
        p.relative_to(folder).as_posix(): p.is_file() and p.read_bytes() for p in folder.rglob("*")
    }


def notes(folder):
    (folder / "notes.txt").write_text("years of work")


def deep(folder):
    (folder / "figures" / "mine").mkdir(parents=True)
    (folder / "figures" / "mine" / "photo.jpg").write_bytes(b"1")


def bare(folder):
    (folder / "later").mkdir()


def linked(folder):
    (folder / "data").symlink_to(folder.parent, target_is_directory=True)


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize(
    ("add", "name"),
    [
        (notes, "notes.txt"),
        (deep, "figures/"),
        (bare, "later/"),
        pytest.param(linked, "data", marks=posix),
    ],
)
def test_a_run_with_files_of_others_is_refused_before_anything_runs(
    out, add, name, earlier, monkeypatch, capsys
):
    if earlier:
        as_earlier(out)
    add(out)
    before = everything(out)
    monkeypatch.setattr(engine, "run", lambda *given, **more: pytest.fail("it was simulated"))
    (out.parent / "s.toml").write_text(bz.scenario.resolved_toml(scenario()), encoding="utf-8")
    assert call("run", out.parent / "s.toml", "--out", out, "--force") == 2
    said = capsys.readouterr().err
    assert f"{out}: holds {name}" in said
    assert "move it away" in said
    assert everything(out) == before


def test_files_of_others_that_come_while_it_is_simulated_are_kept(run, out, monkeypatch):
    """Looked at again where the folder has gone aside, and nobody can add to it by its name."""
    from bluezone_sim.files import disk

    class Late(disk.Disk):
        def rename(self, old, new):
            if new.name == ".old":
                notes(old)
            super().rename(old, new)

    before = everything(out)
    monkeypatch.setattr(disk, "DISK", Late())
    with pytest.raises(InputError, match=r"out: holds notes\.txt, which no run has written"):
        run.save(out, force=True)
    assert everything(out) == {**before, "notes.txt": b"years of work"}
    assert [p.name for p in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["extension", "package", "list", "damaged", "sweep", "report"])
def test_a_folder_that_is_no_run_is_refused(run, tmp_path, kind):
    out = tmp_path / "out"
    if kind in ("sweep", "report"):
        write_listed(out, {f"{kind}.json": b"{}"}, kind)
    else:
        out.mkdir()
        text = {
            "extension": {"manifest_version": 3, "name": "an extension", "version": "1.0"},
            "package": {"schema_version": 1, "seed": 3},
            "list": ["bluezone_sim", "scenario"],
            "damaged": None,
        }[kind]
        (out / "manifest.json").write_text(json.dumps(text)[: -1 if kind == "damaged" else None])
    before = everything(out)
    with pytest.raises(InputError, match="not replaced"):
        run.save(out, force=True)
    assert everything(out) == before


@pytest.mark.parametrize("fault", ["none", "earlier", "manifest", "list", "page", "empty"])
def test_a_run_is_replaced_whatever_is_wrong_with_it(run, out, fault):
    """Damage is no reason to keep it: to run again is how it is mended."""
    if fault == "earlier":
        as_earlier(out)
    elif fault == "manifest":
        (out / "manifest.json").write_bytes(b"{")
    elif fault == "list":
        shutil.rmtree(out / "figures")
        (out / DIGESTS).write_bytes(b"{")
    elif fault == "page":
        (out / "report.html").unlink()
    elif fault == "empty":
        shutil.rmtree(out)
        out.mkdir()
    run.save(out, force=True)
    assert verify(out).faults == verify(out).others == ()
    assert not (out / "figures").exists()
    assert bz.open_run(out).metrics == run.metrics


@posix
def test_a_link_to_a_run_is_followed(run, out):
    (out.parent / "latest").symlink_to("out")
    was = (out / "manifest.json").stat().st_ino
    run.save(out.parent / "latest", force=True)
    assert (out.parent / "latest").readlink().name == "out"
    assert (out / "manifest.json").stat().st_ino != was
    assert bz.open_run(out.parent / "latest").metrics == run.metrics
    assert sorted(p.name for p in out.parent.iterdir()) == ["latest", "out"]


# -- reports ------------------------------------------------------------------------------------------


def test_a_report_replaces_its_own_files_and_no_others(saved, tmp_path, capsys):
    there = tmp_path / "thesis"
    there.mkdir()
    (there / "chapter.txt").write_text("mine")
    for _ in range(2):
        assert call("report", saved, "--format", "html,csv", "--out", there) == 0
    assert (there / "chapter.txt").read_text() == "mine"
    assert verify(there).others == ("chapter.txt",)
    other = tmp_path / "site"
    other.mkdir()
    (other / "report.html").write_text("mine")
    assert call("report", saved, "--format", "html,csv", "--out", other) == 2
    assert "holds report.html, which is not listed as this program's" in capsys.readouterr().err
    assert os.listdir(other) == ["report.html"]
    assert (other / "report.html").read_text() == "mine"


def test_a_report_does_not_go_into_another_run(saved, out, capsys):
    before = everything(out)
    assert call("report", saved, "--out", out) == 2
    assert f"{out}: holds a run" in capsys.readouterr().err
    assert everything(out) == before
