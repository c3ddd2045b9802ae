"""The commands on a bench without a radio: unmodified bleak on an ``org.bluez`` of our own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.ble.drive.encounter_plan import make_plan
from bluezone_sim.ble.drive.schedule import Programme
from bluezone_sim.ble.guided.whitepaper import CaseOutcome, save
from bluezone_sim.ble.listening import gatt_client as gatt
from bluezone_sim.ble.listening import listener as listen
from bluezone_sim.ble.listening import recorder
from bluezone_sim.ble.listening.recorder import read_packets
from bluezone_sim.ble.virtual import VirtualBench, VirtualPhone
from bluezone_sim.ble.virtual.__main__ import main as virtual_main
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.protocols.bluezone import wire as bluezone
from bluezone_sim.protocols.bluezone.files import parse_f0_message
from bluezone_sim.protocols.gaen.files import parse_export
from helpers import commands
from helpers.ble import U_BLUEZONE, U_GAEN, answers
from helpers.bluezone_files import write_history
from helpers.commands import environment, process
from helpers.disks import failing
from helpers.paths import ROOT

pytestmark = [
    pytest.mark.ble,
    pytest.mark.skipif(
        shutil.which("dbus-daemon") is None,
        reason="needs dbus-daemon (Debian package dbus) and Linux",
    ),
]
PHONE = "C0:00:00:00:00:01"
call = partial(commands.call, "ble")


@pytest.fixture
def bench():
    with VirtualBench(2) as started:
        yield started


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call_json(capsys, *arguments, code=0):
    assert call(*arguments, "--json") == code
    # A command on another thread may print beside it.
    (document,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("{")]
    return json.loads(document)


@contextlib.contextmanager
def meanwhile(bench, *arguments):
    """A command on a thread of its own, from when it is on air with hci1."""
    codes = []
    thread = threading.Thread(target=lambda: codes.append(call(*arguments, "--adapter", "hci1")))
    thread.start()
    while thread.is_alive() and not bench.bluez._state["/org/bluez/hci1"].airings:
        time.sleep(0.01)
    yield codes
    thread.join()


def send(bench, identifier=bytes(12), rssi=-60, address=PHONE, **kwargs):
    bench.bluez.hear(
        "hci0",
        address,
        rssi,
        manufacturer={0x22B5: identifier},
        uuids=[U_BLUEZONE],
        flags=b"\x06",
        **kwargs,
    )


def keep_sending(bench, seconds, every_s=0.05, begin_s=0.0, **kwargs):
    for i in range(int(seconds / every_s)):
        bench.after(begin_s + i * every_s, lambda: send(bench, **kwargs))


def an_iphone(bench, address="C2:00:00:00:00:01", value=bytes(range(12))):
    async def answer():
        return value

    service = str(bluezone.IOS_SERVICE)
    bench.bluez.phones[address] = VirtualPhone(service, {str(bluezone.IOS_CHARACTERISTIC): answer})
    for i in range(60):
        bench.after(
            i * 0.05,
            lambda: bench.bluez.hear("hci0", address, -70, uuids=[service], name="Bluezone"),
        )


# -- adapters ----------------------------------------------------------------------------------------


def test_adapters_are_listed(bench, capsys):
    found = call_json(capsys, "adapters")
    assert [a["name"] for a in found["adapters"]] == ["hci0", "hci1"]
    assert found["adapters"][0]["instances"] == 5
    assert "bleak" in found["versions"]
    assert call("adapters") == 0
    assert "central, peripheral" in capsys.readouterr().out


def test_no_adapter_says_why_and_exits_with_5(bench, capsys, monkeypatch, tmp_path):
    from bluezone_sim.ble.adapters.inventory import why_none

    for name in ("hci0", "hci1"):
        bench.call(bench.bluez.remove_adapter, name)
    for command in ("adapters", "scan", "advertise", ("read", PHONE), ("conformance", "gaen")):
        assert call(*([command] if isinstance(command, str) else command)) == 5
        assert "no Bluetooth adapter" in capsys.readouterr().err
    bench.call(bench.bluez.add_adapter, "hci0", "00:11:22:33:44:00", powered=False)
    assert call("scan", "--seconds", "1") == 5
    assert "bluetoothctl power on" in capsys.readouterr().err
    assert call("scan", "--adapter", "hci7") == 5
    assert "found hci0" in capsys.readouterr().err
    bench.run(bench.bluez.bus.release_name("org.bluez"))
    assert call("adapters") == 5
    assert "systemctl start bluetooth" in capsys.readouterr().err
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
    assert call("adapters") == 5
    assert "no system D-Bus" in capsys.readouterr().err
    switch = tmp_path / "rfkill" / "rfkill0"
    switch.mkdir(parents=True)
    for name, text in (("type", "bluetooth"), ("hard", "0"), ("soft", "1")):
        (switch / name).write_text(text)
    assert "rfkill unblock" in why_none(tmp_path, switch.parent)
    (switch / "soft").write_text("0")
    (tmp_path / "hci0").mkdir()
    assert "the kernel has hci0" in why_none(tmp_path, switch.parent)


# -- scan --------------------------------------------------------------------------------------------


def test_two_adapters_looped_what_one_sends_the_other_records_and_matches(bench, folder, capsys):
    with meanwhile(bench, "advertise", "--seconds", "1.8", "--keys", "keys.json"):
        assert call("scan", "--adapter", "hci0", "--seconds", "1.2", "--record", "x.parquet") == 0
    table = read_sightings(folder / "x.parquet")["bluezone"]
    assert 8 <= len(table) <= 16
    keys = parse_f0_message((folder / "keys.json").read_bytes())
    assert len(bz.match(keys, table, "bluezone")) == len(table)
    text = capsys.readouterr().out
    assert "00:11:22:33:44:01" in text
    assert cli.main(["match", "--keys", "keys.json", "--history", "x.parquet"]) == 0
    assert f"{len(table)} matches" in capsys.readouterr().out
    assert table.identifier[0].tobytes().hex() in text


@pytest.mark.parametrize("name", ["x.pcapng", "x.btsnoop"])
def test_captures_and_json(bench, folder, capsys, name):
    keep_sending(bench, 1, every_s=0.02, rssi=-71)
    found = call_json(capsys, "record", name, "--adapter", "hci0", "--seconds", "0.4")
    (phone,) = found["phones"]
    assert phone["address"] == PHONE
    assert phone["rssi_mean_dbm"] == -71
    packets = read_packets(folder / name)
    assert len(packets) == found["packets"] == found["recorded_rows"] > 8
    assert set(packets.rssi_dbm.tolist()) == {-71}


def test_lines_of_json_and_a_protocol_of_ones_choice(bench, capsys):
    keep_sending(bench, 2)
    assert call("scan", "--adapter", "hci0", "--seconds", "1.3", "--json-lines", "--no-read") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines
    assert lines[0]["protocol"] == ["bluezone"]
    found = call_json(
        capsys, "scan", "--adapter", "hci0", "--seconds", "0.3", "--protocol", "gaen", "--no-read"
    )
    assert found["phones"] == []
    assert call("scan", "--protocol", "blue") == 2
    assert call("scan", "--record", "x.txt") == 2
    assert call("scan", "--seconds", "0") == 2


def test_iphones_are_read_as_the_app_does(bench, folder, capsys):
    an_iphone(bench)
    found = call_json(
        capsys, "scan", "--adapter", "hci0", "--seconds", "1.5", "--record", "x.parquet"
    )
    assert found["gatt_reads"] == {"read": 1}
    assert found["phones"][0]["identifier"] == bytes(range(12)).hex()
    table = read_sightings(folder / "x.parquet")["bluezone"]
    assert set(table.transport.tolist()) == {1}
    an_iphone(bench)
    found = call_json(capsys, "read", "C2:00:00:00:00:01", "--adapter", "hci0")
    assert found["identifier"] == bytes(range(12)).hex()
    assert call("read", "nonsense") == 2


def test_refused_connections_hanging_reads_and_other_values(bench, capsys):
    an_iphone(bench)
    bench.bluez.faults.connect = "le-connection-abort-by-local"
    assert call("read", "C2:00:00:00:00:01", "--adapter", "hci0", "--timeout", "0.3") == 1
    assert "connect: " in capsys.readouterr().err
    bench.bluez.faults.connect = ""
    bench.bluez.faults.read_hangs = True
    began = time.monotonic()
    an_iphone(bench)
    assert call("read", "C2:00:00:00:00:01", "--adapter", "hci0", "--timeout", "0.3") == 1
    assert "read: no answer in 0.3 s" in capsys.readouterr().err
    assert time.monotonic() - began < 4
    bench.bluez.faults.read_hangs = False
    an_iphone(bench, value=bytes(11))
    found = call_json(capsys, "scan", "--adapter", "hci0", "--seconds", "1.2")
    assert found["gatt_reads"] == {"other value": 1}
    assert call("read", "C9:00:00:00:00:01", "--adapter", "hci0", "--timeout", "0.3") == 1
    assert "not on air" in capsys.readouterr().err


def test_a_read_that_hangs_does_not_stop_the_scan(bench, capsys, monkeypatch):
    monkeypatch.setattr(gatt, "TIMEOUT_S", 0.4)
    bench.bluez.faults.read_hangs = True
    an_iphone(bench)
    keep_sending(bench, 3)
    found = call_json(capsys, "scan", "--adapter", "hci0", "--seconds", "1.5")
    assert found["packets"] > 40


# -- faults ------------------------------------------------------------------------------------------


def impatient(monkeypatch):
    """An adapter that is gone is asked for ten times a second, for a third of one."""
    kept = {**listen.Listener.__init__.__kwdefaults__, "patience_s": 0.3}
    monkeypatch.setattr(listen.Listener.__init__, "__kwdefaults__", kept)
    monkeypatch.setattr(listen, "_RETRY_S", 0.1)


def test_an_adapter_unplugged_in_mid_scan_leaves_a_whole_file(bench, folder, capsys, monkeypatch):
    impatient(monkeypatch)
    keep_sending(bench, 2)
    bench.after(0.8, bench.bluez.remove_adapter, "hci0")
    assert call("scan", "--adapter", "hci0", "--record", "x.pcapng", "--no-read") == 5
    err = capsys.readouterr().err
    assert "the adapter was unplugged" in err
    assert "did not come back" in err
    assert len(read_packets(folder / "x.pcapng")) > 8
    assert [p.name for p in folder.iterdir()] == ["x.pcapng"]


@pytest.mark.parametrize("name", ["x.pcapng", "x.parquet"])
def test_a_full_disk_in_mid_scan_ends_it_with_what_it_has(bench, folder, capsys, monkeypatch, name):
    failing(monkeypatch, errno.ENOSPC, 2_000 if name == "x.pcapng" else 20_000)
    monkeypatch.setattr(recorder, "_WHOLE_S", 0.2)
    keep_sending(bench, 20)
    assert call("record", name, "--adapter", "hci0") == 2  # by itself: nobody stops it
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{name}: cannot be written (No space left on device)" in line
    n = int(re.search(r"what it had is kept: ([\d,]+) ", line)[1].replace(",", ""))
    if name == "x.pcapng":
        assert n == len(read_packets(folder / name)) >= 10
    else:
        assert n == len(read_sightings(folder / name)["bluezone"]) >= 10
    assert [p.name for p in folder.iterdir()] == [name]


def test_bluetoothd_restarted_in_mid_scan(bench, capsys, monkeypatch):
    monkeypatch.setattr(listen, "_RETRY_S", 0.1)
    keep_sending(bench, 3, every_s=0.02)
    bench.after(0.4, bench.bluez.restart)
    found = call_json(capsys, "scan", "--adapter", "hci0", "--seconds", "1.5", "--no-read")
    assert found["restarts"] == 1
    assert found["packets"] > 25


@pytest.mark.slow
def test_an_adapter_that_comes_back_is_used_again(bench, capsys, monkeypatch):
    monkeypatch.setattr(listen, "_RETRY_S", 0.1)
    # On a busy machine it takes seconds until it listens again.
    keep_sending(bench, 5)
    bench.after(0.4, bench.bluez.remove_adapter, "hci0")
    bench.after(0.6, bench.bluez.add_adapter, "hci0", "00:11:22:33:44:00")
    found = call_json(capsys, "scan", "--adapter", "hci0", "--seconds", "3.5", "--no-read")
    assert found["restarts"] == 1
    assert found["phones"][0]["rate_hz"] > 0


def test_a_bus_that_goes_away_is_told(bench, capsys, monkeypatch):
    impatient(monkeypatch)
    bench.after(0.5, bench._daemon.kill)
    assert call("scan", "--adapter", "hci0", "--no-read", "--seconds", "30") == 5
    assert "the system D-Bus went away" in capsys.readouterr().err


def test_an_interrupt_where_the_loop_has_no_handlers(bench, folder, capsys, monkeypatch):
    """As on Windows."""

    def none(*_):
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", none)
    keep_sending(bench, 3)
    bench.after(0.6, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert call("scan", "--adapter", "hci0", "--no-read", "--record", "x.pcapng") == 0
    assert len(read_packets(folder / "x.pcapng"))
    # What does not heed it is ended at once.
    bench.after(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    began = time.monotonic()
    assert call("read", "C9:00:00:00:00:01", "--adapter", "hci0", "--timeout", "30") == 130
    assert time.monotonic() - began < 5


def test_hostile_air_is_counted_and_cannot_steer_the_terminal(bench, capsys, rng):
    def hostile():
        for i in range(40):
            bench.bluez.hear(
                "hci0",
                f"C1:00:00:00:00:{i:02X}",
                int(rng.integers(-127, 127)),
                manufacturer={int(rng.integers(0, 65536)): rng.bytes(int(rng.integers(0, 250)))},
                service_data={U_GAEN: rng.bytes(int(rng.integers(0, 60)))},
                uuids=[U_GAEN, U_BLUEZONE, "not a uuid"][: int(rng.integers(0, 4))],
                name="\x1b]0;owned\x07\x1b[2J" * 3,
                tx_power_dbm=int(rng.integers(-128, 128)),
            )

    for i in range(10):
        bench.after(0.3 + 0.05 * i, hostile)
    keep_sending(bench, 2, name="\x1b[31mphone")
    assert call("scan", "--adapter", "hci0", "--seconds", "1.2", "--no-read") == 0
    out = capsys.readouterr().out
    assert "\x1b]0" not in out
    assert "\x1b[2J" not in out
    assert "\x1b[31mphone" not in out
    assert "left out: " in out
    assert PHONE in out


@pytest.mark.slow
def test_a_flood_is_stored_whole(bench, folder, capsys):
    """15,000 advertisements as fast as the bus takes them, from 200 phones: every one is in the file.

    The next test sends 10,000 a second for a minute.
    """
    total = 15_000

    async def flood():
        for n in range(total):
            send(bench, n.to_bytes(12, "big"), -40 - n % 50, f"C0:00:00:00:01:{n % 200:02X}")
            if n % 100 == 0:
                await bench.bluez.posted()
        await bench.bluez.posted()
        # However long that took on this machine, the scan ends after it, and has what the bus holds.
        await asyncio.sleep(2)
        os.kill(os.getpid(), signal.SIGINT)

    bench.after(0.5, flood)
    found = call_json(capsys, "scan", "--adapter", "hci0", "--record", "x.pcapng", "--no-read")
    assert found["dropped"] == 0
    assert found["packets"] == found["recorded_rows"] == total
    packets = read_packets(folder / "x.pcapng")
    order = packets.data[:, 19:23].astype(np.int64) @ (256 ** np.arange(3, -1, -1))
    assert np.array_equal(order, np.arange(total))


@pytest.mark.slow
def test_ten_thousand_a_second_for_a_minute(bench, folder):
    """Nothing is lost, and the memory of the second half is that of the first."""
    # What a thousand collected tests have loaded is not searched for garbage while we send.
    gc.freeze()
    rate, seconds = 10_000, 60
    what = ("--json", "--no-read", "--adapter", "hci0", "--record", "x.pcapng")
    scanning = process("ble", "scan", *what)
    adapter = bench.bluez._state["/org/bluez/hci0"]
    while not adapter.scanning:
        assert scanning.poll() is None, scanning.communicate()[1]
        time.sleep(0.05)

    async def flood():
        began, sent = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            while sent < now * rate:
                send(
                    bench,
                    sent.to_bytes(12, "big"),
                    -40 - sent % 50,
                    f"C0:00:00:00:01:{sent % 200:02X}",
                )
                sent += 1
            await asyncio.sleep(0.002)
        await bench.bluez.posted()
        return sent

    memory_mib = []

    def watch():
        while scanning.poll() is None:
            status = Path(f"/proc/{scanning.pid}/status").read_text()
            if "VmRSS:" in status:  # else it has just ended
                memory_mib.append(int(status.split("VmRSS:")[1].split()[0]) // 1024)
            time.sleep(1)

    def recorded():
        return sum(part.stat().st_size for part in folder.glob(".x.pcapng.*/.new"))

    watching = threading.Thread(target=watch)
    watching.start()
    sent = asyncio.run_coroutine_threadsafe(flood(), bench._loop).result()
    # A busy machine works off what waits on the bus.
    size, until = -1, time.monotonic() + 120
    while recorded() != size and time.monotonic() < until:
        size = recorded()
        time.sleep(3)
    scanning.send_signal(signal.SIGINT)
    out, err = scanning.communicate(timeout=60)
    watching.join()
    assert scanning.returncode == 0, err
    found = json.loads(out)
    print(f"sent {sent:,}; {found['packets']:,} decoded; memory {memory_mib} MiB")
    assert found["dropped"] == 0, err
    assert found["packets"] == found["recorded_rows"] == sent
    # 100 bytes kept of each packet would be 40 MiB; a backlog that was worked off may leave some.
    assert min(memory_mib[-3:]) <= memory_mib[20] + 30
    if sent < 0.99 * rate * seconds:
        pytest.skip(
            f"the bench sent {sent / seconds:,.0f}/s; a machine that is not busy sends 10,000"
        )


def test_an_interrupt_ends_a_scan_with_a_whole_file(bench, folder):
    async def forever():
        while True:
            send(bench)
            await asyncio.sleep(0.05)

    bench.after(0, forever)
    running = process("ble", "scan", "--record", "x.btsnoop", "--json-lines", "--seconds=60")
    assert running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 0, err
    assert "Written: x.btsnoop" in err
    assert len(read_packets(folder / "x.btsnoop")) > 3


# -- advertise ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_gaen_phones_rotate_identifier_and_address_together(bench, folder, capsys):
    (folder / "fast.toml").write_text(
        """
title = "GAEN, rotating fast"
protocol = "gaen"
seconds = 5
[limits.rotation_period_s]
low = 0.85
high = 1.15
source = "this test"
[limits.linkable_changes]
high = 0
source = "this test"
[limits.advertising_interval_ms]
low = 230
high = 290
source = "this test"
[limits.identifiers_of_key_share]
low = 1
source = "this test"
""",
        encoding="utf-8",
    )
    options = ("--protocol", "gaen", "--rotate", "1", "--keys", "k.bin")
    with meanwhile(bench, "advertise", *options, "--seconds", "4.8"):
        arguments = ("fast.toml", "--seconds", "4.2", "--adapter", "hci0", "--keys", "k.bin")
        files = ("--record", "x.pcapng", "--junit", "j.xml", "--html", "h.html")
        assert call("conformance", *arguments, *files) == 0, capsys.readouterr().out
    assert (folder / "j.xml").read_bytes().startswith(b"<?xml")
    assert b"passed 4 of 4" in (folder / "h.html").read_bytes()
    # The recording says the same, and the real profile is missed.
    capsys.readouterr()
    recorded = ("--recording", "x.pcapng", "--keys", "k.bin")
    again = call_json(capsys, "conformance", "fast.toml", *recorded)
    assert again["passed"]
    failed = call_json(capsys, "conformance", "gaen", *recorded, code=1)
    by_name = {m["name"]: m["outcome"] for m in failed["measurements"]}
    assert by_name["rotation_period_s"] == "fail"
    assert by_name["non_resolvable_share"] == "pass"
    assert call("conformance", "bluezone-android", "--recording", "x.pcapng") == 5


def test_an_iphone_of_our_own_answers_reads(bench, folder, capsys):
    with meanwhile(bench, "advertise", "--platform", "ios", "--seconds", "1.8"):
        found = call_json(capsys, "scan", "--adapter", "hci0", "--seconds", "1.2")
    assert len(bytes.fromhex(found["phones"][0]["identifier"])) == 12
    assert found["phones"][0]["gatt"]
    assert call("advertise", "--platform", "ios", "--phones", "2") == 2
    assert call("advertise", "--platform", "windows") == 2
    assert call("advertise", "--rotate", "often") == 2


@pytest.mark.slow
def test_more_phones_than_instances_take_turns(bench, folder, capsys):
    with meanwhile(bench, "advertise", "--phones", "12", "--seconds", "3.4", "--keys", "k.json"):
        assert call("scan", "--adapter", "hci0", "--seconds", "3", "--record", "x.parquet") == 0
    table = read_sightings(folder / "x.parquet")["bluezone"]
    assert len(np.unique(table.identifier, axis=0)) == 12
    assert "each is on air 1 s in 2.4 s" in capsys.readouterr().err
    bench.bluez.faults.advertise = "org.bluez.Error.NotPermitted"
    assert call("advertise", "--adapter", "hci1", "--seconds", "1") == 5


# -- guided ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_walk_by_scripted_answers(bench, folder, capsys, monkeypatch):
    rssi = iter([-60, -66, -72, -78])

    class Tester:
        """Walks to the next distance whenever the program asks."""

        def readline(self, *_):
            # All of it falls into the time that is listened, also where the machine is slow.
            keep_sending(bench, 0.27, every_s=0.03, begin_s=0.2, rssi=next(rssi))
            return "\n"

    monkeypatch.setattr("sys.stdin", Tester())
    found = call_json(
        capsys,
        "range",
        "--distances",
        "1,2,4,8",
        "--seconds",
        "0.8",
        "--adapter",
        "hci0",
        "--profile",
        "radio.toml",
        "--figure",
        "walk.png",
    )
    assert found["fit"]["exponent"] == pytest.approx(6 / 10 / np.log10(2), abs=0.1)
    assert found["fit"]["rssi_1m_dbm"] == pytest.approx(-60, abs=1)
    # A scenario takes it by its name, beside the scenario or in the working directory.
    (folder / "town").mkdir()
    (folder / "town" / "bench.toml").write_text(
        _SCENARIO + '[radio]\nprofile = "radio.toml"\n', encoding="utf-8"
    )
    radio = bz.load("town/bench.toml").radio
    assert {k: getattr(radio, k) for k in found["radio"]} == found["radio"]
    assert (folder / "walk.png").stat().st_size > 1000


def test_the_matrix_by_scripted_answers(bench, folder, capsys, monkeypatch):
    keep_sending(bench, 4, identifier=bytes(range(12)))
    answers(monkeypatch, "", "y", "", "n", "q")
    assert call("matrix", "--wait", "0.3", "--adapter", "hci0") == 1
    captured = capsys.readouterr()
    assert "Android phone scans: app in front, screen on" in captured.err
    assert "1 identifiers on air" in captured.err
    assert "not recorded (differs)" in captured.out
    answers(monkeypatch, "r 2", "", "y", "q")
    assert call("matrix", "--wait", "0.3", "--adapter", "hci0") == 0
    assert [c["case"] for c in json.loads((folder / "matrix.json").read_text())["cases"]] == [1, 2]


def test_an_input_that_ends_is_told_and_what_was_measured_stays(bench, folder, capsys, monkeypatch):
    for command in ("matrix", "range"):
        answers(monkeypatch)
        assert call(command, "--adapter", "hci0") == 2
        said = capsys.readouterr()
        assert "the input ended" in said.err
        assert said.out == ""
    assert list(folder.iterdir()) == []
    keep_sending(bench, 3, identifier=bytes(range(12)))
    answers(monkeypatch, "", "y")
    assert call("matrix", "--wait", "0.3", "--adapter", "hci0") == 2
    said = capsys.readouterr()
    assert "1 of 24 cases in matrix.json" in said.err
    assert "the input ended" in said.err
    assert [c["case"] for c in json.loads((folder / "matrix.json").read_text())["cases"]] == [1]
    answers(monkeypatch, "")
    range_of = ("range", "--distances", "1,2", "--seconds", "0.5", "--adapter", "hci0")
    found = call_json(capsys, *range_of, code=2)
    assert [stop["distance_m"] for stop in found["stops"]] == [1.0]


def test_a_missing_adapter_is_told_before_the_first_question(bench, folder, capsys, monkeypatch):
    answers(monkeypatch, "", "y", "q")
    for command in ("matrix", "range"):
        assert call(command, "--adapter", "hci7") == 5
        said = capsys.readouterr().err
        assert "adapter 'hci7': there is none" in said
        assert "Enter" not in said
    for name in ("hci0", "hci1"):
        bench.call(bench.bluez.remove_adapter, name)
    for command in ("matrix", "range"):
        assert call(command) == 5
        assert "no Bluetooth adapter" in capsys.readouterr().err


def test_a_table_of_cases_that_are_done_needs_no_adapter(bench, folder, capsys):
    outcome = CaseOutcome(1, True, "tester", 0, 5, 1_600_000_000_000, 1_600_000_300_000)
    save(folder / "matrix.json", {1: outcome})
    for name in ("hci0", "hci1"):
        bench.call(bench.bluez.remove_adapter, name)
    assert call("matrix", "--cases", "1") == 0
    assert "1 of 24 cases" in capsys.readouterr().err


# -- a command inside the bench ----------------------------------------------------------------------


def virtual(*arguments):
    """The bench as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bluezone_sim.ble.virtual", *arguments],
        env=environment(NO_COLOR="1"),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_command_runs_inside_the_bench_and_its_exit_code_counts():
    inside = ("--", sys.executable, "-m", "bluezone_sim", "ble", "adapters", "--json")
    done = virtual("--adapters", "3", *inside)
    assert done.returncode == 0, done.stderr
    assert [a["name"] for a in json.loads(done.stdout)["adapters"]] == ["hci0", "hci1", "hci2"]
    done = virtual(*inside[:-1], "--adapter")
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert virtual("--", "no-such-command").returncode == 127


def test_the_bench_has_help(capsys):
    assert main_of_virtual_ends(["--help"]) == 0
    said = capsys.readouterr().out
    assert "-- bluezone-sim ble adapters" in said
    assert "DBUS_SYSTEM_BUS_ADDRESS" in said
    assert "dbus-daemon" in said
    assert main_of_virtual_ends(["--adapters", "0"]) == 2
    assert "expected 1 to 16" in capsys.readouterr().err
    assert main_of_virtual_ends(["--"]) == 2
    assert "a command behind --" in capsys.readouterr().err


def main_of_virtual_ends(arguments):
    with pytest.raises(SystemExit) as ended:
        virtual_main(arguments)
    return ended.value.code


# -- hardware in the loop ----------------------------------------------------------------------------

_SCENARIO = """
name = "bench"
date = 2020-08-12
[population]
people = 2_000
smartphones = 1_400
[[population.districts]]
name = "Centre"
people = 2_000
[adoption]
levels = [0.6, 1.0]
"""
#: Every phone takes part all day.
_ALWAYS = """
[phones]
off_share = 0.0
away_share = 0.0
android = { killed_share = 0.0, saver_share = 0.0 }
ios = { killed_share = 0.0 }
"""


@pytest.mark.slow
def test_a_scenario_on_air_at_two_adoption_levels_beside_the_simulation(bench, folder, capsys):
    (folder / "bench.toml").write_text(_SCENARIO + _ALWAYS, encoding="utf-8")
    what = ("bench.toml", "--hours", "7.045-7.08", "--set", "radio.scan_period_s=60")
    what += ("--adoption", "0.2,0.4", "--iphones", "android")
    out = ("--speed", "60", "--out", "run")
    found = call_json(capsys, "drive", *what, *out, "--adapter", "hci1", "--listen", "hci0")
    low, high = found["levels"]
    assert (low["level"], high["level"]) == (0.2, 0.4)
    assert 0 < low["peers"] < high["peers"]
    for level in (low, high):
        assert level["desk_recorded"] <= level["on_air"] <= level["peers"]
        # A contact may end between two scans of the slower clock, or begin there; a busy machine is late.
        assert len(level["missed"]) + len(level["extra"]) <= 1 + level["on_air"] // 4
        assert level["recorded"] >= 1
        assert level["packets"] > 20
    assert low["recorded"] <= high["recorded"]
    # What was recorded matches with the published keys, in simulated time.
    keys = parse_f0_message((folder / "run" / "bluezone-keys.json").read_bytes())
    table = read_sightings(folder / "run" / "level-0.4.parquet")["bluezone"]
    matches = bz.match(keys, table, "bluezone")
    assert len(np.unique(matches.key)) == high["recorded"]
    assert len(matches) == len(table)
    # A phone that heard the same, by its own clock, is judged alike.
    run = json.loads((folder / "run" / "drive.json").read_text())
    rows = []
    for played in run["played"]:
        table = read_sightings(folder / "run" / f"level-{played['level']:g}.parquet")["bluezone"]
        since_s = (table.time_ms / 1000 - run["start_s"][0]) / run["speed"]
        rows.append((table, (1000 * (played["began_unix_s"] + since_s)).astype(np.int64) + 1))
    (folder / "data_trace.txt").write_bytes(
        b"".join(
            write_history(bz.Sightings(t.observer, ms, t.identifier, t.rssi_dbm)) for t, ms in rows
        )
    )
    judged = call_json(capsys, "drive", *what, "--out", "run", "--history", "data_trace.txt")
    assert [x["recorded"] for x in judged["levels"]] == [low["recorded"], high["recorded"]]
    assert [x["warned"] for x in judged["levels"]] == [low["warned"], high["warned"]]
    assert call("drive", *what[:3], "--out", "run", "--history", "data_trace.txt") == 2


_DURING = ("--adapter", "hci1", "--listen", "hci0", "--hours", "7.045-7.065")


class Dongle:
    """What a programme asks of a transmitter."""

    slots, slice_s, readable = 5, 1.0, 1


def test_a_programme_is_of_bursts_and_of_each_phones_form():
    scenario = bz.parse(_SCENARIO + _ALWAYS)
    plan = make_plan(scenario, scenario.seed, [0.2], hours=(7, 7.1), speed=1)
    programme = Programme.of(plan, 0.2, Dongle())
    assert programme.bursts
    fast = replace(plan, timeline=replace(plan.timeline, speed=60))
    assert not Programme.of(fast, 0.2, Dongle()).bursts
    begins, ends = int(plan.timeline.start_s[-1]), int(plan.timeline.end_s[-1])
    times_ms = range(begins * 1000, ends * 1000, 500)
    sent = [programme.wanted(t) for t in times_ms]
    ios = plan.desk.world.ios[plan.peers[programme.rows]]
    assert ios.any()
    assert not ios.all()
    for k, is_ios in enumerate(ios):
        there = [row[k] for row in sent]
        found = [s for s in there if s is not None]
        assert found, "nobody who is on air all through sends nothing"
        assert {bool(s.answer) for s in found} == {bool(is_ios)}
        if is_ios:
            assert all(len(s.answer) == 12 and s.answer not in s.data for s in found)
    # On for 15 s, off for 15 s; what changes, changes at an edge.
    share = np.mean([s is not None for row in sent[:120] for s in row])
    assert 0.3 < share < 0.6
    edges = np.round(programme.edges_s() * 1000).astype(np.int64)
    for before, after, t in zip(sent, sent[1:], times_ms, strict=False):
        if before != after:
            assert ((edges > t) & (edges <= t + 500)).any()


def test_what_was_read_of_another_phone_is_forgotten(monkeypatch):
    """A read under way when the phones change is of the phone before."""

    async def work():
        reader = gatt.Reader(None)
        go = asyncio.Event()

        async def read(device, **_):
            await go.wait()
            return gatt.Answer("bluezone", b"a" * 12, 0.1, 0.1)

        monkeypatch.setattr(gatt, "read_identifier", read)
        running = asyncio.create_task(reader.run())
        reader.want({1: None})
        await asyncio.sleep(0)
        reader.forget()
        go.set()
        await asyncio.sleep(0.01)
        forgotten = dict(reader.identifiers)
        reader.want({1: None})
        await asyncio.sleep(0.01)
        running.cancel()
        return forgotten, dict(reader.identifiers)

    assert asyncio.run(work()) == ({}, {1: b"a" * 12})


@pytest.mark.slow
def test_an_iphone_goes_on_air_as_one_and_is_read(bench, folder, capsys):
    """Android phones are in bursts of a second beside it."""
    (folder / "bench.toml").write_text(_SCENARIO + _ALWAYS, encoding="utf-8")
    options = ("--speed", "15", "--adoption", "0.2", "--set", "radio.scan_period_s=60")
    options += ("--out", "run")
    found = call_json(capsys, "drive", "bench.toml", *_DURING, *options)
    (level,) = found["levels"]
    assert level["on_air"] == 6
    assert len(level["missed"]) + len(level["extra"]) <= 1
    plan = make_plan(bz.load("bench.toml"), bz.load("bench.toml").seed, [0.2], hours=(7.045, 7.065))
    iphones = plan.peers[plan.desk.world.ios[plan.peers]]
    assert len(iphones)
    table = read_sightings(folder / "run" / "level-0.2.parquet")["bluezone"]
    keys = plan.keys.published(iphones)
    assert len(bz.match(keys, table, "bluezone")) >= 1


def test_exposure_notification_goes_on_air_with_its_metadata(bench, folder, capsys):
    (folder / "bench.toml").write_text(_SCENARIO, encoding="utf-8")
    options = ("--adoption", "0.2", "--set", "protocol.name=gaen", "--set", "radio.scan_on_s=40")
    more = ("--speed", "30", "--set", "radio.scan_period_s=60", "--out", "run")
    found = call_json(capsys, "drive", "bench.toml", *_DURING, *options, *more)
    (level,) = found["levels"]
    assert level["on_air"] >= 4
    assert len(level["missed"]) + len(level["extra"]) <= 1
    table = read_sightings(folder / "run" / "level-0.2.parquet")["gaen"]
    keys = parse_export((folder / "run" / "gaen-keys.bin").read_bytes())[0]
    matched = bz.match(keys, table, "gaen")
    assert len(np.unique(matched.key)) == level["recorded"]
    # TX power of the simulated phone less the RSSI on the virtual bench: the metadata was decrypted.
    assert set(np.round(matched.attenuation_db + matched.rssi_dbm)) <= set(range(-60, 10))


@pytest.mark.parametrize("interrupts", [1, 2])
def test_a_drive_that_is_stopped_says_what_is_there(bench, folder, capsys, interrupts):
    """One Ctrl-C ends the level and shows those before it, two end the command; both are told."""
    (folder / "bench.toml").write_text(_SCENARIO + _ALWAYS, encoding="utf-8")

    def interrupt():
        deadline = time.monotonic() + 60
        while not (folder / "run" / "drive.json").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(interrupts):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    options = ("--speed", "100", "--adoption", "0.2,0.4,0.6", "--iphones", "android")
    assert call("drive", "bench.toml", *_DURING, *options, "--out", "run", "--json") == 130
    thread.join()
    captured = capsys.readouterr()
    assert "interrupted after 1 of 3 levels; run holds them" in captured.err
    assert "nothing was written" not in captured.err
    person = json.loads((folder / "run" / "drive.json").read_text())["person"]
    assert f"--person {person} --adoption 0.4,0.6 plays the rest" in captured.err
    assert {f.name for f in (folder / "run").iterdir()} == {
        "bluezone-keys.json",
        "digests.json",
        "drive.json",
        "level-0.2.parquet",
    }
    assert len(json.loads(captured.out)["levels"]) == 1 if interrupts == 1 else not captured.out


def test_a_drive_that_is_stopped_in_its_first_level_wrote_nothing(bench, folder, capsys):
    (folder / "bench.toml").write_text(_SCENARIO + _ALWAYS, encoding="utf-8")
    once = [signal.SIGINT]

    def on_air(sender, hearer):
        if once:
            os.kill(os.getpid(), once.pop())
        return -60

    bench.bluez.rssi_dbm = on_air
    options = ("--speed", "1", "--adoption", "0.2", "--iphones", "android", "--out", "run")
    assert call("drive", "bench.toml", *_DURING, *options) == 130
    assert "interrupted; nothing was written" in capsys.readouterr().err
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--iphones", "all"), "--iphones all"),
        (("--adoption", "14"), "shares between 0 and 1"),
        (("--adoption", "x"), "--adoption x"),
        (("--hours", "9-7"), "--hours"),
        (("--hours", "morning"), "--hours"),
        (("--speed", "0"), "--speed"),
        (("--person", "99999"), "--person"),
        (("--history", "x"), "--out"),
    ],
)
def test_a_drive_that_cannot_be(folder, capsys, arguments, message):
    (folder / "bench.toml").write_text(_SCENARIO, encoding="utf-8")
    (folder / "x").write_text("")
    assert call("drive", "bench.toml", *arguments) == 2
    assert message in capsys.readouterr().err


# -- bleak alone -------------------------------------------------------------------------------------


def test_passive_scans_of_bleak_run_on_the_bench(bench):
    from bleak import BleakScanner
    from bleak.assigned_numbers import AdvertisementDataType

    seen = []

    async def listen_passively():
        pattern = (0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, b"\xb5\x22")
        options = {"adapter": "hci0", "or_patterns": [pattern]}
        async with BleakScanner(
            lambda device, data: seen.append(device.address), scanning_mode="passive", bluez=options
        ):
            await asyncio.sleep(0.3)
            bench.call(send, bench)
            bench.call(bench.bluez.hear, "hci0", "C1:00:00:00:00:02", -60, manufacturer={76: b"x"})
            await asyncio.sleep(0.2)
        await listen.close_bleak()

    asyncio.run(listen_passively())
    assert set(seen) == {PHONE}


# -- the pytest plugin -------------------------------------------------------------------------------


def run_pytest(*arguments):
    from importlib.metadata import entry_points

    known = any(
        e.value == "bluezone_sim.ble.bench.pytest_plugin" for e in entry_points(group="pytest11")
    )
    plugin = [] if known else ["-p", "bluezone_sim.ble.bench.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-q", "-rs", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "hardware").is_dir(), reason="needs a checkout, for hardware/")
def test_the_suite_for_benches_runs_on_the_virtual_one(tmp_path):
    found = run_pytest(
        "hardware/tests",
        "--bench=hardware/benches/virtual.toml",
        f"--junit-xml={tmp_path / 'bench.xml'}",
        "-k",
        "loses_nothing or (keys_find and gaen) or conform",
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2 passed" in found.stdout
    assert "needs a [[phones]] table with a phone under test" in found.stdout
    assert "rssi_median_dbm" in (tmp_path / "bench.xml").read_text()


def test_the_plugin_costs_other_projects_nothing_and_says_what_is_missing(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "import sys, pytest\n"
        "def test_light():\n"
        "    assert not {'bleak', 'numba', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "@pytest.mark.phone\n"
        "def test_phone(): pass\n",
        encoding="utf-8",
    )
    found = run_pytest(
        tmp_path, "-p", "no:hypothesispytest", "-p", "no:benchmark", "-c", os.devnull
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "needs --bench FILE" in found.stdout
    bad = tmp_path / "bench.toml"
    bad.write_text('name = "x"\n[[adapters]]\nname = "hci0"\nrole = "lissen"\n', encoding="utf-8")
    from bluezone_sim.ble.bench.file import load_bench
    from bluezone_sim.errors import FormatError

    with pytest.raises(FormatError, match=r"adapters\.0\.role"):
        load_bench(bad)
