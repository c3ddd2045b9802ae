"""Folders that grow file by file: each moment's list allows for what is there."""

from __future__ import annotations

import threading

import pytest

from bluezone_sim.errors import FormatError, InputError
from bluezone_sim.files import (
    DIGESTS,
    Digests,
    check_growing,
    digest_of,
    faults_of,
    list_files,
    others_in,
    read_digests,
    write_file,
    write_folder,
    write_listed,
)

OLD, NEW, OTHER = (digest_of(data) for data in (b"old", b"new", b"other"))


def test_what_is_announced_may_be_the_old_or_the_new_and_nothing_else(tmp_path):
    listed = Digests("thing", {"a": OLD}).announced({"a": NEW, "b": NEW})
    for a in (b"old", b"new", b"other", None):
        for b in (None, b"new", b"old"):
            for name, data in (("a", a), ("b", b)):
                (tmp_path / name).unlink(missing_ok=True)
                if data is not None:
                    (tmp_path / name).write_bytes(data)
            wrong = {fault.name for fault in faults_of(tmp_path, listed)}
            assert wrong == ({"a"} - {"a" if a in (b"old", b"new") else ""}) | (
                {"b"} if b == b"old" else set()
            )
            settled = listed.settled(tmp_path)
            assert set(settled.changing) == wrong
            if a in (b"old", b"new"):
                assert settled.files["a"] == digest_of(a)
            assert ("b" in settled.files) == (b == b"new")


def test_a_second_writer_after_one_that_was_killed_allows_for_what_that_left(tmp_path):
    """The first was killed between its file and its list: the file is neither the oldest nor the next."""
    write_listed(tmp_path / "x", {"a": b"old"}, "thing")
    listed = read_digests(tmp_path / "x").announced({"a": NEW})
    (tmp_path / "x" / DIGESTS).write_bytes(listed.text())
    write_file(tmp_path / "x" / "a", b"new")
    list_files(tmp_path / "x", {}, "thing")
    assert read_digests(tmp_path / "x") == Digests("thing", {"a": NEW})
    write_listed(tmp_path / "x", {"a": b"other"}, "thing")
    assert read_digests(tmp_path / "x") == Digests("thing", {"a": OTHER})


def test_many_writers_of_one_list_lose_no_entry(tmp_path):
    def add(i):
        for j in range(8):
            write_listed(tmp_path / "x", {f"{i}-{j}": b"1"}, "thing")

    write_folder(tmp_path / "x", {}, "thing")
    threads = [threading.Thread(target=add, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    listed = read_digests(tmp_path / "x")
    assert set(listed.files) == {f"{i}-{j}" for i in range(4) for j in range(8)}
    assert (faults_of(tmp_path / "x", listed), listed.changing) == ([], {})


def test_files_of_others_and_folders_of_other_things_are_refused(tmp_path):
    write_listed(tmp_path / "x", {"a": b"1", "sub/b": b"1"}, "thing")
    (tmp_path / "x" / "sub" / "mine").write_bytes(b"mine")
    with pytest.raises(InputError, match="holds a thing; give another folder"):
        write_listed(tmp_path / "x", {"c": b"1"}, "other")
    with pytest.raises(InputError, match="holds sub/mine, which is not listed"):
        write_listed(tmp_path / "x", {"sub/mine": b"1"}, "thing")
    with pytest.raises(InputError, match="is a file"):
        check_growing(tmp_path / "x" / "a", "thing", [])
    assert (tmp_path / "x" / "sub" / "mine").read_bytes() == b"mine"
    assert others_in(tmp_path / "x", read_digests(tmp_path / "x").names) == ["sub/mine"]
    (tmp_path / "x" / DIGESTS).write_bytes(b"{}")
    with pytest.raises(FormatError, match=r"digests\.json: damaged"):
        write_listed(tmp_path / "x", {"a": b"2"}, "thing")
    assert (tmp_path / "x" / "a").read_bytes() == b"1"


def test_digests_are_sha_256(tmp_path):
    """FIPS 180-4's own example."""
    write_folder(tmp_path / "x", {"abc": b"abc"}, "thing")
    found = read_digests(tmp_path / "x").files["abc"]
    assert found == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
