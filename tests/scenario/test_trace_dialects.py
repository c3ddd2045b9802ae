"""One day of contacts in every dialect: the same numbers, or a refusal that names what to say."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluezone_sim.errors import FormatError
from bluezone_sim.scenario.inputs.traces.dialects import DIALECTS
from bluezone_sim.scenario.inputs.traces.parse import rows_of
from bluezone_sim.scenario.inputs.traces.reader import read_trace
from bluezone_sim.scenario.schema.trace import TraceTable
from bluezone_sim.world.trace_summary import trace_info
from helpers import contact_day as day
from helpers.commands import call

MIDNIGHT = int(pd.Timestamp(day.DAY, tz=day.ZONE).timestamp())
SAY = ("--columns", "--dialect")


def read(file, **keys):
    keys = {"start": day.DAY, **keys}
    return read_trace(TraceTable(file=str(file), **keys), day.ZONE)


def numbers(file, **keys):
    found = trace_info(read(file, **keys))
    return {k: getattr(found, k) for k in ("people", "pairs", "risky_pair_days")}


def steps(form, head=""):
    return lambda tmp: day.write(tmp, "trace.csv", [form(*r) for r in day.steps()], head)


def whole(form, head=""):
    return lambda tmp: day.write(tmp, "trace.csv", [form(*r) for r in day.contacts()], head)


def member(k):  # 1.1 and 1.10 are two people
    return f"{(k - 1) // 10 + 1}.{(k - 1) % 10 + 1}"


def pandas_right(rows, seconds):
    """The same by pandas: pairs, and those with 15 minutes or more."""
    table = pd.DataFrame(rows, columns=["t", "i", "j"])
    near = table.groupby(["i", "j"]).size() * seconds
    return len(near), int((near >= 900).sum())


def test_what_is_right_is_so_by_pandas():
    found = day.right()
    assert (found["pairs"], found["risky_pair_days"]) == pandas_right(day.steps(), day.STEP_S)
    assert found["people"] == day.PEOPLE
    assert 0 < found["risky_pair_days"] < found["pairs"]


AS_THEY_STAND = {
    "t i j": steps(lambda t, a, b: f"{t} {a} {b}"),
    "tabs": steps(lambda t, a, b: f"{t}\t{a}\t{b}"),
    "repeated blanks and comments": steps(
        lambda t, a, b: f"  {t}   {a} \t {b} ", "# by hand\n\n% t i j\n"
    ),
    "words": steps(lambda t, a, b: f"{t} P{a:02d} P{b:02d} G{a % 3} G{b % 3}"),
    "duration beside t": whole(lambda s, d, a, b: f"{s},{a},{b},{d}", "t,i,j,duration\n"),
    "minutes": whole(lambda s, d, a, b: f"{s};{a};{b};{d / 60}", "start;i;j;duration (min)\n"),
    "decimal commas": whole(
        lambda s, d, a, b: f"{s};{a};{b};{d / 60}".replace(".", ","), "start;i;j;duration_min\n"
    ),
    "end": whole(lambda s, d, a, b: f"{a},{b},{s},{s + d}", "source,target,start,end\n"),
    "milliseconds": steps(lambda t, a, b: f"{t * 1000},{a},{b}", "t_ms,i,j\n"),
    "64 bits": steps(lambda t, a, b: f"{t},{2**63 + a},{2**63 + b}", "t,i,j\n"),
    "decimal ids": steps(lambda t, a, b: f"{t},{member(a)},{member(b)}", "t,i,j\n"),
    "padded ids": steps(lambda t, a, b: f"{t},{a:03d},{b:03d}", "t,i,j\n"),
    "quotes": steps(lambda t, a, b: f'{t},"No. {a}, left","No. {b}, left"', '"t","i","j"\n'),
    "centimetres": steps(lambda t, a, b: f"{t},{a},{b},150", "t,i,j,distance_cm\n"),
    "byte order mark": steps(lambda t, a, b: f"{t},{a},{b}", "\ufefft,i,j\n"),
}


@pytest.mark.parametrize("make", AS_THEY_STAND.values(), ids=AS_THEY_STAND)
def test_as_it_stands(tmp_path, make):
    assert numbers(make(tmp_path)) == day.right()


def test_both_badges_are_one_contact(tmp_path):
    rows = [f"{s},{d},{a},{b}" for s, d, a, b in day.contacts()]
    rows += [f"{s},20,{b},{a}" for s, d, a, b in day.contacts()]  # this badge lost it early
    rows += [f"{s + 20},{d},{b},{a}" for s, d, a, b in day.contacts()[:3]]  # this one came late
    rows += rows[:2]
    file = day.write(tmp_path, "both.csv", rows, "start_s,duration_s,i,j\n")
    trace = read(file)
    more = {(a, b): 20 for _, _, a, b in day.contacts()[:3]}
    near = [d + more.get((a, b), 0) for _, d, a, b in day.contacts()]
    assert trace.duration_s.sum() == sum(near)
    assert len(trace.a) == trace.first.sum() == len(near)
    assert trace.counted["other_length"] == len(near)
    assert trace.counted["duplicate"] == 2
    assert trace.counted["overlapping"] == 3


def test_distances_are_metres(tmp_path):
    file = steps(lambda t, a, b: f"{t},{a},{b},6.0", "t,i,j,dist_m\n")(tmp_path)
    assert numbers(file) == {**day.right(), "risky_pair_days": 0}


#: File, what has to be said, and what a refusal says without it.
TO_BE_SAID = {
    "numeric groups": (
        steps(lambda t, a, b: f"{t} {a} {b} {day.group(a)} {day.group(b)}"),
        [{"columns": ("t", "i", "j", "Ci", "Cj")}, {"dialect": "sociopatterns"}],
        "columns 4 and 5 hold numbers",
    ),
    "i j t": (
        steps(lambda t, a, b: f"{a} {b} {t}"),
        [{"columns": ("i", "j", "t")}],
        "column 3 looks as much like time",
    ),
    "i t j": (
        steps(lambda t, a, b: f"{a} {t} {b}"),
        [{"columns": ("i", "t", "j")}],
        "column 2 looks as much like time",
    ),
    "start and end": (
        whole(lambda s, d, a, b: f"{a} {b} {s} {s + d}"),
        [{"columns": ("i", "j", "start", "end")}, {"dialect": "haggle"}],
        "a fourth column and no header",
    ),
    "CRAWDAD": (
        whole(lambda s, d, a, b: f"{a}\t{b}\t{s}\t{s + d}\t1\t0"),
        [{"dialect": "haggle"}],
        "6 columns and no header",
    ),
    "KONECT": (
        steps(lambda t, a, b: f"{a} {b} 1\t{t}", "% sym positive\n% 25 12 12\n"),
        [{"dialect": "konect"}, {"columns": ("i", "j", "skip", "t")}],
        "a fourth column and no header",
    ),
    "an unknown column": (
        steps(lambda t, a, b: f"{t},{a},{b},7", "t,i,j,weight\n"),
        [{"columns": ("t", "i", "j", "skip")}],
        "'weight' would not be used",
    ),
    "an unknown distance": (
        steps(lambda t, a, b: f"{t},{a},{b},0.7", "t,i,j,d\n"),
        [{"columns": ("t", "i", "j", "distance_m")}],
        "'d' would not be used",
    ),
    "a distance that says no unit": (
        steps(lambda t, a, b: f"{t},{a},{b},150", "t,i,j,distance\n"),
        [{"columns": ("t", "i", "j", "distance_cm")}],
        "150 says no unit",
    ),
    "no metres": (
        steps(lambda t, a, b: f"{t},{a},{b},{MIDNIGHT + t}", "t,i,j,distance\n"),
        [{"columns": ("t", "i", "j", "skip")}],
        "past a kilometre",
    ),
    "a doubled column": (
        steps(lambda t, a, b: f"{t},{a},{b},{a}", "t,i,j,user_a\n"),
        [{"columns": ("t", "i", "j", "skip")}],
        "'i' and 'user_a' are both the one person",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "said", "why"), TO_BE_SAID.values(), ids=TO_BE_SAID)
def test_what_has_to_be_said(tmp_path, make, said, why):
    file = make(tmp_path)
    with pytest.raises(FormatError) as error:
        read(file, bad_rows="count")
    assert why in str(error.value)
    assert all(option in str(error.value) for option in SAY)
    for keys in said:
        assert numbers(file, **keys) == day.right()


#: Heads of (i, j, start, minutes, centimetres), the words that are proposed, and what is said of them.
PROPOSED = {
    "First,Second,Start,Duration (min),Distance [cm]": (
        "i,j,start,duration_min,distance_cm",
        "if 'First' is i and 'Second' is j",
    ),
    "Person A,Person B,When,Length (min),Dist [cm]": (
        "i,j,t,duration_min,distance_cm",
        "if 'When' is t and 'Length (min)' is duration_min",
    ),
    "userA,userB,startTime,Minutes,cm": (
        "i,j,start,duration_minutes,distance_cm",
        "if 'Minutes' is duration_minutes and 'cm' is distance_cm",
    ),
    "node_1,node_2,t_start,contact duration min,dist_cm": (
        "i,j,start,duration_min,distance_cm",
        "if 'node_1' is i and 'node_2' is j and 't_start' is start "
        "and 'contact duration min' is duration_min",
    ),
    "ID1,ID2,moment,dur_min,DIST_CM": ("i,j,t,duration_min,distance_cm", "if 'moment' is t"),
}  # fmt: skip


def in_minutes_and_centimetres(tmp_path, head):
    rows = [f"{a},{b},{MIDNIGHT + s},{d / 60},170" for s, d, a, b in day.contacts()]
    return day.write(tmp_path, "trace.csv", rows, head + "\n")


@pytest.mark.parametrize(("head", "proposed"), PROPOSED.items(), ids=PROPOSED)
def test_what_is_proposed_for_a_header_loses_nothing(tmp_path, head, proposed):
    file = in_minutes_and_centimetres(tmp_path, head)
    words, remarks = proposed
    with pytest.raises(FormatError) as error:
        read(file, start=None)
    assert f"--columns {words} ({remarks}) or with --dialect" in str(error.value)
    trace = read(file, start=None, columns=tuple(words.split(",")))
    assert trace.duration_s.sum() == sum(d for _, d, _, _ in day.contacts())
    assert trace.distance_m.tolist() == pytest.approx([1.7] * len(trace.a))


@pytest.mark.parametrize(
    ("head", "proposed"),
    [
        ("id,user1,user2,t,dur", " skip,i,j,t,duration (which leaves out 'id')"),
        ("i,j,start,end,dur_min", " i,j,start,end,skip (which leaves out 'dur_min')"),
        ("i,j,t,rssi,Ci", " i,j,t,rssi,skip (which leaves out 'Ci')"),
        (
            "foo,bar,baz,dur_min,dist",
            " ?,?,?,duration_min,distance (with what it is in place of each ?)",
        ),
        ("t,i,j,,dist", " t,i,j,skip,distance (which leaves out a column without a name)"),
        ("i,start,length_m,dur", " i,start,?,duration (with what it is in place of each ?)"),
        ("start,dur", ", such as t,i,j,duration,"),
    ],
)
def test_a_proposal_says_what_it_leaves_out(tmp_path, head, proposed):
    file = day.write(tmp_path, "t.csv", [",".join("1" * (head.count(",") + 1))], head + "\n")
    with pytest.raises(FormatError) as error:
        read(file)
    assert f"--columns{proposed} or with --dialect" in str(error.value)


@pytest.mark.parametrize("mark", ["# ", "%"])
def test_a_comment_that_names_the_columns_is_proposed_with_its_units(tmp_path, mark):
    file = in_minutes_and_centimetres(tmp_path, mark + "i,j,start,duration_min,distance_cm")
    with pytest.raises(FormatError, match="--columns i,j,start,duration_min,distance_cm or with"):
        read(file, start=None)


def test_columns_beside_a_header_that_says_more(tmp_path):
    file = in_minutes_and_centimetres(tmp_path, "i,j,start,duration_min,distance_cm")
    with pytest.raises(FormatError, match=r"column 4 is 'duration_min' .* write duration_min \(or"):
        read(file, start=None, columns=("i", "j", "start", "duration", "distance_cm"))
    trace = read(file, start=None, columns=("i", "j", "start", "duration_min", "skip"))
    assert "column 'distance_cm' of the header is left out, as columns says" in trace.notes


def test_the_one(tmp_path):
    rows = [(s, "CONN", a, b, "up") for s, d, a, b in day.contacts()]
    rows += [(s + d, "CONN", a, b, "down") for s, d, a, b in day.contacts()]
    lines = [" ".join(map(str, row)) for row in sorted(rows)]
    messages = ["0 C M1 3 4 500", *lines, "90000 DE M1 3 4"]
    for name, text in (("conn.txt", lines), ("all.txt", messages)):
        assert numbers(day.write(tmp_path, name, text), dialect="one") == day.right()
    assert read(tmp_path / "all.txt", dialect="one").counted["other_event"] == 2
    open_end = day.write(
        tmp_path, "open.txt", ["0 CONN p1 p2 up", "60 CONN p3 p1 up", "90 CONN p1 p3 down"]
    )
    trace = read(open_end, dialect="one")
    assert trace.duration_s.tolist() == [90, 30]
    assert trace.counted == {"no_end": 1}
    with pytest.raises(FormatError, match="no row is 'CONN"):
        read(day.write(tmp_path, "none.txt", ["0 CONN p1 p2 down"]), dialect="one")


def test_haggle_sightings_without_a_length_are_one_inquiry_long(tmp_path):
    trace = read(
        day.write(tmp_path, "h.dat", ["1 8 121 121 1 0", "1 3 200 320 1 0"]), dialect="haggle"
    )
    assert sorted(trace.duration_s.tolist()) == [5, 120]
    assert trace.counted["instant"] == 1


def test_sociopatterns_t_ends_its_twenty_seconds(tmp_path):
    file = day.write(tmp_path, "tij.dat", ["20 1 2", "40 1 2", "40 2 3"])
    trace = read(file, dialect="sociopatterns")
    assert (trace.start_s - MIDNIGHT).tolist() == [0, 20]
    assert trace.duration_s.tolist() == [40, 20]
    begins = read(file, columns=("t", "i", "j"))
    assert (begins.start_s - MIDNIGHT).tolist() == [20, 40]
    assert "the 20 s up to t" in trace.reading


def test_netsense(tmp_path):
    head = "btnamej,btnamei,episode,freq,avg_RSSI,sd_RSSI,s_timestamp,e_timestamp,dur,waitingtime\n"
    rows = [
        f"socs{b:03d},socs{a:03d},1,3,-71.5,2.1,{MIDNIGHT + s},{MIDNIGHT + s + d},{d},0.1"
        for s, d, a, b in day.contacts()
    ]
    file = day.write(tmp_path, "week8.csv", rows, head)
    with pytest.raises(FormatError, match="--dialect"):
        read(file, start=None)
    found = numbers(file, dialect="netsense", start=None)
    assert found == {**day.right(), "risky_pair_days": None}


@pytest.mark.parametrize("said", [{"dialect": "copenhagen"}, {"columns": ("t", "i", "j", "rssi")}])
def test_copenhagen(tmp_path, said):
    rows = [",".join(map(str, row)) for row in day.scans()]
    file = day.write(tmp_path, "bt_symmetric.csv", rows, "# timestamp,user_a,user_b,rssi\n")
    with pytest.raises(
        FormatError, match=r"'# timestamp,user_a,user_b,rssi'.* --columns t,i,j,rssi or"
    ):
        read(file)
    trace = read(file, **said)
    found = trace_info(trace)
    seen = [(t, a, b) for t, a, b, _ in day.scans() if b > 0]
    assert (found.people, found.pairs) == (day.PEOPLE, pandas_right(seen, 300)[0])
    assert found.risky_pair_days is None
    assert found.distance_quantiles_m is None
    assert trace.counted["nobody"] == trace.counted["outsider"] == 96
    assert trace.duration_s.sum() == 300 * len(seen)
    table = pd.DataFrame(day.scans(), columns=["t", "i", "j", "rssi"])
    by_hand = table[table.j > 0].rssi.median()
    assert found.rssi_quantiles_dbm[2] == by_hand


def test_a_negative_id_among_other_negative_ids_is_an_id(tmp_path):
    trace = read(day.write(tmp_path, "t.csv", ["0,-1,-7", "20,-1,-7"], "t,i,j\n"))
    assert trace.ids == ("-1", "-7")


@pytest.mark.parametrize("name", list(DIALECTS))
def test_a_dialect_with_other_columns_is_refused(tmp_path, name):
    file = day.write(tmp_path, "t.dat", ["1 2 3 4 5 6 7"])
    with pytest.raises(FormatError, match=f"has 7 columns in row 1, and {name} has"):
        read(file, dialect=name)


# -- encodings, and files that are broken ---------------------------------------------------------------


NAMES = ["Zoé", "Renée", "Léa", "Lèa", "Noë", "Noé", "Amé", "Amè", "Inés", "Inès", "André", "Andrè"]


def test_names_of_another_encoding(tmp_path):
    rows = [f"{t},{NAMES[a - 1]},{NAMES[b - 1]}" for t, a, b in day.steps()]
    for encoding in ("latin-1", "utf-16"):
        file = day.write(tmp_path, "names.csv", rows, "t,i,j\n", encoding)
        with pytest.raises(FormatError, match="--encoding"):
            read(file)
        assert numbers(file, encoding=encoding) == day.right()
    assert set(read(file, encoding="utf-16").ids) == set(NAMES)
    with pytest.raises(FormatError, match="no encoding 'latin1x'"):
        read(file, encoding="latin1x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"t,i,j\n0,1,\xe9\n", r"row 2: byte 10 \(0xe9\) is not utf-8"),
        (b"t,i,j\n0,1,2\n20,1\0,2\n", r"row 3: byte 16 is a NUL"),
        (gzip.compress(b"t,i,j\n0,1,2\n" * 99, mtime=0)[:-30], "gzip is damaged or cut short"),
        (gzip.compress(b"t,i,j\n0,1,2\n", mtime=0)[:12] + b"zzzzzzzz", "gzip is damaged"),
        (b"t,i,j,t\n0,1,2,0\n", "'t' and 't' are both a time"),
        (b"t,start_s,i,j\n0,0,1,2\n", "are both a time"),
        (b"t,i,j,end,duration\n0,1,2,20,20\n", "both say how long"),
        (b"t,i,j,rssi,distance_m\n0,1,2,-60,1\n", "both say how near"),
        (b"t,i,j,Ci\n0,1,2,A\n", "one of the two people's groups"),
    ],
)
def test_broken_files(tmp_path, data, message):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        read(tmp_path / "t.csv", bad_rows="count")


def test_columns_that_say_too_little(tmp_path):
    file = day.write(tmp_path, "t.dat", ["0 1 2"])
    for columns, message in (
        (("t", "i"), "has 3 columns in row 1, and columns names 2"),
        (("t", "i", "who"), "'who' is no column"),
        (("t", "i", "skip"), "no column is the other person"),
    ):
        with pytest.raises(FormatError, match=message):
            read(file, columns=columns)
    with pytest.raises(FormatError, match="columns and dialect both"):
        read(file, columns=("t", "i", "j"), dialect="sociopatterns")


def test_parquet_keeps_long_ids_apart(tmp_path):
    near = 0xF000_0000_0000_0000
    t, a, b = (np.array(c) for c in zip(*day.steps(), strict=True))
    ids = {"i": pa.array(near + a.astype(np.uint64)), "j": pa.array(near + b.astype(np.uint64))}
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"t": t, **ids}), file)
    assert numbers(file) == day.right()
    stamps = pa.array(t + MIDNIGHT, pa.int64()).cast(pa.timestamp("s", "UTC"))
    pq.write_table(pa.table({"t": stamps, **ids}), file)
    assert numbers(file, start=None) == day.right()
    pq.write_table(pa.table({"t": t, "i": a.astype(float), "j": b.astype(float)}), file)
    with pytest.raises(FormatError, match="floating-point"):
        read(file)


# -- times ---------------------------------------------------------------------------------------------


def iso(form, zone=""):
    def row(t, a, b):
        when = pd.Timestamp(MIDNIGHT + t, unit="s", tz=zone or day.ZONE)
        return f"{when.strftime(form)},{a},{b}"

    return steps(row, "t,i,j\n")


@pytest.mark.parametrize(
    "make",
    [
        iso("%Y-%m-%d %H:%M:%S"),
        iso("%Y-%m-%dT%H:%M:%SZ", "UTC"),
        iso("%Y-%m-%dT%H:%M:%S%z", "America/New_York"),
    ],
)
def test_dates(tmp_path, make):
    file = make(tmp_path)
    trace = read(file, start=None)
    assert numbers(file, start=None) == day.right()
    assert trace.start_s.min() == MIDNIGHT + min(t for t, _, _ in day.steps())
    with pytest.raises(FormatError, match="dates already"):
        read(file)


def test_start_beside_unix_times_is_refused(tmp_path):
    file = steps(lambda t, a, b: f"{MIDNIGHT + t},{a},{b}", "t,i,j\n")(tmp_path)
    assert numbers(file, start=None) == day.right()
    with pytest.raises(FormatError, match=r"unix seconds already \(of 2013-12-02\)"):
        read(file)


def test_times_ahead_of_now_are_refused(tmp_path):
    later = int(dt.datetime.now(dt.UTC).timestamp()) + 3 * 86_400
    with pytest.raises(FormatError, match="ahead of now"):
        read(day.write(tmp_path, "t.csv", [f"{later},1,2"], "t,i,j\n"), start=None)
    with pytest.raises(FormatError, match=r"t_unit_s = 0\.001"):
        read(day.write(tmp_path, "t.csv", [f"{later * 1000},1,2"], "t,i,j\n"), start=None)


def test_the_step_is_what_the_rows_of_a_pair_are_apart(tmp_path):
    rows = [f"{t},{a},{b}" for t, a, b, _ in day.scans() if b > 0]
    trace = read(day.write(tmp_path, "t.csv", rows, "t,i,j\n"))
    assert trace.duration_s.sum() == 300 * len(rows)
    assert "300 s" in trace.notes[0]
    few = read(day.write(tmp_path, "t.csv", rows[:3], "t,i,j\n"))
    assert "taken as 20 s" in few.notes[0]
    assert read(tmp_path / "t.csv", step_s=60).notes == ()
    uneven = [f"{40 * k * k + 7 * k},1,2" for k in range(20)]
    with pytest.raises(FormatError, match="give --step"):
        read(day.write(tmp_path, "t.csv", uneven, "t,i,j\n"))


def test_silent_days_count(tmp_path):
    file = steps(lambda t, a, b: f"{t},{a},{b}", "t,i,j\n")(tmp_path)
    day_before = day.DAY - dt.timedelta(days=1)
    watched = trace_info(read(file, observed=(day_before, day.DAY + dt.timedelta(days=2))))
    alone = trace_info(read(file))
    assert (alone.days, watched.days) == (1, 4)
    assert watched.contacts_per_person_day == pytest.approx(alone.contacts_per_person_day / 4)
    with pytest.raises(FormatError, match="before or after the days that were observed"):
        read(file, observed=(day_before, day_before))
    silent = [f"{t},1,-1" for t in (2 * 86_400, 3 * 86_400)]
    rows = [f"{t},{a},{b}" for t, a, b in day.steps()] + silent
    trace = read(day.write(tmp_path, "t.csv", rows, "t,i,j\n"))
    assert len(trace.days) == 4
    assert trace.counted["nobody"] == 2


# -- the command ---------------------------------------------------------------------------------------


def test_trace_info_takes_what_is_to_be_said(tmp_path, capsys):
    file = steps(lambda t, a, b: f"{a} {b} {t}")(tmp_path)
    given = ("trace", "info", file, "--start", day.DAY, "--timezone", day.ZONE, "--json")
    assert call(*given) == 2
    assert all(option in capsys.readouterr().err for option in ("--columns",))
    assert call(*given, "--columns", "i,j,t") == 0
    out = capsys.readouterr()
    found = json.loads(out.out)
    assert {k: found[k] for k in day.right()} == day.right()
    assert found["reading"].startswith("i, j, t (by columns)")
    assert out.err == ""
    assert call("trace", "info", file, "--dialect", "haggles") == 2
    assert "--dialect haggles: expected 'sociopatterns'" in capsys.readouterr().err
    assert call("trace", "info", file, "--columns", "i,j,t", "--json") == 0
    said = capsys.readouterr()
    assert "fall in 1970" in said.err
    assert "its time zone is assumed: its days are those of Asia/Ho_Chi_Minh" in said.err
    assert {k: json.loads(said.out)[k] for k in day.right()} == day.right()
    assert call("trace", "info", file, "--columns", "i,j,t", "--observed", "2013-12-02") == 2
    assert "--observed" in capsys.readouterr().err


def test_times_with_a_zone_and_without_do_not_mix(tmp_path):
    rows = ["2013-12-02T08:00:00,1,2", "2013-12-02T08:00:20Z,1,2"]
    with pytest.raises(FormatError, match="some of its times say their zone"):
        read(day.write(tmp_path, "t.csv", rows, "t,i,j\n"), start=None)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 5000), *[st.sampled_from(["1", "01", "1.0", "x", "é 2"])] * 2),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
)
def test_text_is_read_as_python_reads_it(rows, sign, comments):
    """Naive twin: rows split by hand, whatever the separator, with comments and blank lines between."""
    with TemporaryDirectory() as folder:
        lines = [sign.join(map(str, row)) for row in rows]
        if comments:
            lines = [more for line in lines for more in (line, "# a comment", "")]
        file = day.write(Path(folder), "t.csv", lines, sign.join("tij") + "\n")
        found, _ = rows_of(file, file.read_bytes(), TraceTable(file=str(file)))
    names = [(found.names[a], found.names[b]) for a, b in zip(found.i, found.j, strict=True)]
    assert names == [row[1:] for row in rows]
    assert found.numbers["t"].tolist() == [row[0] for row in rows]
    assert found.line.tolist() == [2 + k * (3 if comments else 1) for k in range(len(rows))]


DATES = "2013-12-02T08:00:20"


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (
            "i;j;time;duration_min;distance_m",
            ["P25;P05;03.05.2021 07:07;4,6;2,67"],
            f"row 2: time: expected seconds, or a date such as {DATES}, found '03.05.2021 07:07'",
        ),
        (
            "i,j,start,end",
            [f"a,b,{DATES},2013-12-02T08:05:20", f"a,b,{DATES},02/12/2013 08:05"],
            f"row 3: end: expected a date such as {DATES}, found '02/12/2013 08:05'",
        ),
        (
            "t,i,j",
            ["20,a,b", f"{DATES},a,b"],
            f"row 3: t: expected seconds as in other rows, found '{DATES}'",
        ),
        ("t_ms,i,j,rssi", ["20,a,b,-60", "x,a,b,-60"], "row 3: t_ms: expected a number, found 'x'"),
        (
            "t,i,j,duration_min",
            ["20,a,b,1", "40,a,b,"],
            "row 3: duration_min: expected a number, found nothing",
        ),
    ],
)
def test_a_cell_that_is_no_number_is_named(tmp_path, header, rows, said):
    file = day.write(tmp_path, "t.csv", rows, header + "\n")
    with pytest.raises(FormatError, match=re.escape(said)):
        read(file, start=None)


def test_a_thousands_comma_is_no_decimal_comma(tmp_path):
    file = day.write(tmp_path, "t.csv", ['"31,280",1,2', "31300,1,2"], "t,i,j\n")
    with pytest.raises(FormatError, match=r"row 2: t: expected seconds, found '31,280'"):
        read(file)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2020-08-10T08:00:00Z,2020-08-10T08:20:00,1,2", "some of its times say their zone"),
        ("2020-08-10 08:00:00,1597027200,1,2", "column start holds dates and column end does not"),
    ],
)
def test_a_start_and_an_end_of_two_kinds_are_refused(tmp_path, row, said):
    file = tmp_path / "t.csv"
    file.write_text(f"start,end,i,j\n{row}\n")
    with pytest.raises(FormatError, match=said):
        read(file, start=None)


@pytest.mark.parametrize(
    ("head", "said"),
    [("start_ms,duration_ms,i,j", "once more"), ("start,duration,i,j", "duration says no unit")],
)
def test_a_unit_of_t_is_not_said_twice_and_not_of_a_duration(tmp_path, head, said):
    file = tmp_path / "t.csv"
    file.write_text(f"{head}\n30000000,900000,1,2\n")
    with pytest.raises(FormatError, match=said):
        read(file, t_unit_s=0.001)
    right = read(file, t_unit_s=0.001, columns=("t", "duration_ms", "i", "j"))
    assert int(right.duration_s.sum()) == 900


def test_marks_of_nobody_are_copenhagens_and_told_where_they_are_taken_as_people(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("t,i,j,rssi\n300,1,2,-60\n600,1,-1,0\n900,1,-3,-60\n1200,1,NA,-60\n")
    found = read(file, dialect="copenhagen")
    assert found.counted["nobody"] == 1
    assert "-1" not in found.ids
    said = " ".join(read(file).notes)
    assert "id -1 is taken as a person" in said
    assert "id NA is taken as a person" in said


def test_an_encoding_of_bytes_is_none_of_text(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("t,i,j\n300,1,2\n")
    with pytest.raises(FormatError, match="no encoding 'base64'"):
        read(file, encoding="base64")
    assert call("trace", "info", file, "--observed", "2020-11-29") == 2
