"""Results and folders of results, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bluezone_sim.api import Result
from bluezone_sim.files import DIGESTS, Digests, read_digests
from bluezone_sim.storage import run_save
from bluezone_sim.storage.provenance import manifest


def same(a: Result, b: Result) -> bool:
    """All outcomes, warnings and metrics are equal."""
    return all(
        np.array_equal(x._columns()[k], y._columns()[k])
        for x, y in ((a.outcomes, b.outcomes), (a.warnings, b.warnings))
        for k in x._columns()
    ) and repr(a.metrics) == repr(b.metrics)


def saved(result: Result, out: Path) -> Path:
    """A run's folder without its page and its picture: to draw them takes longer than the rest."""
    return run_save.save(result, out, manifest(result), {}, force=False)


def assert_close(got: Any, want: Any, where: str) -> None:
    """Equal to the last digits that compilers may differ in."""
    if isinstance(want, dict):
        assert got.keys() == want.keys(), where
        for key in want:
            assert_close(got[key], want[key], f"{where}.{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), where
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            assert_close(a, b, f"{where}[{i}]")
    elif isinstance(want, float):
        assert got == pytest.approx(want, rel=1e-9), where
    else:
        assert got == want, where


def files(sweep: Path, folder: str = "results.parquet") -> dict[str, bytes]:
    """Bytes of a sweep's result files by name; what a killed writer was at is none of them."""
    return {p.name: p.read_bytes() for p in (sweep / folder).glob("[!.]*")}


def sign(folder: Path) -> None:
    """Lists the files of a folder as they are now, so that what a test has changed in it is no damage."""
    listed = read_digests(folder)
    (folder / DIGESTS).write_bytes(Digests.of(folder, listed.holds).text())
