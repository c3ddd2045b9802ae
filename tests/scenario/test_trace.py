"""Contact traces: every format, every fault, and the same way through as generated contacts."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bluezone_sim as bz
from bluezone_sim.analysis.adopters import spread_of_adopters
from bluezone_sim.analysis.outcomes import outcomes_of
from bluezone_sim.cli import main
from bluezone_sim.errors import FormatError, ScenarioError
from bluezone_sim.scenario.inputs.traces.reader import read_trace
from bluezone_sim.scenario.schema.trace import TraceTable
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.evaluating import evaluate
from bluezone_sim.tables.trace import merge_rows
from bluezone_sim.world import Days, build_world, contact_model
from bluezone_sim.world.trace_summary import trace_info
from helpers import workplace_trace
from helpers.small import scenario

PLAIN = "0\t1\t2\n20\t1\t2\n20\t2\t10\n80\t2\t1\n"
ROWS = [("1", "2", 0, 40), ("1", "2", 80, 20), ("2", "10", 20, 20)]


def read(path: Path, text: str | bytes, name: str = "trace.txt", **keys):
    file = path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_trace(TraceTable(file=str(file), **keys), "UTC")


def rows_of(trace, zero=0):
    return [
        (trace.ids[a], trace.ids[b], int(s) - zero, int(d))
        for a, b, s, d in zip(trace.a, trace.b, trace.start_s, trace.duration_s, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (PLAIN, "trace.dat"),
        (PLAIN.replace("\t", " "), "trace.dat"),
        (PLAIN.replace("\t", ","), "trace.csv"),
        ("t;i;j\n" + PLAIN.replace("\t", ";"), "trace.csv"),
        ("Time,ID1,ID2\n" + PLAIN.replace("\t", ","), "trace.csv"),
        (gzip.compress(PLAIN.encode(), mtime=0), "trace.dat.gz"),
        (PLAIN.replace("\n", "\r\n"), "trace.dat"),
        (PLAIN.strip(), "trace.dat"),
        ("0\t1\t2\tA\tA\n20\t1\t2\tA\tA\n20\t2\t10\tA\tB\n80\t2\t1\tA\tA\n", "trace.dat"),
        ("start_s,duration_s,i,j,distance_m\n0,40,1,2,1.5\n20,20,2,10,1.5\n80,20,1,2,1.5", "t.csv"),
    ],
)  # fmt: skip
def test_every_text_format_gives_the_same_contacts(tmp_path, text, name):
    trace = read(tmp_path, text, name)
    assert sorted(rows_of(trace)) == sorted(ROWS)
    assert trace.distance_m.tolist() == [1.5] * 3
    assert set(trace.ids) == {"1", "2", "10"}


def test_ids_are_in_the_order_of_numbers_within_their_groups(tmp_path):
    assert read(tmp_path, PLAIN).ids == ("1", "2", "10")
    trace = read(tmp_path, "t i j Ci Cj\n0 10 9 B A\n0 x 9 A A\n")
    assert trace.ids == ("9", "x", "10")
    assert trace.groups == ("A", "B")
    assert trace.group.tolist() == [0, 0, 1]


def test_parquet(tmp_path):
    table = pa.table({"t": [0, 20, 20, 80], "i": [1, 1, 2, 2], "j": [2, 2, 10, 1]})
    pq.write_table(table, tmp_path / "t.parquet")
    trace = read_trace(TraceTable(file=str(tmp_path / "t.parquet")), "UTC")
    assert sorted(rows_of(trace)) == sorted(ROWS)
    table = table.set_column(0, "t", pa.array([0, None, 20, 80]))
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(FormatError, match=r"row 2: t: expected seconds, found nothing"):
        read_trace(TraceTable(file=str(tmp_path / "t.parquet")), "UTC")
    (tmp_path / "t.parquet").write_bytes(b"not one")
    with pytest.raises(FormatError, match="not Parquet"):
        read_trace(TraceTable(file=str(tmp_path / "t.parquet")), "UTC")


def test_haslemere_counts_five_minute_steps_of_days_that_begin_at_seven(tmp_path):
    """576 steps: three days of 192 (7:00 to 23:00), t from 1."""
    text = "1,1,2,3\n2,1,2,3\n3,1,2,1\n192,1,2,1\n193,1,2,1\n"
    trace = read(tmp_path, text, dialect="haslemere")
    zero = int(dt.datetime(2017, 10, 12, tzinfo=dt.UTC).timestamp())
    seven = 7 * 3600
    assert rows_of(trace, zero) == [
        ("1", "2", seven, 600),
        ("1", "2", seven + 600, 300),
        ("1", "2", seven + 191 * 300, 300),
        ("1", "2", 86_400 + seven, 300),
    ]
    # A change of distance is a segment of the same contact; a gap or a night begins another.
    assert trace.first.tolist() == [True, False, True, True]
    assert len(np.unique(trace.contact)) == 3
    assert trace.distance_m.tolist() == [3, 1, 1, 1]


def test_contacts_are_cut_at_local_midnight(tmp_path):
    text = "start_s,duration_s,i,j,distance_m\n0,172800,a,b,1\n"
    (tmp_path / "t.csv").write_text(text)
    table = TraceTable(file=str(tmp_path / "t.csv"), start=dt.date(2020, 8, 10))
    trace = read_trace(table, "Asia/Ho_Chi_Minh")
    assert trace.days.number.tolist() == [18484, 18485]
    assert (trace.start_s == trace.days.start_s).all()
    assert trace.duration_s.tolist() == [86_400] * 2
    east = read_trace(table, "UTC")
    assert (east.start_s - trace.start_s).tolist() == [7 * 3600] * 2


BAD = (
    "t,i,j,distance_m\n"
    "0,a,b,1\n"
    "20,a,b,1\n"
    "20,b,a,1\n"  # row 4: the other badge, no fault
    "-20,a,c,1\n"
    "40,c,c,1\n"
    "60,a,c,nan\n"
    "60;a;b;1\n"
    "80,a,c,-2\n"
    "20,c,b,1\n"
    "100,,b,1\n"
    "x,a,b,1\n"
)


def test_bad_rows_are_refused_with_their_row(tmp_path):
    with pytest.raises(FormatError) as error:
        read(tmp_path, BAD)
    text = str(error.value)
    for part in (
        "row 5: negative time",
        "row 6: a contact of a person with themself",
        "row 7: distance_m: expected a number, found 'nan' (and 1 more)",
        "(and 1 more)",
        "row 8: has 1 columns where the first row has 4 (mixed separators?)",
        "row 9: negative distance",
        "row 11: an id that is missing",
        'bad_rows = "count"',
    ):
        assert part in text


def test_bad_rows_are_counted_where_that_is_asked_for(tmp_path):
    trace = read(tmp_path, BAD, bad_rows="count")
    mixed = "has 1 columns where the first row has 4 (mixed separators?)"
    assert trace.counted == {
        "duplicate": 1, "negative_time": 1, "self_contact": 1, "no_number": 2, mixed: 1,
        "bad_distance": 1, "unknown_id": 1,
    }  # fmt: skip
    assert read(tmp_path, PLAIN + "0\t1\t10\n").counted == {"out_of_order": 1}
    assert trace.rows == 11
    assert sorted(rows_of(trace)) == [("a", "b", 0, 40), ("b", "c", 20, 20)]


def test_overlaps_are_cut_and_counted(tmp_path):
    text = "start_s,duration_s,i,j,distance_m\n0,100,a,b,1\n50,100,b,a,2\n60,20,a,b,3\n"
    trace = read(tmp_path, text)
    assert rows_of(trace) == [("a", "b", 0, 100), ("a", "b", 100, 50)]
    assert trace.counted == {"overlapping": 2}


def test_a_file_of_people_names_everybody(tmp_path):
    (tmp_path / "people.txt").write_text("1\tDISQ\n2\tDMCT\n10\tDISQ\n11\tDMCT\n")
    people = str(tmp_path / "people.txt")
    trace = read(tmp_path, PLAIN, people=people)
    assert trace.ids == ("1", "10", "2", "11")  # 11 meets nobody and is there all the same
    assert trace.groups == ("DISQ", "DMCT")
    assert sorted(rows_of(trace)) == sorted(
        (min(r[:2], key=trace.ids.index), max(r[:2], key=trace.ids.index), *r[2:]) for r in ROWS
    )
    with pytest.raises(FormatError, match=r"row 5: an id that is missing, or not in the file"):
        read(tmp_path, PLAIN + "100\t1\t12\n", people=people)
    (tmp_path / "people.txt").write_text("1 A\n1 B\n")
    with pytest.raises(FormatError, match="row 2: id '1' is there already"):
        read(tmp_path, PLAIN, people=people)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1 is empty"),
        ("t,i\n0,1\n", "no column is the other person"),
        ("1 2\n", "has 2 columns and no header"),
        ("t,i,j\n", "holds no contact"),
        (b"\xff\xfe\n", "UTF-16"),
        ("t,i,j\n9e99,1,2\n", "year 9998"),
        ("t,i,j\n0,1,2\n900000000,1,2\n", "days"),
    ],
)
def test_files_that_are_no_trace(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, text)
    with pytest.raises(FormatError, match="cannot be read"):
        read_trace(TraceTable(file=str(tmp_path / "none")), "UTC")


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 3), st.integers(0, 400), st.integers(1, 90),
            st.sampled_from([1.0, 2.0]),
        ).filter(lambda r: r[0] != r[1]),
        min_size=1,
        max_size=30,
    )
)  # fmt: skip
def test_merging_equals_counting_seconds(rows):
    """Naive twin: every second of a pair is covered by the first row, in order of start, that has it."""
    days = Days.look_back(dt.date(1970, 1, 1), 1, "UTC")
    i, j, start, length, distance = (np.array(c) for c in zip(*rows, strict=True))
    merged, _ = merge_rows((i, j), start, length, distance.astype(float), days)
    seconds: dict = {}
    for a, b, s, n, d in sorted(rows, key=lambda r: (min(r[:2]), max(r[:2]), r[2])):
        for t in range(s, s + n):
            seconds.setdefault((min(a, b), max(a, b), t), d)
    got = {}
    for a, b, s, n, d in zip(
        *(merged[k].tolist() for k in ("a", "b", "start_s", "duration_s", "distance_m")),
        strict=True,
    ):
        for t in range(s, s + n):
            assert (a, b, t) not in got
            got[a, b, t] = d
    assert got == seconds
    # A contact begins exactly where the pair was apart the second before.
    begins = {
        (a, b, s)
        for a, b, s, f in zip(
            *(merged[k].tolist() for k in ("a", "b", "start_s", "first")), strict=True
        )
        if f
    }
    assert begins == {k for k in seconds if (k[0], k[1], k[2] - 1) not in seconds}


# -- the way through ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workplace():
    s = bz.load("workplace-trace")
    return s, build_world(s, 1)


def test_the_shipped_trace_is_the_one_that_is_generated():
    assert workplace_trace.TRACE.read_text(encoding="ascii") == workplace_trace.text()


def test_a_contact_is_the_same_from_both_ends(workplace):
    s, world = workplace
    model = contact_model(world, s.contacts)
    days = Days.look_back(s.date, s.look_back_days, s.timezone)
    everybody = np.arange(world.n_people, dtype=np.int32)
    both = model.contacts_of(everybody, days)
    once = model.contacts_of(everybody, days, ordered=True)
    assert len(both) == 2 * len(once) == 2 * len(world.brought.a)

    def key(c):
        return sorted(zip(c.contact.tolist(), c.start_s.tolist(), c.a.tolist(), strict=True))

    assert key(once) == key(both.take(both.a < both.b))
    assert key(once.reversed()) == key(both.take(both.a > both.b))
    last = Days.look_back(s.date, 1, s.timezone)
    one_day = model.contacts_of(everybody, last)
    assert 0 < len(one_day) < len(both)
    assert (one_day.start_s >= last.start_s[0]).all()
    before = Days.look_back(s.date - dt.timedelta(days=1), 4, s.timezone)
    assert len(model.contacts_of(everybody, before)) + len(one_day) == len(both)


def test_crowds_are_those_in_contact_with_either_end(workplace):
    s, world = workplace
    trace = world.brought
    model = contact_model(world, s.contacts)
    days = Days.look_back(s.date, 1, s.timezone)
    contacts = model.contacts_of(np.arange(12, dtype=np.int32), days)
    got = model.crowds(contacts, days, world.rank, 0.6)
    segments = list(zip(trace.a, trace.b, trace.start_s, trace.duration_s, strict=True))
    for k in range(0, len(contacts), 7):
        ends = contacts.a[k], contacts.b[k]
        low, high = contacts.start_s[k], contacts.start_s[k] + contacts.duration_s[k]
        near = {
            (this, a if b == this else b)
            for a, b, start, n in segments
            for this in ends
            if this in (a, b) and start < high and start + n > low
        }
        near = {(t, x) for t, x in near if x not in ends and world.rank[x] < 0.6}
        assert got[k] == 2 + len(near)


def test_adopter_draws_equal_runs_of_their_own(workplace):
    """One simulation with everybody's app, filtered, against a simulation of each draw."""
    s, world = workplace
    few = s.adoption.model_copy(update={"draws": 3})
    s = s.model_copy(update={"adoption": few})
    cases = np.arange(world.n_people, dtype=np.int32)

    def outcomes(w, level):
        tracer = SimulationContext.build(s, w, 1, StageTimer())
        found = evaluate(tracer, cases, cases[:0], [level], lambda done, stage: None)
        return outcomes_of(w, found, [level], tracer.phones_off(found.risky))

    rows = spread_of_adopters(s, world, outcomes(world, 1.0))
    from dataclasses import replace

    from bluezone_sim.tables.stages import OUTCOMES
    from bluezone_sim.world.adoption import ranks_of

    owners = np.flatnonzero(world.owner)
    for i in (1, 3):
        level = s.level_users()[i] / len(owners)
        recalls = []
        for d in (1, 2, 3):
            rank = ranks_of(world.seed, d, owners, world.groups, world.zone, few.together)
            at = outcomes(replace(world, rank=rank), level)
            recalls.append(np.mean(at.outcome == OUTCOMES.index("warned")))
        assert rows[i].arms["together"].recall == pytest.approx(np.mean(recalls))


def test_adopters_follow_the_square_law_and_together_exceed_it(workplace):
    """Means over 400 draws; a' lies within four standard errors, a bias of a tenth would not."""
    s, _ = workplace
    result = bz.run(s, seed=1)
    for row in result.adopters[:4]:
        random, together = row.arms["random"], row.arms["together"]
        low, high = random.both_have_app_95
        error = (high - low) / 3.92 / np.sqrt(s.adoption.draws)
        assert abs(random.both_have_app - row.square_law) < 4 * error
        assert abs(random.recall - row.recall_square_law) < 0.08 * row.recall_square_law
        assert together.both_have_app > random.both_have_app + 2 * error
        assert together.recall > random.recall
    assert "Who adopts" in repr(result)
    assert result.to_dict()["adopters"][0]["users"] == 14


def test_a_trace_says_its_people_and_days(workplace):
    s, world = workplace
    assert (s.population.people, s.population.smartphones, s.look_back_days) == (72, 72, 5)
    assert [d.name for d in s.population.districts] == list(workplace_trace.DEPARTMENTS)
    assert s.date == dt.date(2020, 8, 14)
    again = bz.parse(bz.scenario.resolved_toml(s))
    assert again == s
    fewer = bz.load("workplace-trace", {"population.smartphones": 40})
    assert build_world(fewer, 1).owner.sum() == 40
    assert world.n_people == 72


def test_companions_are_those_most_time_is_spent_with(tmp_path):
    text = "start_s,duration_s,i,j,distance_m\n0,100,1,2,1\n0,10,2,3,1\n0,90,3,4,1\n0,5,5,1,1\n"
    trace = read(tmp_path, text)
    group = dict(zip(trace.ids, trace.companions.tolist(), strict=True))
    assert group["1"] == group["2"] == group["5"]
    assert group["3"] == group["4"] != group["1"]


def faults(tmp_path, **changes):
    (tmp_path / "t.csv").write_text("t,i,j\n" + PLAIN.replace("\t", ","))
    raw = {
        "name": "x", "population": {}, "adoption": {"levels": [0.5]},
        "contacts": {
            "source": "trace",
            "trace": {"file": str(tmp_path / "t.csv"), "start": dt.date(2020, 8, 10)},
        },
    }  # fmt: skip
    for key, value in changes.items():
        bz.scenario.loading.override(raw, key.replace("__", "."), value)
    try:
        bz.scenario.loading.validate(raw)
    except ScenarioError as error:
        return {fault.path: str(fault) for fault in error.faults}
    return {}


def test_faults_of_a_scenario_with_a_trace(tmp_path):
    assert faults(tmp_path) == {}
    found = faults(
        tmp_path,
        contacts__work={"tie": 0.5},
        contacts__copresence_scale=0.5,
        contacts__trace__first_step=1,
        contacts__trace__steps=2,
        population__people=4,
        population__ages={"child_share": 0.5},
        adoption__together={"work": 0.8, "household": 0.4},
        adoption__draws=5,
        radio={"density": "on"},
    )
    assert set(found) == {
        "contacts.work", "contacts.copresence_scale", "contacts.trace.first_step",
        "contacts.trace.steps", "population.people", "population.ages", "adoption.together",
        "population.districts", "adoption.draws",
    }  # fmt: skip
    assert "the trace has 3 people" in found["population.people"]
    assert "step_s" in found["contacts.trace.steps"]
    assert "negative time" in faults(tmp_path, contacts__trace__file=bad(tmp_path))[
        "contacts.trace.file"
    ]  # fmt: skip
    assert "cannot be read" in faults(tmp_path, contacts__trace__file="/none.csv")[
        "contacts.trace.file"
    ]  # fmt: skip
    generated = faults(tmp_path, contacts__source="generated")
    assert 'has no effect with contacts.source = "generated"' in generated["contacts.trace"]
    raw_times = faults(tmp_path, contacts={"source": "trace", "trace": {"file": good(tmp_path)}})
    assert "end in 1970" in raw_times["contacts.trace.start"]
    assert "missing" in faults(tmp_path, contacts={"source": "trace"})["contacts.trace"]


def test_a_run_reports_the_rows_it_left_out(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("t,i,j\n0,1,2\n0,2,1\n-20,1,2\n900,2,3\n")
    scenario_file = tmp_path / "s.toml"
    scenario_file.write_text(
        'name = "x"\n[adoption]\nlevels = [0.5]\n[contacts]\nsource = "trace"\n'
        '[contacts.trace]\nfile = "t.csv"\nstart = 2020-08-10\nbad_rows = "count"\n'
    )
    out = tmp_path / "out"
    assert main(["run", str(scenario_file), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "counted 1: negative time" in said
    assert "counted 1: rows that say the same as another one" in said
    document = json.loads((out / "manifest.json").read_text())["result"]["trace"]
    assert document["counted"] == {"negative_time": 1, "duplicate": 1}
    assert (document["rows"], document["people"], document["pairs"]) == (4, 3, 2)
    report = (out / "report.html").read_text("utf-8")
    assert "The contact trace" in report
    assert "1: negative time" in report
    scenario_file.write_text(scenario_file.read_text().replace('bad_rows = "count"', ""))
    assert main(["run", str(scenario_file), "--out", str(out), "--force"]) == 2
    said = capsys.readouterr().err
    assert "1 fault" in said
    assert "row 4: negative time" in said


def bad(tmp_path) -> str:
    (tmp_path / "bad.csv").write_text("t,i,j\n-5,1,2\n")
    return str(tmp_path / "bad.csv")


def good(tmp_path) -> str:
    (tmp_path / "good.csv").write_text("t,i,j\n5,1,2\n")
    return str(tmp_path / "good.csv")


def test_files_are_found_beside_their_scenario(tmp_path, monkeypatch):
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "t.csv").write_text("t,i,j\n0,1,2\n900,2,3\n")
    (tmp_path / "place" / "s.toml").write_text(
        'name = "x"\n[adoption]\nlevels = [0.5]\n[contacts]\nsource = "trace"\n'
        '[contacts.trace]\nfile = "t.csv"\nstart = 2020-08-10\n'
    )
    monkeypatch.chdir(tmp_path)
    assert bz.load("place/s.toml").population.people == 3


def test_trace_info(tmp_path, capsys):
    shipped = workplace_trace.TRACE
    assert main(["trace", "info", str(shipped), "--start", "2020-08-10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["people"], found["groups"], found["days"], found["rows"]) == (72, 6, 5, 5996)
    assert found["counted"] == {}
    assert main(["trace", "info", str(shipped), "--start", "2020-08-10"]) == 0
    out = capsys.readouterr().out
    assert "72 in 6 groups" in out
    assert "5 (2020-08-10 to 2020-08-14)" in out
    (tmp_path / "bad.csv").write_text(BAD)
    assert main(["trace", "info", str(tmp_path / "bad.csv")]) == 0
    assert "negative distance" in capsys.readouterr().out
    assert main(["trace", "info", str(tmp_path / "bad.csv"), "--strict"]) == 2
    assert "row 5: negative time" in capsys.readouterr().err
    for wrong, named in (
        (["--start", "monday"], "--start monday"),
        (["--timezone", "Mars/Olympus"], "--timezone Mars/Olympus"),
        (["--step", "0"], "--step 0"),
    ):
        assert main(["trace", "info", str(shipped), *wrong]) == 2
        assert named in capsys.readouterr().err


def test_trace_info_counts_what_is_there(tmp_path):
    text = "start_s,duration_s,i,j,distance_m\n0,900,a,b,1\n90000,60,a,b,3\n0,60,b,c,1\n"
    found = trace_info(read(tmp_path, text))
    assert (found.people, found.pairs, found.contacts, found.days) == (3, 2, 3, 2)
    assert found.pairs_repeated == 0.5
    assert found.met_again == pytest.approx(2 / 3)
    assert found.contacts_per_person_day == pytest.approx(2 * 3 / (3 * 2))
    assert found.risky_pair_days == 1
    assert found.distance_quantiles_m == (1, 1, 1, 1, 3)


def test_together_shares_the_rank_of_a_group():
    """Two of one household who adopt with it run the app with chance a, not a squared."""
    s = scenario(
        population__people=30_000,
        population__smartphones=30_000,
        population__districts=[{"name": "A", "people": 30_000}],
        population__ownership={"under_6": 1.0, "age_6_17": 1.0, "age_60_up": 1.0},
        adoption__together={"household": 0.6},
    )
    world = build_world(s, 2)
    household = world.groups.of[0]
    rank = world.rank
    pairs = np.flatnonzero(household[:-1] == household[1:])
    for level in (0.2, 0.5):
        both = np.mean((rank[pairs] < level) & (rank[pairs + 1] < level))
        want = 0.36 * level + 0.64 * level**2
        # 21,000 pairs, about 1.5 in the same household's draw: four standard errors.
        assert both == pytest.approx(want, abs=4 * np.sqrt(want / len(pairs) * 2))
        assert (rank < level).sum() == 30_000 * level
