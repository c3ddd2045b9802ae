"""Names that others chose, in everything that is shown."""

from __future__ import annotations

import csv
import io
import json
import tomllib
import unicodedata

import pytest

from bluezone_sim.errors import FormatError, ScenarioError
from bluezone_sim.showing.visible import (
    csv_cell,
    in_figure,
    quoted,
    visible,
    visible_json,
    visible_toml,
)
from bluezone_sim.tables.table import Column, Table

#: Clears a screen, names a window, runs backwards, ends a line, is no letter, is half of one.
HOSTILE = "a\x1b[2Jb\x9b31mc\x07\x00d\u202eevil\u2066e\u2028f\ufeffg\x7fh\ud800i"


def test_every_hidden_character_is_written_out():
    told = visible(HOSTILE)
    assert told == (r"a\x1b[2Jb\x9b31mc\x07\x00d\u202eevil\u2066e\u2028f\ufeffg\x7fh\ud800i")
    assert visible(told) == told


def test_no_character_of_unicode_that_steers_or_hides_is_left():
    shown = {chr(c) for c in range(0x110000) if visible(chr(c)) == chr(c)}
    left = {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert left == {"\u200c", "\u200d"}  # joiners of letters
    assert {"a", "ế", "字", "é", "🙂", " ", "–", "\\", "<"} <= shown


def test_plain_text_and_what_is_to_stay_are_as_they_were():
    assert visible("Yên Bái – 60 %") == "Yên Bái – 60 %"
    assert visible("one\ntwo\tthree", keep="\n") == "one\ntwo\\x09three"


def test_a_byte_of_a_file_name_that_is_no_text_is_that_byte():
    assert visible(b"caf\xe9.log".decode("utf-8", "surrogateescape")) == r"caf\xe9.log"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("\uff1d1+1", "'\uff1d1+1"),
        (" =1+1", "' =1+1"),
        ("\t=1+1", r"\x09=1+1"),
        ("\r=1+1", r"\x0d=1+1"),
        ("-70", "-70"),
        ("-70.5e-3", "-70.5e-3"),
        ("+84", "+84"),
        (-70, -70),
        (-0.5, -0.5),
        (None, None),
        ("–", "–"),
        ("Centre", "Centre"),
    ],
)
def test_no_cell_begins_a_formula_and_numbers_stay_numbers(value, cell):
    assert csv_cell(value) == cell
    assert csv_cell(cell) == cell


def test_quoting_ends_for_anything():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert quoted(deep) == "a list of 1"
    assert quoted(10**5000) == "a number of 16,610 bits"
    assert quoted({"a": 1}) == "a table"
    assert quoted("x" * 10**7) == "'" + "x" * 58 + "…"
    assert quoted("\x1b\u202e") == r"'\x1b\u202e'"
    assert quoted(-70) == "-70"


def test_json_and_toml_hold_the_text_and_show_it():
    assert json.loads(visible_json({"a": [HOSTILE[:-3]], "n": -1.5})) == {
        "a": [visible(HOSTILE[:-3])],
        "n": -1.5,
    }
    for text in (HOSTILE.replace("\ud800", ""), "plain", 'quote " and \\', "é🙂"):
        document = f"{visible_toml(text)} = {visible_toml(text)}"
        assert tomllib.loads(document) == {text: text}
        assert visible(document) == document


def test_a_dollar_begins_no_formula_of_a_figure():
    assert in_figure("$\\frac{1") == "\\$\\frac{1"


def test_a_table_is_harmless_in_every_form():
    table = Table(
        f"title {HOSTILE}",
        (Column(f"=head {HOSTILE}", left=True), Column("rssi")),
        ((f"=cmd {HOSTILE}", -70), ("<b>", -71.5)),
        f"note {HOSTILE}",
    )
    for form in (table.text(200), table.html(HOSTILE), table.csv()):
        assert visible(form, keep="\n") == form
        assert r"\x1b[2J" in form
    assert "&lt;b&gt;" in table.html()
    head, first, second = csv.reader(io.StringIO(table.csv()))
    assert head[0].startswith("'=head")
    assert first[0].startswith("'=cmd")
    assert (first[1], second[1]) == ("-70", "-71.5")


def test_messages_of_errors_can_be_printed():
    assert str(FormatError(f"x: {HOSTILE}")) == f"x: {visible(HOSTILE)}"
    assert str(FormatError("one\n  - two")) == "one\n  - two"
    long = str(FormatError("y" * 10**6))
    assert len(long) < 21_000
    assert long.endswith("… and 980,000 more characters")


def test_faults_without_end_are_counted():
    from bluezone_sim.errors import Fault

    error = ScenarioError("s", [Fault(f"k{i}", "unknown key") for i in range(300_000)])
    lines = str(error).splitlines()
    assert lines[0] == "s: 300000 faults"
    assert lines[1] == "  - k0: unknown key"
    assert lines[-1] == "  and 299,950 more"
    assert len(error.faults) == 300_000
