"""Pieces of a loop, one a thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any


def in_threads(work: Callable[[int, int], Any], n: int, threads: int, grain: int = 32) -> None:
    """Calls ``work(first, last)`` over 0 .. n in ``threads`` pieces that start at multiples of grain."""
    if threads == 1:
        if n:
            work(0, n)
        return
    edges = [min(n, (n * k // threads + grain - 1) // grain * grain) for k in range(threads)] + [n]
    pieces = [(a, b) for a, b in pairwise(edges) if b > a]
    if len(pieces) < 2:
        for piece in pieces:
            work(*piece)
        return
    with ThreadPoolExecutor(len(pieces)) as pool:
        list(pool.map(lambda piece: work(*piece), pieces))


def available_threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
