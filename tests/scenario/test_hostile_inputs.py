"""Scenarios, and the files that they name, made to break what reads them."""

from __future__ import annotations

import gzip
import json

import pytest

from bluezone_sim.api import open_any
from bluezone_sim.benchmarks.results import parse_baseline
from bluezone_sim.ble.guided.whitepaper import load as load_session
from bluezone_sim.errors import FormatError, InputError, ScenarioError
from bluezone_sim.scenario import load, parse, resolved_toml
from bluezone_sim.scenario.inputs.phone_models import read_models
from helpers.small import TOWN


def told(more: str, folder) -> str:
    with pytest.raises(ScenarioError) as error:
        parse(TOWN + more, "s.toml", None, folder)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TOWN + "x = " + "[" * 9000, "my.toml: not TOML: nested too deeply"),
        (TOWN + "x = " + "9" * 5000, "my.toml: not TOML: .*4300 digits"),
        (
            TOWN.replace("people = 30_000", "people = 0x" + "f" * 5000),
            "population.people: a number of more",
        ),
        (TOWN.replace('"town"', '"a\\u0000b"'), "my.toml: name: a text with a NUL"),
        (
            TOWN.replace("people = 30_000", "people = " + "[" * 50 + "]" * 50),
            "more than 32 tables",
        ),
    ],
    ids=range(5),
)
def test_toml_of_no_sense_is_told(text, words, tmp_path):
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(FormatError, match=words):
        load(tmp_path / "my.toml")


def test_names_that_no_file_can_have_are_names_of_none():
    for name in ("n" * 300, "a\0b", "x\udcff"):
        with pytest.raises(InputError, match="no such file"):
            load(name)
        with pytest.raises(InputError, match="no such directory"):
            open_any(name)


def test_what_a_scenario_says_is_written_so_that_it_is_read(tmp_path):
    title = "\x7f\u2028\u202e\x85é🙂"
    written = json.dumps(title, ensure_ascii=False).replace("\x7f", "\\u007f")
    text = TOWN.replace('name = "town"', f'name = "town"\ntitle = {written}')
    found = parse(text)
    assert found.title == title
    assert parse(resolved_toml(found)) == found


def test_files_that_a_scenario_names_are_bounded(tmp_path):
    (tmp_path / "deep").write_text("[radio]\nx = " + "[" * 9000)
    assert "nested too deeply" in told('[radio]\nprofile = "deep"\n', tmp_path)
    (tmp_path / "models").write_text("model,rssi correction,tx\na," + "1" * 200_000 + ",2\n")
    assert "not a CSV that can be read" in told('[phones]\nmodels = "models"\n', tmp_path)
    for value in ("nan", "inf", "1e999", "x\x1b[2J"):
        (tmp_path / "models").write_text(f"model,rssi correction,tx\na,{value},2\n")
        with pytest.raises(FormatError, match=r"line 2: rx_correction_db is '.*', not a number"):
            read_models("models", tmp_path)


@pytest.mark.parametrize(
    ("data", "more", "words"),
    [
        (b"t,i,j\n0,1,2\n20,1," + b"x" * 200_000 + b",9\n", "", "cannot be cut into cells"),
        (b"t,i," + b"j" * 200_000 + b"\n0,1,2\n", "", "not a CSV that can be read"),
        (b"t,i,j\n2013-02-31T08:00:00,1,2\n", "", "found '2013-02-31T08:00:00'"),
        (b"t,i,j\n1e308,1,2\n1e308,1,3\n", "", "beyond the year 9998"),
        (b"t,i,j\n-1e308,1,2\n-1e308,1,3\n", 'start = 2013-12-02\n', "beyond the year 9998"),
        (b"t,i,j\nnan,1,2\n", "", "found 'nan'"),
        (b"t,end,i,j\ninf,inf,1,2\n-inf,-inf,1,2\n1e999,20,1,3\n", "", "row 2: t: expected seconds"),
        (b"t,i,j\n0,1,2\n", 'encoding = "undefined"\n', "no encoding 'undefined'"),
        (b"t,i,j\n0,1,2\n", 'encoding = "punycode"\n', "t.csv"),
        (gzip.compress(b"t,i,j\n" + bytes(100 << 20)), "", "gives more than 64 MiB when unpacked"),
    ],
    ids=range(10),
)  # fmt: skip
def test_traces_of_no_sense_are_told(data, more, words, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    text = told(
        f'[contacts]\nsource = "trace"\n[contacts.trace]\nfile = "t.csv"\nstep_s = 20\n{more}',
        tmp_path,
    )
    assert words in text
    assert len(text) < 3000


@pytest.mark.parametrize(
    "data",
    [
        "[" * 9000,
        '{"schema_version": 1}',
        '{"schema_version": ' + "9" * 5000,
        "[]",
        '{"schema_version": NaN}',
    ],
    ids=range(5),
)
@pytest.mark.filterwarnings("ignore::bluezone_sim.errors.FolderWarning")
def test_folders_of_no_sense_are_told(data, tmp_path):
    for name in ("manifest.json", "sweep.json"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text(data)
        with pytest.raises(InputError, match=str(folder)):
            open_any(folder)


def test_other_documents_of_no_sense_are_told(tmp_path):
    for ratio in ("1" + "0" * 400, "-1", '"x"'):
        data = f'[{{"name": "a", "ratio": {ratio}}}]'.encode()
        with pytest.raises(FormatError, match="entry 0: expected a name and a ratio"):
            parse_baseline(data, "b.json")
    for text in ("[" * 9000, '{"cases": [{"case": 1}]}', '{"cases": 1}', '{"cases": [[]]}'):
        (tmp_path / "s.json").write_text(text)
        with pytest.raises(FormatError, match=r"s\.json"):
            load_session(tmp_path / "s.json")
