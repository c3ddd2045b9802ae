"""Bluezone's identifiers and files: a real phone's capture, hashlib, and files at fault."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bluezone_sim import match, protocols
from bluezone_sim.errors import FormatError, InputError, TableError
from bluezone_sim.protocols.bluezone.files import parse_f0_message, parse_history, write_f0_message
from helpers.bluezone_files import CAPTURE, DAY, look_up, message, trace, write_history
from twins import naive_protocols as naive


def test_a_real_phones_base_id_gives_its_own_identifiers_at_the_recorded_times():
    bluezone = protocols.get("bluezone")
    base = np.frombuffer(bytes.fromhex(CAPTURE["base_id"]), np.uint8)[None]
    ids = bluezone.identifiers(bluezone.daily_keys(base, 1)[:, 0])
    for row in CAPTURE["contact_history"]:
        interval = (row["unix_ms"] // 1000 - DAY) // bluezone.interval_s
        assert bytes(ids[0, interval]).hex().upper() == row["own_id"]


def test_identifiers_and_daily_keys_equal_hashlib():
    rng = np.random.default_rng(1)
    base = rng.integers(0, 256, (37, 32), np.uint8)
    bluezone = protocols.get("bluezone")
    daily = bluezone.daily_keys(base, 5)
    ids = bluezone.identifiers(np.ascontiguousarray(daily[:, 4]), 0)
    assert ids.shape == (37, 96, 12)
    for i in range(37):
        key = bytes(base[i])
        for day in range(5):
            assert bytes(daily[i, day]) == key
            key = hashlib.sha256(key).digest()
        assert [bytes(x) for x in ids[i]] == naive.bluezone(bytes(daily[i, 4]), 96)


def test_identifiers_into_out_and_of_other_counts():
    keys = np.arange(64, dtype=np.uint8).reshape(2, 32)
    bluezone = protocols.get("bluezone")
    for count in (1, 95, 97, 130):
        out = np.zeros((2, count, 12), np.uint8)
        assert bluezone.identifiers(keys, 0, count, out) is out
        assert [bytes(x) for x in out[1]] == naive.bluezone(bytes(keys[1]), count)
    with pytest.raises(TableError, match="uint8"):
        bluezone.identifiers(keys.astype(np.int32))
    with pytest.raises(TableError, match="32"):
        bluezone.identifiers(keys[:, :16])


def test_an_advertisement_has_the_flags_the_service_and_the_company():
    bluezone = protocols.get("bluezone")
    ad = bluezone.advertisement(bytes(range(12)))
    assert ad == bytes.fromhex("020102" + "0303564e" + "0fffb522") + bytes(range(12))
    assert bluezone.parse_advertisement(ad).identifier == bytes(range(12))
    with pytest.raises(TableError):
        bluezone.advertisement(b"short")


def test_an_unknown_protocol_gets_the_nearest():
    with pytest.raises(InputError, match="did you mean 'bluezone'"):
        protocols.get("bluezon")


def test_the_other_phone_of_the_capture_finds_the_case():
    found = look_up(message(), trace()).to_dict()
    assert found["n_keys"] == 1
    assert found["n_rows"] == len(found["matches"]) == 6
    assert [m["unix_ms"] for m in found["matches"]] == [
        r["unix_ms"] for r in CAPTURE["contact_history"]
    ]
    assert {(m["key"], m["day_unix_s"], m["interval"]) for m in found["matches"]} == {
        (CAPTURE["base_id"], DAY, 47)
    }


def test_a_key_matches_only_inside_its_own_interval():
    row = CAPTURE["contact_history"][0]
    start = (DAY + 47 * 900) * 1000
    times = (start - 1, start, start + 900_000, start + 900_001)
    history = trace([{**row, "unix_ms": t} for t in times])
    found = look_up(message(), history).to_dict()
    # Both ends belong to the interval, as in the app's isTrace.
    assert [m["unix_ms"] for m in found["matches"]] == [start, start + 900_000]


def test_the_walk_goes_on_to_later_days_and_stops_at_the_end():
    base = bytes.fromhex(CAPTURE["base_id"])
    day_2 = hashlib.sha256(hashlib.sha256(base).digest()).digest()
    seen = naive.bluezone(day_2, 96)
    rows = [
        {
            "seen_id": "00" * 12,
            "own_id": seen[i].hex(),
            "rssi_dbm": -60,
            "unix_ms": (DAY + 2 * 86_400 + 900 * i + 450) * 1000,
        }
        for i in range(96)
    ]
    end = DAY + 2 * 86_400 + 900 * 10
    found = look_up(message(end=end), trace(rows)).to_dict()["matches"]
    assert [m["interval"] for m in found] == list(range(11))
    assert {m["day_unix_s"] for m in found} == {DAY + 2 * 86_400}


def test_the_server_may_say_how_many_sub_keys_a_day_has():
    ids = naive.bluezone(bytes.fromhex(CAPTURE["base_id"]), 24)
    rows = [
        {
            "seen_id": "00" * 12,
            "own_id": ids[i].hex(),
            "rssi_dbm": -60,
            "unix_ms": (DAY + 3600 * i + 3599) * 1000,
        }
        for i in range(24)
    ]
    found = look_up(message(per_day=24), trace(rows)).to_dict()["matches"]
    assert [m["interval"] for m in found] == list(range(24))


def test_rows_out_of_order_are_counted_and_matched():
    rows = CAPTURE["contact_history"][::-1]
    found = look_up(message(), trace(rows))
    assert found.to_dict()["n_out_of_order"] == 5
    assert "clock" in found.summary()
    assert len(found.matches) == 6


def test_minutes_near_count_a_scan_period_once():
    found = look_up(message(), trace())
    # 60 s of rows ten seconds apart are of one scan, as in the simulator.
    assert [near.minutes for near in found.near] == [5.0]
    assert "until the next one, 300 s at most (assumed)" in found.summary()


KEY_FAULTS = {
    "empty": (b"", "empty"),
    "truncated": (message()[:-9], "truncated"),
    "not a message": (b"[1]", "not a Bluezone key message"),
    "short key": (message(key="ABCD"), r"data\[0\]\.daily_key: expected 64 .* found 4"),
    "not hex": (message(key="G" * 64), r"data\[0\]\.daily_key: expected hexadecimal"),
    "backwards": (message(start=DAY, end=DAY - 1), r"data\[0\]\.time_end.*before"),
    "too long": (message(end=DAY + 400 * 86_400), r"data\[0\]\.time_end.*at most 180"),
    "no sub-keys": (message(per_day=0), r"data\[0\]\.max"),
    "missing": (
        b'{"data":[{"daily_key":"' + b"00" * 32 + b'"}]}',
        r"data\[0\]\.time_start: missing",
    ),
}


@pytest.mark.parametrize("name", KEY_FAULTS)
def test_a_key_file_at_fault_names_the_entry(name):
    data, words = KEY_FAULTS[name]
    with pytest.raises(FormatError, match=rf"(?s)^keys\.json: .*{words}"):
        parse_f0_message(data, "keys.json")


GOOD = trace().splitlines()
HISTORY_FAULTS = {
    "empty": ([b""], "empty"),
    "columns": ([GOOD[0], GOOD[1] + b"\tx"], "row 2: expected 4 tab-separated columns.*found 5"),
    "truncated": ([GOOD[0], GOOD[1][:30]], "row 2: expected 4.*truncated"),
    "not hex": ([GOOD[0].replace(b"9C", b"9G", 1)], "row 1: own id: '9G.*not hexadecimal"),
    "short id": ([GOOD[0], GOOD[1][2:]], "row 2: own id: expected 24.*found 22"),
    "rssi": ([GOOD[0].replace(b"-74", b"-740")], "row 1: RSSI: expected dBm between"),
    "seconds": ([GOOD[0][:-3]], "row 1: time: expected unix milliseconds.*'1596887252'"),
}


@pytest.mark.parametrize("name", HISTORY_FAULTS)
def test_a_history_at_fault_names_the_row(name):
    lines, words = HISTORY_FAULTS[name]
    with pytest.raises(FormatError, match=rf"^data_trace\.txt: {words}"):
        parse_history(b"\n".join(lines), "data_trace.txt")


def test_files_survive_a_round_trip():
    published = parse_f0_message(message(end=DAY + 3 * 86_400 + 55))
    again = parse_f0_message(write_f0_message(published))
    assert (again.key == published.key).all()
    assert again.start_s.tolist() == published.start_s.tolist()
    assert again.count.tolist() == published.count.tolist()
    sightings, report = parse_history(trace())
    assert write_history(sightings) == trace()
    assert (report.n_rows, report.n_out_of_order) == (6, 0)
    assert parse_history(trace().replace(b"\n", b"\r\n"))[0].time_ms.tolist() == (
        sightings.time_ms.tolist()
    )


@given(st.binary(max_size=300))
@example(trace()[:100])
@example(message()[:50])
def test_no_bytes_break_the_parsers(data):
    for parse in (parse_f0_message, parse_history):
        with contextlib.suppress(FormatError):
            parse(data, "file")


@given(st.data())
def test_one_wrong_byte_of_a_history_is_refused_or_changes_one_row(data):
    good = bytearray(trace())
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] = data.draw(st.integers(0, 255))
    try:
        sightings, _ = parse_history(bytes(good))
    except FormatError:
        return
    want, _ = parse_history(trace())
    assert len(sightings) in (5, 6, 7) or good[at] == 10
    same = (sightings.identifier == want.identifier).all(axis=1) if len(sightings) == 6 else [1]
    assert np.count_nonzero(same) >= len(same) - 1


def test_a_table_of_the_wrong_shape_is_named():
    sightings, _ = parse_history(trace())
    published = parse_f0_message(message())
    bad = type(published)(published.key[:, :16], published.start_s, published.count)
    with pytest.raises(TableError, match=r"published\.key"):
        match(bad, sightings, "bluezone")
