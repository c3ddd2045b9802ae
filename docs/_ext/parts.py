"""What pages of the reference are made of: functions that ask the program and answer in Markdown."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import rooms
from keys import scenario_keys
from markdown import cell, code, table
from pydantic import BaseModel

import bluezone_sim
from bluezone_sim import protocols
from bluezone_sim.protocols.protocol import FixedId, Keys, Protocol
from bluezone_sim.scenario.values.registries import INTERVENTIONS, RULES, SOURCES
from bluezone_sim.tables import rows
from bluezone_sim.tables.metrics import METRICS
from bluezone_sim.tables.platforms import PAIRS, in_words, split


def commands() -> str:
    """The help of every command, as the program prints it."""
    from typer.main import get_command

    from bluezone_sim.cli import app

    parts = []
    for path, command in _commands(get_command(app), ()):
        if not hasattr(command, "commands"):
            parts += [f"## {' '.join(path)}", "", f"```text\n{_help(app, path)}\n```", ""]
    return "\n".join(parts)


def command_list() -> str:
    """A line a command: its name, which leads to its help, and what it does."""
    from typer.main import get_command

    from bluezone_sim.cli import app

    lines = [
        [f"[{' '.join(path)}](#{'-'.join(path)})", command.get_short_help_str(200)]
        for path, command in _commands(get_command(app), ())
        if not hasattr(command, "commands")
    ]
    return table(("command", "what it does"), lines)


def _commands(command: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Any]]:
    if path:
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


def _help(app: Any, path: Sequence[str]) -> str:
    from typer.testing import CliRunner

    wide = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    return str(
        CliRunner().invoke(app, [*path, "--help"], env=wide, prog_name="bluezone-sim").output
    ).strip()


def metrics() -> str:
    """Every number that ships; those by platforms once for all pairs."""
    plain, paired = [], {}
    for metric in METRICS.all():
        if (of := split(metric.name)) is None:
            where = " and ".join({"level": "adoption level", "day": "day"}[o] for o in metric.of)
            plain.append(
                [code(metric.name), metric.title, _unit(metric.unit), metric.better, where]
            )
        else:
            paired[of[0]] = metric.title.split(",")[0]
    pairs = [[code(f"{case}_{other}"), in_words(case, other)] for case, other in PAIRS]
    return "\n".join(
        [
            table(("name", "what it is", "unit", "better", "of each"), plain),
            "",
            "## By platforms of the two phones",
            "",
            "These exist for each pair of platforms too, as `NAME_CASE_OTHER`, such as",
            f"`recall_{PAIRS[0][0]}_{PAIRS[0][1]}`:",
            ", ".join(f"{code(name)} ({title})" for name, title in paired.items()) + ".",
            "",
            table(("ending", "whose phones"), pairs),
        ]
    )


def _unit(unit: Any) -> str:
    return str(getattr(unit, "name", "") or "")


def tables() -> str:
    """Tables of rows, from their docstrings."""
    found = [
        value
        for value in vars(rows).values()
        if isinstance(value, type)
        and issubclass(value, rows.Columns)
        and dataclasses.is_dataclass(value)
    ]
    parts: list[str] = []
    for kind in found:
        about, columns = _attributes(kind.__doc__ or "")
        home = "bluezone_sim" if kind.__name__ in bluezone_sim.__all__ else kind.__module__
        parts += [
            f"## {kind.__name__}",
            "",
            "```{eval-rst}",
            f".. py:class:: {home}.{kind.__name__}",
            f"   :canonical: {kind.__module__}.{kind.__name__}",
            "```",
            "",
            about,
            "",
        ]
        parts += [table(("column", "what it holds"), columns), ""]
    return "\n".join(parts)


def _attributes(docstring: str) -> tuple[str, list[list[str]]]:
    """(what stands before, [name, text] of each attribute) of a docstring."""
    before, _, after = docstring.partition("Attributes:")
    entries: list[list[str]] = []
    for line in after.split("\n"):
        start = re.match(r" {8}(\w[\w, ]*): (.*)", line)
        if start:
            entries.append([code(start[1]), start[2]])
        elif line.strip() and entries:
            entries[-1][1] += " " + line.strip()
    about = " ".join(before.split())
    return _plain(about), [[name, _plain(text)] for name, text in entries]


def _plain(text: str) -> str:
    """reStructuredText of a docstring as Markdown."""
    text = re.sub(r":\w+:`~?\.?([^`]*)`", r"`\1`", text)
    return text.replace("``", "`")


def rules() -> str:
    """The risk rules, with whose they are."""
    lines = [
        [
            code(rule.name),
            rule.title,
            rule.since,
            {"local": "local days", "utc": "UTC days"}[rule.days],
            rule.needs,
            rule.source,
        ]
        for rule in RULES.all()
    ]
    return table(("name", "what warns", "of", "counts", "reads", "source"), lines)


def sources() -> str:
    """Sources of contacts and interventions that scenarios can name."""
    lines = [
        [kind, code(value.name), getattr(value, "about", "") or getattr(value, "title", "")]
        for kind, registry in (("contacts.source", SOURCES), ("campaign kind", INTERVENTIONS))
        for value in registry.all()
    ]
    return table(("key", "name", "what it is"), lines)


# -- protocols ---------------------------------------------------------------------------------------


def protocol_list() -> str:
    """All protocols that ship, in a table that links their pages."""
    lines = []
    for name in protocols.names():
        if name in protocols.registry.PROTOCOLS.outside():
            continue
        value = protocols.get(name)
        lines.append([f"[{value.title}]({name}.md)", code(name), _matched_by(value), value.source])
    return table(("system", "name", "who matches", "read in"), lines)


def protocol(name: str) -> str:
    """A protocol, from its value and its radio profile."""
    value = protocols.get(name)
    return "\n".join(
        [
            "## Facts",
            "",
            table(("", ""), _facts(value)),
            "",
            "## On the air",
            "",
            "The radio profile of the app. A state says only what differs from the platform.",
            "",
            _profile(tomllib.loads(value.radio.read_text(encoding="utf-8"))),
        ]
    )


def _matched_by(value: Protocol) -> str:
    if isinstance(value.keys, Keys):
        return "phones, with published keys"
    return (
        "nobody: on the air alone" if isinstance(value.keys, FixedId) else "a server, with uploads"
    )


def _facts(value: Protocol) -> list[list[str]]:
    every = f"{value.interval_s:,} s" if value.interval_s else "never"
    facts = [
        ["name", code(value.name)],
        ["read in", value.source],
        [
            "identifier",
            f"{value.id_bytes} bytes; changes {'every ' * bool(value.interval_s)}{every}",
        ],
        ["who matches", _matched_by(value)],
        ["phones keep sightings", f"{value.retention_s / 86_400:g} days"],
        ["rule by default", code(value.rule) if value.rule else "none published: any match"],
        ["who confirms", value.confirmed_by],
        ["payload", " or ".join(str(n) for n in value.wire.payload_bytes) + " bytes"],
        ["services", ", ".join(_service(s) for s in value.wire.services) or "none"],
    ]
    if isinstance(value.keys, Keys):
        keys = value.keys
        made = {
            "fresh": "random, each by itself",
            "ratchet": "each day's from the one before",
            "own": "as the protocol says",
        }
        facts += [
            ["key", f"{keys.bytes} bytes, for {keys.per_key} identifiers; {made[keys.made]}"],
            ["a sighting matches", f"up to {keys.tolerance_s:,} s outside its interval"],
        ]
    facts += [["published as", f"{f.title} ({code(f.suffix)})"] for f in value.files]
    return facts


def _service(service: Any) -> str:
    return code(f"{service:04X}" if isinstance(service, int) else str(service))


def _profile(raw: dict[str, Any]) -> str:
    lines: list[list[str]] = []

    def walk(node: dict[str, Any], path: str) -> None:
        for key, value in node.items():
            full = f"{path}.{key}" if path else key
            if isinstance(value, dict) and "source" in value:
                lines.append([code(full), cell(value["value"]), value["source"]])
            elif isinstance(value, dict):
                walk(value, full)

    walk(raw, "")
    return table(("key", "value", "source"), lines)


# -- Python ------------------------------------------------------------------------------------------


def python_names() -> str:
    """Everything in ``bluezone_sim.__all__`` but the tables, which have a page."""
    table_names = {n for n in dir(rows) if isinstance(getattr(rows, n), type)}
    lines = ["```{eval-rst}", ".. currentmodule:: bluezone_sim", ""]
    for name in bluezone_sim.__all__:
        if name in table_names or name.startswith("__"):
            continue
        value = getattr(bluezone_sim, name)
        kind = "autofunction"
        if isinstance(value, type):
            kind = "autoexception" if issubclass(value, Exception) else "autoclass"
        keys = isinstance(value, type) and issubclass(value, BaseModel)
        # A scenario's keys have a page of their own, and make a signature of some pages.
        lines.append(f".. {kind}:: {name}{'(**keys)' * keys}")
        if kind == "autoclass" and not keys:
            lines += ["   :members:", "   :exclude-members: of"]
        lines.append("")
    return "\n".join([*lines, "```"])


def covasim(stored: str) -> str:
    """Whether the page about Covasim is executed; what it stores was printed by a version of it."""
    try:
        installed = version("covasim")
    except PackageNotFoundError:
        return (
            "> Covasim was not there when this page was built, so it was not executed: what stands below "
            f"each cell was printed by Covasim {stored}, and a test compares it. The figure is missing."
        )
    return f"This page was executed when it was built, with Covasim {installed}."


#: What a mark may name.
PARTS: dict[str, Callable[..., str]] = {
    "commands": commands,
    "command-list": command_list,
    "scenario-keys": scenario_keys,
    "metrics": metrics,
    "tables": tables,
    "rules": rules,
    "sources": sources,
    "protocol-list": protocol_list,
    "protocol": protocol,
    "python-names": python_names,
    "covasim": covasim,
    "rooms-drawing": rooms.drawing,
    "rooms-table": rooms.listing,
}
