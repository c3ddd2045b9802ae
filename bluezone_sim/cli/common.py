"""What commands share: options, reading files, the console, the progress bar."""

from __future__ import annotations

import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BluezoneSimError, InputError
from ..reading.documents import toml_value
from .printing import console, echo, width_of_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..analysis.criteria import Verdict
    from ..simulation.evaluating import ProgressCallback
    from ..tables.table import Table


class StoppedError(BluezoneSimError):
    """The user stopped a command that had kept something; the message says what."""

    exit_code = 130  # as shells have it: 128 + SIGINT


Scenario = Annotated[
    str, typer.Argument(help="Name of a shipped scenario (see `list`), or path of a TOML file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a scenario key, such as radio.density=on."
    ),
]


#: Columns that words need beside a name.
_LEAST_ROOM = 24


def tell_private(path: Path) -> None:
    """Says of a recording what it has in it; its first line."""
    echo(
        f"bluezone-sim: {path} will hold identifiers of other people's phones; only you may read it "
        "(mode 600), so think before you pass it on",
        err=True,
    )


def settings_of(given: list[str] | None, example: str = "radio.density=on") -> dict[str, Any]:
    """``key=value`` pairs; a value is TOML where it can be, else text."""
    out: dict[str, Any] = {}
    for item in given or []:
        key, sign, text = item.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {item}: expected KEY=VALUE, such as {example}")
        out[key.strip()] = toml_value(text, f"--set {key.strip()}")
    return out


def show(terminal: Any, tables: Iterable[Table]) -> None:
    """Prints tables, each with its note below."""
    for table in tables:
        terminal.print(table)
        if table.note:
            terminal.print(table.note, style="dim")
            terminal.print()


def entries(named: Iterable[tuple[str, str]]) -> None:
    """Prints names and what is said of each: a line each, and on a terminal as many as it takes."""
    rows = list(named)
    width, reader = max((len(name) for name, _ in rows), default=0), width_of_reader(console())
    for name, text in rows:
        if reader is None:
            echo(f"{name:<{width}}  {text}")
            continue
        # Beside the longest name there may be too little room for words.
        indent = width + 2 if reader - width > _LEAST_ROOM else 4
        lines = textwrap.wrap(text, max(_LEAST_ROOM, reader - indent), break_long_words=False)
        if indent > width:
            echo(f"{name:<{width}}  {next(iter(lines), '')}")
            lines = lines[1:]
        else:
            echo(name)
        for line in lines:
            echo(f"{'':<{indent}}{line}")


def conclude(verdicts: Sequence[Verdict], *, quiet: bool) -> None:
    """Prints what the scenario expects; raises CriterionError where it is missed."""
    from ..analysis.criteria import require
    from ..report.text import verdict_lines

    if verdicts and not quiet:
        echo("\n".join(verdict_lines(verdicts)))
    require(verdicts)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[ProgressCallback | None]:
    """A bar on stderr where that is a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from ..simulation.rehearsal import COMPILING

    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("start", total=1.0)

        def report(done: float, stage: str) -> None:
            # How far a compiler is cannot be said: the bar moves to and fro.
            bar.tasks[task].total = None if stage == COMPILING else 1.0
            bar.update(task, completed=done, description=stage)

        yield report
