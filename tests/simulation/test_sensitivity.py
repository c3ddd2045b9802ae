"""The sensitivity table is made in step; each of its rows is what its scenario gives alone."""

from __future__ import annotations

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.analysis.levels import level_metrics
from bluezone_sim.analysis.outcomes import outcomes_of
from bluezone_sim.radio import radio_model
from bluezone_sim.scenario import arm_scenario
from bluezone_sim.simulation import tracing
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.evaluating import evaluate, index_cases
from bluezone_sim.world import build_world
from helpers.small import scenario

#: What arms change, by what they share with the scenario: nothing but the seed; people; contacts;
#: contacts, and what is published; records too; what phones hold as well.
ARMS = {
    "more phones": {"population.smartphones": 250},
    "calm phones": {"phones.android.tx_power_sd_db": 0.0},
    "no silence": {"contacts.copresence_scale": 0.0},
    "far": {"radio.attenuation_1m_db": 75.0},
    "off": {"phones.off_share": 0.4},
    "open": {"phones.ios_foreground_share": 0.02},
    "crowded": {"radio.density": "on"},
    "history": {"publication.upload": "history"},
    "rule": {"rule.name": "minutes-near"},
    "wide": {"index_cases.near_distance_m": 4.0},
    "consent": {"publication.consent": 0.5},
    "confirmed": {"confirmation.share": 0.5},
}


def _arms(**changes):
    arms = [{"label": label, "set": dict(given)} for label, given in ARMS.items()]
    return scenario(
        sensitivity={"cases": 45, "level": 0.8, "arms": arms},
        confirmation__by="tracer",
        **changes,
    )


def _alone(s, seed, threads):
    """The numbers of a scenario that is followed by itself."""
    world = build_world(s, seed)
    context = SimulationContext.build(s, world, threads, StageTimer())
    cases = np.sort(index_cases(seed, world.n_people, 45, world.known_cases))
    owners = s.population.smartphones
    users = round(0.8 * owners)
    levels = [users / owners]
    found = evaluate(context, cases, cases[:0], levels, lambda done, stage: None)
    outcomes = outcomes_of(world, found, levels, context.phones_off(found.risky))
    (level,) = level_metrics(s, world, found, outcomes, context.days, [users])
    return level.recall, level.recall_ci95, level.precision, level.n_warned_f1


@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_is_what_its_scenario_gives_alone(threads):
    s = _arms()
    rows = bz.run(s, 5, threads=threads).sensitivity
    assert [row.label for row in rows] == ["as in the scenario", *ARMS]
    scenarios = [s, *(arm_scenario(s, arm) for arm in s.sensitivity.arms)]
    for row, own in zip(rows, scenarios, strict=True):
        found = row.recall, row.recall_ci95, row.precision, row.n_warned_f1
        assert found == _alone(own, 5, 1), row.label
    assert len({row.recall for row in rows}) > 6  # the arms do differ


def test_what_arms_share_is_made_once():
    made = {"contacts": 0, "records": 0}

    class Counting(SimulationContext):
        def contacts(self, persons):
            made["contacts"] += 1
            return super().contacts(persons)

        def sightings(self, contacts, level):
            made["records"] += 1
            return super().sightings(contacts, level)

    s = _arms()
    world = build_world(s, 5)
    base = Counting.build(s, world, 1, StageTimer())
    cases = np.sort(index_cases(5, world.n_people, 45))
    one = {"more phones", "calm phones"}  # in other worlds
    scenarios = [s] + [arm_scenario(s, a) for a in s.sensitivity.arms if a.label not in one]
    arms = [base.beside(own) for own in scenarios]
    found = tracing.follow_arms(base, arms, cases, 0.8)
    assert len(found) == len(arms)
    # The scenario's own, and those of the arm in which other people meet.
    assert made["contacts"] == 2
    # Those of rule, distance, consent and confirmation are the scenario's own.
    assert made["records"] == 1 + len(ARMS) - len(one) - 4


def test_a_plan_beside_another_is_its_own():
    s = scenario()
    world = build_world(s, 3)
    base = radio_model(world, s)
    far = scenario(radio__attenuation_1m_db=80.0, phones__off_share=0.3)
    own, beside = radio_model(world, far), radio_model(world, far).beside(base)
    assert beside.people_of is base
    for name, value in own.plan._asdict().items():
        same = getattr(beside.plan, name)
        pairs = zip(value, same, strict=True) if isinstance(value, tuple) else [(value, same)]
        for a, b in pairs:
            np.testing.assert_array_equal(a, b, err_msg=name)
    assert beside.plan.sends is base.plan.sends
    # Another protocol scans at other times: nothing of people is the same.
    gaen = scenario(protocol__name="gaen")
    other = radio_model(world, gaen).beside(base)
    assert other.people_of is None
