"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._version import __version__
from ..errors import BluezoneSimError, FolderWarning
from . import (
    bench,
    ble,
    compare,
    importing,
    keys,
    match,
    matrix,
    report,
    run,
    scenarios,
    sweep,
    trace,
    validate,
    verify,
)
from .printing import ReaderLeftError, echo, prepare_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

#: Exit code of a run that the user stopped, as shells have it: 128 + SIGINT.
INTERRUPTED = 130
_INTERNAL = 3
_STOPPED = "interrupted; nothing was written"

app = typer.Typer(
    name="bluezone-sim",
    help="How much contact does a Bluetooth contact-tracing app really find?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        echo(f"bluezone-sim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """How much contact does a Bluetooth contact-tracing app really find?"""


#: In the order of the help text.
_ROOMS = (
    run,
    sweep,
    compare,
    report,
    verify,
    scenarios,
    match,
    keys,
    importing,
    matrix,
    trace,
    validate,
    ble,
    bench,
)
for _room in _ROOMS:
    _room.register(app)


@cache
def _command() -> Callable[..., Any]:
    """All commands, as a process needs them once however often it calls :func:`main`."""
    return typer.main.get_command(app)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; the exit code says how it went (docs/reference/files.md lists them)."""
    # Without a home Matplotlib has two lines to say of a folder that it then makes and removes itself.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with _interrupts() as interrupted, _warnings():
        try:
            code = _command()(arguments, standalone_mode=False, prog_name="bluezone-sim")
            sys.stdout.flush()
            if code == INTERRUPTED:  # newer Typer turns the interrupt into an exit code
                raise KeyboardInterrupt
        except ReaderLeftError as left:
            return left.exit_code
        except BluezoneSimError as error:
            return _say(str(error), error.exit_code)
        except (KeyboardInterrupt, typer.Abort):
            return _say(_STOPPED, INTERRUPTED)
        except Exception as error:
            if interrupted:  # a library turned the interrupt into an error of its own
                return _say(_STOPPED, INTERRUPTED)
            # Typer carries click inside itself or beside itself, by version; its usage errors show
            # themselves either way.
            if hasattr(error, "show") and hasattr(error, "exit_code"):
                usage = io.StringIO()
                error.show(usage)
                echo(usage.getvalue(), err=True, nl=False)
                return int(error.exit_code)
            echo(traceback.format_exc(), err=True, nl=False)
            return _say(
                "this is a fault of bluezone-sim, not of your input; please report it", _INTERNAL
            )
    return code if isinstance(code, int) else 0


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collects the interrupts that arrive; each raises KeyboardInterrupt as ever."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _warnings() -> Iterator[None]:
    """Tells what is odd about a folder that is read as a line, each once."""
    said: set[str] = set()

    def line(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, FolderWarning):
            usual(message, category, *where, **more)
        elif str(message) not in said:
            said.add(str(message))
            echo(f"bluezone-sim: {message}", err=True)

    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.simplefilter("always", FolderWarning)
        warnings.showwarning = line
        yield


def entry() -> None:
    """The program: :func:`main`, then the process ends with its code."""
    prepare_streams()
    code = main()
    if code == INTERRUPTED:
        # An interrupt inside an exec'd string (a dataclass being made during an import) leaves a mark in
        # CPython, by which it would end itself with SIGINT after all and lose the exit code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _say(message: str, code: int) -> int:
    echo(f"bluezone-sim: {message}", err=True)
    return code
