"""Blocks of code in README and docs as examples that Sybil runs, and how a block says what it is.

A mark, an HTML comment on the line before a block, says what is out of the ordinary:

- ``<!-- file: NAME -->``: the block is a file of that name, which the reader writes.
- ``<!-- prints -->``: the block is what the command before it prints, or a run of lines of that.
- ``<!-- exits: N -->``: the last command ends with this exit code instead of 0.
- ``<!-- slow -->``: it takes long; ``<!-- slow: exits N -->``.
- ``<!-- smaller -->``, ``<!-- slow: smaller -->``: it takes longer; scenarios that ship are run with
  fewer people, and sweeps with two seeds.
- ``<!-- not run: WHY -->``: it cannot run here.

In what is shown as printed ``…`` stands for anything within a line, and a line of its own for any lines.
Packages are installed already, so ``pip install`` is replaced by nothing. Blocks of Python share their
names on a page; blocks of TOML and JSON have to be sound. Cells, which the build of the
docs executes, are run where :func:`run_page` is told so.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil

from bluezone_sim.scenario import shipped
from bluezone_sim.scenario.describe import toml_of

from .commands import call, environment
from .paths import ROOT
from .small import smaller_table

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>file|prints|exits|slow|smaller|not run)(?:: (?P<what>.+?))? -->\n)?"
    r"^```(?P<language>[\w{}-]*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
#: Packages are there already.
_INSTALL = re.compile(r"^(?:python -m )?pip install [^&;]*(?:&& *)?")
#: What only a shell understands.
_SHELL = re.compile(r"[|&;<>$*~`]|^\w+=")


def blocks(document: Document) -> Iterator[Region]:
    """A parser for Sybil: every block, with its mark."""
    for found in _BLOCK.finditer(document.text):
        yield Region(found.start(), found.end(), found.groupdict(), evaluate)


def evaluate(example: Example) -> None:
    """Runs a block, in the folder that is the current one."""
    block, names = example.parsed, example.namespace
    mark, language, text = block["mark"], block["language"], block["text"]
    if mark == "not run" or (mark == "slow" and not names.get("_slow")):
        names["_printed"] = None
    elif mark == "file":
        Path(block["what"]).write_text(text, encoding="utf-8")
    elif mark == "prints":
        _shown(text, names.get("_printed"))
    elif language in ("sh", "console"):
        text = _smaller(text) if "smaller" in (mark, block["what"]) else text
        names["_printed"] = _run(text, int(re.sub(r"\D", "", block["what"] or "") or 0))
    elif language == "python" or (language == "{code-cell}" and names.get("_cells")):
        text = re.sub(r"^:.*\n", "\n", text, flags=re.MULTILINE)  # options of a cell
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            # As many lines before it as on the page, so that a traceback names the right one.
            exec(compile("\n" * example.line + text, example.path, "exec"), names)
        names["_printed"] = printed.getvalue()
    elif language == "toml":
        tomllib.loads(text)
    elif language == "json":
        json.loads(text)


def run_page(page: Path, **names: Any) -> dict[str, Any]:
    """Runs the blocks of a page in the current folder.

    Args:
        page: its file.
        names: that its blocks of Python find. With ``_slow`` those that take long run too, with
            ``_cells`` the cells.

    Returns:
        The names, and what blocks have added.
    """
    document = _READER.parse(page)
    document.namespace.update(names)
    for example in document.examples():
        example.evaluate()
    return document.namespace


def commands(text: str) -> list[str]:
    """Commands of a block of the shell, without prompts, comments and ``pip install``."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [_INSTALL.sub("", line.removeprefix("$ ").strip()) for line in joined.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _smaller(text: str) -> str:
    """The commands on scenarios of a fortieth of the people, which are written here as files."""
    for name in shipped():
        if name in text:
            Path(f"{name}.toml").write_text(toml_of(smaller_table(name)), encoding="utf-8")
            text = re.sub(rf"{re.escape(name)}\b(?!\.toml)", f"{name}.toml", text)
    return re.sub(r"--seeds \d+", "--seeds 2", text)


def _run(text: str, code: int) -> str:
    """What the commands print on standard output and error; the last ends with a code."""
    lines = commands(text)
    plain = not any(_SHELL.search(re.sub(r"'[^']*'|#.*", "", line)) for line in lines)
    if plain and all(line.startswith("bluezone-sim ") for line in lines):
        printed = ""
        for number, line in enumerate(lines):
            printed = _call(line, code if number == len(lines) - 1 else 0)
        return printed
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(lines)],
        env=environment(PATH=f"{shim()}{os.pathsep}{os.environ['PATH']}", NO_COLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def _call(line: str, code: int) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        found = call(*shlex.split(line, comments=True)[1:])
    assert found == code, f"{line}: exit {found}\n{out.getvalue()}"
    return out.getvalue()


def shim() -> Path:
    """A folder with ``bluezone-sim`` and ``python`` of the package under test."""
    folder = Path(".bin").resolve()
    folder.mkdir(exist_ok=True)
    for name, what in {
        "bluezone-sim": " -m bluezone_sim",
        "python": "",
        "pytest": " -m pytest",
    }.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}"{what} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    return folder


def _shown(wanted: str, printed: str | None) -> None:
    """What is shown stands in what was printed, line by line; nothing was printed by what did not run."""
    if printed is None:
        return
    lines = [_squeezed(line) for line in printed.splitlines()]
    parts = [
        r".*"
        if line.strip() == "…"
        else ".*".join(re.escape(_squeezed(p)) for p in line.split("…"))
        for line in wanted.splitlines()
        if line.strip()
    ]
    pattern = "\n".join(parts).replace("\n.*\n", "\n(?:.*\n)*?")
    kept = "\n".join(line for line in lines if line)
    assert re.search(f"^{pattern}$", kept, re.MULTILINE), f"shown:\n{wanted}\nprinted:\n{printed}"


def _squeezed(line: str) -> str:
    """Columns wider or narrower are the same."""
    return " ".join(re.sub(r"─+", "─", line).split())


_READER = Sybil(parsers=[blocks], path=str(ROOT))


def reasons(documents: Iterable[Document]) -> list[Any]:
    """(page, mark, what) of the blocks that are not run."""
    return [
        (document.path, e.parsed["language"], e.parsed["what"])
        for document in documents
        for e in document.examples()
        if e.parsed["mark"] == "not run"
    ]
