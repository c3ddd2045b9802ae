"""Pages that are made from the program: what stands between two marks becomes Markdown.

``<!-- generated: NAME ARGUMENT -->`` begins it, ``<!-- /generated -->`` ends it; between them stands what
readers of the page itself are told, on a code host for example. What the marks stand for is in
:mod:`parts`. They are expanded before a page is parsed, so that what they make has headings, links and
anchors like what was written by hand. ``llms.txt``, a list of all pages with a line each, is written
beside the pages.

What a cell of code prints may be stored below it, in a block after ``<!-- prints -->``: that is shown
where the page is not executed.

``python docs/_ext/generated.py PAGE`` prints a page as it is built, without Sphinx.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from parts import PARTS

_MARK = re.compile(
    r"^<!-- generated: (?P<name>[a-z-]+)(?: (?P<argument>\S+))? -->\n(?P<told>.*?)^<!-- /generated -->$",
    re.MULTILINE | re.DOTALL,
)
_STORED = re.compile(
    r"(?P<cell>^```\{code-cell\}[^\n]*\n(?:(?!```).*\n)*```\n)"
    r"\n<!-- prints -->\n```text\n(?:(?!```).*\n)*```\n",
    re.MULTILINE,
)
_FENCE = re.compile(r"^(```|:::).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def expand(text: str) -> str:
    """A page with what its marks stand for.

    Raises:
        KeyError: a mark that nothing stands for.
    """

    def made(mark: re.Match[str]) -> str:
        arguments = [mark["argument"]] if mark["argument"] else []
        return PARTS[mark["name"]](*arguments)

    return _MARK.sub(made, text)


def without_stored(text: str) -> str:
    """A page whose cells are executed, without what is stored of their output."""
    return _STORED.sub(r"\g<cell>", text)


def told(text: str) -> list[str]:
    """What a page that is not built says in the place of each of its marks."""
    return [mark["told"] for mark in _MARK.finditer(text)]


def first_words(text: str) -> str:
    """The first paragraph of a page, in one line, without marks of Markdown."""
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", _FENCE.sub("", body), flags=re.DOTALL)
    for paragraph in body.split("\n\n"):
        line = " ".join(paragraph.split())
        if line and not line.startswith(("#", "|", "-", "<", "!", "(")):
            plain = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", line)
            first = plain.split(". ")[0].rstrip(".:")
            return first if first.endswith("?") else f"{first}."
    return ""


def llms(pages: dict[str, tuple[str, str]], title: str) -> str:
    """``llms.txt``: of pages by name, (title, text), in their order.

    Each line links a page, and has the first sentence of it.
    """
    lines = [f"# {title}", "", f"> {first_words(pages['index'][1])}", "", "## Pages", ""]
    for name, (heading, text) in pages.items():
        if name != "index":
            lines.append(f"- [{heading}]({name}.html): {first_words(text)}".rstrip(": "))
    return "\n".join(lines) + "\n"


def _read(app: Any, name: str, source: list[str]) -> None:
    text = expand(source[0])
    executed = f"{name}.md" not in app.config.nb_execution_excludepatterns
    source[0] = without_stored(text) if executed else text


def _outdated(app: Any, env: Any, *pages: set[str]) -> list[str]:
    """Pages that are made from the program are read anew at every build: it may have changed."""
    return [
        name
        for name in env.found_docs
        if _MARK.search(Path(env.doc2path(name)).read_text(encoding="utf-8"))
    ]


def _names(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Attributes that share a line, ``a, b: text``: Napoleon would take the first for a type."""
    lines[:] = [
        re.sub(r"^(\s{4,})(\w+(?:, \w+)+):", lambda m: m[1] + m[2].replace(", ", ",") + ":", line)
        for line in lines
    ]


def _elsewhere(app: Any, env: Any, node: Any, content: Any) -> Any:
    """A reference to a name of the package that a page has by another module."""
    from sphinx.util.nodes import make_refnode

    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not re.match(r"bluezone_sim\.|\w+$", target):
        return None
    last = target.rsplit(".", 1)[-1]
    found = {
        (known.docname, known.node_id)
        for name, known in env.get_domain("py").objects.items()
        if name.rsplit(".", 1)[-1] == last
    }
    if len(found) != 1:
        return None
    ((page, anchor),) = found
    return make_refnode(app.builder, node["refdoc"], page, anchor, content, target)


def _listed(app: Any, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    env = app.env
    order = ["index", *(n for n in _in_order(env) if n != "index")]
    pages = {
        name: (env.titles[name].astext(), Path(env.doc2path(name)).read_text(encoding="utf-8"))
        for name in order
    }
    text = llms(pages, app.config.html_title)
    (Path(app.outdir) / "llms.txt").write_text(text, encoding="utf-8")


def _in_order(env: Any) -> list[str]:
    """Pages as the tables of contents have them."""
    order: list[str] = []

    def walk(name: str) -> None:
        if name not in order:
            order.append(name)
            for child in env.toctree_includes.get(name, ()):
                walk(child)

    walk("index")
    return order + sorted(env.found_docs - set(order))


def setup(app: Any) -> dict[str, Any]:
    """Adds them to Sphinx."""
    app.connect("env-get-outdated", _outdated)
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _names, priority=400)  # before Napoleon's
    app.connect("missing-reference", _elsewhere)
    app.connect("build-finished", _listed)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for page in sys.argv[1:]:
        print(expand(Path(page).read_text(encoding="utf-8")))
