"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import tomllib
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._version import __version__
from .errors import BluezoneSimError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .engine import Progress
    from .results.result import Result

#: Exit code of a run that the user stopped, as shells have it: 128 + SIGINT.
INTERRUPTED = 130
_INTERNAL = 3

app = typer.Typer(
    name="bluezone-sim",
    help="How much contact does a Bluetooth contact-tracing app really find?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_Scenario = Annotated[
    str, typer.Argument(help="Name of a shipped scenario (see `list`), or path of a TOML file.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a scenario key, such as radio.density=on."
    ),
]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"bluezone-sim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """How much contact does a Bluetooth contact-tracing app really find?"""


@app.command()
def run(
    scenario: _Scenario,
    seed: Annotated[int | None, typer.Option(help="Replace the scenario's seed.")] = None,
    settings: _Set = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write; by default runs/<id>.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace --out if it exists.")] = False,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default one a core. Results do not change.")
    ] = None,
    as_json: _Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Run a scenario: print its tables, write its run directory with a report."""
    from .scenario import load

    chosen = load(scenario, _settings(settings))
    seed = chosen.seed if seed is None else seed
    target = _default_out(chosen.name, seed) if out is None else out
    from .results.save import check_free

    check_free(target, force=force)
    from .engine import run as simulate

    with _progress(quiet=quiet) as report:
        result = simulate(chosen, seed, threads=threads, progress=report)
    result.save(target, force=force)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), allow_nan=False))
    elif not quiet:
        _print(result)
    if not quiet:
        typer.echo(f"Written: {target}/ (open {target / 'report.html'})", err=as_json)


@app.command("list")
def list_scenarios() -> None:
    """List the shipped scenarios."""
    from .scenario import shipped

    found = shipped()
    width = max(map(len, found), default=0)
    for name, path in found.items():
        title = tomllib.loads(path.read_text(encoding="utf-8")).get("title", "")
        typer.echo(f"{name:<{width}}  {title}")


@app.command()
def show(
    scenario: _Scenario,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Validate it and write every default out.")
    ] = False,
    settings: _Set = None,
) -> None:
    """Print a scenario."""
    from .scenario import load, read, resolved_toml

    if settings and not resolved:
        raise InputError("--set: shown only together with --resolved")
    text = resolved_toml(load(scenario, _settings(settings))) if resolved else read(scenario)[0]
    typer.echo(text, nl=False)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
) -> None:
    """Write a commented scenario to start from."""
    from .scenario import template

    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no folder {file.parent}")
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(template())
    except FileExistsError:
        raise InputError(f"{file}: exists already; give another name, or remove it") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error})") from None
    typer.echo(f"Written: {file}. Run it: bluezone-sim run {file}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenarios: every key with its unit, range, default and source."""
    from .scenario import schema as describe

    typer.echo(json.dumps(describe(), indent=2, ensure_ascii=False))


@app.command()
def match(
    keys: Annotated[Path, typer.Option(help="Keys, in Bluezone's CHECK_CONTACT_F0 message.")],
    history: Annotated[Path, typer.Option(help="A phone's data_trace.txt.")],
    as_json: _Json = False,
) -> None:
    """Look published keys up in a phone's history."""
    from .results.phone import look_up

    found = look_up(_bytes(keys), _bytes(history), str(keys), str(history))
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        _console().print(found.table())
        typer.echo(found.summary())


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _settings(given: list[str] | None) -> dict[str, Any]:
    """``key=value`` pairs; a value is TOML where it can be, else text."""
    out: dict[str, Any] = {}
    for item in given or []:
        key, sign, text = item.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {item}: expected KEY=VALUE, such as radio.density=on")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        out[key.strip()] = value
    return out


def _default_out(name: str, seed: int) -> Path:
    """``runs/<id>``: scenario, seed and time, numbered where two runs end up with one name."""
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    first = Path("runs") / f"{name}-seed{seed}-{now}"
    path, n = first, 1
    while path.exists():
        n += 1
        path = first.with_name(f"{first.name}-{n}")
    return path


def _console() -> Any:
    from rich.console import Console

    from .results.text import WIDTH

    # A table that a narrow terminal wraps can still be read; one with its numbers cut off cannot.
    console = Console(highlight=False)
    if not console.is_terminal or console.width < WIDTH:
        console.width = WIDTH
    return console


def _print(result: Result) -> None:
    from .results.text import NOTES, metrics_table, waterfall_table

    console = _console()
    console.print(result.headline())
    console.print(metrics_table(result.metrics))
    console.print(NOTES, style="dim")
    console.print()
    console.print(waterfall_table(result.metrics))
    console.print(f"{result.seconds:.1f} s, {result.peak_memory_mib:,.0f} MiB")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("start", total=1.0)
        yield lambda done, stage: bar.update(task, completed=done, description=stage)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; the exit code says how it went (see the README)."""
    try:
        code = app(arguments, standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # newer Typer turns the interrupt into an exit code
            raise KeyboardInterrupt
    except BluezoneSimError as error:
        return _say(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted; nothing was written", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output left; there is nobody to tell, also not when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # Typer carries click inside itself or beside itself, by version; its usage errors show
        # themselves either way.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show(sys.stderr)
            return int(error.exit_code)
        traceback.print_exc()
        return _say(
            "this is a fault of bluezone-sim, not of your input; please report it", _INTERNAL
        )
    return code if isinstance(code, int) else 0


def _say(message: str, code: int) -> int:
    typer.echo(f"bluezone-sim: {message}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
