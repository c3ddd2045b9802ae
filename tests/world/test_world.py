"""Populations and contacts: exact numbers, and the diary survey's."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bluezone_sim as bz
from bluezone_sim.errors import InputError
from bluezone_sim.kernels.contacts import meetings as kernel
from bluezone_sim.world import SETTINGS, Days, build_world, contact_model
from bluezone_sim.world.adoption import STATIC_LAYERS
from bluezone_sim.world.buffers import concatenate
from bluezone_sim.world.generated import distance_table, duration_table
from helpers.small import scenario


@pytest.fixture(scope="module")
def town():
    people = 60_000
    s = scenario(
        population__people=people,
        population__smartphones=35_000,
        population__districts=[
            {"name": "A", "people": 40_000, "urban_share": 0.5},
            {"name": "B", "people": 20_000},
        ],
        look_back_days=14,
    )
    return s, build_world(s, 3)


@settings(max_examples=60)
@given(st.integers(0, 2**64 - 1), st.integers(1, 3000))
def test_the_keyed_permutation_is_one(key, n):
    x = np.arange(n)
    y = kernel.permute_many(np.uint64(key), x, n)
    assert np.array_equal(np.sort(y), x)
    back = [kernel.unpermute(np.uint64(key), v, n) for v in y[:50]]
    assert back == x[:50].tolist()


def test_owners_and_levels_are_exact(town):
    _s, world = town
    assert np.isfinite(world.rank).sum() == 35_000
    for users in (1, 7, 1234, 35_000):
        assert (world.rank < users / 35_000).sum() == users


def test_households_fill_the_districts(town):
    _, world = town
    household = world.groups.of[0]
    assert (np.diff(household) >= 0).all()
    for group in np.unique(household[::997]):
        assert len(set(world.zone[household == group])) == 1
    sizes = np.bincount(household)
    shares = np.bincount(sizes, minlength=9)[1:9] / len(sizes)
    assert np.abs(shares - [0.06, 0.15, 0.22, 0.28, 0.16, 0.08, 0.04, 0.01]).max() < 0.015


def test_members_and_groups_agree(town):
    s, world = town
    start, members = world.groups.start, world.groups.members
    group = np.repeat(np.arange(len(start) - 1), np.diff(start))
    layer_of = np.concatenate([np.full((world.groups.of[k] >= 0).sum(), k) for k in range(4)])
    assert np.array_equal(world.groups.of[layer_of, members], group)
    for k, size in ((2, s.contacts.school.group_size), (3, s.contacts.work.group_size)):
        of = world.groups.of[k]
        assert np.bincount(of[of >= 0]).max() <= size
        age = world.age[of >= 0]
        low, high = ((6, 18), (18, 60))[k - 2]
        assert age.min() >= low
        assert age.max() < high
    assert SETTINGS[:4] == STATIC_LAYERS


def test_ownership_follows_its_weights(town):
    _s, world = town
    owner = world.owner
    assert not owner[world.age < 6].any()
    adult = (world.age >= 18) & (world.age < 60)
    assert owner[adult].mean() > 1.5 * owner[world.age >= 60].mean()
    assert owner[world.urban].mean() > owner[~world.urban].mean()


def test_more_phones_than_people_who_can_own_one():
    s = scenario(
        population__smartphones=299,
        population__ownership={"under_6": 0.0, "age_6_17": 0.0, "adult": 1.0, "age_60_up": 0.0},
    )
    with pytest.raises(InputError, match=r"population\.smartphones.*ownership"):
        build_world(s, 1)


def test_a_knob_leaves_the_other_draws_as_they_were(town):
    s, world = town
    more = build_world(s.model_copy(update={"date": dt.date(2021, 1, 1)}), 3)
    assert np.array_equal(more.rank, world.rank)
    phones = s.population.model_copy(update={"ios_share": 0.9})
    other = build_world(s.model_copy(update={"population": phones}), 3)
    assert np.array_equal(other.rank, world.rank)
    assert np.array_equal(other.age, world.age)
    assert other.ios.mean() > world.ios.mean()
    assert not np.array_equal(build_world(s, 4).rank, world.rank)


def talks(s, world, days, people):
    """Contacts in which people talk: those that are left without silent co-presence."""
    table = s.contacts.model_copy(update={"copresence_scale": 0.0})
    return contact_model(world, table).contacts_of(people, days)


def test_contacts_match_the_diary_survey(town):
    """Horby et al. 2011: numbers, places, repetition; durations are drawn from its shares."""
    s, world = town
    days = Days.look_back(s.date, 14, s.timezone)
    people = np.arange(0, world.n_people, 20, dtype=np.int32)
    c = talks(s, world, days, people)
    day = days.index_of(c.start_s)
    pair_day, first = np.unique(
        (c.a.astype(np.int64) * world.n_people + c.b) * 14 + day, return_index=True
    )
    counts = np.bincount(
        np.searchsorted(people, c.a[first]) * 14 + day[first], minlength=len(people) * 14
    )
    assert counts.mean() == pytest.approx(7.72, abs=0.4)
    assert counts.var() == pytest.approx(14.9, rel=0.3)
    for measured, generated in zip(
        (4, 5, 7, 9, 14), np.percentile(counts, [5, 25, 50, 75, 95]), strict=True
    ):
        assert abs(measured - generated) <= 2
    # By place, the survey's contacts outside scaled to its mean of 2.68.
    _, one = np.unique(c.contact, return_index=True)
    place = np.array([0, 0, 1, 2, 3, 4, 5])[c.setting[one]]
    mean = np.bincount(place, minlength=6) / len(people) / 14
    survey = np.array([5.04, 1.046, 0.822, 0.296, 0.137, 0.381])
    assert np.abs(mean / survey - 1).max() < 0.15
    # Met daily or almost: at least 9 of 14 days.
    _, inverse, met = np.unique(pair_day // 14, return_inverse=True, return_counts=True)
    assert (met[inverse] >= 9).mean() == pytest.approx(0.79, abs=0.05)


def test_segments_lie_in_their_window_and_do_not_overlap(town):
    s, world = town
    days = Days.look_back(s.date, 3, s.timezone)
    c = contact_model(world, s.contacts).contacts_of(
        np.arange(0, world.n_people, 50, dtype=np.int32), days
    )
    second = c.start_s - days.start_s[days.index_of(c.start_s)]
    assert c.duration_s.min() > 0
    for k, name in enumerate(SETTINGS):
        low, high = (h * 3600 for h in getattr(s.contacts, name).window_h)
        here = c.setting == k
        assert second[here].min() >= low
        assert (second + c.duration_s)[here].max() <= high
    order = np.lexsort((c.start_s, c.a, c.contact))
    same = (np.diff(c.contact[order]) == 0) & (np.diff(c.a[order]) == 0)
    end = (c.start_s + c.duration_s)[order]
    assert (c.start_s[order][1:][same] >= end[:-1][same]).all()


def test_rows_do_not_depend_on_threads(town):
    s, world = town
    days = Days.look_back(s.date, 2, s.timezone)
    model = contact_model(world, s.contacts)
    people = np.arange(0, world.n_people, 30, dtype=np.int32)
    one, two = (model.contacts_of(people, days, threads=n) for n in (1, 2))
    for name in one.__dataclass_fields__:
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_classes_rest_on_sunday(town):
    s, world = town
    days = Days.look_back(dt.date(2020, 8, 9), 1, s.timezone)
    assert days.weekday.tolist() == [6]
    c = contact_model(world, s.contacts).contacts_of(
        np.arange(0, world.n_people, 50, dtype=np.int32), days
    )
    assert not np.isin(c.setting, [SETTINGS.index("school"), SETTINGS.index("work")]).any()
    assert np.isin(c.setting, [SETTINGS.index("household")]).any()


def test_days_follow_the_zone():
    days = Days.look_back(dt.date(2020, 8, 12), 2, "Asia/Ho_Chi_Minh")
    # Midnight of 12 August 2020 in Yên Bái is 17:00 UTC of the 11th.
    assert days.start_s.tolist() == [1597078800, 1597165200]
    assert days.index_of(np.array([1597078799, 1597078800, 1597165200])).tolist() == [-1, 0, 1]


def test_quantile_tables():
    durations = duration_table([0.0, 0.0, 1.0, 0.0, 0.0], 4 * 3600)
    assert durations.min() >= 900
    assert durations.max() <= 3600
    assert duration_table([0.2] * 5, 3000).max() <= 3000
    table = distance_table([0.65, 1.36, 1.79, 2.49, 4.14], 1.0)
    got = np.percentile(table, [5, 25, 50, 75, 95])
    assert np.allclose(got, [0.65, 1.36, 1.79, 2.49, 4.14], atol=0.01)
    # exp34's lunch table: 58 % at two metres or less.
    assert (table <= 2.0).mean() == pytest.approx(0.58, abs=0.02)
    assert np.allclose(distance_table([1, 2, 3, 4, 5], 2.0), 2 * distance_table([1, 2, 3, 4, 5], 1))


def test_the_whole_day_equals_every_person_alone(town):
    """Group by group, in reused buffers, on any number of threads: the same contacts to the last bit."""
    s = scenario(
        population__people=6_000,
        population__smartphones=3_000,
        population__districts=[{"name": "A", "people": 4_500}, {"name": "B", "people": 1_500}],
    )
    world = build_world(s, 3)
    model = contact_model(world, s.contacts)
    days = Days.look_back(dt.date(2020, 8, 10), 2, s.timezone)  # a Sunday, a Monday
    everybody = np.arange(world.n_people, dtype=np.int32)

    def sorted_rows(c):
        order = np.lexsort((c.start_s, c.b, c.a, c.setting))
        return {k: v[order] for k, v in c._columns().items()}

    for day in range(2):
        one = Days(days.number[day:][:1], days.start_s[day:][:1], days.weekday[day:][:1], 0)
        want = sorted_rows(model.contacts_of(everybody, one, ordered=True))
        for threads in (1, 2):
            pieces = model.whole_day(
                days, day, lambda c: c.take(np.arange(len(c))), threads=threads
            )
            got = sorted_rows(concatenate(pieces))
            for name, values in want.items():
                assert np.array_equal(values, got[name]), (day, threads, name)
    assert {SETTINGS[k] for k in np.unique(want["setting"])} == set(SETTINGS)


def test_a_whole_day_of_some_people_is_what_they_have_with_each_other(town):
    s, world = town
    model = contact_model(world, s.contacts)
    days = Days.look_back(s.date, 1, s.timezone)
    some = world.rank < 0.6
    everybody, theirs = (
        concatenate(model.whole_day(days, 0, lambda c: c.take(np.arange(len(c))), who=who))
        for who in (None, model.participants(some))
    )
    want = everybody.take(some[everybody.a] & some[everybody.b])
    assert 0 < len(want) < len(everybody) / 2
    for table in (want, theirs):
        assert len(np.unique(table.contact)) > 100
    for name, values in want._columns().items():
        assert np.array_equal(values, getattr(theirs, name)), name


def test_the_whole_day_fills_its_buffers_many_times(town, monkeypatch):
    s, world = town
    model = contact_model(world, s.contacts)
    days = Days.look_back(s.date, 1, s.timezone)
    lengths = model.whole_day(days, 0, len)
    monkeypatch.setattr("bluezone_sim.world.whole.ROWS", 1)
    small = model.whole_day(days, 0, len, threads=2)
    assert len(small) > 3 * len(lengths)
    assert sum(small) == sum(lengths)


def test_a_trace_has_whole_days_too():
    s = bz.load("workplace-trace")
    world = build_world(s, 1)
    days = Days.look_back(s.date, 5, s.timezone)
    model = contact_model(world, s.contacts)
    lengths = [sum(model.whole_day(days, d, len)) for d in range(5)]
    assert sum(lengths) == len(world.brought.a)
    assert min(lengths) > 0


def test_age_bands_are_exact_and_keep_the_order_of_ages():
    bands = [
        {"from_age": 0, "to_age": 6, "share": 0.1},
        {"from_age": 6, "to_age": 18, "share": 0.2},
        {"from_age": 20, "to_age": 60, "share": 0.55},
        {"from_age": 60, "to_age": 95, "share": 0.15},
    ]
    plain = build_world(scenario(), 3)
    world = build_world(scenario(population__ages={"bands": bands}), 3)
    counts = np.histogram(world.age, [0, 6, 18, 20, 60, 96])[0]
    assert counts.tolist() == [30, 60, 0, 165, 45]
    order = np.argsort(plain.age, kind="stable")
    younger = plain.age[order][:-1] < plain.age[order][1:]
    assert (np.diff(world.age[order].astype(int))[younger] >= 0).all()
    for broken, message in (
        ({"share": 0.5}, "add up to 1.7"),
        ({"from_age": 4, "to_age": 6}, "overlap"),
        ({"from_age": 7, "to_age": 6}, "from_age < to_age"),
    ):
        wrong = [
            bands[0] | broken if "share" in broken else bands[0],
            bands[1] | broken,
            *bands[2:],
        ]
        with pytest.raises(InputError, match=message):
            scenario(population__ages={"bands": wrong})


def test_communes_hold_classes_and_teams(town):
    s, _ = town
    smaller = s.population.model_copy(update={"commune_people": 1_000})
    world = build_world(s.model_copy(update={"population": smaller}), 3)
    local = np.arange(world.n_people) - world.zone_start[world.zone]
    for layer in (2, 3):
        group = world.groups.of[layer]
        member = np.flatnonzero(group >= 0)
        commune = world.zone[member] * 1_000 + local[member] // 1_000
        for g in np.unique(group[member])[::50]:
            assert len(np.unique(commune[group[member] == g])) == 1
