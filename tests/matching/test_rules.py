"""Exposure windows and risk rules: known answers, and equality with naive twins."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bluezone_sim.errors import ScenarioError, TableError
from bluezone_sim.matching.applied_rule import AppliedRule
from bluezone_sim.matching.applied_rule import applied as applied_of
from bluezone_sim.matching.exposures import MatchedRecords
from bluezone_sim.matching.rules import day_scores
from bluezone_sim.matching.weights import near_by_platform
from bluezone_sim.matching.windows import previous_scans, scan_instances
from bluezone_sim.scenario.schema.rules import Thresholds
from bluezone_sim.scenario.values.registries import RULES
from bluezone_sim.tables.rows import Matches, Sightings
from helpers.small import scenario

T0 = 1_597_190_400  # midnight UTC


def matches(rows: list[tuple[int, int, int, float]]) -> Matches:
    """Rows of (key, observer, unix seconds, attenuation)."""
    n = len(rows)
    key, observer, time, db = (
        (np.array(c) for c in zip(*rows, strict=True)) if n else [np.empty(0)] * 4
    )
    return Matches(
        key=key.astype(np.int32),
        row=np.arange(n),
        observer=observer.astype(np.int32),
        day_s=np.full(n, T0),
        interval=np.zeros(n, np.int32),
        time_ms=(np.asarray(time, np.float64) * 1000).astype(np.int64),
        rssi_dbm=np.full(n, -80, np.int16),
        attenuation_db=db.astype(np.float32),
    )


def naive_scan_instances(m: Matches, previous_s) -> list[tuple]:
    """Sighting by sighting, as the phones do it."""
    out = []
    number = -1
    pairs = sorted(set(zip(m.key.tolist(), m.observer.tolist(), strict=True)))
    for key, observer in pairs:
        rows = [i for i in range(len(m)) if m.key[i] == key and m.observer[i] == observer]
        rows.sort(key=lambda i: int(m.time_ms[i]) // 1000)
        start = last = None
        for i in rows:
            t = int(m.time_ms[i]) // 1000
            db = max(0, math.floor(float(m.attenuation_db[i]) + 0.5))
            new_window = start is None or t - start >= 1800
            if new_window:
                start, number = t, number + 1
            if not new_window and t - last <= 25.5:
                out[-1][-1].append(db)
            else:
                before = -1 if previous_s is None else int(previous_s[i])
                minutes = 2 if before == -1 else min(5, t // 60 - before // 60)
                out.append([number, key, observer, start, t, 60 * minutes, [db]])
            last = t
    return [
        (*row[:5], math.floor(sum(row[6]) / len(row[6]) + 0.5), min(row[6]), row[5]) for row in out
    ]


def as_rows(scans) -> list[tuple]:
    names = ("window", "key", "observer", "window_start_s", "time_s", "typical_db", "min_db")
    return list(zip(*(getattr(scans, n).tolist() for n in (*names, "since_last_s")), strict=True))


_ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.one_of(st.integers(T0, T0 + 300), st.integers(T0, T0 + 3 * 86_400)),
        st.floats(-5, 120, width=32),
    ),
    max_size=60,
    unique_by=lambda row: row[2],
)


@given(_ROWS, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_scan_instances_equal_the_naive_twin(rows, known, random):
    m = matches(rows)
    previous = None
    if known:
        previous = np.array([random.choice([-1, r[2] - 30, r[2] - 700]) for r in rows], np.int64)
    assert as_rows(scan_instances(m, previous)) == naive_scan_instances(m, previous)


def test_windows_of_half_an_hour_from_their_first_sighting():
    scans = scan_instances(
        matches([(0, 0, T0 + 60 * k, 50.0) for k in (0, 15, 29, 30, 59, 60, 61)])
    )
    assert scans.window.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert scans.window_start_s.tolist() == [T0 + 60 * k for k in (0, 0, 0, 30, 30, 60, 60)]


def test_a_scan_gives_its_rounded_mean_and_its_least_attenuation():
    scans = scan_instances(
        matches([(0, 0, T0, 60.0), (0, 0, T0 + 2, 61.0), (0, 0, T0 + 300, -3.0)])
    )
    assert scans.typical_db.tolist() == [61, 0]  # 60.5 is rounded up; nothing is below 0
    assert scans.min_db.tolist() == [60, 0]
    assert scans.since_last_s.tolist() == [120, 120]


def naive_previous(s: Sightings) -> list[int]:
    out = []
    for i in range(len(s)):
        # Walk back over the scan to the sighting before it.
        times = sorted(
            int(t) // 1000 for t, o in zip(s.time_ms, s.observer, strict=True) if o == s.observer[i]
        )
        t = int(s.time_ms[i]) // 1000
        at = times.index(t)
        while at > 0 and times[at] - times[at - 1] <= 25.5:
            at -= 1
        out.append(times[at - 1] if at else -1)
    return out


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(T0, T0 + 400)), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_previous_scans_equal_the_naive_twin(rows):
    observer, time = (np.array(c) for c in zip(*rows, strict=True))
    s = Sightings(
        observer.astype(np.int32),
        time * 1000,
        np.zeros((len(rows), 16), np.uint8),
        np.zeros(len(rows), np.int16),
        "gaen",
    )
    assert previous_scans(s).tolist() == naive_previous(s)


def test_without_attenuation_there_are_no_windows():
    m = matches([(0, 0, T0, 60.0)])
    bare = Matches(*(getattr(m, n) for n in m.__dataclass_fields__ if n != "attenuation_db"))
    with pytest.raises(TableError, match="TX power"):
        scan_instances(bare)
    assert scan_instances(bare, attenuation_db=np.array([40.0])).typical_db.tolist() == [40]


def applied(name: str, **parameters) -> AppliedRule:
    rule = RULES.get(name)
    return AppliedRule(rule, rule.parameters(name=name, **parameters))


CWA, GAEN_V2 = applied("cwa"), applied("gaen-v2")


def records_at(attenuation_db) -> MatchedRecords:
    n = len(attenuation_db)
    who, no = np.zeros(n, np.int32), np.zeros(n, bool)
    return MatchedRecords(
        who, who, np.zeros(n, np.int64), who.astype(np.int16), np.array(attenuation_db), no, no
    )


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        (CWA, {54: 1.0, 55: 0.5, 62: 0.5, 63: 0.0, 90: 0.0}),
        (GAEN_V2, {55: 1.5, 56: 1.0, 63: 1.0, 64: 0.4, 70: 0.4, 71: 0.0}),
        (applied("minutes-at-attenuation"), {63: 1.0, 64: 0.0}),
    ],
)
def test_weights_by_bucket(rule, weights):
    assert rule.weigh(records_at(list(weights))).tolist() == list(weights.values())


def naive_days(scans, rule: AppliedRule, factor, least: float) -> list[tuple]:
    windows: dict[int, list] = {}
    p, inclusive = rule.parameters, rule.rule.name != "cwa"
    weights = getattr(p, "weights", [1.0, 0.0])
    for i in range(len(scans)):
        db = int(scans.typical_db[i])
        k = 0
        while k < len(p.attenuation_db) and (
            db > p.attenuation_db[k] or (db == p.attenuation_db[k] and not inclusive)
        ):
            k += 1
        row = windows.setdefault(
            int(scans.window[i]),
            [
                int(scans.observer[i]),
                int(scans.window_start_s[i]) // 86_400 * 86_400,
                0.0,
                int(scans.key[i]),
            ],
        )
        row[2] += weights[k] * int(scans.since_last_s[i])
    days: dict[tuple, list[float]] = {}
    for observer, day, seconds, key in windows.values():
        score = seconds * (1.0 if factor is None else factor[key])
        if score >= least:
            days.setdefault((observer, day), []).append(score)
    return [(o, d, sum(s), max(s), sum(s) >= 60 * p.minutes) for (o, d), s in sorted(days.items())]


@given(
    _ROWS,
    st.sampled_from(
        [CWA, GAEN_V2, applied("minutes-at-attenuation", attenuation_db=[50.0], minutes=2.0)]
    ),
    st.sampled_from([None, [1.0, 0.5, 2.0]]),
    st.sampled_from([0.0, 150.0]),
)
@settings(max_examples=150, deadline=None)
def test_day_scores_equal_the_naive_twin(rows, rule, factor, least):
    scans = scan_instances(matches(rows))
    got = day_scores(scans, rule, infectiousness=factor, min_window_s=least)
    columns = (got.observer, got.day_s, got.weighted_s, got.max_window_s, got.fired)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == naive_days(
        scans, rule, factor, least
    )


def test_a_quarter_of_an_hour_close_by_fires_and_the_same_farther_off_does_not():
    # Scans every five minutes for a quarter of an hour, by two keys: what counts is the day.
    close = [(k % 2, 0, T0 + 300 * k, 50.0) for k in range(3)]
    far = [(k % 2, 1, T0 + 300 * k, 60.0) for k in range(3)]
    m = matches(close + far)
    scans = scan_instances(m, m.time_ms // 1000 - 300)
    got = day_scores(scans, CWA)
    assert got.observer.tolist() == [0, 1]
    assert got.weighted_s.tolist() == [900.0, 450.0]
    assert got.fired.tolist() == [True, False]


def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(ValidationError, match="one more"):
        applied("cwa", attenuation_db=[55.0], weights=[1.0])
    with pytest.raises(ValidationError, match="rising"):
        applied("cwa", attenuation_db=[63.0, 55.0])
    with pytest.raises(TableError, match="no attenuation, which the rule cwa weighs"):
        CWA.weigh(dataclasses.replace(records_at([50.0]), attenuation_db=None))


def test_bluezone_thresholds_by_platform_pair():
    ios = np.array([False, True])
    scanner, advertiser = ios[[0, 0, 1, 1]], ios[[0, 1, 0, 1]]
    limits = np.array([-86, -69, -88, -74])
    assert near_by_platform(limits, scanner, advertiser, Thresholds()).all()
    assert not near_by_platform(limits - 1, scanner, advertiser, Thresholds()).any()


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"rule__name": "cwa"}, "rule.name", "which bluezone does not tell"),
        (
            {
                "rule__name": "cwa",
                "protocol__name": "robert",
                "publication__upload": "history",
            },
            "rule.name",
            "which robert does not tell",
        ),
        (
            {
                "rule__name": "gaen-v2",
                "protocol__name": "gaen",
                "rule__attenuation_db": [60, 55, 70],
            },
            "rule.attenuation_db",
            "rising",
        ),
        (
            {"rule__name": "cwa", "protocol__name": "gaen", "rule__attenuation_db": [55]},
            "rule.weights",
            "expected 2",
        ),
        (
            {"rule__name": "cwa", "protocol__name": "gaen", "rule__weights": [1, 0]},
            "rule.weights",
            "expected 3",
        ),
        (
            {
                "rule__name": "minutes-at-attenuation",
                "protocol__name": "gaen",
                "rule__attenuation_db": [55, 63],
            },
            "rule.attenuation_db",
            "one value",
        ),
        ({"rule__weights": [1, 0]}, "rule.weights", "no effect"),
        (
            {"rule__name": "minutes-near", "rule__attenuation_db": [55]},
            "rule.attenuation_db",
            "no effect",
        ),
        (
            {"rule__name": "cwa", "protocol__name": "gaen", "rule__thresholds__ios_ios_dbm": -70},
            "rule.thresholds",
            "no effect",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_named(changes, path, words):
    with pytest.raises(ScenarioError) as caught:
        scenario(**changes)
    assert any(f.path == path and words in f.message for f in caught.value.faults)


def test_rules_of_a_scenario_with_its_own_numbers():
    s = scenario(
        protocol__name="gaen",
        rule__name="gaen-v2",
        rule__attenuation_db=[55, 70, 80],
        rule__weights=[2, 1, 0.25, 0],
        rule__minutes=20,
    )
    rule = applied_of(s.rule)
    assert rule.weigh(records_at([55, 56, 80, 81])).tolist() == [2.0, 1.0, 0.25, 0.0]
    assert s.rule.minutes == 20
    assert applied_of(scenario().rule).rule.name == "any-match"
