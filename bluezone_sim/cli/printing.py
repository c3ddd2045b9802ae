"""What commands print: text of others made visible, on any terminal, into any pipe.

A file or a pipe gets UTF-8 whatever the locale; a terminal gets its own encoding, with the nearest
letters where that lacks some. Whoever closed the output, or filled the disk that it goes to, gets an exit
code and no traceback.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from .._version import SCHEMA_VERSION
from ..errors import BluezoneSimError
from ..showing.visible import visible

if TYPE_CHECKING:
    from typing import TextIO

#: How a pipe says that nobody reads it; Windows has a number of its own.
_LEFT = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)
_NEAREST = "bluezone_sim.nearest"
#: What stands in tables and sentences, for terminals that lack it; letters lose their accents.
_PLAIN = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "−": "-",
        "─": "-",
        "━": "-",
        "│": "|",
        "×": "x",
        "·": ".",
        "…": "...",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "≤": "<=",
        "≥": ">=",
        "→": "->",
        "µ": "u",
        "°": "deg",
        "Đ": "D",
        "đ": "d",
        "ı": "i",
        "ß": "ss",
        "²": "2",
    }
)


class OutputError(BluezoneSimError):
    """Standard output cannot be written to."""

    exit_code = 2


class ReaderLeftError(BluezoneSimError):
    """Whoever read our output has enough of it; there is nobody to tell."""

    exit_code = 0


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Prints text as lines."""
    _print(visible(text, keep="\n\t"), err=err, nl=nl)


def _print(text: str, *, err: bool = False, nl: bool = True) -> None:
    # Typer's echo would write UTF-8 to a terminal that knows ASCII alone.
    print(text, file=sys.stderr if err else sys.stdout, end="\n" if nl else "", flush=True)


def print_json(command: str, document: Any) -> None:
    """Prints what ``--json`` asks for, a line of plain JSON.

    Args:
        command: whose it is; its schema is that of this name (:mod:`bluezone_sim.schemas`).
        document: plain JSON types. One with keys is given the version of its layout where it has none.
    """
    if isinstance(document, dict) and "schema_version" not in document:
        document = {"schema_version": SCHEMA_VERSION, **document}
    echo(text_of(command, document))


def text_of(command: str, document: Any) -> str:
    """The line that :func:`print_json` prints."""
    return json.dumps(document, allow_nan=False)


def print_document(text: str) -> None:
    """Prints a document that somebody may keep: into a file or a pipe as it is."""
    if sys.stdout.isatty():
        echo(text, nl=False)
    else:
        _print(text, nl=False)


def width_of_reader(terminal: Any) -> int | None:
    """Columns of the terminal, or those that ``COLUMNS`` says; None where nobody says."""
    if terminal.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return int(terminal.size.width)
    return None


def console(width: int = 0, *, stderr: bool = False) -> Any:
    """A console on stdout or stderr, as wide as its reader's terminal.

    Args:
        width: where nobody says how wide they read, as into a pipe; by default that of most tables.
        stderr: on stderr.
    """
    from rich.console import Console

    from ..tables.table import WIDTH, Table

    class Terminal(Console):
        """What a scenario calls its measures or districts is text, whatever brackets it has."""

        def print(self, *objects: Any, **kwargs: Any) -> None:
            """Tables are in blocks where a reader's terminal is too narrow for them, and never cut."""
            usual, shown = self.width, [self.fitting(o) for o in objects]
            if width_of_reader(self) is None:
                # A console prints nothing wider than itself.
                tables = [o for o in objects if isinstance(o, Table)]
                self.width = max((t.width(self) for t in tables), default=usual)
            super().print(*shown, **kwargs)
            self.width = usual

        def fitting(self, shown: Any) -> Any:
            """Of a table what fits here; text with what is hidden in it made visible."""
            if isinstance(shown, Table):
                folded = width_of_reader(self) is not None and shown.width(self) > self.width
                return shown.blocks() if folded else shown.rich()
            return visible(shown, "\n") if isinstance(shown, str) else shown

    terminal = Terminal(highlight=False, markup=False, stderr=stderr)
    if width_of_reader(terminal) is None:
        terminal.width = width or WIDTH
    return terminal


def prepare_streams() -> None:
    """Makes stdout and stderr take any text, also where the caller has closed them.

    What is written to stdout then raises :class:`OutputError` or :class:`ReaderLeftError`; what stderr
    does not take is dropped.
    """
    codecs.register_error(_NEAREST, _nearest)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere(number))
        elif stream.isatty():
            stream.reconfigure(errors=_NEAREST)
        else:
            stream.flush()
            pipe = io.BufferedWriter(_Pipe(number))
            of_text = io.TextIOWrapper(
                pipe, encoding="utf-8", errors="backslashreplace", line_buffering=number == 2
            )
            setattr(sys, name, of_text)


class _Pipe(io.FileIO):
    """A file or a pipe that takes what it can: after a fault everything, and nothing comes of it."""

    def __init__(self, number: int):
        super().__init__(number, "wb", closefd=False)
        self._broken = False

    def write(self, data: Any, /) -> int:
        if self._broken:
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self._broken = True
            if self.fileno() == 2:
                return len(data)
            if error.errno in _LEFT:
                raise ReaderLeftError from None
            raise OutputError(
                f"standard output: cannot be written ({error.strerror or error}); make room, or send it "
                "somewhere else"
            ) from None


def _nowhere(number: int) -> TextIO:
    """In place of a stream that the caller has closed; takes its number, so that no file gets it."""
    try:
        os.fstat(number)
    except OSError:
        handle = os.open(os.devnull, os.O_WRONLY)
        if handle != number:
            os.dup2(handle, number)
            os.close(handle)
    return open(os.devnull, "w", encoding="utf-8")


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end].translate(_PLAIN)
    letters = unicodedata.normalize("NFKD", found)
    plain = (c for c in letters if not unicodedata.combining(c))
    return "".join(c if c.isascii() else "?" for c in plain), error.end
