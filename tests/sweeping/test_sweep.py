"""Sweeps: what is run, what is kept, what is said of it."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

import bluezone_sim as bz
from bluezone_sim.analysis.arrow import metrics_to_arrow
from bluezone_sim.analysis.compare import arm_of
from bluezone_sim.analysis.criteria import judge, require
from bluezone_sim.analysis.statistics import mean_of, paired_mean, seeds_for
from bluezone_sim.errors import CriterionError, InputError, ScenarioError
from bluezone_sim.scenario import Scenario, parse, resolved_toml, shipped
from bluezone_sim.scenario.dotted import override
from bluezone_sim.scenario.loading import point_scenario, validate
from bluezone_sim.sweeping import plan as planning
from bluezone_sim.tables.metrics import METRICS, NUMBERS
from helpers.commands import call
from helpers.results import files, sign
from helpers.small import raw_scenario, scenario, smaller

GRID = {"rule.name": ["any-match", "minutes-near"], "adoption": [0.6, 1.0]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    return bz.sweep(scenario(), GRID, 3, workers=1, out=out)


# -- plans --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("population.people", None),
        ("population.districts[0].urban_share", 0.4),
        ("contacts.school.tie", 0.3),
        ("radio.exponent", 1.2),
        ("rule.name", "minutes-near"),
        ("look_back_days", 5),
        ("date", dt.date(2020, 8, 13)),
        ("timezone", "UTC"),
        ("index_cases.count", 61),
        ("adoption.together.household", 0.5),
        ("publication.consent", 0.91),
        ("f2.confirm", "mutual"),
    ],
)
def test_a_task_is_another_one_when_anything_that_affects_its_numbers_is(key, value):
    raw = raw_scenario()
    if value is None:
        raw["population"]["people"], raw["population"]["districts"][1]["people"] = 301, 111
    else:
        override(raw, key, value)
    one, other = scenario(), validate(raw)
    assert planning.task_id(one, 100, 1) != planning.task_id(other, 100, 1)
    assert planning.task_id(one, 100, 1) != planning.task_id(one, 101, 1)
    assert planning.task_id(one, 100, 1) != planning.task_id(one, 100, 2)


def test_a_task_is_the_same_when_only_words_and_questions_differ():
    raw = raw_scenario()
    raw |= {"name": "other", "title": "Other", "seed": 9, "sweep": {"seeds": 4}}
    raw["expect"] = [{"metric": "recall", "at_least": 0.1}]
    raw["sensitivity"] = {"arms": [{"label": "x", "set": {"phones.off_share": 0.3}}]}
    raw["limits"] = {"memory_mib": 9000.0}
    raw["adoption"]["levels"] = [0.5]
    assert planning.task_id(scenario(), 100, 1) == planning.task_id(validate(raw), 100, 1)


def test_no_other_table_of_a_scenario_is_silent():
    silent = {"name", "title", "seed", "sensitivity", "sweep", "expect", "limits"}
    heard = {key.partition(".")[0] for key in planning.base_of(scenario(), ())}
    assert set(Scenario.model_fields) - heard == silent | {
        "campaign",
        "epidemic",
    }  # none of which it has


def test_a_task_is_another_one_with_another_numeric_version(monkeypatch):
    before = planning.task_id(scenario(), 100, 1)
    monkeypatch.setattr(planning, "NUMERIC_VERSION", 999)
    assert planning.task_id(scenario(), 100, 1) != before


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_point_that_changes_nothing_is_the_scenario(name):
    whole = bz.load(name)
    bare = whole.model_copy(update={"sensitivity": None, "sweep": None, "expect": None})
    assert point_scenario(whole, {}) == bare


@pytest.mark.slow
def test_who_adopts_together_can_be_an_axis():
    grid = {"adoption.together.household": [0.0, 0.9], "adoption": [0.6]}
    for arm in bz.sweep(scenario(), grid, 1, workers=1).arms:
        together = {"household": arm.values["adoption.together.household"]}
        (alone,) = bz.run(scenario(adoption__together=together, adoption__levels=[0.6]), 1).metrics
        assert arm.metrics[0].recall == alone.recall


def test_a_grid_is_the_product_of_its_axes_and_levels_share_a_simulation():
    made = planning.plan(scenario(seed=5), {**GRID, "phones.off_share": [0, 0.5, 0.9]}, 4)
    assert len(made.points) == 6
    assert made.seeds == (5, 6, 7, 8)
    jobs = made.jobs()
    assert len(jobs) == 24
    assert len(made.task_ids()) == len(set(made.task_ids())) == 48
    assert all(len(job.tasks) == 2 for job in jobs)
    assert {job.seed for job in jobs[:6]} == {5}  # whole seeds first
    assert made.axes["phones.off_share"] == (0.0, 0.5, 0.9)
    done = set(jobs[0].tasks[:1])
    again = made.jobs(done)[0]
    assert again.tasks == jobs[0].tasks[1:]
    assert [level.users for level in again.scenario.adoption.levels] == [220]


@pytest.mark.parametrize(
    ("grid", "seeds", "words"),
    [
        ({"radio.densty": ["on"]}, 1, "did you mean 'density'"),
        ({"seed": [1]}, 1, "cannot be an axis"),
        ({"title": ["a"]}, 1, "cannot be an axis"),
        ({"campaign.users": [1]}, 1, "small has no campaign"),
        ({"protocol": ["bluezone"], "protocol.name": ["bluezone"]}, 1, "given twice"),
        ({"phones.off_share": []}, 1, "one or more values"),
        ({"phones.off_share": "0.1"}, 1, "one or more values"),
        ({"phones.off_share": [0, 0.0]}, 1, "the same value twice"),
        ({"rule.minutes": [5.0, 15.0]}, 1, "has no effect"),
        ({"adoption": [0.5, 1.5]}, 1, "adoption.levels"),
        ({"phones.off_share": [0.1, 1.2]}, 1, "phones.off_share = 1.2"),
        ({"phones.off_share": [0.1]}, 0, "at least 1"),
        ({"phones.off_share": [i / 1000 for i in range(1000)]}, 1000, "at most 1,000,000"),
        ({"population.districts[7].people": [1]}, 1, "no '7'"),
    ],
    ids=str,
)
def test_a_grid_at_fault_is_refused_before_anything_runs(grid, seeds, words):
    with pytest.raises(InputError, match=None) as caught:
        planning.plan(scenario(), grid, seeds)
    assert words in str(caught.value)


def test_a_key_that_only_some_points_need_may_stay():
    s = scenario(rule__name="minutes-near", rule__minutes=10.0)
    points = planning.plan(s, {"rule.name": ["any-match", "minutes-near"]}, 1).points
    assert [p.scenario.rule.model_dump() for p in points] == [
        {"name": "any-match"},
        s.rule.model_dump(),
    ]
    assert s.rule.minutes == 10.0


# -- numbers ------------------------------------------------------------------------------------------


def test_each_row_is_what_a_run_of_its_own_gives(swept):
    assert len(swept.table) == 12
    for row in swept.table.to_pylist():
        level = row["adoption_smartphones"]
        s = scenario(rule__name=row["rule.name"], adoption__levels=[level])
        (alone,) = bz.run(s, row["seed"]).metrics
        assert row["users"] == alone.users
        for name in ("recall", "precision", "n_warned_f1", "n_warned_f2", "hours_to_warning_p50"):
            assert row[name] == getattr(alone, name)
        assert (row["recall_ci95_lo"], row["recall_ci95_hi"]) == alone.recall_ci95
        assert row["lost_no_app"] == alone.lost["no_app"]


@pytest.mark.parametrize("name", ["yen-bai-campaign", "workplace-trace"])
def test_a_sweep_leaves_out_what_it_does_not_keep_and_changes_no_number(name, tmp_path):
    whole, found = bz.run(smaller(name), 1), bz.sweep(smaller(name), {}, 1, workers=1)
    assert found.arms[0].metrics[-1].recall == whole.metrics[-1].recall
    assert found.table["precision"].to_pylist() == [m.precision for m in whole.metrics]


def test_a_trace_is_what_it_holds_wherever_it_is(tmp_path):
    folder = shipped()["workplace-trace"].parent
    text = (folder / "workplace-trace.csv").read_text(encoding="utf-8")
    (tmp_path / "workplace-trace.csv").write_text(text, encoding="utf-8")
    scenario_text = (folder / "workplace-trace.toml").read_text(encoding="utf-8")
    (tmp_path / "w.toml").write_text(scenario_text, encoding="utf-8")
    ids = {planning.task_id(bz.load(p), 10, 1) for p in ("workplace-trace", tmp_path / "w.toml")}
    assert len(ids) == 1
    lines = text.splitlines(keepends=True)
    (tmp_path / "workplace-trace.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    assert planning.task_id(bz.load(tmp_path / "w.toml"), 10, 1) not in ids


def test_the_table_is_what_is_on_disk_and_has_no_timing(swept):
    whole = pq.read_table(swept.path / "results.parquet")
    assert sorted(whole["task"].to_pylist()) == sorted(swept.table["task"].to_pylist())
    assert not {"seconds", "threads", "host", "peak_memory_mib"} & set(whole.column_names)
    assert whole.schema.metadata[b"bluezone_sim.numeric_version"]
    timings = pq.read_table(swept.path / "timings.parquet")
    assert len(timings) == 6
    assert min(timings["seconds"].to_pylist()) > 0
    again = bz.open_sweep(swept.path)
    assert again.table.equals(swept.table)
    assert again.axes == swept.axes == {"rule.name": ("any-match", "minutes-near")}
    assert again.scenario == swept.scenario


def test_arms_are_means_over_seeds_and_differences_are_paired(swept):
    first, second = swept.arms
    assert (first.label, second.label) == ("name = any-match", "name = minutes-near")
    rows = swept.table.to_pylist()
    recall = [
        np.array([r["recall"] for r in rows if r["rule.name"] == name and r["users"] == 132])
        for name in ("any-match", "minutes-near")
    ]
    assert first.metrics[0].recall == pytest.approx(np.mean(recall[0]))
    ends = within(recall[0].mean(), stats.sem(recall[0]), 2)
    assert first.metrics[0].recall_ci95 == pytest.approx(ends)
    delta = np.subtract(recall[1], recall[0])
    found = next(d for d in swept.differences if d.users == 132 and d.metric == "recall")
    assert found.difference.mean == pytest.approx(delta.mean())
    assert found.difference.sd == pytest.approx(delta.std(ddof=1))
    for arm in swept.arms:
        for m in arm.metrics:
            assert sum(m.lost.values()) + m.recall == pytest.approx(1)


def test_distributions_are_summed_over_seeds_at_the_highest_level(swept):
    alone = [bz.run(scenario(adoption__levels=[1.0]), seed).histograms for seed in (1, 2, 3)]
    for i, found in enumerate(swept.histograms["name = any-match"]):
        assert found.name == alone[0][i].name
        assert found.edges.tolist() == alone[0][i].edges.tolist()
        for series, counts in found.counts.items():
            assert counts.tolist() == sum(a[i].counts[series] for a in alone).tolist()


def test_an_interval_holds_the_truth_95_times_in_100():
    """4,000 sweeps of 6 normal seeds: the share that misses is binomial, sd 0.34 points; 4 sd."""
    draws = np.random.default_rng(5).normal(3.0, 2.0, (4000, 6))
    inside = [m.ci95[0] <= 3.0 <= m.ci95[1] for m in map(mean_of, draws)]
    assert abs(np.mean(inside) - 0.95) < 4 * (0.95 * 0.05 / 4000) ** 0.5


def within(mean, se, df):
    """Wilson's interval as the roots of its quadratic, with the draws that have this error."""
    n, t = mean * (1 - mean) / se**2, stats.t.ppf(0.975, df)
    return tuple(sorted(np.roots([1 + t**2 / n, -(2 * mean + t**2 / n), mean**2])))


@pytest.mark.parametrize(
    ("values", "within", "least", "most"),
    [
        ([0.0, 0.0072, 0.036], "share", 0.0, 1.0),
        ([1.0, 0.9, 0.99], "share", 0.0, 1.0),
        ([0.1, 2.4, 0.3], "positive", 0.0, np.inf),
        ([0.9, -0.3, 0.95], "difference", -1.0, 1.0),
    ],
)
def test_an_interval_over_seeds_stays_where_its_number_can_be(values, within, least, most):
    low, high = mean_of(values).ci95
    assert low < least or high > most  # Student's does not
    found = mean_of(values, within)
    assert least <= found.ci95[0] < found.mean < found.ci95[1] <= most
    assert (mean_of(values[:1], within).ci95, mean_of([0.3] * 5, within).ci95) == (None, None)


def test_differences_of_shares_stay_between_minus_and_plus_one():
    a, b = {1: 0.95, 2: 0.9, 3: 0.2}, {1: 0.02, 2: 0.05, 3: 0.1}
    low, high = paired_mean(a, b, "difference").ci95
    assert -1 < low < paired_mean(a, b).mean < high < 1 < paired_mean(a, b).ci95[1]
    apart = {k + 10: v for k, v in b.items()}
    assert paired_mean(a, apart, "difference").ci95[0] > -1
    assert paired_mean({1: 0.5, 2: 0.5}, {3: 0.4, 4: 0.4}, "difference").ci95 is None


def test_means_of_nothing_and_of_one_are_undefined_where_they_should_be():
    assert (mean_of([]).mean, mean_of([None]).n) == (None, 0)
    one = mean_of([None, 0.5])
    assert (one.mean, one.ci95, one.sd, one.n) == (0.5, None, None, 1)


@pytest.mark.parametrize("mean", [0.02, 0.4])
@pytest.mark.parametrize("sd", [0.0, 0.001, 0.01, 0.2])
def test_the_number_of_seeds_is_the_smallest_that_is_enough(mean, sd):
    """For recall to within 5 % of itself: 0.02 needs many more seeds than 0.4 with the same spread."""

    def half(n):
        return stats.t.ppf(0.975, n - 1) * sd / n**0.5

    n = seeds_for(mean, sd, 0.05)
    assert half(n) <= 0.05 * mean
    assert n == 2 or half(n - 1) > 0.05 * mean
    assert seeds_for(mean, None, 0.05) is None
    assert seeds_for(0.0, sd, 0.05) is None
    assert seeds_for(1e-3, 1e3, 0.05) is None


# -- going on -----------------------------------------------------------------------------------------


def sweep_and_count(out, *arguments, **kwargs):
    """How many simulations a sweep ran."""
    seen = []
    bz.sweep(*arguments, workers=1, out=out, progress=seen.append, **kwargs)
    assert seen[-1].done == seen[-1].total
    return len(seen) - 1


def test_running_again_does_only_what_is_missing(tmp_path):
    out = tmp_path / "out"
    assert sweep_and_count(out, scenario(), {"adoption": [0.6]}, 2) == 2
    before = files(out)
    assert sweep_and_count(out, scenario(), {"adoption": [0.6]}, 2) == 0
    assert sweep_and_count(out, scenario(), {"adoption": [0.6]}, 3) == 1
    assert sweep_and_count(out, scenario(), {"adoption": [0.6, 1.0]}, 3) == 3
    assert files(out).items() >= before.items()
    whole = bz.sweep(scenario(), {"adoption": [0.6, 1.0]}, 3, workers=1, out=tmp_path / "whole")
    assert bz.open_sweep(out).table.equals(whole.table)
    # A narrower question is answered from what is there, and by what was asked alone.
    one = bz.sweep(scenario(), {"adoption": [1.0]}, 1, workers=1, out=out)
    assert len(one.table) == 1


def test_more_values_of_an_axis_may_join(tmp_path):
    out = tmp_path / "out"
    assert sweep_and_count(out, scenario(), {"phones.off_share": [0.1]}, 1) == 1
    assert sweep_and_count(out, scenario(), {"phones.off_share": [0.5, 0.1]}, 1) == 1
    assert [a.values["phones.off_share"] for a in bz.open_sweep(out).arms] == [0.1, 0.5]


def test_a_directory_keeps_to_its_sweep(tmp_path, monkeypatch):
    out = tmp_path / "out"
    bz.sweep(scenario(), {"phones.off_share": [0.1]}, 1, workers=1, out=out)
    before = files(out)
    for s, grid, words in (
        (scenario(), {"publication.consent": [0.1]}, "a sweep over phones.off_share, not over"),
        (scenario(radio__exponent=2.0), {"phones.off_share": [0.1]}, "radio.exponent = 1.71"),
    ):
        with pytest.raises(InputError, match=words):
            bz.sweep(s, grid, 1, workers=1, out=out)
    about = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    about["numeric_version"] += 1
    (out / "sweep.json").write_text(json.dumps(about), encoding="utf-8")
    sign(out)
    with pytest.raises(InputError, match="do not mix"):
        bz.sweep(scenario(), {"phones.off_share": [0.1]}, 2, workers=1, out=out)
    assert files(out) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match="other files"):
        bz.sweep(scenario(), {}, 1, workers=1, out=tmp_path / "mine")


def test_a_scenario_can_bring_its_sweep():
    s = scenario(sweep={"seeds": 2, "grid": {"rule.name": ["any-match"], "adoption": [0.5]}})
    assert parse(resolved_toml(s)) == s
    found = bz.sweep(s, {"adoption": [1.0]}, workers=1)
    assert [(r["users"], r["seed"]) for r in found.table.to_pylist()] == [(220, 1), (220, 2)]
    assert found.path is None


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ({"grid": {"seed": [1]}}, "sweep.grid.seed"),
        ({"grid": {"protocol": ["a"], "protocol.name": ["a"]}}, "sweep.grid.protocol.name"),
        ({"grid": {"phones.off_share": [0.1, 0.1]}}, "sweep.grid.phones.off_share"),
        ({"seds": 3}, "sweep.seds"),
        ({"grid": {"phones.of_share": [0.1]}}, "sweep.grid.phones.of_share"),
        ({"grid": {"population.people.x": [1]}}, "sweep.grid.population.people.x"),
        ({"grid": {"phones..off_share": [0.1]}}, "sweep.grid.phones..off_share"),
        ({"grid": {"phones.off_share": 0.1}}, "sweep.grid.phones.off_share"),
    ],
)
def test_a_sweep_table_at_fault_is_said_when_it_is_loaded(table, path):
    with pytest.raises(ScenarioError) as caught:
        scenario(sweep=table)
    assert path in [f.path for f in caught.value.faults]


# -- criteria -----------------------------------------------------------------------------------------


def test_criteria_are_judged_by_level_and_arm(swept):
    at = {m.users: m.recall for m in swept.arms[0].metrics}
    s = scenario(
        sweep={"grid": {"rule.name": ["any-match", "minutes-near"]}},
        expect=[
            {"metric": "recall", "adoption": 0.6, "at_least": at[132] - 0.01, "where": WHERE},
            {"metric": "recall", "users": 220, "at_most": at[220] - 0.01, "where": WHERE},
            {"metric": "recall", "users": 220, "fall_at_most": 0.0},
            {"metric": "precision", "at_least": 0.0},
        ],
    )
    found = judge(s, swept.arms)
    assert [v.passed for v in found] == [True, False, True, True, True, True]
    with pytest.raises(CriterionError, match=r"1 of 6 criteria missed\n  - recall at 100 %"):
        require(found)
    both = judge(s, swept.arms[1:], swept.arms[:1])
    fell = next(v for v in both if "fall" in v.expected)
    assert fell.change == pytest.approx(swept.arms[1].metrics[1].recall - at[220])
    assert fell.passed == (fell.change >= 0)


WHERE = {"rule.name": "any-match"}


def test_any_number_of_a_level_can_be_a_criterion(swept):
    """Kept at the value that the table has and missed beyond it, by runs, sweeps and comparisons."""
    columns = [
        c for c in bz.run(scenario(), 1).metrics.to_arrow().column_names if c != "level_index"
    ]
    assert list(NUMBERS) == columns
    assert set(columns) <= set(METRICS.names())
    result = bz.run(scenario(adoption__levels=[1.0], index_cases__f2_count=40), 1)
    (row,) = result.metrics.to_arrow().to_pylist()
    means = metrics_to_arrow(swept.arms[0].metrics[1:]).to_pylist()[0]
    for name in NUMBERS:
        for arms, value in (([arm_of(result)], row[name]), (swept.arms[:1], means[name])):
            assert value is not None, name
            for bound, more in (("at_least", 0.01), ("at_most", -0.01)):
                near, far = (
                    scenario(
                        adoption__levels=[1.0],
                        expect=[{"metric": name, "users": 220, bound: value + by}],
                    )
                    for by in (0.0, more)
                )
                assert [v.passed for v in judge(near, arms)] == [True]
                (missed,) = judge(far, arms)
                assert not missed.passed
                assert METRICS.get(name).title in str(missed)
            rise = scenario(expect=[{"metric": name, "users": 220, "rise_at_most": 0.0}])
            assert [(v.change, v.passed) for v in judge(rise, arms, arms)] == [(0.0, True)]


def test_an_undefined_number_misses():
    result = bz.run(scenario(adoption__levels=[0], index_cases__f2_count=0), 1)
    for name in ("precision", "n_warned_f2", "n_f2_per_f1", "days_contact_to_warning_p50"):
        s = scenario(adoption__levels=[0.0], expect=[{"metric": name, "at_least": 0.0}])
        (verdict,) = judge(s, [arm_of(result)])
        assert (verdict.value, verdict.passed) == (None, False)


def test_a_run_is_judged_as_the_arm_that_it_is():
    grid = {"protocol": ["bluezone", "gaen"], "date": [dt.date(2020, 8, 12), dt.date(2020, 8, 13)]}
    for where, kept in (
        ({"protocol": "bluezone"}, [False]),
        ({"protocol": "bluezone", "date": dt.date(2020, 8, 12)}, [False]),
        ({"protocol": "gaen"}, []),
        ({"date": dt.date(2020, 8, 13)}, []),
    ):
        expect = [{"metric": "recall", "at_least": 0.9, "where": where}]
        s = scenario(adoption__levels=[1.0], sweep={"grid": grid}, expect=expect)
        assert [v.passed for v in judge(s, [arm_of(bz.run(s, 1))])] == kept
    # A sweep is asked for its arms, so one that is not there is missed.
    expect = [{"metric": "recall", "at_least": 0.0, "where": {"protocol": "gaen"}}]
    s = scenario(sweep={"grid": grid}, expect=expect)
    (verdict,) = judge(s, bz.sweep(s, {"protocol": ["bluezone"]}, 1, workers=1).arms)
    assert not verdict.passed
    assert "there is no such level or arm" in str(verdict)


def test_axes_without_quotes_are_dotted_keys():
    text = (
        resolved_toml(scenario())
        + """
[sweep.grid]
phones.off_share = [0.1, 0.3]
phones.android.killed_share = [0.0]
protocol = ["bluezone"]

[[expect]]
metric = "recall"
at_least = 0.0
where.phones.off_share = 0.3
"""
    )
    s = parse(text)
    assert list(s.sweep.grid) == ["phones.off_share", "phones.android.killed_share", "protocol"]
    assert s.expect[0].where == {"phones.off_share": 0.3}
    assert parse(resolved_toml(s)) == s


def test_an_axis_may_have_no_value_at_some_points(tmp_path):
    grid = {
        "radio.scan_on_s": [None, 20.0],
        "index_cases.course": [None, {"known_as": "suspected"}],
    }
    found = bz.sweep(scenario(), grid, 1, workers=1, out=tmp_path / "out")
    assert [a.values["radio.scan_on_s"] for a in found.arms] == [None, None, 20.0, 20.0]
    again = bz.open_sweep(tmp_path / "out")
    assert again.table.equals(found.table)
    assert again.differences == found.differences
    json.dumps(again.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("recal", "did you mean 'recall'"),
        ("Recall", "did you mean 'recall'"),
        ("share_recordd", "did you mean 'share_recorded'"),
        ("warned", "did you mean 'n_warned_f1' or 'n_warned_f2'"),
        ("lost_radio", "did you mean 'lost_radio_missed'"),
        ("hours", "did you mean 'hours_to_warning_p50'"),
        ("delay", "such as recall, precision or n_warned_f1; `bluezone-sim list --metrics` tells"),
        ("", "such as recall, precision or n_warned_f1; `bluezone-sim list --metrics` tells"),
        ("recall_ios", "did you mean 'recall_ios_ios'"),
    ],
)
def test_a_misspelt_metric_is_told_its_neighbours(name, hint):
    with pytest.raises(ScenarioError) as caught:
        scenario(expect=[{"metric": name, "at_least": 0.1}])
    assert f"expect[0].metric: unknown metric {name!r} ({hint}" in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("criterion", "path"),
    [
        ({"metric": "recall"}, "expect[0]"),
        ({"metric": "recal", "at_least": 0.1}, "expect[0].metric"),
        ({"metric": "recall", "at_least": 0.2, "at_most": 0.1}, "expect[0]"),
        ({"metric": "recall", "at_least": 0.2, "adoption": 0.31}, "expect[0].adoption"),
        ({"metric": "recall", "at_least": 0.2, "users": 7}, "expect[0].users"),
        ({"metric": "recall", "at_least": 0.2, "users": 220, "adoption": 1.0}, "expect[0].users"),
        ({"metric": "recall", "at_least": 0.2, "where": WHERE}, "expect[0].where.rule.name"),
        ({"metric": "recall", "at_last": 0.2}, "expect[0].at_last"),
        (
            {"metric": "recall", "at_least": 0.2, "where": {"adoption": 0.3}},
            "expect[0].where.adoption",
        ),
    ],
)
def test_a_criterion_at_fault_is_said_when_it_is_loaded(criterion, path):
    with pytest.raises(ScenarioError) as caught:
        scenario(expect=[criterion])
    assert path in [f.path for f in caught.value.faults]


# -- the command line ---------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(resolved_toml(scenario()), encoding="utf-8")
    return tmp_path


def test_sweep_compare_and_criteria_from_the_command_line(town, capsys):
    grid = ("--grid", "phones.off_share=0.1,0.6", "--grid", "adoption=0.6,1", "--workers", 1)
    assert call("sweep", "small.toml", *grid, "--seeds", 2, "--out", "a") == 0
    text = capsys.readouterr().out
    assert "8 results from 4 simulations (2 arms, 2 seeds)" in text
    assert "Difference from off_share = 0.1" in text
    assert call("sweep", "small.toml", *grid, "--seeds", 2, "--out", "a", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [a["values"]["phones.off_share"] for a in document["arms"]] == [0.1, 0.6]
    assert document["arms"][0]["levels"][1]["users"] == 220
    assert document["simulations"] == 4
    strict = ("--set", 'expect=[{metric="recall", fall_at_most=0.01, at_least=0.0}]')
    assert call("sweep", "small.toml", *grid, "--seeds", 2, "--out", "b", *strict) == 0
    capsys.readouterr()
    assert call("compare", "a", "b", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {d["difference"]["mean"] for d in document["differences"]} == {0.0}
    assert all(v["passed"] for v in document["expect"])
    off = ("--set", "phones.off_share=0.6")
    assert call("run", "small.toml", "--out", "r1", "--quiet") == 0
    assert call("run", "small.toml", "--out", "r2", "--quiet", *off, *strict) == 0
    assert call("compare", "r1", "r2") == 1
    captured = capsys.readouterr()
    assert "Difference, B from A" in captured.out
    assert "fall at most 1.00 points" in captured.err
    assert call("run", "small.toml", "--out", "r3", "--set", HIGH, "--json") == 1
    captured = capsys.readouterr()
    assert not json.loads(captured.out)["expect"][0]["passed"]
    assert (town / "r3" / "manifest.json").exists()


HIGH = 'expect=[{metric="recall", adoption=0.6, at_least=0.9}]'


def test_the_default_directory_is_the_same_for_the_same_question(town, capsys):
    for seeds in (1, 2):
        assert call("sweep", "small.toml", "--seeds", seeds, "--workers", 1, "--quiet") == 0
    (out,) = (town / "sweeps").iterdir()
    assert len(files(out)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--grid", "phones.off_share"], "KEY=V1,V2"),
        (["--grid", "phones.off_share=0.1,,0.2"], "empty value"),
        (["--grid", "phones.off_share=0.1", "--grid", "phones.off_share=0.2"], "given twice"),
        (["--grid", "phones.of_share=0.1"], "did you mean 'off_share'"),
        (["--grid", "phones..off_share=0.1"], "expected a dotted key"),
        (["--grid", "rule.name=any,minutes-near"], "with rule.name = any: 1 fault"),
        (["--seeds", "0"], "at least 1"),
        (["--workers", "0"], "workers"),
        (["--out", "small.toml"], "cannot be written"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_bad_input_says_so_and_exits_with_2(town, capsys, arguments, words):
    before = sorted(town.iterdir())
    assert call("sweep", "small.toml", *arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert sorted(town.iterdir()) == before


def test_values_are_toml_where_they_can_be(town):
    from bluezone_sim.cli.sweep import axes_of

    assert axes_of(["a=1,0.5,on", 'b="x,y"', "c=[1,2],[3]", "d=true"]) == {
        "a": [1, 0.5, "on"],
        "b": ["x,y"],
        "c": [[1, 2], [3]],
        "d": [True],
    }


def test_what_is_no_run_and_no_sweep_cannot_be_compared(town, capsys):
    assert call("compare", "nothing", "small.toml") == 2
    assert "no such directory" in capsys.readouterr().err
