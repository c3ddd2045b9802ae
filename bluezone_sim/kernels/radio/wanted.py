"""Of everybody's records those of some links: the others are made, and overwritten by the next ones."""

from __future__ import annotations

from ..decorators import bare
from .scans import fill_records


@bare
def fill_wanted(medium, links, last, rows, begun, scratch, out, kept):
    """Records of the links before ``last``, and of them into ``kept`` those of ``rows``, which ascend.

    ``begun`` is how far it came before: next link, index of its row or of the next one in ``rows``. Stops
    when ``kept`` might not hold what is wanted of another ``out``. Returns (records kept, next link, next
    index).
    """
    (first, at), many = begun, 0
    while first < last and many + len(out.row) <= len(kept.row):
        filled, first = fill_records(medium, links, first, last, scratch, out)
        i = 0
        while at < len(rows) and rows[at] < first:
            i = _first_of(out.row, i, filled, rows[at])
            while i < filled and out.row[i] == rows[at]:
                kept.row[many] = out.row[i]
                kept.time_ms[many] = out.time_ms[i]
                kept.packets[many] = out.packets[i]
                kept.rssi_dbm[many] = out.rssi_dbm[i]
                kept.rssi_max_dbm[many] = out.rssi_max_dbm[i]
                i, many = i + 1, many + 1
            at += 1
    return many, first, at


@bare
def _first_of(ascending, low, high, value):
    """Index of the first of some elements that is not below a value."""
    while low < high:
        middle = (low + high) >> 1
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
