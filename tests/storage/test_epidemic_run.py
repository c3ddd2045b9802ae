"""A run with an epidemic: what it gives, keeps, opens again and prints."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from html import unescape

import numpy as np
import pyarrow.parquet as pq
import pytest

import bluezone_sim as bz
from bluezone_sim.analysis.epidemic.result import DAILY
from bluezone_sim.analysis.epidemic.summary import ArmSummary, summarise
from bluezone_sim.errors import FolderWarning
from bluezone_sim.report.epidemic.answer import answer
from bluezone_sim.report.epidemic.tables import arms_note, arms_table, transmission_table
from bluezone_sim.scenario import resolved_toml
from bluezone_sim.scenario.schema.epidemic import Arm
from bluezone_sim.simulation.epidemic.engine import run_epidemic
from helpers.commands import call
from helpers.epidemics import epidemic, small_epidemic, tally
from helpers.results import sign
from helpers.small import scenario


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(told):
    return bz.run(small_epidemic(), 5, progress=lambda done, stage: told.append((done, stage)))


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory):
    return result.save(tmp_path_factory.mktemp("runs") / "epidemic")


def test_a_run_has_an_epidemic_in_each_of_its_towns(result):
    assert [e.seed for e in result.epidemic.seeds] == [5, 6]
    assert [arm.name for arm in result.epidemic.arms][:3] == [
        "tracing by hand",
        "app, 60 %",
        "app, 100 %",
    ]
    # The first town is that of the run, the second made for it: each as if alone.
    for one in result.epidemic.seeds:
        assert run_epidemic(small_epidemic(), one.seed, 1, lambda done: None) == one
    assert result.stages_s["epidemic"] > 0


def test_progress_names_seed_and_day_and_never_goes_back(result, told):
    assert result.epidemic is not None
    stages = [stage for _, stage in told if stage.startswith("epidemic")]
    # Where something is compiled in between, a stage is told again after it.
    stages = list(dict.fromkeys(stages))
    assert stages == [f"epidemic, seed {s}, day {d}" for s in (5, 6) for d in range(31)]
    done = [share for share, stage in told if stage != "compiling"]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)


def test_a_run_without_an_epidemic_says_none(tmp_path):
    result = bz.run(scenario())
    assert result.epidemic is None
    assert result.to_dict()["epidemic"] is None
    assert result.answer() == ""
    out = result.save(tmp_path / "run")
    assert not (out / "epidemic.parquet").exists()
    assert bz.open_run(out).epidemic is None


def test_a_run_is_opened_as_it_was_saved(result, saved):
    again = bz.open_run(saved)
    assert again.epidemic == result.epidemic
    assert again.answer() == result.answer()
    assert again.to_dict()["epidemic"] == result.to_dict()["epidemic"]


def test_a_run_with_another_epidemic_is_another(result):
    one = result.epidemic.seeds[0]
    assert one.arms[0] != one.arms[-1]
    assert result.epidemic.seeds[0] != result.epidemic.seeds[1]


def test_a_run_of_an_earlier_version_has_none(saved, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(saved, copy)
    about = json.loads((copy / "manifest.json").read_text())
    del about["result"]["epidemic"]
    (copy / "manifest.json").write_text(json.dumps(about))
    (copy / "digests.json").unlink()
    about.pop("digests")
    (copy / "manifest.json").write_text(json.dumps(about))
    with pytest.warns(FolderWarning, match="of an earlier version"):
        assert bz.open_run(copy).epidemic is None


def test_the_table_has_a_row_a_seed_arm_and_day(result, saved):
    table = pq.read_table(saved / "epidemic.parquet")
    found = result.epidemic
    assert len(table) == 2 * len(found.arms) * 30
    rows = table.to_pylist()
    assert (rows[0]["seed"], rows[0]["arm"], rows[0]["day"]) == (5, "tracing by hand", 1)
    assert rows[0]["date"] == result.scenario.date + dt.timedelta(days=1)
    for k, one in enumerate(found.seeds):
        for j, arm in enumerate(one.arms):
            mine = [r for r in rows if r["seed"] == one.seed and r["arm"] == found.arms[j].name]
            assert [r["day"] for r in mine] == list(range(1, 31)), (k, j)
            assert [[r[name] for name in DAILY] for r in mine] == arm.days.tolist()
            so_far = np.cumsum(arm.days[:, DAILY.index("infected")])
            assert [r["infected_so_far"] for r in mine] == so_far.tolist()
    assert table.schema.metadata[b"bluezone_sim.schema_version"] == b"1"


def test_a_damaged_table_is_told(saved, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(saved, copy)
    (copy / "epidemic.parquet").write_bytes(b"PAR1")
    with pytest.raises(bz.FormatError, match=r"epidemic\.parquet"):
        bz.open_run(copy)


def test_a_document_that_is_not_the_tables_is_told(saved, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(saved, copy)
    about = json.loads((copy / "manifest.json").read_text())
    del about["result"]["epidemic"]["seeds"][0]
    (copy / "manifest.json").write_text(json.dumps(about))
    sign(copy)
    with pytest.raises(bz.FormatError, match=r"manifest\.json"):
        bz.open_run(copy)


def test_the_document_has_every_number_of_every_arm(result):
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))["epidemic"]
    assert [set(arm) for arm in document["arms"]] == [set(ArmSummary.__dataclass_fields__)] * len(
        result.epidemic.arms
    )
    assert document["arms"][1]["averted"] == result.epidemic.arms[1].averted
    fitted = [e.fitted for e in result.epidemic.seeds]
    assert document["transmission"]["r0"] == pytest.approx(sum(f.r0 for f in fitted) / 2)
    assert document["transmission"]["published"]["dispersion"] == [
        {"low": 0.05, "high": 0.2, "source": "Endo et al. 2020"},
        {"low": 0.29, "high": 0.67, "source": "Adam et al. 2020"},
    ]
    assert [seed["seed"] for seed in document["seeds"]] == [5, 6]
    assert document["seeds"][0]["arms"][0]["over"] == result.epidemic.seeds[0].arms[0].over


def test_terminal_notebook_and_page_say_the_same(result, saved):
    sentence = result.answer()
    assert sentence.startswith("With the app on 60.0 % of smartphones ")
    assert sentence in repr(result)
    page = (saved / "report.html").read_text()
    for text in (page, result._repr_html_()):
        assert sentence in unescape(text)
    for title in ("Infections by day 30, 2 seeds", "How the disease is passed on"):
        assert title in repr(result)
        assert title in page


def test_the_numbers_are_exported(result, saved, tmp_path):
    assert call("report", saved, "--format", "csv", "--out", tmp_path / "out") == 0
    figures = tmp_path / "out" / "figures"
    with (figures / "epidemic-arms.csv").open() as file:
        arms = list(csv.DictReader(file))
    assert [row["name"] for row in arms] == [arm.name for arm in result.epidemic.arms]
    assert float(arms[1]["averted"]) == result.epidemic.arms[1].averted
    assert arms[0]["averted"] == arms[0]["averted_ci95_lo"] == ""
    assert float(arms[1]["averted_ci95_lo"]) == result.epidemic.arms[1].averted_ci95[0]
    with (figures / "epidemic-days.csv").open() as file:
        days = list(csv.DictReader(file))
    assert len(days) == 2 * len(arms) * 30
    total = sum(int(row["infected"]) for row in days if row["arm"] == "app, 100 %")
    assert total == sum(int(e.arms[2].days[:, 0].sum()) for e in result.epidemic.seeds)


ARMS = [
    Arm(name="by hand"),
    Arm(name="app", level=0.6),
    Arm(name="placebo", level=0.6, finds="random", as_many="app"),
    Arm(name="all", level=1.0),
]


def by_hand(over=(True, True)):
    return summarise(
        ARMS,
        [
            epidemic(
                seed,
                1000,
                tally(days_infected=200, days_quarantined=1000, over=over[0]),
                tally(days_infected=150, days_quarantined=1500, over=over[1]),
                tally(days_infected=180, days_quarantined=1600),
                tally(days_infected=100, days_quarantined=3000),
            )
            for seed in (1, 2)
        ],
    )


def test_the_sentence_answers():
    assert answer(by_hand()) == (
        "With the app on 60.0 % of smartphones 25.0 % (25.0 to 25.0) of the infections by day 2 under "
        '"by hand" are averted, 15.0 % (15.0 to 15.0) beyond a placebo, at 0.50 quarantine days a person '
        "more; on 100 % of smartphones, 50.0 % (50.0 to 50.0), at 2.00 more. The epidemic is over on "
        "that day in 2 of 2 seeds."
    )
    assert answer(by_hand(over=(True, False))).endswith(
        "in 0 of 2 seeds, so that some of what is averted may come later."
    )


def test_the_sentence_of_one_seed_and_of_none_infected():
    one = summarise(
        ARMS[:2], [epidemic(1, 1000, tally(days_infected=5), tally(days_infected=6, over=False))]
    )
    assert answer(one) == (
        'With the app on 60.0 % of smartphones -20.0 % of the infections by day 2 under "by hand" are '
        "averted, at 0.00 quarantine days a person more. The epidemic is not over on that day, so that "
        'some of what is averted may come later; under "by hand" fewer than 1 % of the people are '
        "infected."
    )
    none = summarise(ARMS[:2], [epidemic(1, 1000, tally(), tally())])
    assert answer(none) == (
        'Nobody is infected by day 2 under "by hand", so there is nothing to avert.'
    )
    no_app = summarise(ARMS[:1], [epidemic(1, 1000, tally(days_infected=20))])
    assert answer(no_app) == (
        '2.00 % of the people are infected by day 2 under "by hand"; no arm has the app.'
    )


def test_the_note_names_what_is_not_over():
    assert "All are over on day 2." in arms_note(by_hand())
    assert "may come later: app (2 of 2)." in arms_note(by_hand(over=(True, False)))


def test_the_tables_of_an_epidemic():
    cells = arms_table(by_hand()).cells()
    app = cells[1]
    assert app[:2] == ["app", "60.0"]
    assert app[2] == "15.0"
    assert app[4:8] == ["25.0", "25.0–25.0", "15.0", "15.0–15.0"]
    rows = {row[0] or row[-1]: row for row in transmission_table(by_hand()).cells()}
    assert rows["R0"][1:] == ["2.87", "2.87–2.87", "2.39–3.44", "within", "Billah et al. 2020"]
    assert rows["household attack rate"][4] == "above"
    assert rows["dispersion k"][3:] == ["0.05–0.2", "above", "Endo et al. 2020"]
    assert rows["Adam et al. 2020"][3:5] == ["0.29–0.67", "within"]


def test_the_command_takes_seeds(tmp_path, capsys):
    path = tmp_path / "small.toml"
    path.write_text(resolved_toml(small_epidemic(epidemic__days=5)), encoding="utf-8")
    assert call("run", path, "--seeds", 3, "--json", "--out", tmp_path / "out") == 0
    document = json.loads(capsys.readouterr().out)["epidemic"]
    assert [seed["seed"] for seed in document["seeds"]] == [1, 2, 3]
    assert document["day"] == 5
    assert bz.open_run(tmp_path / "out").scenario.epidemic.seeds == 3


@pytest.mark.parametrize("seeds", ["0", "-1"])
def test_seeds_are_one_or_more(seeds, tmp_path, capsys):
    path = tmp_path / "small.toml"
    path.write_text(resolved_toml(small_epidemic()), encoding="utf-8")
    assert call("run", path, "--seeds", seeds, "--out", tmp_path / "out") == 2
    assert f"--seeds {seeds}: expected at least 1" in capsys.readouterr().err


def test_seeds_without_an_epidemic_are_refused_with_what_to_do(tmp_path, capsys):
    path = tmp_path / "small.toml"
    path.write_text(resolved_toml(scenario()), encoding="utf-8")
    assert call("run", path, "--seeds", 3, "--out", tmp_path / "out") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--seeds 3: small has no epidemic; give it an [epidemic]" in said
    assert "sweep small --seeds 3" in said
    assert not (tmp_path / "out").exists()


def test_seeds_beyond_the_last_number_are_refused():
    with pytest.raises(bz.InputError, match=r"epidemic\.seeds: 2 from 9223372036854775807"):
        bz.run(small_epidemic(), 2**63 - 1)
