"""The sqlite files of DP-3T's measurements: who heard whom how strongly, and how far apart they were.

Table ``results`` of github.com/DP-3T/bt-measurements: receiver, transmitter, their models, unix seconds
or milliseconds, RSSI, distance by camera; NULL or -1 where that is not known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from ...tables.rows import Sightings
from ..phones import PhoneNumbers
from .frames import Damage
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
#: Weakest and strongest RSSI that HCI can tell, dBm, and the farthest that Bluetooth reaches, metres.
_RSSI_DBM = (-127, 20)
_MOST_M = 1000.0
#: Unix times from here on are milliseconds: seconds of the year 5138.
_MILLISECONDS = 100_000_000_000
_UNKNOWN_M = -1
_ID_BYTES = 16


def read_measurements(
    path: Path, phones: PhoneNumbers, damage: Damage | None = None
) -> Iterator[Sightings]:
    """Rows of a measurement, some ten thousand at a time, as sightings of GAEN advertisements.

    The identifiers that were on air are not in the file: the transmitter's name stands for them. Its
    model is that with which the same phone receives, since in the files of exp34 the column repeats the
    receiver's; the column is used for a phone that receives nothing.

    Args:
        path: the file.
        phones: numbers the phones; files of one experiment share them.
        damage: where it is given, impossible rows are left out and noted.

    Raises:
        InputError: the file cannot be read.
        FormatError: no sqlite, no table of that name, a missing column, or a row at fault, which is
            named.
    """
    with opened(path) as database:
        yield from _rows(database, path, phones, damage)


def _rows(
    database: sqlite3.Connection, path: Path, phones: PhoneNumbers, damage: Damage | None
) -> Iterator[Sightings]:
    check_columns(database, path, TABLE, _COLUMNS)
    for name, model in database.execute(
        f"SELECT receiver_id, min(receiver_model) FROM {TABLE} GROUP BY 1"
    ):
        phones.model[str(name)] = str(model)
    cursor = database.execute(f"SELECT rowid, {', '.join(_COLUMNS)} FROM {TABLE} ORDER BY rowid")
    n = 0
    while rows := cursor.fetchmany(_CHUNK_ROWS):
        n += len(rows)
        good = [row for row in rows if _possible(row, path, damage)]
        if good:
            yield _sightings(good, phones)
    if not n:
        raise FormatError(f"{path}: table {TABLE} holds no rows")


def _possible(row: tuple[Any, ...], path: Path, damage: Damage | None) -> bool:
    """A row makes sense. Raises FormatError where it does not and there is nowhere to note it."""
    number, receiver, _, transmitter, _, time, rssi, distance = row
    faults = [
        f"{name}: expected {low:g} to {high:g} {unit}, found {value!r:.40}"
        for name, value, low, high, unit in (
            ("timestamp", time, 0, 1 << 43, "unix seconds or milliseconds"),
            ("rssi", rssi, *_RSSI_DBM, "dBm"),
            ("ground_truth_distance", distance, 0, _MOST_M, "metres, -1 or NULL"),
        )
        if not (
            (name == "ground_truth_distance" and value in (None, _UNKNOWN_M))
            or (isinstance(value, (int, float)) and low <= value <= high)
        )
    ] + [
        f"{name}: expected a name of 1 to {_ID_BYTES} bytes, found {value!r:.40}"
        for name, value in (("receiver_id", receiver), ("transmitter_id", transmitter))
        if value is None or not 1 <= len(str(value).encode()) <= _ID_BYTES
    ]
    if not faults:
        return True
    told = f"table {TABLE}, row {number}: {faults[0]}"
    if damage is None:
        raise FormatError(f"{path}: {told}")
    damage.note(told)
    return False


def _sightings(rows: list[tuple[Any, ...]], phones: PhoneNumbers) -> Sightings:
    _, receiver, _, transmitter, model, time, rssi, distance = zip(*rows, strict=True)
    for sender, kind in zip(transmitter, model, strict=True):
        phones.model.setdefault(str(sender), str(kind))
    n = len(rows)
    names = [str(sender).encode().ljust(_ID_BYTES, b"\0") for sender in transmitter]
    metres: NDArray[np.float32] = np.array(
        [np.nan if d is None or d == _UNKNOWN_M else d for d in distance], np.float32
    )
    return Sightings(
        observer=np.fromiter((phones.of(str(r)) for r in receiver), np.int32, n),
        time_ms=np.array([round(t if t >= _MILLISECONDS else t * 1000) for t in time], np.int64),
        identifier=np.frombuffer(b"".join(names), np.uint8).reshape(n, _ID_BYTES).copy(),
        rssi_dbm=np.array([round(r) for r in rssi], np.int16),
        protocol="gaen",
        true_sender=np.fromiter((phones.of(str(t)) for t in transmitter), np.int32, n),
        distance_m=metres,
    )
