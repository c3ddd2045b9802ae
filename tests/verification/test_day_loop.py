"""The fast day loop equals its naive twin, to the last bit."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import math
from statistics import NormalDist

import numpy as np
import pytest

from bluezone_sim.radio import radio_model, record
from bluezone_sim.radio.parameters import p_clear
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.evaluating import evaluate, index_cases
from bluezone_sim.world import SETTINGS, Days, build_world, contact_model
from bluezone_sim.world.risk import risky_days
from helpers import small
from twins.day_loop import Twin, draw, unit

SEED = 5


def scenario(**changes):
    """The small scenario with fewer people and days: a Sunday to a Tuesday."""
    fewer = {
        "look_back_days": 3,
        "population__people": 180,
        "population__smartphones": 132,
        "population__districts": [
            {"name": "A", "people": 110, "urban_share": 0.5},
            {"name": "B", "people": 70},
        ],
    }
    return small.scenario(**fewer | changes)


def quiet(done: float, stage: str) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def base():
    s = scenario()
    world = build_world(s, SEED)
    twin = Twin(s, world)
    segments = twin.segments()
    # Of a segment they are the same whenever they are asked for: once is slow enough.
    twin.records = once_each(twin.records)
    # Who holds a person's identifiers does not depend on what the phones make of it.
    twin.look_up = looked_up_once(twin.look_up)
    owners = s.population.smartphones
    histories = {u / owners: twin.histories(u / owners, segments) for u in s.level_users()}
    return s, world, twin, segments, histories


def once_each(records):
    made = {}

    def of(segment, observer, emitter, *air):
        asked = id(segment), observer, emitter, *air
        if asked not in made:
            made[asked] = list(records(segment, observer, emitter, *air))
        return made[asked]

    return of


def looked_up_once(look_up):
    made = {}

    def of(person, histories):
        asked = person, id(histories)
        if asked not in made:
            made[asked] = look_up(person, histories)
        return made[asked]

    return of


def as_rows(contacts):
    return sorted(
        zip(
            contacts.contact.tolist(),
            np.minimum(contacts.a, contacts.b).tolist(),
            np.maximum(contacts.a, contacts.b).tolist(),
            contacts.start_s.tolist(),
            contacts.duration_s.tolist(),
            contacts.distance_m.tolist(),
            contacts.setting.tolist(),
            strict=True,
        )
    )


def test_contacts_equal_those_of_the_twin(base):
    s, world, twin, segments, _ = base
    everybody = np.arange(world.n_people, dtype=np.int32)
    fast = contact_model(world, s.contacts).contacts_of(everybody, twin.days, ordered=True)
    naive = sorted(
        (g.contact, g.a, g.b, g.start_s, g.duration_s, g.distance_m, g.setting) for g in segments
    )
    assert as_rows(fast) == naive
    assert {SETTINGS[g.setting] for g in segments} == set(SETTINGS)


def test_a_contact_is_the_same_seen_from_both_ends(base):
    s, world, twin, *_ = base
    model = contact_model(world, s.contacts)
    everybody = np.arange(world.n_people, dtype=np.int32)
    both = model.contacts_of(everybody, twin.days)
    once = model.contacts_of(everybody, twin.days, ordered=True)
    assert as_rows(both.take(both.a < both.b)) == as_rows(once)
    assert as_rows(both.take(both.a > both.b)) == as_rows(once)


def test_records_equal_those_of_the_twin(base):
    s, world, twin, segments, _ = base
    everybody = np.arange(world.n_people, dtype=np.int32)
    contacts = contact_model(world, s.contacts).contacts_of(everybody, twin.days)
    fast = record(radio_model(world, s), contacts, twin.days)
    got = sorted(
        zip(
            contacts.a[fast.row].tolist(),
            contacts.b[fast.row].tolist(),
            fast.time_ms.tolist(),
            fast.packets.tolist(),
            fast.rssi_dbm.tolist(),
            fast.rssi_max_dbm.tolist(),
            strict=True,
        )
    )
    want = sorted(
        (emitter, observer, *row)
        for g in segments
        for emitter, observer in ((g.a, g.b), (g.b, g.a))
        for row in twin.records(g, observer, emitter, 1.0, 0.0)
    )
    assert len(want) > 10_000
    assert got == want


def test_bodies_equal_those_of_the_twin(base):
    _, world, twin, segments, _ = base
    s = scenario(radio__body_blockage_db=13.8, radio__shadowing_sd_db=3.6)
    people = np.arange(20, dtype=np.int32)
    contacts = contact_model(world, s.contacts).contacts_of(people, twin.days)
    fast = record(radio_model(world, s), contacts, twin.days)
    got = sorted(
        zip(
            contacts.a[fast.row].tolist(),
            contacts.b[fast.row].tolist(),
            fast.time_ms.tolist(),
            fast.rssi_dbm.tolist(),
            strict=True,
        )
    )
    body = Twin(s, world)
    want = sorted(
        (emitter, observer, time_ms, rssi)
        for g in segments
        for emitter, observer in ((g.a, g.b), (g.b, g.a))
        if emitter < 20
        for time_ms, _, rssi, _ in body.records(g, observer, emitter)
    )
    assert len(want) > 1_000
    assert got == want


def test_apps_in_front_equal_those_of_the_twin():
    """Sessions, apps left open, phones off for good and left behind, over a day of 25 hours."""
    s = scenario(
        timezone="Europe/Berlin",
        date=dt.date(2020, 10, 26),
        population__ios_share=0.8,
        phones__ios_foreground_share=0.1,
        phones__ios_never_opens=0.3,
        phones__ios_session_s=300.0,
        phones__ios_leaves_open=0.2,
        phones__away_share=0.2,
        contacts__household__window_h=[0.0, 24.0],
    )
    world = build_world(s, SEED)
    twin = Twin(s, world)
    people = np.arange(24, dtype=np.int32)
    contacts = contact_model(world, s.contacts).contacts_of(people, twin.days)
    fast = record(radio_model(world, s), contacts, twin.days)
    a, b = contacts.a[fast.row], contacts.b[fast.row]
    got = sorted(
        zip(a.tolist(), b.tolist(), fast.time_ms.tolist(), fast.packets.tolist(), strict=True)
    )
    want = sorted(
        (emitter, observer, time_ms, packets)
        for g in twin.segments()
        for emitter, observer in ((g.a, g.b), (g.b, g.a))
        if emitter < 24
        for time_ms, packets, *_ in twin.records(g, observer, emitter)
    )
    assert got == want
    assert (np.diff(twin.days.start_s) == 25 * 3600).any()
    both = world.ios[a] & world.ios[b]
    assert both.sum() > 100  # some app was in front


CASES = {
    "any match": {},
    "mutual": {"f2__confirm": "mutual"},
    "test": {"f2__confirm": "test", "f2__test_share": 0.4},
    "minutes near": {"rule__name": "minutes-near"},
    "late": {"publication__in_time_h": 3.0, "publication__consent": 0.6},
    "whole": {"protocol__histories": "whole"},
    "full": {"protocol__identifiers": "full"},
    "full, whole": {"protocol__identifiers": "full", "protocol__histories": "whole"},
    "history": {"publication__upload": "history", "rule__name": "minutes-near"},
    "history, whole": {"publication__upload": "history", "protocol__histories": "whole"},
    "history, mutual": {"publication__upload": "history", "f2__confirm": "mutual"},
}


@pytest.mark.parametrize("name", CASES)
def test_warnings_equal_those_of_the_twin(base, name):
    _, world, first, _segments, histories = base
    s = scenario(**CASES[name])
    cases = index_cases(SEED, world.n_people, 40)
    f2_cases = np.sort(cases[:10])
    cases = np.sort(cases)
    users = s.level_users()
    levels = [u / s.population.smartphones for u in users]
    fast = evaluate(
        SimulationContext.build(s, world, 2, StageTimer()), cases, f2_cases, levels, quiet
    )
    twin = Twin(s, world)
    twin.day_identifiers, twin.look_up = first.day_identifiers, first.look_up
    for i, level in enumerate(levels):
        f1, f2 = twin.run(cases.tolist(), f2_cases.tolist(), histories[level], level)
        told = fast.f1[i]
        assert f1 == {
            (c, p): t
            for c, p, t in zip(
                told.index_case.tolist(), told.person.tolist(), told.told_s.tolist(), strict=True
            )
        }
        told = fast.f2[i]
        assert f2 == {
            (c, p): (t, q)
            for c, p, t, q in zip(
                told.index_case.tolist(),
                told.person.tolist(),
                told.told_s.tolist(),
                told.source.tolist(),
                strict=True,
            )
        }
        held = fast.held[i]
        rows = sum(
            len(found)
            for case in cases.tolist()
            if world.rank[case] < level
            for found in twin.found(case, histories[level]).values()
        )
        assert held.records.sum() == rows
    assert f1
    assert f2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bluetrace", "robert"])
def test_a_server_warns_whom_the_twin_knows(base, name):
    """Real encrypted identifiers, opened by the server, against a server that knows everybody."""
    _, world, first, segments, _ = base
    s = scenario(publication__upload="history", protocol__name=name)
    cases = np.sort(index_cases(SEED, world.n_people, 15))
    fast = evaluate(
        SimulationContext.build(s, world, 2, StageTimer()), cases, cases[:0], [1.0], quiet
    )
    twin = Twin(s, world)
    twin.day_identifiers = first.day_identifiers  # what is in them does not matter to the twin
    mine = [g for g in segments if g.a in cases or g.b in cases]
    f1, _ = twin.run(cases.tolist(), [], twin.histories(1.0, mine), 1.0)
    told = fast.f1[0]
    assert f1
    assert f1 == {
        (c, p): t
        for c, p, t in zip(
            told.index_case.tolist(), told.person.tolist(), told.told_s.tolist(), strict=True
        )
    }


RULES = {
    "gaen": (
        {},
        {"name": "any-match"},
        {"name": "gaen-v2", "minutes": 30.0},
        {"name": "minutes-at-attenuation", "attenuation_db": [58.0]},
    ),
    "dp3t-lowcost": ({},),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_other_protocols_equal_those_of_the_twin(base, name):
    """Keys, duty cycles, pauses, the order of identifiers, the rules of matching and of risk."""
    _, world, _, segments, _ = base
    s = scenario(protocol__name=name, look_back_days=2)
    days = Days.look_back(s.date, 2, s.timezone)
    segments = [
        dataclasses.replace(g, day=g.day - 1) for g in segments if g.start_s >= int(days.start_s[0])
    ]
    twin = Twin(s, world)
    cases = np.sort(index_cases(SEED, world.n_people, 40))
    histories = twin.histories(0.6, segments)
    n_warned = []
    for rule in RULES[name]:
        twin.s = scenario(protocol__name=name, look_back_days=2, rule=rule)
        f1, _ = twin.run(cases.tolist(), [], histories, 0.6)
        tracer = SimulationContext.build(twin.s, world, 2, StageTimer())
        fast = evaluate(tracer, cases, cases[:0], [0.6], quiet)
        told = fast.f1[0]
        keys = zip(
            told.index_case.tolist(), told.person.tolist(), told.told_s.tolist(), strict=True
        )
        assert f1 == {(c, p): t for c, p, t in keys}
        n_warned.append(len(f1))
    assert fast.held[0].records.sum() == sum(
        len(found)
        for c in cases.tolist()
        if world.rank[c] < 0.6
        for found in twin.look_up(c, histories).values()
    )
    assert min(n_warned) > 0
    assert len(set(n_warned)) == len(n_warned)  # each rule decides in its own way


def test_risky_pairs_equal_those_of_the_twin(base):
    s, world, twin, segments, _ = base
    cases = np.sort(index_cases(SEED, world.n_people, 40))
    contacts = contact_model(world, s.contacts).contacts_of(cases, twin.days)
    risky = risky_days(contacts, twin.days, 2.0, 900.0)
    near = {}
    for g in segments:
        if g.distance_m <= 2.0:
            for a, b in ((g.a, g.b), (g.b, g.a)):
                if a in cases:
                    near[a, b, g.day] = near.get((a, b, g.day), 0) + g.duration_s
    want = sorted((*k, s) for k, s in near.items() if s >= 900)
    got = list(
        zip(
            risky.case.tolist(),
            risky.other.tolist(),
            risky.day.tolist(),
            risky.near_s.tolist(),
            strict=True,
        )
    )
    assert got == want
    assert len(risky.first) == len({(a, b) for a, b, *_ in want})


def test_density_reads_the_crowd_of_its_own_level(base):
    """With density on, each level's records are those of its own crowd with the same draws."""
    _, world, _, segments, _ = base
    s = scenario(radio__density="on", radio__advertise_interval_ms=20.0)
    twin = Twin(s, world)
    tracer = SimulationContext.build(s, world, 1, StageTimer())
    level = 0.6
    groups = functools.cache(twin.groups)

    @functools.cache
    def crowd_of(g):
        if SETTINGS[g.setting] == "neighbours":
            return 2
        number = int(twin.days.number[g.day])
        par = getattr(s.contacts, SETTINGS[g.setting])
        return sum(
            world.rank[p] < level
            and unit(draw(draw(draw(twin.k["attendance"], g.setting), number), p)) < par.attendance
            for p in groups(g.setting, number)[g.group]
        )

    ios = s.population.ios_share
    sds = (s.radio.shadowing_sd_db, s.radio.scan_sd_db, s.radio.fading_sd_db)
    gap = s.phones.ios.tx_power_dbm - s.phones.android.tx_power_dbm
    variance = sum(sd**2 for sd in sds) + 4.6**2 + ios * (1 - ios) * gap**2
    lost = NormalDist().cdf(8.0 / math.sqrt(2 * variance))
    # Share of the time in which one phone's packets of 23 or 21 bytes would hit a given one.
    load = (1 - ios) * 2 * 0.312 / 25.0 * 0.5 + ios * 2 * 0.296 / 25.0 * 0.5

    def air_of(g, _level):
        n = crowd_of(g)
        return (1 - load * lost) ** max(n - 1, 0), max(n - 2, 0) * ios

    cases = np.sort(index_cases(SEED, world.n_people, 40))
    fast = evaluate(tracer, cases, cases[:0], [level], quiet)
    mine = [g for g in segments if g.a in cases or g.b in cases]
    histories = twin.histories(level, mine, air_of)
    f1, _ = twin.run(cases.tolist(), [], histories, level)
    told = fast.f1[0]
    assert set(f1) == set(zip(told.index_case.tolist(), told.person.tolist(), strict=True))
    rows = sum(
        len(found)
        for case in cases.tolist()
        if world.rank[case] < level
        for found in twin.look_up(case, histories).values()
    )
    assert fast.held[0].records.sum() == rows > 500
    assert p_clear(tracer.radio, np.array([1]))[0] == 1.0
