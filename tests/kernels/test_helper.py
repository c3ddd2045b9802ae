"""The process that compiles beside a run: it ends with it, however that ends, and can do without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bluezone_sim.kernels.compiling.helper import Helper
from helpers.commands import environment
from helpers.paths import ROOT

WORK = "helpers.linger:linger"
PARENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started behind a shell ignores it
sys.path.insert(0, {tests!r})
from bluezone_sim.kernels.compiling.helper import Helper
helper = Helper("helpers.linger:linger", {file!r})
helper.start()
time.sleep(600)
"""
posix = pytest.mark.skipif(os.name == "nt", reason="asks for a process by its number")


def lingering(file: Path) -> int:
    """The helper's process, once it is there."""
    until = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < until, "no process came"
        time.sleep(0.05)
    return int(file.read_text())


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())


def gone(process: int) -> bool:
    """It goes within a minute."""
    until = time.monotonic() + 60
    while is_there(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_there(process)


@posix
def test_it_ends_when_it_is_told_to(tmp_path):
    helper = Helper(WORK, str(tmp_path / "process"))
    helper.start()
    process = lingering(tmp_path / "process")
    assert is_there(process)
    helper.end()
    assert not is_there(process)
    helper.end()


@posix
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_the_process_that_started_it(by, tmp_path):
    file = tmp_path / "process"
    code = PARENT.format(tests=str(ROOT / "tests"), file=str(file))
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=environment(), stderr=subprocess.DEVNULL
    )
    process = lingering(file)
    parent.send_signal(by)
    parent.wait()
    assert gone(process)


@posix
def test_an_interrupt_from_the_terminal_leaves_it_to_its_owner(tmp_path):
    helper = Helper(WORK, str(tmp_path / "process"))
    helper.start()
    process = lingering(tmp_path / "process")
    os.kill(process, signal.SIGINT)
    time.sleep(0.3)
    assert is_there(process)
    helper.end()


def test_it_is_started_once(tmp_path):
    helper = Helper(WORK, str(tmp_path / "process"))
    helper.start()
    first = helper._process
    helper.start()
    assert helper._process is first
    helper.end()


def test_where_processes_are_forbidden_there_is_none(monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    helper = Helper(WORK, "nowhere")
    helper.start()
    helper.end()
    assert helper._process is None


@pytest.mark.parametrize(
    ("executable", "starts"),
    [
        ("/usr/bin/python3", True),
        ("/opt/python3.13t", True),
        (r"C:\Python\pythonw.exe", True),
        ("/usr/bin/uwsgi", False),
        ("/opt/app/simulator", False),
        ("", False),
        (None, False),
    ],
)
def test_only_python_is_started(executable, starts, monkeypatch):
    started = []
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **k: started.append(command[0]))
    Helper(WORK, "nowhere").start()
    assert started == ([executable] if starts else [])


def test_a_program_that_carries_python_is_not_started_again(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("started"))
    Helper(WORK, "nowhere").start()
