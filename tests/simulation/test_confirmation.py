"""The person between match and warning, and what results say of the rule and of the person."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.analysis.compare import compare
from bluezone_sim.report.figures import _STAGE_COLOURS
from bluezone_sim.report.findings import _WHY
from bluezone_sim.report.text import compare_table
from bluezone_sim.tables.stages import OUTCOMES, STAGES
from helpers.small import scenario

BRIEF = {"index_cases__f2_count": 0, "adoption__levels": [1.0], "look_back_days": 2}


def run(**changes):
    return bz.run(scenario(**{**BRIEF, **changes}), 3)


@pytest.fixture(scope="module")
def everybody():
    """Whom the authority confirms at once."""
    return run(confirmation__delay_h=0.0)


def test_an_authority_that_confirms_all_at_once_is_as_nobody(everybody):
    alone = run(confirmation__by="nobody")
    (a,), (b,) = everybody.metrics, alone.metrics
    assert (a.recall, a.precision, a.n_warned_f1) == (b.recall, b.precision, b.n_warned_f1)
    assert np.array_equal(everybody.outcomes.outcome, alone.outcomes.outcome)
    assert (b.n_matched_f1, b.n_confirmed_f1) == (None, None)
    assert a.n_matched_f1 == a.n_confirmed_f1 >= a.n_warned_f1 > 0


def test_whom_nobody_confirms_is_lost_there(everybody, tmp_path):
    (all_of_them,) = everybody.metrics
    unconfirmed = run(confirmation__share=0.0)
    (none,) = unconfirmed.metrics
    assert (none.recall, none.n_warned_f1, none.n_confirmed_f1) == (0.0, 0.0, 0.0)
    assert none.n_matched_f1 == all_of_them.n_matched_f1
    matched = all_of_them.recall + all_of_them.lost["not_matched_in_time"]
    assert none.lost["not_confirmed"] == pytest.approx(matched)
    assert sum(none.lost.values()) + none.recall == pytest.approx(1.0)
    page = unconfirmed.save(tmp_path / "run") / "report.html"
    assert STAGES["not_confirmed"] in page.read_text(encoding="utf-8")


def test_every_stage_has_words_and_a_colour_of_its_own():
    assert {*_WHY, "warned"} == set(OUTCOMES)
    assert set(_STAGE_COLOURS) == set(OUTCOMES)
    assert len(set(_STAGE_COLOURS.values())) == len(OUTCOMES)


def test_confirmed_are_a_share_of_the_matched_and_a_delay_makes_them_late(everybody):
    half = run(confirmation__share=0.5, confirmation__delay_h=24.0)
    (m,), (whole,) = half.metrics, everybody.metrics
    assert m.n_matched_f1 == whole.n_matched_f1
    n = m.n_matched_f1 * half.n_f0
    assert m.n_confirmed_f1 / m.n_matched_f1 == pytest.approx(0.5, abs=4 * 0.5 / n**0.5)
    assert m.n_warned_f1 < m.n_confirmed_f1
    assert m.hours_to_warning_p50 > whole.hours_to_warning_p50 + 5
    warned = OUTCOMES.index("warned")
    fewer = half.outcomes.outcome == warned
    assert (everybody.outcomes.outcome[fewer] == warned).all()


def test_results_name_the_rule_and_count_matched_apart(everybody):
    text = repr(everybody)
    assert "small (seed 3, bluezone, rule any-match): " in text
    assert "What the app finds (bluezone, rule any-match)" in text
    assert "matched" in text
    document = json.loads(json.dumps(everybody.to_dict()))
    assert document["rule"]["name"] == "any-match"
    assert document["confirmation"]["by"] == "authority"
    assert {"n_matched_f1", "n_confirmed_f1"} <= document["levels"][0].keys()


def test_a_rule_of_an_app_warns_fewer_and_compare_names_both(tmp_path):
    rule, any_match = (
        run(protocol__name="gaen", **more) for more in ({}, {"rule__name": "any-match"})
    )
    (a,), (b,) = rule.metrics, any_match.metrics
    assert 0 < a.recall < b.recall
    assert a.precision > b.precision
    assert a.n_matched_f1 is None
    assert "gaen, rule cwa (ENF 2, 10 Dec 2020)" in repr(rule)
    assert "matched" not in repr(rule)
    found = compare(any_match, rule)
    assert {d.arm for d in found.differences} == {"gaen, rule cwa / gaen, rule any-match"}
    assert compare_table(found.arms).rows[0][0] == "gaen, rule cwa / gaen, rule any-match"
    assert found.to_dict()["arms"][0]["rules"] == {"a": "any-match", "b": "cwa"}
    page = rule.save(tmp_path / "run") / "report.html"
    assert "gaen, rule cwa (ENF 2, 10 Dec 2020)" in page.read_text(encoding="utf-8")
    again = bz.open_run(tmp_path / "run")
    assert again.scenario.rule == rule.scenario.rule
    assert again.to_dict()["rule"] == rule.to_dict()["rule"]


def test_a_sweep_over_protocols_takes_each_ones_rule_and_names_it():
    found = bz.sweep(scenario(**BRIEF), {"protocol": ["bluezone", "gaen"]}, 1, workers=1)
    assert [arm.rule for arm in found.arms] == ["any-match", "cwa"]
    assert [arm.label for arm in found.arms] == ["bluezone, rule any-match", "gaen, rule cwa"]
    assert [arm["rule"] for arm in found.to_dict()["arms"]] == ["any-match", "cwa"]
    assert "rules any-match, cwa" in found.headline()
    alone = bz.run(scenario(protocol__name="gaen", **BRIEF))
    assert found.arms[1].metrics[0].recall == alone.metrics[0].recall
