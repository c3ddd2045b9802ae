"""The order of the rooms: no file imports in a circle, and no test file another test file."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from helpers.paths import PACKAGE


def _modules() -> dict[str, Path]:
    names = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("bluezone_sim", *path.relative_to(PACKAGE).with_suffix("").parts))
        names[name.removesuffix(".__init__")] = path
    return names


@cache
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


#: Rooms from the ground up. One imports lower floors only; those of one floor do not know each other.
FLOORS = (
    ("showing",),
    ("errors", "_version"),
    ("reading",),
    ("files", "registry"),
    ("kernels",),
    ("tables",),
    ("protocols",),
    ("scenario",),
    ("captures", "epidemiology", "matching", "world"),
    ("analysis", "radio"),
    ("simulation", "storage"),
    ("report", "sweeping"),
    ("api", "connect", "testing"),
    ("validation",),
    ("ble", "benchmarks", "examples"),
    ("schemas",),
    ("cli",),
    ("__init__", "__main__"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
#: Modules of a folder, and loose ones at the top, at the most.
MOST_MODULES, MOST_LOOSE = 16, 4


def room_of(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def test_no_file_imports_in_a_circle():
    assert circles(imports()) == []


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_a_room_imports_lower_floors_only():
    upward = [
        f"{module} -> {target}"
        for module, targets in imports().items()
        for target in targets - {"bluezone_sim"}
        if room_of(module) != room_of(target) and FLOOR[room_of(module)] <= FLOOR[room_of(target)]
    ]
    assert upward == []


def test_rooms_inside_a_room_import_one_way():
    graph: dict[str, set[str]] = {}
    for module, targets in imports().items():
        for target in targets:
            mine, other = module.split("."), target.split(".")
            if len(mine) < 4 or len(other) < 4 or mine[1] != other[1] or mine[2] == other[2]:
                continue
            graph.setdefault(".".join(mine[:3]), set()).add(".".join(other[:3]))
            graph.setdefault(".".join(other[:3]), set())
    assert circles(graph) == []


def test_no_room_is_a_heap():
    sizes: dict[Path, int] = {}
    for path in _modules().values():
        sizes[path.parent] = sizes.get(path.parent, 0) + 1
    assert {p.name: n for p, n in sizes.items() if p != PACKAGE and n > MOST_MODULES} == {}
    loose = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__", "__main__", "_version", "errors"}
    assert len(loose) <= MOST_LOOSE
