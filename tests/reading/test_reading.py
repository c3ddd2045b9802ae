"""Documents, archives and tables of others: what is too deep, too large, or none."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tracemalloc
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bluezone_sim.captures.formats.csv_rows import read_rows
from bluezone_sim.errors import FormatError, InputError
from bluezone_sim.reading import documents, packed
from bluezone_sim.reading.bounded import csv_rows, read_bytes, read_text, reading_as
from bluezone_sim.reading.documents import parse_json, parse_toml, toml_value
from bluezone_sim.reading.packed import gunzipped, member_of, zip_of
from bluezone_sim.reading.parquet import read_parquet


@pytest.mark.parametrize(
    ("data", "words"),
    ids=range(10),
    argvalues=[
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "4300 digits"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[1e999]", "beyond all numbers"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"a"', "is the file truncated"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" + b"[]," * 4_000_001 + b"[]]", "lists and tables; give it in parts"),
    ],
)
def test_json_that_is_none_or_too_much_is_refused_by_name(data, words):
    with pytest.raises(FormatError, match=words) as told:
        parse_json(data, "keys.json")
    assert str(told.value).startswith("keys.json: ")
    assert len(str(told.value)) < 300


def test_json_is_what_it_says():
    assert parse_json(b'{"a": [1, -2.5, "\\u0000"]}', "x") == {"a": [1, -2.5, "\0"]}


@pytest.mark.parametrize(
    ("text", "words"),
    ids=range(12),
    argvalues=[
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a = " + "{ b = " * 900 + "1" + " }" * 900, "nested too deeply"),
        (".".join("k" * 1000) + " = 1", "more than 32 tables in one another"),
        ("[" + ".".join("k" * 1000) + "]", "more than 32 tables in one another"),
        ("a.b = " + "9" * 5000, "4300 digits"),
        ("a.b = [0x" + "f" * 5000 + "]", r"a\.b\.0: a number of more than 64 bits"),
        ("a.b = 9223372036854775808", r"a\.b: a number of more than 64 bits"),
        ('a.b = "x\\u0000y"', r"a\.b: a text with a NUL"),
        ("a = 2020-02-31", "not TOML"),
        ("a = \x00", "not TOML"),
        ('a = "C:\\user"', "single quotes"),
        ("#" * (4 << 20) + "#", "more than 4 MiB"),
    ],
)
def test_toml_that_is_none_or_too_much_is_refused_by_name(text, words):
    with pytest.raises(FormatError, match=words) as told:
        parse_toml(text, "my.toml")
    assert str(told.value).startswith("my.toml: ")
    assert len(str(told.value)) < 600


def test_toml_is_what_it_says():
    assert parse_toml("\ufeffa.b = [9223372036854775807, -1.5]", "x") == {
        "a": {"b": [2**63 - 1, -1.5]}
    }
    assert toml_value("[1, 'a']", "--set x") == [1, "a"]
    assert toml_value("on", "--set x") == "on"
    with pytest.raises(FormatError, match=r"--set x: .*more than 64 bits"):
        toml_value("9223372036854775808", "--set x")
    with pytest.raises(FormatError, match=r"--set x: .*nested too deeply"):
        toml_value("[" * 5000, "--set x")


def test_files_are_read_up_to_their_bound(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(path, 100) == "a\nb"
    assert read_bytes(path, 7) == path.read_bytes()
    with pytest.raises(FormatError, match="more than 6 bytes"):
        read_bytes(path, 6)
    path.write_bytes(b"a\xff")
    with pytest.raises(FormatError, match=r"UTF-8 text \(byte 1 is 0xff\)"):
        read_text(path, 100)
    for bad in (tmp_path, tmp_path / ("n" * 300), tmp_path / "a\0b"):
        with pytest.raises(InputError, match="cannot be read"):
            read_bytes(bad, 100)


def test_a_line_of_a_csv_is_a_row():
    assert list(csv_rows(["a,'b'", 'c,"d,e"', ""], ",", "x")) == [["a", "'b'"], ["c", "d,e"], []]
    with pytest.raises(FormatError, match=r"x: row 1: not a CSV that can be read .*131072"):
        list(csv_rows(["a," + "b" * 200_000], ",", "x"))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_quote_that_takes_the_next_row_is_refused_by_row(at):
    lines = ["a,b", "c,d", "e,f"]
    lines[at] = lines[at].replace(",", ',"')
    with pytest.raises(FormatError, match=f"x: row {at + 1}: a quote .* not closed on its line"):
        list(csv_rows(lines, ",", "x"))
    with pytest.raises(FormatError, match=f"x: row {at + 11}: a quote"):
        list(csv_rows(lines, ",", "x", [11, 12, 13]))


def test_only_values_are_taken_for_the_input_s_fault():
    for error in (
        KeyError("a"),
        OverflowError("b"),
        RecursionError(),
        MemoryError(),
        TypeError("c"),
    ):
        with pytest.raises(FormatError, match="x: not a run's"), reading_as("a run's", "x"):
            raise error
    with (
        pytest.raises(FormatError, match=r"x: not a run's .*'a' is missing"),
        reading_as("a run's", "x"),
    ):
        {}["a"]
    with pytest.raises(NameError), reading_as("a run's", "x"):
        raise NameError
    with pytest.raises(InputError, match=r"^own$"), reading_as("a run's", "x"):
        raise InputError("own")


# -- packed --------------------------------------------------------------------------------------------


def test_a_gzip_gives_what_it_holds_and_no_bomb():
    data = bytes(range(256)) * 1000
    assert gunzipped(gzip.compress(data), "x", 1 << 30) == data
    for broken in (gzip.compress(data)[:-9], gzip.compress(data)[:40] + b"zzzz", b"\x1f\x8b"):
        with pytest.raises(FormatError, match="x: its gzip is damaged or cut short"):
            gunzipped(broken, "x", 1 << 30)


def test_a_gzip_bomb_costs_no_more_than_its_bound():
    bomb = gzip.compress(bytes(512 << 20), 1)
    tracemalloc.start()
    with pytest.raises(FormatError, match=r"x: gives more than .* when unpacked"):
        gunzipped(bomb, "x", 1 << 30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * packed.Budget("x", len(bomb), 1 << 30).most
    assert packed.Budget("x", len(bomb), 1 << 30).most < 300 << 20


def zipped(data: bytes, method: int, name: str = "export.bin") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def first_member(data: bytes) -> bytes:
    with zip_of(io.BytesIO(data), "x") as archive:
        info = archive.infolist()[0]
        with member_of(archive, info, f"x: {info.filename}") as stream:
            return stream.read()


def test_members_of_zips_are_those_that_phones_read():
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert first_member(zipped(b"keys" * 99, method)) == b"keys" * 99
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(FormatError, match=f"x: export.bin: packed with method {method}"):
            first_member(zipped(b"keys" * 99, method))


def test_damaged_zips_are_told():
    good = zipped(b"keys" * 99, zipfile.ZIP_DEFLATED)
    at = good.index(b"export.bin") + 10
    encrypted = bytearray(good)
    encrypted[6] |= 1
    encrypted[good.rindex(b"PK\x01\x02") + 8] |= 1
    unknown = bytearray(good)
    unknown[8] = unknown[good.rindex(b"PK\x01\x02") + 10] = 97
    for broken in (
        good[:at] + b"\xff" * 8 + good[at + 8 :],
        good[:-30],
        b"PK\x03\x04",
        bytes(encrypted),
        bytes(unknown),
    ):
        with pytest.raises(FormatError, match=r"^x: "):
            first_member(broken)


def test_a_zip_of_members_without_end_is_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr(packed, "MOST_DIRECTORY", 1000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for k in range(100):
            archive.writestr(f"{k}", b"")
    with pytest.raises(FormatError, match="x: its list of members is longer than"):
        first_member(out.getvalue())


@pytest.mark.parametrize(
    "error", [zlib.error("a"), lzma.LZMAError("b"), EOFError("c"), MemoryError(), struct.error("d")]
)
def test_what_unpackers_raise_is_the_input_s_fault(error):
    with pytest.raises(FormatError, match="x: cannot be unpacked"), packed.unpacking("x"):
        raise error
    assert bz2.decompress(bz2.compress(b"a")) == b"a"


# -- Parquet -------------------------------------------------------------------------------------------


def as_parquet(**columns) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_texts_of_a_parquet_are_read_once_each():
    data = as_parquet(word=["a" * 1000] * 5000, n=list(range(5000)))
    table = read_parquet(data, "x")
    assert pa.types.is_dictionary(table["word"].type)
    assert table["word"].to_pylist() == ["a" * 1000] * 5000
    assert table["n"].to_pylist() == list(range(5000))
    assert read_parquet(data, "x", ["n", "other"]).column_names == ["n"]


def test_a_parquet_of_more_rows_than_its_bytes_can_hold_is_refused():
    out = io.BytesIO()
    rows = 1_000_000
    column = pa.array([7], pa.int64()).take(pa.array([0] * rows, pa.int32()))
    with pq.ParquetWriter(out, pa.schema([("n", pa.int64())]), compression="zstd") as writer:
        for _ in range(40):
            writer.write_table(pa.table({"n": column}))
    assert len(out.getvalue()) < 200_000
    with pytest.raises(FormatError, match="x: its 40,000,000 rows need 305 MiB"):
        read_parquet(out.getvalue(), "x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PAR1" + bytes(20) + b"PAR1", "x: not Parquet that can be read"),
        (b"", "x: not Parquet that can be read"),
        (as_parquet(n=[1, 2])[:-1], "x: not Parquet that can be read"),
        (as_parquet(n=[[1], [2]]), "x: column n.list.element: lists and tables are not read"),
    ],
)
def test_what_is_no_flat_parquet_is_told(data, words):
    with pytest.raises(FormatError, match=words):
        read_parquet(data, "x")


def test_documents_of_one_s_own_pass_every_bound():
    assert documents.MOST_LISTS > 1_000_000
    assert json.dumps(parse_json(json.dumps([1.5, None, "é"]), "x")) == json.dumps([1.5, None, "é"])


def test_rows_of_a_log_are_counted_by_line(tmp_path):
    log = tmp_path / "log.csv"
    rows = [f"{1_600_000_000 + k},{k:032x},-60" for k in range(5)]
    log.write_text("\n".join(["time,rpi,rssi", *rows, ""]))
    assert sum(map(len, read_rows(log, 0))) == 5
    rows[2] = rows[2].replace(",-60", ',"-60')
    log.write_text("\n".join(["time,rpi,rssi", *rows, ""]))
    with pytest.raises(FormatError, match=r"log.csv: row 4: a quote"):
        list(read_rows(log, 0))
