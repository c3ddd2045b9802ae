"""Hostile names and files through the command line: what is printed, what is written, how it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from xml.etree import ElementTree

import pytest

from bluezone_sim.showing.visible import visible
from helpers.capture_files import RESULTS
from helpers.commands import call, environment
from helpers.small import TOWN

#: Clears the screen, names the window, turns a line around, begins a formula, a tag, a formula of TeX.
EVIL = "=cmd|x\\u001b[2J\\u009b31m\\u202egnp\\u2066<script>alert(1)</script>$\\\\frac{\\u0007"
PLAIN = tomllib.loads(f'x = "{EVIL}"')["x"]
SHOWN = visible(PLAIN)

SMALL = (
    TOWN.replace('name = "town"', f'name = "town"\ntitle = "{EVIL}"')
    .replace('"Centre"', f'"{EVIL}"')
    .replace("30_000", "3_000")
    .replace("17_500", "1_750")
    .replace("10_000", "1_000")
    .replace("20_000", "2_000")
    .replace("2_400", "240")
    .replace("count = 200", "count = 40")
    + f"""
[sensitivity]
cases = 10
arms = [{{ label = "{EVIL}", set = {{ "radio.density" = "on" }} }}]
"""
)


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A run whose names are hostile, and what it printed."""
    folder = tmp_path_factory.mktemp("evil")
    (folder / "evil.toml").write_text(SMALL, encoding="utf-8")
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = call("run", folder / "evil.toml", "--out", folder / "out")
    assert code == 0, err.getvalue()
    return folder, out.getvalue() + err.getvalue()


def harmless(text: str) -> None:
    assert visible(text, keep="\n\t") == text


def test_the_terminal_gets_no_escape_sequence(evil):
    _, printed = evil
    harmless(printed)
    assert "What the app finds" in printed


def test_a_report_shows_names_and_obeys_none(evil):
    folder, _ = evil
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    harmless(page)
    assert "<script>alert" not in page
    assert r"x\x1b[2J\x9b31m\u202egnp" in page


def test_figures_and_tables_for_papers_are_harmless(evil):
    folder, _ = evil
    assert (
        call("report", folder / "out", "--format", "svg,csv,png", "--out", folder / "papers") == 0
    )
    written = sorted((folder / "papers" / "figures").iterdir())
    assert {p.suffix for p in written} == {".svg", ".csv", ".png"}
    cells = []
    for path in written:
        if path.suffix == ".png":
            continue
        text = path.read_text(encoding="utf-8")
        harmless(text)
        assert "<script>" not in text or path.suffix == ".csv"
        if path.suffix == ".svg":
            ElementTree.fromstring(text)
        else:
            cells += [cell for row in csv.reader(text.splitlines()) for cell in row]
    begins = {cell for cell in cells if cell[:1] in ("=", "+", "-", "@")}
    assert all(re.fullmatch(r"-[\d.e-]+", cell) for cell in begins)


def test_a_scenario_is_shown_as_one_that_says_the_same(evil, capsys):
    folder, _ = evil
    assert call("show", folder / "evil.toml", "--resolved") == 0
    text = capsys.readouterr().out
    harmless(text)
    assert tomllib.loads(text)["title"] == PLAIN


def test_errors_quote_and_do_not_obey(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(SMALL.replace('"minutes-near"', f'"{EVIL}"'), encoding="utf-8")
    name = "log\x1b]0;owned\x07\u202e.bin"
    (tmp_path / name).write_bytes(b"\x01\x02")
    for arguments in (
        ("run", "a.toml"),
        ("run", PLAIN),
        ("run", "a.toml", "--set", f"{PLAIN}=1"),
        ("import", name, "--out", "x.parquet"),
        ("match", "--keys", name, "--history", name),
        ("keys", "check", name),
        ("import", "x", f"--{name}"),
    ):
        assert call(*arguments) == 2, arguments
        printed = capsys.readouterr().err
        harmless(printed)
        assert "Traceback" not in printed


def test_names_of_devices_in_a_measurement_are_harmless(tmp_path, capsys):
    import sqlite3

    file = tmp_path / "m.sqlite"
    database = sqlite3.connect(file)
    database.execute(RESULTS)
    row = ("a\x1b[31m", "m", "b\u202e", "m", 1_597_219_200, -60, 0, 1.0)
    database.execute("INSERT INTO results VALUES (NULL,?,?,?,?,?,?,?,?)", row)
    database.commit()
    database.close()
    assert call("import", file, "--out", tmp_path / "s.parquet") == 0
    assert call("import", tmp_path / "s.parquet", "--out", tmp_path / "t.parquet") == 0
    harmless(capsys.readouterr().out)
    assert call("import", file, "--out", tmp_path / "u.parquet", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [p["name"] for p in document["phones"]] == ["a\x1b[31m", "b\u202e"]


def test_no_command_prints_past_what_makes_text_visible():
    from helpers.paths import PACKAGE

    for path in (PACKAGE / "cli").rglob("*.py"):
        if path.name != "printing.py":
            assert not re.search(r"typer\.echo|\bprint\(", _without_console(path)), path


def _without_console(path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r"(terminal|console\([^)]*\))\.print\(", "", text)


# -- streams -------------------------------------------------------------------------------------------


def shell(line: str, **variables: str) -> subprocess.CompletedProcess:
    program = f'"{sys.executable}" -m bluezone_sim'
    return subprocess.run(
        ["bash", "-c", line.replace("PROGRAM", program)],
        env=environment(**variables),
        capture_output=True,
        check=False,
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("line", "codes", "err"),
    [
        ("PROGRAM list >&-", {0}, b""),
        ("PROGRAM list 2>&-", {0}, b""),
        ("PROGRAM list >&- 2>&-", {0}, b""),
        ("PROGRAM show yen-bai-2020 --resolved | true; exit ${PIPESTATUS[0]}", {0, 141}, b""),
        ("PROGRAM schema | head -c 10 >&2; exit ${PIPESTATUS[0]}", {0, 141}, b'{\n  "$defs'),
        ("PROGRAM --help | true; exit ${PIPESTATUS[0]}", {0, 141}, b""),
        ("PROGRAM run nothing 2>&1 | true; exit ${PIPESTATUS[0]}", {2}, b""),
        ("PROGRAM list >/dev/full", {2}, b"standard output: cannot be written (No space"),
        ("PROGRAM --help >/dev/full", {2}, b"standard output: cannot be written (No space"),
        ("PROGRAM list 2>/dev/full", {0}, b""),
        ("PROGRAM run nothing 2>/dev/full", {2}, b""),
        ("PROGRAM list >/dev/full 2>&1", {2}, b""),
    ],
)
def test_closed_and_full_outputs_end_with_a_code_and_a_sentence(line, codes, err):
    done = shell(line)
    assert done.returncode in codes
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert (err in done.stderr) if err else done.stderr == b""


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "ascii", "utf-8"])
def test_a_file_gets_utf_8_whatever_the_locale(encoding):
    done = shell("PROGRAM list", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0
    assert "Yên Bái" in done.stdout.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
@pytest.mark.parametrize(
    ("encoding", "told"),
    [("cp1252", "Yên Bái"), ("cp932", "Yen Bai"), ("ascii", "Yen Bai"), ("utf-8", "Yên Bái")],
)
def test_a_terminal_gets_its_own_letters(encoding, told):
    import pty

    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bluezone_sim", "list"],
        env=environment(PYTHONIOENCODING=encoding),
        stdout=child,
        stderr=subprocess.PIPE,
    )
    os.close(child)
    out = b""
    while True:
        try:
            out += os.read(parent, 4096)
        except OSError:  # the other end is closed
            break
    assert process.wait() == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    os.close(parent)
    assert f"{told}, August 2020" in out.decode(encoding)
