"""Folders as the program writes them, handed on by somebody else: runs, sweeps, lists of files."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ..epidemics import small_epidemic
from ..results import saved
from ..small import scenario
from .reader import Reader, folder, in_file


def _quiet(read: Callable[[], object]) -> None:
    from bluezone_sim.errors import FolderWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FolderWarning)
        read()


def _unlisted(place: Path, document: str) -> None:
    """A folder of an earlier version: what is damaged is read, and not refused for its digest."""
    (place / "digests.json").unlink()
    about = json.loads((place / document).read_bytes())
    del about["digests"]
    (place / document).write_text(json.dumps(about), encoding="utf-8")


@cache
def _run() -> Path:
    from bluezone_sim.api import run

    place = folder() / "run"
    saved(run(scenario(), seed=1), place)
    _unlisted(place, "manifest.json")
    return place


_FEW = {
    "epidemic__days": 8,
    "epidemic__arms": [{"name": "by hand"}, {"name": "app", "level": 1.0}],
    "adoption__levels": [1.0],
}


@cache
def _outbreak() -> Path:
    from bluezone_sim.api import run

    place = folder() / "outbreak"
    saved(run(small_epidemic(**_FEW), seed=1), place)
    _unlisted(place, "manifest.json")
    return place


def _of_run(kind: str, made: Callable[[], Path], name: str, *modules: str) -> Reader:
    @cache
    def seeds() -> tuple[bytes]:
        return ((made() / name).read_bytes(),)

    def read(data: bytes) -> None:
        from bluezone_sim.storage.repeat import recorded
        from bluezone_sim.storage.run_load import open_run

        (made() / name).write_bytes(data)
        try:
            _quiet(lambda: open_run(made()))
            if name == "manifest.json":
                _quiet(lambda: recorded(made()))
        finally:
            (made() / name).write_bytes(seeds()[0])

    return Reader(f"{kind}, {name}", seeds, read, ("storage.run_load", *modules))


@cache
def _swept() -> Path:
    from bluezone_sim.api import sweep

    place = folder() / "swept"
    grid = {"epidemic.behaviour.compliance": [0.2, 0.9]}
    sweep(small_epidemic(**_FEW), grid, 1, workers=1, out=place)
    _unlisted(place, "sweep.json")
    return place


def _of_sweep(name: str, *modules: str) -> Reader:
    """A file whose name tells what it holds, as that of damage would not."""

    @cache
    def whole() -> Path:
        return sorted((_swept() / name).iterdir())[0]

    @cache
    def seeds() -> tuple[bytes]:
        return (whole().read_bytes(),)

    def read(data: bytes) -> None:
        from bluezone_sim.api import open_sweep

        first = seeds()[0]
        job = whole().name.partition("-")[0]
        other = whole().with_name(f"{job}-{hashlib.sha256(data).hexdigest()[:16]}.parquet")
        whole().unlink()
        other.write_bytes(data)
        try:
            _quiet(lambda: open_sweep(_swept()))
        finally:
            other.unlink()
            whole().write_bytes(first)

    return Reader(f"sweep, {name}", seeds, read, ("sweeping.collect", *modules))


def _sweep(data: bytes) -> None:
    from bluezone_sim.api import open_sweep
    from bluezone_sim.sweeping.store import Store

    seed = _sweeps()[0]
    (_swept() / "sweep.json").write_bytes(data)
    try:
        _quiet(lambda: open_sweep(_swept()))
        Store(_swept()).scenario()
    finally:
        (_swept() / "sweep.json").write_bytes(seed)


@cache
def _sweeps() -> tuple[bytes]:
    return ((_swept() / "sweep.json").read_bytes(),)


@cache
def _listed() -> tuple[bytes]:
    from bluezone_sim.files import write_folder

    place = folder() / "listed"
    shutil.rmtree(place, ignore_errors=True)
    write_folder(place, {"a.json": b"{}", "b": b"1"}, "validation")
    return ((place / "digests.json").read_bytes(),)


def _list(data: bytes) -> None:
    from bluezone_sim.storage.verify import verify

    _listed()
    in_file("listed/digests.json", data)
    verify(folder() / "listed").summary()


def _signed(data: bytes) -> bytes:
    """With the digest of the list itself as it should be, where it is one."""
    from bluezone_sim.files.digests import _rendered

    try:
        found = json.loads(data)
        del found["sha256"]
        return _rendered(found)
    except (ValueError, LookupError, TypeError, RecursionError):
        return data


FOLDERS: tuple[Reader, ...] = (
    _of_run("run", _run, "manifest.json", "scenario.stored", "storage.repeat:folder_of|recorded"),
    _of_run("run", _run, "outcomes.parquet"),
    _of_run("run", _run, "warnings.parquet"),
    _of_run("run", _run, "histograms.parquet"),
    _of_run("outbreak", _outbreak, "manifest.json", "analysis.epidemic.stored:from_stored"),
    _of_run("outbreak", _outbreak, "epidemic.parquet", "analysis.epidemic.stored:from_stored"),
    Reader("sweep", _sweeps, _sweep, ("sweeping.store:Store.about|Store.scenario", "scenario.stored")),
    _of_sweep("results.parquet"),
    _of_sweep("histograms.parquet"),
    _of_sweep("epidemic.parquet"),
    Reader("list of files", _listed, _list, ("files.digests:read_digests|faults_of", "storage.verify"),
           pack=_signed),
)  # fmt: skip
