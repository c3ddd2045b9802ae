"""The order of the rooms: no file imports in a circle, and no test file another test file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from helpers.paths import PACKAGE, ROOT


def _modules() -> dict[str, Path]:
    names = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("bluezone_sim", *path.relative_to(PACKAGE).with_suffix("").parts))
        names[name.removesuffix(".__init__")] = path
    return names


def imports() -> dict[str, set[str]]:
    """Module to the modules it imports: at the top, inside functions, for types, and as text."""
    modules = _modules()
    return {name: set(_targets(name, path, modules)) - {name} for name, path in modules.items()}


def _targets(name, path, modules):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[\w.]+:\w+", node.value):
                yield from {node.value.split(":")[0]} & set(modules)
        elif isinstance(node, ast.Import):
            yield from {a.name for a in node.names} & set(modules)
        elif isinstance(node, ast.ImportFrom):
            base = []
            if node.level:
                parts = name.split(".")
                drop = node.level - (path.name == "__init__.py")
                base = parts[: len(parts) - drop]
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for a in node.names:
                full = f"{module}.{a.name}"
                yield from {full if full in modules else module} & set(modules)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in graph[v]:
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = []
            while True:
                part.append(stack.pop())
                if part[-1] == v:
                    break
            if len(part) > 1:
                found.append(sorted(part))

    for v in graph:
        if v not in index:
            visit(v)
    return found


#: Files in circles today. The number only shrinks, to nothing.
IN_CIRCLES = 34


def test_no_more_files_import_in_a_circle():
    found = circles(imports())
    assert sum(map(len, found)) <= IN_CIRCLES, found


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_what_test_files_share_is_in_helpers():
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.split(".")[-1].startswith("test_")
    ]
    assert found == []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [a.name for a in node.names] if isinstance(node, ast.Import) else []
