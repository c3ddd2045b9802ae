"""The workflow that the docs show to users of CI runs as it is written."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml

from helpers.commands import environment
from helpers.paths import ROOT
from helpers.snippets import commands, shim

PAGE = ROOT / "docs" / "how-to" / "ci.md"


def _shown(name: str) -> str:
    """A file that the page shows."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- file: {re.escape(name)} -->\n```\w+\n(.*?)^```$", text, re.M | re.S)
    assert found is not None
    return found[1]


def _steps() -> list[dict[str, object]]:
    return yaml.safe_load(_shown("gates.yml"))["jobs"]["gates"]["steps"]


def _run(step, folder) -> subprocess.CompletedProcess[str]:
    """A step as a runner of GitHub has it: bash that ends at the first fault.

    There is no network: ``pip install`` is replaced by nothing, the package under test is installed.
    """
    return subprocess.run(
        [
            "bash",
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            "\n".join(commands(step["run"])),
        ],
        cwd=folder,
        env=environment(PATH=f"{shim()}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_all_gates_run_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    baseline = re.search(r"^bluezone-sim bench .*--json bench-baseline.json$", page, re.MULTILINE)
    assert _run({"run": baseline[0]}, tmp_path).returncode == 0
    (tmp_path / "town.toml").write_text(_shown("town.toml"), encoding="utf-8")
    ran = [step for step in _steps() if "run" in step]
    assert len(ran) > 4
    for step in ran:
        done = _run(step, tmp_path)
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
    assert (tmp_path / "sweep" / "report.html").exists()
    entries = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert {e["unit"] for e in entries} == {"times the baseline"}
    assert all(e["value"] > 1 for e in entries)


@pytest.mark.slow
def test_a_gate_that_is_missed_fails_the_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    strict = _shown("town.toml").replace("at_least = 0.05", "at_least = 0.99")
    (tmp_path / "town.toml").write_text(strict, encoding="utf-8")
    step = next(s for s in _steps() if "bluezone-sim run" in str(s.get("run")))
    assert _run(step, tmp_path).returncode == 1


def test_what_it_uploads_is_what_its_steps_write():
    steps = _steps()
    upload = next(s for s in steps if "upload-artifact" in str(s.get("uses")))
    written = " ".join(str(s.get("run", "")) for s in steps)
    for path in upload["with"]["path"].split():
        assert re.search(rf"(--out|--json) {path.rstrip('/')}\b", written), path
