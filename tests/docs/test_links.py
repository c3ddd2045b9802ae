"""Every relative link of README and docs leads somewhere, and every page is in the contents."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path

import pytest

from helpers.commands import call, environment
from helpers.paths import ROOT

DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

from generated import expand as expand_marks  # noqa: E402
from generated import first_words, llms, told, without_stored  # noqa: E402

#: What marks stand for takes a while to ask.
expand = cache(expand_marks)

_LINK = re.compile(r"\[[^]]*]\(<?([^)\s>]+)>?\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def _pages() -> list[Path]:
    found = [p for p in DOCS.rglob("*.md") if not {"_build", "jupyter_execute"} & {*p.parts}]
    return sorted(found)


READ = [ROOT / "README.md", ROOT / "hardware" / "README.md", *_pages()]


@cache
def _anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub and MyST make them."""
    text = re.sub(
        r"^```.*?^```$", "", expand(page.read_text("utf-8")), flags=re.MULTILINE | re.DOTALL
    )
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        kept = (c for c in heading.lower() if c in "-_ " or unicodedata.category(c)[0] in "LN")
        found.add("".join(kept).replace(" ", "-"))
    return found


def faults(page: Path, text: str) -> list[str]:
    """Links of a page that lead nowhere."""
    wrong = []
    for link in _LINK.findall(_CODE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (
            anchor and (target.suffix != ".md" or anchor not in _anchors(target))
        ):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", READ, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert faults(page, expand(page.read_text(encoding="utf-8"))) == []


def test_a_link_that_leads_nowhere_is_found():
    text = "[a](nowhere.md) [b](words.md#no-such) [c](words.md) [d](https://example.org/x)"
    assert faults(DOCS / "index.md", text) == ["nowhere.md", "words.md#no-such"]


def _in_contents(name: str = "index") -> set[str]:
    """Pages that the tables of contents reach, from one on."""
    found = {name}
    page = DOCS / f"{name}.md"
    for block in re.findall(r"^```{toctree}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        for line in block.splitlines():
            if not line.strip() or line.startswith(":"):
                continue
            for inner in page.parent.glob(f"{line.strip()}.md"):
                found |= _in_contents(inner.relative_to(DOCS).with_suffix("").as_posix())
    return found


def test_every_page_is_in_the_contents():
    assert _in_contents() == {p.relative_to(DOCS).with_suffix("").as_posix() for p in _pages()}


def test_every_page_says_in_its_first_sentence_what_it_is():
    pages = {p.stem: (p.stem, p.read_text(encoding="utf-8")) for p in _pages()}
    lines = llms(pages, "title").splitlines()
    listed = [line for line in lines if line.startswith("- [")]
    assert len(listed) == len(pages) - 1
    wordless = [p.name for p in _pages() if len(first_words(p.read_text("utf-8"))) < 15]
    assert wordless == []


def test_every_protocol_that_ships_has_a_page():
    from bluezone_sim import protocols

    outside = protocols.registry.PROTOCOLS.outside()
    folder = DOCS / "reference" / "protocols"
    for name in set(protocols.names()) - set(outside):
        page = (folder / f"{name}.md").read_text(encoding="utf-8")
        assert f"<!-- generated: protocol {name} -->" in page


def test_a_page_that_is_not_built_says_what_it_would_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = set()
    for page in _pages():
        text = page.read_text(encoding="utf-8")
        notes = told(text)
        assert text.count("<!-- generated: ") == len(notes), page
        assert all(note.startswith("> Built, this page has here: ") for note in notes), page
        code = set(re.findall(r"`([^`]*)`", "".join(notes)))
        if notes:
            assert f"python docs/_ext/generated.py {page.relative_to(ROOT).as_posix()}" in code
            assert any(c.endswith("sphinx-build docs docs/_build") for c in code)
        commands |= {c for c in code if c.startswith("bluezone-sim ")}
    assert len(commands) > 5
    for command in sorted(commands):
        assert call(*command.split()[1:]) == 0, command


def test_what_a_cell_printed_is_shown_where_it_is_not_executed():
    stored = "<!-- prints -->\n```text\n2\n```\n"
    page = "# Page\n\n```{code-cell} ipython3\nprint(1 + 1)\n```\n\n" + stored + "\nAnd so on.\n"
    assert without_stored(page) == page.replace("\n" + stored, "")
    command = page.replace("{code-cell} ipython3", "sh")
    assert without_stored(command) == command
    covasim = (DOCS / "covasim.md").read_text(encoding="utf-8")
    assert covasim.count("<!-- prints -->") > 2
    assert "<!-- prints -->" not in without_stored(covasim)


def test_a_generated_page_can_be_printed():
    script, page = DOCS / "_ext" / "generated.py", DOCS / "reference" / "metrics.md"
    done = subprocess.run(
        [sys.executable, str(script), str(page)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == expand(page.read_text(encoding="utf-8")) + "\n"
    assert "| `recall` |" in done.stdout
    assert "generated" not in done.stdout


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 800
