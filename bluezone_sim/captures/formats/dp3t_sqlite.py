"""The sqlite files of DP-3T's measurements: who heard whom how strongly, and how far apart they were.

Table ``results`` of github.com/DP-3T/bt-measurements: receiver, transmitter, their models, unix seconds
or milliseconds, RSSI, distance by camera, NULL or -1 where it is not known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from ...showing.visible import quoted
from ...tables.fields import DISTANCE_M, RSSI_DBM, TIME_MS
from ...tables.rows import Sightings
from ..phones import PhoneNumbers
from .sqlite_files import check_columns, opened

TABLE = "results"
_COLUMNS = (
    "receiver_id",
    "receiver_model",
    "transmitter_id",
    "transmitter_model",
    "timestamp",
    "rssi",
    "ground_truth_distance",
)
_CHUNK_ROWS = 50_000
#: A distance that is not known, where it is not NULL.
_UNKNOWN_M = -1
_ID_BYTES = 16
#: Unix seconds of the year 5138, and unix milliseconds of 3 March 1973: a clock tells less than this in
#: seconds, and more in milliseconds.
_MILLISECONDS = 100_000_000_000


def read_measurements(
    path: Path, phones: PhoneNumbers, pass_over: Callable[[str], None] | None = None
) -> Iterator[Sightings]:
    """Rows of a measurement, some ten thousand at a time, as sightings of GAEN advertisements.

    The identifiers that were on air are not in the file: the transmitter's name stands for them. Its
    model is that with which the same phone receives, since in the files of exp34 the column repeats the
    receiver's; the column is used for a phone that receives nothing.

    Args:
        path: the file.
        phones: numbers the phones; files of one experiment share them.
        pass_over: told of each row at fault, which is then left out; None: the first one is an error.

    Raises:
        InputError: the file cannot be read.
        FormatError: no sqlite, no table of that name, a missing column, or a row at fault, which is
            named.
    """
    with opened(path) as database:
        yield from _rows(database, path, phones, pass_over)


def _rows(
    database: sqlite3.Connection,
    path: Path,
    phones: PhoneNumbers,
    pass_over: Callable[[str], None] | None,
) -> Iterator[Sightings]:
    check_columns(database, path, TABLE, _COLUMNS)
    for name, model in database.execute(
        f"SELECT receiver_id, min(receiver_model) FROM {TABLE} GROUP BY 1"
    ):
        phones.model[str(name)] = str(model)
    # One unit a file: by most of its rows.
    (late,) = database.execute(
        f"SELECT avg(timestamp >= {_MILLISECONDS}) FROM {TABLE} "
        "WHERE typeof(timestamp) IN ('integer', 'real')"
    ).fetchone()
    per_second = 1000 if late is not None and late > 0.5 else 1
    cursor = database.execute(f"SELECT rowid, {', '.join(_COLUMNS)} FROM {TABLE} ORDER BY rowid")
    n = 0
    while rows := cursor.fetchmany(_CHUNK_ROWS):
        n += len(rows)
        good = []
        for row in rows:
            fault = _fault(row, per_second)
            if not fault:
                good.append(row)
            elif pass_over is None:
                raise FormatError(f"{path}: table {TABLE}, row {row[0]}: {fault}")
            else:
                pass_over(f"{path}: table {TABLE}, row {row[0]}: {fault}")
        if good:
            yield _sightings(good, phones, per_second)
    if not n:
        raise FormatError(f"{path}: table {TABLE} holds no rows")


def _fault(row: tuple[Any, ...], per_second: int) -> str:
    """What is wrong with a row; empty where nothing is."""
    _, receiver, _, transmitter, _, time, rssi, distance = row
    unit = "unix seconds" if per_second == 1 else "unix milliseconds"
    least, most = (0.0, _MILLISECONDS) if per_second == 1 else (_MILLISECONDS, TIME_MS.high)
    for name, value, low, high, text in (
        ("timestamp", time, least, most, unit),
        ("rssi", rssi, RSSI_DBM.low, RSSI_DBM.high, "dBm"),
        ("ground_truth_distance", distance, 0, DISTANCE_M.high, "metres, NULL or -1"),
    ):
        if name == "ground_truth_distance" and value in (None, _UNKNOWN_M):
            continue
        if not isinstance(value, (int, float)) or not low <= value <= high:
            return f"{name}: expected {low:g} to {high:g} {text}, found {quoted(value, 40)}"
    for name, value in (("receiver_id", receiver), ("transmitter_id", transmitter)):
        if value is None or not 1 <= len(str(value).encode()) <= _ID_BYTES:
            return f"{name}: expected a name of 1 to {_ID_BYTES} bytes, found {quoted(value, 40)}"
    return ""


def _sightings(rows: list[tuple[Any, ...]], phones: PhoneNumbers, per_second: int) -> Sightings:
    _, receiver, _, transmitter, model, time, rssi, distance = zip(*rows, strict=True)
    for sender, kind in zip(transmitter, model, strict=True):
        phones.model.setdefault(str(sender), str(kind))
    n = len(rows)
    names = [str(sender).encode().ljust(_ID_BYTES, b"\0") for sender in transmitter]
    metres: NDArray[np.float32] = np.array(
        [np.nan if d in (None, _UNKNOWN_M) else d for d in distance], np.float32
    )
    return Sightings(
        observer=np.fromiter((phones.of(str(r)) for r in receiver), np.int32, n),
        time_ms=np.array([round(t * 1000 / per_second) for t in time], np.int64),
        identifier=np.frombuffer(b"".join(names), np.uint8).reshape(n, _ID_BYTES).copy(),
        rssi_dbm=np.array([round(r) for r in rssi], np.int16),
        protocol="gaen",
        true_sender=np.fromiter((phones.of(str(t)) for t in transmitter), np.int32, n),
        distance_m=metres,
    )
