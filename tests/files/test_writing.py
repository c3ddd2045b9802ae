"""Whole files and folders: cut at every step by faults and kills; modes, leftovers, other writers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from bluezone_sim.errors import InputError
from bluezone_sim.files import (
    WholeFile,
    check_absent,
    disk,
    make_folder,
    recover,
    remove_leftovers,
    whole_folder,
    write_file,
    write_folder,
    writing,
)
from helpers.cutting import STEPS, Cut

posix = pytest.mark.skipif(os.name != "posix", reason="needs modes and signals of POSIX")


def anything(folder):
    """Whatever is there may be replaced."""


def old_and_new(path, kind):
    """How an earlier one is made, how it is replaced, and how either is told."""
    if kind == "file":
        return lambda data: write_file(path, data), path.read_bytes

    def write(data):
        with whole_folder(path, "thing", replace=anything) as part:
            (part / "a").write_bytes(data)
            (part / "sub").mkdir()
            (part / "sub" / "b").write_bytes(data)

    def read():
        a, b = (path / "a").read_bytes(), (path / "sub" / "b").read_bytes()
        assert a == b
        assert sorted(os.listdir(path)) == ["a", "digests.json", "sub"]
        return a

    return write, read


def steps_of(tmp_path, monkeypatch, kind, *, replaced):
    """The steps of one write."""
    write, _ = old_and_new(tmp_path / "counted", kind)
    if replaced:
        write(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(disk, "DISK", counting := Cut())
        write(b"new")
    return counting.taken


def left(folder):
    return [p.name for p in folder.iterdir() if "writing" in p.name]


def test_the_steps_are_in_the_order_that_the_module_tells(tmp_path, monkeypatch):
    file = ["make_folder", "open_lock", "write_lock", "create", "sync", "rename", "sync"]
    end = ["remove", "remove_empty"]
    for replaced in (False, True):
        assert steps_of(tmp_path, monkeypatch, "file", replaced=replaced) == file + end
    folder = ["make_folder", "open_lock", "write_lock", "make_folder", *["sync"] * 5]
    (tmp_path / "counted").unlink()
    taken = steps_of(tmp_path, monkeypatch, "folder", replaced=False)
    assert taken == [*folder, "rename", "sync", *end]
    taken = steps_of(tmp_path, monkeypatch, "folder", replaced=True)
    assert taken == [*folder, "sync", "rename", "rename", "sync", "remove", *end]
    assert set(taken) | {"create"} == set(STEPS)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_fault_at_any_step_leaves_the_old_or_the_new(
    tmp_path, monkeypatch, kind, replaced, fault
):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    steps = steps_of(tmp_path, monkeypatch, kind, replaced=replaced)
    told = {
        KeyboardInterrupt: pytest.raises(KeyboardInterrupt),
        OSError: pytest.raises(InputError, match=r"x: .*No space left on device\); make room"),
    }[fault]

    def end():
        raise fault(28, "No space left on device")

    seen = set()
    for cut, step in enumerate(steps):
        folder = tmp_path / str(cut)
        folder.mkdir()
        write, read = old_and_new(folder / "x", kind)
        if replaced:
            write(b"old")

        with monkeypatch.context() as patch:
            patch.setattr(disk, "DISK", Cut(cut, end))
            # It is in place by then; what cannot be removed waits for the next write.
            quiet = fault is OSError and step.startswith("remove")
            with nullcontext() if quiet else told:
                write(b"new")
        found = read() if (folder / "x").exists() else None
        assert found in ({b"old", b"new"} if replaced else {None, b"new"})
        if fault is OSError:
            assert not left(folder) or step in ("open_lock", "remove", "remove_empty")
        seen.add(found)
        write(b"next")
        assert read() == b"next"
        assert not left(folder)
    assert seen == {b"old" if replaced else None, b"new"}


_KILLED = """
import os, sys
from pathlib import Path
from bluezone_sim.files import disk
from helpers.cutting import Cut
from test_writing import old_and_new
os.fsync = lambda handle: None
path, kind, replaced, half = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "1", sys.argv[4] == "1"
cut = 0
while True:
    folder = path / str(cut)
    folder.mkdir()
    write, read = old_and_new(folder / "x", kind)
    if replaced:
        write(b"old")
    child = os.fork()
    if not child:
        disk.DISK = Cut(cut, lambda: os._exit(9), half=half)
        write(b"new")
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    cut += 1
print(cut)
"""


@posix
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path, monkeypatch, kind, replaced, half):
    n = len(steps_of(tmp_path, monkeypatch, kind, replaced=replaced))
    work = tmp_path / "killed"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, work, kind, str(int(replaced)), str(int(half))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.strip() == str(n), done.stderr
    seen = set()
    for cut in range(n):
        folder = work / str(cut)
        write, read = old_and_new(folder / "x", kind)
        recover(folder / "x")
        found = read() if (folder / "x").exists() else None
        assert found in ({b"old", b"new"} if replaced else {None, b"new"})
        seen.add(found)
        if cut % 2:
            remove_leftovers(folder)
            assert not left(folder)
            assert (read() if (folder / "x").exists() else None) == found
        write(b"next")
        assert read() == b"next"
        assert not left(folder)
    assert seen == {b"old" if replaced else None, b"new"}


@posix
def test_a_run_cut_off_between_the_two_renames_is_found_when_it_is_opened(tmp_path):
    out = tmp_path / "run"
    write_folder(out, {"manifest.json": b'{"schema_version": 0}'}, "thing")
    work = tmp_path / ".run.bluezone-writing"
    work.mkdir()
    (work / ".lock").write_bytes(b"bluezone-sim process 1 on here")
    out.rename(work / ".old")
    (work / ".new").mkdir()
    (work / ".new" / "manifest.json").write_bytes(b'{"schema_version": 1, "new": 1}')
    with pytest.raises(InputError, match="exists already"):
        check_absent(out)
    assert (out / "manifest.json").read_bytes() == b'{"schema_version": 1, "new": 1}'
    assert not work.exists()


@contextmanager
def umask(value):
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask_and_what_is_private_is_the_owners(tmp_path, mask):
    def mode(path):
        return path.stat().st_mode & 0o777

    with umask(mask):
        write_file(tmp_path / "a", b"1")
        write_file(tmp_path / "secret", b"1", private=True)
        write_folder(tmp_path / "deep" / "b", {"c": b"1"}, "thing")
    assert mode(tmp_path / "a") == 0o666 & ~mask
    assert mode(tmp_path / "secret") == 0o600
    assert mode(tmp_path / "deep") == mode(tmp_path / "deep" / "b") == 0o777 & ~mask
    assert mode(tmp_path / "deep" / "b" / "c") == 0o666 & ~mask
    (tmp_path / "secret").chmod(0o644)
    with umask(0), WholeFile(tmp_path / "secret", private=True) as file:
        assert mode(tmp_path / ".secret.bluezone-writing" / ".new") == 0o600
        file.stream.write(b"2")
    assert mode(tmp_path / "secret") == 0o600


def test_text_is_written_as_it_is(tmp_path):
    assert write_file(tmp_path / "a", "é\n\r\n") == tmp_path / "a"
    assert (tmp_path / "a").read_bytes() == "é\n\r\n".encode()


def test_an_exception_inside_leaves_the_earlier_one_and_nothing_else(tmp_path):
    write_file(tmp_path / "a", b"old")
    write_folder(tmp_path / "b", {"c": b"old"}, "thing")

    def cut(write):
        write(b"new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), WholeFile(tmp_path / "a") as file:
        cut(file.stream.write)
    with (
        pytest.raises(ZeroDivisionError),
        whole_folder(tmp_path / "b", "thing", replace=anything) as part,
    ):
        cut((part / "c").write_bytes)
    told = pytest.raises(InputError, match="b: cannot be written")
    with told, whole_folder(tmp_path / "b", "thing", replace=anything) as part:
        (part / "none" / "c").write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b" / "c").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_a_full_disk_is_told_by_the_file_that_was_to_be(tmp_path, monkeypatch):
    real = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda path, flags, *mode: (
            real("/dev/full", os.O_WRONLY)
            if Path(path).name == ".new"
            else real(path, flags, *mode)
        ),
    )
    write = rf"{tmp_path / 'a'}: cannot be written \(No space left on device\); make room"
    with pytest.raises(InputError, match=write):
        write_file(tmp_path / "a", b"x" * 100_000)
    with pytest.raises(InputError, match=write):
        write_file(tmp_path / "a", b"x")
    assert not os.listdir(tmp_path)


def test_another_writer_of_the_same_place_is_refused_while_it_lives(tmp_path):
    path = tmp_path / "a"
    with WholeFile(path) as file:
        file.stream.write(b"1")
        with pytest.raises(InputError, match=rf"being written by process {os.getpid()} on .*wait"):
            write_file(path, b"2")
        remove_leftovers(tmp_path)
        assert left(tmp_path)
    assert path.read_bytes() == b"1"
    with whole_folder(tmp_path / "b", "thing") as part:
        (part / "x").write_bytes(b"1")
        with pytest.raises(InputError, match="being written"):
            write_folder(tmp_path / "b", {}, "thing")
    assert not left(tmp_path)


@posix
def test_the_writer_of_another_process_is_refused_until_it_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from bluezone_sim.files import WholeFile\n"
        "with WholeFile(Path(sys.argv[1])) as f: f.stream.write(b'1'); print(1, flush=True); "
        "time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "a"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert child.stdout.readline() == b"1\n"
        with pytest.raises(InputError, match=f"process {child.pid}"):
            write_file(tmp_path / "a", b"2")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert left(tmp_path)
    write_file(tmp_path / "a", b"3")
    assert (tmp_path / "a").read_bytes() == b"3"
    assert not left(tmp_path)


def test_many_writers_of_one_place_leave_one_of_theirs(tmp_path):
    """Each write is whole or refused, and the working folder is made and removed under the others."""
    path, written, odd = tmp_path / "a", [], []

    def write(i):
        for j in range(60):
            try:
                write_file(path, bytes([i]) * 1000)
                written.append((i, j))
            except InputError as error:
                if "is being written by" not in str(error):
                    odd.append(error)
            except BaseException as error:
                odd.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # between any two steps another one may come
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(usual)
    assert not odd
    assert written
    data = path.read_bytes()
    assert data in [bytes([i]) * 1000 for i in range(4)]
    write_file(path, b"")
    assert not left(tmp_path)


@pytest.mark.parametrize(
    "names",
    [["notes.txt"], [".lock", ".new", "notes.txt"], [".new"], None],
    ids=["other", "more", "unlocked", "file"],
)
def test_what_the_program_has_not_written_is_not_touched(tmp_path, names):
    work = tmp_path / ".a.bluezone-writing"
    if names is None:
        work.write_bytes(b"mine")
    else:
        work.mkdir()
        for name in names:
            (work / name).write_bytes(b"")
    for write in (
        lambda: write_file(tmp_path / "a", b"1"),
        lambda: write_folder(tmp_path / "a", {}, "thing"),
    ):
        with pytest.raises(InputError, match=r"in the way.*move it away"):
            write()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == [work.name]
    if names is not None:
        assert sorted(os.listdir(work)) == sorted(names)


def test_a_lock_of_somebody_else_is_not_touched(tmp_path):
    work = tmp_path / ".a.bluezone-writing"
    work.mkdir()
    (work / ".lock").write_bytes(b"12345")
    with pytest.raises(InputError, match="in the way"):
        write_file(tmp_path / "a", b"1")
    assert (work / ".lock").read_bytes() == b"12345"


def test_without_locks_on_the_file_system_a_leftover_is_named(tmp_path, monkeypatch):
    def none(stream):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(writing, "take_lock", none)
    assert write_file(tmp_path / "a", b"1").read_bytes() == b"1"
    work = tmp_path / ".a.bluezone-writing"
    work.mkdir()
    (work / ".lock").write_bytes(b"bluezone-sim process 7 on there")
    with pytest.raises(InputError, match=r"process 7 on there.*remove .*bluezone-writing"):
        write_file(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    (tmp_path / "a").rename(work / ".old")
    (work / ".new").mkdir()
    with pytest.raises(InputError, match=r"process 7 on there.*move .*new to .*a and remove "):
        recover(tmp_path / "a")


def test_places_that_cannot_be_written_are_named_with_the_remedy(tmp_path):
    write_file(tmp_path / "a", b"1")
    for path, said in (
        (tmp_path / "none" / "a", "there is no folder"),
        (tmp_path / "a" / "b", "cannot be written"),
        (tmp_path, "it is a folder"),
        (Path("/"), "it is a folder"),
    ):
        with pytest.raises(InputError, match=said):
            write_file(path, b"2")
    with pytest.raises(InputError, match="is a file"):
        write_folder(tmp_path / "a", {}, "thing")
    with pytest.raises(InputError, match="cannot be written"):
        make_folder(tmp_path / "a")
    with pytest.raises(InputError, match="exists already"):
        write_folder(tmp_path, {}, "thing")


@posix
def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "far").mkdir()
    write_folder(tmp_path / "far" / "real", {"x": b"1"}, "thing")
    write_file(tmp_path / "far" / "file", b"1")
    for name in ("real", "file"):
        (tmp_path / name).symlink_to(tmp_path / "far" / name)
    with whole_folder(tmp_path / "real", "thing", replace=anything) as part:
        assert part.is_relative_to(tmp_path / "far")
        (part / "x").write_bytes(b"2")
    write_file(tmp_path / "file", b"2")
    assert (tmp_path / "real").readlink() == tmp_path / "far" / "real"
    assert (tmp_path / "far" / "real" / "x").read_bytes() == b"2"
    assert (tmp_path / "file").readlink() == tmp_path / "far" / "file"
    assert (tmp_path / "far" / "file").read_bytes() == b"2"
    assert sorted(os.listdir(tmp_path / "far")) == ["file", "real"]
    assert sorted(os.listdir(tmp_path)) == ["far", "file", "real"]


@posix
def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "none")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("link", "loop"):
        with pytest.raises(InputError, match=r"is a link to .* which is not there"):
            write_file(tmp_path / name, b"1")
        with pytest.raises(InputError, match="exists already"):
            write_folder(tmp_path / name, {}, "thing")
    assert sorted(os.listdir(tmp_path)) == ["link", "loop"]


@pytest.mark.parametrize("deep", [False, True])
def test_a_name_that_is_too_long_is_told_before_the_work_starts(tmp_path, deep):
    above = tmp_path / "none" / "neither" if deep else tmp_path
    most = os.pathconf(tmp_path, "PC_NAME_MAX") - len("..bluezone-writing")
    check_absent(above / ("a" * most))
    for name in ("a" * (most + 1), "a" * 260, "ă" * 130):
        told = pytest.raises(
            InputError, match=rf"a name of {len(name.encode())} bytes, and the most"
        )
        with told:
            check_absent(above / name)
        with told:
            write_file(above / name, b"")
        with told:
            write_folder(above / name, {}, "thing")
    with pytest.raises(InputError, match="its path is too long"):
        check_absent(above / "/".join(["a" * 200] * 20))
    with pytest.raises(InputError, match="NUL in its name"):
        check_absent(above / "a\0b")
    assert os.listdir(tmp_path) == []
    if not deep:
        assert write_file(above / ("a" * most), b"1").read_bytes() == b"1"
        write_folder(above / ("b" * most), {"c": b"1"}, "thing")


@posix
def test_no_device_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no plain file"):
        write_file(tmp_path / "pipe", b"1")


def test_names_relative_to_the_folder_that_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    write_file(Path("a"), b"1")
    write_folder(Path("../b"), {"c": b"1"}, "thing")
    with whole_folder(Path("."), "thing", replace=anything) as part:
        (part / "d").write_bytes(b"1")
    assert sorted(os.listdir(tmp_path / "in")) == ["d", "digests.json"]
    assert sorted(os.listdir(tmp_path)) == ["b", "in"]


@posix
def test_from_a_folder_that_is_gone_the_way_on_is_told(tmp_path, monkeypatch):
    """As of a shell in a folder that has been removed, or that a run has replaced."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    told = "this folder has been removed or replaced"
    for write in (lambda path: write_file(path, b""), check_absent, recover, make_folder):
        with pytest.raises(InputError, match=f"x: cannot be found from here .{told}"):
            write(Path("x"))
    assert write_file(tmp_path / "whole", b"1").read_bytes() == b"1"
