"""DP-3T's measurements in sqlite: both units of time, unknown distances, rows and files at fault."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from bluezone_sim.captures.formats.dp3t_sqlite import read_measurements
from bluezone_sim.captures.phones import PhoneNumbers
from bluezone_sim.errors import FormatError, InputError
from bluezone_sim.validation.radio.scenes import read_scenes
from helpers.capture_files import RESULTS

GOOD = (None, "6", "SM-G981B/DS", "2", "SM-G981B/DS", 1596113489.281193, -84, 0, 2.0)


def sqlite_file(path, sql: str, rows: list[tuple] = ()) -> None:
    database = sqlite3.connect(path)
    database.execute(sql)
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO results VALUES ({marks})", rows)
    database.commit()
    database.close()


@pytest.mark.parametrize("per_second", [1, 1000])
def test_a_measurement_in_milliseconds_with_unknown_distances_is_read(per_second, tmp_path):
    """The same rows in either unit; one row of the other unit is the row at fault."""
    time = 1596113489.281193
    rows = [
        (*GOOD[:5], (time + k) * per_second, -84, 0, distance)
        for k, distance in enumerate((2.0, -1, None, -1.0))
    ]
    odd = (*GOOD[:5], time * (1000 if per_second == 1 else 1), -84, 0, 2.0)
    sqlite_file(tmp_path / "x.sqlite", RESULTS, rows)
    (found,) = read_measurements(tmp_path / "x.sqlite", PhoneNumbers())
    assert found.time_ms.tolist() == [1_596_113_489_281 + 1000 * k for k in range(4)]
    assert found.distance_m[0] == 2
    assert np.isnan(found.distance_m[1:]).all()
    sqlite_file(tmp_path / "y.sqlite", RESULTS, [*rows, odd])
    with pytest.raises(FormatError, match="table results, row 5: timestamp"):
        list(read_measurements(tmp_path / "y.sqlite", PhoneNumbers()))


def test_single_rows_that_cannot_be_are_told_and_left_out(tmp_path):
    bad = [(*GOOD[:6], 90, *GOOD[7:]), (*GOOD[:8], 5000.0), (None, None, *GOOD[2:])]
    sqlite_file(tmp_path / "x.sqlite", RESULTS, [GOOD, bad[0], GOOD, *bad[1:]])
    told: list[str] = []
    (found,) = read_measurements(tmp_path / "x.sqlite", PhoneNumbers(), told.append)
    assert len(found) == 2
    assert [(": row 2" in t or ", row 2:" in t) for t in told] == [True, False, False]
    for text, words in zip(told, ("rssi", "ground_truth_distance", "receiver_id"), strict=True):
        assert words in text


def test_scenes_of_a_folder_leave_out_what_is_at_fault(tmp_path):
    sqlite_file(tmp_path / "a.sqlite", RESULTS, [GOOD, (*GOOD[:6], 90, *GOOD[7:])])
    sqlite_file(tmp_path / "b.sqlite", "CREATE TABLE other(a)")
    with pytest.raises(FormatError, match="row 2: rssi"):
        read_scenes(tmp_path)
    told: list[str] = []
    scenes, _ = read_scenes(tmp_path, told.append)
    assert [s.name for s in scenes] == ["a"]
    assert len(told) == 2
    assert "b.sqlite" in told[1]
    (tmp_path / "a.sqlite").unlink()
    with pytest.raises(InputError, match="none of 1 files"):
        read_scenes(tmp_path, told.append)
