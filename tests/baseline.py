"""The numbers of one run of middling size, kept in a file. ``python tests/baseline.py`` writes it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import bluezone_sim as bz

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
    result = bz.run(bz.parse(_TOWN), seed=7)
    out = result.to_dict()
    for key in ("seconds", "stages_s", "peak_memory_mib"):
        del out[key]
    out["checksums"] = {
        f"{name}.{column}": zlib.crc32(values.tobytes())
        for name, table in (("outcomes", result.outcomes), ("warnings", result.warnings))
        for column, values in table._columns().items()
    }
    return out


if __name__ == "__main__":
    BASELINE.parent.mkdir(exist_ok=True)
    BASELINE.write_text(json.dumps(numbers(), indent=1) + "\n", encoding="utf-8")
