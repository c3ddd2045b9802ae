"""Where every value of a scenario comes from: who set it, else the source of its default."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .by_protocol import filled_tables
from .dotted import SHORT, Raw, change, dotted, get, override
from .model import Scenario
from .profiles import profile_of
from .schema.rules import RuleTable
from .values.registries import RULES

#: Tables that say what is asked; none changes a number.
_ASKED = ("sensitivity", "sweep", "expect", "limits")
_NONE: Any = object()


@dataclass(frozen=True)
class Origins:
    """Who set which key.

    Attributes:
        of: words such as "set in town.toml", by dotted key; that of a table or list is of all in it.
        files: words for what a file that the scenario names fills in, or its protocol, by table.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, path: str) -> str:
        """Who set a key; empty where nobody did."""
        parts = path.replace("[", ".").replace("]", "").split(".")
        for n in range(len(parts), 0, -1):
            if found := self.of.get(".".join(parts[:n])):
                return found
        return ""

    def filled(self, path: str) -> str:
        """What else gave a key its value; empty where no file did."""
        for table, words in self.files.items():
            if path == table or path.startswith(table + "."):
                return words
        return ""


def origins(raw: Raw, source: str, overrides: Mapping[str, Any]) -> Origins:
    """Who set what, by a scenario as it is written and by what the command line changes.

    Args:
        raw: the file's mapping.
        source: what the file is called.
        overrides: as ``--set`` has them.
    """
    raw, said = copy.deepcopy(raw), set[str]()
    for key, value in overrides.items():
        given: Raw = {}
        override(given, SHORT.get(key, key), value)
        said.update(_keys(given))
        change(raw, key, value)
    found = dict.fromkeys(_keys(raw), f"set in {source}") | dict.fromkeys(said, "set by --set")
    files = {}
    if isinstance(name := get(raw, "radio.profile"), str):
        files["radio"] = f"set in {name}"
    if isinstance(name := get(raw, "contacts.trace.file"), str):
        for table in ("date", "look_back_days", "population", "contacts.trace", "index_cases"):
            files[table] = f"read from {name}"
    return Origins(found, files)


def _keys(raw: Raw) -> Iterator[str]:
    """Dotted keys of what is set, places in lists of tables as numbers."""
    for key, value in dotted(raw):
        if isinstance(value, list) and any(isinstance(row, dict) for row in value):
            yield from _keys({f"{key}.{i}": row for i, row in enumerate(value)})
        else:
            yield key
        if key == "population.smartphone_share":
            yield "population.smartphones"


def sources(scenario: Scenario, by: Origins | None = None) -> Iterator[str]:
    """Every value of a scenario, and what is known of where it comes from, a line each.

    A value that somebody set says who; the default that it replaces stands behind it. A key's description
    names the source of its default or says "assumed"; those of a risk rule have the rule's, those of the
    protocol's radio profile their own.

    Args:
        scenario: whose values.
        by: who set them, if that is known.
    """
    by = Origins() if by is None else by
    says = f"as protocol {scenario.protocol.name} has it"
    by = replace(by, files={**dict.fromkeys(filled_tables(scenario), says), **by.files})
    yield from _told(scenario, _NONE, "", "", "", by)
    days = scenario.published_days
    yield f"published: from {_before(days.before_onset, 'onset')}   # {days.source}"
    profile = profile_of(scenario)
    values = profile.model_dump()
    for key, text in sorted(profile.sources.items()):
        yield f"profile {profile.protocol}: {key} = {_of_profile(values, key)}   # {text}"


def _told(
    table: BaseModel, usual: Any, path: str, about: str, source: str, by: Origins
) -> Iterator[str]:
    """Lines of a table; the one that stands by default, ``about`` it, and the source of its values."""
    for name, info in type(table).model_fields.items():
        value, full = getattr(table, name), f"{path}.{name}" if path else name
        if full in _ASKED:
            continue
        default = getattr(usual, name) if type(usual) is type(table) else _default(info)
        if isinstance(value, RuleTable):
            yield from _told(value, _NONE, full, "", RULES.get(value.name).about, by)
        elif isinstance(value, BaseModel):
            if info.description and any(f.description for f in type(value).model_fields.values()):
                yield f"{full}   # {info.description}"
            yield from _told(value, default, full, info.description or "", source, by)
        elif isinstance(value, list) and any(isinstance(row, BaseModel) for row in value):
            for i, row in enumerate(row for row in value if isinstance(row, BaseModel)):
                yield from _told(row, _NONE, f"{full}[{i}]", info.description or "", source, by)
        elif value is not None and value != []:
            text = "; ".join(filter(None, (info.description or about, source)))
            comment = _comment(full, value, default, text, by)
            yield f"{full} = {value}" + (f"   # {comment}" if comment else "")


def _default(info: FieldInfo) -> Any:
    return _NONE if info.is_required() else info.get_default(call_default_factory=True)


def _comment(path: str, value: Any, default: Any, text: str, by: Origins) -> str:
    """Who set a value, and in brackets what its default would be; of a default its source."""
    some = default is not _NONE and default not in (None, "", [])
    who = by(path)
    if not who and value != default:
        who = by.filled(path) or ("follows from other keys" if default is not _NONE else "")
    if not who:
        return text
    if not some:
        return f"{who}: {text}" if text else who
    return f"{who} (default {default}{f': {text}' if text else ''})"


def _of_profile(values: Any, key: str) -> Any:
    """A value by dotted key; that of a platform is its foreground's."""
    for part in key.split("."):
        values = values[part] if part in values else values["foreground"][part]
    return values


def _before(days: int | None, what: str) -> str:
    return "the start of the look-back" if days is None else f"{days} days before {what}"
