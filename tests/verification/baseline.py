"""The numbers of one run of middling size, and of each shipped scenario made smaller, kept in files.

``python tests/verification/baseline.py`` writes them.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

if __name__ == "__main__":  # its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

import bluezone_sim as bz
from helpers.paths import BASELINES
from helpers.results import saved
from helpers.small import TOWN, smaller


def numbers() -> dict[str, Any]:
    """Metrics, and checksums of the tables, of a town of 30,000."""
    return _numbers(bz.parse(TOWN), 7)


def _numbers(scenario: bz.Scenario, seed: int) -> dict[str, Any]:
    result = bz.run(scenario, seed=seed)
    out = result.to_dict()
    for key in ("seconds", "stages_s", "peak_memory_mib"):
        del out[key]
    if out.get("campaign"):  # a day in seven is enough to see a change
        out["campaign"]["days"] = out["campaign"]["days"][::7]
        del out["campaign"]["parts"]
    with tempfile.TemporaryDirectory() as folder:
        out["tables"] = digests(saved(result, Path(folder) / "run"))
    return out


def digests(folder: Path) -> dict[str, str]:
    """Type and digest of every column of every table of a folder; a file's own bytes hold a version.

    Floats count to nine digits: compilers may differ in the last ones.
    """
    out = {}
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        for name, column in zip(table.column_names, table.columns, strict=True):
            values = json.dumps(column.to_pylist(), default=str)
            if "double" in str(column.type) or "float" in str(column.type):
                values = re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda v: f"{float(v[0]):.8e}", values)
            digest = hashlib.sha256(values.encode()).hexdigest()[:16]
            # How wide the indices of a dictionary are is the reader's: int32 with pyarrow 18.
            kind = str(column.type).replace("indices=int32", "indices=int8")
            out[f"{path.stem}.{name}"] = f"{kind} {digest}"
    return out


def baselines() -> dict[str, Callable[[], dict[str, Any]]]:
    """What gives the numbers of each baseline of a shipped scenario."""
    return {name: partial(_of, name) for name in bz.shipped()}


def _of(name: str) -> dict[str, Any]:
    return _numbers(smaller(name), 1)


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    for name, made in {"town": numbers, **baselines()}.items():
        text = json.dumps(made(), indent=1) + "\n"
        (BASELINES / f"{name}.json").write_text(text, encoding="utf-8")
