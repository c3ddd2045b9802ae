"""What ``[epidemic]`` may not say, and what an arm may not set."""

from __future__ import annotations

import pytest

from bluezone_sim.errors import ScenarioError
from helpers.outbreaks import APP, HAND, NONE, outbreak

RANDOM = {"name": "b", "level": 0.5, "finds": "random", "as_many": "app"}


@pytest.mark.parametrize(
    ("arms", "path", "words"),
    [
        ([HAND, HAND], "epidemic.arms[1].name", "there twice"),
        (
            [HAND, {**APP, "finds": "random", "as_many": "hand"}],
            "epidemic.arms[1].as_many",
            "'hand' warns nobody",
        ),
        (
            [HAND, {**APP, "set": {"phones": {"models": "en-calibration"}}}],
            "epidemic.arms[1].set.phones.models",
            "which all arms share",
        ),
        (
            [HAND, {**APP, "set": {"rule": "cwa"}}],
            "epidemic.arms[1].set: rule",
            "expected a table, found 'cwa'",
        ),
        ([HAND, {"name": "a", "finds": "risky"}], "epidemic.arms[1].finds", "level = 0"),
        ([HAND, {**APP, "finds": "random"}], "epidemic.arms[1].as_many", "one of 'hand'"),
        (
            [HAND, {**APP, "finds": "random", "as_many": "b"}, RANDOM],
            "epidemic.arms[1].as_many",
            "warns at random itself",
        ),
        (
            [{**APP, "as_many": "app"}],
            "epidemic.arms[0].as_many",
            'no effect with finds = "phones"',
        ),
        ([{**APP, "contact_share": 0.5}], "epidemic.arms[0].contact_share", 'finds = "phones"'),
        ([{**APP, "f2": True, "finds": "risky"}], "epidemic.arms[0].f2", 'finds = "risky"'),
        (
            [{**APP, "set": {"population.people": 3}}],
            "epidemic.arms[0].set.population.people",
            "which all arms share",
        ),
        (
            [{**APP, "set": {"epidemic.days": 3}}],
            "epidemic.arms[0].set.epidemic.days",
            "which all arms share",
        ),
        ([{**APP, "set": {"rule.nam": "x"}}], "epidemic.arms[0].set: rule.nam", "unknown key"),
        ([{**APP, "levle": 1.0}], "epidemic.arms[0].levle", "unknown key"),
        # What an arm sets and nothing reads, as with the values of a sweep.
        (
            [{**APP, "set": {"protocol.name": "gaen", "phones.gatt_success": 0.4}}],
            "epidemic.arms[0].set: phones.gatt_success",
            'no effect with protocol.name = "gaen"',
        ),
        (
            [{**APP, "set": {"publication": {"offline_share": 0, "offline_h": 30.0}}}],
            "epidemic.arms[0].set: publication.offline_h",
            "no effect with publication.offline_share = 0",
        ),
        (
            [{**APP, "set": {"rule.attenuation_2m_db": 60.0}}],
            "epidemic.arms[0].set: rule.attenuation_2m_db",
            'no effect with rule.name = "any-match"',
        ),
        (
            [{**HAND, "set": {"rule.name": "minutes-near"}}],
            "epidemic.arms[0].set.rule.name",
            "no effect with level = 0",
        ),
        (
            [{**APP, "finds": "risky", "set": {"radio.exponent": 2.0}}],
            "epidemic.arms[0].set.radio.exponent",
            'no effect with finds = "risky"',
        ),
        (
            [APP, {**RANDOM, "set": {"publication": {"offline_share": 0.0}}}],
            "epidemic.arms[1].set.publication.offline_share",
            'no effect with finds = "random"',
        ),
        (
            [{**APP, "set": {"f2": {"confirm": "none"}}}],
            "epidemic.arms[0].set.f2.confirm",
            "no effect with f2 = false",
        ),
        (
            [{**APP, "manual": False, "set": {"epidemic.manual.named": 0.4}}],
            "epidemic.arms[0].set.epidemic.manual.named",
            "no effect with manual = false",
        ),
    ],
)
def test_arms_that_mean_nothing_are_refused(arms, path, words):
    with pytest.raises(ScenarioError) as error:
        outbreak(arms)
    said = {fault.path: f"{fault.message} {fault.hint}" for fault in error.value.faults}
    assert words in said[path]


@pytest.mark.parametrize(
    ("table", "path", "words"),
    [
        ({"infected": 601}, "epidemic.infected", "601 exceed the 600 people"),
        ({"infected": 0}, "epidemic.infected", "nobody is infected"),
        ({"arms": [NONE], "manual": {"named": 0.2}}, "epidemic.manual", "no effect"),
        ({"days": 0}, "epidemic.days", "1"),
        ({"behaviour": {"compliance": 1.5}}, "epidemic.behaviour.compliance", "1"),
        ({"disease": {"latent_days": 0.2}}, "epidemic.disease.latent_days", "1"),
        (
            {"disease": {"incubation_median_days": 1e6}},
            "epidemic.disease.incubation_median_days",
            "at most 21",
        ),
        ({"disease": {"dispersion": 1e-7}}, "epidemic.disease.dispersion", "at least 0.01"),
        ({"r0": 1e-300}, "epidemic.r0", "at least 0.01"),
    ],
)
def test_tables_that_mean_nothing_are_refused(table, path, words):
    with pytest.raises(ScenarioError) as error:
        outbreak(table.pop("arms", [HAND]), **table)
    said = {fault.path: f"{fault.message} {fault.hint}" for fault in error.value.faults}
    assert words in said[path]


def test_an_arm_may_be_of_another_protocol_and_rule():
    changes = {"protocol.name": "gaen", "epidemic.behaviour.compliance": 0.9}
    found = outbreak([HAND, {**APP, "set": changes}])
    assert found.epidemic.arms[1].set == changes


def test_what_an_arm_sets_and_something_reads_is_taken():
    risky = {**APP, "name": "b", "finds": "risky", "set": {"publication.offline_share": 0.0}}
    f2 = {**APP, "f2": True, "set": {"f2": {"confirm": "none"}, "confirmation.by": "nobody"}}
    away = {**HAND, "set": {"epidemic.behaviour.compliance": 0.2, "epidemic.manual.named": 0.4}}
    found = outbreak([away, f2, risky])
    assert [len(arm.set) for arm in found.epidemic.arms] == [2, 2, 1]
