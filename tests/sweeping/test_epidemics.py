"""Sweeps of scenarios with an epidemic: what a job keeps, what is told over seeds, how one goes on."""

from __future__ import annotations

import dataclasses
import shutil
from io import BytesIO

import pyarrow.parquet as pq
import pytest

import bluezone_sim as bz
from bluezone_sim.analysis.epidemic.summary import ArmSummary, summarise
from bluezone_sim.analysis.epidemic.sums import SUMS, arm_sums
from bluezone_sim.errors import InputError
from bluezone_sim.simulation.epidemic.over_seeds import rounded_arms
from bluezone_sim.sweeping import plan as planning
from bluezone_sim.sweeping.work import work
from helpers.epidemics import small_epidemic
from helpers.small import scenario

COMPLIANCE = "epidemic.behaviour.compliance"
GRID = {COMPLIANCE: [0.2, 0.9]}
FOLDERS = ("results.parquet", "histograms.parquet", "epidemic.parquet")


def town(**changes):
    """Two weeks, two arms; in a sweep the scenario's own number of towns does not matter."""
    few = [{"name": "by hand"}, {"name": "app", "level": 1.0}]
    return small_epidemic(
        **{
            "epidemic__days": 14,
            "epidemic__arms": few,
            "adoption__levels": [1.0],
            "index_cases__count": 10,
            **changes,
        }
    )


def run_at(compliance, seed):
    changed = town(epidemic__behaviour={"compliance": compliance}, epidemic__seeds=1)
    return bz.run(changed, seed).epidemic


def files(out, *folders):
    found = folders or FOLDERS
    return {f"{f}/{p.name}": p.read_bytes() for f in found for p in sorted((out / f).iterdir())}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweeps") / "epidemic"
    return bz.sweep(town(), GRID, 2, workers=1, out=out)


@pytest.fixture(scope="module")
def runs():
    return {(c, s): run_at(c, s) for c in (0.2, 0.9) for s in (1, 2)}


def test_a_job_runs_one_town_with_the_arms_of_every_level():
    plan = planning.plan(town(adoption__levels=[0.6, 1.0], epidemic__arms=[]), {}, 2)
    jobs = plan.jobs()
    assert [job.scenario.epidemic.seeds for job in jobs] == [1, 1]
    done = {planning.task_id(plan.points[0].scenario, 540, 1)}  # 60 % of 900
    (missing, _) = plan.jobs(done)
    assert len(missing.tasks) == 1
    assert missing.scenario.epidemic.arms == jobs[0].scenario.epidemic.arms
    assert "app, 60 %" in [arm.name for arm in missing.scenario.epidemic.arms]


def test_an_epidemic_is_part_of_what_a_task_is():
    ids = {
        planning.task_id(changed, 900, 1)
        for changed in (
            town(),
            town(epidemic__days=15),
            town(epidemic__behaviour={"compliance": 0.1}),
            town(epidemic__arms=[{"name": "x"}]),
        )
    }
    assert len(ids) == 4
    assert planning.task_id(town(epidemic__seeds=9), 900, 1) == planning.task_id(town(), 900, 1)


def test_a_scenario_without_an_epidemic_has_the_ids_that_it_had():
    assert "epidemic" not in planning._numbers_of(scenario())


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"epidemic.seeds": [1, 2]}, "over its seeds, so it cannot be an axis"),
        ({"epidemic.behaviour.complaince": [1]}, "compliance"),
        ({COMPLIANCE: [0.5, 1.5]}, "compliance = 1.5: 1 fault"),
    ],
)
def test_axes_at_fault_are_refused_before_anything_runs(grid, words):
    with pytest.raises(bz.BluezoneSimError, match=words):
        planning.plan(town(), grid, 1)


def test_a_key_of_an_epidemic_without_one_is_not_ignored():
    with pytest.raises(InputError, match=r"small has no epidemic; give it an \[epidemic\]"):
        planning.plan(scenario(), {COMPLIANCE: [0.5]}, 1)


def test_every_job_keeps_its_arms(swept, runs):
    rows = swept.epidemic.to_pylist()
    n_arms = len(runs[0.2, 1].arms)
    assert len(rows) == 4 * n_arms
    for (compliance, seed), found in runs.items():
        mine = [r for r in rows if (r[COMPLIANCE], r["seed"]) == (compliance, seed)]
        assert [r["arm"] for r in mine] == [arm.name for arm in found.arms]
        (one,) = found.seeds
        for row, arm in zip(mine, one.arms, strict=True):
            assert {name: row[name] for name in SUMS} == arm_sums(arm)
            assert (row["people"], row["days"]) == (1200, 14)
            assert row["r0"] == one.fitted.r0
    for row in swept.table.to_pylist():
        base = runs[row[COMPLIANCE], row["seed"]].arms[0]
        assert row["epidemic_baseline_attack_rate"] == base.attack_rate


def test_points_are_what_a_run_of_their_seeds_says(swept, runs):
    assert [p.values for p in swept.epidemics] == [{COMPLIANCE: 0.2}, {COMPLIANCE: 0.9}]
    for point in swept.epidemics:
        seeds = [runs[point.values[COMPLIANCE], s].seeds[0] for s in (1, 2)]
        assert point.seeds == (1, 2)
        assert point.arms == summarise(rounded_arms(town()), seeds).arms
        assert point.transmission["r0"].mean == pytest.approx(sum(s.fitted.r0 for s in seeds) / 2)
    # More who comply stay at home more.
    days = [point.arms[1].quarantine_days_per_person for point in swept.epidemics]
    assert days[0] < days[1]


def test_rows_by_point_and_arm(swept):
    table = swept.epidemics.to_pandas()
    assert len(table) == sum(len(point.arms) for point in swept.epidemics)
    arm = swept.epidemics[1].arms[1]
    row = table[(table[COMPLIANCE] == 0.9) & (table["name"] == arm.name)].iloc[0]
    assert (row["seeds"], row["averted"]) == (2, arm.averted)
    assert (row["averted_ci95_lo"], row["averted_ci95_hi"]) == arm.averted_ci95
    assert row["attack_rate"] == arm.attack_rate
    kept = {f.name.removesuffix("_ci95") for f in dataclasses.fields(ArmSummary)}
    assert kept == {c.removesuffix("_lo").removesuffix("_hi").removesuffix("_ci95") for c in table} - {
        COMPLIANCE, "seeds"
    }  # fmt: skip


def test_the_summary_and_the_document_tell_them(swept, tmp_path):
    for text in (repr(swept), swept.report(tmp_path / "report.html").read_text()):
        assert "Infections by day 14, 2 seeds" in text
        assert "compliance = 0.9" in text
    points = swept.to_dict()["epidemic"]["points"]
    assert [p["values"] for p in points] == [{COMPLIANCE: 0.2}, {COMPLIANCE: 0.9}]
    assert points[0]["arms"][1]["averted"] == swept.epidemics[0].arms[1].averted


def test_points_that_differ_in_their_epidemic_alone_share_their_levels(swept):
    assert len(swept.arms) == 2
    assert len(swept.stationary) == 1


def test_a_sweep_is_opened_as_it_was(swept):
    again = bz.open_sweep(swept.path)
    assert again.epidemic.equals(swept.epidemic)
    assert [p.arms for p in again.epidemics] == [p.arms for p in swept.epidemics]


def test_a_job_that_is_lost_is_run_again_to_the_same_bytes(swept, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(swept.path, out)
    before = files(out)
    victim = sorted((out / "epidemic.parquet").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-9])
    told = []
    found = bz.sweep(town(), GRID, 2, workers=1, out=out, warn=told.append)
    assert victim.name in told[0]
    assert files(out) == before
    assert found.epidemic.equals(swept.epidemic)


def test_more_levels_join_and_arms_stay_what_they_were(tmp_path):
    """The arms of a level do not depend on the others, so a sweep that gets another level is whole."""
    out = tmp_path / "sweep"
    given = town(epidemic__arms=[], epidemic__days=7)
    first = bz.sweep(given, {"adoption": [0.6]}, 1, workers=1, out=out)
    more = bz.sweep(given, {"adoption": [0.6, 1.0]}, 1, workers=1, out=out)
    both = town(epidemic__arms=[], epidemic__days=7, epidemic__seeds=1, adoption__levels=[0.6, 1.0])
    whole = bz.run(both).epidemic

    def numbers(arms):
        return {(a.name, a.level): (a.attack_rate, a.averted, a.warned_positive) for a in arms}

    (found,) = more.epidemics
    assert numbers(found.arms) == numbers(first.epidemics[0].arms) | numbers(whole.arms)
    assert found.arms[0].name == whole.arms[0].name
    assert bz.open_sweep(out).epidemics[0].arms == found.arms


def test_other_axes_have_their_epidemics_too():
    jobs = planning.plan(town(), {"phones.off_share": [0.0, 0.9]}, 1).jobs()
    seen = [pq.read_table(BytesIO(work(job, 1).epidemic)).to_pylist() for job in jobs]
    (by_hand, app), (same, few) = seen
    assert by_hand["warned"] == same["warned"] == 0
    assert by_hand["infected"] == same["infected"]
    assert app["warned"] > few["warned"]
