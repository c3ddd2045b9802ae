"""Scenarios to start from: a town with every default in a comment, and the contacts of a trace."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..showing.visible import visible
from .describe import is_tables, toml_of, value_toml
from .inputs.traces.fill import FIRST_YEAR
from .model import Scenario
from .schema.by_name import ByName, by_name_in
from .schema.population import Population
from .schema.trace import TraceTable

if TYPE_CHECKING:  # a town is written without NumPy
    from ..tables.trace import Trace

_LEVELS = [0.2, 0.4, 0.6, 0.8, 1.0]
#: Guesses, each with a comment that says so.
_PEOPLE, _SMARTPHONES = 20_000, 0.6
#: Of a trace of which nothing says the place.
ZONE: str = Scenario.model_fields["timezone"].default
#: A Monday, for times that count from a midnight of which the file does not say the day.
GUESSED_START = dt.date(2020, 8, 3)
_GUESS = "a guess, put in that of your place"
#: Cases of a town: one person in so many, and so many at the least and at the most.
_ONE_IN, _FEWEST, _MOST = 20, 300, 3000


def name_of(file: Path) -> str:
    """The name of a scenario in a file: the file's own, in the letters that a name may have."""
    plain = unicodedata.normalize("NFKD", file.stem.replace("đ", "d").replace("Đ", "d"))
    letters = "".join(c for c in plain.lower() if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9._-]+", "-", letters).strip("-._") or "my-town"


def _cases(people: int, *, everybody: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """``[index_cases]`` and what is said of its keys: how many cases, and why so many.

    Args:
        people: there are.
        everybody: who is not there is of no interest, as in a trace.
    """
    count = min(people, _MOST if everybody else max(_FEWEST, min(_MOST, people // _ONE_IN)))
    why = "followed one by one; more make intervals narrower"
    if count == people:
        why = "everybody, each once"
    elif count < _MOST:
        why = (
            f"{100 * count / people:.2g} % of the people, {why}, but cases who meet share contacts, and "
            "with many of a town's people the intervals promise too much"
        )
    default = Scenario.model_fields["index_cases"].default.f2_count
    few = {"f2_count": count} if count < default else {}
    return {"count": count, **few}, {"index_cases.count": why}


def template(
    people: int | None = None,
    smartphone_share: float | None = None,
    ios_share: float | None = None,
    name: str = "my-town",
) -> str:
    """A scenario to start from: what must be set is set, every default stands in a comment.

    Args:
        people: of the population; by default a guess, as a comment says.
        smartphone_share: share of them who own a smartphone; by default a guess, as a comment says.
        ios_share: share of the smartphones that are iPhones; by default the schema's, in a comment.
        name: of the scenario.
    """
    says = {
        "date": "a guess; last local day of the look-back, on which cases are confirmed",
        "population.people": "" if people is not None else _GUESS,
        "population.smartphone_share": "share of people who own a smartphone"
        + ("" if smartphone_share is not None else f"; {_GUESS}"),
    }
    if ios_share is not None:
        usual = Population.model_fields["ios_share"]
        says["population.ios_share"] = (
            f"set by --ios-share (default {usual.default}: {usual.description})"
        )
    people = _PEOPLE if people is None else people
    share = _SMARTPHONES if smartphone_share is None else smartphone_share
    centre = -(-3 * people // 5)
    hills = [{"name": "Hills", "people": people - centre}] if people > centre else []
    population: dict[str, Any] = {
        "people": people,
        "districts": [{"name": "Centre", "people": centre, "urban_share": 0.7}, *hills],
        "smartphone_share": share,
    }
    if ios_share is not None:
        population["ios_share"] = ios_share
    cases, why = _cases(people, everybody=False)
    town = {
        "name": name,
        "title": f"{name}: {people:,} people, {100 * share:.3g} % of them with a smartphone",
        "date": dt.date(2020, 8, 12),
        "population": population,
        "adoption": {"levels": _LEVELS},
        "index_cases": cases,
    }
    lines = [
        "# What does this scenario teach? Say it here.",
        "#",
        "# Keys without a comment sign are set. The others show their default: take the sign away to",
        "# change one. A key that is misspelt, or that has no effect, is an error.",
        "",
    ]
    lines += _template(Scenario, town, "", False, says | why)
    return "\n".join(lines) + "\n"


def trace_template(
    file: str,
    table: TraceTable,
    trace: Trace,
    timezone: str | None = None,
    smartphone_share: float | None = None,
    ios_share: float | None = None,
    name: str = "my-trace",
    *,
    start_guessed: bool = False,
) -> str:
    """A scenario whose contacts are those of a measured trace, with what cannot be read out of it.

    Args:
        file: the trace, by the name that the scenario is to have.
        table: how it was read; what is not by default is written.
        trace: what was read.
        timezone: IANA name of the place; by default the schema's is assumed, a guess, as a comment says.
        smartphone_share: share of its people who own a smartphone; by default a guess, as a comment says.
        ios_share: share of the smartphones that are iPhones; by default the schema's.
        name: of the scenario.
        start_guessed: ``table`` has a start that is none of the file's; see :func:`without_date`.
    """
    n_days, groups = len(trace.days), len(trace.groups) if any(trace.groups) else 0
    last = trace.last_day
    first = last - dt.timedelta(days=n_days - 1)
    days = "1 day" if n_days == 1 else f"{n_days} days"
    when = "" if start_guessed else f", {first}" if n_days == 1 else f", {first} to {last}"
    who = f"{trace.n_people:,} people" + (f" in {groups} groups" if groups else "")
    cases, why = _cases(trace.n_people, everybody=True)
    given = table.model_dump(exclude_defaults=True, exclude={"file", "start"})
    zone = ZONE if timezone is None else timezone
    share = _SMARTPHONES if smartphone_share is None else smartphone_share
    lines = [
        "# What does this scenario teach? Say it here.",
        "#",
        f"# {Path(file).name}: {trace.rows:,} rows, {who}, {days}{when}.",
        f"# Read as {visible(trace.reading)}.",
        *(f"# {visible(note)}." for note in trace.notes),
        "# These are the scenario's people, days and groups. `bluezone-sim schema` has every key.",
        "",
        f"name = {value_toml(name)}",
        f"title = {value_toml(f'Contacts of {Path(file).name}: {who}, {days}')}",
        f"timezone = {value_toml(zone)}   # IANA name; days are cut at its midnights"
        + (f"; assumed, {_GUESS}" if timezone is None else ""),
        "",
        "[population]",
        f"smartphone_share = {share:g}   # of the people"
        + (f"; {_GUESS} (without the line everybody has one)" if smartphone_share is None else ""),
        *([] if ios_share is None else [f"ios_share = {ios_share:g}   # of the smartphones"]),
        "",
        "[adoption]",
        f"levels = {_LEVELS}",
        "",
        "[index_cases]",
        f"count = {cases['count']}   # {why['index_cases.count']}",
        *(f"{key} = {value}" for key, value in cases.items() if key != "count"),
        "",
        "[contacts]",
        'source = "trace"',
        "",
        "[contacts.trace]",
        f"file = {value_toml(file)}",
        *toml_of(given).strip().splitlines(),
    ]
    if table.start is not None:
        why_so = "; a guess: its times count from a midnight, and it does not say of which day"
        lines.append(
            f"start = {table.start}   # local day at whose midnight t is 0"
            + (why_so if start_guessed else "")
        )
    return "\n".join([*lines, ""])


def without_date(table: TraceTable, trace: Trace) -> bool:
    """The file's times count from a midnight of which nothing says the day."""
    return table.start is None and trace.last_day.year < FIRST_YEAR


def guesses(text: str) -> list[str]:
    """Keys of a scenario to start from that are guesses, as their comments say."""
    return [
        line.partition(" = ")[0]
        for line in text.splitlines()
        if "a guess" in line and line[:1] != "#"
    ]


def _template(
    model: type[BaseModel],
    given: dict[str, Any],
    path: str,
    quiet: bool,
    says: Mapping[str, str] | None = None,
) -> list[str]:
    """Lines of a table.

    Args:
        model: of the table.
        given: what is set; all else stands in a comment.
        path: dotted, empty at the top.
        quiet: everything stands in a comment.
        says: comments on what is set, by dotted key, where they are not those of defaults.
    """
    plain, nested, says = [], [], {} if says is None else says
    for name, field in model.model_fields.items():
        full = f"{path}.{name}" if path else name
        value, choice = given.get(name, field.default), by_name_in(field)
        comment = says.get(full, field.description or "")
        told = f"   # {comment}" if comment else ""
        if isinstance(value, BaseModel):
            nested += ["", f"# [{full}]", *_doc(type(value), field)]
            nested += _template(type(value), value.model_dump(), full, True)
            nested += [] if choice is None else _others(choice, full)
        elif name in given and isinstance(value, dict):
            inner: Any = field.annotation
            nested += ["", f"{'# ' if quiet else ''}[{full}]", *_doc(inner, field)]
            nested += _template(inner, value, full, quiet, says)
        elif is_tables(value) and name in given and name == "districts":
            nested += ["", "# Made up: put in those of your place."]
            for item in value:
                nested += [f"[[{full}]]", *(f"{k} = {value_toml(v)}" for k, v in item.items()), ""]
            del nested[-1]
        elif value is None or (field.is_required() and name not in given):
            continue
        elif name in given and not quiet:
            plain.append(f"{name} = {value_toml(value)}{told}")
        else:
            plain.append(f"# {name} = {value_toml(value)}{told}")
    return plain + nested


def _others(choice: ByName, path: str) -> list[str]:
    """The tables of the values that are not chosen, in comments."""
    lines = []
    for value in choice.registry.all():
        if value.name != choice.default:
            lines += ["", f"# With {choice.key} = {value_toml(value.name)}: {value.about}"]
            made = value.parameters.model_construct(**{choice.key: value.name})
            lines += _template(value.parameters, made.model_dump(), path, True)
    return lines


def _doc(model: type[BaseModel], field: FieldInfo) -> list[str]:
    text = (model.__doc__ or "").strip().splitlines()
    return [f"# {text[0]}"] if text else []
