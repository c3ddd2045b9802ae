"""Who the people of a trace are, what of them a file says, and what an RSSI means to a radio."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.errors import FormatError, ScenarioError
from bluezone_sim.radio.records import record
from bluezone_sim.scenario.inputs.traces.reader import read_trace
from bluezone_sim.scenario.loading import validate
from bluezone_sim.scenario.schema.trace import TraceTable
from bluezone_sim.scenario.stored import stored_scenario, stored_text
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.evaluating import index_cases
from bluezone_sim.world import build_world
from helpers import contact_day as day
from helpers.commands import call

ROWS = [f"{t},{a:03d},{b:03d}" for t, a, b in day.steps()]


@pytest.fixture
def file(tmp_path):
    return day.write(tmp_path, "trace.csv", ROWS, "t,i,j\n")


def people(tmp_path, rows, head=""):
    return str(day.write(tmp_path, "people.csv", rows, head))


def read(file, **keys):
    return read_trace(TraceTable(file=str(file), start=day.DAY, **keys), day.ZONE)


PLAIN = [f"{k:03d},G{day.group(k)}" for k in range(1, 13)]


@pytest.mark.parametrize(
    ("rows", "head"),
    [
        (PLAIN, ""),
        (PLAIN, "id,department\n"),
        (PLAIN, "matricule,service\n"),
        ([r.replace(",", "\t") + "\tF" for r in PLAIN], ""),
        ([f'F;"{r.split(",")[1]}";"{r.split(",")[0]}"' for r in PLAIN], '"gender";"class";"id"\n'),
        ([f"{r},x" for r in PLAIN], "\ufeffPerson,Team,note\n"),
    ],
)
def test_any_header_quotes_and_more_columns(tmp_path, file, rows, head):
    trace = read(file, people=people(tmp_path, rows, head))
    assert trace.n_people == day.PEOPLE
    assert trace.groups == ("G1", "G2", "G3")
    assert dict(zip(trace.ids, trace.group.tolist(), strict=True)) == {
        f"{k:03d}": day.group(k) - 1 for k in range(1, 13)
    }


def test_an_unused_column_is_told(tmp_path, file):
    trace = read(file, people=people(tmp_path, [f"{r},F" for r in PLAIN], "id,class,gender\n"))
    assert trace.reading.endswith("people: id = id, group = class; not used: gender")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("012,G1,maybe,ios,30,no", "app 'maybe': expected yes or no"),
        ("012,G1,yes,symbian,30,no", "platform 'symbian': expected android or ios"),
        ("012,G1,yes,ios,1990,no", "age '1990': expected whole years"),
        ("012,G1,yes,ios,30", "has 5 columns where the first row has 6"),
        ('012,G1,yes,"ios,30,no', "a quote .* is opened and not closed on its line"),
        ("011,G1,yes,ios,30,no", "id '011' is there already"),
    ],
)
def test_cells_that_say_nothing_are_refused(tmp_path, file, row, message):
    rows = [f"{r},yes,android,30,no" for r in PLAIN[:-1]] + [row]
    with pytest.raises(FormatError, match=f"row 13: {message}"):
        read(file, people=people(tmp_path, rows, "id,group,app,platform,age,case\n"))


APP, IOS, CASES = {1, 4, 7, 9}, {2, 4, 9}, {4, 5, 9}


def described(tmp_path, file, **changes):
    rows = [
        f"{r},{'yes' if k in APP else 'no'},{'iOS' if k in IOS else 'Android'},{20 + k},{int(k in CASES)}"
        for k, r in enumerate(PLAIN, 1)
    ]
    raw = {
        "name": "x",
        "timezone": day.ZONE,
        "contacts": {
            "source": "trace",
            "trace": {
                "file": str(file),
                "start": day.DAY,
                "people": people(tmp_path, rows, "id,group,app,platform,age,case\n"),
            },
        },
    }
    for key, value in changes.items():
        bz.scenario.loading.override(raw, key.replace("__", "."), value)
    return raw


def numbers_of(world, members):
    ids = world.brought.ids
    return {ids.index(f"{k:03d}") for k in members}


def test_who_has_the_app_which_phone_age_and_who_is_a_case(tmp_path, file):
    s = validate(described(tmp_path, file))
    assert s.level_users() == [len(APP)]
    assert s.index_cases.count == len(CASES)
    world = build_world(s, 3)
    level = len(APP) / s.population.smartphones
    assert set(np.flatnonzero(world.rank < level)) == numbers_of(world, APP)
    assert set(np.flatnonzero(world.ios)) == numbers_of(world, IOS)
    assert [world.age[world.brought.ids.index(f"{k:03d}")] for k in (1, 12)] == [21, 32]
    drawn = index_cases(3, world.n_people, s.index_cases.count, world.known_cases)
    assert set(drawn.tolist()) == numbers_of(world, CASES)
    few = validate(described(tmp_path, file, population__smartphones=5, adoption={"levels": [0.8]}))
    assert set(np.flatnonzero(build_world(few, 3).rank < 0.8)) == numbers_of(world, APP)


def test_what_the_file_says_is_not_drawn(tmp_path, file):
    raw = described(
        tmp_path, file, adoption__draws=5, index_cases__count=4, population__smartphones=3
    )
    with pytest.raises(ScenarioError) as error:
        validate(raw)
    paths = {fault.path for fault in error.value.faults}
    assert paths == {
        "adoption.draws",
        "adoption.levels[0].users",
        "index_cases.count",
        "population.smartphones",
    }


# -- RSSI ----------------------------------------------------------------------------------------------


def of_rssi(tmp_path, **changes):
    rows = [f"{t},{a},{b},{rssi}" for t, a, b, rssi in day.scans()]
    file = day.write(tmp_path, "scans.csv", rows)
    raw = {
        "name": "x",
        "timezone": day.ZONE,
        "adoption": {"levels": [1.0]},
        "contacts": {
            "source": "trace",
            "trace": {"file": str(file), "start": day.DAY, "dialect": "copenhagen"},
        },
    }
    for key, value in changes.items():
        bz.scenario.loading.override(raw, key.replace("__", "."), value)
    return validate(raw)


def test_an_rssi_is_as_far_away_as_the_radio_has_it(tmp_path):
    """Back through the path loss, written out here, the distances give the RSSI that was measured."""
    s = of_rssi(tmp_path)
    world = build_world(s, 1)
    trace, radio = world.brought, s.radio
    d = trace.distance_m.astype(float)
    near = np.minimum(d, radio.breakpoint_m)
    loss = radio.attenuation_1m_db + 10 * radio.exponent * np.log10(near)
    loss += 10 * radio.exponent_far * np.log10(np.maximum(d / radio.breakpoint_m, 1))
    mean = np.mean(world.tx_power_dbm - world.rx_correction_db)
    inside = (d > 0.1) & (d < 1000)
    assert inside.any()
    assert (mean - loss)[inside] == pytest.approx(trace.rssi_dbm[inside], abs=1e-3)
    assert len(np.unique(trace.rssi_dbm)) > 5
    weaker = build_world(of_rssi(tmp_path, radio__attenuation_1m_db=50.0), 1)
    assert (weaker.brought.distance_m[inside] > trace.distance_m[inside]).all()


def test_a_measured_rssi_is_what_phones_record(tmp_path):
    """Either way of each pair, where nothing is too weak to be heard and nothing nearer than 10 cm."""
    s = of_rssi(
        tmp_path,
        contacts__trace__rssi="measured",
        population={"ios_share": 0.0},
        phones__android__killed_share=0.0,
        phones__android__saver_share=0.0,
    )
    assert (s.radio.shadowing_sd_db, s.radio.scan_sd_db) == (0.0, 0.0)
    world = build_world(s, 1)
    context = SimulationContext.build(s, world, 1, StageTimer())
    contacts = context.contacts(np.arange(world.n_people, dtype=np.int32))
    records = record(context.radio, contacts, context.days, threads=1)
    measured = dict(zip(world.brought.contact, world.brought.rssi_dbm, strict=True))
    link = world.tx_power_dbm[contacts.a] - world.rx_correction_db[contacts.b]
    back = world.tx_power_dbm[contacts.b] - world.rx_correction_db[contacts.a]
    off = [
        rssi - measured[contacts.contact[row]] - (link[row] - back[row]) / 2
        for row, rssi in zip(records.row, records.rssi_dbm, strict=True)
        if measured[contacts.contact[row]] >= -80 and contacts.distance_m[row] > 0.11
    ]
    assert len(off) > 20
    assert abs(np.median(off)) < 1.0
    assert np.abs(off).max() < 4.0


def test_a_run_of_scans_says_what_was_near(tmp_path):
    s = of_rssi(tmp_path)
    result = bz.run(s, seed=1)
    assert result.trace.risky_pair_days is not None
    assert result.trace.counted["nobody"] == 96
    assert result.to_dict()["trace"]["rssi_quantiles_dbm"] is not None


# -- scenarios ------------------------------------------------------------------------------------------


def test_a_byte_order_mark_and_windows_paths_in_a_scenario(tmp_path, capsys):
    file = day.write(tmp_path, "trace.csv", ROWS, "t,i,j\n")
    text = (
        'name = "x"\ntimezone = "Europe/Paris"\n[adoption]\nlevels = [0.5]\n[contacts]\n'
        f'source = "trace"\n[contacts.trace]\nfile = "{file.as_posix()}"\nstart = 2013-12-02\n'
    )
    scenario = tmp_path / "s.toml"
    scenario.write_text(text, encoding="utf-8-sig")
    assert bz.load(scenario).population.people == day.PEOPLE
    scenario.write_text(text.replace(file.as_posix(), r"C:\Users\me\trace.csv"))
    capsys.readouterr()
    with pytest.raises(FormatError, match="in single quotes, 'C:") as error:
        bz.load(scenario)
    assert "C:/Users/me/trace.csv" in str(error.value)


def test_a_missing_time_zone_is_told(tmp_path, capsys):
    file = day.write(tmp_path, "trace.csv", ROWS, "t,i,j\n")
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        'name = "x"\n[adoption]\nlevels = [0.5]\n[contacts]\nsource = "trace"\n'
        f'[contacts.trace]\nfile = "{file.name}"\nstart = 2013-12-02\n'
    )
    assert call("run", scenario, "--out", tmp_path / "out") == 0
    assert "timezone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('columns = "t,i,j"', "contacts.trace.columns: expected a list"),
        ('columns = ["t", "i", "x"]', "'x' is no column; say what the columns are with --columns"),
        ("observed = [2013-12-03]", "contacts.trace.observed: expected at least 2 values, found 1"),
        ("observed = [2013-12-03, 2013-12-01]", "expected the first day, then the last"),
        ('dialect = "haggles"', "contacts.trace.dialect: expected 'sociopatterns'"),
    ],
)
def test_a_fault_of_the_table_is_the_only_one(tmp_path, line, message):
    day.write(tmp_path, "trace.csv", ROWS, "t,i,j\n")
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        'name = "x"\ntimezone = "Europe/Paris"\n[adoption]\nlevels = [0.5]\n[contacts]\n'
        f'source = "trace"\n[contacts.trace]\nfile = "trace.csv"\nstart = 2013-12-02\n{line}\n'
    )
    with pytest.raises(ScenarioError, match="1 fault\n") as error:
        bz.load(scenario)
    assert message in str(error.value)


def test_what_a_scenario_says_of_columns_and_days_loads_back(tmp_path):
    rows = [f"{a} {b} {t}" for t, a, b in day.steps()]
    day.write(tmp_path, "ijt.dat", rows)
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        'name = "x"\ntimezone = "Europe/Paris"\n[adoption]\nlevels = [0.5]\n[contacts]\n'
        'source = "trace"\n[contacts.trace]\nfile = "ijt.dat"\ncolumns = ["i", "j", "t"]\n'
        "start = 2013-12-02\nobserved = [2013-12-01, 2013-12-03]\n"
    )
    s = bz.load(scenario)
    assert (s.look_back_days, s.date.day) == (3, 3)
    text = bz.scenario.resolved_toml(s)
    assert bz.parse(text) == s
    (tmp_path / "ijt.dat").unlink()
    assert stored_text(text, "text") == s
    assert stored_scenario(json.loads(json.dumps(s.model_dump(mode="json")))) == s
