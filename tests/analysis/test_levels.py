"""Levels of a run: what is undefined, what is certain, and the four pairs of platforms."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.errors import FolderWarning, ScenarioError
from bluezone_sim.report.findings import tiles
from bluezone_sim.report.panels import tables
from bluezone_sim.scenario import resolved_toml
from bluezone_sim.scenario.stored import stored_text
from bluezone_sim.tables.metrics import METRICS, number_of
from bluezone_sim.tables.platforms import NO_PHONE, PAIRS, PLATFORMS
from bluezone_sim.tables.stages import OUTCOMES
from helpers.results import saved
from helpers.small import scenario


@pytest.fixture(scope="module")
def run():
    return bz.run(scenario(population__ios_share=0.4, index_cases__f2_count=40), 3)


def printed(result):
    return "\n".join(table.text() for table in tables(result))


# -- platforms ---------------------------------------------------------------------------------------


def test_four_pairs_and_those_without_a_phone_are_the_whole(run):
    for i, level in enumerate(run.metrics):
        rows = run.outcomes.take(run.outcomes.level_index == i)
        assert [(p.case, p.other) for p in level.platforms] == list(PAIRS)
        none = (rows.case_platform == NO_PHONE) | (rows.other_platform == NO_PHONE)
        assert sum(p.n_risky_pairs for p in level.platforms) + none.sum() == run.n_risky_pairs
        assert set(rows.outcome[none]) == {OUTCOMES.index("no_smartphone")}
        for name in ("recall", "share_recorded", "share_both_have_app", "lost_radio_missed"):
            parts = [p.n_risky_pairs * p.number(name) for p in level.platforms]
            assert sum(parts) == pytest.approx(run.n_risky_pairs * number_of(level, name))
        for pair in level.platforms:
            assert sum(pair.lost.values()) + pair.recall == pytest.approx(1)
            assert pair.lost["no_smartphone"] == 0
            assert pair.recall <= pair.share_both_have_app


def test_a_pair_is_of_the_phones_of_its_two_people(run):
    """Two iPhones in the background do not find each other."""
    (top,) = (m for m in run.metrics if m.adoption_smartphones == 1)
    rows = run.outcomes.take(run.outcomes.level_index == 2)
    ios = PLATFORMS.index("ios")
    mine = (rows.case_platform == ios) & (rows.other_platform == ios)
    warned = rows.outcome == OUTCOMES.index("warned")
    assert number_of(top, "recall_ios_ios") == pytest.approx(warned[mine].mean())
    assert number_of(top, "n_risky_pairs_ios_ios") == mine.sum()
    assert number_of(top, "recall_ios_ios") < number_of(top, "recall_android_android")
    assert METRICS.get("recall_ios_android").title == "recall, iPhone case, Android near"


def test_platforms_are_in_the_document_the_tables_and_back(run, tmp_path):
    out = run.save(tmp_path / "out")
    document = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["result"]
    pair = document["levels"][1]["platforms"][1]
    assert (pair["case"], pair["other"]) == PAIRS[1] == ("ios", "android")
    assert pair["recall"] == run.metrics[1].platforms[1].recall
    again = bz.open_run(out)
    assert again.metrics == run.metrics
    table = run.to_arrow()
    words = table["case_platform"].to_pylist()
    assert set(words) == {"ios", "android", None}
    assert [w is None for w in words] == (run.outcomes.case_platform == NO_PHONE).tolist()
    assert again.outcomes.case_platform.tolist() == run.outcomes.case_platform.tolist()
    metrics = run.metrics.to_arrow()
    assert metrics["recall_android_ios"].to_pylist()[1] == run.metrics[1].platforms[2].recall
    assert "By platform of both phones" in printed(run)
    assert "By platform of both phones" in (out / "report.html").read_text(encoding="utf-8")


def test_a_sweep_has_platforms_as_means_over_seeds(tmp_path):
    one = scenario(population__ios_share=0.4, adoption__levels=[1.0])
    found = bz.sweep(one, {}, 2, workers=1, out=tmp_path / "out")
    ((level,),) = (arm.metrics for arm in found.arms)
    alone = [bz.run(one, seed).metrics[0].platforms for seed in (1, 2)]
    for k, pair in enumerate(level.platforms):
        assert pair.recall == pytest.approx(np.mean([p[k].recall for p in alone]))
    assert found.to_dict()["arms"][0]["levels"][0]["platforms"][0]["case"] == "ios"
    assert cli.main(["report", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "By platform of both phones" in page


def test_a_run_without_platforms_still_opens(run, tmp_path, capsys):
    """As earlier versions wrote it."""
    import pyarrow.parquet as pq

    out = saved(run, tmp_path / "out")
    path = out / "outcomes.parquet"
    whole = pq.read_table(path)
    pq.write_table(whole.drop_columns(["case_platform", "other_platform"]), path)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    for level in manifest["result"]["levels"]:
        for name in ("platforms", "n_warned_f2_ci95", "precision_ci95"):
            del level[name]
    manifest["scenario"]["sweep"] = {"seeds": 10, "grid": {}, "width": 0.02}
    del manifest["digests"]
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (out / "digests.json").unlink()
    with pytest.warns(FolderWarning, match=r"out: has no digests\.json"):
        again = bz.open_run(out)
    assert [m.recall for m in again.metrics] == [m.recall for m in run.metrics]
    assert set(again.outcomes.case_platform) == {NO_PHONE}
    assert again.metrics[0].platforms == ()
    assert "By platform" not in printed(again)
    assert cli.main(["report", str(out)]) == 0
    assert "has no digests.json" in capsys.readouterr().err


# -- nulls and intervals -----------------------------------------------------------------------------


def test_nobody_with_a_smartphone_makes_dashes_and_nulls():
    result = bz.run(scenario(population__smartphones=0, adoption__levels=[0.5]), 3)
    (level,) = result.to_dict()["levels"]
    assert level["adoption_smartphones"] is None
    assert (level["recall"], level["recall_ci95"], level["precision"]) == (0.0, None, None)
    assert [p["recall"] for p in level["platforms"]] == [None] * 4
    (row,) = levels(result).cells()
    assert row[:3] == ["0", "0.00", "–"]
    empty = result.histograms[1]
    assert empty.density("risky pairs") is None


def levels(result):
    return next(iter(tables(result)))


def test_no_interval_with_fewer_than_ten_cases_that_have_a_risky_pair():
    one = bz.run(scenario(index_cases__count=1, index_cases__f2_count=1), 5).metrics[-1]
    assert one.recall is not None
    assert (one.recall_ci95, one.share_both_have_app_ci95, one.n_warned_f2_ci95) == (None,) * 3


def test_intervals_hold_their_numbers_and_stay_within(run):
    for m in run.metrics:
        low, high = m.recall_ci95
        assert 0 <= low < m.recall < high <= 1
        assert 0 <= m.precision_ci95[0] < m.precision < m.precision_ci95[1] <= 1
    top = run.metrics[-1]
    assert 0 < top.n_warned_f2_ci95[0] < top.n_warned_f2 < top.n_warned_f2_ci95[1]
    text = printed(run)
    assert "F2 per case: of the first 40 of them" in text
    nobody = bz.run(scenario(adoption__levels=[0.0]), 3).metrics[0]
    assert (nobody.recall, nobody.recall_ci95) == (0.0, None)


def test_everyone_a_case_is_said_to_be_certain(run):
    every = bz.run(scenario(index_cases__count=300, index_cases__f2_count=0), 3)
    assert "the numbers of this population are certain" in levels(every).note
    assert "certain" not in levels(run).note
    assert [r.to_dict()["everyone_is_a_case"] for r in (every, run)] == [True, False]
    width = [m.metrics[-1].recall_ci95[1] - m.metrics[-1].recall_ci95[0] for m in (every, run)]
    assert 0 < width[0] < width[1]


def test_days_from_contact_are_the_headline_and_precision_says_what_it_rests_on(run):
    heads = [column.name for column in levels(run).columns]
    assert "days_contact_to_warning_p50" in heads
    assert "hours_to_warning_p50" not in heads
    level = run.metrics[-1]
    cards = {tile.key: tile for tile in tiles(level, run.scenario)}
    assert cards["days"].value == f"{level.days_contact_to_warning_p50:.1f}"
    assert "hours" not in cards
    assert "near without talking (assumed)" in cards["precision"].note
    assert "of 40 cases" in cards["f2"].note
    trace = bz.load("workplace-trace")
    assert "as measured" in {t.key: t for t in tiles(level, trace)}["precision"].note


def test_an_old_width_is_refused_with_what_to_write():
    with pytest.raises(ScenarioError, match="write half_width, a share of recall"):
        scenario(sweep={"width": 0.02})
    # What was stored with it still opens.
    text = resolved_toml(scenario(sweep={"half_width": 0.1}))
    assert "half_width = 0.1" in text
    old = text.replace("half_width = 0.1", "width = 0.02")
    assert stored_text(old, "sweep.json").sweep.half_width == 0.05
