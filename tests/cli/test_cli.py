"""The command line, end to end: what it prints, what it writes, how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from helpers.bluezone_files import CAPTURE, message, trace
from helpers.commands import call, environment, process
from helpers.paths import ROOT
from helpers.small import TOWN


@pytest.fixture
def town(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "town.toml").write_text(TOWN, encoding="utf-8")
    return tmp_path


def test_run_prints_tables_and_writes_the_run_directory(town, capsys):
    assert call("run", "town.toml", "--out", "out", "--set", "index_cases.count=50") == 0
    text = capsys.readouterr().out
    assert "…" not in text  # no number is cut off
    for words in (
        "50 cases",
        "2,400",
        "13.7",
        "precision",
        "no smartphone",
        "warned",
        "out/report",
    ):
        assert words in text
    assert sorted(p.name for p in (town / "out").iterdir()) == [
        "adoption.png",
        "digests.json",
        "histograms.parquet",
        "manifest.json",
        "metrics.parquet",
        "outcomes.parquet",
        "report.html",
        "warnings.parquet",
    ]
    assert sorted(p.name for p in town.iterdir()) == ["out", "town.toml"]


def test_json_is_one_document_with_what_was_asked(town, capsys):
    assert call("run", "town.toml", "--json", "--seed", "4", "--out", "out") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert "out" in captured.err
    assert document["schema_version"] == 1
    assert (document["scenario"], document["seed"], document["protocol"]) == ("town", 4, "bluezone")
    assert document["risky_pairs"] > 100
    assert document["seconds"] > 0
    assert document["peak_memory_mib"] > 10
    level = document["levels"][1]
    assert set(level) >= {
        "users",
        "adoption_people",
        "adoption_smartphones",
        "share_both_have_app",
        "share_both_have_app_expected",
        "share_recorded",
        "recall",
        "recall_ci95",
        "precision",
        "n_warned_f1",
        "n_warned_f2",
        "hours_to_warning_p50",
        "lost",
    }
    assert level["users"] == 10_500
    assert sum(level["lost"].values()) + level["recall"] == pytest.approx(1)
    manifest = json.loads((town / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 4
    assert manifest["result"]["levels"] == document["levels"]
    assert manifest["scenario"]["population"]["people"] == 30_000
    assert manifest["radio_profile"]["android"]["background"]["scan_on_s"] == 40.0
    assert "numpy" in manifest["packages"]


def test_the_tables_carry_their_versions_and_agree_with_the_document(town):
    import pyarrow.parquet as pq

    assert call("run", "town.toml", "--quiet", "--out", "out") == 0
    tables = {
        name: pq.read_table(town / "out" / f"{name}.parquet")
        for name in ("metrics", "outcomes", "warnings")
    }
    document = json.loads((town / "out" / "manifest.json").read_text(encoding="utf-8"))["result"]
    for table in tables.values():
        assert table.schema.metadata[b"bluezone_sim.schema_version"] == b"1"
        assert b"bluezone_sim.numeric_version" in table.schema.metadata
    assert tables["metrics"]["recall"].to_pylist() == [x["recall"] for x in document["levels"]]
    assert tables["metrics"]["recall_ci95_lo"].to_pylist() == [
        x["recall_ci95"][0] for x in document["levels"]
    ]
    outcomes = tables["outcomes"].filter(
        [x == 1 for x in tables["outcomes"]["level_index"].to_pylist()]
    )
    words = outcomes["outcome"].to_pylist()
    for stage, share in document["levels"][1]["lost"].items():
        assert words.count(stage) / len(words) == pytest.approx(share)


def test_the_report_needs_no_network_and_hides_no_markup(town):
    text = TOWN.replace('name = "town"', 'name = "town"\ntitle = "<script>alert(1)</script>"')
    (town / "evil.toml").write_text(text, encoding="utf-8")
    assert call("run", "evil.toml", "--quiet", "--out", "out") == 0
    html = (town / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert html.count("<svg") == 6
    remote = [w for w in html.split('"') if w.startswith(("http:", "https:", "//"))]
    assert all("www.w3.org" in w for w in remote)  # names of XML vocabularies, not addresses
    assert (town / "out" / "adoption.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_directory_is_not_overwritten_without_force(town, capsys):
    assert call("run", "town.toml", "--quiet", "--out", "out") == 0
    before = (town / "out" / "manifest.json").read_bytes()
    assert call("run", "town.toml", "--quiet", "--out", "out", "--seed", "2") == 2
    assert "--force" in capsys.readouterr().err
    assert (town / "out" / "manifest.json").read_bytes() == before
    assert call("run", "town.toml", "--quiet", "--out", "out", "--seed", "2", "--force") == 0
    assert json.loads((town / "out" / "manifest.json").read_text(encoding="utf-8"))["seed"] == 2
    (town / "mine").mkdir()
    (town / "mine" / "thesis.txt").write_text("years of work")
    assert call("run", "town.toml", "--out", "mine", "--force") == 2
    assert (town / "mine" / "thesis.txt").exists()


def test_the_default_directory_is_new_each_time(town, monkeypatch):
    for _ in range(2):
        assert call("run", "town.toml", "--quiet") == 0
    names = sorted(p.name for p in (town / "runs").iterdir())
    assert len(names) == 2
    assert all(n.startswith("town-seed1-") for n in names)


def test_a_failure_while_writing_leaves_what_was_there(town, monkeypatch):
    from bluezone_sim.storage import run_save as save

    assert call("run", "town.toml", "--quiet", "--out", "out") == 0
    before = (town / "out" / "manifest.json").read_bytes()

    def full(result):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bluezone_sim.storage.run_save.histograms_to_arrow", full)
    assert call("run", "town.toml", "--quiet", "--out", "out", "--force", "--seed", "9") == 2
    assert (town / "out" / "manifest.json").read_bytes() == before
    assert sorted(p.name for p in town.iterdir()) == ["out", "town.toml"]
    assert save.check_free(town / "free", force=False) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "yen-bai"], "did you mean 'yen-bai-2020'"),
        (["run"], "Missing"),
        (["run", "town.toml", "--seed", "x"], "--seed"),
        (["run", "town.toml", "--set", "radio.density"], "KEY=VALUE"),
        (
            ["run", "town.toml", "--set", "epidemic.arms[0].level=0.5"],
            "--set epidemic.arms[0].level: the scenario has no [[epidemic.arms]], so none to change; add "
            "one to its file, or give the list whole: --set 'epidemic.arms=[{name = ...}]'",
        ),
        (["run", "town.toml", "--set", "campaign.measures.0.share=1"], "no [[campaign.measures]]"),
        (["run", "town.toml", "--set", "phones.models[0].share=1"], "no [[phones.models]]"),
        (["run", "town.toml", "--set", "population.districts[9].people=1"], "elements, no '9'"),
        (["run", "town.toml", "--set", "protocol.0=x"], "protocol.0: unknown key"),
        (["run", "town.toml", "--set", "radio.densty=on"], "did you mean 'density'"),
        (["run", "town.toml", "--set", "name.x=1"], "is a value, not a table"),
        (["run", "town.toml", "--threads", "0"], "threads"),
        (["run", "town.toml", "--out", "town.toml", "--force"], "is a file"),
        (["match", "--keys", "nothing.json", "--history", "town.toml"], "nothing.json"),
        (["match", "--keys", "town.toml", "--history", "town.toml"], "not a file of keys"),
        (["new", "town.toml"], "exists already"),
        (["new", "no/where.toml"], "no folder"),
        (["show", "town.toml", "--set", "seed=1"], "--resolved"),
        (["fly"], "fly"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_bad_input_says_so_and_exits_with_2(town, capsys, arguments, words):
    before = sorted(town.iterdir())
    assert call(*arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert sorted(town.iterdir()) == before


def test_a_fault_of_ours_exits_with_3(town, monkeypatch, capsys):
    def broken(*_args, **_kwargs):
        raise RuntimeError("oh")

    monkeypatch.setattr("bluezone_sim.simulation.engine.run", broken)
    assert call("run", "town.toml") == 3
    assert "please report it" in capsys.readouterr().err


def test_list_show_new_and_schema(town, capsys):
    assert call("list") == 0
    assert "yen-bai-2020      Yên Bái, August 2020" in capsys.readouterr().out
    assert call("show", "yen-bai-2020") == 0
    assert capsys.readouterr().out.startswith("# Yên Bái, August 2020: at which adoption")
    assert call("show", "town.toml", "--resolved", "--set", "radio.density=on") == 0
    assert 'density = "on"' in capsys.readouterr().out
    assert call("new", "mine.toml") == 0
    capsys.readouterr()
    assert call("run", "mine.toml", "--out", "out", "--set", "index_cases.count=30") == 0
    capsys.readouterr()
    assert call("schema") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "bluezone-sim scenario"
    assert call("--version") == 0


def test_match_finds_the_captured_phone(town, capsys):
    (town / "keys.json").write_bytes(message())
    (town / "data_trace.txt").write_bytes(trace())
    assert call("match", "--keys", "keys.json", "--history", "data_trace.txt", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n_keys"], document["n_rows"]) == (1, 6)
    assert document["matches"][0] == {
        "key": CAPTURE["base_id"],
        "day_unix_s": 1_596_844_800,
        "interval": 47,
        "unix_ms": 1_596_887_252_275,
        "rssi_dbm": -74,
    }
    assert call("match", "--keys", "keys.json", "--history", "data_trace.txt") == 0
    text = capsys.readouterr().out
    assert "2020-08-08 11:47:32" in text
    assert "minutes near" in text


def test_help_is_quick_because_it_imports_little():
    code = (
        "import sys; from bluezone_sim import cli; cli.main(['--help']);"
        "bad = {'numba', 'matplotlib', 'pyarrow', 'pydantic', 'scipy', 'bleak'} & set(sys.modules);"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


_INTERRUPTED = """
import runpy, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
runpy.run_module("bluezone_sim", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_while_the_program_is_being_loaded_is_told_too():
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    said = "bluezone-sim: interrupted; nothing was written\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


def test_every_public_name_is_there():
    import bluezone_sim

    for name in bluezone_sim.__all__:
        assert getattr(bluezone_sim, name) is not None
    assert set(bluezone_sim._HOMES) == set(bluezone_sim.__all__) - {"__version__"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("after_s", [1.0, 2.0])
def test_ctrl_c_exits_with_130_and_writes_nothing(tmp_path, after_s):
    child = process("run", "yen-bai-2020", "--out", "out", cwd=tmp_path)
    time.sleep(after_s)
    while child.poll() is None:  # again if a library that was just being imported swallowed it
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=2)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "nothing was written" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("matrix --set x", "--set x: expected KEY=VALUE, such as ios.background.sends"),
        ("trace info t.txt --step 0", "--step 0: expected a number greater than or equal to 1"),
        ("trace info t.txt --day-start 30", "--day-start 30.0: expected a number less than 24"),
        ("trace info t.txt --steps-per-day 0", "--steps-per-day 0: expected"),
        ("ble advertise --seconds 0", "--seconds 0: expected more than 0"),
        ("ble advertise --backend x", "--backend 'x': expected bluez or bumble"),
        ("ble range --seconds 0", "--seconds 0: expected more than 0"),
        ("ble range --distances x", "--distances x: expected numbers such as 1,2,5"),
        ("ble matrix --wait 0", "--wait 0: expected more than 0"),
        ("ble conformance gaen --target x", "--target x: expected an address, or first"),
        ("ble conformance gaen --keys town.toml", "town.toml: not a file of keys"),
        ("ble conformance gaen --seconds 0", "--seconds 0: expected more than 0"),
        ("ble drive town.toml --out t.txt", "t.txt: is a file; expected a directory"),
        ("ble drive town.toml --backend bumble", "--adapter usb:0"),
        ("ble drive town.toml --distance 0", "--distance 0: expected more than 0"),
    ],
)
def test_what_cannot_be_is_said_before_anything_else(town, capsys, arguments, message):
    """In the words of the option; nobody listens, simulates or measures first."""
    (town / "t.txt").write_text("1\t2\t3\n", encoding="utf-8")
    assert call(*arguments.split()) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("bluezone-sim: ")
    assert captured.out == ""


def test_a_reader_that_leaves_is_no_error(tmp_path):
    child = process("schema", cwd=tmp_path)
    child.stdout.read(10)
    child.stdout.close()
    assert child.wait(timeout=60) == 0
    assert child.stderr.read() == ""
    child.stderr.close()


@pytest.mark.slow
def test_the_installed_wheel_runs_from_any_folder(tmp_path):
    """Builds the wheel, installs it into a folder of its own, and runs a shipped scenario from it."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("needs a checkout: run the tests from the project's folder")
    pytest.importorskip("hatchling", reason="needs hatchling: pip install '.[test]'")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path / "dist")]
    subprocess.run([*pip, *build, str(ROOT)], check=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    target = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    assert (target / "bluezone_sim" / "_scenarios" / "yen-bai-2020.toml").exists()
    work = tmp_path / "work"
    work.mkdir()
    smaller = ("--set", "index_cases.count=60", "--set", "index_cases.f2_count=5")
    smaller += ("--set", "sensitivity.cases=20")
    done = subprocess.run(
        [sys.executable, "-m", "bluezone_sim", "run", "yen-bai-2020", "--json", *smaller],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["levels"][0]["users"] == 66_081
    (out,) = (work / "runs").iterdir()
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    if (ROOT / ".git").exists():
        assert len(manifest["git_commit"]) >= 40
