"""``match`` with keys and histories of every kind, told by their content."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bluezone_sim import protocols
from bluezone_sim.captures.formats.btsnoop import BtsnoopWriter
from bluezone_sim.captures.formats.parquet import write_sightings
from bluezone_sim.captures.formats.pcapng import PcapngWriter
from bluezone_sim.captures.packets import Packets
from bluezone_sim.protocols.dp3t import files as dp3t_files
from bluezone_sim.protocols.dp3t.keys import observations
from bluezone_sim.protocols.gaen import archive
from bluezone_sim.protocols.gaen import files as gaen_export
from bluezone_sim.protocols.gaen import keys as gaen
from bluezone_sim.protocols.tcn import files as tcn
from bluezone_sim.tables.rows import PublishedKeys, Sightings
from helpers.authorities import write_export_zip
from helpers.bluezone_files import CAPTURE, message, trace
from helpers.capture_files import packets
from helpers.commands import call

DAY = 1_597_190_400  # 12 August 2020, midnight UTC
TX_DBM = -25


def heard(
    name: str, identifiers: list[bytes], times_s: list[int], payload: list[bytes] | None = None
) -> Packets:
    """Packets of a protocol's advertisements at -70 dBm."""
    system = protocols.get(name)
    ads = [
        system.advertisement(i, *(() if payload is None else (payload[k],)))
        for k, i in enumerate(identifiers)
    ]
    table = packets(ads)
    table.time_us[:] = np.array(times_s) * 1_000_000
    table.rssi_dbm[:] = -70
    return table


@pytest.fixture(params=["pcapng", "btsnoop", "parquet"])
def written(request, tmp_path):
    """Writes packets of one protocol as a history of each kind."""

    def write(table: Packets, name: str):
        path = tmp_path / "history"
        if request.param == "parquet":
            ads = [
                protocols.recognise(bytes(r[:n]))
                for r, n in zip(table.data, table.size, strict=True)
            ]
            ids = np.frombuffer(b"".join(a.identifier for a in ads), np.uint8)
            more = np.frombuffer(b"".join(a.payload for a in ads), np.uint8)
            sightings = Sightings(
                observer=np.zeros(len(ads), np.int32),
                time_ms=table.time_us // 1000,
                identifier=ids.reshape(len(ads), -1),
                rssi_dbm=table.rssi_dbm,
                protocol=name,
                payload=more.reshape(len(ads), -1) if len(more) else None,
            )
            write_sightings(path, [sightings])
            return path
        with (PcapngWriter if request.param == "pcapng" else BtsnoopWriter)(path) as out:
            out.write(table)
        return path

    return write


def found(capsys, *arguments) -> dict:
    assert call("match", *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def gaen_case(n: int = 5):
    """A key, what a phone heard of it every five minutes, and a stranger."""
    system = protocols.get("gaen")
    key = np.random.default_rng(5).integers(0, 256, (1, 16), np.uint8)
    ids = system.identifiers(key, DAY)[0]
    times = [DAY + 36_000 + 300 * k for k in range(n)]
    own = np.stack([ids[(t - DAY) // 600] for t in times])
    sent = gaen.crypt_metadata(np.repeat(key, n, 0), own, np.repeat(gaen.metadata(TX_DBM), n, 0))
    stranger = b"\xee" * 16
    table = heard(
        "gaen",
        [*(bytes(i) for i in own), stranger],
        [*times, times[-1] + 300],
        [*(bytes(p) for p in sent), bytes(4)],
    )
    published = PublishedKeys(key, np.array([DAY]), np.array([144], np.int32))
    return published, table, times


@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_with_attenuations_windows_and_risk(zipped, written, tmp_path, capsys):
    published, table, times = gaen_case()
    keys = tmp_path / "keys"
    signer = ec.generate_private_key(ec.SECP256R1())
    keys.write_bytes(
        write_export_zip(published, signer) if zipped else gaen_export.write_export(published)
    )
    document = found(capsys, "--keys", keys, "--history", written(table, "gaen"))
    assert document["protocol"] == "gaen"
    assert document["n_rows"] == 6
    assert [m["unix_ms"] for m in document["matches"]] == [1000 * t for t in times]
    assert {m["attenuation_db"] for m in document["matches"]} == {TX_DBM + 70}
    (window,) = document["exposure_windows"]
    scans = window["scan_instances"]
    assert [s["typical_attenuation_db"] for s in scans] == [45] * 5
    # The first scan's predecessor is not in the history.
    assert [s["seconds_since_last_scan"] for s in scans] == [120, 300, 300, 300, 300]
    assert document["risk"]["cwa"] == [
        {"observer": 0, "day_unix_s": DAY, "weighted_minutes": 22.0, "warns": True}
    ]


def test_the_table_shows_attenuation_and_risk(tmp_path, capsys):
    published, table, _ = gaen_case(50)
    (tmp_path / "keys").write_bytes(gaen_export.write_export(published))
    with PcapngWriter(tmp_path / "history") as out:
        out.write(table)
    assert call("match", "--keys", tmp_path / "keys", "--history", tmp_path / "history") == 0
    text = capsys.readouterr().out
    for words in (
        "attenuation dB",
        "45",
        "and 10 more",
        "rule cwa (ENF 2, 10 Dec 2020), 2020-08-12",
        "warns",
        "50 matches",
    ):
        assert words in text


def test_a_rule_of_ones_own_choice_judges(tmp_path, capsys):
    """22 minutes at 45 dB; the export says that the day is two before onset."""
    published, table, _ = gaen_case()
    published.meta["days_since_onset"] = np.array([-2])
    keys, history = tmp_path / "keys", tmp_path / "history"
    keys.write_bytes(gaen_export.write_export(published))
    with BtsnoopWriter(history) as out:
        out.write(table)
    files = ("--keys", keys, "--history", history)

    def risk(*more) -> tuple[str, float, bool]:
        document = found(capsys, *files, *more)
        ((name, (day,)),) = document["risk"].items()
        assert document["rule"]["name"] == name
        return name, day["weighted_minutes"], day["warns"]

    assert risk() == ("cwa", round(22 * 1.4, 2), True)
    assert risk("--set", "rule.minutes=31") == ("cwa", round(22 * 1.4, 2), False)
    assert risk("--rule", "swisscovid") == ("swisscovid", 22.0, True)
    assert risk("--rule", "any-match") == ("any-match", 25.0, True)
    assert risk("--rule", "minutes-near", "--set", "rule.minutes=22.1") == (
        "minutes-near",
        22.0,
        False,
    )
    document = found(capsys, *files, "--rule", "cwa", "--set", "rule.minutes=20")
    assert document["rule"]["parameters"]["minutes"] == 20
    assert call("match", *files) == 0
    text = capsys.readouterr().out
    # Its log tells that a scan began each five minutes; Exposure Notification counts two for the first.
    assert "25.0 minutes near (at 58 dB of attenuation or less)" in text
    assert "dBm or more" not in text
    assert "30.8 weighted minutes, " in text
    # Why they differ is said below both.
    assert text.splitlines()[-3:-1] == [
        "minutes near: what the records at that level stand for, whatever the rule",
        "weighted minutes: what the rule makes of all records of a day, by its own count and weights",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rule", "cwe"], "did you mean 'cwa'"),
        (["--rule", "cwa", "--set", "rule.minute=1"], "did you mean 'minutes'"),
        (["--rule", "cwa", "--set", "rule.minutes=-1"], "more than 0"),
        (["--set", "minutes=1"], "expected a key of the rule"),
        (["--rule", "any-match", "--set", "rule.minutes=1"], "rule.minutes"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(arguments, words, tmp_path, capsys):
    published, table, _ = gaen_case()
    (tmp_path / "keys").write_bytes(gaen_export.write_export(published))
    with PcapngWriter(tmp_path / "history") as out:
        out.write(table)
    files = ("--keys", tmp_path / "keys", "--history", tmp_path / "history")
    assert call("match", *files, *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_rule_of_attenuations_needs_them(tmp_path, capsys):
    table = heard("dp3t-lowcost", [b"\x01" * 16], [DAY])
    key = PublishedKeys(np.zeros((1, 32), np.uint8), np.array([DAY]), np.array([96], np.int32))
    (tmp_path / "keys").write_bytes(dp3t_files.write_list(key))
    with PcapngWriter(tmp_path / "history") as out:
        out.write(table)
    files = ("--keys", tmp_path / "keys", "--history", tmp_path / "history")
    assert call("match", *files, "--rule", "cwa") == 2
    assert "no attenuation, which the rule cwa weighs" in capsys.readouterr().err


def test_a_csv_s_columns_that_match_does_not_use_are_told(tmp_path, capsys):
    published, _, _ = gaen_case()
    (tmp_path / "keys").write_bytes(gaen_export.write_export(published))
    own = protocols.get("gaen").identifiers(published.key, DAY)[0]
    (tmp_path / "x.csv").write_text(
        f"time,rpi,rssi,metadata\n{DAY + 60},{bytes(own[0]).hex()},-60,?\n"
    )
    match = ("match", "--keys", tmp_path / "keys", "--history", tmp_path / "x.csv")
    assert call(*match, "--json") == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["matches"]) == 1
    assert err == f"bluezone-sim: {tmp_path / 'x.csv'}: not used: metadata\n"
    assert call(*match, "--rule", "swisscovid") == 2
    err = capsys.readouterr().err
    assert (
        "a column payload with the 4 encrypted bytes), or take a rule that needs none: any-match"
        in err
    )
    needs_none = err.rpartition(": ")[2].split(", ")
    assert call(*match, "--rule", needs_none[1]) == 0


def test_signatures_are_verified_with_the_key_given(tmp_path, capsys):
    published, table, _ = gaen_case()
    with PcapngWriter(tmp_path / "history") as out:
        out.write(table)
    signer, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    for name, key in (("good.pem", signer), ("other.pem", other)):
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(pem)
    signed = gaen_export.ExportInfo(signatures=(gaen_export.SignatureInfo(),))
    export = gaen_export.write_export(published, signed)
    (tmp_path / "export.bin").write_bytes(export)
    (tmp_path / "export.sig").write_bytes(archive.write_signature(export, signer))
    (tmp_path / "export.zip").write_bytes(write_export_zip(published, signer))
    (tmp_path / "alone.bin").write_bytes(export)
    (tmp_path / "message.json").write_bytes(message())

    def run(keys: str, pem: str) -> tuple[int, str]:
        code = call(
            "match", "--keys", tmp_path / keys, "--history", tmp_path / "history",
            "--public-key", tmp_path / pem, "--json",
        )  # fmt: skip
        return code, capsys.readouterr().err

    assert run("export.bin", "good.pem")[0] == 0
    assert run("export.zip", "good.pem")[0] == 0
    for keys, pem, words in (
        ("export.bin", "other.pem", "none of 1 signatures verifies"),
        ("export.zip", "other.pem", "none of 1 signatures verifies"),
        ("alone.bin", "good.pem", "alone.sig"),
        ("export.bin", "export.sig", "public key in PEM"),
        ("export.bin", "export.bin", "DER, or DER in base64"),
        ("message.json", "good.pem", "carries no signature"),
    ):
        code, said = run(keys, pem)
        assert code == 2
        assert words in said


def test_a_low_cost_list_is_walked_to_the_day_of_the_history(written, tmp_path, capsys):
    system = protocols.get("dp3t-lowcost")
    base = np.random.default_rng(6).integers(0, 256, (1, 32), np.uint8)
    days = system.daily_keys(base, 3)[0]
    ids = [bytes(system.identifiers(days[d : d + 1])[0, 7]) for d in range(3)]
    times = [DAY + 86_400 * d + 50_000 for d in range(3)]
    keys = tmp_path / "keys"
    keys.write_bytes(
        dp3t_files.write_list(PublishedKeys(base, np.array([DAY]), np.array([96], np.int32)))
    )
    history = written(heard("dp3t-lowcost", ids, times), "dp3t-lowcost")
    document = found(capsys, "--keys", keys, "--history", history)
    assert document["protocol"] == "dp3t-lowcost"
    assert [m["day_unix_s"] for m in document["matches"]] == [DAY + 86_400 * d for d in range(3)]
    # 200 s each: the rule of its own SDK, at an RSSI of -70 dBm.
    assert [day["warns"] for day in document["risk"]["dp3t-sdk"]] == [False] * 3


def test_a_hybrid_list_is_told_by_its_seeds(tmp_path, capsys):
    system = protocols.get("dp3t-hybrid")
    seed = np.random.default_rng(6).integers(0, 256, (1, 16), np.uint8)
    ids = [bytes(system.identifiers(seed)[0, 3])]
    (tmp_path / "keys").write_bytes(
        dp3t_files.write_list(PublishedKeys(seed, np.array([DAY]), np.array([16], np.int32)))
    )
    with PcapngWriter(tmp_path / "history") as out:
        out.write(heard("dp3t-hybrid", ids, [DAY + 100]))
    arguments = ("--keys", tmp_path / "keys", "--history", tmp_path / "history")
    document = found(capsys, *arguments)
    assert document["protocol"] == "dp3t-hybrid"
    assert len(document["matches"]) == 1
    assert call("match", *arguments, "--protocol", "dp3t-lowcost") == 2
    assert "32 bytes" in capsys.readouterr().err


def test_a_cuckoo_filter(written, tmp_path, capsys):
    system = protocols.get("dp3t-unlinkable")
    seed = np.random.default_rng(7).integers(0, 256, (1, 32), np.uint8)
    identifier = system.identifiers(seed)[0, :1]
    hashed = observations(identifier, np.array([DAY + 950]))
    (tmp_path / "keys").write_bytes(dp3t_files.CuckooFilter.build(hashed).to_bytes())
    same = bytes(identifier[0])
    history = written(
        heard("dp3t-unlinkable", [same, b"\1" * 16, same], [DAY + 950, DAY + 960, DAY + 5000]),
        "dp3t-unlinkable",
    )
    document = found(capsys, "--keys", tmp_path / "keys", "--history", history)
    assert [(m["unix_ms"], m["interval"]) for m in document["matches"]] == [(1000 * (DAY + 950), 1)]


def test_tcn_reports_one_after_the_other(written, tmp_path, capsys):
    secrets = [bytes([k]) * 32 for k in (1, 2)]
    reports = [tcn.write_report(s, 3, 20, memo=b"x" * k) for k, s in enumerate(secrets)]
    (tmp_path / "keys").write_bytes(b"".join(reports))
    system = protocols.get("tcn")
    ids = []
    for report in reports:
        published, _ = tcn.parse_report(report)
        ids.append(bytes(system.identifiers(published.key, 0, 2, start_index=3)[0, 1]))
    history = written(heard("tcn", [*ids, b"\1" * 16], [DAY, DAY + 1, DAY + 2]), "tcn")
    document = found(capsys, "--keys", tmp_path / "keys", "--history", history)
    assert [m["interval"] for m in document["matches"]] == [1, 1]
    assert document["n_keys"] == 2


def test_bluezones_message_finds_the_same_in_a_capture_and_in_the_trace(tmp_path, capsys):
    rows = CAPTURE["contact_history"]
    (tmp_path / "keys").write_bytes(message())
    (tmp_path / "trace").write_bytes(trace())
    table = heard("bluezone", [bytes.fromhex(r["own_id"]) for r in rows], [0] * len(rows))
    table.time_us[:] = [1000 * r["unix_ms"] for r in rows]
    table.rssi_dbm[:] = [r["rssi_dbm"] for r in rows]
    with BtsnoopWriter(tmp_path / "log") as out:
        out.write(table)
    documents = [
        found(capsys, "--keys", tmp_path / "keys", "--history", tmp_path / name)
        for name in ("trace", "log")
    ]
    assert documents[0]["matches"] == documents[1]["matches"]
    assert len(documents[0]["matches"]) == len(rows)


@pytest.mark.parametrize(
    ("keys", "options", "words"),
    [
        (b"", (), "empty"),
        (b"\0\1\2\3" * 10, (), "not a file of keys"),
        (b"{}", (), "data: missing"),
        (message(), ("--protocol", "gaen"), "a message of bluezone, but --protocol asks for gaen"),
        (message(), ("--protocol", "gane"), "did you mean 'gaen'"),
        (message(), ("--protocol", "robert"), "publishes no keys"),
        (b'{"exposed": [{}]}', (), "exposed[0].key"),
        (gaen_export.HEADER + b"\x3a", (), "truncated"),
        (b"PK\x03\x04" + bytes(30), (), "not a zip"),
        (dp3t_files.MAGIC + bytes(3), (), "cuckoo filter"),
        (tcn.write_report(b"\1" * 32, 1, 2)[:-1] + b"\0", (), "report 1: the signature"),
        (bytes(range(200)), (), "not a file of keys"),  # long enough for a report
        (trace(), (), "data_trace, which holds what a phone heard"),
        (tcn.write_report(b"\1" * 32, 1, 2) + b"\0" * 9, (), "report 2 at byte 134 is truncated"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_keys_at_fault_are_named(keys, options, words, tmp_path, capsys):
    (tmp_path / "keys").write_bytes(keys)
    (tmp_path / "trace").write_bytes(trace())
    assert (
        call("match", "--keys", tmp_path / "keys", "--history", tmp_path / "trace", *options) == 2
    )
    assert words in capsys.readouterr().err


def test_a_history_of_another_system_is_named(tmp_path, capsys):
    published, _, _ = gaen_case()
    (tmp_path / "keys").write_bytes(gaen_export.write_export(published))
    (tmp_path / "trace").write_bytes(trace())
    assert call("match", "--keys", tmp_path / "keys", "--history", tmp_path / "trace") == 2
    assert "holds no sightings of gaen" in capsys.readouterr().err


def test_sightings_of_another_version_are_of_another_system(tmp_path, capsys):
    """Bluezone v1 has six letters and digits on air, and no keys."""
    (tmp_path / "keys").write_bytes(message())
    advertisement = protocols.get("bluezone-v1").advertisement(b"abc123")
    with PcapngWriter(tmp_path / "history") as out:
        out.write(packets([advertisement]))
    assert call("match", "--keys", tmp_path / "keys", "--history", tmp_path / "history") == 2
    assert "holds no sightings of bluezone, the keys' system, but 1 of" in capsys.readouterr().err


def test_a_history_with_nothing_in_it_gives_no_match(tmp_path, capsys):
    published, _, _ = gaen_case()
    (tmp_path / "keys").write_bytes(gaen_export.write_export(published))
    with PcapngWriter(tmp_path / "history") as out:
        out.write(packets([b"\x02\x01\x06"]))
    document = found(capsys, "--keys", tmp_path / "keys", "--history", tmp_path / "history")
    assert (document["n_rows"], document["matches"]) == (0, [])
