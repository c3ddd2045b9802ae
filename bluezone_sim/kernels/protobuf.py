"""A walk over the keys of an exposure key export, one pass over the bytes.

Protocol Buffers wire format: a tag (field number << 3 | wire type), then a varint, eight or four
bytes, or a length and that many bytes. Only the outer message and the keys are walked.
"""

from __future__ import annotations

import numpy as np

from .decorators import compiled

#: Outcome of a walk that found no fault.
DONE = 0
#: Faults: a field runs past the end of what holds it; a wire type that does not exist or does not fit
#: its field; key data of another length than 16; a number out of its range; more other fields than
#: there is room for.
TRUNCATED, WIRE_TYPE, KEY_LENGTH, RANGE, TOO_MANY = 1, 2, 3, 4, 5

#: Columns of ``numbers``: fields 2 to 6 of a key.
RISK, START, PERIOD, REPORT_TYPE, DAYS_SINCE_ONSET = range(5)
#: Column 5 says in which list a key was: 0 ``keys``, 1 ``revised_keys``.
REVISED = 5
#: Stands for "not told" in ``numbers``.
ABSENT = np.int64(-(1 << 40))

_KEYS, _REVISED_KEYS = 7, 8


@compiled
def _varint(data, at, end):
    """(value, next byte); next is -1 where the varint is truncated or longer than ten bytes."""
    value = np.uint64(0)
    for i in range(10):
        if at + i >= end:
            return value, -1
        byte = np.uint64(data[at + i])
        value |= (byte & np.uint64(127)) << np.uint64(7 * i)
        if byte < np.uint64(128):
            return value, at + i + 1
    return value, -1


@compiled
def _field(data, at, end):
    """One field: (fault, number, wire type, value or start, next byte)."""
    tag, at = _varint(data, at, end)
    if at < 0:
        return TRUNCATED, 0, 0, np.uint64(0), at
    number, wire = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if wire == 0:
        value, at = _varint(data, at, end)
        return (DONE if at >= 0 else TRUNCATED), number, wire, value, at
    if wire == 1 or wire == 5:
        after = at + (8 if wire == 1 else 4)
        return (DONE if after <= end else TRUNCATED), number, wire, np.uint64(at), after
    if wire == 2:
        size, begin = _varint(data, at, end)
        if begin < 0 or size > np.uint64(end - begin):
            return TRUNCATED, number, wire, np.uint64(0), -1
        return DONE, number, wire, np.uint64(begin), begin + np.int64(size)
    return WIRE_TYPE, number, wire, np.uint64(0), -1


@compiled
def _key(data, at, end, key, numbers, row):
    """One TemporaryExposureKey into a row."""
    size = 0
    for c in range(5):
        numbers[row, c] = ABSENT
    while at < end:
        begin = at
        fault, number, wire, value, at = _field(data, at, end)
        if fault != DONE:
            return fault, begin
        if number == 1:
            if wire != 2:
                return WIRE_TYPE, begin
            size = at - np.int64(value)
            if size != 16:
                return KEY_LENGTH, begin
            for i in range(16):
                key[row, i] = data[np.int64(value) + i]
        elif 2 <= number <= 6:
            if wire != 0:
                return WIRE_TYPE, begin
            plain = np.int64(value)
            if number == 6:  # zigzag
                plain = np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))
            if plain < -(1 << 31) or plain >= 1 << 31:
                return RANGE, begin
            numbers[row, number - 2] = plain
    if size != 16:
        return KEY_LENGTH, end
    return DONE, at


@compiled
def walk_export(data, at, key, numbers, others):
    """Walks an export message from byte ``at``.

    Args: ``data`` uint8[n]; ``key`` uint8[m, 16] and ``numbers`` int64[m, 6], m no less than the keys;
    ``others`` int64[k, 2], for the spans of fields that are no keys.

    Returns (fault, byte of the fault, number of keys, number of other fields).
    """
    rows = n_others = 0
    end = len(data)
    while at < end:
        begin = at
        fault, number, wire, value, at = _field(data, at, end)
        if fault != DONE:
            return fault, begin, rows, n_others
        if number in (_KEYS, _REVISED_KEYS):
            if wire != 2:
                return WIRE_TYPE, begin, rows, n_others
            fault, where = _key(data, np.int64(value), at, key, numbers, rows)
            if fault != DONE:
                return fault, where, rows, n_others
            numbers[rows, REVISED] = number - _KEYS
            rows += 1
        elif n_others == len(others):
            return TOO_MANY, begin, rows, n_others
        else:
            others[n_others, 0], others[n_others, 1] = begin, at
            n_others += 1
    return DONE, at, rows, n_others
