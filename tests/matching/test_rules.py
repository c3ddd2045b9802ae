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
from bluezone_sim.kernels.protobuf import ABSENT
from bluezone_sim.matching.applied_rule import AppliedRule
from bluezone_sim.matching.applied_rule import applied as applied_of
from bluezone_sim.matching.exposures import NO_ONSET, ExposureDays, MatchedRecords
from bluezone_sim.matching.rules import KeysTell, day_scores
from bluezone_sim.matching.weights import counted_s
from bluezone_sim.matching.windows import previous_scans, scan_instances
from bluezone_sim.scenario.schema.rules import Thresholds
from bluezone_sim.scenario.values.registries import RULES
from bluezone_sim.tables.rows import Matches, PublishedKeys, Sightings
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
@settings(max_examples=150)
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
@settings(max_examples=100)
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
#: Buckets of one minute or more, without filter and levels by day.
PLAIN = {
    "attenuation_db": [55.0, 63.0],
    "weights": [1.0, 0.5, 0.0],
    "drop_below_min": 0.0,
    "drop_from_db": 255.0,
    "day_weights": [],
    "upload_day_weights": [],
}


def records_at(attenuation_db, minutes=None, window=None, **more) -> MatchedRecords:
    n = len(attenuation_db)
    who, no = np.zeros(n, np.int32), np.zeros(n, bool)
    given = {
        "source": who,
        "observer": who,
        "time_ms": np.zeros(n, np.int64),
        "rssi_dbm": np.zeros(n, np.int16),
        "attenuation_db": np.array(attenuation_db),
        "observer_ios": no,
        "source_ios": no,
        "seconds": 60.0 * np.array([15.0] * n if minutes is None else minutes),
        "window": np.zeros(n, np.int64) if window is None else np.array(window),
        **more,
    }
    return MatchedRecords(**given)


def days_of(minutes, day=None, window_min=None, **more) -> ExposureDays:
    """Days of one pair."""
    n = len(minutes)
    who = np.zeros(n, np.int32)
    near_s = 60.0 * np.array(minutes, float)
    return ExposureDays(
        source=who,
        person=who,
        day=np.arange(n) if day is None else np.array(day),
        records=np.ones(n, np.int64),
        near_s=near_s,
        strongest_dbm=np.zeros(n, np.int16),
        window_s=near_s if window_min is None else 60.0 * np.array(window_min, float),
        **{key: np.array(column) for key, column in more.items()},
    )


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        (CWA, {54: 1.0, 55: 0.5, 62: 0.5, 63: 0.0, 90: 0.0}),
        (applied("cwa-2020-06", drop_above_mean_db=255.0), {54: 1.0, 55: 0.5, 62: 0.5, 63: 0.0}),
        (applied("cwa-2021-03"), {62: 0.8, 63: 1.0, 72: 1.0, 73: 0.1, 78: 0.1, 79: 0.0}),
        (applied("cwa-1.15"), {62: 0.8, 63: 1.0, 72: 1.0, 73: 0.1, 78: 0.1, 79: 0.0}),
        (GAEN_V2, {55: 1.5, 56: 1.0, 63: 1.0, 64: 0.4, 70: 0.4, 71: 0.0}),
        (applied("minutes-at-attenuation"), {63: 1.0, 64: 0.0}),
        (applied("swisscovid"), {55: 1.0, 56: 0.5, 63: 0.5, 64: 0.0}),
        (applied("swisscovid-2020-07"), {53: 1.0, 54: 0.5, 60: 0.5, 61: 0.0}),
        (applied("swisscovid-2020-05"), {50: 1.0, 51: 0.5, 55: 0.5, 56: 0.0}),
        (applied("nhs-covid-19-v1"), {55: 1.0, 56: 0.5, 63: 0.5, 64: 0.0}),
        (applied("immuni"), {40: 1.0, 73: 1.0, 120: 1.0}),
        (applied("minutes-near"), {58: 1.0, 59: 0.0}),
        (applied("stopcovid"), {50: 1.0, 51: 0.0}),
        (applied("tousanticovid"), {50: 3.0, 51: 1.0, 58: 1.0, 59: 0.0}),
        (applied("covidsafe"), {54: 1.0, 55: 0.0}),
        (applied("any-match"), {10: 1.0, 120: 1.0}),
        (applied("coepi"), {10: 1.0, 120: 1.0}),
    ],
    ids=lambda value: value.rule.name if isinstance(value, AppliedRule) else "",
)
def test_weights_by_attenuation(rule, weights):
    """Each in a window of its own, with a quarter of an hour close by that keeps it."""
    found = []
    for db in weights:
        records = records_at([db, 30.0], [15.0, 15.0])
        if rule.rule.name in ("immuni", "any-match", "coepi"):
            records = records_at([db])
        found.append(rule.weigh(records)[0])
    assert found == list(weights.values())


def test_every_rule_of_an_app_has_its_source_and_knows_its_days():
    for rule in RULES.all():
        if rule.name == "minutes-at-attenuation":
            continue  # of no app
        assert rule.source, rule.name
    assert {r.name for r in RULES.all() if r.days == "utc"} >= {"cwa", "swisscovid", "nhs-covid-19"}
    assert RULES.get("minutes-near").days == "local"
    # Table of apps: from two days before onset.
    assert RULES.get("swisscovid").publishes.before_onset == 2
    assert RULES.get("tousanticovid").publishes.before_test == 7
    assert RULES.get("cwa").publishes.before_onset is None


# -- windows of the Corona-Warn-App -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attenuation_db", "minutes", "kept"),
    [
        ([50, 50, 50], [4.0, 3.0, 3.0], True),  # exactly ten minutes
        ([50, 50, 50], [4.0, 3.0, 2.9], False),
        ([50, 72, 72], [4.0, 3.0, 3.0], True),  # below 73 dB
        ([50, 72, 73], [4.0, 3.0, 3.0], False),  # at 73 dB it does not count
        ([50, 90, 90], [10.0, 5.0, 5.0], True),
    ],
)
def test_a_window_of_ten_minutes_below_73_db_is_kept_whole(attenuation_db, minutes, kept):
    weights = CWA.weigh(records_at(attenuation_db, minutes))
    want = np.where(np.array(attenuation_db) < 55, 1.0, 0.0) * kept
    assert weights.tolist() == want.tolist()
    five = applied("cwa-2021-02").weigh(records_at(attenuation_db, minutes))
    assert five.tolist() == np.where(np.array(attenuation_db) < 55, 1.0, 0.0).tolist()


def test_each_window_is_kept_or_dropped_by_itself():
    records = records_at([50.0, 50.0, 60.0, 50.0], [5.0, 5.0, 4.0, 4.0], [0, 0, 1, 1])
    assert CWA.weigh(records).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_five_minutes_below_79_db_keep_a_window_from_march_2021_on():
    rule = applied("cwa-2021-03")
    assert rule.weigh(records_at([78, 78], [2.5, 2.5])).tolist() == [0.1, 0.1]
    assert rule.weigh(records_at([78, 79], [2.5, 2.5])).tolist() == [0.0, 0.0]
    assert applied("cwa-1.15").weigh(records_at([78, 79], [2.5, 2.5])).tolist() == [0.1, 0.0]


@pytest.mark.parametrize(
    ("since_onset", "minutes_needed"),
    # 15 minutes over .8 1.2 1.4 1.6 1.6 1.6 1.2 1 .6
    list(
        zip(
            range(-4, 5),
            [18.75, 12.5, 15 / 1.4, 9.375, 9.375, 9.375, 12.5, 15.0, 25.0],
            strict=True,
        )
    ),
)
def test_levels_by_day_from_onset(since_onset, minutes_needed):
    enough = CWA.enough(days_of([minutes_needed], since_onset=[since_onset]))
    short = CWA.enough(days_of([minutes_needed - 0.01], since_onset=[since_onset]))
    assert (enough.tolist(), short.tolist()) == ([True], [False])


def test_days_of_levels_1_and_2_never_warn():
    far = CWA.enough(days_of([1000.0, 1000.0], since_onset=[-5, 5]))
    assert far.tolist() == [False, False]


def test_without_onset_the_day_before_the_upload_counts():
    """Levels 5 6 7 7 7 6 4 3 2 …, a fifth each, from the day of the upload back."""
    unknown = [NO_ONSET] * 9
    needed = [15 / w for w in (1.0, 1.2, 1.4, 1.4, 1.4, 1.2, 0.8, 0.6)]
    days = days_of([*needed, 1000.0], since_onset=unknown, before_upload=range(9))
    assert CWA.enough(days).tolist() == [True] * 8 + [False]
    short = days_of([m - 0.01 for m in needed], since_onset=unknown[:8], before_upload=range(8))
    assert not CWA.enough(short).any()
    # Nothing is known of the day: it counts whole.
    assert CWA.enough(days_of([15.0, 14.9])).tolist() == [True, False]


def test_the_risk_level_of_a_key_is_read_before_its_onset():
    levels = [1, 2, 3, 5, 8, 0]
    minutes = [1000.0, 1000.0, 25.0, 15.0, 9.375, 12.5]
    days = days_of(minutes, risk_level=levels, since_onset=[0, 0, 0, 0, 0, -3])
    assert CWA.enough(days).tolist() == [False, False, True, True, True, True]
    less = days_of([m - 0.01 for m in minutes], risk_level=levels, since_onset=[9] * 5 + [-3])
    assert not CWA.enough(less).any()


def test_minutes_of_one_day_add_up_and_those_of_two_do_not():
    """Rows of one day are those of several keys."""
    flat = applied("swisscovid")
    assert flat.enough(days_of([8.0, 7.0], day=[0, 0])).tolist() == [True, True]
    assert flat.enough(days_of([8.0, 6.9], day=[0, 0])).tolist() == [False, False]
    assert flat.enough(days_of([8.0, 7.0], day=[0, 1])).tolist() == [False, False]


def test_the_first_version_takes_all_days_with_the_highest_of_their_levels():
    """Anton and Aisha of cwa-risk-assessment.md: 20 minutes at level 8, and 20 at half weight at level 5,
    are 30 x 40 / 25 = 48 minutes; the day of level 1 does not count."""
    rule = applied("cwa-2020-06")
    days = days_of([20.0, 10.0, 10.0], before_upload=[4, 5, 12])
    assert counted_s(rule.parameters, days).tolist() == [48 * 60.0] * 3
    assert rule.enough(days).all()
    assert not rule.enough(days_of([9.0], before_upload=[2])).any()  # 14.4
    assert rule.enough(days_of([9.375], before_upload=[2])).all()


def test_the_first_version_drops_days_that_are_short_or_far_on_average():
    rule = applied("cwa-2020-06")
    in_windows = {"window": [0, 1]}  # two windows of one key's day
    assert rule.weigh(records_at([50, 50], [5.0, 5.0], **in_windows)).tolist() == [1.0, 1.0]
    assert rule.weigh(records_at([50, 50], [5.0, 4.9], **in_windows)).tolist() == [0.0, 0.0]
    assert rule.weigh(records_at([50, 96], [10.0, 10.0], **in_windows)).tolist() == [1.0, 0.0]
    assert rule.weigh(records_at([50, 97], [10.0, 10.0], **in_windows)).tolist() == [0.0, 0.0]


# -- the other apps ------------------------------------------------------------------------------------


def test_the_nhs_app_weighs_windows_by_the_square_of_their_distance():
    """ln dB = 4.2309 + 0.12705 ln m: 68 dB are within 1 m, 75.1 dB are 2 m, 82 dB are 4.0 m."""
    rule = applied("nhs-covid-19")
    assert rule.weigh(records_at([68.0])).tolist() == [1.0]
    metres = math.exp((math.log(75) - 4.2309333657856945) / 0.1270547531082051)
    assert metres == pytest.approx(1.98, abs=0.01)
    assert rule.weigh(records_at([75.0]))[0] == pytest.approx(metres**-2)
    # A window has one distance, of the geometric mean of its decibels.
    mean = math.exp((math.log(70 * 80) / 2 - 4.2309333657856945) / 0.1270547531082051)
    assert rule.weigh(records_at([70.0, 80.0])) == pytest.approx([mean**-2] * 2)
    # 120 s within 1 m in one window, on days -2 to +3; two and a half times that on day 4.
    assert rule.enough(days_of([2.0], since_onset=[3])).all()
    assert not rule.enough(days_of([1.99], since_onset=[3])).any()
    assert rule.enough(days_of([5.0], since_onset=[4])).all()
    assert not rule.enough(days_of([4.99], since_onset=[4])).any()
    assert not rule.enough(days_of([100.0, 100.0], since_onset=[-6, 10])).any()
    # Its windows are not added up.
    assert not rule.enough(days_of([10.0], window_min=[1.9], since_onset=[0])).any()
    # Without onset the day of the test stands for it.
    days = days_of([2.0, 2.0, 2.0], since_onset=[NO_ONSET] * 3, before_upload=[0, 2, 3])
    assert rule.enough(days).tolist() == [True, True, False]


def test_the_first_nhs_rule_is_180_seconds_times_a_gaussian_of_the_day():
    rule = applied("nhs-covid-19-v1")
    assert rule.enough(days_of([3.1], since_onset=[0])).all()
    assert not rule.enough(days_of([3.0], since_onset=[0])).any()  # it takes more
    assert rule.enough(days_of([3.0 / 0.7676 + 0.01], since_onset=[-2])).all()
    assert not rule.enough(days_of([3.0 / 0.7676 - 0.01], since_onset=[2])).any()
    assert not rule.enough(days_of([1000.0], since_onset=[-3])).any()


def test_immuni_wants_more_than_a_quarter_of_an_hour():
    for name in ("immuni", "immuni-2020-05"):
        assert applied(name).enough(days_of([15.0, 15.1])).tolist() == [False, True]
    mean = applied("immuni-2020-05")
    assert mean.weigh(records_at([60, 66])).tolist() == [1.0, 1.0]
    assert mean.weigh(records_at([60, 67])).tolist() == [0.0, 0.0]


def test_distances_are_told_by_rssi_where_no_attenuation_is_told():
    """-86 dBm at 2 m, 8 dB more at 1 m; 15 minutes within 2 m, or 5 within 1 m."""
    bare = {"attenuation_db": None, "window": None}
    rssi = np.array([-78, -79, -86, -87], np.int16)
    records = dataclasses.replace(records_at([0.0] * 4), rssi_dbm=rssi, **bare)
    assert applied("tousanticovid").weigh(records).tolist() == [3.0, 1.0, 1.0, 0.0]
    assert applied("stopcovid").weigh(records).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert applied("minutes-near").weigh(records).tolist() == [1.0, 1.0, 1.0, 0.0]
    high = dataclasses.replace(records, rssi_dbm=np.array([-66, -67, -70, -71], np.int16))
    assert applied("tracetogether").weigh(high).tolist() == [1.0, 1.0, 1.0, 0.0]
    assert applied("covidsafe").weigh(high).tolist() == [1.0, 0.0, 0.0, 0.0]  # 1.5 m: 3.3 dB
    assert applied("tracetogether").enough(days_of([29.9, 30.0])).tolist() == [False, True]
    sdk = dataclasses.replace(records, rssi_dbm=np.array([-94, -95, -61, -62], np.int16))
    ios = np.array([False, False, True, True])
    sdk = dataclasses.replace(sdk, source_ios=ios)
    assert applied("dp3t-sdk").weigh(sdk).tolist() == [1.0, 0.0, 1.0, 0.0]


EXTREMES = {
    "minutes": 1e-6,
    "weights": [1.0, 1.0, 1.0, 1.0, 1.0],
    "attenuation_db": [10.0, 20.0, 30.0, 200.0],
    "distance_m": [0.1, 1.0, 10.0, 1e9],
    "drop_below_min": 0.0,
    "drop_from_db": 255.0,
    "drop_above_mean_db": 255.0,
    "day_weights": [1.0] * 60,
    "day_weights_from": -30,
    "upload_day_weights": [1.0] * 60,
    "within_m": 1e9,
    "thresholds": dict.fromkeys(Thresholds.model_fields, -300.0),
}


@given(
    st.sampled_from([r.name for r in RULES.all()]),
    st.lists(st.tuples(st.integers(0, 130), st.integers(-110, -20)), min_size=1, max_size=20),
    st.integers(-14, 14),
    st.booleans(),
)
@settings(max_examples=200)
def test_at_the_extremes_of_its_parameters_a_rule_is_any_match(name, rows, since_onset, known):
    table = RULES.get(name).parameters
    keys = {k: v for k, v in EXTREMES.items() if k in table.model_fields}
    if name == "minutes-at-attenuation":
        keys["attenuation_db"] = [255.0]
    rule = applied(name, **keys)
    db, rssi = (np.array(c) for c in zip(*rows, strict=True))
    records = records_at(db.astype(float), rssi_dbm=rssi.astype(np.int16))
    weight = rule.weigh(records)
    assert (weight == 1.0).all()
    days = days_of(
        [float(np.sum(weight * records.seconds)) / 60],
        since_onset=[since_onset if known else NO_ONSET],
        before_upload=[abs(since_onset)],
    )
    assert rule.enough(days).tolist() == applied("any-match").enough(days).tolist() == [True]


# -- days of phones --------------------------------------------------------------------------------------


def naive_days(scans, rule: AppliedRule, tell: KeysTell | None) -> list[tuple]:
    """Window by window, as the app does it."""
    p, inclusive = rule.parameters, not rule.rule.name.startswith("cwa")
    windows: dict[int, list] = {}
    for i in range(len(scans)):
        row = windows.setdefault(
            int(scans.window[i]),
            [int(scans.observer[i]), int(scans.window_start_s[i]) // 86_400, int(scans.key[i]), []],
        )
        row[3].append((int(scans.typical_db[i]), int(scans.since_last_s[i])))
    days: dict[tuple, list[float]] = {}
    for observer, day, key, heard in windows.values():
        near = sum(s for db, s in heard if db < p.drop_from_db)
        total = 0.0
        for db, s in heard:
            k = sum(db > e or (db == e and not inclusive) for e in p.attenuation_db)
            total += p.weights[k] * s * (near >= 60 * p.drop_below_min)
        level = 1.0
        if tell is not None and p.day_weights and tell.since_onset[key] != NO_ONSET:
            at = int(tell.since_onset[key]) - p.day_weights_from
            level = p.day_weights[at] if 0 <= at < len(p.day_weights) else 0.0
        days.setdefault((observer, day * 86_400), []).append(total * level)
    return [
        (o, d, pytest.approx(sum(s)), pytest.approx(max(s)), sum(s) >= 60 * p.minutes - 1e-6)
        for (o, d), s in sorted(days.items())
    ]


@given(
    _ROWS,
    st.sampled_from([CWA, applied("cwa", **PLAIN), GAEN_V2, applied("swisscovid", minutes=2.0)]),
    st.sampled_from([None, [0, -4, 2], [5, NO_ONSET, 4]]),
    st.sampled_from([None, 240.0]),
)
@settings(max_examples=150)
def test_day_scores_equal_the_naive_twin(rows, rule, since_onset, scan_period_s):
    scans = scan_instances(matches(rows), scan_period_s=scan_period_s)
    tell = None
    if since_onset is not None:
        tell = KeysTell(np.array(since_onset), np.zeros(3, np.int64))
    got = day_scores(scans, rule, tell)
    columns = (got.observer, got.day_s, got.weighted_s, got.max_window_s, got.fired)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == naive_days(scans, rule, tell)


def test_a_quarter_of_an_hour_close_by_fires_and_the_same_farther_off_does_not():
    # Scans every five minutes for a quarter of an hour, by two keys: what counts is the day.
    close = [(k % 2, 0, T0 + 300 * k, 50.0) for k in range(3)]
    far = [(k % 2, 1, T0 + 300 * k, 60.0) for k in range(3)]
    m = matches(close + far)
    scans = scan_instances(m, m.time_ms // 1000 - 300)
    got = day_scores(scans, applied("cwa", **PLAIN))
    assert got.observer.tolist() == [0, 1]
    assert got.weighted_s.tolist() == [900.0, 450.0]
    assert got.fired.tolist() == [True, False]
    # Windows are of a key each, of 10 and of 5 minutes: the shorter ones drop.
    kept = day_scores(scans, CWA)
    assert kept.weighted_s.tolist() == [600.0, 300.0]
    assert not kept.fired.any()


def test_a_key_that_says_nothing_of_its_day_counts_whole_and_a_level_is_read():
    m = matches([(key, 0, T0 + 300 * k, 50.0) for key in (0, 1) for k in range(4)])
    scans = scan_instances(m, m.time_ms // 1000 - 300)
    keys = PublishedKeys(
        np.zeros((2, 16), np.uint8),
        np.zeros(2, np.int64),
        np.full(2, 144, np.int32),
        {
            "days_since_onset": np.array([ABSENT, -2]),
            "transmission_risk_level": np.array([2, ABSENT]),
        },
    )
    tell = KeysTell.of(keys)
    assert tell.since_onset.tolist() == [NO_ONSET, -2]
    assert tell.risk_level.tolist() == [2, 0]
    # Level 2 drops; day -2 weighs 1.4: 20 minutes are 28.
    assert day_scores(scans, CWA, tell).weighted_s.tolist() == [28 * 60.0]
    assert day_scores(scans, CWA).weighted_s.tolist() == [40 * 60.0]


def test_keys_that_bring_no_columns_say_nothing():
    keys = PublishedKeys(
        np.zeros((3, 16), np.uint8), np.zeros(3, np.int64), np.full(3, 144, np.int32), {}
    )
    tell = KeysTell.of(keys)
    assert tell.since_onset.tolist() == [NO_ONSET] * 3
    assert tell.risk_level.tolist() == [0] * 3
    assert tell.since_onset.dtype == tell.risk_level.dtype == np.int64


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
    limits = np.array([-86, -69, -88, -74], np.int16)
    bare = {"attenuation_db": None, "observer_ios": scanner, "source_ios": advertiser}
    near = applied("minutes-near")
    assert near.weigh(dataclasses.replace(records_at([0.0] * 4), rssi_dbm=limits, **bare)).all()
    below = dataclasses.replace(records_at([0.0] * 4), rssi_dbm=limits - 1, **bare)
    assert not near.weigh(below).any()


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
