"""What is heard and how it is judged, without any bus: decoding, following, measuring, fitting."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bluezone_sim as bz
from bluezone_sim import protocols
from bluezone_sim.ble.conformance import judge as conformance
from bluezone_sim.ble.conformance.documents import html, junit
from bluezone_sim.ble.conformance.limits import load_limits, shipped_profiles
from bluezone_sim.ble.conformance.track import follow
from bluezone_sim.ble.drive.encounter_plan import Timeline
from bluezone_sim.ble.guided import prompt as guide
from bluezone_sim.ble.guided import range_test as walk
from bluezone_sim.ble.guided import whitepaper as matrix
from bluezone_sim.ble.guided.sample import Sample
from bluezone_sim.ble.listening import listener as listen
from bluezone_sim.ble.listening import on_air as onair
from bluezone_sim.ble.listening.gatt_client import ReadResult
from bluezone_sim.ble.listening.recorder import (
    Recorder,
    packets_of,
    read_packets,
    sightings_of_reports,
)
from bluezone_sim.ble.listening.reports import Decoder, parse_address, printable
from bluezone_sim.ble.sending.crowd import SendingPhones
from bluezone_sim.captures.gatt_reads import identifier_in
from bluezone_sim.captures.key_sets import read_key_set
from bluezone_sim.errors import FormatError, InputError, NothingToRunError
from bluezone_sim.protocols.ad import long_uuid
from bluezone_sim.protocols.bluezone import wire as bluezone
from bluezone_sim.protocols.bluezone.files import parse_f0_message
from bluezone_sim.protocols.gaen import keys as gaen
from bluezone_sim.protocols.gaen.files import parse_export
from helpers.ble import T0_US, U_BLUEZONE, U_GAEN, answers, bluezone_report, report

pytestmark = pytest.mark.ble

# -- the way from the scanner ------------------------------------------------------------------------


def test_what_waited_is_worked_off_in_pieces_whole_and_in_order(monkeypatch):
    """A machine that fell behind needs memory for what waits and for one piece, not for all at once."""
    monkeypatch.setattr(listen, "_WAITING_MOST", 10_000)
    pieces: list[list[int]] = []
    sink = SimpleNamespace(take=lambda heard, _: pieces.append([h.time_us for h in heard]))
    _, device, data = bluezone_report(bytes(12))

    async def work():
        pipeline = listen.Pipeline([sink])
        for _ in range(10_007):
            pipeline.push(device, data)
        pipeline.start()
        await pipeline.finish()
        return pipeline

    pipeline = asyncio.run(work())
    assert (pipeline.packets, pipeline.dropped) == (10_000, 7)
    assert [len(p) for p in pieces] == [4096, 4096, 1808]
    times = [t for piece in pieces for t in piece]
    assert times == sorted(times)


# -- decoding ----------------------------------------------------------------------------------------


def test_reports_become_the_bytes_that_the_protocol_sends():
    (heard,) = Decoder().decode([bluezone_report(bytes(range(12)))])
    # The order of structures is the sender's; what they say is the protocol's own bytes but the flags.
    sent = protocols.get("bluezone").advertisement(bytes(range(12)))
    assert sorted(heard.decoded.data) == sorted(sent.replace(b"\x02\x01\x02", b"\x02\x01\x06"))
    assert heard.decoded.found.identifier == bytes(range(12))
    assert (heard.address, heard.rssi_dbm) == (0xC00000000001, -60)
    (heard,) = Decoder().decode(
        [report(uuids=[U_GAEN], service={U_GAEN: bytes(20)}, flags=b"\x1a")]
    )
    assert heard.decoded.data == protocols.get("gaen").advertisement(bytes(16), bytes(4))


def test_stale_uuids_of_an_address_do_not_push_the_identifier_out():
    stale = [long_uuid(n) for n in range(0x1800, 0x1810)] + [str(bluezone.IOS_SERVICE)]
    (heard,) = Decoder().decode(
        [report(uuids=[*stale, U_GAEN], service={U_GAEN: bytes(20)}, flags=b"\x1a")]
    )
    assert heard.decoded.found.protocols == ("gaen",)
    assert heard.decoded.cut > 0
    assert len(heard.decoded.data) <= 31


@settings(max_examples=150)
@given(
    st.lists(
        st.builds(
            report,
            address=st.one_of(st.text(max_size=20), st.just("C0:00:00:00:00:01")),
            rssi=st.one_of(st.integers(-300, 300), st.none()),
            uuids=st.lists(
                st.one_of(st.text(max_size=40), st.sampled_from([U_BLUEZONE, U_GAEN])), max_size=4
            ),
            manufacturer=st.dictionaries(
                st.integers(0, 65535), st.binary(max_size=260), max_size=3
            ),
            service=st.dictionaries(
                st.one_of(st.text(max_size=40), st.sampled_from([U_GAEN, U_BLUEZONE])),
                st.binary(max_size=260),
                max_size=3,
            ),
            name=st.one_of(st.none(), st.text(max_size=300)),
            tx_power=st.one_of(st.none(), st.integers(-500, 500)),
            flags=st.one_of(st.none(), st.binary(max_size=3)),
        ),
        max_size=6,
    )
)
def test_nothing_on_air_raises_and_everything_is_counted(reports):
    decoder = Decoder()
    heard = decoder.decode(reports)
    assert all(len(h.decoded.data) <= 31 for h in heard)
    dropped = sum(
        n
        for why, n in decoder.rejected.items()
        if why.startswith(("no RSSI", "address", "not decodable"))
    )
    assert len(heard) + dropped == len(reports)
    assert len(packets_of(heard)) == len(heard)
    air = onair.OnAir()
    air.take(heard, {})
    for phone in air.phones():
        assert all(c.isprintable() for c in phone.name)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (report(rssi=-127), "no RSSI"),
        (report(rssi=127), "no RSSI"),
        (report(address="nonsense"), "address is none"),
        (bluezone_report(bytes(11)), "bluezone: service without data of its form"),
        (report(uuids=[U_GAEN], service={U_GAEN: b""}), "gaen: service without data of its form"),
    ],
)
def test_what_is_left_out_is_counted_by_its_reason(given, reason):
    decoder = Decoder()
    decoder.decode([given])
    assert decoder.rejected[reason] == 1


def test_names_cannot_steer_a_terminal():
    assert printable("\x1b[31mred\x07\u202e") == "\ufffd[31mred\ufffd\ufffd"
    assert len(printable("x" * 1000)) == 32
    assert parse_address("AA:BB:CC:DD:EE:FF") == 0xAABBCCDDEEFF
    assert parse_address("AA:BB:CC:DD:EE:F\x1b") is None


def test_a_flood_of_addresses_leaves_memory_bounded():
    decoder, air = Decoder(), onair.OnAir()
    for batch in range(20):
        reports = [
            bluezone_report(
                (batch * 1000 + i).to_bytes(12, "big"),
                address=f"C0:00:00:{batch:02X}:{i >> 8:02X}:{i & 255:02X}",
            )
            for i in range(1000)
        ]
        air.take(decoder.decode(reports), {})
    assert len(air) == onair.MOST
    assert air.evicted == 20_000 - onair.MOST
    assert len(decoder._cache) <= 4096
    assert len(air._holder) <= onair.MOST + 1


# -- who is on air -----------------------------------------------------------------------------------


def heard_of(address, identifier, second, rssi=-60):
    (heard,) = Decoder().decode(
        [bluezone_report(identifier, address=address, rssi=rssi, time_us=T0_US + int(second * 1e6))]
    )
    return heard


A, B = "C0:00:00:00:00:0A", "C0:00:00:00:00:0B"


@pytest.mark.parametrize(
    ("before", "after", "changed", "linkable"),
    [
        ((A, bytes(12)), (A, bytes([1] * 12)), False, "address kept"),
        ((A, bytes(12)), (B, bytes(12)), None, "identifier kept"),
        ((A, bytes(12)), (B, bytes([1] * 12)), True, ""),
    ],
)
def test_changes_of_address_and_identifier_are_told_apart(before, after, changed, linkable):
    air = onair.OnAir()
    air.take([heard_of(*before, s / 4) for s in range(40)], {})
    air.take([heard_of(*after, 10 + s / 4) for s in range(60)], {})
    air.settle(T0_US + 25_000_000)
    (phone,) = air.phones()
    assert (phone.address_changed, phone.linkable) == (changed, linkable)
    assert phone.packets == 100


def test_two_phones_that_change_together_are_not_joined():
    air = onair.OnAir()
    for n, second in ((0, 0), (2, 10)):
        for i in range(2):
            address = f"C0:00:00:00:00:{n + i:02X}"
            air.take(
                [heard_of(address, bytes([n + i] * 12), second + s / 4) for s in range(40)], {}
            )
    air.settle(T0_US + 25_000_000)
    assert len(air.phones()) == 4


def test_phones_are_read_while_another_thread_books_their_packets():
    """The scan's table is drawn by one thread and filled by another."""
    air = onair.OnAir()
    batches = [
        [heard_of(f"C0:00:00:00:00:{n:02X}", bytes([n] * 12), s / 4) for n in range(200)]
        for s in range(20)
    ]
    failures, ending = [], threading.Event()

    def read():
        try:
            while not ending.is_set():
                air.settle(T0_US)
                for phone in air.phones():
                    assert phone.rssi_sum == phone.rssi_dbm * phone.packets
                    phone.to_dict(T0_US)
        except BaseException as error:
            failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        reading = threading.Thread(target=read)
        reading.start()
        for batch in batches * 10:
            air.take(batch, {})
        ending.set()
        reading.join()
    finally:
        sys.setswitchinterval(before)
    assert not failures
    assert {p.packets for p in air.phones()} == {200}


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".pcapng", ".btsnoop", ".parquet"])
def test_a_recording_holds_what_was_heard(tmp_path, ending):
    heard = [heard_of(A, bytes([i] * 12), i, -50 - i) for i in range(20)]
    path = tmp_path / f"x{ending}"
    with Recorder(path) as recorder:
        recorder.take(heard, {})
    assert recorder.rows == 20
    if ending == ".parquet":
        from bluezone_sim.captures.formats.parquet import read_listening, read_sightings

        known, _ = read_listening(path)
        assert abs(known.end_ms[0] / 1000 - time.time()) < 60
        assert 0 <= known.end_ms[0] - known.start_ms[0] < 60_000
        table = read_sightings(path)["bluezone"]
        assert table.rssi_dbm.tolist() == [-50 - i for i in range(20)]
        assert table.identifier[7].tobytes() == bytes([7] * 12)
    else:
        packets, sent = read_packets(path), packets_of(heard)
        sent = replace(sent, data=sent.data[:, : packets.data.shape[1]])
        for name in ("time_us", "address", "rssi_dbm", "size", "data"):
            assert np.array_equal(getattr(packets, name), getattr(sent, name))


def test_a_recording_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), Recorder(tmp_path / "x.pcapng"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"\.pcapng, \.btsnoop, \.parquet"):
        Recorder(tmp_path / "x.txt")


def test_identifiers_read_over_gatt_become_sightings():
    ios = report(uuids=[str(bluezone.IOS_SERVICE)])
    heard = Decoder().decode([ios, bluezone_report(bytes(12), address=B)])
    (table,) = sightings_of_reports(heard, {0xC00000000001: bytes(range(12))})
    assert table.transport.tolist() == [1, 0]
    assert table.identifier[0].tobytes() == bytes(range(12))


@pytest.mark.parametrize("value", [b"", bytes(11), bytes(13)])
def test_a_characteristic_of_another_size_is_refused(value):
    for name in ("bluezone", "bluetrace"):
        with pytest.raises(FormatError, match="'s characteristic: "):
            identifier_in(value, protocols.get(name))


# -- the phones we send ------------------------------------------------------------------------------

KEY_PROTOCOLS = ["bluezone", "gaen", "dp3t-lowcost", "dp3t-hybrid", "dp3t-unlinkable", "tcn"]


@pytest.mark.parametrize("rotate_s", [None, 7.0])
@pytest.mark.parametrize("name", KEY_PROTOCOLS)
def test_what_simulated_phones_send_is_found_with_the_keys_they_publish(name, rotate_s, tmp_path):
    crowd = SendingPhones(name, 3, rotate_s)
    rows, begins = [], 1_700_000_000.0
    for phone in range(3):
        t = begins
        for _ in range(9):
            rows.append((t, *crowd.identifier(phone, t)))
            _, t = crowd.slot(t, phone)
    ids = [i for _, i, _ in rows]
    assert len(set(ids)) == len(ids)
    payload = np.frombuffer(b"".join(p for *_, p in rows), np.uint8)
    sightings = bz.Sightings(
        observer=np.zeros(len(rows), np.int32),
        time_ms=np.array([int(t * 1000) for t, *_ in rows]),
        identifier=np.frombuffer(b"".join(ids), np.uint8).reshape(len(rows), -1).copy(),
        rssi_dbm=np.full(len(rows), -70, np.int16),
        protocol=name,
        payload=payload.reshape(len(rows), -1).copy() if name == "gaen" else None,
    )
    found = bz.match(crowd.published(), sightings, name)
    assert np.unique(found.row).tolist() == list(range(len(rows)))
    if name == "gaen":
        assert set(found.attenuation_db.tolist()) == {45.0}
        again = bz.match(parse_export(crowd.key_file())[0], sightings, name)
    elif name == "bluezone":
        again = bz.match(parse_f0_message(crowd.key_file()), sightings, name)
    else:
        # The file, read as `bluezone-sim match` reads it.
        path = tmp_path / "keys"
        path.write_bytes(crowd.key_file())
        keys = read_key_set([path], name)
        if keys.filter is not None:
            assert len(keys.filter.find(sightings)) == len(rows)
            return
        again = bz.match(keys.published_for(sightings), sightings, name)
    assert np.array_equal(np.unique(again.row), np.unique(found.row))


def test_a_day_of_real_rotation_walks_the_chain():
    crowd = SendingPhones("bluezone", 1)
    midnight = 1_700_006_400
    ids = [crowd.identifier(0, midnight - 900 + 900 * i)[0] for i in range(4)]
    published = crowd.published()
    assert len(published) == 1  # from the first day's key phones walk to the second
    system = protocols.get("bluezone")
    chain = system.daily_keys(published.key, 2)
    assert ids[0] == system.identifiers(chain[:, 0])[0, -1].tobytes()
    assert ids[1] == system.identifiers(chain[:, 1])[0, 0].tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bluetrace", 1), "publishes no keys"),
        (("bluezone", 0), "--phones 0"),
        (("gaen", 1, 601.0), "--rotate 601"),
    ],
)
def test_a_crowd_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        SendingPhones(*arguments)


# -- conformance -------------------------------------------------------------------------------------


def gaen_packets(
    rng, *, seconds=3000, interval_s=0.2575, rotate_s=900, missed=0.4, link="", key=None
):
    """A GAEN phone's packets, as an adapter that misses some of them hears them."""
    t = np.arange(0, seconds, interval_s)
    t = t[rng.random(len(t)) > missed]
    start_s = T0_US // 1_000_000 // 600 * 600
    key = key if key is not None else rng.integers(0, 256, (1, 16), dtype=np.uint8)
    count = seconds // 600 + 2
    ids = protocols.get("gaen").identifiers(key, start_s, count)[0]
    aem = gaen.crypt_metadata(
        np.repeat(key, len(ids), 0), ids, np.repeat(gaen.metadata(-28), len(ids), 0)
    )
    addresses = rng.integers(0, 1 << 46, 64)
    out = []
    for x in t:
        k = int(x // rotate_s)
        a = 0 if link == "address" else k
        i = 0 if link == "identifier" else k
        _, device, data = report(
            uuids=[U_GAEN], service={U_GAEN: ids[i].tobytes() + aem[i].tobytes()}, flags=b"\x1a"
        )
        device.address = ":".join(f"{b:02X}" for b in int(addresses[a]).to_bytes(6, "big"))
        data.rssi = -60 - int(rng.integers(0, 5))
        out.append((T0_US + int(x * 1e6), device, data))
    keys = bz.PublishedKeys(key, np.array([start_s]), np.array([count], np.int32))
    return packets_of(Decoder().decode(out)), keys


def outcome(report):
    return {m.name: m.outcome for m in report.measurements}


def value(report):
    return {m.name: m.value for m in report.measurements}


def judged(packets, profile="gaen", reads=None, names=None, **kwargs):
    limits = load_limits(profile)
    heard = conformance.recorded(packets)
    heard = replace(heard, reads=reads or {}, names=names or {})
    return conformance.judge(profile, limits, heard, **kwargs)


def write_keys(path, keys):
    from bluezone_sim.protocols.gaen.files import write_export

    path.write_bytes(write_export(keys))
    return read_key_set([path])


def test_a_good_gaen_phone_passes_although_packets_are_missed(rng, tmp_path):
    packets, keys = gaen_packets(rng)
    found = judged(packets, keys=write_keys(tmp_path / "k.bin", keys))
    assert set(outcome(found).values()) == {"pass"}, found.measurements
    assert value(found)["advertising_interval_ms"] == pytest.approx(257.5, abs=1)
    assert value(found)["rotation_period_s"] == pytest.approx(900, abs=2)
    assert value(found)["tx_power_dbm"] == -28
    assert len(found.addresses) == 4


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"interval_s": 0.1}, {"advertising_interval_ms"}),
        ({"rotate_s": 400, "seconds": 1600}, {"rotation_period_s"}),
        ({"link": "address"}, {"linkable_changes", "linkable_overlap_s"}),
        (
            {"link": "identifier"},
            {"linkable_changes", "linkable_overlap_s", "rotation_period_s"},
        ),
    ],
)
def test_each_fault_of_a_phone_fails_its_own_measurement(rng, changes, failing):
    found = judged(gaen_packets(rng, **changes)[0])
    assert {n for n, o in outcome(found).items() if o == "fail"} == failing


def test_foreign_keys_fail_and_no_keys_are_not_measured(rng, tmp_path):
    packets, keys = gaen_packets(rng, seconds=600)
    other = replace(keys, key=keys.key ^ 1)
    found = judged(packets, keys=write_keys(tmp_path / "k.bin", other))
    assert outcome(found)["identifiers_of_key_share"] == "fail"
    assert outcome(judged(packets))["identifiers_of_key_share"] == "not measured"
    assert outcome(found)["rotation_period_s"] == "not measured"


def test_bluezones_duty_is_measured(rng):
    t = np.arange(0, 600, 0.105)
    t = t[(t % 30 < 15) & (rng.random(len(t)) > 0.5)]
    packets = packets_of([heard_of(A, bytes(12), x) for x in t])
    found = judged(packets, "bluezone-android")
    assert value(found)["duty_on_s"] == pytest.approx(15, abs=0.5)
    assert value(found)["duty_off_s"] == pytest.approx(15, abs=0.5)
    assert value(found)["advertising_interval_ms"] == pytest.approx(105, abs=1)
    assert set(outcome(found).values()) == {"pass", "not measured"}


def test_gatt_reads_are_measured():
    (heard,) = Decoder().decode([report(uuids=[str(bluezone.IOS_SERVICE)], flags=b"\x1a")])
    times = range(0, 2000, 20)
    packets = packets_of([heard._replace(time_us=T0_US + s * 1_000_000) for s in times])
    reads = [
        ReadResult(T0_US + s * 1_000_000, b"" if s == 40 else bytes([s // 600] * 12), 0.5)
        for s in times
    ]
    found = judged(packets, "bluezone-ios", reads={0xC00000000001: reads})
    assert value(found)["gatt_success_share"] == 0.99
    assert value(found)["gatt_read_s"] == 0.5
    assert value(found)["rotation_period_s"] == pytest.approx(600, abs=20)
    assert outcome(found)["rotation_period_s"] == "fail"


def test_the_target_is_found_among_other_phones(rng):
    mine, _ = gaen_packets(rng, seconds=700, rotate_s=600)
    other = [heard_of(B, bytes(12), s) for s in range(60)]
    both = packets_of(other)
    columns = {n: np.concatenate([getattr(mine, n), getattr(both, n)]) for n in mine._columns()}
    everything = type(mine)(**columns)
    assert len(follow(everything, "gaen", None).packets) == len(mine)
    assert follow(everything, "gaen", 0x123456) is None
    with pytest.raises(NothingToRunError, match="no phone at 00:00:00:00:00:01"):
        judged(everything, target=conformance.target_of("00:00:00:00:00:01"))
    with pytest.raises(InputError, match="--target xyz"):
        conformance.target_of("xyz")


def test_the_report_as_files_escapes_what_the_air_said(rng):
    packets, _ = gaen_packets(rng, seconds=60)
    names = dict.fromkeys(packets.address.tolist(), "<script>alert(1)</script>\x01")
    found = judged(packets, names=names)
    page = html(found).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 1
    suite = ElementTree.fromstring(junit(found)).find("testsuite")
    assert int(suite.get("tests")) == len(found.measurements) == len(suite.findall("testcase"))
    assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped")) > 0
    values = {p.get("name"): p.get("value") for p in suite.find("properties")}
    assert values["advertising_interval_ms.unit"] == "ms"
    assert "Bluetooth v1.2" in values["advertising_interval_ms.source"]


def test_every_shipped_profile_gives_a_source_for_each_limit():
    for name in shipped_profiles():
        profile = load_limits(name)
        assert all(limit.source for limit in profile.limits.values())
    assert set(shipped_profiles()) == {"bluezone-android", "bluezone-ios", "gaen"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = 'x'", "protocol"),
        ("x", "not a profile in TOML"),
        (
            "title='x'\nprotocol='gaen'\nseconds=1\n[limits.rotation_perod_s]\nsource='x'",
            "rotation_period_s",
        ),
        (
            "title='x'\nprotocol='gaen'\nseconds=1\n[limits.name_share]\nlow=2\nhigh=1\nsource='x'",
            "above high",
        ),
    ],
)
def test_a_profile_at_fault_is_named(tmp_path, text, message):
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        load_limits(str(path))
    with pytest.raises(InputError, match="did you mean 'gaen'"):
        load_limits("gean")


# -- walk test ---------------------------------------------------------------------------------------


def test_the_fit_accounts_for_packets_that_were_not_heard(rng):
    """A link at the edge of the sensitivity: fitting the received packets alone flattens the exponent."""
    stops = []
    for d in (0.5, 1, 2, 4, 8, 16):
        rssi = -70 - 25 * np.log10(d) + rng.normal(0, 4, 400)
        stops.append(walk.Stop(d, np.round(rssi[rssi > -95]).astype(np.int16), 40.0))
    found = walk.fit(stops)
    assert found.exponent == pytest.approx(2.5, abs=0.12)
    assert found.rssi_1m_dbm == pytest.approx(-70, abs=0.8)
    at = np.concatenate([[np.log10(s.distance_m)] * len(s.rssi_dbm) for s in stops])
    naive = -np.polyfit(at, np.concatenate([s.rssi_dbm for s in stops]), 1)[0] / 10
    assert naive < 2.38
    settings_ = walk.radio_settings(found, bz.load("yen-bai-2020").phones.android)
    bz.load("yen-bai-2020", {f"radio.{k}": v for k, v in settings_.items()})
    text = walk.profile_toml(settings_, found, stops, "2026-01-01")
    import tomllib

    assert tomllib.loads(text)["radio"]["exponent"] == settings_["exponent"]
    assert walk.figure(stops, found).startswith(b"\x89PNG")


def test_too_few_distances_give_no_fit():
    stop = walk.Stop(1.0, np.full(50, -60, np.int16), 10.0)
    with pytest.raises(InputError, match="3 different"):
        walk.fit([stop, stop, stop])


# -- guided sessions ---------------------------------------------------------------------------------


def taken(*identifiers, begin_s=0.0):
    heard = [heard_of(A, i, begin_s + s) for i in identifiers for s in range(3)]
    began = T0_US // 1000 + int(begin_s * 1000)
    return Sample(packets_of(heard), [], began, began + 60_000)


def trace_row(identifier, second, rssi=-70):
    return (
        f"{'00' * 12}\t{identifier.hex().upper()}\t{rssi}\t{T0_US // 1000 + int(second * 1000)}\n"
    )


def test_the_walk_follows_the_tester(monkeypatch):
    answers(monkeypatch, "", "1.5", "r", "", "s", "nonsense", "q")
    said = []
    stops = walk.walk([1, 2, 3, 4], lambda: taken(bytes(12)), said.append)
    assert [s.distance_m for s in stops] == [1, 1.5]
    assert len(stops[0].rssi_dbm) == 3
    assert any("nonsense" in s for s in said)


def test_the_matrix_is_decided_by_the_history_resumed_and_repeated(monkeypatch, tmp_path):
    mine, file = bytes([9] * 12), tmp_path / "matrix.json"
    trace = tmp_path / "data_trace.txt"
    trace.write_text(trace_row(bytes(12), 5) + trace_row(mine, 7) + trace_row(mine, 500))
    empty = tmp_path / "other.txt"
    empty.write_text(trace_row(bytes(12), 5))
    keep = lambda results: matrix.save(file, results)  # noqa: E731
    answers(monkeypatch, "", str(tmp_path / "no.txt"), str(trace), "", "a", "", "n", "q")
    results = matrix.session(range(1, 25), {}, lambda: taken(mine), lambda text: None, keep)
    assert [(r.case, r.recorded, r.decided_by, r.rows) for r in results.values()] == [
        (1, True, "history", 1),
        (2, False, "tester", 0),
    ]
    assert matrix.differ(results) == [2]
    # The next session goes on with case 3, then does case 2 again.
    answers(monkeypatch, "s", "r 2", "", str(trace), "", str(empty))
    results = matrix.session(
        matrix.cases_of("2-3,10"), matrix.load(file), lambda: taken(mine), lambda text: None, keep
    )
    assert sorted(results) == [1, 2, 10]
    assert results[2].recorded
    assert not results[10].recorded
    assert matrix.differ(matrix.load(file)) == []
    document = json.loads(file.read_text())
    assert document["cases"][-1]["scanner"] == "ios"


def test_a_session_file_at_fault_and_cases_that_do_not_exist(tmp_path):
    (tmp_path / "m.json").write_text("[1]")
    with pytest.raises(FormatError, match="not the file of a session"):
        matrix.load(tmp_path / "m.json")
    for text in ("0", "25", "3-1", "x", ""):
        with pytest.raises(InputError, match="--cases"):
            matrix.cases_of(text)


def test_no_answers_end_a_session(monkeypatch):
    answers(monkeypatch)
    with pytest.raises(guide.InputEndedError, match="a keyboard"):
        guide.ask("?", lambda text: None)
    answers(monkeypatch, "s")
    with pytest.raises(guide.InputEndedError) as ended:
        walk.walk([1, 2], lambda: None, lambda text: None)
    assert ended.value.kept == []


# -- the timeline of a drive -------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 900)), min_size=1, max_size=12),
    st.floats(0.5, 500),
)
def test_the_timeline_plays_contacts_and_skips_gaps(segments, speed):
    start, length = (np.array(x) for x in zip(*segments, strict=True))
    n = len(start)
    contacts = bz.Contacts(
        contact=np.arange(n, dtype=np.uint64),
        group=np.zeros(n, np.int64),
        a=np.zeros(n, np.int32),
        b=np.zeros(n, np.int32),
        start_s=start.astype(np.int64),
        duration_s=length.astype(np.int32),
        distance_m=np.ones(n, np.float32),
        setting=np.zeros(n, np.uint8),
    )
    timeline = Timeline.of(contacts, speed)
    busy = np.zeros(7000, bool)
    for s, d in segments:
        busy[s : s + d] = True
    assert timeline.played_s * speed == pytest.approx(busy.sum())
    for second in np.flatnonzero(busy)[::37]:
        at = timeline.played_at(np.array([second]))
        assert abs(int(timeline.simulated_ms(at + 1e-6)[0]) - int(second) * 1000) <= 2 * speed + 2
