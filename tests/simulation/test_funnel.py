"""The stages are one funnel, and a shorter window of publication finds no more."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bluezone_sim as bz
from bluezone_sim import protocols
from bluezone_sim.protocols import ServerIds
from bluezone_sim.scenario import load
from bluezone_sim.scenario.loading import validate
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.engine import index_cases
from bluezone_sim.tables.days import Days
from bluezone_sim.tables.stages import OUTCOMES
from bluezone_sim.world import build_world
from helpers.campaigns import raw_campaign
from helpers.results import same
from helpers.small import scenario

CODE = {name: i for i, name in enumerate(OUTCOMES)}
#: A place in which a run takes a fraction of a second.
PLACE = {
    "population.people": 100,
    "population.smartphones": 80,
    "population.districts": [{"name": "A", "people": 100}],
    "look_back_days": 3,
    "index_cases.count": 20,
    "index_cases.f2_count": 3,
}
#: ROBERT's identifiers are encrypted one by one: fewer cases.
FEW = {"robert": {"index_cases.count": 6, "index_cases.f2_count": 0}}
#: Rules of apps, by protocol.
RULES_OF = {
    "gaen": ["any-match", "cwa", "swisscovid", "nhs-covid-19", "nhs-covid-19-v1", "immuni"],
    "robert": ["any-match", "tousanticovid"],
}
#: Pairs that are still there at each stage, one after the other.
STAGES = (
    ("no_smartphone", "no_app", "other_no_app"),
    ("bluetooth_or_app_off", "radio_missed"),
    ("below_threshold",),
    ("not_published",),
    ("not_confirmed",),
    ("not_matched_in_time",),
)


def small(**changes):
    return scenario(**{k.replace(".", "__"): v for k, v in (PLACE | changes).items()})


def on_phones_or_a_server(name: str) -> str:
    return "history" if isinstance(protocols.get(name).keys, ServerIds) else "keys"


@st.composite
def scenarios(draw):
    name = draw(st.sampled_from(protocols.followed()))
    upload = on_phones_or_a_server(name)
    if upload == "keys" and draw(st.booleans()):
        upload = "history"
    histories = draw(st.sampled_from(["asked", "whole"]))
    changes = {
        "protocol.name": name,
        "protocol.histories": histories,
        "protocol.identifiers": draw(st.sampled_from(["lazy", "full"]))
        if upload == "keys"
        else "lazy",
        "publication.upload": upload,
        "publication.consent": draw(st.sampled_from([0.5, 1.0])),
        "radio.density": draw(st.sampled_from(["off", "on"])),
        "adoption.levels": draw(st.lists(st.floats(0, 1), min_size=1, max_size=3, unique=True)),
        "timezone": draw(st.sampled_from(["Asia/Ho_Chi_Minh", "America/New_York", "UTC"])),
        "f2.confirm": draw(st.sampled_from(["none", "mutual", "test"])),
    }
    if name in FEW:
        del changes["f2.confirm"]
        changes |= FEW[name]
    rule = draw(st.sampled_from(RULES_OF.get(name, [None, "any-match", "minutes-near"])))
    if rule is not None:  # else that of the protocol's app
        changes["rule.name"] = rule
    if "bluezone" in name or "bluetrace" in name:
        changes["confirmation.share"] = draw(st.sampled_from([0.4, 1.0]))
    for key in ("before_onset_days", "before_test_days"):
        days = draw(st.sampled_from([None, 0, 1, 2]))
        if days is not None:
            changes[f"publication.{key}"] = days
    if draw(st.booleans()):
        changes["index_cases.course"] = {}
    return changes, draw(st.integers(0, 2**20))


def pairs_of(table):
    return set(zip(table.index_case.tolist(), table.other.tolist(), strict=True))


def assert_one_funnel(result) -> None:
    told = result.warnings.take(result.warnings.level == 1)
    for i, level in enumerate(result.metrics):
        at = result.outcomes.take(result.outcomes.level_index == i)
        assert not (at.recorded & ~at.both_have_app).any()
        warned = at.outcome == CODE["warned"]
        assert not (warned & ~at.recorded).any()
        left = np.ones(len(at), np.bool_)
        remaining = []
        for names in STAGES:
            left &= ~np.isin(at.outcome, [CODE[name] for name in names])
            remaining.append(left.copy())
        assert (remaining[0] == at.both_have_app).all()
        assert (remaining[1] == at.recorded).all()
        assert (remaining[-1] == warned).all()
        mine = told.take(told.level_index == i)
        people = set(zip(mine.index_case.tolist(), mine.person.tolist(), strict=True))
        assert pairs_of(at.take(warned)) == people & pairs_of(at)
        if len(at):
            assert level.recall <= level.share_recorded <= level.share_both_have_app


@settings(max_examples=25, suppress_health_check=list(HealthCheck), derandomize=True)
@given(scenarios())
def test_every_stage_is_a_part_of_the_one_before(drawn):
    changes, seed = drawn
    assert_one_funnel(bz.run(small(**changes), seed, threads=1))


def test_the_funnel_of_a_trace_and_of_draws_of_adopters():
    result = bz.run(load("workplace-trace", {"adoption.draws": 4, "index_cases.count": 40}), 3)
    assert_one_funnel(result)
    for row in result.adopters:
        assert all(spread.recall <= spread.both_have_app for spread in row.arms.values())
    assert result.metrics[-1].recall > 0.1


def test_the_funnel_of_a_campaign():
    course = {"suspected_after_days": 0.5, "confirmed_after_days": 0.5}
    result = bz.run(validate(raw_campaign(index_cases__course=course)), 3)
    days = [row for row in result.campaign.days if row.recall is not None]
    assert len(days) > 10
    assert all(row.recall <= row.share_both_have_app <= row.share_in_reach for row in days)


@pytest.mark.parametrize(
    ("name", "course"),
    [*((name, None) for name in protocols.followed()), ("bluezone", {}), ("bluetrace", {})],
)
def test_a_shorter_window_of_publication_finds_no_more(name, course):
    """The same risky pairs and rows for every window; what is lost is lost as not published."""
    changes = {
        "protocol.name": name,
        "publication.upload": on_phones_or_a_server(name),
        "adoption.levels": [1.0],
        "look_back_days": 4,
        **FEW.get(name, {"index_cases.f2_count": 0}),
    }
    if course is not None:
        changes["index_cases.course"] = course
    results = [
        bz.run(small(**changes, **{"publication.before_onset_days": days}), 3, threads=1)
        for days in ((60, 0) if name in FEW else (60, 2, 0))
    ]
    for longer, shorter in itertools.pairwise(results):
        a, b = longer.outcomes, shorter.outcomes
        for column in ("index_case", "other", "both_have_app", "recorded", "near_s"):
            assert (getattr(a, column) == getattr(b, column)).all()
        changed = a.outcome != b.outcome
        assert (b.outcome[changed] == CODE["not_published"]).all()
        assert shorter.metrics[0].recall <= longer.metrics[0].recall
    if name not in FEW:
        assert results[-1].metrics[0].recall < results[0].metrics[0].recall


def test_risky_pairs_are_the_same_for_every_protocol_and_window():
    def risky(name, **changes):
        result = bz.run(
            small(
                **{
                    "protocol.name": name,
                    "publication.upload": on_phones_or_a_server(name),
                    "index_cases.course": {},
                    "adoption.levels": [1.0],
                    "index_cases.count": 6,
                    "index_cases.f2_count": 0,
                },
                **changes,
            ),
            3,
            threads=1,
        )
        return pairs_of(result.outcomes), result.metrics[0].share_both_have_app

    first, *others = (risky(name) for name in protocols.followed())
    assert len(first[0]) > 10
    assert all(other == first for other in others)
    assert risky("gaen", **{"publication.before_onset_days": 0}) == first


@pytest.mark.parametrize("upload", ["keys", "history"])
def test_only_rows_of_published_days_warn(upload):
    """Against a loop over all rows: UTC days, which begin at 07:00 local, from the day before onset."""
    s = scenario(
        look_back_days=6,
        adoption__levels=[1.0],
        index_cases__f2_count=0,
        publication__upload=upload,
        publication__consent=1.0,
        publication__in_time_h=1e5,
        publication__before_onset_days=1,
    )
    result, world = bz.run(s, 3), build_world(s, 3)
    tracer = SimulationContext.build(s, world, 1, StageTimer())
    cases = np.sort(index_cases(3, world.n_people, s.index_cases.count))
    contacts = tracer.with_app(tracer.contacts(cases), 1.0)
    if upload == "history":
        contacts = contacts.reversed()
    rows = tracer.sightings(contacts, 1.0)
    onset = dict(zip(cases.tolist(), tracer.onset_day(cases).tolist(), strict=True))
    held, told = set(), set()
    for sender, observer, time_ms in zip(
        rows.true_sender.tolist(), rows.observer.tolist(), rows.time_ms.tolist(), strict=True
    ):
        case, other = (sender, observer) if upload == "keys" else (observer, sender)
        held.add((case, other))
        if time_ms // 86_400_000 >= onset[case] - 1:
            told.add((case, other))
    found = result.warnings
    assert told == set(zip(found.index_case.tolist(), found.person.tolist(), strict=True))
    assert 0 < len(told) < len(held)
    at = result.outcomes
    assert pairs_of(at.take(at.recorded)) == held & pairs_of(at)
    lost = at.take(at.outcome == CODE["not_published"])
    assert pairs_of(lost) == (held - told) & pairs_of(at)


@pytest.mark.parametrize("days", [0, 1])
def test_the_window_is_the_same_however_identifiers_are_looked_up(days):
    window = {"publication.before_onset_days": days, "publication.before_test_days": 1}
    first, *others = (
        bz.run(small(**window, **how), 3, threads=1)
        for how in (
            {},
            {"protocol.identifiers": "full"},
            {"protocol.histories": "whole"},
            {"protocol.histories": "whole", "protocol.identifiers": "full"},
        )
    )
    assert all(same(first, other) for other in others)


def test_warned_contacts_publish_from_before_the_day_on_which_cases_are_known():
    def people(**changes):
        result = bz.run(scenario(**changes), 3)
        found = result.warnings.take(result.warnings.level == 2)
        columns = (found.level_index, found.index_case, found.person)
        return set(zip(*(c.tolist() for c in columns), strict=True))

    whole = people()
    last_day = people(publication__before_test_days=0)
    assert people(publication__before_test_days=60) == whole
    assert 0 < len(last_day) < len(whole)
    # Onset is nothing to those who have no symptoms; cases publish by it.
    assert len(people(publication__before_onset_days=0)) < len(whole)


def test_a_campaign_publishes_by_the_day_on_which_a_case_is_known():
    def recalls(days):
        raw = raw_campaign(look_back_days=5, publication__before_onset_days=days)
        return [row.recall for row in bz.run(validate(raw), 3).campaign.days]

    whole, short = recalls(60), recalls(0)
    assert all(a <= b for a, b in zip(short, whole, strict=True))
    assert sum(short) < sum(whole)


@pytest.mark.parametrize(
    ("zone", "date", "number"),
    [("UTC", dt.date(2020, 8, 12), 3), ("Asia/Ho_Chi_Minh", dt.date(2020, 8, 12), 6),
     ("Europe/Berlin", dt.date(2020, 10, 26), 6)],
)  # fmt: skip
def test_pieces_lie_in_one_local_and_one_utc_day(zone, date, number):
    days = Days.look_back(date, 3, zone)
    pieces = days.pieces
    assert len(pieces.start_s) == number
    assert set(days.start_s) <= set(pieces.start_s)
    ends = np.append(pieces.start_s[1:], days.end_s)
    assert (days.index_of(ends - 1) == pieces.local).all()
    assert (pieces.start_s // 86_400 == pieces.utc).all()
    assert ((ends - 1) // 86_400 == pieces.utc).all()
    times = np.arange(int(days.start_s[0]), days.end_s, 1800)
    at = pieces.index_of(times)
    assert (pieces.local[at] == days.index_of(times)).all()
    assert (pieces.utc[at] == times // 86_400).all()
