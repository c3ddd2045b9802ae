"""The numbers of one run of middling size, and of each shipped scenario made smaller, kept in files.

``python tests/verification/baseline.py`` writes them.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import bluezone_sim as bz
from bluezone_sim.scenario.loading import validate

BASELINE = Path(__file__).parent / "baselines" / "town.json"

_TOWN = """
name = "town"
date = 2020-08-12

[population]
people = 30_000
smartphones = 17_500
[[population.districts]]
name = "Centre"
people = 10_000
urban_share = 0.6
[[population.districts]]
name = "Hills"
people = 20_000

[adoption]
levels = [{ users = 2_400 }, 0.6, 1.0]

[index_cases]
count = 200
f2_count = 20

[rule]
name = "minutes-near"
"""


def numbers() -> dict[str, Any]:
    """Metrics, and checksums of the tables, of a town of 30,000."""
    return _numbers(bz.parse(_TOWN), 7)


def _numbers(scenario: bz.Scenario, seed: int) -> dict[str, Any]:
    result = bz.run(scenario, seed=seed)
    out = result.to_dict()
    for key in ("seconds", "stages_s", "peak_memory_mib"):
        del out[key]
    if out.get("campaign"):  # a day in seven is enough to see a change
        out["campaign"]["days"] = out["campaign"]["days"][::7]
        del out["campaign"]["parts"]
    with tempfile.TemporaryDirectory() as folder:
        out["tables"] = digests(result.save(Path(folder) / "run"))
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
            out[f"{path.stem}.{name}"] = f"{column.type} {digest}"
    return out


#: Shipped scenarios are run with this share of their people and this many cases.
_SMALLER, _CASES = 40, {"count": 60, "f2_count": 6}


def smaller(name: str) -> bz.Scenario:
    """A shipped scenario with fewer people, phones, users and cases, and nothing else changed."""
    path = bz.shipped()[name]
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    if "population" in raw:  # else its people are those of a file
        population = raw["population"]
        for district in population["districts"]:
            district["people"] //= _SMALLER
        population["people"] = sum(d["people"] for d in population["districts"])
        population["smartphones"] //= _SMALLER
        for table in (*raw["adoption"]["levels"], raw.get("campaign")):
            if isinstance(table, dict):
                table["users"] //= _SMALLER
    cases = raw.setdefault("index_cases", {})
    for key, most in _CASES.items():
        cases[key] = min(most, cases.get(key, most))
    if "sensitivity" in raw:
        raw["sensitivity"]["cases"] = 20
    return validate(raw, name, path.parent)


def baselines() -> dict[str, Callable[[], dict[str, Any]]]:
    """What gives the numbers of each baseline of a shipped scenario."""
    return {name: partial(_of, name) for name in bz.shipped()}


def _of(name: str) -> dict[str, Any]:
    return _numbers(smaller(name), 1)


if __name__ == "__main__":
    BASELINE.parent.mkdir(exist_ok=True)
    for name, made in {"town": numbers, **baselines()}.items():
        text = json.dumps(made(), indent=1) + "\n"
        (BASELINE.parent / f"{name}.json").write_text(text, encoding="utf-8")
