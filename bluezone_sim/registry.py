"""Values by name: those that ship, and those that installed packages bring by entry points.

Protocols, rules, metrics, sources of contacts and interventions are each such a registry. A built-in goes
the same way as an outsider's: both are ``"module:value"`` until somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from typing import Any, Generic, TypeVar

from .errors import InputError

T = TypeVar("T")
#: So many names may stand in a message.
_MOST_NAMES = 16


class Registry(Generic[T]):
    """Values of one kind.

    Args:
        group: entry points that add to it: ``bluezone_sim.protocols``.
        what: one of them in words, for messages: "protocol".
        kind: the type of its values, as ``"module:class"``.
        shipped: name to the value or to ``"module:value"``, in the order in which they are listed and
            tried.
        listed: what lists them, where they are too many for a message: "`bluezone-sim list --rules`".
    """

    def __init__(
        self, group: str, what: str, kind: str, shipped: Mapping[str, str | T], listed: str = ""
    ):
        self.group, self.what, self.listed = group, what, listed
        self._kind, self._shipped = kind, shipped
        self._found: dict[str, T] = {}

    @cached_property
    def _homes(self) -> dict[str, Any]:
        homes: dict[str, Any] = dict(self._shipped)
        for point in sorted(_points(self.group), key=lambda p: (p.name, _package(p))):
            other = homes.get(point.name)
            if other is not None:
                outside = isinstance(other, EntryPoint)
                whose = _package(other) if outside else "bluezone_sim itself"
                raise InputError(
                    f"{self.what} {point.name!r}: of {_package(point)} and of {whose}; uninstall one, or "
                    f"give one another name (entry points {self.group})"
                )
            homes[point.name] = point
        return homes

    def names(self) -> tuple[str, ...]:
        """Names, the shipped ones first; loads none of them.

        Raises:
            InputError: two packages bring one name.
        """
        return tuple(self._homes)

    def __contains__(self, name: str) -> bool:
        return name in self._shipped or name in self._homes

    def outside(self) -> tuple[str, ...]:
        """Names that installed packages bring."""
        return tuple(name for name in self._homes if name not in self._shipped)

    def get(self, name: str) -> T:
        """The value of that name, loaded when it is first asked for.

        Raises:
            InputError: there is none (the nearest right name is given), its package cannot be imported,
                or what it brings is of another kind; the package is named.
        """
        if name not in self._found:
            self._found[name] = self._load(name)
        return self._found[name]

    def all(self) -> tuple[T, ...]:
        """Every value, in the order of :meth:`names`; see :meth:`get` for what it raises."""
        return tuple(self.get(name) for name in self.names())

    def _load(self, name: str) -> T:
        home = self._homes.get(name)
        if home is None:
            near = get_close_matches(str(name), self._homes, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            if self.listed and len(self._homes) > _MOST_NAMES:
                expected = f"one of {len(self._homes)} names, which {self.listed} tells"
            else:
                expected = f"one of {', '.join(self._homes)}"
            raise InputError(f"{self.what} {name!r}: expected {expected}{hint}")
        if not isinstance(home, EntryPoint):
            value: T = resolve(home) if isinstance(home, str) else home
            return value
        where = f"{self.what} {name!r} of the package {_package(home)}"
        try:
            found = home.load()
        except Exception as error:  # whatever the package does when it is imported
            raise InputError(
                f"{where}: {home.value} cannot be imported ({type(error).__name__}: {error}); mend or "
                "uninstall it"
            ) from error
        kind = resolve(self._kind)
        if not isinstance(found, kind):
            raise InputError(
                f"{where}: {home.value} is of type {type(found).__name__}, expected a {kind.__name__}"
            )
        if getattr(found, "name", name) != name:
            raise InputError(f"{where}: its value calls itself {found.name!r}; expected {name!r}")
        outsider: T = found
        return outsider


def resolve(home: str) -> Any:
    """What ``"module:name"`` stands for."""
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)


def code_of(
    home: str | Callable[..., Any], shipped: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    """The function that a value brings.

    Args:
        home: itself or ``"module:function"``; of a value that ships, its name in the room that calls it,
            since a value stands below the rooms that have its code.
        shipped: that room's functions by name.
    """
    if not isinstance(home, str):
        return home
    function: Callable[..., Any] = shipped[home] if home in shipped else resolve(home)
    return function


@cache
def _all_points() -> tuple[EntryPoint, ...]:
    """Those of any registry; only packages that name one are read."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for package in distributions():
        text = package.read_text("entry_points.txt")
        if text is not None and "bluezone_sim." in text:
            # The first on the path is the one that is imported.
            found.setdefault(package.name, tuple(package.entry_points))
    return tuple(point for points in found.values() for point in points)


def _points(group: str) -> list[EntryPoint]:
    return [point for point in _all_points() if point.group == group]


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
