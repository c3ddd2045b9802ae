"""Recordings and keys are the owner's alone, whatever the umask; all else follows it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from bluezone_sim.ble.listening.recorder import ENDINGS, Recorder
from bluezone_sim.ble.sending.advertise import write_keys
from bluezone_sim.captures.formats.parquet import write_sightings
from bluezone_sim.files import write_folder, write_listed
from bluezone_sim.tables.rows import Sightings
from helpers.commands import call

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs modes of POSIX")


@contextmanager
def umask(value):
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


def heard():
    return Sightings(
        protocol="bluezone",
        observer=np.zeros(1, np.int32),
        time_ms=np.full(1, 1_600_000_000_000, np.int64),
        identifier=np.zeros((1, 12), np.uint8),
        rssi_dbm=np.full(1, -60, np.int16),
    )


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o027])
def test_recordings_and_keys_are_the_owners(tmp_path, mask):
    with umask(mask):
        for ending in ENDINGS:
            with Recorder(tmp_path / f"x{ending}") as recorder:
                (part,) = tmp_path.glob(f".x{ending}.*/.new")
                assert mode(part) == 0o600  # from its first byte on
                recorder.take([], {})
            assert mode(tmp_path / f"x{ending}") == 0o600
        write_sightings(tmp_path / "sightings", [heard()])
        write_keys(tmp_path / "keys", SimpleNamespace(key_file=lambda: b"{}"))
        files = {"drive.json": b"{}", "keys.json": b"{}"}
        write_listed(tmp_path / "drive", files, "drive", private=["keys.json"])
        write_folder(tmp_path / "folder", {"a": b""}, "thing")
    for name in ("sightings", "keys", "drive/keys.json"):
        assert mode(tmp_path / name) == 0o600
    for name in ("drive/drive.json", "drive/digests.json", "folder/a", "folder/digests.json"):
        assert mode(tmp_path / name) == 0o666 & ~mask
    for name in ("drive", "folder"):
        assert mode(tmp_path / name) == 0o777 & ~mask


def test_a_recording_that_was_open_to_all_is_closed_when_it_is_replaced(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "x").chmod(0o644)
    write_sightings(tmp_path / "x", [heard()])
    assert mode(tmp_path / "x") == 0o600


def test_the_first_line_of_an_import_says_whose_identifiers_it_holds(tmp_path, capsys):
    write_sightings(tmp_path / "a.parquet", [heard()])
    out = tmp_path / "b.parquet"
    assert call("import", tmp_path / "a.parquet", "--out", out) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert f"{out} will hold identifiers of other people's phones" in first
    assert mode(out) == 0o600
