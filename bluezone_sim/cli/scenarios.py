"""``bluezone-sim list``, ``show``, ``new``, ``example`` and ``schema``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..reading.documents import read_toml
from .common import Settings, entries, settings_of
from .printing import echo, print_document


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("list")(list_scenarios)
    for command in (show, new, example, schema):
        app.command()(command)


def list_scenarios(
    rules: Annotated[
        bool, typer.Option("--rules", help="List the risk rules instead, with their sources.")
    ] = False,
) -> None:
    """List the shipped scenarios, or the risk rules."""
    if rules:
        _list_rules()
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
    from ..scenario import load, read, resolved_toml, sources
    from ..scenario.describe import toml_of, written_raw
    from ..scenario.sources import origins
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
        raw, text = parse_toml(*read(scenario)), resolved_toml(found)
    else:
        text = read(scenario)[0]
    if with_sources:
        echo("\n".join(sources(found, origins(raw, scenario, changes))))
    else:
        print_document(text)


def new(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    people: Annotated[int, typer.Option(min=2, help="Size of the population.")] = 20_000,
    smartphone_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of people who own a smartphone.")
    ] = 0.6,
    ios_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of smartphones that are iPhones.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Contacts from a measured trace; see `trace info`."),
    ] = None,
) -> None:
    """Write a commented scenario to start from."""
    from ..files import check_file, write_file
    from ..scenario import template, trace_template

    check_file(file)
    if file.exists():
        raise InputError(f"{file}: exists already; give another name, or remove it")
    text = (
        template(people, smartphone_share, ios_share)
        if trace is None
        else trace_template(trace, smartphone_share, ios_share)
    )
    write_file(file, text)
    echo(f"Written: {file}. Run it: bluezone-sim run {file}")


def example(
    name: Annotated[
        str | None, typer.Argument(help="A protocol, such as bluezone; without it all are listed.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Argument(help="To write; new, empty, or of an earlier example.")
    ] = None,
) -> None:
    """Write what a simulated phone heard, published keys, and what `match` finds, to try commands on."""
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
