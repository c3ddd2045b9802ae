"""One made-up day of contacts in the dialects in which people keep them.

Every file holds the same contacts, from 8 in the morning, of twelve people in three groups. What is right
is counted here second by second, from the contacts themselves.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path

DAY, ZONE = dt.date(2013, 12, 2), "Europe/Paris"
PEOPLE = 12
STEP_S, SCAN_S = 20, 300


def group(k: int) -> int:
    """The group of a person."""
    return k % 3 + 1


def contacts(seed: int = 5) -> list[tuple[int, int, int, int]]:
    """(start, duration, i, j), each pair once: seconds from midnight."""
    draw = random.Random(seed)
    out = []
    for a in range(1, PEOPLE + 1):
        for b in range(a + 1, PEOPLE + 1):
            if draw.random() < (0.8 if group(a) == group(b) else 0.15):
                start = 28_800 + STEP_S * draw.randrange(0, 1200)
                out.append((start, STEP_S * draw.randrange(3, 120), a, b))
    return out


def right(seed: int = 5) -> dict[str, int]:
    """People, pairs, and pairs with 15 minutes or more."""
    near: Counter[tuple[int, int]] = Counter()
    for _, duration, a, b in contacts(seed):
        near[a, b] += duration
    return {
        "people": len({k for pair in near for k in pair}),
        "pairs": len(near),
        "risky_pair_days": sum(s >= 900 for s in near.values()),
    }


def steps(seed: int = 5) -> list[tuple[int, int, int]]:
    """(t, i, j), a row every 20 s, in order of time."""
    return sorted((t, a, b) for s, d, a, b in contacts(seed) for t in range(s, s + d, STEP_S))


def scans(seed: int = 5) -> list[tuple[int, int, int, int]]:
    """(t, i, j, RSSI) of scans every 5 minutes; -1 where nobody was seen, -2 for an outsider."""
    seen = sorted({(t // SCAN_S * SCAN_S, a, b) for t, a, b in steps(seed)})
    rows = [(t, a, b, -60 - 3 * (b - a)) for t, a, b in seen]
    for t in range(28_800, 57_600, SCAN_S):
        rows += [(t, 1, -1, 0), (t, 3, -2, -85)]
    return sorted(rows)


def write(folder: Path, name: str, rows: object, head: str = "", encoding: str = "utf-8") -> Path:
    """A file of ``rows`` of text."""
    path = folder / name
    path.write_bytes((head + "".join(f"{row}\n" for row in rows)).encode(encoding))  # type: ignore[attr-defined]
    return path
