"""With the package installed, every command knows the protocol: ``pytest examples/herald-protocol``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from herald_sim import HERALD

from bluezone_sim import protocols
from bluezone_sim.cli import main
from bluezone_sim.testing import check_protocol

SCENARIO = """
name = "village"
date = 2020-08-12
look_back_days = 3
[population]
people = 400
smartphones = 300
districts = [{ name = "A", people = 400 }]
[adoption]
levels = [0.5, 1.0]
[index_cases]
count = 30
f2_count = 0
[protocol]
name = "herald"
"""


def said(capsys, *arguments, code=0):
    """The JSON that a command prints."""
    assert main([*arguments, "--json"]) == code
    (document,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("{")]
    return json.loads(document)


def test_its_value_is_right():
    check_protocol(HERALD)


def test_it_is_among_the_protocols():
    assert protocols.names()[-1] == "herald"
    assert protocols.get("herald") is HERALD


def test_one_recall_however_identifiers_and_histories_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "village.toml").write_text(SCENARIO)
    recalls = [
        [
            level["recall"]
            for level in said(
                capsys, "run", "village.toml", *mode, "--out", f"out{number}", "--quiet"
            )["levels"]
        ]
        for number, mode in enumerate(
            ([], ["--set", "protocol.identifiers=full"], ["--set", "protocol.histories=whole"])
        )
    ]
    assert recalls[0] == recalls[1] == recalls[2]
    assert 0 < recalls[0][0] < recalls[0][1] <= 1


@pytest.mark.skipif(
    shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (Debian package dbus) and Linux"
)
def test_it_goes_over_the_air_and_its_keys_find_it(tmp_path, monkeypatch, capsys):
    """One adapter sends, another records; the recording is imported; the sender's keys match it."""
    from bluezone_sim.ble.virtual import VirtualBench

    monkeypatch.chdir(tmp_path)
    with VirtualBench(2):
        # Two programs, as on a desk: the other one finds the bench by its environment.
        send = ("ble", "advertise", "--protocol", "herald", "--adapter", "hci1", "--seconds", "5")
        command = [sys.executable, "-m", "bluezone_sim", *send, "--keys", "keys.txt", "--json"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
            heard = ("ble", "scan", "--adapter", "hci0", "--seconds", "4", "--record", "air.pcapng")
            assert main([*heard, "--json"]) == 0
    assert sender.returncode == 0
    assert "herald" in capsys.readouterr().out
    imported = said(capsys, "import", "air.pcapng", "--out", "air.parquet")
    assert imported["n_sightings"] > 0
    found = said(capsys, "match", "--keys", "keys.txt", "--history", "air.parquet")
    assert found["protocol"] == "herald"
    assert len(found["matches"]) == imported["n_sightings"]
