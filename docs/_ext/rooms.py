"""The rooms of the package and who imports whom, as the test that keeps their order reads it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from markdown import code, table

_ROOT = Path(__file__).resolve().parents[2]
#: Sizes in the drawing, pixels.
_WIDTH, _FLOOR, _BOX_W, _BOX_H = 760, 62, 128, 30


@cache
def _test() -> ModuleType:
    """``tests/test_rooms.py``, which knows the floors and reads the imports."""
    sys.path.insert(0, str(_ROOT / "tests"))
    spec = importlib.util.spec_from_file_location("rooms_test", _ROOT / "tests" / "test_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def between() -> dict[str, frozenset[str]]:
    """A room to the rooms that it imports."""
    test = _test()
    found: dict[str, set[str]] = {room: set() for room in test.FLOOR}
    for module, targets in test.imports().items():
        room = test.room_of(module)
        found[room] |= {test.room_of(t) for t in targets if t != "bluezone_sim"} - {room}
    return {room: frozenset(targets) for room, targets in found.items()}


def direct() -> dict[str, frozenset[str]]:
    """The same without what follows from the rest: an arrow that others make up for is left out."""
    graph = between()

    def below(room: str) -> set[str]:
        return set(graph[room]).union(*(below(t) for t in graph[room]))

    return {
        room: frozenset(t for t in targets if not any(t in below(o) for o in targets - {t}))
        for room, targets in graph.items()
    }


def drawing() -> str:
    """The rooms as SVG in one line, from the ground up."""
    floors = [
        [room for room in rooms if not room.startswith("__") and room != "_version"]
        for rooms in _test().FLOORS
    ]
    floors = [rooms for rooms in floors if rooms]
    place: dict[str, tuple[float, float]] = {}
    for number, rooms in enumerate(reversed(floors)):
        gap = _WIDTH / (len(rooms) + 1)
        for n, room in enumerate(sorted(rooms)):
            # Every other floor stands aside, so that arrows past it can be seen.
            aside = (number % 3 - 1) * 90 if len(rooms) == 1 else 0
            place[room] = (gap * (n + 1) + aside, 24 + _FLOOR * number)
    height = _FLOOR * len(floors)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" style="max-width:100%;font:14px sans-serif"'
        ' xmlns="http://www.w3.org/2000/svg"><title>Rooms of the package, and what each imports'
        "</title>"
    ]
    for room, targets in direct().items():
        for target in sorted(targets):
            if room in place and target in place:
                (x1, y1), (x2, y2) = place[room], place[target]
                y1, y2 = y1 + _BOX_H / 2, y2 - _BOX_H / 2
                bend = (y2 - y1) / 2
                parts.append(
                    f'<path d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} '
                    f'{x2:.0f} {y2:.0f}" fill="none" stroke="currentColor" stroke-opacity="0.45"/>'
                )
    for room, (x, y) in place.items():
        parts.append(
            f'<rect x="{x - _BOX_W / 2:.0f}" y="{y - _BOX_H / 2:.0f}" width="{_BOX_W}" '
            f'height="{_BOX_H}" rx="6" fill="#2a6f97"/><text x="{x:.0f}" y="{y + 5:.0f}" '
            f'text-anchor="middle" fill="#fff">{room}</text>'
        )
    return "".join([*parts, "</svg>"])


def listing() -> str:
    """A room a row, from the top down: what it is for, its size, what it imports."""
    lines = []
    for rooms in reversed(_test().FLOORS):
        for room in sorted(rooms):
            if room.startswith("_"):
                continue
            modules = _modules(room)
            text = modules[0].read_text(encoding="utf-8")
            about = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0].replace("``", "`")
            size = sum(len(m.read_text(encoding="utf-8").split("\n")) - 1 for m in modules)
            imports = ", ".join(code(t) for t in sorted(between()[room]) if not t.startswith("_"))
            lines.append([code(room), about, str(len(modules)), f"{size:,}", imports or "none"])
    return table(("room", "what it is for", "modules", "lines", "imports"), lines)


def _modules(room: str) -> list[Path]:
    """A room's files, the one that tells what it is for first."""
    home = _ROOT / "bluezone_sim" / room
    if home.is_dir():
        return sorted(home.rglob("*.py"), key=lambda p: (p != home / "__init__.py", p))
    return [home.with_suffix(".py")]
