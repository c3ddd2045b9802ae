"""``bluezone-sim trace``: contact traces that somebody measured."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .common import Json, console

if TYPE_CHECKING:
    from ..tables.trace import Trace


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(
        name="trace", help="Contact traces that somebody measured.", no_args_is_help=True
    )
    group.command()(info)
    app.add_typer(group)


def info(
    file: Annotated[Path, typer.Argument(help="Text (gzip too) or Parquet.")],
    step_s: Annotated[
        int, typer.Option("--step", help="Seconds that a row with t stands for.")
    ] = 20,
    start: Annotated[
        str | None, typer.Option(help="Local day at whose midnight t is 0, as 2013-06-24.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="IANA name.")] = "Asia/Ho_Chi_Minh",
    distance_m: Annotated[
        float, typer.Option("--distance", help="Metres, of rows without a distance.")
    ] = 1.5,
    people: Annotated[Path | None, typer.Option(help="File of (id, group).")] = None,
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
    """Print people, contacts, days, durations and repeated pairs of a trace."""
    from pydantic import ValidationError

    from ..scenario.inputs.trace_reader import read_trace
    from ..scenario.schema.layers import TraceTable
    from ..world.trace_summary import trace_info

    try:
        table = TraceTable(
            file=str(file),
            people=None if people is None else str(people),
            start=None if start is None else dt.date.fromisoformat(start),
            step_s=step_s,
            steps_per_day=steps_per_day,
            first_step=first_step,
            day_start_h=day_start_h,
            distance_m=distance_m,
            bad_rows="refuse" if strict else "count",
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).removesuffix("_s").removesuffix("_m").removesuffix("_h")
        said = str(first["msg"]).removeprefix("Input should be ")
        raise InputError(
            f"--{option.replace('_', '-')} {first['input']}: expected a number {said}"
        ) from None
    except ValueError:
        raise InputError(f"--start {start}: expected a day such as 2013-06-24") from None
    try:
        trace = read_trace(table, timezone)
    except (KeyError, OSError):
        raise InputError(
            f"--timezone {timezone}: expected an IANA name such as Europe/Paris"
        ) from None
    found = trace_info(trace)
    if as_json:
        document = {"file": str(file), **asdict(found), "counted": trace.counted}
        typer.echo(json.dumps(document))
    else:
        _print(trace, dated=start is not None or found.first_day > 3650)


def _print(trace: Trace, *, dated: bool) -> None:
    from ..report.trace import trace_table

    console().print(trace_table(trace, dated=dated))
