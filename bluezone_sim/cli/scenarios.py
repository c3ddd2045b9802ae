"""``bluezone-sim list``, ``show``, ``new``, ``example`` and ``schema``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..reading.bounded import is_file, is_folder
from ..reading.documents import read_toml
from .common import Settings, entries, settings_of
from .printing import echo, print_document
from .trace import Columns, Dialect, Encoding, Ends, Start, Step, Unit, read, table_of


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("list")(list_scenarios)
    for command in (show, new, example, schema):
        app.command()(command)


def list_scenarios(
    rules: Annotated[
        bool, typer.Option("--rules", help="List the risk rules instead, with their sources.")
    ] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="List the metrics instead, by their names in files.")
    ] = False,
) -> None:
    """List the shipped scenarios, the risk rules, or the metrics."""
    if rules and metrics:
        raise InputError("--rules and --metrics: one list at a time")
    if rules:
        _list_rules()
        return
    if metrics:
        from ..tables.metrics import METRICS

        entries((metric.name, metric.title) for metric in METRICS.all())
        return
    from ..scenario import shipped

    entries((name, str(read_toml(path).get("title", ""))) for name, path in shipped().items())


def _list_rules() -> None:
    from .. import protocols
    from ..scenario.values.registries import RULES

    of: dict[str, list[str]] = {}
    for protocol in protocols.followed():
        of.setdefault(protocols.get(protocol).rule or "any-match", []).append(protocol)
    default = {name: f" [default of {', '.join(systems)}]" for name, systems in of.items()}
    entries((rule.name, rule.about + default.get(rule.name, "")) for rule in RULES.all())


def show(
    scenario: Annotated[
        str,
        typer.Argument(
            help="Name of a shipped scenario (see `list`), path of a TOML file, or folder of a run or "
            "sweep."
        ),
    ],
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Validate it and write every default out.")
    ] = False,
    with_sources: Annotated[
        bool,
        typer.Option(
            "--sources", help="Print every value with who set it, and its default's source."
        ),
    ] = False,
    settings: Settings = None,
) -> None:
    """Print a scenario; of a folder that of its run or sweep, to be kept in a file, changed and run."""
    from ..reading.documents import parse_toml
    from ..scenario import load, resolved_toml, sources
    from ..scenario import read as text_of
    from ..scenario.describe import toml_of, written_raw
    from ..scenario.sources import origins

    kept = None
    if is_folder(path := Path(scenario)) or (is_file(path) and path.name == "manifest.json"):
        from ..sweeping.recorded import recorded_scenario

        kept = recorded_scenario(scenario)
    if settings and kept is not None:
        raise InputError(
            f"--set: {scenario} holds what was run; bluezone-sim show {scenario} > my.toml writes a file "
            "that takes it"
        )
    if settings and not resolved and not with_sources:
        raise InputError("--set: shown only together with --resolved or --sources")
    changes = settings_of(settings)
    if kept is not None:
        found, comment = kept
        raw, text = written_raw(found), f"{comment}\n\n"
        text += resolved_toml(found) if resolved else toml_of(raw)
    elif resolved or with_sources:
        found = load(scenario, changes)
        raw, text = parse_toml(*text_of(scenario)), resolved_toml(found)
    else:
        text = text_of(scenario)[0]
    if with_sources:
        echo("\n".join(sources(found, origins(raw, scenario, changes))))
    else:
        print_document(text)


def new(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    people: Annotated[
        int | None, typer.Option(min=2, help="Size of the population; by default 20,000.")
    ] = None,
    smartphone_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of people who own a smartphone; by default 0.6."),
    ] = None,
    ios_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of smartphones that are iPhones.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Contacts from a measured trace; see `trace info`."),
    ] = None,
    columns: Columns = None,
    dialect: Dialect = None,
    encoding: Encoding = "utf-8",
    step_s: Step = None,
    t_unit_s: Unit = 1.0,
    t_ends: Ends = False,
    start: Start = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of a trace, an IANA name such as Europe/Paris.")
    ] = None,
    bad_rows: Annotated[
        str | None,
        typer.Option(help="Of a trace: refuse a file with bad rows (default), or count them."),
    ] = None,
) -> None:
    """Write a commented scenario to start from.

    Options from --columns on are of a trace, as `trace info` has them.
    """
    from ..files import check_file, write_file
    from ..scenario.starting import (
        GUESSED_START,
        ZONE,
        guesses,
        name_of,
        template,
        trace_template,
        without_date,
    )

    told: list[str] = []
    check_file(file)
    if file.exists():
        raise InputError(f"{file}: exists already; give another name, or remove it")
    if trace is None:
        of_trace = {
            "--columns": columns,
            "--dialect": dialect,
            "--step": step_s,
            "--start": start,
            "--timezone": timezone,
            "--unit": t_unit_s != 1 or None,
            "--t-ends": t_ends or None,
            "--encoding": encoding != "utf-8" or None,
            "--bad-rows": bad_rows,
        }
        if given := [option for option, value in of_trace.items() if value is not None]:
            raise InputError(f"{given[0]}: of a trace; give its file with --trace FILE")
        text = template(people, smartphone_share, ios_share, name_of(file))
    else:
        if people is not None:
            raise InputError("--people: the trace says who there is; leave it out")
        table = table_of(
            file=str(trace),
            columns=columns,
            dialect=dialect,
            encoding=encoding,
            start=start,
            step_s=step_s,
            t_unit_s=t_unit_s,
            t_ends=t_ends,
            bad_rows=bad_rows or "refuse",
        )
        found = read(table, timezone or ZONE)
        if undated := without_date(table, found):
            table = table.model_copy(update={"start": GUESSED_START})
            found = read(table, timezone or ZONE)
        if table.bad_rows == "count":
            from ..scenario.inputs.traces.reader import describe_counted

            told = [f"counted: {n:,}: {what}" for what, n in describe_counted(found.counted)]
        text = trace_template(
            _beside(file, trace),
            table,
            found,
            timezone,
            smartphone_share,
            ios_share,
            name_of(file),
            start_guessed=undated,
        )
    write_file(file, text)
    for line in told:
        echo(line)
    echo(f"Written: {file}. Run it: bluezone-sim run {file}")
    if guessed := guesses(text):
        echo(f"Guessed, as comments in it say: {', '.join(guessed)}")


def _beside(file: Path, trace: Path) -> str:
    """A trace's path as a scenario in ``file`` names it: from the scenario's own folder."""
    try:
        return Path(os.path.relpath(trace.absolute(), file.absolute().parent)).as_posix()
    except ValueError:  # on another drive
        return trace.absolute().as_posix()


def example(
    name: Annotated[
        str | None,
        typer.Argument(help="Such as bluezone or contact-trace; without it all are listed."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Argument(help="To write; new, empty, or of an earlier example.")
    ] = None,
) -> None:
    """Write small files to try commands on: what a phone heard, published keys, a contact trace."""
    from ..examples.folder import about, names, write_example

    if name is None:
        entries((known, about(known)) for known in names())
        return
    if folder is None:
        raise InputError(
            f"example {name}: where to? Give a folder: bluezone-sim example {name} DIR"
        )
    write_example(name, folder)
    echo((folder / "README.txt").read_text(encoding="utf-8"), nl=False)
    echo(f"Written: {folder}/", err=True)


def schema(
    of: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Of what this command prints with --json instead."),
    ] = None,
) -> None:
    """Print the JSON Schema of scenarios: every key with its unit, range, default and source.

    --of run prints that of `run --json`, --of "validate radio" that of `validate radio --json`.
    """
    if of is None:
        from ..scenario import schema as describe

        found = describe()
    else:
        from ..schemas.published import schema_of

        found = schema_of(of)
    echo(json.dumps(found, indent=2, ensure_ascii=False))
