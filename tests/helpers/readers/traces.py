"""Contact traces, and the people in them."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
from functools import partial
from typing import Any

from .. import contact_day
from .damage import gzipped, values_of
from .reader import Reader, each, folder, in_file

_TRACE = (
    b"CONN",
    b"up",
    b"down",
    b"-1",
    b"#",
    b"%",
    b"  ",
    b"t,i,j\n",
    b"1e300",
    b"-1e300",
    b"1,5",
)


def _trace(data: bytes, people: bool = False) -> None:
    from bluezone_sim.scenario.inputs.traces.reader import read_trace
    from bluezone_sim.scenario.schema.trace import TraceTable

    path = in_file("people" if people else "trace", data)
    table: dict[str, Any] = {"file": str(path), "start": dt.date(2013, 12, 2), "step_s": 20}
    if people:
        table |= {"file": str(in_file("trace", _steps())), "people": str(path)}
    asked = [table]
    if not people:
        asked += [
            {"file": str(path), "bad_rows": "count"},
            {
                "file": str(path),
                "columns": ["t", "i", "j"],
                "steps_per_day": 100,
                "encoding": "latin-1",
            },
            {"file": str(path), "dialect": "one"},
        ]

    def read(keys: dict[str, Any]) -> None:
        found = read_trace(TraceTable.model_validate(keys), "Europe/Paris")
        assert len(found.ids) == len(found.group)
        assert (found.duration_s > 0).all()

    each(folder(), [partial(read, keys) for keys in asked])


def _steps() -> bytes:
    return b"".join(b"%d %d %d\n" % row for row in contact_day.steps()[:400])


def _traces() -> list[bytes]:
    steps = contact_day.steps()[:60]
    return [
        b"".join(b"%d %d %d\n" % row for row in steps),
        b"t,i,j,distance_m\n" + b"".join(b"%d,%d,%d,1.5\n" % row for row in steps),
        b"start,end,i,j,rssi\n" + b"".join(b"%d,%d,%d,%d,-60\n" % (t, t + 20, i, j) for t, i, j in steps),
        b"t;i;j\n" + b"".join(b"2013-12-02T08:%02d:00;%d;%d\n" % (k % 60, i, j)
                              for k, (_, i, j) in enumerate(steps)),
        b"".join(b"%d CONN %d %d up\n%d CONN %d %d down\n" % (t, i, j, t + 20, i, j)
                 for t, i, j in steps),
    ]  # fmt: skip


def _trace_parquet(data: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = random.Random(data)
    columns: dict[str, Any] = {"t": [0, 20, 40], "i": [1, 1, 2], "j": [2, 3, 3]}
    for name in columns:
        if data and rng.random() < 0.4:
            value = rng.choice(values_of(data))
            columns[name] = [value, rng.choice((value, None)), value]
    out = io.BytesIO()
    try:
        pq.write_table(pa.table(columns), out)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pq.write_table(pa.table({"t": [0]}), out)
    return out.getvalue()


TRACES: tuple[Reader, ...] = (
    Reader("trace", _traces, _trace, ("scenario.inputs.traces.parse", "scenario.inputs.traces.text",
           "scenario.inputs.traces.layout", "scenario.inputs.traces.reader"), _TRACE),
    Reader("trace, gzip", lambda: [gzipped(data) for data in _traces()], _trace,
           ("scenario.inputs.traces.text",),
           _TRACE, pack=gzipped, within=gzip.decompress),
    Reader("trace, parquet", lambda: [_trace_parquet(b"")], _trace,
           ("scenario.inputs.traces.parse:rows_of|_parquet|_arrow|_of_text|_iso_text",),
           pack=_trace_parquet),
    Reader("people", lambda: [b"id,department,app,age,platform\n" + b"".join(
           b"%d,A,yes,%d,ios\n" % (k, 20 + k) for k in range(1, 13))],
           lambda data: _trace(data, people=True), ("scenario.inputs.traces.people",)),
)  # fmt: skip
