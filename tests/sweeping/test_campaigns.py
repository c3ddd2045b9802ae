"""Campaigns in sweeps: as runs of their own give them, kept, gone on with, compared, told, judged."""

from __future__ import annotations

import datetime as dt
import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

import bluezone_sim as bz
from bluezone_sim.analysis.compare import campaigns_in, compare
from bluezone_sim.analysis.criteria import judge
from bluezone_sim.analysis.statistics import interval
from bluezone_sim.api import write_reports
from bluezone_sim.errors import InputError, ScenarioError
from bluezone_sim.report.page.page import render_sweep
from bluezone_sim.scenario import resolved_toml
from bluezone_sim.scenario.loading import validate
from bluezone_sim.simulation.campaign import ALL, NONE, SCATTERED
from bluezone_sim.sweeping import local, store
from bluezone_sim.sweeping import plan as planning
from bluezone_sim.tables.metrics import DAY_NUMBERS, number_of
from helpers.campaigns import DATE, raw_campaign
from helpers.commands import call
from helpers.page import Page
from helpers.results import files
from helpers.small import scenario

GRID = {"campaign.users": [30, 70], "campaign.measures[1].share": [0.1, 0.5]}
FOLDERS = ("results.parquet", "histograms.parquet", "campaign.parquet")
END = DATE + dt.timedelta(days=4)


def town(**changes):
    return validate(raw_campaign(**changes))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    return bz.sweep(town(), GRID, 3, workers=1, out=out)


@pytest.fixture(scope="module")
def alone():
    """Runs of their own: by users, share and seed."""
    return {
        (users, share, seed): bz.run(
            town(campaign__users=users, **{"campaign__measures[1]__share": share}), seed
        )
        for users, share in ((30, 0.1), (70, 0.5))
        for seed in (1, 2)
    }


# -- plans --------------------------------------------------------------------------------------------


def test_a_campaign_is_part_of_what_a_task_is():
    one = town()
    ids = {planning.task_id(one, 110, 1), planning.task_id(one, None, 1)}
    for changes in (
        {"campaign__users": 71},
        {"campaign__until": DATE + dt.timedelta(days=5)},
        {"campaign__measures[3]__share": 0.3},
        {"campaign__history": [[9, 0.2], [0, 0.9]]},
        {"population__occupations": [{"name": "officials", "team_share": 0.3}]},
    ):
        other = town(**changes)
        new = {planning.task_id(other, 110, 1), planning.task_id(other, None, 1)}
        assert len(new) == 2
        assert not new & ids
        ids |= new
    # The campaign's days are the same with other levels, and levels are what they are without one.
    more = town(adoption__levels=[0.2, 0.5])
    assert planning.task_id(more, None, 1) == planning.task_id(one, None, 1)
    assert planning.plan(scenario(), {}, 1).jobs()[0].campaign is None


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"campaign.usrs": [1]}, "did you mean 'users'"),
        ({"campaign.measures[4].share": [0.1]}, "4 elements, no '4'"),
        ({"campaign.users": [1, 500]}, "exceed the 220 smartphone owners"),
        ({"campaign.until": [DATE - dt.timedelta(days=1)]}, "before the scenario's date"),
        ({"campaign.until": [DATE + dt.timedelta(days=1)]}, "after campaign.until"),
        ({"campaign.until": ["2020-08-20"]}, "expected a date"),
        ({"radio.density": ["off", "on"]}, "crowds would change"),
    ],
    ids=str,
)
def test_a_grid_that_makes_no_campaign_is_refused_before_anything_runs(grid, words):
    with pytest.raises(InputError) as caught:
        planning.plan(town(), grid, 1)
    assert words in str(caught.value)


def test_a_key_of_a_campaign_without_one_is_not_ignored():
    with pytest.raises(InputError, match=r"grid campaign\.users: small has no campaign"):
        planning.plan(scenario(), {"campaign.users": [7]}, 1)
    campaign = {"users": 7, "until": END}
    (point,) = planning.plan(scenario(), {"campaign": [campaign]}, 1).points
    assert point.scenario.campaign.users == 7


def test_days_of_a_campaign_can_be_an_axis():
    days = [END, END + dt.timedelta(days=1)]
    found = bz.sweep(town(), {"campaign.until": days}, 1, workers=1)
    assert found.axes["campaign.until"] == ("2020-08-16", "2020-08-17")
    assert [arm.dates[-1] for arm in found.campaigns] == days
    # The day that only one has is not compared.
    assert {d.date for d in found.campaign_differences} == set(found.campaigns[0].dates)
    assert Page(render_sweep(found)).open == []


# -- numbers ------------------------------------------------------------------------------------------


def test_each_day_is_what_a_run_of_its_own_gives(swept, alone):
    rows = swept.campaign.to_pylist()
    assert len(rows) == 4 * 3 * 7 * 5  # points, seeds, arms of the campaign, days
    for (users, share, seed), result in alone.items():
        mine = [
            r for r in rows
            if (r["campaign.users"], r["campaign.measures[1].share"], r["seed"])
            == (users, share, seed)
        ]  # fmt: skip
        assert [(r["measures"], r["day"]) for r in mine] == [
            (d.arm, d.date) for d in result.campaign.days
        ]
        for row, day in zip(mine, result.campaign.days, strict=True):
            assert {n: row[n] for n in DAY_NUMBERS} == {n: number_of(day, n) for n in DAY_NUMBERS}


def test_the_result_table_has_the_last_day(swept, alone):
    for row in swept.table.to_pylist():
        at = row["campaign.users"], row["campaign.measures[1].share"], row["seed"]
        if at not in alone:
            continue
        result = alone[at]
        assert row["recall"] == result.metrics[0].recall
        last = {arm: result.campaign.of(arm)[-1] for arm in (ALL, SCATTERED, NONE)}
        assert row["campaign_day"] == last[ALL].date == END
        assert row["campaign_users"] == last[ALL].users
        assert row["campaign_recall"] == last[ALL].recall
        assert (row["campaign_recall_ci95_lo"], row["campaign_recall_ci95_hi"]) == last[
            ALL
        ].recall_ci95
        assert row["campaign_recall_at_random"] == last[SCATTERED].recall
        assert row["campaign_recall_no_measure"] == last[NONE].recall
    assert not [c for c in bz.sweep(scenario(), {}, 1).table.column_names if "campaign" in c]


def test_means_are_over_seeds_and_differences_are_paired(swept):
    first, last = swept.campaigns[0], swept.campaigns[-1]
    assert first.label == "users = 30, measures[1].share = 0.1"
    assert first.measures[:3] == (ALL, SCATTERED, NONE)
    rows = swept.campaign.to_pylist()

    def recall(arm, measures):
        return np.array(
            [
                r["recall"] for r in rows
                if (r["campaign.users"], r["campaign.measures[1].share"]) == tuple(arm.values.values())
                and (r["measures"], r["day"]) == (measures, END)
            ]
        )  # fmt: skip

    mine, other, bare = recall(last, ALL), recall(first, ALL), recall(last, NONE)
    mean = last.mean("recall", END)
    assert mean.mean == pytest.approx(mine.mean())
    assert mean.ci95 == pytest.approx(interval(mine.mean(), stats.sem(mine), 2, "share"))
    (found,) = (
        d for d in swept.campaign_differences
        if (d.arm, d.date, d.metric) == (last.label, END, "recall")
    )  # fmt: skip
    assert found.difference.mean == pytest.approx((mine - other).mean())
    assert found.difference.sd == pytest.approx((mine - other).std(ddof=1))
    assert last.less("recall", END, last, (NONE, ALL)).mean == pytest.approx((bare - mine).mean())
    # More users of the same kind never lose a warning.
    by_users = swept.campaigns[2].less("recall", DATE, first)
    assert by_users.mean >= 0


def test_arms_that_differ_in_their_campaign_alone_have_one_row_a_level(swept):
    assert len(swept.arms) == 4
    (arm,) = swept.stationary
    assert arm.label == "as in the scenario"
    assert all(a.metrics == arm.metrics for a in swept.arms)
    assert swept.differences == []
    grid = {"campaign.users": [30, 70], "rule.name": ["any-match", "minutes-near"]}
    mixed = bz.sweep(town(campaign__measures=[]), grid, 1, workers=1)
    assert [a.label for a in mixed.stationary] == ["name = any-match", "name = minutes-near"]
    assert {d.arm for d in mixed.differences} == {"name = minutes-near"}
    assert len(mixed.campaigns) == 4


# -- kept and gone on with ----------------------------------------------------------------------------


def test_running_again_does_only_what_is_missing_and_days_are_there_once(tmp_path):
    out, seen = tmp_path / "out", []
    small = {"campaign.users": [30]}
    bz.sweep(town(), small, 1, workers=1, out=out)
    before = {folder: files(out, folder) for folder in FOLDERS}
    bz.sweep(town(), small, 1, workers=1, out=out, progress=seen.append)
    assert len(seen) == 1
    more = bz.sweep(
        town(), {"campaign.users": [30, 70], "adoption": [0.5, 1.0]}, 1, workers=1, out=out
    )
    for folder in FOLDERS:
        assert files(out, folder).items() >= before[folder].items()
    whole = bz.sweep(town(), {"campaign.users": [30, 70], "adoption": [0.5, 1.0]}, 1, workers=1)
    assert more.table.equals(whole.table)
    assert more.campaign.equals(whole.campaign)
    assert bz.open_sweep(out).campaign.equals(whole.campaign)
    # Another campaign does not join, and what was not asked for is not told.
    with pytest.raises(InputError, match=r"campaign\.drop_out_per_day = 0\.1, and this has 0\.2"):
        bz.sweep(town(campaign__drop_out_per_day=0.2), small, 1, workers=1, out=out)
    one = bz.sweep(town(), {"campaign.users": [70]}, 1, workers=1, out=out)
    assert {r["campaign.users"] for r in one.campaign.to_pylist()} == {70}


@pytest.mark.parametrize("lost", [False, True])
def test_damaged_or_missing_days_are_redone(tmp_path, lost):
    out, said, seen = tmp_path / "out", [], []
    bz.sweep(town(), {}, 2, workers=1, out=out)
    before = {folder: files(out, folder) for folder in FOLDERS}
    victim = sorted((out / "campaign.parquet").iterdir())[0]
    if lost:
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(bz.FormatError, match=f"{victim.name}: {'missing' if lost else 'damaged'}"):
        bz.open_sweep(out)
    bz.sweep(town(), {}, 2, workers=1, out=out, progress=seen.append, warn=said.append)
    assert len(seen) - 1 == 1
    assert len(said) == 1
    assert {folder: files(out, folder) for folder in FOLDERS} == before


def test_a_task_counts_as_done_when_its_days_are_there(tmp_path, monkeypatch):
    out, synced = tmp_path / "out", []

    def full(handle):
        synced.append(handle)
        if len(synced) > 8 + 2:  # the new directory and the distributions; then the days
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"campaign\.parquet.*No space left"):
        bz.sweep(town(), {}, 1, workers=1, out=out)
    assert files(out) == files(out, "campaign.parquet") == {}
    monkeypatch.undo()
    assert len(bz.sweep(town(), {}, 1, workers=1, out=out).campaign) == 7 * 5


@pytest.mark.slow
def test_workers_of_their_own_give_the_same_bytes(swept, tmp_path):
    jobs = planning.plan(town(), GRID, 3).jobs()[:2]
    done = []
    local.run_here(jobs, 2, 1, done.append)
    for d in done:
        for folder, data in zip(FOLDERS, (d.results, d.histograms, d.campaign), strict=True):
            name = f"{d.job}-{store.name_digest(data)}.parquet"
            assert files(swept.path, folder)[name] == data


@pytest.mark.slow
def test_dask_gives_the_same_bytes(swept, tmp_path):
    pytest.importorskip("distributed", reason="needs dask: pip install 'bluezone-sim[dask]'")
    bz.sweep(town(), GRID, 3, workers=2, dask="local", out=tmp_path / "out")
    for folder in FOLDERS:
        assert files(tmp_path / "out", folder) == files(swept.path, folder)


# -- told ---------------------------------------------------------------------------------------------


def test_criteria_can_be_about_a_day(swept):
    result = bz.run(town(), 1)
    at = {row.date: row for row in result.campaign.of(ALL)}
    runs = [({}, campaigns_in(result), at[END].recall, at[END].recall_ci95[0])]
    last = swept.campaigns[-1]
    mean = last.mean("recall", END)
    where = {"campaign.users": 70, "campaign.measures[1].share": 0.5}
    runs.append((where, swept.campaigns, mean.mean, mean.ci95[0]))
    for where, arms, recall, low in runs:
        for name, value in (("recall", recall), ("recall_ci95_lo", low)):
            rows = [
                {"metric": name, "date": END, "at_least": value, "where": where},
                {"metric": name, "date": END, "at_least": value + 0.01, "where": where},
            ]
            s = town(expect=rows, sweep={"grid": GRID})
            kept, missed = judge(s, [], campaigns=arms)
            assert (kept.passed, missed.passed) == (True, False)
            assert "on 2020-08-16 at" in str(missed)
            json.dumps(kept.date)
    s = town(expect=[{"metric": "users", "date": DATE, "rise_at_most": 0.0}])
    base, arms = swept.campaigns[:1], swept.campaigns[-1:]
    (verdict,) = judge(s, [], [], campaigns=arms, campaigns_base=base)
    assert (verdict.change, verdict.passed) == (40.0, False)


@pytest.mark.parametrize(
    ("criterion", "path"),
    [
        (
            {"metric": "recall", "date": DATE - dt.timedelta(days=1), "at_least": 0},
            "expect[0].date",
        ),
        ({"metric": "recall", "date": END + dt.timedelta(days=1), "at_least": 0}, "expect[0].date"),
        ({"metric": "n_warned_f2", "date": END, "at_least": 0}, "expect[0].metric"),
        ({"metric": "recall", "date": END, "users": 70, "at_least": 0}, "expect[0].users"),
        ({"metric": "recall", "date": "2020-08-16", "at_least": 0}, "expect[0].date"),
    ],
)
def test_a_criterion_on_no_day_is_said_when_it_is_loaded(criterion, path):
    with pytest.raises(ScenarioError) as caught:
        town(expect=[criterion])
    assert path in [f.path for f in caught.value.faults]
    with pytest.raises(ScenarioError, match="there is no campaign"):
        scenario(expect=[{"metric": "recall", "date": END, "at_least": 0.0}])


def test_a_time_is_no_date():
    for key in ("date", "campaign__until", "campaign__measures[0]__start"):
        with pytest.raises(ScenarioError, match="expected a date, found '2020-08-13 00:00:00'"):
            town(**{key: dt.datetime(2020, 8, 13)})


def test_runs_and_sweeps_are_set_side_by_side(swept):
    a, b = bz.run(town(campaign__users=30), 1), bz.run(town(), 1)
    found = compare(a, b).to_dict()["campaign"]
    (day,) = (d for d in found if (d["date"], d["metric"]) == (END.isoformat(), "recall"))
    want = b.campaign.of(ALL)[-1].recall - a.campaign.of(ALL)[-1].recall
    assert day["difference"]["mean"] == pytest.approx(want)
    assert day["difference"]["ci95"] is None
    with_itself = compare(swept, swept)
    assert len(with_itself.campaigns) == 4
    assert len(with_itself.arms) == 1
    assert {d["difference"]["mean"] for d in with_itself.to_dict()["campaign"]} == {0.0}
    assert compare(bz.run(scenario(), 1), bz.run(scenario(), 2)).campaigns == ()


def test_the_command_line_tells_of_the_campaign(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "town.toml").write_text(resolved_toml(town()), encoding="utf-8")
    (tmp_path / "bare.toml").write_text(resolved_toml(scenario()), encoding="utf-8")
    how = ("--workers", 1, "--seeds", 2)
    assert call("sweep", "town.toml", *how, "--out", "one") == 0
    out = capsys.readouterr().out
    for part in ("The campaign, means over seeds", "16 Aug", "without doors", "less: recall less"):
        assert part in out
    grid = ("--grid", "campaign.until=2020-08-16,2020-08-18")
    assert call("sweep", "town.toml", *how, *grid, "--out", "two") == 0
    assert "The campaign less that of until = 2020-08-16" in capsys.readouterr().out
    assert call("sweep", "town.toml", *how, *grid, "--out", "two", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    first = document["campaign"]["arms"][0]
    assert (first["days"][0]["measures"], first["days"][0]["date"]) == (ALL, DATE.isoformat())
    assert len(first["days"][0]["recall"]["ci95"]) == 2
    strict = ("--set", 'expect=[{metric="recall", date=2020-08-16, at_least=0.9}]')
    assert call("sweep", "town.toml", *how, "--out", "one", "--json", *strict) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["expect"][0]["date"] == "2020-08-16"
    assert "recall on 2020-08-16" in captured.err
    assert call("compare", "one", "one", "--json") == 1
    assert json.loads(capsys.readouterr().out)["expect"][0]["change"] == 0
    half = ("--set", "adoption.levels=[0.5]")
    assert call("run", "bare.toml", "--out", "bare", "--quiet", *half) == 0
    assert call("run", "town.toml", "--out", "run", "--quiet") == 0
    assert call("compare", "bare", "run") == 0
    assert "Only one of them has a campaign" in capsys.readouterr().out
    assert "On 16 August 2020, the campaign&#39;s last day" in (
        tmp_path / "run" / "report.html"
    ).read_text(encoding="utf-8")


def test_names_are_text_whatever_brackets_they_have(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    odd = town(
        population__districts=[
            {"name": "[/red]A", "people": 190, "urban_share": 0.5},
            {"name": "[bold]", "people": 110},
        ],
        campaign__measures=[
            {"name": "[/]", "share": 0.2, "start": END},
            {"name": "[i]x", "share": 0.2, "start": END},
        ],
    )
    (tmp_path / "odd.toml").write_text(resolved_toml(odd), encoding="utf-8")
    assert call("run", "odd.toml", "--out", "run") == 0
    out = capsys.readouterr().out
    for name in ("[/red]A", "[bold]", "without [/]", "without [i]x"):
        assert name in out
    assert call("sweep", "odd.toml", "--seeds", 1, "--workers", 1, "--out", "sweep") == 0
    assert "without [/]" in capsys.readouterr().out
    assert "without [/]" in repr(bz.open_sweep("sweep"))


def test_the_report_shows_the_campaign(swept, tmp_path):
    html = render_sweep(bz.open_sweep(swept.path))
    page = Page(html)
    assert page.open == []
    for part in ("The campaign, day by day", "With and without each measure", "Campaigns compared"):
        assert f"<h2>{part}</h2>" in html
    assert "At the campaign&#39;s end (16 August 2020)" in html
    charts = [a for t, a in page.tags if t == "svg" and "by day of the campaign" in a["aria-label"]]
    tips = json.loads(charts[0]["data-tips"])
    assert len(tips) == 5
    assert [line[1] for line in tips[0][2]] == [arm.label for arm in swept.campaigns]
    assert "The campaign, means over seeds" in swept._repr_html_()
    assert "The campaign, means over seeds" in repr(swept)
    written = {p.name for p in write_reports(swept.path, ["csv", "svg"], tmp_path)}
    assert {"campaign.csv", "campaign-differences.csv", "campaign.svg"} <= written
    rows = (tmp_path / "figures" / "campaign.csv").read_text("utf-8").splitlines()
    assert len(rows) == 1 + len(swept.campaign)
    assert "".join(rows[0].split(",")[:2]) == "taskcampaign.users"
    table = pq.read_table(swept.path / "campaign.parquet")
    assert table.schema.metadata[b"bluezone_sim.numeric_version"]
