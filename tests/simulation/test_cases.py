"""How cases become known, and who warns: keys or histories, phones or servers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.errors import ScenarioError
from bluezone_sim.scenario.schema.exposure import Course, IndexCases
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.server_ids import ServerRing
from bluezone_sim.tables.rows import Sightings
from bluezone_sim.world import build_world
from bluezone_sim.world.course import infectious_from_s, onsets_s, true_cases
from helpers.small import scenario

DAY = 86_400


def test_the_course_of_cases_follows_its_delays():
    """20,000 cases: means within four standard errors."""
    course = Course()
    n = 20_000
    before = -infectious_from_s(course, 3, np.arange(n), 0) / DAY
    # Suspected, confirmed, and two days before onset unless the infection was later.
    assert before.mean() == pytest.approx(
        2.0 + 1.5 + 2.0, abs=4 * math.hypot(2, 1.5) / math.sqrt(n) + 0.02
    )
    suspected = Course(known_as="suspected")
    sooner = -infectious_from_s(suspected, 3, np.arange(n), 0) / DAY
    assert (sooner <= before + 1e-4).all()
    assert (before - sooner).mean() == pytest.approx(1.5, abs=4 * 1.5 / math.sqrt(n))
    at_infection = Course(infectious_before_onset_days=60.0, suspected_after_days=0.0,
                          confirmed_after_days=0.0)  # fmt: skip
    incubation = -infectious_from_s(at_infection, 3, np.arange(n), 0) / DAY
    assert np.median(incubation) == pytest.approx(5.1, rel=0.02)
    assert np.log(incubation).std() == pytest.approx(0.418, rel=0.03)
    share = true_cases(suspected, 3, np.arange(n)).mean()
    assert share == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / n))
    assert true_cases(course, 3, np.arange(n)).all()


def test_onset_follows_the_course_or_an_assumed_lag():
    """20,000 cases: means within four standard errors; the median of a gamma of shape 2 is 0.839 of its
    mean."""
    n = 20_000
    people = np.arange(n)
    lag = -onsets_s(IndexCases(), 3, people, 0) / DAY
    assert lag.mean() == pytest.approx(3.5, abs=4 * 3.5 / math.sqrt(2 * n))
    assert np.median(lag) == pytest.approx(0.8392 * 3.5, rel=0.02)
    course = Course()
    ill = -onsets_s(IndexCases(course=course), 3, people, 0) / DAY
    assert ill.mean() == pytest.approx(3.5, abs=4 * math.hypot(2, 1.5) / math.sqrt(n))
    # It is the same onset as that from which a case could infect.
    before = -infectious_from_s(course, 3, people, 0) / DAY
    assert (before >= ill).all()
    assert (before <= ill + 2.0 + 1e-4).all()
    suspected = Course(known_as="suspected")
    sooner = -onsets_s(IndexCases(course=suspected), 3, people, 0) / DAY
    assert (sooner <= ill).all()
    # A whole day later a case becomes known, a whole day later it fell ill.
    table = IndexCases()
    assert (onsets_s(table, 3, people, DAY) - onsets_s(table, 3, people, 0) == DAY).all()


def test_cases_fall_ill_and_warned_contacts_do_not():
    world, s = build_world(scenario(), 3), scenario()
    context = SimulationContext.build(s, world, 1, StageTimer())
    people = np.arange(40)
    onset = context.onset_s(people)
    assert (onset <= context.published_s).all()
    assert (context.onset_day(people) == onset // DAY).all()
    contacts = replace(context, symptoms=False)
    assert (contacts.onset_s(people) == -1).all()
    assert (contacts.onset_day(people) == -1).all()


def test_only_contacts_of_an_infectious_case_are_risky():
    whole = bz.run(scenario(), 3)
    quick = {"infectious_before_onset_days": 0.5, "suspected_after_days": 0.5}
    late = quick | {"confirmed_after_days": 0.5, "isolated": "known"}
    known = bz.run(scenario(index_cases__course=late), 3)
    sooner = bz.run(scenario(index_cases__course=quick | {"known_as": "suspected"}), 3)
    isolated = bz.run(scenario(index_cases__course=late | {"isolated": "suspected"}), 3)

    def pairs(result):
        o = result.outcomes.take(result.outcomes.level_index == 0)
        return set(zip(o.index_case.tolist(), o.other.tolist(), strict=True))

    assert pairs(sooner) < pairs(known) < pairs(whole)
    # Who is warned does not change; who should be does.
    assert len(whole.warnings) == len(known.warnings) == len(sooner.warnings)
    # Who meets nobody warns nobody of it.
    assert pairs(isolated) < pairs(known)
    assert len(isolated.warnings) < len(known.warnings)
    assert known.metrics[-1].precision < whole.metrics[-1].precision
    # One suspected case in ten is one.
    assert sooner.metrics[-1].precision < 0.3 * known.metrics[-1].precision


def test_metrics_of_reach_and_delay():
    result = bz.run(scenario(), 3)
    world = build_world(scenario(), 3)
    for i, m in enumerate(result.metrics):
        at = result.outcomes.take(result.outcomes.level_index == i)
        level = m.users / 220
        assert m.share_in_reach == pytest.approx((world.rank[at.other] < level).mean())
        assert m.recall <= m.share_both_have_app <= m.share_in_reach
        w = result.warnings.take(result.warnings.level_index == i)
        f1 = w.take(w.level == 1)
        days = (f1.told_s - f1.contact_day_s) / DAY
        assert m.days_contact_to_warning_p50 == pytest.approx(np.median(days))
        followed = np.unique(w.index_case[w.level == 2])
        n_f2 = (w.level == 2).sum()
        assert m.n_f2_per_f1 * m.n_warned_f1 > 0
        assert m.n_f2_per_f1 <= n_f2 / np.isin(f1.index_case, followed).sum() + 1e-9
    assert "Who is warned, and when" in repr(result)


def test_a_history_finds_what_the_case_heard():
    """Phones hear each other by different chances: the two ways agree in most pairs, not in all."""
    keys, history = (bz.run(scenario(publication__upload=u), 3) for u in ("keys", "history"))

    def told(result):
        w = result.warnings.take((result.warnings.level == 1) & (result.warnings.level_index == 2))
        return set(zip(w.index_case.tolist(), w.person.tolist(), strict=True))

    a, b = told(keys), told(history)
    assert a != b
    assert len(a & b) > 0.8 * len(a | b)


@pytest.mark.parametrize("name", ["bluetrace", "robert"])
def test_a_server_reads_its_own_identifiers_and_rejects_others(name):
    s = scenario()
    world = build_world(s, 3)
    ring, other = (
        ServerRing.of(w, name, 1_597_000_000, 1_598_000_000) for w in (world, build_world(s, 4))
    )
    people = np.array([3, 70, 299], np.int32)
    who = np.array([0, 1, 2, 2, 0])
    time_ms = 1_597_500_000_000 + np.array([0, 10, 899_000, 2_000_000, 86_400_000])

    def history(ids, times):
        n = len(times)
        return Sightings(
            observer=np.zeros(n, np.int32), time_ms=times, identifier=ids,
            rssi_dbm=np.full(n, -60, np.int16), protocol=name,
        )  # fmt: skip

    ids = ring.identifiers_at(people, who, time_ms)
    assert ids.shape == (5, ring.protocol.id_size)
    assert ring.senders_of(history(ids, time_ms)).tolist() == people[who].tolist()
    # Late, tampered with, and of another server.
    assert (ring.senders_of(history(ids, time_ms + 3_600_000)) == -1).all()
    broken = ids.copy()
    broken[:, 5] ^= 1
    assert (ring.senders_of(history(broken, time_ms)) == -1).all()
    assert (other.senders_of(history(ids, time_ms)) == -1).all()
    assert len(ring.identifiers_at(people, who[:0], time_ms[:0])) == 0


def test_faults_of_cases():
    with pytest.raises(ScenarioError, match=r'publishes no keys.*set it to "history"'):
        scenario(protocol__name="bluetrace")
    with pytest.raises(ScenarioError, match=r"positive_share: has no effect"):
        scenario(index_cases__course={"positive_share": 0.5})
    with pytest.raises(ScenarioError, match=r"confirmed_after_days: has no effect"):
        scenario(index_cases__course={"known_as": "suspected", "confirmed_after_days": 2.0})
    with pytest.raises(ScenarioError, match=r"onset_to_confirmation_days: has no effect"):
        scenario(index_cases__course={}, index_cases__onset_to_confirmation_days=2.0)
    with pytest.raises(ScenarioError, match="did you mean 'known_as'"):
        scenario(index_cases__course={"know_as": "suspected"})
