"""An example of a contact trace: who met whom in a made-up hamlet, as badges would have noted it.

The contacts are those that scenarios generate, written as a file that scenarios read.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .._version import SCHEMA_VERSION
from ..connect import Town
from ..scenario import parse
from ..scenario.describe import toml_of
from ..scenario.inputs.traces.reader import read_trace
from ..scenario.schema.trace import TraceTable
from ..tables.settings import SETTINGS
from ..world.trace_summary import trace_info
from .readme import readme, write_document

NAME = "contact-trace"
_CONTACTS, _SCENARIO, _INFO = "contacts.csv", "hamlet.toml", "trace.json"
_PEOPLE, _DAYS, _SEED = 60, 5, 1
#: The Monday at whose midnight the times begin.
_START, _ZONE = dt.date(2020, 8, 10), "Asia/Ho_Chi_Minh"


def about() -> str:
    """What it holds, in a line."""
    return f"A contact trace: {_PEOPLE} made-up people, {_DAYS} days, and a scenario that reads it"


def write(part: Path) -> str:
    """Writes its files; its README is returned."""
    (part / _CONTACTS).write_text("\n".join(_rows()) + "\n", encoding="ascii")
    scenario = {
        "name": "hamlet",
        "title": f"{_PEOPLE} people, {_DAYS} days, from a contact trace",
        "timezone": _ZONE,
        "population": {"smartphone_share": 0.8},
        "contacts": {"source": "trace", "trace": {"file": _CONTACTS, "start": _START}},
        "adoption": {"levels": [0.5, 1.0]},
    }
    (part / _SCENARIO).write_text(toml_of(scenario), encoding="utf-8")
    found = trace_info(read_trace(TraceTable(file=str(part / _CONTACTS), start=_START), _ZONE))
    write_document(
        part / _INFO, {"schema_version": SCHEMA_VERSION, "file": _CONTACTS, **asdict(found)}
    )
    command = f"bluezone-sim trace info {_CONTACTS} --start {_START} --timezone {_ZONE}"
    return readme(
        f"Who met whom in a made-up hamlet of {_PEOPLE} people, from Monday to Friday.",
        [
            f"{_CONTACTS}: contacts outside the household, a row a stretch at one distance: start_s from",
            "  the midnight of Monday 10 August 2020, duration_s, the two people i and j, distance_m,",
            "  and the households Ci and Cj that they live in",
            f"{_SCENARIO}: a scenario that reads it",
            f"{_INFO}: what is read of it",
        ],
        [
            (command, "(people, days, durations, and how the columns were read)"),
            (f"{command} --json", f"(what {_INFO} holds)"),
            (f"bluezone-sim run {_SCENARIO}", "(its tables, and where its report is)"),
        ],
    )


def _rows() -> list[str]:
    """Lines of the file, its header first."""
    town = Town.build(
        parse(
            toml_of(
                {
                    "name": "hamlet",
                    "date": _START - dt.timedelta(days=1),
                    "timezone": _ZONE,
                    "population": {
                        "people": _PEOPLE,
                        "smartphones": _PEOPLE // 2,
                        "districts": [{"name": "Hamlet", "people": _PEOPLE}],
                    },
                    "adoption": {"levels": [1.0]},
                }
            )
        ),
        _SEED,
        days=_DAYS,
    )
    household = town.world.groups.of[0]
    lines = []
    for day in range(_DAYS):
        met = town.contacts(np.arange(_PEOPLE), day)
        met = met.take((met.a < met.b) & (met.setting != SETTINGS.index("household")))
        for n in np.lexsort((met.b, met.a, met.start_s)).tolist():
            i, j = int(met.a[n]), int(met.b[n])
            lines.append(
                f"{met.start_s[n] - town.midnight_s},{met.duration_s[n]},{i + 1},{j + 1},"
                f"{met.distance_m[n]:.2f},h{household[i] + 1},h{household[j] + 1}"
            )
    return ["start_s,duration_s,i,j,distance_m,Ci,Cj", *lines]
