"""Published schemas of --json: as the types are, of every command, and of what is printed.

Every --json that a test has a command print in this process is validated (tests/conftest.py); here are
the rest.
"""

from __future__ import annotations

import json

import jsonschema
import pytest
import typer

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.benchmarks.epidemics import EpidemicFigure
from bluezone_sim.benchmarks.limit import LimitFigure
from bluezone_sim.benchmarks.results import to_json
from bluezone_sim.benchmarks.rounds import BenchmarkResult
from bluezone_sim.benchmarks.whole_runs import EngineFigure, PeerFigure
from bluezone_sim.ble.drive.drive_result import Drive, Level
from bluezone_sim.cli import printing
from bluezone_sim.scenario.loading import validate
from bluezone_sim.schemas.make import make, text_of
from bluezone_sim.schemas.published import FOLDER, names, schema_of
from helpers.campaigns import raw_campaign
from helpers.commands import call
from helpers.schemas import check


def test_the_files_are_what_the_types_say():
    made = {name: text_of(schema) for name, schema in make().items()}
    stale = [n for n in made if (FOLDER / f"{n}.json").read_text(encoding="utf-8") != made[n]]
    assert stale == [], "python -m bluezone_sim.schemas.make writes them anew"
    assert set(names()) == set(made)


@pytest.mark.parametrize("name", names())
def test_each_is_a_schema_with_a_version(name):
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:bluezone-sim:schema:{name}:1"
    if schema.get("type") == "object":
        assert schema["properties"]["schema_version"]["const"] == 1
        assert "schema_version" in schema["required"]


def _with_json(command, path=()):
    """Words of the commands that have an option --json."""
    if any("--json" in p.opts for p in command.params):
        yield "-".join(path)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _with_json(inner, (*path, name))


def test_every_command_with_json_has_one():
    assert {*_with_json(typer.main.get_command(cli.app)), "ble-scan-line"} == set(names())


def test_schema_prints_that_of_a_command(capsys):
    assert call("schema", "--of", "validate radio") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema_of("validate-radio")
    assert call("schema", "--of", "ble-scan") == 0
    assert "recorded_rows" in json.loads(capsys.readouterr().out)["properties"]
    assert call("schema") == 0
    assert "population" in json.loads(capsys.readouterr().out)["properties"]


def test_a_command_without_json_is_told_with_the_nearest(capsys):
    assert call("schema", "--of", "validate rado") == 2
    assert "did you mean validate-radio" in capsys.readouterr().err


def test_a_key_that_nobody_published_is_found():
    document = {"schema_version": 1, "adapters": [], "versions": {"bleak": "3"}}
    check("ble adapters", document)
    with pytest.raises(AssertionError, match="firmware"):
        check("ble adapters", {**document, "firmware": "1"})
    with pytest.raises(AssertionError, match="versions"):
        check("ble adapters", {**document, "versions": {"bleak": 3}})
    with pytest.raises(AssertionError, match="required"):
        check("ble adapters", {"schema_version": 1, "adapters": []})
    with pytest.raises(AssertionError, match="schema_version"):
        check("ble adapters", {**document, "schema_version": 2})


def test_a_number_that_json_lacks_is_not_printed(capsys):
    with pytest.raises(ValueError, match="not JSON compliant"):
        printing.print_json("ble adapters", {"adapters": float("nan")})


def test_documents_of_long_measurements(capsys, monkeypatch):
    figure = EngineFigure("gaen", "lazy", 1000, 14, 1, 60, 0.5, 28e3, {"radio": 0.1}, 90.0, None)
    peer = PeerFigure("Covasim 3.1", 1000, 14, 0.1, 0.4, 28e3, 80.0)
    monkeypatch.setattr("bluezone_sim.benchmarks.whole_runs.measure_apart", lambda *a: figure)
    monkeypatch.setattr("bluezone_sim.benchmarks.whole_runs.measure_peer", lambda *a: peer)
    assert call("bench", "engine", "--protocol", "gaen", "--peer", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["peer"]["name"] == "Covasim 3.1"
    assert document["runs"][0]["person_days_per_s"] == 28e3
    grown = EpidemicFigure(1000, 30, 7, 1, 0.1, 0.5, 42e4, {"days": 0.4}, 90.0, (0.4, 0.2))
    monkeypatch.setattr("bluezone_sim.benchmarks.epidemics.measure_apart", lambda *a: grown)
    assert call("bench", "epidemic", "--json") == 0
    assert json.loads(capsys.readouterr().out)["epidemics"][0]["attack_rate"] == [0.4, 0.2]
    c = LimitFigure("aes", "blocks/s", 2e9, 4e9, 0.5, "VAES")
    monkeypatch.setattr("bluezone_sim.benchmarks.limit.measure_limit", lambda: iter([c]))
    assert call("bench", "limit", "--json") == 0
    assert json.loads(capsys.readouterr().out)["figures"][0]["ratio"] == 0.5
    core = BenchmarkResult("ids/gaen", "keys/s", "a loop", 1, (2e6, 3e6, 4e6), (20.0, 30.0, 40.0))
    check("bench", json.loads(to_json([core])))


def test_a_drive_that_nobody_listened_to():
    level = Level(0.4, 3, 2, None, None, 1, 0, 1, 0, 0, [], [])
    drive = Drive("yen-bai-2020", 1, 7, "2020-08-12", 60.0, 0.5, 12.0, [level])
    check("ble drive", json.loads(json.dumps(drive.to_dict())))


def test_a_run_with_a_campaign():
    scenario = validate(raw_campaign(index_cases__f2_count=5))
    document = json.loads(json.dumps({**bz.run(scenario, 3).to_dict(), "expect": []}))
    assert document["campaign"]["days"]
    check("run", document)


def test_a_run_on_a_trace():
    document = {**bz.run(bz.load("workplace-trace"), 1).to_dict(), "expect": []}
    document = json.loads(json.dumps(document))
    assert document["trace"]["people"] > 0
    assert document["adopters"]
    check("run", document)
    document["levels"][0]["lost"] = None
    with pytest.raises(AssertionError, match=r"levels\[0\].lost"):
        check("run", document)
