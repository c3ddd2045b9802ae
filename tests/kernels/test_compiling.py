"""Compiled code: none of it stale, none of it damaged, made once, and made where nothing can be kept."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import config
from numba.core import serialize
from numba.core.errors import TypingError

from bluezone_sim.files import take_lock
from bluezone_sim.kernels import rng
from bluezone_sim.kernels.compiling import folders as places
from bluezone_sim.kernels.compiling import stamp
from bluezone_sim.kernels.compiling.cache import CodeCache
from bluezone_sim.kernels.compiling.folders import folders
from bluezone_sim.kernels.compiling.watch import watching
from bluezone_sim.kernels.decorators import Kernel, bare, compiled, inlined
from bluezone_sim.kernels.radio.pdus import _rssi_dbm
from helpers.commands import environment
from helpers.paths import PACKAGE

#: Prints what a small kernel gives whose parts stand in another file, and whether Numba compiled.
IMPORTS = """
from numba.core import event
class Count(event.Listener):
    n = 0
    def on_start(self, event): self.n += event.data["dispatcher"].targetoptions.get("nogil", False)
    def on_end(self, event): pass
count = Count()
event.register("numba:compile", count)
from bluezone_sim.kernels.radio.pdus import _rssi_dbm
"""
CALL = "print(_rssi_dbm(0.0, 1.0, 7, 5), count.n > 0)"
DRAWN = IMPORTS + CALL


def drawn(cache: Path, root: Path = PACKAGE.parent, **more: str) -> tuple[str, str]:
    """What :data:`DRAWN` prints, and says."""
    done = subprocess.run(
        [sys.executable, "-c", DRAWN],
        env=environment(PYTHONPATH=str(root), NUMBA_CACHE_DIR=str(cache), **more),
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.fixture(scope="module")
def want():
    return str(_rssi_dbm(0.0, 1.0, 7, 5))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder for code that was empty when two processes called at once, and what each printed."""
    kept = tmp_path_factory.mktemp("kept")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", f"{IMPORTS}print(flush=True)\ninput()\n{CALL}"],
            env=environment(NUMBA_CACHE_DIR=str(kept)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        process.stdout.readline()  # it has imported
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    return kept, sorted(process.communicate()[0].strip() for process in both)


def test_two_processes_compile_a_kernel_once(first, want):
    assert first[1] == [f"{want} False", f"{want} True"]


def test_code_is_compiled_once(first, want):
    assert drawn(first[0]) == (f"{want} False", "")


def test_a_change_in_another_file_of_the_kernels_is_seen(tmp_path):
    root, cache = tmp_path / "copy", tmp_path / "cache"
    for room in ("kernels", "files", "reading", "showing"):
        shutil.copytree(PACKAGE / room, root / "bluezone_sim" / room)
    for name in ("errors.py", "_version.py"):
        shutil.copy(PACKAGE / name, root / "bluezone_sim")
    (root / "bluezone_sim" / "__init__.py").touch()
    before, _ = drawn(cache, root)
    callee = root / "bluezone_sim" / "kernels" / "rng.py"
    text = callee.read_text()
    changed = text.replace("0x94D049BB133111EB)\n    return", "0x94D049BB133111ED)\n    return")
    assert changed != text
    callee.write_text(changed)
    after, _ = drawn(cache, root)
    assert before.endswith("True")
    assert after.endswith("True")
    assert before != after
    callee.write_text(text)
    assert drawn(cache, root)[0] == before.replace("True", "False")


def test_a_change_beside_a_kernel_of_somebody_elses_is_seen(tmp_path):
    package = tmp_path / "theirs"
    package.mkdir()
    for name in ("__init__", "callee", "caller"):
        (package / f"{name}.py").write_text("")
    before = stamp.of_function(str(package / "caller.py"))
    stamp._beside.cache_clear()
    assert stamp.of_function(str(package / "caller.py")) == before
    (package / "callee.py").write_text("CHANGED = 1")
    stamp._beside.cache_clear()
    assert stamp.of_function(str(package / "caller.py")) != before


@pytest.mark.parametrize("setting", ["OPT", "BOUNDSCHECK", "LOOP_VECTORIZE", "CPU_FEATURES"])
def test_settings_that_change_the_code_change_its_stamp(setting, monkeypatch):
    before = stamp.of_function(rng.__file__)
    monkeypatch.setattr(config, setting, type(config.OPT)(0) if setting == "OPT" else "other")
    assert stamp.of_function(rng.__file__) != before


def test_settings_that_do_not_change_the_code_leave_its_stamp(monkeypatch):
    before = stamp.of_function(rng.__file__)
    for setting in ("NUMBA_NUM_THREADS", "CACHE_DIR", "DEBUG_CACHE"):
        monkeypatch.setattr(config, setting, 1)
    assert stamp.of_function(rng.__file__) == before


@pytest.mark.slow
def test_another_optimisation_level_compiles_anew(first, want):
    assert drawn(first[0], NUMBA_OPT="1")[0] == f"{want} True"
    assert drawn(first[0], NUMBA_OPT="1")[0] == f"{want} False"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder for code of this process."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    folders.cache_clear()
    yield tmp_path
    folders.cache_clear()


def called(function: Callable[..., Any], *arguments: Any) -> tuple[Any, bool]:
    """What a new kernel of a function gives, and whether it was compiled."""
    told: list[bool] = []
    with watching(told.append):
        out = compiled(function)(*arguments)
    assert told in ([], [True, False])
    return out, bool(told)


def _next(x):
    return x + 1


DAMAGES = {
    "flipped": lambda code: code[:-9] + bytes([code[-9] ^ 1]) + code[-8:],
    "flipped in the digest": lambda code: bytes([code[0] ^ 1]) + code[1:],
    "cut": lambda code: code[: len(code) // 2],
    "empty": lambda code: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_code_is_compiled_anew(damage, cache):
    assert called(_next, 5) == (6, True)
    assert called(_next, 5) == (6, False)
    (file,) = cache.rglob("*.code")
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert called(_next, 5) == (6, True)
    assert called(_next, 5) == (6, False)


def test_what_cannot_be_read_is_compiled_anew(cache):
    """Such as types of another package that is no longer there; the digest is right."""
    assert called(_next, 5) == (6, True)
    (file,) = cache.rglob("*.code")
    content = b"cnowhere\nnothing\n."
    file.write_bytes(hashlib.sha256(content).digest() + content)
    assert called(_next, 5) == (6, True)
    assert called(_next, 5) == (6, False)


def test_code_of_another_kernel_by_the_same_name_is_none(cache, monkeypatch):
    monkeypatch.setattr(CodeCache, "_name", lambda self, key: "one.code")
    plus, times = (lambda x: x + 1), (lambda x: x * 3)
    assert called(plus, 5) == (6, True)
    assert called(times, 5) == (15, True)
    assert called(times, 5) == (15, False)


def test_kernels_made_by_one_function_do_not_share_code(cache):
    def adding(n):
        return lambda x: x + n

    assert [called(adding(n), 5) for n in (1, 2, 1)] == [(6, True), (7, True), (6, False)]


def test_another_process_is_waited_for_and_not_for_ever(cache, monkeypatch):
    monkeypatch.setattr("bluezone_sim.kernels.compiling.cache._PATIENCE_S", 0.1)
    assert called(_next, 5) == (6, True)
    (file,) = cache.rglob("*.code")
    file.unlink()
    with file.with_name(f"{file.name}.lock").open("ab") as lock:
        assert take_lock(lock)
        assert called(_next, 5) == (6, True)


def test_a_kernel_that_cannot_be_compiled_keeps_nobody_waiting(cache):
    @compiled
    def wrong(x):
        return x.nothing

    for _ in range(2):
        with pytest.raises(TypingError):
            wrong(1)
    (lock,) = cache.rglob("*.lock")
    with lock.open("ab") as stream:
        assert take_lock(stream)


def test_without_a_folder_for_code_it_is_compiled_and_one_line_says_so(tmp_path, want):
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    found, said = drawn(tmp_path / "file" / "cache", TMPDIR=str(tmp_path / "tmp"))
    assert found == f"{want} True"
    assert said.count("\n") == 1
    assert "NUMBA_CACHE_DIR" in said
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_any_folder_it_is_compiled_as_well(tmp_path):
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "tmp")
    code = "import tempfile; tempfile.tempdir = " + repr(nowhere) + DRAWN
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(NUMBA_CACHE_DIR=nowhere),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("True")
    assert done.stderr.count("\n") == 1


FULL = """
import errno
from bluezone_sim.kernels.compiling import folders
real = folders._replace
def full(path, content):
    if "code" in str(path.parent.parent.name):
        raise OSError(errno.ENOSPC, "No space left on device")
    real(path, content)
folders._replace = full
"""


def test_a_disk_that_fills_up_costs_the_code_and_not_the_run(tmp_path):
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL.replace('"code"', '"kept"') + DRAWN],
        env=environment(NUMBA_CACHE_DIR=str(tmp_path / "kept"), TMPDIR=str(tmp_path / "tmp")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("True")
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "kept").rglob("*.code")) == []


def test_old_code_is_removed(cache):
    for k in range(20):
        (cache / f"bluezone_sim-{k:016x}").mkdir()
    (cache / "others").mkdir()
    called(_next, 5)
    assert len(list(cache.glob("bluezone_sim-*"))) == 8
    assert (cache / "others").exists()
    assert called(_next, 5) == (6, False)


def test_parts_of_files_that_a_kill_left_are_removed(cache):
    called(_next, 5)
    (file,) = cache.rglob("*.code")
    fresh, old = (file.with_name(f"{file.name}.{k}.part") for k in "ab")
    for part in (fresh, old):
        part.touch()
    os.utime(old, (0, 0))
    file.unlink()
    folders.cache_clear()
    called(_next, 5)
    assert fresh.exists()
    assert not old.exists()


def test_code_that_an_installer_compiled_is_read_where_nothing_can_be_written(cache, monkeypatch):
    """Of two places the first that can be written is written to, and all are read."""
    monkeypatch.setattr(places, "_places", lambda: [cache / "package"])
    folders.cache_clear()
    assert called(_next, 5) == (6, True)
    (cache / "file").touch()
    monkeypatch.setattr(places, "_places", lambda: [cache / "file", cache / "package"])
    monkeypatch.setattr(places, "_can_write", lambda folder: False)
    folders.cache_clear()
    assert called(_next, 5) == (6, False)


def test_what_earlier_versions_kept_in_the_package_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "KERNELS", tmp_path)
    old, source = tmp_path / "radio" / "__pycache__" / "scans.f-1.py311.nbi", tmp_path / "a.nbi"
    old.parent.mkdir(parents=True)
    for path in (old, source):
        path.touch()
    used = tmp_path / "__pycache__" / "bluezone_sim-0"
    used.mkdir(parents=True)
    places._tidy(used)
    assert not old.exists()
    assert source.exists()


@inlined
def _doubled(x):
    return 2 * x


@compiled
def _added(x, y):
    return _doubled(x) + y


@bare
def _filled(out):
    for i in range(len(out)):
        out[i] = _added(i, 1)


@pytest.mark.parametrize("function", [_doubled, _added, _filled])
def test_kernels_are_parts_of_kernels_and_callable_from_python(function):
    assert isinstance(function, Kernel)
    assert function.targetoptions["no_cpython_wrapper"]
    assert not function.whole.targetoptions["no_cpython_wrapper"]


def test_what_kernels_call_is_what_python_calls():
    out = np.zeros(4, np.int64)
    _filled(out)
    assert out.tolist() == [_added(i, 1) for i in range(4)] == [1, 3, 5, 7]
    assert _doubled(21) == 42


def test_a_kernel_is_pickled_as_numba_pickles_its_own():
    again = pickle.loads(serialize.dumps(_added))
    assert isinstance(again, Kernel)
    assert again(2, 3) == 7


def test_threads_that_call_a_new_kernel_at_once_compile_it_once(cache):
    new, told = compiled(_next), []
    with watching(told.append), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(new, range(64))) == list(range(1, 65))
    assert told == [True, False]


def test_parts_have_no_machine_code_of_their_own():
    _filled(np.zeros(1, np.int64))
    for made in _added.overloads.values():
        assert made.library.get_pointer_to_function(made.fndesc.llvm_func_name) == 0
