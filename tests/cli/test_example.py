"""Examples: what their README says is what the commands print."""

from __future__ import annotations

import json
import os
import shlex

import pytest

from bluezone_sim.examples.folder import names, write_example
from bluezone_sim.scenario import load
from helpers.commands import call
from helpers.schemas import check

KEYS = ("bluezone", "gaen", "dp3t-lowcost", "dp3t-hybrid", "dp3t-unlinkable", "tcn")
SERVER = ("bluetrace", "robert")
#: Not of protocols, with how many commands their READMEs have.
OTHERS = {"contact-trace": 3, "phone-table": 3}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands_of(readme):
    """(words of a command, what it prints)."""
    for part in readme.split("\n$ ")[1:]:
        command, _, printed = part.partition("\n")
        words = shlex.split(command)
        assert words[0] == "bluezone-sim"
        yield words[1:], printed.strip("\n")


def test_they_are_listed(capsys):
    assert call("example") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(listed) == sorted([*KEYS, *SERVER, *OTHERS])
    assert set(listed) == set(names())


@pytest.mark.parametrize("name", [*KEYS, *SERVER, *OTHERS])
def test_the_commands_of_its_readme_print_what_it_says(name, folder, capsys, monkeypatch):
    assert call("example", name, "mine") == 0
    readme = (folder / "mine" / "README.txt").read_text(encoding="utf-8")
    assert capsys.readouterr().out == readme
    monkeypatch.chdir(folder / "mine")
    assert sum(f.stat().st_size for f in (folder / "mine").iterdir()) < 120_000
    ran = 0
    for words, expected in commands_of(readme):
        assert call(*words) == 0
        printed = capsys.readouterr().out
        if "--json" in words:
            file = f"{words[0]}.json"
            assert expected == f"(what {file} holds)"
            assert printed == (folder / "mine" / file).read_text(encoding="utf-8")
            check("trace info" if words[0] == "trace" else words[0], json.loads(printed))
        elif expected.startswith("("):
            assert printed  # told in words: it has times and paths
        else:
            lines = [line.rstrip() for line in printed.splitlines()]
            assert "\n".join(lines).strip("\n") == expected
        ran += 1
    assert ran == OTHERS.get(name, 2 if name in KEYS else 1)


@pytest.mark.parametrize("name", KEYS)
def test_the_nearer_phone_is_found_and_the_other_is_not(name, folder, capsys):
    assert call("example", name, "mine") == 0
    found = json.loads((folder / "mine" / "match.json").read_text(encoding="utf-8"))
    # The case stays for 25 minutes, the other for 8, whose rows are of no key.
    assert 0 < len(found["matches"]) < found["n_rows"]
    times = [m["unix_ms"] for m in found["matches"]]
    assert (max(times) - min(times)) / 60_000 == pytest.approx(25, abs=6)
    (days,) = found["risk"].values()
    assert [day["warns"] for day in days] == [True]
    keys = set(found["minutes_near"])
    assert keys == {m["key"] for m in found["matches"]}


def test_the_server_reads_every_row(folder):
    assert call("example", "bluetrace", "mine") == 0
    found = json.loads((folder / "mine" / "import.json").read_text(encoding="utf-8"))
    rows = (folder / "mine" / "heard.csv").read_text(encoding="utf-8").splitlines()
    assert found["n_sightings"] == len(rows) - 1 > 5
    assert found["files"][0]["protocols"]["bluetrace"]["n_identifiers"] > 2


def test_the_trace_holds_what_its_readme_says(folder):
    assert call("example", "contact-trace", "mine") == 0
    found = json.loads((folder / "mine" / "trace.json").read_text(encoding="utf-8"))
    assert found["people"] == 60
    assert found["days"] == 5
    header, *rows = (folder / "mine" / "contacts.csv").read_text(encoding="ascii").splitlines()
    assert header == "start_s,duration_s,i,j,distance_m,Ci,Cj"
    assert len(rows) == found["rows"]
    homes: dict[str, set[str]] = {}
    for row in rows:
        start, duration, i, j, distance, ci, cj = row.split(",")
        assert 0 <= int(start) < 5 * 86_400
        assert int(duration) > 0 < float(distance)
        for person, home in ((i, ci), (j, cj)):
            homes.setdefault(person, set()).add(home)
    assert all(len(home) == 1 for home in homes.values())  # everybody lives in one household
    assert 0 < found["risky_pair_days"] < found["pairs"]


def test_people_of_the_other_town_own_the_phones_of_the_table(folder):
    assert call("example", "phone-table", "mine") == 0
    table = (folder / "mine" / "phones.csv").read_text(encoding="utf-8").splitlines()
    models = load(folder / "mine" / "town.toml").phones.models
    assert [m.model for m in models] == [row.split(",")[0] for row in table[1:]]
    assert sum(m.share for m in models) == pytest.approx(1)
    sent = [m.tx_power_dbm - m.rx_correction_db for m in models]
    assert sent == sorted(sent)
    assert sent[-1] - sent[0] > 10  # dB between the weakest and the strongest pair


def test_it_is_the_same_every_time_and_replaces_itself_alone(folder, capsys):
    def files(where):
        return {p.name: p.read_bytes() for p in (folder / where).iterdir()}

    assert call("example", "gaen", "one") == 0
    first = files("one")
    assert call("example", "tcn", "one") == 0
    assert "gaen-keys.bin" not in files("one")
    (folder / "two").mkdir()
    assert call("example", "contact-trace", "two") == 0
    trace = files("two")
    assert call("example", "contact-trace", "three") == 0
    assert files("three") == trace
    assert call("example", "gaen", "two") == 0
    assert files("two") == first
    assert call("verify", "two") == 0
    (folder / "two" / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert call("example", "gaen", "two") == 2
    assert "notes.txt" in capsys.readouterr().err
    assert files("two") == first | {"notes.txt": b"mine"}
    (folder / "two" / "notes.txt").unlink()
    with (folder / "two" / "README.txt").open("a") as readme:
        readme.write("what I have found")
    changed = files("two")
    assert call("example", "gaen", "two") == 2
    assert "README.txt: is not as the example was written" in capsys.readouterr().err
    assert files("two") == changed


def test_what_is_asked_wrongly_is_told(folder, capsys):
    assert call("example", "gaenn", "x") == 2
    assert "did you mean 'gaen'" in capsys.readouterr().err
    assert call("example", "gaen") == 2
    assert "bluezone-sim example gaen DIR" in capsys.readouterr().err
    assert call("example", "bluezone-v1", "x") == 2
    assert "no example of bluezone-v1" in capsys.readouterr().err
    assert not (folder / "x").exists()
    (folder / "file").write_text("mine")
    assert call("example", "gaen", "file") == 2
    assert (folder / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["bluetrace", "gaen"])
def test_what_was_heard_and_keys_are_the_owners_alone(name, tmp_path):
    heard = {"bluetrace": "heard.csv", "gaen": "btsnoop_hci.log"}[name]
    before = os.umask(0o022)
    try:
        made = write_example(name, tmp_path / name)
    finally:
        os.umask(before)
    private = {path.name for path in made.iterdir() if path.stat().st_mode & 0o777 == 0o600}
    assert private == {heard, *(path.name for path in made.glob("*-keys*"))}
