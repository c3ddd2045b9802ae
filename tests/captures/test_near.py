"""Minutes near from what was observed: scans that a log tells, captures without a pause, and neither."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bluezone_sim.captures.formats.parquet import read_listening
from bluezone_sim.captures.formats.pcapng import PcapngWriter
from bluezone_sim.matching.near import near_times, stands_for_s
from bluezone_sim.tables.rows import HEARD, TOLD, UNBROKEN, Listening, Matches
from helpers.capture_files import event, packets, report
from helpers.commands import call
from helpers.heard import DAY, A, B, export, gaen, heard, log, scanning, service

START = DAY + 36_000


def found(capsys, folder, *histories) -> dict:
    (folder / "keys").write_bytes(export(A, B))
    paths = [x for path in histories for x in ("--history", path)]
    assert call("match", "--keys", folder / "keys", *paths, "--json") == 0
    return json.loads(capsys.readouterr().out)


def minutes(capsys, folder, *parts) -> float:
    (folder / "phone.log").write_bytes(log(*parts))
    return found(capsys, folder, folder / "phone.log")["minutes_near"][A.hex().upper()]


def others(minutes: float, start: float = START) -> list[tuple[int, bytes]]:
    """Some other thing on the air, each five seconds."""
    data = event(report(b"\x02\x01\x06", -80, b"\7\7\7\7\7\7"))
    return [(round((start + 5 * k) * 1e6), data) for k in range(round(12 * minutes) + 1)]


@pytest.mark.parametrize(("every_s", "expected"), [(0.25, 10.0), (1, 10.0), (20, 9.67), (60, 9.0)])
def test_near_is_from_the_first_packet_to_the_last_where_the_scan_goes_on(
    every_s, expected, tmp_path, capsys
):
    """Ten minutes of an hour, whatever the pace of the packets: no scan period is added."""
    known = minutes(capsys, tmp_path, heard(A, 10, every_s), others(60))
    assert known == pytest.approx(expected, abs=0.02)


def test_a_scan_with_a_pause_stands_for_the_time_until_the_next_one(tmp_path, capsys):
    """4 s of scan each 4 minutes: near in scans 2 to 5 of 8."""
    scans = [scanning(START + 240 * k + s, on=not s) for k in range(8) for s in (0, 4)]
    rows = [r for k in range(1, 5) for r in heard(A, 0.05, 1, START + 240 * k + 0.5)]
    assert minutes(capsys, tmp_path, scans, rows) == 16.0
    document = found(capsys, tmp_path, tmp_path / "phone.log")
    (phone,) = document["observed"]
    assert (phone["n_scans"], phone["listened_s"]) == (8, 32.0)
    assert "as its log tells" in phone["in_words"]
    # A scan that heard the phone weakly, as by a wall, is not near.
    weak = heard(A, 0.05, 1, START + 240 * 5 + 0.5, rssi=-99)
    assert minutes(capsys, tmp_path, scans, rows, weak) == 16.0


def test_a_scan_that_runs_on_is_not_taken_for_a_sample(tmp_path, capsys):
    on = [scanning(START - 60, on=True), scanning(START + 3600, on=False)]
    assert minutes(capsys, tmp_path, on, heard(A, 1, 1)) == pytest.approx(59 / 60, abs=0.01)


def test_a_silence_in_a_scan_is_an_absence(tmp_path, capsys):
    rows = heard(A, 2, 1), heard(A, 2, 1, START + 1000)
    assert minutes(capsys, tmp_path, *rows, others(60)) == pytest.approx(2 * 119 / 60, abs=0.01)


def test_a_capture_without_a_pause_of_two_seconds_is_two_seconds(tmp_path, capsys):
    table = packets([service(0xFD6F, gaen(A, START))] * 9)
    table.time_us[:] = START * 1_000_000 + 250_000 * np.arange(9)
    table.rssi_dbm[:] = -50
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(table)
    document = found(capsys, tmp_path, tmp_path / "x.pcapng")
    assert document["minutes_near"] == {A.hex().upper(): 0.03}
    (phone,) = document["observed"]
    assert phone["listened_s"] == 2.0
    assert document["near_is"] == "at 58 dB of attenuation or less"
    # The same through a file of sightings.
    out = tmp_path / "s.parquet"
    assert call("import", tmp_path / "x.pcapng", "--out", out) == 0
    capsys.readouterr()
    again = found(capsys, tmp_path, out)
    assert again["minutes_near"] == document["minutes_near"]
    assert again["observed"][0]["listened_s"] == 2.0
    assert "x.pcapng" in again["observed"][0]["phone"]
    known, _ = read_listening(out)
    assert known.known.tolist() == [UNBROKEN]


def test_the_lines_of_exposure_notification_name_attenuations(tmp_path, capsys):
    (tmp_path / "keys").write_bytes(export(A))
    (tmp_path / "phone.log").write_bytes(log(heard(A, 20)))
    assert call("match", "--keys", tmp_path / "keys", "--history", tmp_path / "phone.log") == 0
    text = capsys.readouterr().out
    assert "19.0 minutes near (at 58 dB of attenuation or less)" in text
    assert "listened for" in text
    assert "dBm or more" not in text


def test_each_phone_has_its_own_minutes(tmp_path, capsys):
    (tmp_path / "one.log").write_bytes(log(heard(A, 10, 1), others(60)))
    (tmp_path / "two.log").write_bytes(log(heard(A, 20, 1), others(60)))
    document = found(capsys, tmp_path, tmp_path / "one.log", tmp_path / "two.log")
    near = {p["phone"].rsplit("/", 1)[-1]: p["minutes_near"] for p in document["observed"]}
    assert near["one.log"][A.hex().upper()] == pytest.approx(10, abs=0.05)
    assert near["two.log"][A.hex().upper()] == pytest.approx(20, abs=0.05)
    assert document["minutes_near"][A.hex().upper()] == pytest.approx(20, abs=0.05)


def matches(times_s, rssi) -> Matches:
    n = len(times_s)
    return Matches(
        key=np.zeros(n, np.int32),
        row=np.arange(n),
        observer=np.zeros(n, np.int32),
        day_s=np.zeros(n, np.int64),
        interval=np.zeros(n, np.int32),
        time_ms=np.array(times_s, np.int64) * 1000,
        rssi_dbm=np.array(rssi, np.int16),
    )


@pytest.mark.parametrize("known", [TOLD, HEARD])
def test_one_record_a_scan_counts_as_the_simulator_counts_it(known):
    """Records times the scan period, whatever the scan is known by, and where it is not known."""
    scans = np.arange(10) * 300_000
    rows = matches([0, 300, 900, 1200, 1500], [-50, -50, -50, -120, -50])
    listening = Listening(
        np.zeros(10, np.int32), scans, scans + 40_000, np.full(10, known, np.uint8)
    )
    for how in (listening, None):
        (near,) = near_times(rows, stands_for_s(rows, how), how)
        assert (near.minutes, near.listened) == (20.0, how is not None)


def test_a_filtered_scan_tells_nothing(tmp_path, capsys):
    """As in the logs of DP-3T's phones: the scan is on for hours, and packets come for 4 s in 270."""
    filters = (round((START - 60) * 1e6), bytes([1, 0x57, 0xFD, 2, 0, 1]))
    on = [scanning(START - 60, on=True), filters, scanning(START + 3600, on=False)]
    rows = [r for k in range(5) for r in heard(A, 0.0667, 1, START + 270 * k)]
    assert minutes(capsys, tmp_path, on, rows) == pytest.approx(4 * 4.5 + 0.05, abs=0.01)
    (phone,) = found(capsys, tmp_path, tmp_path / "phone.log")["observed"]
    assert (phone["n_scans"], phone["listened_s"]) == (5, 15.0)


def test_nothing_found_is_an_answer(tmp_path, capsys):
    (tmp_path / "keys").write_bytes(export(B))
    (tmp_path / "phone.log").write_bytes(log(heard(A, 20)))
    command = ("match", "--keys", tmp_path / "keys", "--history", tmp_path / "phone.log")
    assert call(*command, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["matches"] == document["exposure_windows"] == []
    assert document["minutes_near"] == {}
    assert document["observed"][0]["listened_s"] is not None
    assert call(*command) == 0
    assert "0 matches" in capsys.readouterr().out


def test_twenty_minutes_are_twenty_matches_in_a_window(tmp_path, capsys):
    (tmp_path / "phone.log").write_bytes(log(heard(A, 20)))
    document = found(capsys, tmp_path, tmp_path / "phone.log")
    assert len(document["matches"]) == 20
    (window,) = document["exposure_windows"]
    assert len(window["scan_instances"]) == 20
