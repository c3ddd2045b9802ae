"""Damage to any file that the program has written is told, by every command that opens its folder."""

from __future__ import annotations

import json
import os
import shutil
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.ble.drive.drive_result import HOLDS, RUN_FILE, judge_history
from bluezone_sim.errors import FolderWarning, FormatError, InputError, NothingToRunError
from bluezone_sim.files import DIGESTS, read_digests, write_folder, write_listed
from bluezone_sim.scenario.loading import validate
from bluezone_sim.storage.verify import verify
from bluezone_sim.sweeping.store import of_jobs
from helpers.campaigns import raw_campaign
from helpers.commands import call
from helpers.results import files
from helpers.small import scenario

posix = pytest.mark.skipif(os.name != "posix", reason="needs pipes and devices of POSIX")
GRID = {"phones.off_share": [0.1, 0.5]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One of each kind that is written."""
    home = tmp_path_factory.mktemp("whole")
    raw = raw_campaign(index_cases__count=40)
    bz.run(validate(raw), 1).save(home / "run")
    assert call("report", home / "run", "--format", "html,csv") == 0
    assert bz.sweep(validate(raw), {}, 2, workers=1, out=home / "sweep").campaign is not None
    assert call("report", home / "sweep") == 0
    assert call("report", home / "run", "--format", "csv", "--out", home / "report") == 0
    write_folder(home / "validation", {"a.json": b"{}", "a.png": b"png"}, "validation of radio")
    run = json.dumps({"schema_version": 1, "digests": DIGESTS}).encode()
    write_listed(home / "drive", {RUN_FILE: run, "bluezone-keys.json": b"[]"}, HOLDS)
    return home


OPENS = {
    "run": {"verify", "report", "compare", "open_run"},
    "sweep": {"verify", "report", "compare", "open_sweep"},
    "report": {"verify"},
    "validation": {"verify"},
    "drive": {"verify", "judge"},
}


def opened(how, folder, away):
    """The exit code of a command, or that of what a function raises."""
    if how in ("verify", "report"):
        return call(how, folder, *(["--out", away] if how == "report" else []))
    if how == "compare":
        return call(how, folder, folder)
    try:
        if how == "judge":
            judge_history(scenario(), folder, b"", "x", (0, 24))
        else:
            getattr(bz, how)(folder)
    except InputError as error:
        print(error)
        return error.exit_code
    return 0


#: Folders without a document that says that there is a list.
SILENT = ("report", "validation")


def flip(at):
    def damage(path):
        data = bytearray(path.read_bytes())
        bit = int(at * 8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(data))

    return damage


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path):
    path.write_bytes(b"")


def more(path):
    path.write_bytes(path.read_bytes() + b"\n")


def pipe(path):
    """Nobody writes to it: whoever read it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


def device(path):
    """It has no end."""
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", OPENS)
def test_one_bit_in_any_file_is_told_by_all_that_opens_the_folder(folders, tmp_path, kind, capsys):
    """The first damage of a file by all, the others by one of them each in turn: all pairs of damage and
    opener, of file and opener, and of file and damage.
    """
    random = np.random.default_rng(20200812)
    folder, told, turns = tmp_path / kind, 0, cycle(sorted(OPENS[kind]))
    shutil.copytree(folders / kind, folder)
    names = [*read_digests(folder).files, DIGESTS]
    assert set(names) == {
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()
    } - {"lock"}
    for name in names:
        whole = (folder / name).read_bytes()
        damages = [flip(random.random()), flip(0.0), cut, empty, more, Path.unlink]
        damages += [pipe, device] if os.name == "posix" else []
        for number, damage in enumerate(damages):
            damage(folder / name)
            for how in [next(turns)] if number else sorted(OPENS[kind]):
                if name == DIGESTS and damage == Path.unlink and kind in SILENT:
                    assert call("verify", folder) == 5  # nothing says that there was a list
                    continue
                capsys.readouterr()
                assert opened(how, folder, tmp_path / "away") == 2, (name, damage, how)
                said = "".join(capsys.readouterr())
                assert f"{folder / name}: " in said, (name, damage, how)
                told += 1
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_bytes(whole)
    assert told == len(names) * (len(damages) - 1 + len(OPENS[kind])) - (kind in SILENT)
    assert not (tmp_path / "away").exists()
    assert call("verify", folder) == 0


def test_recall_cannot_change_in_silence(folders, tmp_path):
    """The flip that started it: a digit of a manifest, which is still a manifest."""
    shutil.copytree(folders / "run", tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    text = path.read_text(encoding="utf-8")
    at = text.index('"recall": 0.') + len('"recall": 0.')
    other = chr(ord(text[at]) ^ 4)
    path.write_text(text[:at] + other + text[at + 1 :], encoding="utf-8")
    with pytest.raises(FormatError, match=r"manifest\.json: damaged .*run it again with --force"):
        bz.open_run(tmp_path / "run")
    assert call("report", tmp_path / "run") == 2


def test_what_is_missing_or_damaged_is_told_with_the_remedy(folders, tmp_path, capsys):
    for kind, name, words in (
        ("run", "report.html", "report {} ` writes it anew"),
        ("run", "figures/metrics.csv", "report {} --format csv` writes it anew"),
        ("run", "outcomes.parquet", "run it again with --force"),
        ("sweep", "report.html", "report {}` writes it anew"),
        ("sweep", "sweep.json", "copy it again from where the sweep came"),
        ("sweep", DIGESTS, "the same `bluezone-sim sweep` again makes it anew"),
    ):
        folder = tmp_path / f"{kind}-{name.replace('/', '-')}"
        shutil.copytree(folders / kind, folder)
        (folder / name).unlink()
        assert call("compare", folder, folder) == 2
        said = capsys.readouterr().err
        assert f"{folder / name}: missing" in said
        assert words.replace("{} `", "{}`").format(folder) in said


def test_a_report_mends_what_it_writes_and_nothing_else(folders, tmp_path):
    shutil.copytree(folders / "run", tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_bytes()
    flip(0.5)(tmp_path / "run" / "report.html")
    cut(tmp_path / "run" / "figures" / "metrics.csv")
    assert call("report", tmp_path / "run") == 2
    assert call("report", tmp_path / "run", "--format", "html,csv") == 0
    assert (tmp_path / "run" / "report.html").read_bytes() == page
    assert verify(tmp_path / "run").faults == ()


def test_files_of_others_are_no_damage(folders, tmp_path):
    for kind in ("run", "sweep"):
        shutil.copytree(folders / kind, tmp_path / kind)
        (tmp_path / kind / "notes.txt").write_text("mine")
        (tmp_path / kind / "mine").mkdir()
        (tmp_path / kind / "mine" / "x").write_text("mine")
        assert call("compare", tmp_path / kind, tmp_path / kind) in (0, 1)
        assert verify(tmp_path / kind).others == ("mine/", "notes.txt")
    (tmp_path / "sweep" / "results.parquet" / "mine.parquet").write_bytes(b"")
    assert call("report", tmp_path / "sweep") == 0


# -- sweeps -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("swept") / "out"
    bz.sweep(scenario(), GRID, 2, workers=1, out=out)
    assert call("report", out) == 0
    return out


@pytest.mark.parametrize("damage", [flip(0.5), cut, Path.unlink])
def test_a_sweep_that_goes_on_redoes_what_is_at_fault_and_ends_the_same(swept, tmp_path, damage):
    whole = bz.open_sweep(swept)
    names = sorted(read_digests(swept).names)
    chosen = {name.partition("/")[0]: name for name in names}  # one of each folder
    assert len(chosen) == 6
    for folder, name in chosen.items():
        out, said = tmp_path / folder, []
        shutil.copytree(swept, out)
        damage(out / name)
        again = bz.sweep if of_jobs(name) or name == DIGESTS else refused(name)
        again(scenario(), GRID, 2, workers=1, out=out, warn=said.append)
        if again is bz.sweep:
            assert len(said) == 1
            assert f"{out / name}: " in said[0]
            assert verify(out).faults == ()
            assert files(out) == files(swept)
            found = bz.open_sweep(out)
            assert found.table.equals(whole.table)
            # What a simulation took is not measured again for that alone.
            assert found.about["simulations"] == (3 if folder == "timings.parquet" else 4)


def refused(name):
    """A sweep that does not go on, and names the file."""

    def sweep(*arguments, **kwargs):
        with pytest.raises(FormatError, match=name):
            bz.sweep(*arguments, **kwargs)

    return sweep


def test_a_job_that_vanishes_whole_is_told_and_not_fewer_seeds(tmp_path):
    """With all files of a job gone, what is left looks like a sweep of one seed less."""
    out = tmp_path / "out"
    bz.sweep(scenario(), {}, 3, workers=1, out=out)
    job = sorted((out / "results.parquet").iterdir())[0].name.partition("-")[0]
    gone = list(out.glob(f"*/{job}-*"))
    assert len(gone) == 3
    for path in gone:
        path.unlink()
    with pytest.raises(FormatError, match=f"results.parquet/{job}.*missing"):
        bz.open_sweep(out)


def test_the_list_is_right_after_each_job_and_a_long_one_lags_a_little(tmp_path, monkeypatch):
    from bluezone_sim.sweeping import appending

    seen = []

    def look(at):
        listed = read_digests(tmp_path / "out")
        n = sum(of_jobs(name) for name in listed.names)
        seen.append((at.done, n))
        assert verify(tmp_path / "out").faults == ()

    bz.sweep(scenario(), {}, 4, workers=1, out=tmp_path / "out", progress=look)
    assert seen == [(0, 0), (1, 3), (2, 6), (3, 9), (4, 12)]
    monkeypatch.setattr(appending, "_LISTED_A_WAITING_ONE", 1)
    bz.sweep(scenario(), {}, 9, workers=1, out=tmp_path / "out", progress=look)
    assert seen[5:] == [(4, 12), (5, 12), (6, 12), (7, 12), (8, 24), (9, 24)]
    assert len([n for n in read_digests(tmp_path / "out").names if of_jobs(n)]) == 27


@posix
def test_a_pipe_in_place_of_the_document_of_an_earlier_version_is_not_waited_for(folders, tmp_path):
    shutil.copytree(folders / "run", tmp_path / "run")
    as_earlier(tmp_path / "run", "manifest.json")
    pipe(tmp_path / "run" / "manifest.json")
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read .no plain file"):
        bz.open_run(tmp_path / "run")
    assert call("verify", tmp_path / "run") == 5


# -- folders of earlier versions ----------------------------------------------------------------------


def as_earlier(folder, document):
    about = json.loads((folder / document).read_bytes())
    del about["digests"]
    (folder / document).write_text(json.dumps(about))
    (folder / DIGESTS).unlink()


def test_a_folder_of_an_earlier_version_opens_with_a_line(folders, tmp_path, capsys):
    for kind, document in (("run", "manifest.json"), ("sweep", "sweep.json")):
        folder = tmp_path / kind
        shutil.copytree(folders / kind, folder)
        as_earlier(folder, document)
        capsys.readouterr()
        assert call("compare", folder, folder) in (0, 1)
        said = capsys.readouterr().err
        assert said.count(f"{folder}: has no digests.json, being of an earlier version") == 1
        with pytest.warns(FolderWarning, match="has no digests"):
            getattr(bz, f"open_{kind}")(folder)
        assert call("report", folder) == 0
        assert not (folder / DIGESTS).exists()  # a list of the report alone would be none
        with pytest.raises(NothingToRunError):
            verify(folder)


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_a_list_that_is_gone_is_missing_where_there_should_be_one(folders, tmp_path, kind):
    shutil.copytree(folders / kind, tmp_path / kind)
    (tmp_path / kind / DIGESTS).unlink()
    with pytest.raises(FormatError, match=r"digests\.json: missing"):
        getattr(bz, f"open_{kind}")(tmp_path / kind)


def test_a_sweep_of_an_earlier_version_that_goes_on_is_listed(tmp_path):
    out = tmp_path / "out"
    bz.sweep(scenario(), {}, 1, workers=1, out=out)
    assert call("report", out) == 0
    as_earlier(out, "sweep.json")
    said = []
    bz.sweep(scenario(), {}, 2, workers=1, out=out, warn=said.append)
    assert said == []
    found = verify(out)
    assert (found.faults, found.others, found.n_files) == ((), (), 1 + 1 + 6)
    assert call("report", out) == 0


# -- verify -------------------------------------------------------------------------------------------


def test_verify_names_what_is_at_fault(folders, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(folders / "run", folder)
    assert call("verify", folder, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    n = len(read_digests(folder).files)
    assert (found["holds"], found["n_files"], found["faults"]) == ("run", n, [])
    flip(0.3)(folder / "outcomes.parquet")
    (folder / "report.html").unlink()
    assert call("verify", folder, "--json") == 2
    captured = capsys.readouterr()
    assert [f["name"] for f in json.loads(captured.out)["faults"]] == [
        "outcomes.parquet",
        "report.html",
    ]
    assert f"{folder / 'report.html'}: missing" in captured.err
    assert f"run, {n} files" in captured.err
    assert call("verify", tmp_path / "none") == 2
    (tmp_path / "empty").mkdir()
    assert call("verify", tmp_path / "empty") == 5


def test_a_list_that_leads_out_of_its_folder_is_none(tmp_path):
    (tmp_path / "mine").write_bytes(b"")
    write_folder(tmp_path / "a", {"x": b"1"}, "thing")
    text = (tmp_path / "a" / DIGESTS).read_bytes()
    from bluezone_sim.files import digests

    for place in ("../mine", "/etc/passwd", "", DIGESTS):
        document = json.loads(text.replace(b'"x"', json.dumps(place).encode()))
        del document["sha256"]
        (tmp_path / "a" / DIGESTS).write_bytes(digests._rendered(document))
        with pytest.raises(FormatError, match="damaged, or not"):
            read_digests(tmp_path / "a")


def test_a_list_of_a_later_version_is_told_as_that(tmp_path):
    from bluezone_sim.files import digests

    write_folder(tmp_path / "a", {"x": b"1"}, "thing")
    document = json.loads((tmp_path / "a" / DIGESTS).read_bytes())
    del document["sha256"]
    (tmp_path / "a" / DIGESTS).write_bytes(digests._rendered({**document, "schema_version": 99}))
    with pytest.raises(FormatError, match="schema version 99"):
        read_digests(tmp_path / "a")
