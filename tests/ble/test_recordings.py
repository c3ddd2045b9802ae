"""Recordings that end early, on a full disk or by a kill; and the clock that stamps what is in them."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import struct
import subprocess
import sys

import pytest

from bluezone_sim.ble.listening.clock import SteadyClock
from bluezone_sim.ble.listening.listener import Pipeline
from bluezone_sim.ble.listening.recorder import Recorder, RecordingEndedError, read_packets
from bluezone_sim.ble.listening.reports import Decoder
from bluezone_sim.captures.cut_off import set_aside
from bluezone_sim.captures.formats.parquet import read_listening, read_sightings
from bluezone_sim.captures.formats.pcapng import STATISTICS
from bluezone_sim.errors import InputError
from helpers.ble import T0_US, bluezone_report
from helpers.commands import call, environment
from helpers.disks import failing

pytestmark = pytest.mark.ble
ENDINGS = [".pcapng", ".btsnoop", ".parquet"]


class Computer:
    """Its clock is set, it sleeps, and time passes on it as is told."""

    def __init__(self):
        self.wall_s, self.steady_s, self.awake_s = T0_US / 1e6, 500.0, 400.0

    def passes(self, seconds, *, asleep=False):
        self.wall_s += seconds
        self.steady_s += seconds
        self.awake_s += 0 if asleep else seconds

    def clock(self):
        names = ("wall_s", "steady_s", "awake_s")
        return SteadyClock(*(lambda n=n: round(getattr(self, n) * 1e9) for n in names))


def packets(first, n):
    """Of a phone, with numbers for identifiers and for times, and bytes that do not compress."""
    return Decoder().decode(
        bluezone_report(number(k), time_us=T0_US + 1000 * k) for k in range(first, first + n)
    )


def number(k):
    return struct.pack(">Q", k * 0x9E3779B97F4A7C15 % 2**64) + struct.pack(">I", k)


def numbers(path):
    """What a recording holds."""
    if path.suffix != ".parquet":
        return ((read_packets(path).time_us - T0_US) // 1000).tolist()
    table = read_sightings(path)["bluezone"]
    found = [int.from_bytes(i[8:].tobytes(), "big") for i in table.identifier]
    assert [number(k) for k in found] == [i.tobytes() for i in table.identifier]
    return found


@pytest.fixture
def tiny(tmp_path):
    """A disk of a quarter of a megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def record(path, heard):
    """Records 500 packets a minute until it ends; ``heard`` is told how many there were."""
    computer = Computer()
    with Recorder(path, computer.clock()) as recorder:
        for first in range(0, 100_000, 500):
            heard.append(500)
            recorder.take(packets(first, 500), {})
            computer.passes(60.0)


def fill(path):
    """Records until it ends; how many were heard, and what it says."""
    heard = []
    with pytest.raises(RecordingEndedError) as found:
        record(path, heard)
    assert found.value.exit_code == 2
    return sum(heard), str(found.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_keeps_what_was_recorded(tiny, ending):
    path = tiny / f"walk{ending}"
    heard, said = fill(path)
    kept = numbers(path)
    assert kept == list(range(len(kept)))
    assert heard - 500 * (1 + 0.06 * heard / 500) <= len(kept) <= heard
    assert path.stat().st_size > 150_000
    assert "No space left on device" in said
    assert f"what it had is kept: {len(kept):,} " in said
    assert os.listdir(tiny) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_quota_or_a_broken_disk_keeps_it_too(tmp_path, monkeypatch, ending, number):
    failing(monkeypatch, number, 60_000)
    path = tmp_path / f"walk{ending}"
    _, said = fill(path)
    kept = numbers(path)
    assert kept == list(range(len(kept)))
    assert len(kept) >= 500
    assert os.strerror(number) in said
    assert f"what it had is kept: {len(kept):,} " in said


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_that_fails_when_it_is_to_make_sure_keeps_it_too(tmp_path, monkeypatch, ending):
    def fails(handle):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / f"walk{ending}"
    recorder = Recorder(path)
    recorder.take(packets(0, 40), {})
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(RecordingEndedError, match="what it had is kept: 40 "):
        recorder.__exit__(None, None, None)
    monkeypatch.undo()
    assert numbers(path) == list(range(40))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_before_anything_was_heard_leaves_nothing(tmp_path, monkeypatch, ending):
    failing(monkeypatch, errno.ENOSPC, 0)
    with pytest.raises(InputError), Recorder(tmp_path / f"walk{ending}") as out:
        out.take([], {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_of_another_kind_keeps_it_too(tmp_path, ending):
    path = tmp_path / f"walk{ending}"
    recorder = Recorder(path)
    recorder.take(packets(0, 40), {})
    recorder.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert numbers(path) == list(range(40))


# -- killed ------------------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys
from pathlib import Path
from bluezone_sim.ble.listening.listener import Pipeline
from bluezone_sim.ble.listening.recorder import Recorder
from ble.test_recordings import Computer, packets

computer = Computer()
with Recorder(Path(sys.argv[1]), computer.clock()) as recorder:
    for first in range(0, 3000, 100):
        recorder.take(packets(first, 100), {})
        computer.passes(9.0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path):
    """The rows that a recording surely has whose process is killed after 3,000 packets in 270 s."""
    here = os.path.dirname(os.path.dirname(__file__))
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path)],
        env=environment(PYTHONPATH=os.pathsep.join([here, *sys.path])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not path.exists()
    return 3000 if path.suffix != ".parquet" else 2700


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_killed_recording_had_is_found_and_named_by_the_next_command(
    tmp_path, capsys, ending
):
    path, part = tmp_path / f"walk{ending}", tmp_path / f"walk.part1{ending}"
    surely = killed(path)
    # A block that was on its way to the disk.
    with (tmp_path / f".{path.name}.bluezone-writing" / ".new").open("ab") as left:
        left.write(bytes(range(50)))
    assert call("import", path, "--out", tmp_path / "x.parquet") == 2
    said = capsys.readouterr().err
    kept = numbers(part)
    assert kept == list(range(len(kept)))
    assert surely <= len(kept) <= 3000
    assert f"{path}: its recording was cut off; its {len(kept):,} " in said
    assert f"are now in {part}; give that file" in said
    assert [p.name for p in tmp_path.iterdir()] == [part.name]
    assert call("import", part, "--out", tmp_path / "x.parquet") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_the_next_recording_in_the_folder_finds_those_that_were_killed(tmp_path):
    (tmp_path / "walk.part1.pcapng").write_bytes(b"somebody's")
    (tmp_path / "other").mkdir()
    killed(tmp_path / "other" / "run.parquet")
    killed(tmp_path / "walk.pcapng")
    name = ".run.parquet.bluezone-writing"  # where the second would have found it
    (tmp_path / "other" / name).rename(tmp_path / name)
    with Recorder(tmp_path / "walk.pcapng") as recorder:
        recorder.take(packets(0, 10), {})
        with pytest.raises(InputError, match="is being written by"):
            set_aside(tmp_path / "walk.pcapng")
    found = {part.of.name: part for part in recorder.parts}
    assert {name: part.path.name for name, part in found.items()} == {
        "walk.pcapng": "walk.part2.pcapng",
        "run.parquet": "run.part1.parquet",
    }
    assert found["walk.pcapng"].n == len(numbers(tmp_path / "walk.part2.pcapng")) == 3000
    assert found["run.parquet"].n == len(numbers(tmp_path / "run.part1.parquet"))
    assert numbers(tmp_path / "walk.pcapng") == list(range(10))
    assert (tmp_path / "walk.part1.pcapng").read_bytes() == b"somebody's"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_what_cannot_be_set_aside_does_not_give_way(tmp_path, monkeypatch):
    killed(tmp_path / "walk.pcapng")

    def fails(old, new):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fails)
        with pytest.raises(InputError, match="what it had cannot be given a name"):
            Recorder(tmp_path / "walk.pcapng")
    assert set_aside(tmp_path / "walk.pcapng").n == 3000


def test_what_is_made_whole_again_and_again_is_one_table(tmp_path):
    computer, path = Computer(), tmp_path / "x.parquet"
    with Recorder(path, computer.clock()) as recorder:
        for first in range(0, 2000, 100):
            recorder.take(packets(first, 100), {})
            computer.passes(11.0)
    assert numbers(path) == list(range(2000))
    listening, _ = read_listening(path)
    assert (listening.end_ms - listening.start_ms).tolist() == [20 * 11_000]


# -- the clock ---------------------------------------------------------------------------------------


def test_the_clock_of_packets_goes_on_whatever_the_computers_does():
    computer = Computer()
    clock = computer.clock()
    times = []
    for step_s in (0.0, -3600.0, 7200.0, -0.02, 0.0, -3600.0):
        computer.passes(10.0)
        computer.wall_s += step_s
        clock.watch()
        times.append(clock.now_us() - T0_US)
    assert times == [10_000_000 * k for k in range(1, 7)]
    assert [(s.time_us - T0_US, s.by_us, s.slept) for s in clock.steps] == [
        (20_000_000, -3_600_000_000, False),
        (30_000_000, 7_200_000_000, False),
        (60_000_000, -3_600_020_000, False),
    ]
    assert str(clock.steps[0]) == "the computer's clock was set back by 3,600.000 s"


def test_packets_are_stamped_by_it_and_its_steps_are_seen_while_it_listens():
    computer, times = Computer(), []

    class Sink:
        def take(self, heard, identifiers):
            times.extend(h.time_us - T0_US for h in heard)

    async def work():
        pipeline = Pipeline([Sink()], computer.clock())
        for step_s in (0.0, -3600.0, 0.0, 3600.0):
            computer.passes(1.0)
            computer.wall_s += step_s
            pipeline.push(*bluezone_report(bytes(12))[1:])
            pipeline.clock.watch()
        pipeline.start()
        await pipeline.finish()
        return pipeline

    pipeline = asyncio.run(work())
    assert times == [1_000_000, 2_000_000, 3_000_000, 4_000_000]
    assert [step.by_us for step in pipeline.clock.steps] == [-3_600_000_000, 3_600_000_000]


def test_sleep_is_no_step_and_its_time_passes():
    computer = Computer()
    clock = computer.clock()
    computer.passes(10.0)
    computer.passes(600.0, asleep=True)
    clock.watch()
    clock.watch()
    assert clock.now_us() - T0_US == 610_000_000
    assert [(s.by_us, s.slept) for s in clock.steps] == [(600_000_000, True)]
    assert str(clock.steps[0]) == "the computer slept for 600.000 s"


def test_the_computers_own_clocks_are_read():
    clock = SteadyClock()
    before = clock.now_us()
    clock.watch()
    assert clock.now_us() >= before
    assert clock.steps == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_steps_of_the_computers_clock_are_noted_in_the_recording(tmp_path, ending):
    computer, path = Computer(), tmp_path / f"x{ending}"
    clock = computer.clock()
    with Recorder(path, clock) as recorder:
        recorder.take(packets(0, 3), {})
        computer.passes(5.0)
        computer.wall_s -= 3600
        clock.watch()
        recorder.take(packets(3, 3), {})
        computer.wall_s += 60
    assert numbers(path) == list(range(6))
    texts = [
        "bluezone-sim: the computer's clock was set back by 3,600.000 s",
        "bluezone-sim: the computer's clock was set forward by 60.000 s",
    ]
    at_us = T0_US + 5_000_000
    data = path.read_bytes()
    if ending == ".parquet":
        import pyarrow.parquet as pq

        (told,) = (
            json.loads(v) for k, v in pq.read_metadata(path).metadata.items() if b"listening" in k
        )
        assert told["wall_clock"] == [
            {"unix_us": at_us, "by_us": -3_600_000_000, "machine_slept": False},
            {"unix_us": at_us, "by_us": 60_000_000, "machine_slept": False},
        ]
        return
    assert [text.encode() in data for text in texts] == [True, True]
    if ending == ".pcapng":
        at = data.index(texts[0].encode()) - 24
        kind, _, interface, high, low, code, size = struct.unpack_from("<5IHH", data, at)
        assert (kind, interface, high << 32 | low) == (STATISTICS, 0, at_us)
        assert (code, size) == (1, len(texts[0]))
    else:
        at = data.index(texts[0].encode()) - 3
        assert data[at : at + 3] == bytes([4, 0xFF, len(texts[0])])
        assert struct.unpack_from(">q", data, at - 8)[0] - 0x00DCDDB30F2F8000 == at_us
