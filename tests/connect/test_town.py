"""Whom a town warns: as the simulation's phones and tracers do, for any model of disease."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from bluezone_sim.connect import Arm, Town, Warned
from bluezone_sim.connect.town import begins
from bluezone_sim.errors import InputError
from bluezone_sim.simulation.epidemic.arms import policies_of
from bluezone_sim.simulation.epidemic.engine import Simulation
from bluezone_sim.simulation.epidemic.finding import Finder
from helpers.small import scenario

DAYS = 20
APP = Arm(name="app", level=1.0)


@pytest.fixture(scope="module")
def town() -> Town:
    return Town.build(scenario(), days=DAYS, threads=1)


def pairs(warned: Warned, by_app: bool | None = None) -> set[tuple[int, int]]:
    rows = slice(None) if by_app is None else warned.by_app == by_app
    return set(zip(warned.person[rows].tolist(), warned.case[rows].tolist(), strict=True))


def household(town: Town, person: int) -> set[int]:
    of = town.world.groups.of[0]
    return set(np.flatnonzero(of == of[person]).tolist()) - {person}


def test_warnings_are_those_of_the_simulation(monkeypatch):
    table = {
        "days": DAYS,
        "infected": 25,
        "arms": [
            {"name": "app", "level": 0.8},
            {"name": "risky", "level": 1.0, "finds": "risky", "manual": False},
        ],
    }
    town = Town.build(scenario(epidemic=table), threads=1)
    simulation = Simulation(town, policies_of(town))
    arms = town.scenario.epidemic.arms
    home = np.zeros((len(arms), DAYS, town.world.n_people), np.bool_)
    asked = []
    of_simulation = Finder.find

    def find(self, day, known, seen):
        for k in range(len(arms)):
            home[k, day] = (seen.home[day % seen.look_back] >> np.uint64(k)) & np.uint64(1) != 0
        onset = [seen.onset_s(k, who) for k, who in enumerate(known)]
        out = of_simulation(self, day, known, seen)
        asked.append((day, known, onset, out))
        return out

    monkeypatch.setattr(Finder, "find", find)
    for day in range(DAYS):
        simulation.step(day)
    monkeypatch.undo()
    compared = np.zeros(2, np.int64)
    for day, known, onset, found in asked:
        for k, arm in enumerate(arms):
            own = np.where(onset[k] == np.iinfo(np.int32).max, np.nan, onset[k] / 86_400)
            got = town.warnings(known[k][::-1], day, arm, home[k, : day + 1], own[::-1])
            expected = found[k].warned
            told = sorted(
                zip(
                    expected.person.tolist(),
                    expected.case.tolist(),
                    (expected.told_s / 86_400).tolist(),
                    strict=True,
                )
            )
            rows = got.by_app
            assert told == sorted(
                zip(
                    got.person[rows].tolist(),
                    got.case[rows].tolist(),
                    got.day[rows].tolist(),
                    strict=True,
                )
            )
            traced = found[k].traced
            assert pairs(got, by_app=False) == set(
                zip(traced.person.tolist(), traced.case.tolist(), strict=True)
            )
            compared += len(told), len(traced.person)
    assert compared.min() > 20  # both were compared on something


def test_nobody_is_warned_without_the_app_and_tracers(town):
    told = town.warnings(np.arange(40), 15, Arm(name="none", level=0.0, manual=False))
    assert [len(column) for column in told] == [0, 0, 0, 0]


def test_without_the_app_tracers_alone_tell(town):
    told = town.warnings(np.arange(40), 15, Arm(name="by hand"))
    assert len(told.person) > 20
    assert not told.by_app.any()
    assert (told.day >= 16).all()


def test_phones_tell_users_of_users_after_the_day_ends(town):
    told = town.warnings(np.arange(60), 15, Arm(name="app", level=0.5, manual=False))
    assert len(told.person) > 10
    assert told.by_app.all()
    assert (town.world.rank[told.person] < 0.5).all()
    assert (town.world.rank[told.case] < 0.5).all()
    assert (told.day >= 16).all()


def test_who_was_at_home_is_found_by_the_household_alone(town):
    arm = Arm(name="risky", level=1.0, finds="risky")
    cases = np.arange(60)
    out = town.warnings(cases, 15, arm)
    # From the first day on: the look-back of the last 4 days is then one of home days alone.
    stays = np.zeros((16, town.world.n_people), np.bool_)
    stays[:, cases] = True
    kept = pairs(town.warnings(cases, 15, arm, stays))
    at_home = {(p, c) for p, c in pairs(out) if p in household(town, c)}
    assert at_home  # some of a household are told
    assert pairs(out) > at_home  # and others, of those who went out
    assert kept == at_home


def test_those_whom_the_other_end_kept_at_home_are_not_found(town):
    cases, arm = np.arange(10), Arm(name="risky", level=1.0, finds="risky")
    strangers = {
        (p, c) for p, c in pairs(town.warnings(cases, 15, arm)) if p not in household(town, c)
    }
    assert len(strangers) > 5
    away = sorted({p for p, _ in strangers} - set(range(10)))[::2]
    stays = np.zeros((16, town.world.n_people), np.bool_)
    stays[:, away] = True
    left = pairs(town.warnings(cases, 15, arm, stays))
    assert left & strangers == {(p, c) for p, c in strangers if p not in away}


def test_days_after_the_table_are_days_out(town):
    arm = Arm(name="risky", level=1.0, finds="risky")
    stays = np.ones(
        (3, town.world.n_people), np.bool_
    )  # days 0 to 2; the look-back begins on day 12
    cases = np.arange(30)
    assert pairs(town.warnings(cases, 15, arm, stays)) == pairs(town.warnings(cases, 15, arm))


def test_onsets_to_come_are_not_known_yet(town):
    cases = np.arange(60)
    gaen = {"protocol.name": "gaen", "rule.name": "cwa"}
    with_window = Arm(name="gaen", level=1.0, manual=False, set=gaen)
    later = town.warnings(cases, 15, with_window, onset_day=np.full(60, 18.0))
    never = town.warnings(cases, 15, with_window, onset_day=np.full(60, np.nan))
    long_ago = town.warnings(cases, 15, with_window, onset_day=np.full(60, 2.0))
    assert len(never.person) > 0
    assert pairs(later) == pairs(never)
    assert pairs(long_ago) != pairs(never)


def test_no_cases_warn_nobody(town):
    assert len(town.warnings([], 3, APP).person) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cases": np.array([1, 1])}, "distinct people from 0 to 299"),
        ({"cases": np.array([300])}, "distinct people from 0 to 299"),
        ({"cases": np.array([-1])}, "distinct people from 0 to 299"),
        ({"cases": np.array([0.5])}, "numbers of people"),
        ({"cases": np.ones(300, np.bool_)}, "numbers of people"),
        ({"published_day": -1}, "published_day: expected 0 to 19, found -1"),
        ({"published_day": DAYS}, "published_day: expected 0 to 19, found 20"),
        ({"at_home": np.zeros((5, 299), np.bool_)}, "at_home: expected bool"),
        ({"at_home": np.zeros((5, 300))}, "at_home: expected bool"),
        ({"at_home": np.zeros(300, np.bool_)}, "at_home: expected bool"),
        ({"onset_day": np.zeros(2)}, "onset_day: expected one for each of 1 cases"),
        (
            {"arm": Arm(name="x", level=1.0, finds="random", as_many="app")},
            "arm x: random users are nobody",
        ),
    ],
)
def test_faults_are_named(town, change, message):
    given = {"cases": np.array([3]), "published_day": 3, "arm": APP} | change
    with pytest.raises(InputError, match=message):
        town.warnings(**given)


@pytest.mark.parametrize(
    ("persons", "day", "message"),
    [
        ([-1], 3, "persons: expected distinct people from 0 to 299"),
        ([2, 2], 3, "persons: expected distinct"),
        ([2], DAYS, "day: expected -4 to 19, found 20"),
        ([2], -5, "day: expected -4 to 19, found -5"),
    ],
)
def test_contacts_of_nobody_are_refused(town, persons, day, message):
    with pytest.raises(InputError, match=message):
        town.contacts(np.array(persons), day)


def test_a_copy_is_the_town_and_a_pickle_a_recipe(town):
    assert copy.deepcopy([town])[0] is town
    packed = pickle.dumps(town)
    assert len(packed) < 50_000  # no table of people
    again = pickle.loads(packed)
    assert type(again) is Town
    cases = np.arange(20)
    assert pairs(again.warnings(cases, 9, APP)) == pairs(town.warnings(cases, 9, APP))
    assert (again.n_days, again.look_back) == (town.n_days, town.look_back)


def test_a_town_without_days_is_refused():
    with pytest.raises(InputError, match="days must be given"):
        Town.build(scenario())


def test_a_stay_begins_at_the_midnight_next_to_the_first_word():
    told = Warned(
        person=np.array([5, 2, 5, 9]),
        case=np.array([0, 0, 1, 1]),
        day=np.array([8.6, 7.2, 7.4, 7.5]),
        by_app=np.ones(4, np.bool_),
    )
    who, first = begins(told, 7)
    assert who.tolist() == [2, 5, 9]
    assert first.tolist() == [7, 7, 8]
    assert begins(told, 8)[1].tolist() == [8, 8, 8]
