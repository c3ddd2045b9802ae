"""The table of docs/performance.md, made of what ``bench`` and ``bench limit`` wrote on each processor.

::

    bluezone-sim bench --json wide.json; bluezone-sim bench limit --json > wide-limit.json
    (the same with NUMBA_CPU_NAME and NUMBA_CPU_FEATURES held to SHA-NI, AES-NI and AVX2)
    python tests/verification/performance_table.py \
        "AVX-512:wide.json:wide-limit.json" "SHA-NI, AES-NI:sse.json:sse-limit.json"
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bluezone_sim.benchmarks.results import scaled

DASH = "–"


class Machine(NamedTuple):
    """One column of the page: its head, entries of ``bench --json`` and of ``bench limit --json``."""

    head: str
    figures: dict[str, Any]
    limits: dict[str, Any]


def machine(argument: str) -> Machine:
    """``HEAD:BENCH.json:LIMIT.json``."""
    head, bench, limit = argument.rsplit(":", 2)
    entries = json.loads(Path(bench).read_text(encoding="utf-8"))
    document = json.loads(Path(limit).read_text(encoding="utf-8"))
    return Machine(
        f"{head} ({entries[0]['processor']}, {entries[0]['units']})",
        {entry["name"]: entry for entry in entries},
        {figure["name"]: figure for figure in document["figures"]},
    )


def markdown(machines: list[Machine]) -> str:
    """A row a figure; three columns a machine: rate, share of the limit in C, times the baseline."""
    heads = ["figure", *(h for m in machines for h in (m.head, "of C's limit", "times"))]
    lines = [_line([*heads, "its baseline"]), "|---" * (len(heads) + 1) + "|"]
    for name in dict.fromkeys(name for m in machines for name in m.figures):
        cells = [c for m in machines for c in _cells(m, name)]
        baseline = next(m.figures[name]["baseline"] for m in machines if name in m.figures)
        lines.append(_line([f"`{name}`", *cells, baseline]))
    return "\n".join(lines)


def _cells(m: Machine, name: str) -> list[str]:
    if name not in m.figures:
        return [DASH] * 3
    entry, limit = m.figures[name], m.limits.get(name)
    of = DASH
    if limit is not None:
        of = f"{limit['ratio']:.2f} of {' '.join(scaled(limit['limit'], limit['unit']))}"
    return [" ".join(scaled(entry["rate"], entry["rate_unit"])), of, f"{entry['value']:.3g}"]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(markdown([machine(argument) for argument in sys.argv[1:]]))
