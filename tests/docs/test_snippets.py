"""What README and docs show is run, in a folder of its own, and prints what is shown there."""

from __future__ import annotations

import re
import shutil

import pytest
from sybil import Sybil

from helpers import page_files
from helpers.paths import ROOT
from helpers.snippets import blocks, commands, run_page

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "hardware" / "README.md", *DOCS.rglob("*.md")])
PAGES = [p for p in PAGES if "_build" not in p.parts and "jupyter_execute" not in p.parts]
READER = Sybil(parsers=[blocks], path=str(ROOT))
#: Pages whose snippets need a program that may be missing.
NEEDS = {"docs/tutorials/bench.md": "dbus-daemon"}
#: Pages whose blocks take some seconds each.
LONG = ("docs/tutorials/your-town.md", "docs/how-to/reproduce.md")
#: Files that the reader brings.
BRINGS = {
    "docs/reference/phone-files.md": (*("export.zip", "day1.zip", "day2.zip", "bugreport.zip"),),
    "docs/reference/traces.md": ("tij_InVS.dat", "mine.dat"),
}


def _name(page):
    return page.relative_to(ROOT).as_posix()


def _run_page(page, tmp_path, monkeypatch, *, slow=False):
    needed = NEEDS.get(_name(page))
    if needed and shutil.which(needed) is None:
        pytest.skip(f"needs {needed}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    page_files.write(tmp_path, BRINGS.get(_name(page), ()))
    run_page(page, _slow=slow)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, id=_name(p), marks=[pytest.mark.slow] if _name(p) in LONG else [])
        for p in PAGES
        if "```" in p.read_text("utf-8")
    ],
)
def test_snippets_run_and_print_what_is_shown(page, tmp_path, monkeypatch):
    _run_page(page, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if "\n<!-- slow" in p.read_text("utf-8")], ids=_name
)
def test_snippets_that_take_long_run_too(page, tmp_path, monkeypatch):
    _run_page(page, tmp_path, monkeypatch, slow=True)


def test_every_mark_is_one_that_is_known_and_every_block_is_closed():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        told = re.findall(r"^<!-- (?!generated: |/generated)(.*?) -->$", text, re.MULTILINE)
        assert [
            m
            for m in told
            if not re.match(
                r"file: \S+$|prints$|exits: \d$|slow(: exits \d|: smaller)?$|smaller$|not run: \w",
                m,
            )
        ] == []
        assert ("\n" + text).count("\n```") % 2 == 0, page
        seen = sum(e.parsed["mark"] is not None for e in READER.parse(page).examples())
        assert seen == len(told), f"{page}: a mark stands before no block"


def test_commands_of_a_block():
    text = "$ pip install . && bluezone-sim list\nbluezone-sim run x \\\n    --seed 2\n# why\n"
    assert commands(text) == ["bluezone-sim list", "bluezone-sim run x --seed 2"]


def test_a_snippet_that_prints_something_else_is_found(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    monkeypatch.chdir(tmp_path)
    shown = "```sh\nbluezone-sim list\n```\n\n<!-- prints -->\n```\n{}\n```\n"
    page.write_text(shown.format("workplace-trace …, one week…"), encoding="utf-8")
    for example in READER.parse(page).examples():
        example.evaluate()
    page.write_text(shown.format("workplace-trace  A week at sea"), encoding="utf-8")
    first, second = READER.parse(page).examples()
    first.evaluate()
    with pytest.raises(AssertionError, match="A week at sea"):
        second.evaluate()
