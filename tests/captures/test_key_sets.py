"""Published keys as servers publish them: repeated, revised, taken back, in batches, signed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from bluezone_sim import protocols
from bluezone_sim.captures.formats.parquet import write_sightings
from bluezone_sim.captures.key_sets import merged, read_key_set
from bluezone_sim.protocols.dp3t import files as dp3t_files
from bluezone_sim.protocols.gaen.wire import REPORT_TYPES
from bluezone_sim.protocols.protocol import called
from bluezone_sim.protocols.tcn import files as tcn
from bluezone_sim.tables.rows import PublishedKeys, Sightings
from helpers.authorities import packed
from helpers.bluezone_files import message
from helpers.commands import call
from helpers.published import DAY, A, B, export, key, signatures, signer, write_log


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """20 minutes beside the owner of key A, then 20 beside that of B."""
    path = tmp_path_factory.mktemp("phone") / "phone.log"
    return write_log(path, (A, DAY + 36_000), (B, DAY + 50_000))


@pytest.fixture
def match(log, tmp_path, capsys):
    """Runs ``match`` with files by name; gives the code, the document and standard error."""

    def run(*options: str, json_=True, **files: bytes):
        keys = []
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
            keys += ["--keys", tmp_path / name]
        more = ("--json",) if json_ else ()
        code = call("match", *keys, "--history", log, *options, *more)
        out, err = capsys.readouterr()
        return code, json.loads(out) if code == 0 and json_ else out, err

    return run


def by_key(document) -> Counter:
    return Counter(m["key"] for m in document["matches"])


def test_no_match_is_an_answer(match):
    code, found, err = match(one=export(key(bytes(16))))
    assert (code, err) == (0, "")
    assert found["matches"] == []
    assert found["exposure_windows"] == []
    assert all(days == [] for days in found["risk"].values())
    assert found["n_rows"] == 40
    code, text, err = match(json_=False, one=export(key(bytes(16))))
    assert (code, err) == (0, "")
    assert "0 matches; keys published: 1" in text


@pytest.mark.parametrize("name", [n for n in protocols.names() if protocols.get(n).files])
def test_no_match_is_an_answer_in_every_protocol(name, tmp_path, capsys):
    """With rows that are not of the keys, and with no rows."""
    system = protocols.get(name)
    n, size = 3, system.key_size
    published = PublishedKeys(
        np.arange(n * size, dtype=np.uint8).reshape(n, size),
        np.full(n, DAY),
        np.full(n, 1, np.int32),
        {"secret": np.arange(32 * n, dtype=np.uint8).reshape(n, 32)} if name == "tcn" else {},
    )
    (tmp_path / "keys").write_bytes(called(system.files[0].write)(published))
    payload = system.wire.payload_bytes[0]
    for rows in (0, 5):
        sightings = Sightings(
            observer=np.zeros(rows, np.int32),
            time_ms=1000 * (DAY + np.arange(rows)),
            identifier=np.full((rows, system.id_size), 200, np.uint8),
            rssi_dbm=np.full(rows, -60, np.int16),
            protocol=name,
            payload=np.zeros((rows, payload), np.uint8) if payload else None,
        )
        write_sightings(tmp_path / f"{rows}.parquet", [sightings])
        arguments = ("--keys", tmp_path / "keys", "--history", tmp_path / f"{rows}.parquet")
        assert call("match", *arguments, "--protocol", name, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["matches"], found["minutes_near"], found["n_rows"]) == ([], {}, rows)
        assert found.get("exposure_windows", []) == []
        assert call("match", *arguments, "--protocol", name) == 0
        assert "0 matches" in capsys.readouterr().out


def test_the_table_of_no_match_is_a_csv_file_with_a_head(log, tmp_path):
    from bluezone_sim.captures.importing import history_of
    from bluezone_sim.matching.one_phone import find

    (tmp_path / "e.bin").write_bytes(export(key(bytes(16))))
    keys = read_key_set([tmp_path / "e.bin"])
    sightings = history_of(log, "gaen").sightings
    lines = find(keys.published_for(sightings), sightings, "gaen").table().csv().splitlines()
    assert lines == ["key,day (UTC),interval,time (UTC),RSSI dBm,attenuation dB"]


# -- identity ----------------------------------------------------------------------------------------


def test_a_key_said_twice_counts_once(match):
    _, once, _ = match(one=export(key(A)))
    assert by_key(once) == {A.hex().upper(): 20}
    assert len(once["exposure_windows"]) == 1
    _, twice, _ = match(one=export(key(A), key(A)))
    _, files, _ = match(one=export(key(A), region="VN"), two=export(key(A), region="LA"))
    for found in (twice, files):
        assert found["n_repeated"] == 1
        for name in ("matches", "exposure_windows", "risk", "minutes_near", "n_keys"):
            assert found[name] == once[name], name


def test_a_revoked_key_is_taken_back_and_told(match):
    for files in (
        {"one": export(key(A), revised=(key(A, report=5),))},
        {"one": export(key(A)), "two": export(revised=(key(A, report=5),))},
        {"one": export(revised=(key(A, report=5),)), "two": export(key(A))},
        {"one": export(key(A, report=5))},  # among keys
    ):
        code, found, err = match(**files)
        assert (code, found["matches"], found["n_revoked"], err) == (0, [], 1, "")
        _, text, _ = match(json_=False, **files)
        assert "1 key was revoked" in text


def test_a_revision_replaces_whatever_the_order_of_files(match):
    plain, revision = export(key(A, report=2)), export(revised=(key(A, report=1),))
    _, once, _ = match(one=export(key(A, report=1)))
    for files in (
        {"one": export(key(A, report=2), revised=(key(A, report=1),))},
        {"one": plain, "two": revision},
        {"one": revision, "two": plain},
    ):
        _, found, _ = match(**files)
        assert found["matches"] == once["matches"]
        assert {m["report_type"] for m in found["matches"]} == {1}
        assert found["exposure_windows"] == once["exposure_windows"]
        assert found["report_types"] == {"confirmed-test": 1}
        assert found["n_revised"] == 1


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),  # key
            st.integers(0, 1),  # start
            st.integers(1, 3),  # count
            st.integers(0, 5),  # report type
            st.booleans(),  # revised
            st.integers(0, 2),  # batch
        ),
        min_size=1,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_what_counts_does_not_depend_on_the_order_of_rows(rows, shuffler: random.Random):
    """Beside a twin that goes row by row."""
    best = {}
    for row in rows:
        identity, (count, kind, revised, batch) = row[:2], row[2:]
        rank = (kind == 5, revised, batch, count, kind)
        best[identity] = max(best.get(identity, ()), rank)
    expected = {i: (r[3], r[4]) for i, r in best.items() if not r[0]}
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    tables = []
    for batch in range(3):
        part = np.array([r[:5] for r in shuffled if r[5] == batch], np.int64).reshape(-1, 5)
        meta = {"report_type": part[:, 3], "revised": part[:, 4].astype(bool)}
        bytes_ = np.repeat(part[:, :1].astype(np.uint8), 16, 1)
        tables.append(PublishedKeys(bytes_, part[:, 1] * 600, part[:, 2].astype(np.int32), meta))
    found, counts = merged(tables, range(3), REPORT_TYPES)
    assert {
        (int(k[0]), int(s) // 600): (int(c), int(t))
        for k, s, c, t in zip(
            found.key, found.start_s, found.count, found.meta["report_type"], strict=True
        )
    } == expected
    assert counts.n_revoked == len(best) - len(expected)


def test_report_types_are_counted_and_chosen(match):
    data = export(key(A, report=1), key(B, report=3))
    _, found, _ = match(one=data)
    assert found["report_types"] == {"confirmed-test": 1, "self-report": 1}
    for text, wanted in (("self-report", B), ("1", A), ("CONFIRMED_TEST", A)):
        _, found, _ = match("--report-types", text, one=data)
        assert by_key(found) == {wanted.hex().upper(): 20}
        assert found["n_unwanted"] == 1
    _, both, _ = match("--report-types", "self-report,confirmed-test", one=data)
    assert len(both["matches"]) == 40
    _, untold, _ = match("--report-types", "unknown", one=export(key(A, report=None), key(B)))
    assert by_key(untold) == {A.hex().upper(): 20}
    for text, words in (
        ("lab", "expected some of unknown, confirmed-test"),
        ("revoked", "taken back"),
    ):
        code, _, err = match("--report-types", text, one=data)
        assert code == 2
        assert words in err


def test_nothing_but_revoked_is_dropped_where_types_code_risk_levels(match):
    """Corona-Warn-App's recursive keys are confirmed cases of low risk."""
    code, text, _ = match(json_=False, one=export(key(A, report=4), key(B, report=3), region="DE"))
    assert code == 0
    assert "40 matches" in text
    assert "DE: Corona-Warn-App codes its transmission risk levels" in text


def test_protocols_without_report_types_say_so(tmp_path, log, capsys):
    (tmp_path / "keys").write_bytes(message())
    options = ("--report-types", "1", "--history", log)
    assert call("match", "--keys", tmp_path / "keys", *options) == 2
    assert "keys of bluezone have none" in capsys.readouterr().err


# -- files and folders -------------------------------------------------------------------------------


def test_all_files_are_one_match(match):
    code, found, err = match(one=export(key(A), batch=1, of=2), two=export(key(B), batch=2, of=2))
    assert (code, err) == (0, "")
    assert by_key(found) == {A.hex().upper(): 20, B.hex().upper(): 20}
    assert [f["batch"] for f in found["key_files"]] == [1, 2]


def test_a_missing_batch_is_told(match):
    code, found, err = match(two=export(key(A), batch=2, of=2))
    assert (code, len(found["matches"])) == (0, 20)
    assert "batch 1 of 2 is missing" in err
    assert "VN, 2020-11-30 00:00 to 2020-12-01 00:00" in err
    # Another region's, or another day's, is not the missing one.
    for other in ({"region": "LA"}, {"start_s": DAY}, {"end_s": DAY + 3 * 86_400}):
        _, _, err = match(
            one=export(key(B), batch=1, of=2, **other), two=export(key(A), batch=2, of=2)
        )
        assert err.count("is missing") == 2
    _, found, err = match(one=export(key(A), batch=7, of=1 << 30))
    assert "batch 1 of 1073741824 is missing" in err
    assert "and 1,073,741,818 more" in err
    assert len(found["warnings"]) == 1


def test_a_folder_is_all_its_keys_and_what_is_none_is_named(tmp_path, log, capsys):
    folder = tmp_path / "day"
    (folder / "hour").mkdir(parents=True)
    (folder / "one.bin").write_bytes(export(key(A), batch=1, of=2))
    (folder / "one.sig").write_bytes(b"its signature")
    (folder / "hour" / "two.zip").write_bytes(packed(export(key(B), batch=2, of=2), b""))
    (folder / "index.txt").write_text("one.bin\nhour/two.zip\n")
    (folder / "phone.log").write_bytes(log.read_bytes())
    options = ("--history", log, "--json")
    # The folder and a file of it: the file is read once.
    code = call("match", "--keys", folder, "--keys", folder / "one.bin", *options)
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert code == 0
    assert len(found["matches"]) == 40
    assert found["n_repeated"] == 0
    assert "missing" not in err
    assert "index.txt" in err
    assert "phone.log" in err
    assert "one.sig" not in err
    (tmp_path / "empty").mkdir()
    assert call("match", "--keys", tmp_path / "empty", *options) == 2
    assert "holds no file of keys" in capsys.readouterr().err


def test_keys_of_two_systems_are_no_match_of_one(match):
    code, _, err = match(one=export(key(A)), two=message())
    assert code == 2
    assert "two: " in err
    assert "one match is of one system's keys" in err


def test_filters_and_lists_of_many_files_are_one(tmp_path):
    for name, write, read in (
        ("dp3t-unlinkable", dp3t_files.write_filter, lambda k, s: k.filter.find(s)),
        ("dp3t-hybrid", dp3t_files.write_list, None),
    ):
        system = protocols.get(name)
        seeds = np.arange(2 * system.key_size, dtype=np.uint8).reshape(2, -1)
        paths = []
        for i in range(2):
            published = PublishedKeys(seeds[i : i + 1], np.array([DAY]), np.ones(1, np.int32))
            paths.append(tmp_path / f"{name}{i}")
            paths[-1].write_bytes(write(published))
        keys = read_key_set(paths, name)
        if read is None:
            assert keys.published.key.tolist() == seeds.tolist()
            continue
        ids = system.identifiers(seeds)[:, 0]
        sightings = Sightings(
            np.zeros(2, np.int32), np.full(2, 1000 * DAY), ids, np.zeros(2, np.int16), name
        )
        assert read(keys, sightings).tolist() == [0, 1]


# -- keys at fault -----------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [0, 145])
def test_a_key_that_cannot_be_costs_that_key(match, period):
    data = export(key(A), key(B, period=period))
    code, _, err = match(one=data)
    assert code == 2
    assert f"one: key 1: rolling_period: expected 1 to 144, found {period}" in err
    assert "--partial leaves 1 of its keys out" in err
    code, found, err = match("--partial", one=data)
    assert code == 0
    assert by_key(found) == {A.hex().upper(): 20}
    assert found["n_left_out"] == 1
    assert "1 of 2 keys left out" in err


def test_partial_leaves_single_entries_out_in_every_format(tmp_path):
    good = json.loads(message())["data"][0]
    report = tcn.write_report(b"\1" * 32, 1, 2)
    listed = json.loads(
        dp3t_files.write_list(
            PublishedKeys(
                np.ones((2, 32), np.uint8), np.array([DAY, DAY + 86_400]), np.ones(2, np.int32)
            )
        )
    )["exposed"]
    for name, data in (
        ("bluezone", json.dumps({"data": [{"daily_key": "?"}, good, good | {"time_end": 0}]})),
        ("dp3t-lowcost", json.dumps({"exposed": [listed[0], {"key": "AAAA", "keyDate": 0}]})),
        ("tcn", report + report[:-1] + bytes([report[-1] ^ 1])),
    ):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        keys = read_key_set([path], name, partial=True)
        assert (len(keys.published), keys.files[0].n_left_out > 0) == (1, True), name
        assert "left out" in keys.warnings()[0]


# -- signatures --------------------------------------------------------------------------------------

PRIVATE = ec.derive_private_key(0x1234_5678_9ABC_DEF0, ec.SECP256R1())


def signed(oid="1.2.840.10045.4.3.2", sig_oid=None, private=PRIVATE, members=(), infos=1) -> bytes:
    info = signer(oid)
    data = export(key(A), signers=(info,) * infos)
    made = private.sign(data, ec.ECDSA(hashes.SHA256()))
    entry = (signer(sig_oid if sig_oid is not None else oid), made)
    return packed(data, signatures(entry), **dict.fromkeys(members, b"x"))


def public_files(folder) -> list:
    public = PRIVATE.public_key()
    pem, der = (
        public.public_bytes(e, PublicFormat.SubjectPublicKeyInfo)
        for e in (Encoding.PEM, Encoding.DER)
    )
    files = {"pem": pem, "der": der, "b64": b"".join(pem.splitlines()[1:-1]) + b"\n"}
    files["wrapped.b64"] = b"\n".join(pem.splitlines()[1:-1])
    for name, data in files.items():
        (folder / f"key.{name}").write_bytes(data)
    return [folder / f"key.{name}" for name in files]


def test_a_signed_export_is_verified_with_the_key_in_every_form(match, tmp_path):
    for path in public_files(tmp_path):
        code, found, err = match("--public-key", path, one=signed())
        assert (code, len(found["matches"]), err) == (0, 20, ""), path
        assert found["key_files"][0]["verified"]
    code, found, err = match(one=signed())
    assert (code, err, found["key_files"][0]["verified"]) == (0, "", False)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (signed("ECDSA"), "signature_infos[0].signature_algorithm: expected the object identifier"),
        (signed("SHA256withECDSA"), "found 'SHA256withECDSA'"),
        (signed("1.2.840.10045.4.3.4"), "found '1.2.840.10045.4.3.4'"),
        (signed(""), "export.sig[0].signature_algorithm: expected the object identifier"),
        (signed(sig_oid="ECDSA"), "export.sig[0].signature_algorithm"),
        (signed(members=("readme.txt",)), "members beside export.bin and export.sig: readme.txt"),
        (signed(infos=2), "export.sig holds 1 signatures, export.bin names 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_phones_refuse_is_never_called_verified(match, tmp_path, data, words):
    pem = public_files(tmp_path)[0]
    code, _, err = match("--public-key", pem, one=data)
    assert code == 2
    assert words in err
    assert "refuse" in err
    code, found, err = match(one=data)
    assert (code, len(found["matches"])) == (0, 20)
    assert words in err
    assert found["warnings"]


def test_a_key_of_another_kind_is_refused(match, tmp_path):
    for other in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        der = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "other.der").write_bytes(der)
        code, _, err = match("--public-key", tmp_path / "other.der", one=signed())
        assert code == 2
        assert "ECDSA on P-256" in err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_makes_what_is_verified_and_verifies_what_is_made(match, tmp_path):
    def openssl(*arguments: str) -> bytes:
        done = subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, capture_output=True, check=True
        )
        return done.stdout

    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "private.pem")
    openssl("ec", "-in", "private.pem", "-pubout", "-out", "public.pem")
    openssl("ec", "-in", "private.pem", "-pubout", "-outform", "DER", "-out", "public.der")
    openssl("base64", "-A", "-in", "public.der", "-out", "public.b64")
    data = export(key(A), signers=(signer(),))
    (tmp_path / "export.bin").write_bytes(data)
    openssl("dgst", "-sha256", "-sign", "private.pem", "-out", "signature", "export.bin")
    entry = (signer(), (tmp_path / "signature").read_bytes())
    archive = packed(data, signatures(entry))
    for name in ("public.pem", "public.der", "public.b64"):
        code, found, _ = match("--public-key", tmp_path / name, one=archive)
        assert (code, len(found["matches"])) == (0, 20), name
    # And the other way round: a signature of the project, checked by openssl.
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from bluezone_sim.protocols.gaen.archive import read_signatures, write_signature

    private = load_pem_private_key((tmp_path / "private.pem").read_bytes(), None)
    ((info, made),) = read_signatures(write_signature(data, private))
    (tmp_path / "ours").write_bytes(made)
    said = openssl("dgst", "-sha256", "-verify", "public.pem", "-signature", "ours", "export.bin")
    assert said.strip() == b"Verified OK"
    assert info.algorithm == "1.2.840.10045.4.3.2"


# -- keys check --------------------------------------------------------------------------------------


@pytest.fixture
def check(tmp_path, capsys):
    """Runs ``keys check`` on files by name; gives the code, the document and the text."""

    def run(*options, **files: bytes):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        paths = [tmp_path / name for name in files]
        code = call("keys", "check", *paths, *options, "--json")
        document = json.loads(capsys.readouterr().out)
        assert call("keys", "check", *paths, *options) == code
        return code, document, " ".join(capsys.readouterr().out.split())

    return run


def test_a_good_export_is_clean_and_described(check, tmp_path):
    code, found, text = check("--public-key", public_files(tmp_path)[0], one=signed())
    assert (code, found["clean"], found["n_keys"]) == (0, True, 1)
    (file,) = found["files"]
    assert file["report_types"] == {"confirmed-test": 1}
    assert (file["oldest_key_unix_s"], file["newest_key_unix_s"]) == (DAY, DAY)
    assert (file["region"], file["batch"], file["batches"]) == ("VN", 1, 1)
    assert (file["start_unix_s"], file["end_unix_s"]) == (DAY + 86_400, DAY + 2 * 86_400)
    assert file["signatures"][0]["key_id"] == "452"
    assert file["verified"]
    for words in ("signed by key 452, version v1, algorithm 1.2.840.10045.4.3.2", "2020-11-29"):
        assert words in text


@pytest.mark.parametrize(
    ("data", "phones", "words"),
    [
        (export(key(A), batch=2, of=2), "iPhones", "batches are not supported, both have to be 1"),
        (export(key(A), batch=3, of=2), "Android", "no such batch"),
        (export(key(A), key(B, period=0)), "iPhones", "key 1: rolling_period: expected 1 to 144"),
        (export(key(A, risk=9)), "Android", "transmission_risk_level: expected 0 to 8, found 9"),
        (signed("ECDSA"), "all", "signature_algorithm"),
        (signed(members=("__MACOSX",)), "all", "members beside"),
        (signed(private=ec.generate_private_key(ec.SECP256R1())), "all", "none of 1 signatures"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_phones_would_refuse_is_told_with_its_source(check, tmp_path, data, phones, words):
    options = ("--public-key", public_files(tmp_path)[0]) if data[:2] == b"PK" else ()
    code, found, text = check(*options, one=data)
    assert code == 1
    refused = found["files"][0]["refused"]
    assert any(r["phones"] == phones and words in r["reason"] and r["source"] for r in refused)
    assert words in text
    assert "refuse" in text


def test_what_carries_no_signature_is_not_clean_where_one_is_asked_for(check, tmp_path):
    code, found, text = check("--public-key", public_files(tmp_path)[0], one=export(key(A)))
    assert (code, found["clean"], found["files"][0]["verified"]) == (1, False, False)
    assert "not verified: " in text
    assert "cannot be read" in text


def test_what_cannot_be_read_is_told_beside_what_can(check):
    code, found, text = check(one=export(key(A)), two=export(key(A))[:-3], three=b"\0\1\2\3" * 10)
    assert code == 2
    assert [f["n_keys"] for f in found["files"]] == [1]
    errors = [u["error"] for u in found["unreadable"]]
    assert "truncated" in errors[0]
    assert "not a file of keys" in errors[1]
    assert "truncated" in text


def test_batches_overlaps_repetitions_and_ages_are_told(check):
    late = DAY + 20 * 86_400
    code, found, text = check(
        one=export(key(A)),
        two=export(key(A), key(B), start_s=DAY + 86_400 + 3600, end_s=DAY + 3 * 86_400),
        three=export(key(B, report=5), start_s=late, end_s=late + 3600),
        four=export(key(A), region="LA"),
    )
    assert code == 0
    assert (found["n_keys"], found["n_repeated"], found["n_revoked"]) == (1, 2, 1)
    (overlap,) = found["overlaps"]
    assert "two and " in overlap
    assert [f["n_older_than_retention"] for f in found["files"]] == [0, 0, 1, 0]
    assert "1 key was revoked" in text
    code, found, _ = check(one=export(key(A), batch=1, of=3), two=export(key(B), batch=3, of=3))
    assert code == 1
    assert "batch 2 of 3 is missing" in found["missing"][0]
    assert found["overlaps"] == []


def test_files_of_every_protocol_are_checked(check):
    report = tcn.write_report(b"\1" * 32, 1, 2)
    code, found, text = check(one=message(), two=report, three=export(key(A)))
    assert code == 0
    assert [f["protocol"] for f in found["files"]] == ["bluezone", "tcn", "gaen"]
    assert "bluezone: " in text
