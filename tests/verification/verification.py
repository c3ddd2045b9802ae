"""Both radio engines over the whole grid: figures with a clear right and wrong, and a table.

``python tests/verification/verification.py DIR [CONTACTS]`` writes ``agreement.png`` (quantiles against
quantiles: the points lie on the line where the engines agree), ``theory.png`` (the event engine on the
closed forms) and ``agreement.json``. It ends with 1 where a p-value is below 0.01 / number of tests.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

if __name__ == "__main__":  # its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bluezone_sim.scenario.profiles import load_profile
from verification.plain_radio import always, plain_model, run
from verification.radio_cells import CELLS, Sample, by_events, by_vectors, compare

FAMILY_ALPHA = 0.01
#: Cells with a queue of reads: an approximation, shown and not tested.
APPROXIMATE = ("bluezone, 20 iPhones",)
PROBABILITIES = np.arange(0.02, 0.99, 0.02)


def quantiles(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.quantile(x, PROBABILITIES, method="nearest") for x in (a, b))


def qq(axes, a: np.ndarray, b: np.ndarray, title: str) -> None:
    x, y = quantiles(a, b)
    keep = np.isfinite(x) & np.isfinite(y)
    axes.plot(x[keep], y[keep], ".", ms=3)
    if keep.any():
        ends = [min(x[keep].min(), y[keep].min()), max(x[keep].max(), y[keep].max())]
        axes.plot(ends, ends, lw=0.8, color="0.5")
    axes.set_title(title, fontsize=7)
    axes.tick_params(labelsize=5)


def agreement(folder: Path, contacts: int) -> bool:
    rows = []
    samples: list[tuple[Sample, Sample]] = []
    for cell in CELLS:
        pair = by_events(cell, contacts, 5), by_vectors(cell, 20_000, 6)
        samples.append(pair)
        rows.append(
            {
                "cell": cell.name,
                "p": compare(*pair),
                "found": [float(np.isfinite(s.first_s).mean()) for s in pair],
                "records": [float(s.records.mean()) for s in pair],
                "rssi_dbm": [float(s.rssi.mean()) for s in pair],
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    tests = [p for row in rows if row["cell"] not in APPROXIMATE for p in row["p"].values()]
    passed = min(tests) > FAMILY_ALPHA / len(tests)
    document = {"contacts": contacts, "tests": len(tests), "alpha": FAMILY_ALPHA / len(tests)}
    document |= {"passed": passed, "least_p": min(tests), "cells": rows}
    (folder / "agreement.json").write_text(json.dumps(document, indent=1))
    figure, grid = plt.subplots(len(CELLS), 5, figsize=(10, 1.6 * len(CELLS)))
    for cell, (a, b), line in zip(CELLS, samples, grid, strict=True):
        found = [np.isfinite(s.first_s) for s in (a, b)]
        qq(line[0], a.records, b.records, f"{cell.name}\nrecords a contact")
        # Contacts that were never found stand at the right end of the time to the first record.
        qq(line[1], a.first_s, b.first_s, "seconds to the first")
        qq(line[2], a.rssi, b.rssi, "RSSI of the first, dBm")
        qq(line[3], a.strongest, b.strongest, "its strongest packet, dBm")
        line[4].bar([0, 1], [f.mean() for f in found], color=["C0", "C1"])
        line[4].set_ylim(0, 1)
        line[4].set_xticks([0, 1], ["events", "vectors"], fontsize=5)
        line[4].set_title("found at all", fontsize=7)
    figure.suptitle("x: event engine, y: vectorised engine", fontsize=9, y=0.999)
    figure.tight_layout()
    figure.savefig(folder / "agreement.png", dpi=110)
    return passed


def theory(folder: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    a_ms, spacing_ms = (16 + 31) * 8 / 1000, 25.0
    sizes = [2, 5, 10, 20, 30, 40]
    measured = []
    for n in sizes:
        m = plain_model(always(advertise_interval_ms=20.0), n)
        found = run(m, list(itertools.combinations(range(n), 2)), 20)
        measured.append(found.received / (found.sent / 3 * (n - 1)))
    x = np.arange(2, 41)
    left.plot(x, (1 - 2 * a_ms / spacing_ms) ** (x - 1), label="(1 - 2a/I)^(N-1)")
    left.plot(sizes, measured, "o", label="event engine")
    left.set(xlabel="phones in the room", ylabel="packets that do not collide")
    left.legend()
    profile = load_profile("gaen", {"android.scan_pause_jitter_s": 0.0})
    lengths = [10, 30, 60, 120, 180, 240, 290]
    seen = []
    for length in lengths:
        pairs = [(2 * i, 2 * i + 1) for i in range(150)]
        found = run(plain_model(profile, 300), pairs, length)
        seen.append(len(np.unique(found.sightings.observer)) / 300)
    x = np.linspace(0, 300, 200)
    right.plot(x, np.clip((4 + x - 0.255) / 304, 0, 1), label="(S + D) / P")
    right.errorbar(
        lengths, seen, [2 * np.sqrt(p * (1 - p) / 300) for p in seen], fmt="o", label="event engine"
    )
    right.set(xlabel="length of the contact, s", ylabel="contacts found")
    right.legend()
    figure.tight_layout()
    figure.savefig(folder / "theory.png", dpi=110)


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    theory(folder)
    return 0 if agreement(folder, int(sys.argv[2]) if len(sys.argv) > 2 else 400) else 1


if __name__ == "__main__":
    sys.exit(main())
