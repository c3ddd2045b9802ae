"""``bluezone-sim trace``: contact traces that somebody measured."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .common import Json
from .printing import console, echo, print_json

if TYPE_CHECKING:
    from ..scenario.schema.trace import TraceTable
    from ..tables.trace import Trace


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(
        name="trace", help="Contact traces that somebody measured.", no_args_is_help=True
    )
    group.command()(info)
    app.add_typer(group)


Columns = Annotated[
    str | None,
    typer.Option(help="What the columns are, from the left, such as t,i,j,duration or i,j,skip,t."),
]
Dialect = Annotated[
    str | None,
    typer.Option(help="sociopatterns, copenhagen, haggle, konect, one, haslemere or netsense."),
]
Encoding = Annotated[str, typer.Option(help="Of text, such as latin-1.")]
Step = Annotated[
    int | None,
    typer.Option(
        "--step", help="Seconds that a row with t stands for; by default what they are apart."
    ),
]
Unit = Annotated[
    float, typer.Option("--unit", help="Seconds in one unit of t; 0.001 for milliseconds.")
]
Ends = Annotated[
    bool, typer.Option("--t-ends", help="t ends the row's step instead of beginning it.")
]
Start = Annotated[
    str | None, typer.Option(help="Local day at whose midnight t is 0, as 2013-06-24.")
]


def info(
    file: Annotated[Path, typer.Argument(help="Text (gzip too) or Parquet.")],
    columns: Columns = None,
    dialect: Dialect = None,
    encoding: Encoding = "utf-8",
    step_s: Step = None,
    t_unit_s: Unit = 1.0,
    t_ends: Ends = False,
    start: Start = None,
    observed: Annotated[
        str | None,
        typer.Option(
            help="First and last local day of the measurement, as 2013-06-24,2013-07-03: days without "
            "a contact count."
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="IANA name; without it that of scenarios, and a note says which."),
    ] = None,
    distance_m: Annotated[
        float, typer.Option("--distance", help="Metres, of rows without a distance.")
    ] = 1.5,
    people: Annotated[
        Path | None,
        typer.Option(help="File of id, group; its header may name app, platform, age, case."),
    ] = None,
    steps_per_day: Annotated[
        int | None, typer.Option(help="t counts steps, and so many make a day.")
    ] = None,
    first_step: Annotated[int, typer.Option(help="t of the first step.")] = 0,
    day_start_h: Annotated[
        float, typer.Option("--day-start", help="Local hour of a day's first step.")
    ] = 0.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a file with bad rows instead of counting them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print people, contacts, days, durations and repeated pairs of a trace, and how it was read."""
    from ..scenario.starting import ZONE
    from ..world.trace_summary import trace_info

    days = None if observed is None else tuple(_day("observed", d) for d in observed.split(","))
    if days is not None and (len(days) != 2 or days[1] < days[0]):
        raise InputError(
            f"--observed {observed}: expected the first and the last day, such as 2013-06-24,2013-07-03"
        )
    table = table_of(
        file=str(file),
        people=None if people is None else str(people),
        columns=columns,
        dialect=dialect,
        encoding=encoding,
        start=start,
        observed=days,
        step_s=step_s,
        t_unit_s=t_unit_s,
        t_ends=t_ends,
        steps_per_day=steps_per_day,
        first_step=first_step,
        day_start_h=day_start_h,
        distance_m=distance_m,
        bad_rows="refuse" if strict else "count",
    )
    trace = read(table, timezone or ZONE)
    found = trace_info(trace)
    dated = found.first_day > 3650
    notes = list(found.notes)
    if not dated:
        notes.append(
            "as unix seconds its times fall in 1970: t may count from a midnight (--start)"
        )
    if timezone is None:
        notes.append(f"its time zone is assumed: its days are those of {ZONE} (--timezone)")
    found = replace(found, notes=tuple(notes))
    if as_json:
        for note in notes:
            echo(f"note: {note}", err=True)
        print_json("trace info", {"file": str(file), **asdict(found)})
    else:
        from ..report.trace import trace_table

        console().print(trace_table(found, dated=dated))


def _day(option: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"--{option} {text}: expected a day such as 2013-06-24") from None


def read(table: TraceTable, timezone: str) -> Trace:
    """The trace, with its days by the clock of ``timezone``.

    Raises:
        InputError: there is no such time zone.
        FormatError: the file cannot be read.
    """
    from ..scenario.inputs.traces.reader import read_trace

    try:
        return read_trace(table, timezone)
    except (KeyError, OSError):
        raise InputError(
            f"--timezone {timezone}: expected an IANA name such as Europe/Paris"
        ) from None


def table_of(*, columns: str | None, start: str | None, t_ends: bool, **keys: object) -> TraceTable:
    """``[contacts.trace]`` by options.

    Raises:
        InputError: one of them cannot be; by its name.
    """
    words = None if columns is None else tuple(w.strip() for w in columns.split(","))
    day = None if start is None else _day("start", start)
    return _table(**keys, columns=words, start=day, t_ends=t_ends or None)


def _table(**keys: object) -> TraceTable:
    from pydantic import ValidationError

    from ..scenario.schema.trace import TraceTable

    try:
        return TraceTable.model_validate(keys)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        names = {"t_unit_s": "unit", "day_start_h": "day-start", "distance_m": "distance"}
        option = names.get(field, field.removesuffix("_s").replace("_", "-"))
        said = str(first["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
        number = "a number " if first["type"].startswith(("greater", "less")) else ""
        said = said.removeprefix("expected ")
        raise InputError(f"--{option} {first['input']}: expected {number}{said}") from None
