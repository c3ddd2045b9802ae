"""Rules, sources of contacts and interventions of packages outside: listed, checked, run, told apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bluezone_sim

OUTSIDE = Path(__file__).parents[1] / "helpers" / "outside"
TOWN = """
name = "pond"
date = 2020-08-12
look_back_days = 3
[population]
people = 120
smartphones = 100
districts = [{ name = "A", people = 120 }]
[adoption]
levels = [1.0]
[index_cases]
count = 30
f2_count = 5
"""
RULE = '[rule]\nname = "records-a-day"\nrecords = 2\n'
RING = '[contacts]\nsource = "ring"\n[contacts.parameters]\nminutes = 60\n'
CAMPAIGN = """
[campaign]
users = 10
until = 2020-08-15
[[campaign.measures]]
kind = "one-day"
name = "all at once"
on = 2020-08-13
[[campaign.measures]]
name = "posters"
share = 0.5
start = 2020-08-14
"""


#: Runs commands one after another: (code, stdout, stderr) of each.
COMMANDS = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from bluezone_sim.cli import main
told = []
for command in json.loads(sys.argv[1]):
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(command)
    told.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""


@pytest.fixture
def cli(tmp_path):
    return program(tmp_path)


def program(folder: Path):
    """Runs the command line with packages outside: code, stdout, stderr."""

    def run(*args: str, packages: tuple[Path, ...] = (OUTSIDE,), town: str | None = None):
        if town is not None:
            (folder / "town.toml").write_text(town)
        found = [Path(bluezone_sim.__file__).parents[1], *packages]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, found))}
        done = subprocess.run(
            [sys.executable, *args], capture_output=True, text=True, cwd=folder, env=env
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


def sim(*args: str) -> tuple[str, ...]:
    return ("-m", "bluezone_sim", *args)


def each(cli, *commands: tuple[str, ...], **how) -> list[tuple[int, str, str]]:
    """What commands say in one process."""
    code, out, err = cli("-c", COMMANDS, json.dumps(commands), **how)
    assert code == 0, err
    found = [tuple(told) for told in json.loads(out)]
    assert not any("Traceback" in err for _, _, err in found)
    return found


@pytest.fixture
def package(tmp_path):
    """Makes a package with entry points of its own."""

    def make(name: str, points: str, code: str = "") -> Path:
        folder = tmp_path / name
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(points)
        (folder / f"{name}.py").write_text(code)
        return folder

    return make


def test_they_are_listed_where_a_scenario_is_described(cli):
    code, out, _ = cli(*sim("schema"))
    assert code == 0
    schema = json.loads(out)
    rules = {t["title"]: t for t in schema["properties"]["rule"]["oneOf"]}
    assert "cwa" in rules
    pond = rules["records-a-day"]["properties"]
    assert pond["name"]["description"] == "strong records of a day (1.0, 2020-06-01, the pond)"
    assert pond["records"]["default"] == 2
    contacts = schema["$defs"]["ContactsTable"]["properties"]
    assert [s["const"] for s in contacts["source"]["oneOf"]][2:] == ["ring", "tables"]
    assert "distance_m" in json.dumps(contacts["parameters"])
    measures = schema["$defs"]["Campaign"]["properties"]["measures"]["items"]["oneOf"]
    assert [m["title"] for m in measures] == ["installs", "one-day"]
    code, _, _ = cli(*sim("new", "new.toml"))
    assert code == 0
    code, out, _ = cli("-c", "print(open('new.toml').read())")
    assert '# With name = "records-a-day": strong records of a day' in out


@pytest.mark.slow
def test_a_metric_of_theirs_is_measured_judged_kept_and_shown(cli):
    expect = '[[expect]]\nmetric = "f_score"\nat_least = 0.01\n'
    code, out, err = cli(*sim("run", "town.toml", "--json", "--out", "out"), town=TOWN + expect)
    assert code == 0, err
    document = json.loads(out)
    (level,) = document["levels"]
    both = level["precision"], level["recall"]
    assert level["f_score"] == pytest.approx(2 / sum(1 / x for x in both))
    assert document["expect"][0]["value"] == level["f_score"]
    assert cli(*sim("run", "town.toml", "--out", "plain"), town=TOWN)[0] == 0
    program = """
import bluezone_sim as bz
found = bz.open_run("plain")
print(found.metrics[0].others["f_score"], found.metrics.to_arrow()["f_score"][0].as_py())
print(repr(found.metrics))
"""
    # It is there, under its name, where the package is not.
    for packages in ((OUTSIDE,), ()):
        code, out, err = cli("-c", program, packages=packages)
        assert code == 0, err
        first, *table = out.splitlines()
        assert {float(x) for x in first.split()} == {level["f_score"]}
        heads = " ".join(table).split()
        assert ("F" if packages else "f_score") in heads
    other = ("--out", "other")
    code, _, err = cli(*sim("run", "town.toml", *other), packages=(), town=TOWN + expect)
    assert code == 2
    assert "f_score" in err
    assert "f_score" in cli(*sim("schema"))[1]
    grid = ("--grid", "rule.name=any-match,minutes-near", "--seeds", "2", "--workers", "1")
    code, out, err = cli(*sim("sweep", "town.toml", *grid, "--json", "--out", "swept"))
    assert code == 0, err
    assert all(0 < a["levels"][0]["f_score"] < 1 for a in json.loads(out)["arms"])


@pytest.mark.slow
def test_a_scenario_of_theirs_runs_and_is_opened_again(cli):
    town = TOWN + RULE + RING + CAMPAIGN
    code, out, err = cli(*sim("run", "town.toml", "--json", "--out", "out"), town=town)
    assert code == 0, err
    document = json.loads(out)
    level = document["levels"][0]
    # Everybody has two risky contacts, both neighbours.
    assert document["risky_pairs"] == 60
    assert 0 < level["recall"] < 1
    users = {(row["arm"], row["date"]): row["users"] for row in document["campaign"]["days"]}
    assert users["all measures", "2020-08-12"] == 10
    assert users["all measures", "2020-08-13"] == 100
    assert users["without all at once", "2020-08-13"] == 10
    assert users["without all at once", "2020-08-14"] == 10 + 45
    code, out, err = cli(
        "-c",
        "import bluezone_sim as bz, pickle\n"
        "s = bz.open_run('out').scenario\n"
        "assert pickle.loads(pickle.dumps(s)) == s == bz.load('town.toml')\n"
        "print(s.rule.records, s.contacts.parameters.minutes, s.campaign.measures[0].on)",
    )
    assert (code, out) == (0, "2 60 2020-08-13\n"), err
    code, out, _ = cli(*sim("show", "--resolved", "town.toml"))
    assert code == 0
    assert 'name = "records-a-day"' in out
    assert "[contacts.parameters]\nminutes = 60\ndistance_m = 1.0" in out
    (code, again, err) = cli(*sim("show", "--resolved", "town.toml"), town=out)
    assert (code, again) == (0, out), err


@pytest.mark.slow
def test_whole_histories_find_what_asked_ones_do(cli):
    found = []
    for how in ("asked", "whole"):
        town = TOWN + RULE + RING
        args = ("run", "town.toml", "--json", "--set", f"protocol.histories={how}")
        code, out, err = cli(*sim(*args), town=town)
        assert code == 0, err
        found.append(json.loads(out)["levels"])
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_source_may_bring_its_people(cli):
    town = TOWN + RULE + '[contacts]\nsource = "tables"\n[contacts.parameters]\npeople = 120\n'
    code, out, err = cli(*sim("run", "town.toml", "--json"), town=town)
    assert code == 0, err
    assert json.loads(out)["risky_pairs"] == 60
    fewer = town.replace("people = 120\n", "people = 12\n", 2).replace(
        "people = 12\n", "people = 120\n", 1
    )
    code, _, err = cli(*sim("run", "town.toml"), town=fewer)
    assert code == 2
    assert "population.people: tables has 12 people, found 120" in err
    layers = town + "[contacts.work]\ngroup_size = 5\n"
    code, _, err = cli(*sim("run", "town.toml"), town=layers)
    assert code == 2
    assert 'contacts.work: has no effect with contacts.source = "tables"' in err


#: What is wrong with their parameters, and what is said.
FAULTS = {
    "rule.record=3": "rule.record: unknown key (did you mean 'records'?)",
    "rule.minutes=3": 'rule.minutes: has no effect with rule.name = "records-a-day"',
    "rule.records=0": "rule.records: expected at least 1, found 0",
    "rule.name=records-day": "found 'records-day' (did you mean 'records-a-day'?)",
    "contacts.source=rung": "or 'tables', found 'rung' (did you mean 'ring'?)",
    "contacts.parameters.minute=3": "parameters.minute: unknown key (did you mean 'minutes'?)",
    "contacts.parameters.minutes=0": "contacts.parameters.minutes: expected at least 1",
    "contacts.parameters={}": "contacts.parameters.minutes: missing",
    "contacts.work.tie=0.1": "contacts.work.tie: has no effect with contacts.source",
    "contacts.source=generated": "contacts.parameters: has no effect with contacts.source",
    "campaign.measures[0].one_of=2": "measures[0].one_of: unknown key (did you mean 'one_in'?)",
    "campaign.measures[0].one_in=0": "campaign.measures[0].one_in: expected at least 1",
    "campaign.measures[0].kind=oneday": "found 'oneday' (did you mean 'one-day'?)",
    "campaign.measures[1].shar=2": "measures[1].shar: unknown key (did you mean 'share'?)",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What is said of each fault, by its change."""
    cli = program(tmp_path_factory.mktemp("faults"))
    shows = [("show", "--resolved", "town.toml", "--set", change) for change in FAULTS]
    return dict(zip(FAULTS, each(cli, *shows, town=TOWN + RULE + RING + CAMPAIGN), strict=True))


@pytest.mark.parametrize("change", FAULTS)
def test_faults_of_their_parameters_are_told(told, change):
    code, _, err = told[change]
    assert code == 2
    assert FAULTS[change] in err


def test_a_key_that_another_rule_needs_may_stay_in_a_sweep(cli):
    code, out, err = cli(
        "-c",
        "import bluezone_sim as bz\n"
        "from bluezone_sim.sweeping.plan import plan\n"
        "grid = {'rule.name': ['any-match', 'records-a-day']}\n"
        "points = plan(bz.load('town.toml'), grid, 1).points\n"
        "print([p.scenario.rule.model_dump() for p in points])",
        town=TOWN + RULE.replace("2", "3"),
    )
    assert code == 0, err
    theirs = {"name": "records-a-day", "records": 3, "at_least_dbm": -90.0}
    assert out.strip() == str([{"name": "any-match"}, theirs])


@pytest.mark.parametrize("group", ["rules", "contacts", "interventions"])
def test_a_package_at_fault_is_named(cli, package, group):
    points = f"[bluezone_sim.{group}]\n"
    town = TOWN + CAMPAIGN
    choice = {
        "rules": "rule.name=newt",
        "contacts": "contacts.source=newt",
        "interventions": "campaign.measures[0].kind=newt",
    }[group]
    plain = ("show", "--resolved", "town.toml")
    show = (*plain, "--set", choice)
    breaks = package("breaks", f"{points}newt = breaks:NEWT\n", "import nothing_of_that_name\n")
    # One at fault that nobody asks for is in nobody's way.
    (code, _, err), (nobody, _, why) = each(cli, show, plain, town=town, packages=(OUTSIDE, breaks))
    assert nobody == 0, why
    assert code == 2
    assert "of the package breaks: breaks:NEWT cannot be imported (ModuleNotFoundError" in err
    other = package("other", f"{points}newt = other:NEWT\n", "NEWT = 3\n")
    ((code, _, err),) = each(cli, show, town=town, packages=(OUTSIDE, other))
    assert code == 2
    assert "of the package other: other:NEWT is of type int, expected a" in err
    for code, _, err in each(cli, show, ("schema",), town=town, packages=(OUTSIDE, other, breaks)):
        assert code == 2
        assert "'newt': of other and of breaks; uninstall one" in err
