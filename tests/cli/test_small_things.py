"""What stops people in their first hour: short keys, shares, narrow terminals, labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bluezone_sim as bz
from bluezone_sim.cli import main
from bluezone_sim.errors import InputError, ScenarioError
from bluezone_sim.scenario import template
from bluezone_sim.scenario.inputs.traces.reader import read_trace
from bluezone_sim.scenario.loading import parse
from bluezone_sim.scenario.schema.trace import TraceTable
from bluezone_sim.tables.metrics import METRICS
from bluezone_sim.tables.table import Column, Table
from bluezone_sim.world.trace_summary import trace_info
from helpers import contact_day as day
from helpers import small
from helpers.small import TOWN


def test_short_keys_mean_the_same_in_set_and_grid(tmp_path):
    file = tmp_path / "town.toml"
    file.write_text(TOWN, encoding="utf-8")
    found = bz.load(file, {"protocol": "gaen", "adoption": 0.4})
    assert found.protocol.name == "gaen"
    assert found.adoption.levels == [0.4]
    assert found == bz.load(file, {"protocol.name": "gaen", "adoption.levels": [0.4]})
    assert bz.load(file, {"adoption": [0.2, 0.4]}).adoption.levels == [0.2, 0.4]
    assert bz.load(file, {"protocol": {"name": "gaen"}}).protocol.name == "gaen"


def test_a_level_in_percent_is_told_as_a_share():
    with pytest.raises(ScenarioError, match=r"found 20 \(shares: 0\.2 for 20 %\)"):
        small.scenario(adoption__levels=[20])


def test_smartphones_may_be_a_share():
    raw = small.raw_scenario()
    del raw["population"]["smartphones"]
    raw["population"]["smartphone_share"] = 0.5
    assert bz.scenario.loading.validate(raw).population.smartphones == 150
    raw["population"]["smartphones"] = 150
    with pytest.raises(ScenarioError, match="smartphone_share: is there beside smartphones"):
        bz.scenario.loading.validate(raw)
    # On the command line the one stands in place of the other.
    changed = parse(TOWN, overrides={"population.smartphone_share": 0.1})
    assert changed.population.smartphones == 3_000
    with pytest.raises(ScenarioError, match=r"smartphone_share: expected at most 1, found 58"):
        parse(TOWN, overrides={"population.smartphone_share": 58})


def test_a_sweep_takes_the_number_of_smartphones():
    swept = bz.sweep(small.scenario(), {"population.smartphones": [60, 200]}, seeds=1, workers=1)
    assert sorted(arm.metrics[-1].users for arm in swept.arms) == [60, 200]
    with pytest.raises(InputError, match=r"sweep population\.smartphones, their number"):
        bz.sweep(small.scenario(), {"population.smartphone_share": [0.2, 0.9]}, seeds=1)


def test_new_writes_the_town_that_is_asked_for(tmp_path, capsys):
    file = tmp_path / "Yên Bái 2.toml"
    asked = ["--people", "5000", "--smartphone-share", "0.4", "--ios-share", "0.1"]
    assert main(["new", str(file), *asked]) == 0
    found = bz.load(file).population
    assert (found.people, found.smartphones, found.ios_share) == (5000, 2000, 0.1)
    assert sum(d.people for d in found.districts) == 5000
    assert bz.load(file) == parse(template(5000, 0.4, 0.1, "yen-bai-2"))
    assert bz.load(file).title == "yen-bai-2: 5,000 people, 40 % of them with a smartphone"
    text = file.read_text(encoding="utf-8")
    assert (
        "ios_share = 0.1   # set by --ios-share (default 0.364: iOS share of smartphones (" in text
    )
    assert "Guessed, as comments in it say: date\n" in capsys.readouterr().out
    for people in (2, 3, 7):
        assert parse(template(people, 1.0)).population.people == people
    assert parse(template(100, 0.0)).population.smartphones == 0
    assert main(["new", str(tmp_path / "x.toml"), "--people", "1"]) == 2
    assert main(["new", str(tmp_path / "x.toml"), "--columns", "t,i,j"]) == 2
    assert "--columns: of a trace" in capsys.readouterr().err


def test_what_new_guesses_it_calls_a_guess(tmp_path, capsys):
    file = tmp_path / "town.toml"
    assert main(["new", str(file)]) == 0
    assert (
        "Guessed, as comments in it say: date, people, smartphone_share" in capsys.readouterr().out
    )
    assert "ios_share = 0.364   # iOS share" in file.read_text(encoding="utf-8")
    assert "set by --ios-share" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("people", "cases", "f2", "why"),
    [
        (2, 2, 2, "everybody, each once"),
        (250, 250, 250, "everybody, each once"),
        (2000, 300, 300, "15 % of the people"),
        (8000, 400, 300, "5 % of the people"),
        (821_030, 3000, 300, "followed one by one"),
    ],
)
def test_cases_of_a_new_town_fit_its_people(people, cases, f2, why):
    text = template(people)
    found = parse(text).index_cases
    assert (found.count, found.f2_count) == (cases, f2)
    assert f"count = {cases}   # {why}" in text


def trace_of_steps(folder, head="t,i,j\n"):
    rows = [f"{t},{a:03d},{b:03d}" for t, a, b in day.steps()]
    return day.write(folder, "met.csv", rows, head)


def test_new_writes_a_scenario_of_what_a_trace_holds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    trace_of_steps(tmp_path)
    Path("sub").mkdir()
    file = Path("sub", "mine.toml")
    zone = ["--timezone", day.ZONE, "--start", str(day.DAY)]
    assert main(["new", str(file), "--trace", "met.csv", "--smartphone-share", "0.5", *zone]) == 0
    assert "Guessed" not in capsys.readouterr().out
    found = bz.load(file)
    assert found.population.people == found.index_cases.count == day.PEOPLE
    assert found.population.smartphones == day.PEOPLE // 2
    assert (found.name, found.timezone, found.date) == ("mine", day.ZONE, day.DAY)
    assert found.title == f"Contacts of met.csv: {day.PEOPLE} people, 1 day"
    text = file.read_text(encoding="utf-8")
    assert f"# met.csv: {len(day.steps()):,} rows, {day.PEOPLE} people, 1 day, {day.DAY}." in text
    assert "# Read as t, i, j (by header)" in text


def test_new_marks_what_a_trace_does_not_say(tmp_path, capsys):
    trace, file = trace_of_steps(tmp_path), tmp_path / "mine.toml"
    assert main(["new", str(file), "--trace", str(trace)]) == 0
    guessed = "Guessed, as comments in it say: timezone, smartphone_share, start"
    assert guessed in capsys.readouterr().out
    text = file.read_text(encoding="utf-8")
    for key in ("timezone = ", "smartphone_share = ", "start = "):
        assert "a guess" in next(line for line in text.splitlines() if line.startswith(key))
    found = bz.load(file)
    assert found.population.people == day.PEOPLE
    assert found.timezone == parse(template()).timezone  # one default
    # How it was read is written too.
    again = tmp_path / "again.toml"
    said = ["--columns", "t,i,j", "--unit", "60", "--step", "20"]
    assert main(["new", str(again), "--trace", str(trace), *said]) == 0
    table = bz.load(again).contacts.trace
    assert (table.columns, table.t_unit_s, table.step_s) == (("t", "i", "j"), 60.0, 20)
    assert bz.load(again).look_back_days > found.look_back_days


def test_new_leaves_bad_rows_out_where_that_is_asked_for(tmp_path, capsys):
    trace, file = trace_of_steps(tmp_path), tmp_path / "mine.toml"
    with trace.open("a") as out:
        out.write("x,001,002\n")
    new = ["new", str(file), "--trace", str(trace)]
    assert main(new) == 2
    assert "(new: --bad-rows count)" in capsys.readouterr().err
    assert main([*new, "--bad-rows", "count"]) == 0
    assert "counted: 1: a time, duration, distance or RSSI is missing" in capsys.readouterr().out
    assert 'bad_rows = "count"' in file.read_text(encoding="utf-8")
    assert bz.load(file).contacts.trace.bad_rows == "count"
    assert main(["new", str(tmp_path / "b.toml"), "--trace", str(trace), "--bad-rows", "x"]) == 2
    assert "--bad-rows x: expected 'refuse' or 'count'" in capsys.readouterr().err
    assert main(["new", str(tmp_path / "b.toml"), "--bad-rows", "count"]) == 2
    assert "--bad-rows: of a trace" in capsys.readouterr().err


def test_a_trace_s_time_zone_that_nobody_says_is_told_as_assumed(tmp_path, capsys):
    trace, file = trace_of_steps(tmp_path), tmp_path / "mine.toml"
    assert main(["trace", "info", str(trace), "--json"]) == 0
    zone = parse(template()).timezone
    assert f"its time zone is assumed: its days are those of {zone}" in capsys.readouterr().err
    assert main(["new", str(file), "--trace", str(trace)]) == 0
    line = f'timezone = "{zone}"   # IANA name; days are cut at its midnights; assumed, a guess'
    assert line in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "said", "why"),
    [
        (["0,1,2", "x,1,3"], [], "row 3: t: expected seconds, found 'x'"),
        (["0,1,2"], ["--columns", "t,i"], "has 3 columns in row 1, and columns names 2"),
        (["0,1,2"], ["--timezone", "Nowhere"], "--timezone Nowhere: expected an IANA name"),
        (["0,1,2"], ["--people", "30"], "--people: the trace says who there is"),
        (None, [], "met.csv: cannot be read"),
    ],
)
def test_new_refuses_a_trace_that_cannot_be_read(tmp_path, capsys, rows, said, why):
    trace, file = tmp_path / "met.csv", tmp_path / "mine.toml"
    if rows is not None:
        day.write(tmp_path, trace.name, rows, "t,i,j\n")
    assert main(["new", str(file), "--trace", str(trace), *said]) == 2
    assert why in capsys.readouterr().err
    assert not file.exists()


WIDE = Table(
    "Wide",
    (
        Column("arm", left=True),
        Column("kind", left=True),
        Column("of\nphones", str),
        Column("long " * 20, str),
    ),
    (("a", "x", 1.25, 12345), ("", "y", 2.5, 67890)),
    "a note",
)  # fmt: skip


def test_a_table_too_wide_for_a_terminal_is_in_blocks(monkeypatch, capsys):
    from bluezone_sim.cli.common import show
    from bluezone_sim.cli.printing import console

    monkeypatch.setenv("COLUMNS", "60")
    show(console(), [WIDE])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")][:3] == ["Wide", "a, x", "a, y"]
    assert max(map(len, lines)) <= 60
    assert any(re.fullmatch(r"  of phones +1\.25", line) for line in lines)
    assert any(line.endswith("67890") for line in lines)
    monkeypatch.delenv("COLUMNS")
    show(console(), [WIDE])
    assert max(map(len, capsys.readouterr().out.splitlines())) > 100  # a pipe is as wide as needed


def blocks(table):
    """What is printed of a table where a reader has 30 columns."""
    from bluezone_sim.cli.printing import console

    console().print(table)


def test_a_block_says_what_its_numbers_are(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    heads = ("users", "recall of all\n%", "precision of them all\n%")
    blocks(Table("T", tuple(map(Column, heads)), ((1200, 5.5, 7), (9, None, 8))))
    assert capsys.readouterr().out.splitlines() == [
        "T",
        "users 1200",
        "  recall of all %          5.5",
        "  precision of them all %  7",
        "users 9",
        "  precision of them all %  8",
    ]
    # With text alone, the first column names a row, and the others are named.
    adapter = [["hci0", "00:11:22:33", "central, peripheral", "no"]]
    blocks(Table.of_text("", ("adapter", "address", "roles", "on"), adapter, 4))
    assert capsys.readouterr().out.splitlines() == [
        "hci0",
        "  address  00:11:22:33",
        "  roles    central, peripheral",
        "  on       no",
    ]
    blocks(Table("none", tuple(map(Column, ("a" * 20, "b" * 20))), ()))
    assert capsys.readouterr().out.splitlines() == ["none"]


@pytest.mark.parametrize("columns", ["60", "80", None])
def test_trace_info_is_never_cut(tmp_path, monkeypatch, capsys, columns):
    rows = [f"{a},{b},{1385971200 + s},{d + 0.123 * b}" for s, d, a, b in day.contacts()]
    file = day.write(tmp_path, "met.csv", rows, "i,j,start,duration_s\n")
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert main(["trace", "info", str(file)]) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    found = trace_info(read_trace(TraceTable(file=str(file)), "Asia/Ho_Chi_Minh"))
    assert ", ".join(f"{s:g}" for s in found.duration_quantiles_s) in " ".join(out.split())
    assert " ".join(out.split()).count("a row is its duration from t; t is unix time") == 1
    assert max(map(len, out.splitlines())) <= int(columns or 200)


def test_lists_are_wrapped_beside_their_names(monkeypatch, capsys):
    assert main(["list", "--rules"]) == 0
    whole = capsys.readouterr().out
    assert main(["list"]) == main(["example"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["list", "--rules"]) == 0
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 60
    assert "".join(narrow.split()) == "".join(whole.split())
    named = [line.split()[0] for line in whole.splitlines()]
    assert [line.split()[0] for line in narrow.splitlines() if line[0] != " "] == named


def test_metrics_are_listed_rather_than_told_in_an_error(capsys, monkeypatch):
    assert main(["list", "--metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert tuple(line.split()[0] for line in lines) == METRICS.names()
    assert re.fullmatch(r"recall +recall", lines[METRICS.names().index("recall")])
    with pytest.raises(InputError) as caught:
        METRICS.get("recal")
    assert str(caught.value) == (
        f"metric 'recal': expected one of {len(lines)} names, which `bluezone-sim list --metrics` tells; "
        "did you mean 'recall'?"
    )
    assert main(["list", "--metrics", "--rules"]) == 2
    capsys.readouterr()
    # Where names leave no room, the words are below them.
    monkeypatch.setenv("COLUMNS", "50")
    assert main(["list", "--metrics"]) == 0
    narrow = capsys.readouterr().out.splitlines()
    assert max(map(len, narrow)) <= 50
    assert narrow[:2] == ["users", "    users"]


def test_no_number_is_cut_in_a_narrow_terminal(tmp_path, monkeypatch, capsys):
    file = tmp_path / "s.toml"
    file.write_text(TOWN.replace("30_000", "3_000").replace("17_500", "1_750")
                    .replace("10_000", "1_000").replace("20_000", "2_000"), encoding="utf-8")  # fmt: skip
    sets = ("index_cases.count=50", "index_cases.f2_count=0", "adoption=0.6")
    asked = ["run", str(file), *(x for one in sets for x in ("--set", one))]
    assert main([*asked, "--out", str(tmp_path / "a")]) == 0, capsys.readouterr().err
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "50")
    assert main([*asked, "--out", str(tmp_path / "b")]) == 0
    narrow = capsys.readouterr().out
    numbers = set(re.findall(r"\d+\.\d+", wide.partition("Written")[0].rpartition("\n")[0]))
    seconds = re.search(r"([\d.]+) s, [\d,]+ MiB", wide)
    assert numbers - {seconds.group(1)} <= set(re.findall(r"\d+\.\d+", narrow))


def test_compare_labels_both_sides_and_says_what_differs(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    bz.run(small.scenario()).save(a)
    bz.run(small.scenario(radio__density="on", publication__consent=0.5)).save(b)
    assert main(["compare", str(a), str(b)]) == 0
    out = capsys.readouterr().out
    assert f"A, {a}: small (seed 1, bluezone" in out
    assert f"B, {b}: small (seed 1, bluezone" in out
    assert "radio.density: off in A, on in B" in out
    assert "publication.consent: 0.9 in A, 0.5 in B" in out
    assert "Difference, B from A" in out
