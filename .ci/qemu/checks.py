"""What the full stack has to do: bleak and our commands against the machine's kernel and bluetoothd."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dbus_fast import Variant

import bluezone_sim as bz
from bluezone_sim.ble.adapters.bus import ADAPTER, AdapterError, Bluez
from bluezone_sim.ble.listening.recorder import read_packets
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.protocols.bluezone.files import parse_f0_message
from bluezone_sim.protocols.gaen.files import parse_export

BEGAN = time.monotonic()
IPHONE, OURS = "C0:DE:00:00:00:01", "00:AA:01:00:00:01"
FAST = """
title = "GAEN, rotating fast"
protocol = "gaen"
seconds = 14
[limits.ad_form_share]
low = 1
source = "these checks"
[limits.advertising_interval_ms]
low = 95
high = 165
source = "net/bluetooth/hci_sync.c: not connectable on a controller of Bluetooth 4: 100 to 150 ms"
[limits.rotation_period_s]
low = 2
high = 5
source = "these checks"
[limits.linkable_changes]
high = 0
source = "these checks"
[limits.non_resolvable_share]
low = 1
source = "these checks"
[limits.identifiers_of_key_share]
low = 1
source = "these checks"
"""
TOWN = """
name = "bench"
date = 2020-08-12
[population]
people = 2_000
smartphones = 1_400
[[population.districts]]
name = "Centre"
people = 2_000
[adoption]
levels = [0.3, 0.6]
[phones]
off_share = 0.0
away_share = 0.0
android = { killed_share = 0.0, saver_share = 0.0 }
ios = { killed_share = 0.0 }
"""


@dataclass
class Command:
    """A command of ours, in a process of its own."""

    process: subprocess.Popen[str]
    out: Path
    err: Path

    def wait(self, codes: tuple[int, ...] = (0,)) -> str:
        """Its output; its exit code must be one of ``codes``."""
        code = self.process.wait()
        said = self.out.read_text()
        assert code in codes, f"{self.process.args}: {code}\n{said}\n{self.err.read_text()}"
        return said

    def end(self) -> None:
        """Ctrl-C: it ends by itself."""
        self.process.send_signal(signal.SIGINT)
        self.wait()


def start(*arguments: str) -> Command:
    number = len(list(Path().glob("out-*")))
    out, err = Path(f"out-{number}"), Path(f"err-{number}")
    command = [sys.executable, "-m", "bluezone_sim", "ble", *arguments]
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            command,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    return Command(process, out, err)


def run_json(*arguments: str, codes: tuple[int, ...] = (0,)) -> dict:
    return json.loads(start(*arguments, "--json").wait(codes))


def step(text: str) -> None:
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


def wait_on_air(command: Command) -> None:
    """Until the advertiser has said what is on air."""
    for _ in range(600):
        if "on air" in command.out.read_text():
            break
        time.sleep(0.1)
    time.sleep(0.5)


async def switch_on() -> None:
    """Waits for the machine, and for bluetoothd in it; switches both adapters on."""
    while True:
        try:
            async with asyncio.timeout(5), Bluez() as bluez:
                paths = [
                    p for p, interfaces in (await bluez.objects()).items() if ADAPTER in interfaces
                ]
                if len(paths) == 2:
                    for path in paths:
                        await bluez.set(path, ADAPTER, "Powered", Variant("b", True))
                    return
        except (AdapterError, TimeoutError):
            pass
        await asyncio.sleep(0.5)


def main() -> None:
    found = run_json("adapters")
    assert [a["name"] for a in found["adapters"]] == ["hci0", "hci1"], found
    step(f"adapters: {found['versions']}")

    sending = start("advertise", "--adapter", "hci1", "--keys", "b.json")
    wait_on_air(sending)
    scan = ("--adapter", "hci0", "--seconds", "5", "--record", "b.parquet", "--no-read")
    found = run_json("scan", *scan)
    table = read_sightings(Path("b.parquet"))["bluezone"]
    matched = bz.match(parse_f0_message(Path("b.json").read_bytes()), table, "bluezone")
    # Without duplicate data bluetoothd lets one report a second through.
    assert len(matched) > 12, (len(matched), found)
    step(f"scan: {found['packets']} packets, {len(matched)} match")
    answer = run_json("read", IPHONE, "--adapter", "hci0", "--timeout", "30")
    assert len(answer["identifier"]) == 24, answer
    step(f"read: {answer}")
    sending.end()

    # An iPhone of ours: bluetoothd's GattManager1 answers.
    sending = start("advertise", "--platform", "ios", "--adapter", "hci1")
    wait_on_air(sending)
    ours = run_json("read", OURS, "--adapter", "hci0", "--timeout", "30")
    assert ours["identifier"] in sending.out.read_text(), (ours, sending.out.read_text())
    step(f"read from our own: {ours}")
    sending.end()

    Path("fast.toml").write_text(FAST)
    options = ("--protocol", "gaen", "--rotate", "3", "--keys", "g.bin")
    sending = start("advertise", "--adapter", "hci1", *options)
    wait_on_air(sending)
    measured = ("fast.toml", "--seconds", "14", "--keys", "g.bin", "--record", "g.pcapng")
    found = run_json("conformance", *measured, "--adapter", "hci0", codes=(0, 1))
    for m in found["measurements"]:
        step(f"  {m['name']}: {m['value']} {m['unit']} {m['outcome']} ({m['detail']})")
    assert found["passed"], found
    sending.end()
    packets = read_packets(Path("g.pcapng"))
    assert len(packets) > 25
    assert len(parse_export(Path("g.bin").read_bytes())[0]) >= 4
    step(f"conformance: passed, {len(packets)} packets recorded")

    # At level 0.1 two Android phones and an iPhone, in bursts; at 0.2 four and two.
    Path("town.toml").write_text(TOWN)
    what = ("--hours", "7.045-7.075", "--speed", "4", "--set", "radio.scan_period_s=60")
    driving = start(
        *("drive", "town.toml", *what, "--adapter", "hci1", "--listen", "hci0"),
        *("--adoption", "0.1,0.2", "--out", "run", "--json"),
    )
    found = json.loads(driving.wait())
    for line in driving.err.read_text().splitlines():
        step(f"  drive: {line}")
    for level in found["levels"]:
        step(f"  drive: {level}")
        # The controller sends one phone at a time: with six of them, some are not due in a short contact.
        assert level["recorded"] >= level["desk_recorded"] * 0.5, level
        assert not level["extra"], level
    low, high = found["levels"]
    assert (low["on_air"], high["on_air"]) == (3, 6)
    assert low["recorded"] >= 2
    keys = parse_f0_message(Path("run/bluezone-keys.json").read_bytes())
    for level in found["levels"]:
        table = read_sightings(Path(f"run/level-{level['level']:g}.parquet"))["bluezone"]
        matched = bz.match(keys, table, "bluezone")
        assert len(np.unique(matched.key)) == level["recorded"]
    step("drive: what was recorded matches with the peers' keys")


if __name__ == "__main__":
    asyncio.run(switch_on())
    step("the machine is up, its adapters are on")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main()
    print("FULL STACK PASSED", flush=True)
