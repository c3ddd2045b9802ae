"""A progress bar in a notebook, by ipywidgets where that is there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: A run that is over sooner shows none, seconds.
_PATIENCE_S = 1.0

#: Takes the share that is done, None where that cannot be said, and words.
Bar = Callable[[float | None, str], None]


@contextmanager
def notebook_bar() -> Iterator[Bar | None]:
    """A bar that goes away at the end; None outside of notebooks and without ipywidgets."""
    widgets = _widgets()
    if widgets is None:
        yield None
        return
    bar = _Bar(widgets)
    try:
        yield bar.show
    finally:
        bar.close()


def _widgets() -> Any:
    """ipywidgets, in a notebook's kernel; else None."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return None
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


class _Bar:
    """The widget, made when there is something to wait for."""

    def __init__(self, widgets: Any):
        self._widgets = widgets
        self._began = time.monotonic()
        self._parts: tuple[Any, Any] | None = None
        self._shown: Any = None

    def show(self, done: float | None, words: str) -> None:
        """Moves it."""
        if self._parts is None:
            if time.monotonic() - self._began < _PATIENCE_S:
                return
            self._parts = self._make()
        bar, label = self._parts
        bar.bar_style = "info" if done is None else ""
        if done is not None:
            bar.value = done
        label.value = words

    def _make(self) -> tuple[Any, Any]:
        from IPython import display

        bar, label = self._widgets.FloatProgress(min=0.0, max=1.0), self._widgets.Label()
        show: Any = display.display
        self._shown = show(self._widgets.HBox([bar, label]), display_id=True)
        return bar, label

    def close(self) -> None:
        """Takes it off the page."""
        if self._parts is None:
            return
        for part in self._parts:
            part.close()
        if self._shown is not None:
            self._shown.update({"text/plain": ""}, raw=True)
