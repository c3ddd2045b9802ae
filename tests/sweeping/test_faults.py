"""Sweeps when things go wrong: killed, interrupted, damaged, full, shared; and on Dask."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import bluezone_sim as bz
from bluezone_sim import cli, errors
from bluezone_sim.files import write_folder
from bluezone_sim.scenario import resolved_toml
from bluezone_sim.simulation import memory
from bluezone_sim.sweeping import local, lock, plan, work
from bluezone_sim.sweeping.store import name_digest
from helpers.commands import call, environment, process
from helpers.results import files
from helpers.small import TOWN, scenario

GRID = {"phones.off_share": [0.1, 0.4], "adoption": [0.6, 1.0]}
SEEDS = 2
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The town's sweep as one process does it: what every other way must give, to the byte."""
    out = tmp_path_factory.mktemp("whole") / "out"
    bz.sweep(bz.parse(TOWN), GRID, SEEDS, workers=1, out=out)
    return out


#: Seeds of a sweep that is not done before it is stopped.
MANY = 200


def start(tmp_path, out):
    (tmp_path / "town.toml").write_text(TOWN, encoding="utf-8")
    grid = ("--grid", "phones.off_share=0.1,0.4", "--grid", "adoption=0.6,1.0")
    how = ("--seeds", str(MANY), "--workers", "2", "--out", str(out))
    return process("sweep", "town.toml", *grid, *how, cwd=tmp_path)


def wait_for(out, n):
    """Until ``n`` results are there."""
    for _ in range(1200):
        with contextlib.suppress(FileNotFoundError):
            if sum(not name.startswith(".") for name in os.listdir(out / "results.parquet")) >= n:
                return
        time.sleep(0.05)
    raise AssertionError("no result within a minute")


# -- killed -------------------------------------------------------------------------------------------


@posix
def test_killed_and_gone_on_with_gives_the_same_bytes(tmp_path, whole):
    out = tmp_path / "out"
    child = start(tmp_path, out)
    wait_for(out, 2)
    workers = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(child.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    kept = files(out)
    assert 2 <= len(kept) < 2 * MANY
    # What a process of its own took is within the estimate, and the estimate is not a tale.
    needed = memory.estimate_mib(bz.parse(TOWN))
    for path in (out / "timings.parquet").glob("[!.]*"):
        (peak,) = pq.read_table(path)["peak_memory_mib"].to_pylist()
        assert 0.3 * needed < peak <= needed
    expected = files(whole)
    kept = {name: data for name, data in kept.items() if name in expected}
    assert kept
    assert kept.items() <= expected.items()
    # No worker outlives the sweep.
    for _ in range(200):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            break
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    seen = []
    bz.sweep(bz.parse(TOWN), GRID, SEEDS, workers=1, out=out, progress=seen.append)
    assert len(seen) - 1 == 2 * SEEDS - len(kept)
    for folder in ("results.parquet", "histograms.parquet"):
        assert files(whole, folder).items() <= files(out, folder).items()


@posix
def test_ctrl_c_exits_with_130_keeps_what_is_done_and_a_second_sweep_is_refused(tmp_path, whole):
    out = tmp_path / "out"
    child = start(tmp_path, out)
    wait_for(out, 1)
    with pytest.raises(errors.InputError, match=f"in use by process {child.pid} on"):
        bz.sweep(bz.parse(TOWN), GRID, SEEDS, workers=1, out=out)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"of {2 * MANY} simulations are kept in {out}" in err
    assert "Traceback" not in err
    kept, expected = files(out), files(whole)
    assert 1 <= len(kept) < 2 * MANY
    mine = {name: data for name, data in kept.items() if name in expected}
    assert mine
    assert mine.items() <= expected.items()


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_job_done_again(tmp_path, whole):
    jobs = plan.plan(bz.parse(TOWN), GRID, SEEDS).jobs()
    done = []
    pool = local._Pool(jobs, 2, 1)
    try:
        for i in range(len(jobs)):
            if i == 2:
                pool._processes[0].kill()
            done.append(pool.next())
    finally:
        pool.stop()
    assert len(pool._processes) >= 2
    results = {f"{d.job}-{name_digest(d.results)}.parquet": d.results for d in done}
    assert results == files(whole)


def test_a_job_that_kills_every_worker_is_given_up_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_CHILD", "import sys; sys.stdin.buffer.read(1); sys.exit(9)")
    seen = []
    job = plan.plan(scenario(), {}, 2).jobs()
    local.run_here(job, 2, 1, seen.append)
    assert [type(s) for s in seen] == [work.Failed] * 2
    assert "died 3 times (exit status 9)" in seen[0].message


def test_a_job_that_cannot_be_handed_over_is_named_and_ends_nothing_else():
    whole, other = plan.plan(scenario(), {}, 2).jobs()
    seen = []
    local.run_here([replace(whole, values={"x": lambda: 0}), other], 2, 1, seen.append)
    found = {result.job: result for result in seen if isinstance(result, work.Failed)}
    assert list(found) == [whole.id]
    assert "cannot be handed to a worker" in found[whole.id].message
    assert [type(result) for result in seen].count(work.Done) == 1


@pytest.mark.parametrize("holds", ["run", None])
def test_a_folder_of_something_else_is_refused_and_stays_as_it_was(tmp_path, holds):
    out = tmp_path / "out"
    if holds:
        write_folder(out, {"manifest.json": b"{}"}, holds)
    else:
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    before = sorted(path.name for path in out.iterdir())
    with pytest.raises(errors.InputError, match="and no sweep; give another --out"):
        bz.sweep(scenario(), {}, 1, workers=1, out=out)
    assert sorted(path.name for path in out.iterdir()) == before


def test_a_simulation_that_fails_is_named_and_the_others_are_kept(tmp_path, monkeypatch):
    from bluezone_sim.simulation import engine

    run = engine.run

    def fails_at_2(s, seed, **kwargs):
        if seed == 2:
            raise RuntimeError("oh")
        return run(s, seed, **kwargs)

    monkeypatch.setattr(engine, "run", fails_at_2)
    out = tmp_path / "out"
    with pytest.raises(bz.BluezoneSimError, match=r"1 of 3 .*seed 2: RuntimeError: oh") as caught:
        bz.sweep(scenario(), {}, 3, workers=1, out=out)
    assert caught.value.exit_code == 3
    assert len(files(out)) == 2
    monkeypatch.undo()
    seen = []
    bz.sweep(scenario(), {}, 3, workers=1, out=out, progress=seen.append)
    assert len(seen) - 1 == 1


def test_a_worker_of_another_version_refuses(monkeypatch):
    (job,) = plan.plan(scenario(), {}, 1).jobs()
    monkeypatch.setattr(work, "NUMERIC_VERSION", work.NUMERIC_VERSION + 1)
    found = work.attempt(job, 1)
    assert isinstance(found, work.Failed)
    assert found.exit_code == 2
    assert "install one version" in found.message


# -- damaged, full, read-only -------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def empty(path):
    path.write_bytes(b"")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A sweep of two seeds, for tests to damage a copy of."""
    out = tmp_path_factory.mktemp("two") / "out"
    bz.sweep(scenario(), {}, 2, workers=1, out=out)
    return out


@pytest.mark.parametrize("damage", [truncate, flip, empty])
@pytest.mark.parametrize("folder", ["results.parquet", "histograms.parquet", "timings.parquet"])
def test_a_damaged_file_is_found_named_and_redone(tmp_path, two, damage, folder):
    out = shutil.copytree(two, tmp_path / "out")
    before = files(out)
    victim = sorted((out / folder).iterdir())[0]
    damage(victim)
    with pytest.raises(bz.FormatError, match=victim.name):
        bz.open_sweep(out)
    said, seen = [], []
    bz.sweep(scenario(), {}, 2, workers=1, out=out, progress=seen.append, warn=said.append)
    assert len(said) == 1
    assert victim.name in said[0]
    assert "damaged" in said[0]
    assert len(seen) - 1 == (folder != "timings.parquet")
    assert files(out) == before
    assert (out / "corrupt" / f"{folder}-{victim.name}").exists()
    assert len(files(out, "histograms.parquet")) == 2
    assert (
        bz.open_sweep(out).about["simulations"]
        == len(files(out, "timings.parquet"))
        == (1 if folder == "timings.parquet" else 2)
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}'])
def test_a_damaged_sweep_json_is_named(tmp_path, two, text):
    out = shutil.copytree(two, tmp_path / "out")
    (out / "sweep.json").write_text(text, encoding="utf-8")
    with pytest.raises(bz.FormatError, match=r"sweep\.json"):
        bz.sweep(scenario(), {}, 1, workers=1, out=out)
    with pytest.raises(bz.FormatError, match=r"sweep\.json"):
        bz.open_sweep(out)


def test_a_full_disk_is_named_and_what_was_done_is_kept(tmp_path, monkeypatch):
    out, synced = tmp_path / "out", []

    def full(handle):
        synced.append(handle)
        # The new directory's parts and its place; one job's three files and the list, bytes and names;
        # two of the next one's.
        if len(synced) > 7 + 2 * 4 + 2 * 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(bz.InputError, match=r"No space left on device.*what is done is kept"):
        bz.sweep(scenario(), {}, 3, workers=1, out=out)
    assert len(files(out)) == 1
    assert not [p for p in out.rglob("*") if "writing" in p.name]
    monkeypatch.undo()
    seen = []
    bz.sweep(scenario(), {}, 3, workers=1, out=out, progress=seen.append)
    assert len(seen) - 1 == 2
    assert bz.open_sweep(out).about["simulations"] == 3


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs /proc, which nobody can write to"
)
def test_a_directory_that_cannot_be_written_is_named_before_anything_runs():
    seen = []
    with pytest.raises(bz.InputError, match="/proc/sweep: cannot be written"):
        bz.sweep(scenario(), {}, 1, workers=1, out="/proc/sweep", progress=seen.append)
    assert seen == []


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a user who is not root"
)
def test_a_read_only_directory_is_named(tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(bz.InputError, match="cannot be"):
        bz.sweep(scenario(), {}, 1, workers=1, out=tmp_path / "out")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_as_that(tmp_path, monkeypatch, capsys, number):
    def none(stream):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "take_lock", none)
    (tmp_path / "town.toml").write_text(TOWN, encoding="utf-8")
    out = tmp_path / "out"
    assert call("sweep", tmp_path / "town.toml", "--seeds", "1", "--out", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{out}: the file system there has no locks" in line
    assert "give an --out on a disk of this machine" in line


# -- many machines ------------------------------------------------------------------------------------

_ON_DASK = """
import json, os, signal, sys
import bluezone_sim as bz

if __name__ == "__main__":
    from distributed import Client, LocalCluster

    town, grid, seeds = json.load(sys.stdin)
    options = {"dashboard_address": None, "memory_limit": None}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        with Client(cluster) as client:
            pids = list(client.run(os.getpid).values())
        killed = []

        def progress(at):
            if at.done == 2 and not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        bz.sweep(bz.parse(town), grid, seeds, out=sys.argv[1], dask=cluster.scheduler_address,
                 progress=progress)
    print("killed", len(killed))
"""


@pytest.mark.slow
@posix
def test_dask_with_a_worker_killed_in_mid_sweep_gives_the_same_bytes(tmp_path, whole):
    pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    (tmp_path / "on_dask.py").write_text(_ON_DASK, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "on_dask.py", "out"],
        cwd=tmp_path,
        env=environment(),
        input=json.dumps([TOWN, GRID, SEEDS]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "killed 1\n"
    assert files(tmp_path / "out") == files(whole)
    assert files(tmp_path / "out", "histograms.parquet") == files(whole, "histograms.parquet")


def test_dask_without_a_scheduler_is_bad_input(tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    monkeypatch.setattr("bluezone_sim.sweeping.cluster.CONNECT_S", 0.5)
    (tmp_path / "town.toml").write_text(TOWN, encoding="utf-8")
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        arguments = ["sweep", str(tmp_path / "town.toml"), "--seeds", "1", "--dask", address]
        assert cli.main([*arguments, "--out", str(tmp_path / "out")]) == 2
        assert address in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "sweep.json").read_text(encoding="utf-8"))


def without_progress(err):
    """Lines on standard error, but for those that a slow machine gets now and then."""
    return [
        x for x in err.splitlines() if not re.fullmatch(r"\d+ of \d+ simulations(, .* left)?", x)
    ]


def _small(folder):
    """A file of the small scenario, whose simulations take a part of a second."""
    (folder / "small.toml").write_text(resolved_toml(scenario()), encoding="utf-8")
    return "small.toml"


@pytest.mark.slow
@posix
def test_a_scheduler_that_dies_is_told_and_the_sweep_goes_on_from_there(tmp_path):
    pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    (tmp_path / "scheduler.py").write_text(_SCHEDULER, encoding="utf-8")
    command = ("sweep", _small(tmp_path), "--seeds", "60", "--out", str(tmp_path / "out"))
    with subprocess.Popen(
        [sys.executable, "scheduler.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as scheduler:
        address = scheduler.stdout.readline().strip()
        child = process(*command, "--dask", address, cwd=tmp_path)
        wait_for(tmp_path / "out", 2)
        scheduler.kill()
        _, err = child.communicate(timeout=120)
    assert child.returncode == 2, err
    (line,) = without_progress(err)
    assert f"--dask {address}: the scheduler went away" in line
    assert "what is done is kept" in line
    assert "the same command goes on" in line
    kept = len(files(tmp_path / "out"))
    assert 2 <= kept < 60
    seen = []
    bz.sweep(scenario(), None, 60, workers=1, out=tmp_path / "out", progress=seen.append)
    assert (seen[0].done, seen[-1].done) == (kept, 60)


_SCHEDULER = """
import time
from distributed import LocalCluster

if __name__ == "__main__":
    options = {"dashboard_address": None, "memory_limit": None}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster:
        print(cluster.scheduler_address, flush=True)
        time.sleep(600)
"""


@pytest.mark.slow
@posix
@pytest.mark.parametrize("how", [("--workers", "2"), ("--dask", "local", "--workers", "2")])
def test_ctrl_c_at_a_terminal_has_no_worker_speak(tmp_path, how):
    """A terminal interrupts all processes of its group."""
    if "--dask" in how:
        pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    out = tmp_path / "out"
    command = ("sweep", _small(tmp_path), "--seeds", "400", "--out", str(out), *how)
    child = process(*command, cwd=tmp_path, start_new_session=True)
    wait_for(out, 2)
    os.killpg(child.pid, signal.SIGINT)
    said, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert said == ""
    (line,) = without_progress(err)
    assert "of 400 simulations are kept in" in line
    assert "the same command goes on from there" in line


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"workers": 2}, {"dask": "local", "workers": 2}])
def test_a_script_needs_no_guard_for_workers(tmp_path, how):
    """Without ``if __name__ == "__main__"``: no worker runs the script again."""
    if "dask" in how:
        pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    text = f"""
import bluezone_sim as bz
print("began")
found = bz.sweep(bz.load({_small(tmp_path)!r}), {GRID!r}, 3, out="out", **{how!r})
print(len(found.arms))
"""
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "began\n2\n"
    alone = tmp_path / "alone"
    bz.sweep(scenario(), GRID, 3, workers=1, out=alone)
    assert files(tmp_path / "out") == files(alone)
