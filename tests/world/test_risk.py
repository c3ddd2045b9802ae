"""The truth: who is near a case for long enough, to the second, the centimetre and midnight."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from bluezone_sim.tables.days import Days
from bluezone_sim.tables.rows import Contacts
from bluezone_sim.world.risk import concatenate_risky_days, risky_days

DAYS = Days.look_back(dt.date(2020, 8, 12), 3, "Asia/Ho_Chi_Minh")
NOON = DAYS.start_s + 12 * 3600


def contacts(*rows):
    """Rows of (a, b, start, seconds, metres)."""
    a, b, start, seconds, metres = zip(*rows, strict=True) if rows else [()] * 5
    n = len(rows)
    return Contacts(
        contact=np.arange(n, dtype=np.uint64),
        group=np.full(n, -1, np.int64),
        a=np.array(a, np.int32),
        b=np.array(b, np.int32),
        start_s=np.array(start, np.int64),
        duration_s=np.array(seconds, np.int32),
        distance_m=np.array(metres, np.float32),
        setting=np.zeros(n, np.uint8),
    )


def risky(*rows, metres=2.0, seconds=900.0):
    return risky_days(contacts(*rows), DAYS, metres, seconds)


def next_to(metres, towards):
    """The float32 beside one."""
    return np.nextafter(np.float32(metres), np.float32(towards))


@pytest.mark.parametrize(
    ("metres", "counts"),
    [(next_to(2, 0), True), (2.0, True), (next_to(2, 3), False)],
    ids=["below", "at", "above"],
)
def test_the_risky_distance_itself_is_near(metres, counts):
    assert len(risky((3, 5, NOON[1], 900, metres)).day) == counts


@pytest.mark.parametrize(("seconds", "counts"), [(899, False), (900, True), (901, True)])
def test_the_risky_time_itself_is_enough(seconds, counts):
    assert len(risky((3, 5, NOON[1], seconds, 1.0)).day) == counts


@pytest.mark.parametrize(("last", "counts"), [(299, False), (300, True)])
def test_segments_of_one_local_day_add_up_to_the_second(last, counts):
    found = risky(
        (3, 5, NOON[1], 400, 1.0),
        (3, 5, NOON[1] + 4000, 200, 2.0),
        (3, 5, NOON[1] + 9000, last, 0.5),
        (3, 5, NOON[1] + 12000, 5000, next_to(2, 3)),  # too far away to count
        (3, 5, NOON[2], 899, 1.0),  # another day
        (3, 6, NOON[1], 899, 1.0),  # another person
        (4, 5, NOON[1], 899, 1.0),  # of another case
    )
    assert found.near_s.tolist() == [900] * counts
    assert (found.case.tolist(), found.other.tolist()) == ([3] * counts, [5] * counts)
    assert found.day.tolist() == [1] * counts


def test_a_segment_is_of_the_local_day_in_which_it_begins():
    midnight = DAYS.start_s[1]
    found = risky((1, 2, midnight - 1, 900, 1.0), (1, 3, midnight, 900, 1.0))
    assert found.day.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("start", "seconds", "hours"),
    [
        (3600, 3600, [1]),  # its last second is that before two o'clock
        (3600, 3601, [1, 2]),
        (3599, 900, [0, 1]),
        (23 * 3600, 3600, [23]),
    ],
)
def test_hours_are_those_that_hold_a_second_of_it(start, seconds, hours):
    found = risky((1, 2, DAYS.start_s[0] + start, seconds, 1.0))
    assert [h for h in range(32) if found.hours[0] >> h & 1] == hours


def test_hours_are_those_of_all_segments_that_are_near():
    at = DAYS.start_s[0]
    found = risky(
        (1, 2, at + 3600, 500, 1.0), (1, 2, at + 7 * 3600, 500, 1.0), (1, 2, at, 500, 3.0)
    )
    assert found.hours.tolist() == [1 << 1 | 1 << 7]


def test_rows_are_sorted_and_pairs_counted():
    found = risky(
        (7, 1, NOON[2], 1000, 1.0),
        (2, 9, NOON[1], 1100, 1.0),
        (7, 1, NOON[0], 1200, 1.0),
        (2, 3, NOON[0], 1300, 1.0),
    )
    rows = zip(found.case, found.other, found.day, found.near_s, found.pair, strict=True)
    assert [tuple(map(int, row)) for row in rows] == [
        (2, 3, 0, 1300, 0),
        (2, 9, 1, 1100, 1),
        (7, 1, 0, 1200, 2),
        (7, 1, 2, 1000, 2),
    ]
    assert found.first.tolist() == [0, 1, 2]


def test_parts_are_put_together_as_the_whole_would_be():
    one = [(2, 9, NOON[1], 1100, 1.0), (2, 9, NOON[2], 1000, 1.0), (2, 9, NOON[2], 50, 1.0)]
    # The other person of the next case is the same one: that is another pair all the same.
    other = [(7, 9, NOON[0], 1200, 1.0), (8, 9, NOON[0], 1300, 1.0), (8, 11, NOON[0], 1300, 1.0)]
    whole = risky(*one, *other)
    parts = concatenate_risky_days([risky(*one), risky(*other)])
    for name in ("case", "other", "day", "near_s", "hours", "pair"):
        assert getattr(parts, name).tolist() == getattr(whole, name).tolist(), name
    assert whole.pair.tolist() == [0, 0, 1, 2, 3]


def test_nobody_near_is_no_row():
    for found in (risky((1, 2, NOON[0], 5000, 2.5)), risky()):
        assert len(found.pair) == len(found.first) == 0


def test_the_first_two_people_are_a_pair_like_any_other():
    found = risky((0, 1, NOON[0], 900, 1.0), (0, 2, NOON[0], 900, 1.0), (1, 0, NOON[0], 900, 1.0))
    assert found.pair.tolist() == [0, 1, 2]
    assert concatenate_risky_days([found]).pair.tolist() == [0, 1, 2]


def test_columns_have_the_types_that_are_said():
    for found in (risky((1, 2, NOON[0], 900, 1.0)), risky()):
        types = {n: getattr(found, n).dtype.name for n in found.__dataclass_fields__}
        assert types == {
            "case": "int32",
            "other": "int32",
            "day": "int64",
            "near_s": "int64",
            "hours": "uint32",
            "pair": "int64",
        }
