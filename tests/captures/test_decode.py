"""One decoding for files, recordings and live reports, also of a protocol from outside."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.resources import files
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest

from bluezone_sim import cli, protocols
from bluezone_sim.ble.listening.recorder import Recorder, sightings_of_reports
from bluezone_sim.ble.listening.reports import Decoder
from bluezone_sim.captures.decode import SightingDecoder, concatenate_sightings, sightings_of
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.captures.formats.pcapng import PcapngWriter
from bluezone_sim.captures.importing import import_file
from bluezone_sim.captures.key_files import read_keys
from bluezone_sim.captures.phones import PhoneNumbers
from bluezone_sim.errors import FormatError
from bluezone_sim.protocols import KeyFormat, Keys, Protocol, Wire, ad
from bluezone_sim.protocols.registry import PROTOCOLS
from bluezone_sim.tables.rows import PublishedKeys
from helpers.capture_files import START_US, mixed, packets

# -- a protocol from outside -------------------------------------------------------------------------

SERVICE = UUID("0d0a0000-1111-2222-3333-444455556666")
_SERVICE_DATA_128 = 0x21
_HEAD = b"toy keys\n"


def toy_identifiers(keys, starts_s, out, *, threads=1):
    out[:] = keys[:, None, :8]
    out[:, :, 0] = np.arange(out.shape[1])


def toy_build(identifier, payload=b""):
    return ad.build([(ad.FLAGS, b"\x06"), (_SERVICE_DATA_128, SERVICE.bytes[::-1] + identifier)])


def toy_parse(structures):
    for kind, data in structures:
        if kind == _SERVICE_DATA_128 and data[:16] == SERVICE.bytes[::-1] and len(data) == 24:
            return data[16:], b""
    return None


def toy_read(data, source):
    try:
        rows = [line.split() for line in data[len(_HEAD) :].splitlines()]
        keys = b"".join(bytes.fromhex(key.decode()) for _, key in rows)
        starts = [int(start) for start, _ in rows]
    except ValueError:
        raise FormatError(f"{source}: expected a time and a key a line") from None
    return PublishedKeys(
        np.frombuffer(keys, np.uint8).reshape(-1, 16).copy(),
        np.array(starts, np.int64),
        np.full(len(starts), 24, np.int32),
    )


def toy_write(published):
    rows = zip(published.start_s.tolist(), published.key, strict=True)
    return _HEAD + b"".join(b"%d %s\n" % (s, k.tobytes().hex().encode()) for s, k in rows)


TOY = Protocol(
    name="toy",
    title="Toy",
    source="made up",
    id_bytes=8,
    interval_s=3600,
    retention_s=14 * 86_400,
    keys=Keys(bytes=16, per_key=24, identifiers=toy_identifiers),
    wire=Wire(services=(SERVICE,), build=toy_build, parse=toy_parse),
    radio=files("bluezone_sim.protocols.tcn") / "radio.toml",
    record_mib=0.05,
    files=(
        KeyFormat(
            "a list of toy keys", ".txt", lambda data: data.startswith(_HEAD), toy_read, toy_write
        ),
    ),
)
DAY_S = START_US // 1_000_000 // 86_400 * 86_400
KEYS = PublishedKeys(
    np.arange(16, dtype=np.uint8)[None], np.array([DAY_S]), np.array([24], np.int32)
)


@pytest.fixture
def toy(monkeypatch):
    point = EntryPoint("toy", f"{__name__}:TOY", PROTOCOLS.group)
    monkeypatch.setitem(PROTOCOLS._homes, "toy", point)
    yield TOY
    PROTOCOLS._found.pop("toy", None)


def toy_packets(n=20):
    """Heard within the hour of the day at which the captures begin."""
    hour = START_US // 1_000_000 % 86_400 // 3600
    identifier = TOY.identifiers(KEYS.key)[0, hour].tobytes()
    return packets([toy_build(identifier)] * n)


# -- one decoding ------------------------------------------------------------------------------------


def bleak_reports(heard):
    """What bleak's callback gets of packets: advertising data taken apart, as BlueZ hands them over."""
    decoder = []
    for k in range(len(heard)):
        structures = ad.walk(heard.data[k, : heard.size[k]].tobytes())
        uuids, manufacturer, service, flags = [], {}, {}, b""
        for kind, data in structures:
            if kind == ad.FLAGS:
                flags = data
            elif kind in ad.UUIDS_16:
                uuids.append(ad.long_uuid(int.from_bytes(data, "little")))
            elif kind in ad.UUIDS_128:
                uuids.append(str(UUID(bytes=data[::-1])))
            elif kind == ad.MANUFACTURER:
                manufacturer[int.from_bytes(data[:2], "little")] = data[2:]
            elif kind == ad.SERVICE_DATA_16:
                service[ad.long_uuid(int.from_bytes(data[:2], "little"))] = data[2:]
            elif kind == _SERVICE_DATA_128:
                service[str(UUID(bytes=data[:16][::-1]))] = data[16:]
        text = f"{int(heard.address[k]):012X}"
        device = SimpleNamespace(address=":".join(text[i : i + 2] for i in range(0, 12, 2)))
        data = SimpleNamespace(
            rssi=int(heard.rssi_dbm[k]),
            service_uuids=uuids,
            manufacturer_data=manufacturer,
            service_data=service,
            local_name=None,
            tx_power=None,
            platform_data=("path", {"AddressType": "random", "AdvertisingFlags": flags}),
        )
        decoder.append((int(heard.time_us[k]), device, data))
    return decoder


def by_protocol(tables):
    names = {t.protocol for t in tables}
    return {n: concatenate_sightings([t for t in tables if t.protocol == n], n) for n in names}


def equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        for column in a[name].__dataclass_fields__:
            assert np.array_equal(getattr(a[name], column), getattr(b[name], column)), column


def test_a_file_a_recording_and_live_reports_give_the_same_sightings(toy, tmp_path):
    parts = [mixed(700, seed=3), toy_packets()]
    heard = type(parts[0])(
        **{n: np.concatenate([getattr(p, n) for p in parts]) for n in parts[0]._columns()}
    )
    heard = replace(heard, time_us=START_US + 1000 * np.arange(len(heard)))
    with PcapngWriter(tmp_path / "file.pcapng") as out:
        out.write(heard)
    from_file = by_protocol(list(import_file(tmp_path / "file.pcapng", PhoneNumbers())[1]))
    expected = {"bluezone", "gaen", "dp3t-lowcost", "robert", "tcn", "toy"}
    assert from_file.keys() == expected
    assert {len(t) for name, t in from_file.items() if name != "toy"} == {100}

    reports = Decoder().decode(bleak_reports(heard))
    equal(from_file, by_protocol(sightings_of_reports(reports, {})))
    for name in ("x.parquet", "x.pcapng", "x.btsnoop"):
        with Recorder(tmp_path / name) as recorder:
            recorder.take(reports[:300], {})
            recorder.take(reports[300:], {})
    equal(from_file, read_sightings(tmp_path / "x.parquet"))
    for name in ("x.pcapng", "x.btsnoop"):
        tables = list(import_file(tmp_path / name, PhoneNumbers())[1])
        equal(from_file, by_protocol(tables))


def test_windows_of_a_capture_give_what_the_whole_gives():
    heard = mixed(300)
    whole = by_protocol(SightingDecoder().sightings(heard))
    decoder = SightingDecoder()
    parts = [decoder.sightings(heard.take(np.arange(k, k + 50))) for k in range(0, 300, 50)]
    equal(whole, by_protocol([t for part in parts for t in part]))
    assert decoder.n_gatt == {"bluetrace": len([1 for k in range(300) if k % 7 == 4])}


@pytest.mark.parametrize("protocol", ["dp3t-hybrid", "dp3t-unlinkable"])
def test_a_form_that_several_send_is_taken_as_the_one_asked_for(protocol):
    heard = mixed(70)
    (found,) = sightings_of(heard, SightingDecoder().decode(heard), protocol=protocol)
    assert (found.protocol, len(found)) == (protocol, 10)


def test_no_bytes_raise(rng):
    data = [rng.bytes(int(n)) for n in rng.integers(0, 32, 2000)]
    heads = [p[: int(n)] for p, n in zip(mixed_data(), rng.integers(0, 32, 2000), strict=False)]
    heard = packets(data + heads)
    decoder = SightingDecoder()
    found = decoder.decode(heard)
    assert len(found) == len(heard)
    assert sum(map(len, decoder.sightings(heard))) == sum(
        what is not None and bool(what.identifier) for what in found
    )


def mixed_data():
    heard = mixed(700)
    return [heard.data[k, : heard.size[k]].tobytes() for k in range(len(heard))]


def test_memory_is_bounded(monkeypatch):
    from bluezone_sim.captures import decode

    monkeypatch.setattr(decode, "_MOST_KNOWN", 64)
    decoder = SightingDecoder()
    decoder.sightings(mixed(700))
    assert len(decoder._known) <= 64


def test_payloads_of_several_sizes_are_recorded_and_read_without(tmp_path):
    robert = protocols.get("robert")
    heard = packets([robert.advertisement(bytes(16), bytes(4)), robert.advertisement(bytes(16))])
    reports = Decoder().decode(bleak_reports(heard))
    with Recorder(tmp_path / "x.parquet") as recorder:
        recorder.take(reports, {})
    table = read_sightings(tmp_path / "x.parquet")["robert"]
    assert (len(table), table.payload) == (2, None)


# -- from outside, without an edit here --------------------------------------------------------------


def test_a_protocol_from_outside_is_imported_and_matched(toy, tmp_path, capsys):
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(toy_packets())
    (tmp_path / "keys").write_bytes(toy_write(KEYS))
    out = str(tmp_path / "s.parquet")
    assert cli.main(["import", str(tmp_path / "x.pcapng"), "--out", out, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["files"][0]["protocols"]["toy"]["n_sightings"] == 20
    for history in (tmp_path / "x.pcapng", out):
        arguments = ["--keys", str(tmp_path / "keys"), "--history", str(history), "--json"]
        assert cli.main(["match", *arguments]) == 0
        assert len(json.loads(capsys.readouterr().out)["matches"]) == 20


def test_its_key_file_is_told_by_content(toy, tmp_path):
    (tmp_path / "keys").write_bytes(toy_write(KEYS))
    found = read_keys(tmp_path / "keys")
    assert (found.protocol, found.form.title, found.filter) == ("toy", "a list of toy keys", None)
    empty = concatenate_sightings([], "toy")
    assert np.array_equal(found.published_for(empty).key, KEYS.key)
    (tmp_path / "keys").write_bytes(_HEAD + b"x\n")
    with pytest.raises(FormatError, match="expected a time and a key"):
        read_keys(tmp_path / "keys")
    (tmp_path / "keys").write_bytes(b"\x01\x02\x03")
    with pytest.raises(FormatError, match="a list of toy keys of toy"):
        read_keys(tmp_path / "keys")


LIMITS = """
title = "Toy"
protocol = "toy"
seconds = 1

[limits.ad_form_share]
low = 1.0
source = "made up"

[limits.identifiers_of_key_share]
low = 1.0
source = "made up"
"""


def test_it_is_judged_from_a_capture(toy, tmp_path, capsys):
    limits = tmp_path / "toy.toml"
    limits.write_text(LIMITS)
    with PcapngWriter(tmp_path / "x.pcapng") as out:
        out.write(replace(toy_packets(), address=np.full(20, 5, np.uint64)))
    (tmp_path / "keys").write_bytes(toy_write(KEYS))
    arguments = ["--recording", tmp_path / "x.pcapng", "--keys", tmp_path / "keys", "--json"]
    assert cli.main(["ble", "conformance", str(limits), *map(str, arguments)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {m["name"]: m["outcome"] for m in found["measurements"]} == {
        "ad_form_share": "pass",
        "identifiers_of_key_share": "pass",
    }


@pytest.mark.ble
@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")
def test_it_is_seen_live_and_recorded(toy, tmp_path, capsys, monkeypatch):
    from bluezone_sim.ble.virtual import VirtualBench

    monkeypatch.chdir(tmp_path)
    with VirtualBench(1) as bench:
        for k in range(200):
            bench.after(
                0.05 * k,
                lambda: bench.bluez.hear(
                    "hci0",
                    "C0:00:00:00:00:01",
                    -60,
                    service_data={str(SERVICE): bytes(range(8))},
                    uuids=[str(SERVICE)],
                    flags=b"\x06",
                ),
            )
        for name in ("x.parquet", "x.pcapng"):
            options = ["--adapter", "hci0", "--seconds", "0.6", "--json"]
            assert cli.main(["ble", "record", name, *options]) == 0
            (phone,) = json.loads(capsys.readouterr().out)["phones"]
            assert phone["protocol"] == ["toy"]
            assert phone["identifier"] == bytes(range(8)).hex()
    assert len(read_sightings(tmp_path / "x.parquet")["toy"]) > 3
    (table, *_) = import_file(tmp_path / "x.pcapng", PhoneNumbers())[1]
    assert table.protocol == "toy"
