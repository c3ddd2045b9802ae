"""Objects of the units: compiled once, never out of date, and not needed in a folder."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest
from llvmlite import ir

from bluezone_sim.kernels.compiling.folders import Folders
from bluezone_sim.kernels.units import objects
from bluezone_sim.kernels.units.writing import define
from helpers.commands import environment


class Doubling:
    """A unit of one function, which counts how often it is written."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, module: ir.Module) -> None:
        self.written += 1
        define(module, "double", "i", lambda b, x: b.add(x, x))

    def of(self, x: int) -> int:
        (address,) = objects.addresses("double", self.write, ["double"])
        return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(x)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder where objects are kept."""
    place = Folders("a stamp")
    place.reading = [tmp_path / "kept"]
    monkeypatch.setattr(objects, "folders", lambda stamp: place)
    return tmp_path / "kept"


def test_an_object_is_compiled_once(kept):
    unit = Doubling()
    assert [unit.of(21), unit.of(-4)] == [42, -8]
    assert unit.written == 1
    assert [f.suffix for f in kept.iterdir()] == [".o"]


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-9], lambda d: d[:60] + b"?" + d[61:], lambda d: b""]
)
def test_a_damaged_object_is_compiled_anew(kept, damage):
    unit = Doubling()
    unit.of(1)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert unit.of(21) == 42
    assert unit.written == 2
    assert file.read_bytes() == whole


def test_without_a_folder_it_is_compiled_each_time(kept, monkeypatch):
    unit = Doubling()
    monkeypatch.setattr(Folders, "writing", None)
    assert [unit.of(21), unit.of(-4)] == [42, -8]
    assert unit.written == 2
    assert not kept.exists()


def test_another_processor_has_a_file_of_its_own(monkeypatch):
    names = {objects._name("double"), objects._name("other")}
    monkeypatch.setattr(objects, "_machine", lambda: ("triple", "another", "+feature"))
    names.add(objects._name("double"))
    assert len(names) == 3


RACE = """
import numpy as np
from bluezone_sim.kernels.units import table
out = np.empty((1, 1, 32), np.uint8)
table.call("ratchet", np.arange(32, dtype=np.uint8), out, 1, 1)
assert (out == np.arange(32)).all()
"""


@pytest.mark.slow
def test_processes_that_race_for_an_object_all_have_it(tmp_path):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACE],
            env=environment(NUMBA_CACHE_DIR=str(tmp_path)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    names = [file.name for file in tmp_path.rglob("*") if file.is_file()]
    assert [n[:3] for n in names if n.endswith(".o")] == ["sha"], (
        "what nobody calls is not compiled"
    )
    assert not [n for n in names if n.startswith("sha") and not n.endswith(".o")]
