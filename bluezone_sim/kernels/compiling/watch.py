"""Who wants to know that a kernel is being compiled, which takes seconds, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Called with True when a kernel begins to be compiled, here or by another process that this one waits
#: for, and with False when its code is there.
Watcher = Callable[[bool], None]

_watchers: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tells ``watcher`` while it lasts."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(busy: bool) -> None:
    """Tells all who want to know."""
    for watcher in tuple(_watchers):
        watcher(busy)
