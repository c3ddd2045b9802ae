"""Kills at every step of what the program writes: ``python -m helpers.kills DIR`` prints how many.

Each thing that is written is done by a child that ends itself before a step of the disk, or half through
a removal: first before the first step, then before the second, until it ends by itself. After each kill
the old or the new is read as the program reads it, and the same is done again to its end.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

import bluezone_sim as bz
from bluezone_sim import api
from bluezone_sim.api import write_reports
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.captures.formats.pcapng import PcapngWriter
from bluezone_sim.errors import InputError
from bluezone_sim.files import (
    DIGESTS,
    disk,
    faults_of,
    read_digests,
    recover,
    write_folder,
    write_listed,
)
from bluezone_sim.storage.verify import verify
from bluezone_sim.sweeping import plan as planning
from bluezone_sim.sweeping.appending import Appending
from bluezone_sim.sweeping.work import work
from bluezone_sim.tables.rows import Sightings

from .cutting import Cut
from .small import scenario

GRID = {"phones.off_share": [0.1], "adoption": [0.6]}
WIDER = {"phones.off_share": [0.1, 0.4], "adoption": [0.6]}
SEEDS = 2


@dataclass(frozen=True)
class Written:
    """Something that is written.

    Attributes:
        before: makes what is there earlier.
        write: writes it; done again, it goes on with what is there.
        read: what is there, as the program reads it; None for nothing.
        may: what may be there after a kill, by what was there before and is there at the end.
    """

    before: Callable[[Path], Any]
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]
    may: Callable[[Any, Any, Any], bool] = lambda found, old, new: found in (old, new)


def nothing(out: Path) -> None:
    """Nothing is there earlier."""


# -- runs ---------------------------------------------------------------------------------------------


@cache
def result(seed: int) -> api.Result:
    return bz.run(scenario(), seed)


@cache
def saved(seed: int) -> bytes:
    """A page and a figure are drawn once."""
    return json.dumps(result(seed).to_dict()).encode()


def save(seed: int, *, force: bool) -> Callable[[Path], Any]:
    def write(out: Path) -> None:
        from bluezone_sim.storage import run_save
        from bluezone_sim.storage.provenance import manifest

        more = {"report.html": saved(seed)}
        run_save.save(result(seed), out, manifest(result(seed)), more, force=force)

    return write


def once(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """What refuses to replace is not done where it is done."""
    return lambda out: None if (recover(out), out.exists())[1] else write(out)


def read_run(out: Path) -> Any:
    recover(out)
    if not out.exists():
        return None
    found = bz.open_run(out)
    page = (out / "report.html").read_bytes()
    assert page in (saved(found.seed), b"page")
    return found.seed, len(found.outcomes), page


# -- sweeps -------------------------------------------------------------------------------------------


@cache
def jobs_done(wider: bool) -> tuple[Any, ...]:
    return tuple(work(job, 1) for job in planned(wider).jobs())


@cache
def planned(wider: bool) -> planning.SweepPlan:
    return planning.plan(scenario(), WIDER if wider else GRID, SEEDS)


def sweep(*, wider: bool = False, told: str | None = None) -> Callable[[Path], Any]:
    def write(out: Path) -> None:
        said: list[str] = []
        store = Appending(out)
        with store.writing(planned(wider), said.append) as done:
            left = {job.id for job in planned(wider).jobs(done)}
            for one in jobs_done(wider):
                if one.job in left:
                    store.add(one)
        assert all(told is not None and told in line for line in said), said

    return write


def read_sweep(out: Path) -> Any:
    recover(out)
    if not (out / "sweep.json").exists():
        return None
    told = ""
    try:
        found = bz.open_sweep(out)
        return tuple(sorted(found.table["recall"].to_pylist()))
    except InputError as error:
        told = str(error)
    assert "holds no result yet" in told or "histograms.parquet" in told, told
    return () if "no result" in told else "damaged"


def grows(found: Any, old: Any, new: Any) -> bool:
    """A sweep holds what it held and part of what joins."""
    return found in (None, "damaged") or set(found) <= set(new)


def damaged(out: Path) -> None:
    sweep()(out)
    victim = sorted((out / "histograms.parquet").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-9])


def unlisted(out: Path) -> None:
    sweep()(out)
    (out / DIGESTS).write_bytes(b"{}")


def earlier(out: Path) -> None:
    """As a version without digests wrote it."""
    sweep()(out)
    about = json.loads((out / "sweep.json").read_bytes())
    del about["digests"]
    (out / "sweep.json").write_text(json.dumps(about))
    (out / DIGESTS).unlink()


# -- reports, recordings, keys, drives ----------------------------------------------------------------


def report(out: Path) -> None:
    api.reports = lambda *given: {"report.html": b"page", "figures/metrics.csv": b"table"}
    write_reports(out, ["html", "csv"], out)


def report_elsewhere(out: Path) -> None:
    listed_write(out, b"new")


def listed_write(out: Path, data: bytes) -> None:
    files = {"report.html": data, "figures/a.csv": data}
    write_listed(out, files, "report", private=["figures/a.csv"])


def read_listed(out: Path) -> Any:
    """Each file is the old or the new, and the list agrees."""
    listed = read_digests(out) if out.exists() else None
    if listed is None:
        assert not out.exists() or os.listdir(out) in ([], [f".{DIGESTS}.bluezone-writing"])
        return None
    assert faults_of(out, listed) == []
    names = ("report.html", "figures/a.csv")
    return tuple((out / n).read_bytes() if (out / n).exists() else None for n in names)


def each(found: Any, old: Any, new: Any) -> bool:
    """Each of the files is the old one or the new one."""
    none = (None, None)
    return found is None or all(
        f in (o, n) for f, o, n in zip(found, old or none, new, strict=True)
    )


def capture(out: Path) -> None:
    with PcapngWriter(out) as file:
        file.stream.write(bytes(10_000))


def read_bytes(out: Path) -> Any:
    return out.read_bytes() if out.exists() else None


def sightings(value: int) -> Callable[[Path], Any]:
    from bluezone_sim.captures.formats.parquet import write_sightings

    table = Sightings(
        protocol="bluezone",
        observer=np.zeros(1, np.int32),
        time_ms=np.array([value], np.int64),
        identifier=np.zeros((1, 12), np.uint8),
        rssi_dbm=np.full(1, -60, np.int16),
    )
    return lambda out: write_sightings(out, [table])


def read_times(out: Path) -> Any:
    return read_sightings(out)["bluezone"].time_ms.tolist() if out.exists() else None


class _Crowd:
    def __init__(self, keys: bytes):
        self.key_file = lambda: keys


def keys(data: bytes) -> Callable[[Path], Any]:
    from bluezone_sim.ble.sending.advertise import write_keys

    return lambda out: write_keys(out, _Crowd(data))  # type: ignore[arg-type]


WRITTEN = {
    "run": Written(nothing, once(save(1, force=False)), read_run),
    "run --force": Written(save(1, force=False), save(2, force=True), read_run),
    "sweep": Written(nothing, sweep(), read_sweep, grows),
    "sweep into an empty folder": Written(Path.mkdir, sweep(), read_sweep, grows),
    "sweep with more values": Written(sweep(), sweep(wider=True), read_sweep, grows),
    "sweep redone": Written(damaged, sweep(told=".parquet"), read_sweep, grows),
    "sweep listed anew": Written(unlisted, sweep(told="made anew"), nothing),
    "sweep of an earlier version": Written(earlier, sweep(), nothing),
    "report": Written(
        save(1, force=False), report, read_run, lambda found, old, new: found[:2] == old[:2]
    ),
    "report --out": Written(nothing, report_elsewhere, read_listed, each),
    "report --out again": Written(
        lambda out: listed_write(out, b"old"), report_elsewhere, read_listed, each
    ),
    "validate --out": Written(
        nothing,
        once(lambda out: write_folder(out, {"a": b"1"}, "validation")),
        lambda out: (out / "a").read_bytes() if out.exists() else None,
    ),
    "capture": Written(nothing, capture, read_bytes),
    "sightings": Written(sightings(1), sightings(2), read_times),
    "keys": Written(keys(b"old"), keys(b"new"), read_bytes),
}


#: In which whole folders are removed.
HALVED = {"run --force"}


def kill_at_every_step(name: str, work_in: Path, *, half: bool) -> int:
    """Asserts that the old or the new is there after each; gives how many kills there were."""
    it = WRITTEN[name]
    for folder in ("old", "new"):
        (work_in / folder).mkdir()
        it.before(work_in / folder / "x")
    old = it.read(work_in / "old" / "x")
    it.write(work_in / "new" / "x")
    new = it.read(work_in / "new" / "x")
    for cut in count():
        folder = work_in / str(cut)
        shutil.copytree(work_in / "old", folder)
        child = os.fork()
        if not child:
            try:
                disk.DISK = Cut(cut, lambda: os._exit(9), half=half)
                it.write(folder / "x")
                os._exit(0)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return cut
        assert code == 9, f"ended with {code} before it was killed at step {cut}"
        found = it.read(folder / "x")
        assert it.may(found, old, new), (cut, found, old, new)
        it.write(folder / "x")
        assert it.read(folder / "x") == new, (cut, found)
        if (folder / "x" / DIGESTS).exists():
            checked = verify(folder / "x")
            assert (checked.faults, checked.changing) == ((), ()), (cut, checked)
            others = [n for n in checked.others if n != "corrupt/"]
            assert others == [], (cut, others)
        # What is whole and is not written again may still have the lock of its writer beside it.
        left = folder.rglob("*bluezone-writing/*")
        assert {p.name for p in left} <= ({".lock"} if found == new else set()), cut
        shutil.rmtree(folder)
    raise AssertionError


def kill_all(work_in: Path) -> dict[str, Any]:
    """Kills by what was written, or what went wrong; removals are also cut half through."""
    out: dict[str, Any] = {}
    for number, name in enumerate(WRITTEN):
        counts = []
        for half in (False, True):
            folder = work_in / f"{number}-{half}"
            folder.mkdir()
            try:
                counts.append(kill_at_every_step(name, folder, half=half))
            except Exception:
                counts.append(traceback.format_exc())
            if not HALVED & {name}:
                break
        out[name] = counts
    return out


if __name__ == "__main__":
    os.fsync = lambda handle: None
    print(json.dumps(kill_all(Path(sys.argv[1]))))
