"""How often 95 % intervals of a run hold the mean over worlds: in small towns, and with everyone a case.

``python tests/verification/coverage.py [WORLDS]`` runs a town of 5,000 people as WORLDS (400) worlds,
once with 500 of them as cases and once with all, and prints a line for each interval: its share of
worlds that hold the mean over all worlds, and its width over that of an interval from the true spread.
It ends with 1 where a share lies outside 93 to 97 %. With 400 worlds a share of 95 % has a standard
error of 1.1 points, so that a right interval leaves that range once in 15 times.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from bluezone_sim import run
from bluezone_sim.scenario import Scenario, load

PEOPLE, CASES, LEVEL = 5_000, 500, 0.6
LEAST, MOST = 0.93, 0.97
_DISTRICTS = [
    {"name": "A", "people": 3_000, "urban_share": 0.4},
    {"name": "B", "people": 2_000, "urban_share": 0.1},
]


def town(cases: int, f2_cases: int) -> Scenario:
    """The people and contacts of yen-bai-2020 in a small town."""
    return load(
        "yen-bai-2020",
        {
            "population.people": PEOPLE,
            "population.smartphones": round(PEOPLE * 480_000 / 821_030),
            "population.districts": _DISTRICTS,
            "adoption.levels": [LEVEL],
            "index_cases.count": cases,
            "index_cases.f2_count": f2_cases,
            "sensitivity.cases": 1,
        },
    ).model_copy(update={"sensitivity": None, "sweep": None, "expect": None, "campaign": None})


def coverage(found: list[tuple[float, tuple[float, float]]]) -> dict[str, Any]:
    """Of values and their intervals, a pair a world."""
    values = np.array([value for value, _ in found])
    low, high = np.array([ends for _, ends in found]).T
    mean = values.mean()
    return {
        "mean": float(mean),
        "held": float(((low <= mean) & (mean <= high)).mean()),
        "mean_above": float((mean > high).mean()),
        "mean_below": float((mean < low).mean()),
        "width": float((high - low).mean() / (2 * 1.96 * values.std(ddof=1))),
        "worlds": len(found),
    }


def main(worlds: int) -> int:
    names = ("recall", "share_both_have_app", "precision", "n_warned_f2")
    good = True
    for cases, f2_cases in ((CASES, 100), (PEOPLE, 0)):
        scenario = town(cases, f2_cases)
        levels = [run(scenario, seed, threads=1).metrics[0] for seed in range(1, worlds + 1)]
        for name in names:
            found = [(getattr(m, name), getattr(m, f"{name}_ci95")) for m in levels]
            if found[0][1] is None:
                continue
            row = coverage(found)
            good &= LEAST <= row["held"] <= MOST
            print(json.dumps({"cases": cases, "metric": name, **row}), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
