"""A first run, from the command line: without a home, or stopped while it compiles."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bluezone_sim.cli.common import progress_bar
from bluezone_sim.kernels.threads import available_threads
from bluezone_sim.simulation.rehearsal import COMPILING
from helpers.commands import environment, process
from helpers.small import TOWN


def _helpers(folder: Path) -> list[int]:
    """Processes that compile beside a run into a folder."""
    found = []
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in status.read_bytes():
                command = (status.parent / "cmdline").read_bytes()
                if b"compiling.helper" in command:
                    found.append(int(status.parent.name))
        except OSError:
            continue
    return found


def test_the_bar_says_that_kernels_are_compiled(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar(quiet=False) as report:
        for stage in ("population", COMPILING, "population"):
            report(0.0, stage)
            time.sleep(0.3)
    said = terminal.getvalue()
    assert said.index("population") < said.index(COMPILING)


@pytest.mark.slow
def test_a_run_without_a_home_says_one_line(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "town.toml").write_text(TOWN, encoding="utf-8")
    nowhere = str(tmp_path / "file" / "home")
    surroundings = environment(HOME=nowhere, NUMBA_CACHE_DIR=nowhere, TMPDIR=str(tmp_path / "tmp"))
    done = subprocess.run(
        [sys.executable, "-m", "bluezone_sim", "run", "town.toml", "--out", "out"],
        cwd=tmp_path,
        env={k: v for k, v in surroundings.items() if k not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.skipif(available_threads() < 2, reason="needs two cores")
def test_a_run_that_is_stopped_while_it_compiles_leaves_no_process(tmp_path, monkeypatch):
    (tmp_path / "town.toml").write_text(TOWN, encoding="utf-8")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "code"))
    running = process("run", str(tmp_path / "town.toml"), "--out", str(tmp_path / "out"))
    until = time.monotonic() + 120
    while not _helpers(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert _helpers(tmp_path) != []
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.strip().count("\n") == 0
    assert "nothing was written" in said
    assert _helpers(tmp_path) == []
    assert not (tmp_path / "out").exists()
