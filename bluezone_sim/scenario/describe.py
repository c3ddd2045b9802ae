"""What scenarios can say: JSON Schema, a commented template, the resolved form."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..showing.visible import visible_toml
from .by_protocol import FILLED, as_written
from .dotted import SHORT
from .model import Scenario
from .profiles import profile_of
from .schema.by_name import ByName, by_name_in
from .schema.rules import RuleTable
from .values.registries import RULES


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario, with the descriptions, units and sources of its keys."""
    out = Scenario.model_json_schema()
    out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    out["title"] = "bluezone-sim scenario"
    return out


def resolved_toml(scenario: Scenario, *, stored: bool = False) -> str:
    """The scenario with every default written out; it loads back to an equal one.

    Keys that would be refused because they have no effect here are left out. Where arms or a grid change
    the protocol or the rule, what follows from these is in comments: written out it would hold in each.

    Args:
        scenario: any.
        stored: for :func:`.stored.stored_text`, which fills nothing in: all values are there.
    """
    raw = scenario.model_dump()
    follows = [] if stored or not _changes_rules(scenario) else _follow_protocol(scenario, raw)
    for path in _without_effect(scenario):
        # A table above it may be left out already.
        at: Any = raw
        *parents, last = path.split(".")
        for parent in parents:
            at = at.get(parent) or {}
        at.pop(last, None)
    lines = toml_of(raw).split("\n")
    for header, told in (
        ("[radio]", _from_profile(scenario)),
        ("[publication]", _from_rule(scenario)),
    ):
        if header in lines:
            below = lines.index(header) + 1
            lines[below:below] = told
    return "\n".join([*lines[:-1], *follows, ""])


def _changes_rules(scenario: Scenario) -> bool:
    """An arm or an axis sets the protocol or the rule."""
    grid, arms = scenario.sweep.grid if scenario.sweep else {}, []
    for table in (scenario.sensitivity, scenario.epidemic):
        arms += [arm.set for arm in table.arms] if table else []
    keys = [SHORT.get(key, key) for changes in (grid, *arms) for key in changes]
    return any(key.partition(".")[0] in ("protocol", "rule") for key in keys)


def _follow_protocol(scenario: Scenario, raw: dict[str, Any]) -> list[str]:
    """Takes out of ``raw`` what the protocol, or the rule's name, says; lines that tell it."""
    given = as_written(scenario, scenario.model_dump(exclude_defaults=True))
    lines = []
    for table, key in FILLED.items():
        said = {k: v for k, v in raw[table].items() if k not in given[table] and v is not None}
        if said:
            of = f"rule {scenario.rule.name}" if key in given[table] else scenario.protocol.name
            lines += ["", f"# {table}, as {of} has it, and what an arm names has its own:"]
            lines += [line and f"#   {line}" for line in _tables(said, table)]
        raw[table] = given[table]
        if not given[table]:
            del raw[table]
    return lines


def toml_of(raw: dict[str, Any]) -> str:
    """A mapping as the text of a TOML file."""
    return "\n".join(_tables(raw, "")).lstrip("\n") + "\n"


def _from_profile(scenario: Scenario) -> list[str]:
    """Duty cycles that the protocol's profile sets, in comments: the scenario says nothing of them."""
    profile = profile_of(scenario)
    does = profile.android.foreground
    values = {
        "scan_on_s": does.scan_on_s,
        "scan_period_s": does.scan_period_s(
            scenario.phones.screen_on_share, scenario.phones.audio_share
        ),
        "advertise_on_s": does.advertise_on_s,
        "advertise_period_s": does.advertise_period_s,
        "advertise_interval_ms": does.advertise_interval_ms,
    }
    return [
        f"# {key} = {_value(value)}   # Android, profile {profile.protocol}"
        for key, value in values.items()
        if getattr(scenario.radio, key) is None
    ]


def _from_rule(scenario: Scenario) -> list[str]:
    """The days that the rule's app publishes, in comments, of which the scenario says nothing."""
    window, own = scenario.published_days, scenario.publication
    days = {
        "before_onset_days": (own.before_onset_days, window.before_onset),
        "before_test_days": (own.before_test_days, window.before_test),
    }
    return [
        f"# {key}: the whole look-back, rule {scenario.rule.name}"
        if app is None
        else f"# {key} = {app}   # rule {scenario.rule.name}: {window.source}"
        for key, (given, app) in days.items()
        if given is None
    ]


def sources(scenario: Scenario) -> Iterator[str]:
    """Every number of a scenario, and what is known of where it comes from, a line each.

    A key's description names its source or says "assumed"; those of a risk rule have the rule's, those of
    the protocol's radio profile their own.
    """
    yield from _told(scenario, "", "", "")
    days = scenario.published_days
    yield f"published: from {_before(days.before_onset, 'onset')}   # {days.source}"
    profile = profile_of(scenario)
    values = profile.model_dump()
    for key, text in sorted(profile.sources.items()):
        yield f"profile {profile.protocol}: {key} = {_of_profile(values, key)}   # {text}"


def _of_profile(values: Any, key: str) -> Any:
    """A value by dotted key; that of a platform is its foreground's."""
    for part in key.split("."):
        values = values[part] if part in values else values["foreground"][part]
    return values


def _before(days: int | None, what: str) -> str:
    return "the start of the look-back" if days is None else f"{days} days before {what}"


#: Tables that say what is asked; none changes a number.
_ASKED = ("sensitivity", "sweep", "expect", "limits")


def _told(table: BaseModel, path: str, about: str, source: str) -> Iterator[str]:
    """Lines of a table; ``about`` it, and the source of all its values."""
    for name, field in type(table).model_fields.items():
        value, full = getattr(table, name), f"{path}.{name}" if path else name
        if full in _ASKED:
            continue
        if isinstance(value, RuleTable):
            yield from _told(value, full, "", RULES.get(value.name).about)
        elif isinstance(value, BaseModel):
            if field.description and any(f.description for f in type(value).model_fields.values()):
                yield f"{full}   # {field.description}"
            yield from _told(value, full, field.description or "", source)
        elif isinstance(value, list) and any(isinstance(row, BaseModel) for row in value):
            for i, row in enumerate(row for row in value if isinstance(row, BaseModel)):
                yield from _told(row, f"{full}[{i}]", field.description or "", source)
        elif value is not None and value != []:
            text = "; ".join(filter(None, (field.description or about, source)))
            yield f"{full} = {value}" + (f"   # {text}" if text else "")


def _without_effect(scenario: Scenario) -> list[str]:
    from .checks.cross import cross_faults

    raw = scenario.model_dump()
    return [f.path for f in cross_faults(raw, raw) if f.unused]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return visible_toml(value)
    if isinstance(value, (dt.date, int)):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items())
        return "{ " + inner + " }"
    raise TypeError(f"no TOML for {type(value)}")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else visible_toml(key)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _tables(raw: dict[str, Any], path: str) -> list[str]:
    """Lines of a table: its values, then its tables, then its arrays of tables."""
    lines = []
    nested = []
    for key, value in raw.items():
        if value is None:
            continue
        full = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, dict) and value and key != "set":
            nested.append((full, value, False))
        elif _is_tables(value) and key != "levels":
            nested += [(full, v, True) for v in value]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for full, value, array in nested:
        header = f"[[{full}]]" if array else f"[{full}]"
        lines += ["", header, *_tables(value, full)]
    return lines


_LEVELS = [0.2, 0.4, 0.6, 0.8, 1.0]


def _town(people: int, smartphone_share: float, ios_share: float | None) -> dict[str, Any]:
    """What must be set of a town: two districts, three fifths of the people in the first."""
    centre = -(-3 * people // 5)
    hills = [{"name": "Hills", "people": people - centre}] if people > centre else []
    population: dict[str, Any] = {
        "people": people,
        "districts": [{"name": "Centre", "people": centre, "urban_share": 0.7}, *hills],
        "smartphones": round(smartphone_share * people),
    }
    if ios_share is not None:
        population["ios_share"] = ios_share
    return {
        "name": "my-town",
        "title": "What this scenario asks",
        "date": dt.date(2020, 8, 12),
        "population": population,
        "adoption": {"levels": _LEVELS},
    }


def trace_template(
    trace: Path, smartphone_share: float = 0.6, ios_share: float | None = None
) -> str:
    """A scenario whose contacts are those of a measured trace, with what cannot be read out of it.

    Args:
        trace: its file, by the name that the scenario is to have.
        smartphone_share: share of its people who own a smartphone.
        ios_share: share of the smartphones that are iPhones; by default the schema's.
    """
    platform = [] if ios_share is None else [f"ios_share = {ios_share:g}"]
    return "\n".join(
        [
            "# What does this scenario teach? Say it here.",
            "#",
            "# People, days and groups are those of the trace; `bluezone-sim trace info` says what is",
            "# read of it, and how. `bluezone-sim schema` has every key that may be added.",
            "",
            'name = "my-trace"',
            'title = "What this scenario asks"',
            'timezone = "Etc/UTC"   # IANA name of the place; days are cut at its midnights',
            "",
            "[population]",
            f"smartphone_share = {smartphone_share:g}",
            *platform,
            "",
            "[adoption]",
            f"levels = {_LEVELS}",
            "",
            "[contacts]",
            'source = "trace"',
            "",
            "[contacts.trace]",
            f"file = {json.dumps(trace.as_posix(), ensure_ascii=False)}",
            "# start = 2020-08-01   # first day, where times count seconds from it",
            "",
        ]
    )


def template(
    people: int = 20_000, smartphone_share: float = 0.6, ios_share: float | None = None
) -> str:
    """A scenario to start from: what must be set is set, every default stands in a comment.

    Args:
        people: of the population.
        smartphone_share: share of them who own a smartphone.
        ios_share: share of the smartphones that are iPhones; by default the schema's, in a comment.
    """
    lines = [
        "# What does this scenario teach? Say it here.",
        "#",
        "# Keys without a comment sign have no default. The others show their default: take the sign",
        "# away to change one. A key that is misspelt, or that has no effect, is an error.",
        "",
    ]
    lines += _template(Scenario, _town(people, smartphone_share, ios_share), "", False)
    return "\n".join(lines) + "\n"


def _template(model: type[BaseModel], given: dict[str, Any], path: str, quiet: bool) -> list[str]:
    plain, nested = [], []
    for name, field in model.model_fields.items():
        full = f"{path}.{name}" if path else name
        value, choice = given.get(name, field.default), by_name_in(field)
        if isinstance(value, BaseModel):
            nested += ["", f"# [{full}]", *_doc(type(value), field)]
            nested += _template(type(value), value.model_dump(), full, True)
            nested += [] if choice is None else _others(choice, full)
        elif name in given and isinstance(value, dict):
            inner: Any = field.annotation
            nested += ["", f"{'# ' if quiet else ''}[{full}]", *_doc(inner, field)]
            nested += _template(inner, value, full, quiet)
        elif _is_tables(value) and name in given and name == "districts":
            for item in value:
                nested += ["", f"[[{full}]]", *(f"{k} = {_value(v)}" for k, v in item.items())]
        elif value is not None and not field.is_required() | (name in given) | quiet:
            plain.append(f"# {name} = {_value(value)}{_comment(field)}")
        elif value is not None:
            sign = "# " if quiet else ""
            plain.append(f"{sign}{name} = {_value(value)}{_comment(field)}")
    return plain + nested


def _others(choice: ByName, path: str) -> list[str]:
    """The tables of the values that are not chosen, in comments."""
    lines = []
    for value in choice.registry.all():
        if value.name != choice.default:
            lines += ["", f"# With {choice.key} = {_value(value.name)}: {value.about}"]
            made = value.parameters.model_construct(**{choice.key: value.name})
            lines += _template(value.parameters, made.model_dump(), path, True)
    return lines


def _comment(field: FieldInfo) -> str:
    return f"   # {field.description}" if field.description else ""


def _doc(model: type[BaseModel], field: FieldInfo) -> list[str]:
    text = (model.__doc__ or "").strip().splitlines()
    return [f"# {text[0]}"] if text else []
