"""The trace that ``scenarios/workplace-trace.toml`` reads.

``python tests/helpers/workplace_trace.py`` writes it.

A made-up firm of 72 people in six departments, through one working week: desks side by side, short
talks, a meeting of each department, lunch at tables of four. Distances are quantiles of camera-tracked
office and lunch scenes (DP-3T exp34); everything else is assumed.
"""

from __future__ import annotations

import csv
import io
import itertools
import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":  # its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bluezone_sim.kernels import rng
from bluezone_sim.world.generated import distance_table
from helpers.paths import ROOT

TRACE = ROOT / "scenarios" / "workplace-trace.csv"

DEPARTMENTS = ("Accounts", "Design", "Floor", "Research", "Sales", "Store")
PER_DEPARTMENT = 12
DAYS = 5
OFFICE = distance_table([1.16, 1.70, 2.55, 3.57, 5.80], 1.0)
LUNCH = distance_table([0.65, 1.36, 1.79, 2.49, 4.14], 1.0)
HOUR = 3600


class Draws:
    """Uniforms one after another, the same on every machine."""

    def __init__(self, seed: int):
        self._values = iter(rng.uniforms(rng.key(seed, "meeting"), np.arange(2_000_000)).tolist())

    def unit(self) -> float:
        return next(self._values)

    def between(self, low: float, high: float) -> float:
        return low + self.unit() * (high - low)

    def shuffled(self, items: list[int]) -> list[int]:
        return [x for _, x in sorted((self.unit(), x) for x in items)]


def rows() -> list[tuple[int, int, int, int, float]]:
    """(start_s, duration_s, i, j, distance_m), seconds since the midnight of Monday."""
    draws, out = Draws(2020), []
    people = list(range(len(DEPARTMENTS) * PER_DEPARTMENT))

    def bouts(day, i, j, begin, end, mean_s, share_on, table):
        """Time spent together comes in bouts, each at one distance."""
        at = begin
        while at < end:
            length = max(20.0, -mean_s * np.log(1 - draws.unit()))
            if draws.unit() < share_on:
                start = day * 24 * HOUR + round(at / 20) * 20
                duration = max(20, round(min(length, end - at) / 20) * 20)
                out.append((start, duration, i, j, float(table[int(draws.unit() * 1024)])))
            at += length + 20

    for day in range(DAYS):
        here = [p for p in people if draws.unit() < 0.92]
        for i, j in itertools.combinations(here, 2):
            same = i // PER_DEPARTMENT == j // PER_DEPARTMENT
            if same and abs(i - j) == 1:  # desks side by side
                bouts(day, i, j, 8.5 * HOUR, 11.5 * HOUR, 900, 0.35, OFFICE)
                bouts(day, i, j, 13 * HOUR, 16.5 * HOUR, 900, 0.35, OFFICE)
            for _ in range(int(draws.unit() < (0.30 if same else 0.035)) * (1 + int(same))):
                begin = draws.between(8.5, 16) * HOUR  # a talk in passing, most of them short
                length = min(1500.0, 40 * (1 - draws.unit()) ** -0.9)
                bouts(day, i, j, begin, begin + length, length, 1.0, LUNCH)
        for d in range(len(DEPARTMENTS)):
            if draws.unit() < 0.6:
                members = [p for p in here if p // PER_DEPARTMENT == d]
                table = draws.shuffled(members)[:6]
                begin = draws.between(9, 10.5) * HOUR
                for i, j in itertools.combinations(sorted(table), 2):
                    bouts(day, i, j, begin, begin + 40 * 60, 500, 0.45, OFFICE)
        # Lunch is mostly with one's own department.
        order = sorted(here, key=lambda p: (p // PER_DEPARTMENT + 1.5 * draws.unit(), p))
        for k in range(0, len(order), 4):
            begin = draws.between(11.5, 12.2) * HOUR
            for i, j in itertools.combinations(sorted(order[k : k + 4]), 2):
                bouts(day, i, j, begin, begin + 30 * 60, 600, 0.5, LUNCH)
    return sorted(without_overlaps(out))


def without_overlaps(rows):
    """A pair is at one distance at a time: a row that would overlap an earlier one is left out."""
    kept, until = [], {}
    for row in sorted(rows):
        start, duration, i, j, _ = row
        if start >= until.get((i, j), 0):
            kept.append(row)
            until[i, j] = start + duration
    return kept


def text() -> str:
    """The file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["start_s", "duration_s", "i", "j", "distance_m", "Ci", "Cj"])
    for start, duration, i, j, distance in rows():
        groups = (DEPARTMENTS[p // PER_DEPARTMENT] for p in (i, j))
        writer.writerow([start, duration, 101 + i, 101 + j, f"{distance:.2f}", *groups])
    return out.getvalue()


if __name__ == "__main__":
    TRACE.write_text(text(), encoding="ascii")
