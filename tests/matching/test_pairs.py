"""From matches to verdicts on pairs: neither a window nor a day is cut."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from bluezone_sim.matching.applied_rule import AppliedRule
from bluezone_sim.matching.pairs import exposure_days, exposures_of
from bluezone_sim.scenario.values.registries import RULES
from bluezone_sim.tables.days import Days
from bluezone_sim.tables.rows import Matches

DAYS = Days.look_back(dt.date(2020, 8, 12), 4, "Asia/Ho_Chi_Minh")
#: Local midnight that ends the second day, 17:00 UTC.
MIDNIGHT_S = int(DAYS.start_s[2])
UTC_DAY = MIDNIGHT_S // 86_400


def applied(name: str, **keys) -> AppliedRule:
    return AppliedRule(RULES.get(name), RULES.get(name).parameters(name=name, **keys))


def matches(times_s, attenuation_db=50.0, key=0, observer=1) -> Matches:
    n = len(times_s)
    return Matches(
        key=np.full(n, key, np.int32),
        row=np.arange(n),
        observer=np.full(n, observer, np.int32),
        day_s=np.array(times_s) // 86_400 * 86_400,
        interval=np.zeros(n, np.int32),
        time_ms=np.array(times_s, np.int64) * 1000,
        rssi_dbm=np.full(n, -80, np.int16),
        attenuation_db=np.full(n, attenuation_db, np.float32),
    )


def fired(found: Matches, rule: AppliedRule, onset_day: int, scan_period_s: float = 240.0):
    table = exposure_days(
        found,
        np.array([0, 0], np.int32),
        DAYS.pieces.index_of(found.time_ms // 1000),
        2,
        rule=rule,
        ios=np.zeros(2, np.bool_),
        scan_period_s=scan_period_s,
    )
    onset = np.full(len(table), onset_day)
    pairs = exposures_of(table, rule, DAYS.pieces, onset, int(DAYS.end_s - 1) // 86_400)
    assert len(pairs) == 1
    return table, bool(pairs.fired[0])


def test_a_window_over_local_midnight_is_one_window_of_one_utc_day():
    """Three scans of four minutes: two of them before local midnight; dropped if the window were cut."""
    times = [MIDNIGHT_S - 480, MIDNIGHT_S - 240, MIDNIGHT_S + 60]
    table, warns = fired(matches(times), applied("cwa"), UTC_DAY)
    assert DAYS.pieces.local[table.day].tolist() == [1, 2]
    assert table.near_s.tolist() == [480.0, 240.0]
    assert warns  # 12 minutes x 1.6
    assert not fired(matches(times), applied("cwa"), UTC_DAY - 3)[1]  # x 1.0
    assert not fired(matches(times[:2]), applied("cwa"), UTC_DAY)[1]  # 8 minutes drop
    # A rule of local days sees eight minutes and four.
    near = applied("minutes-near", minutes=12.0)
    assert not fired(matches(times), near, UTC_DAY)[1]
    assert fired(matches(times), applied("minutes-near", minutes=8.0), UTC_DAY)[1]


def test_the_windows_of_a_utc_day_add_up_and_those_of_two_do_not():
    """Twelve minutes in the morning and twelve in the evening, before and after local midnight."""
    morning = [MIDNIGHT_S - 14 * 3600 + 240 * k for k in range(3)]
    evening = [MIDNIGHT_S + 3600 + 240 * k for k in range(3)]
    plain = applied("swisscovid", minutes=24.0)
    assert fired(matches([*morning, *evening]), plain, UTC_DAY)[1]
    next_day = [t + 86_400 for t in evening]
    assert not fired(matches([*morning, *next_day]), plain, UTC_DAY)[1]
    # The first version of the Corona-Warn-App adds all days, at the highest of their levels.
    whole = applied("cwa-2020-06", minutes=24 * 1.6)
    assert fired(matches([*morning, *next_day]), whole, UTC_DAY)[1]


def test_sightings_of_one_scan_count_once_and_a_longer_period_five_minutes_at_most():
    scan = [MIDNIGHT_S + 60, MIDNIGHT_S + 62, MIDNIGHT_S + 63]
    table, _ = fired(matches(scan), applied("swisscovid"), UTC_DAY)
    assert (table.records.tolist(), table.near_s.tolist()) == ([3], [240.0])
    table, _ = fired(matches(scan), applied("swisscovid"), UTC_DAY, scan_period_s=900.0)
    assert table.near_s.tolist() == [300.0]


def test_the_longest_window_of_a_piece_is_kept_for_rules_of_windows():
    times = [MIDNIGHT_S + 60 + 240 * k for k in range(4)] + [MIDNIGHT_S + 7200]
    table, warns = fired(matches(times, 60.0), applied("nhs-covid-19"), UTC_DAY, 119.0)
    assert (table.near_s.tolist(), table.window_s.tolist()) == ([595.0], [476.0])
    assert warns
    lone = [MIDNIGHT_S + 60 + 3600 * k for k in range(4)]
    table, warns = fired(matches(lone, 60.0), applied("nhs-covid-19"), UTC_DAY, 119.0)
    assert table.window_s.tolist() == [119.0]
    assert not warns


@pytest.mark.parametrize("rule", ["cwa", "swisscovid", "nhs-covid-19", "minutes-near", "any-match"])
def test_the_order_of_matches_does_not_matter(rule):
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(DAYS.start_s[0], DAYS.end_s, 200))
    some = matches(times)
    shuffled = some.take(rng.permutation(200))
    for name in ("records", "near_s", "window_s", "day"):
        a, b = (getattr(fired(m, applied(rule), UTC_DAY)[0], name) for m in (some, shuffled))
        assert a.tolist() == b.tolist()
