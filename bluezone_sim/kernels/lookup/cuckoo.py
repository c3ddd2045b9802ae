"""Insertion into a cuckoo filter."""

from __future__ import annotations

import numpy as np

from ..decorators import compiled

#: Spreads a fingerprint over buckets: bucket xor its product's high half is the other bucket.
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@compiled
def _put(table, bucket, fingerprint):
    for slot in range(table.shape[1]):
        if table[bucket, slot] == 0 or table[bucket, slot] == fingerprint:
            table[bucket, slot] = fingerprint
            return True
    return False


@compiled
def insert(table, fingerprints, homes, kicks):
    """Inserts all of them; returns how many found a place before one did not within ``kicks`` moves."""
    mask = np.uint64(len(table) - 1)
    turn = 0
    for i in range(len(fingerprints)):
        f = fingerprints[i]
        bucket = np.int64(homes[i] & mask)
        placed = _put(table, bucket, f)
        for _ in range(kicks + 1):
            if placed:
                break
            bucket ^= np.int64(((np.uint64(f) * MULTIPLIER) >> np.uint64(32)) & mask)
            placed = _put(table, bucket, f)
            if not placed:
                slot = turn % table.shape[1]
                turn += 1
                f, table[bucket, slot] = table[bucket, slot], f
        if not placed:
            return i
    return len(fingerprints)
