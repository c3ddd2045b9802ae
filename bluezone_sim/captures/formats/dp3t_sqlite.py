"""The sqlite files of DP-3T's measurements: who heard whom how strongly, and how far apart they were.

Table ``results`` of github.com/DP-3T/bt-measurements: receiver, transmitter, their models, unix seconds,
RSSI, distance by camera or NULL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from ...tables.rows import Sightings

#: First bytes of an sqlite file.
MAGIC = b"SQLite format 3\0"
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
_ID_BYTES = 16


@dataclass
class PhoneNumbers:
    """Numbers of phones by name, in order of appearance, and their models.

    Attributes:
        number: number by name.
        model: model by name, where it is known.
    """

    number: dict[str, int] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The phone's number, a new one for a new phone."""
        return self.number.setdefault(name, len(self.number))


def read_measurements(path: Path, phones: PhoneNumbers) -> Iterator[Sightings]:
    """Rows of a measurement, some ten thousand at a time, as sightings of GAEN advertisements.

    The identifiers that were on air are not in the file: the transmitter's name stands for them. Its
    model is that with which the same phone receives, since in the files of exp34 the column repeats the
    receiver's; the column is used for a phone that receives nothing.

    Args:
        path: the file.
        phones: numbers the phones; files of one experiment share them.

    Raises:
        InputError: the file cannot be read.
        FormatError: no sqlite, no table of that name, a missing column, or a row at fault, which is
            named.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(MAGIC))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if magic != MAGIC:
        raise FormatError(f"{path}: expected an sqlite file, found {magic[:16]!r}")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        yield from _rows(database, path, phones)
    except sqlite3.Error as error:
        raise FormatError(
            f"{path}: sqlite cannot read it ({error}); is the file truncated?"
        ) from None
    finally:
        database.close()


def _rows(database: sqlite3.Connection, path: Path, phones: PhoneNumbers) -> Iterator[Sightings]:
    found = [
        str(name)
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    if TABLE not in found:
        raise FormatError(
            f"{path}: expected a table {TABLE!r}, found {', '.join(sorted(found)) or 'no table'}"
        )
    columns = [str(row[1]) for row in database.execute(f"PRAGMA table_info({TABLE})")]
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise FormatError(
            f"{path}: table {TABLE}: column {', '.join(missing)} missing; found {', '.join(columns)}"
        )
    for name, model in database.execute(
        f"SELECT receiver_id, min(receiver_model) FROM {TABLE} GROUP BY 1"
    ):
        phones.model[str(name)] = str(model)
    cursor = database.execute(f"SELECT rowid, {', '.join(_COLUMNS)} FROM {TABLE} ORDER BY rowid")
    n = 0
    while rows := cursor.fetchmany(_CHUNK_ROWS):
        n += len(rows)
        yield _sightings(rows, path, phones)
    if not n:
        raise FormatError(f"{path}: table {TABLE} holds no rows")


def _sightings(rows: list[tuple[Any, ...]], path: Path, phones: PhoneNumbers) -> Sightings:
    number, receiver, _, transmitter, model, time, rssi, distance = zip(*rows, strict=True)
    for name, values, low, high, unit in (
        ("timestamp", time, 0, 1 << 40, "unix seconds"),
        ("rssi", rssi, *_RSSI_DBM, "dBm"),
        ("ground_truth_distance", distance, 0, _MOST_M, "metres or NULL"),
    ):
        for row, value in zip(number, values, strict=True):
            if value is None and name == "ground_truth_distance":
                continue
            if not isinstance(value, (int, float)) or not low <= value <= high:
                raise FormatError(
                    f"{path}: table {TABLE}, row {row}: {name}: expected {low:g} to {high:g} {unit}, "
                    f"found {value!r:.40}"
                )
    for name, values in (("receiver_id", receiver), ("transmitter_id", transmitter)):
        for row, value in zip(number, values, strict=True):
            if value is None or not 1 <= len(str(value).encode()) <= _ID_BYTES:
                raise FormatError(
                    f"{path}: table {TABLE}, row {row}: {name}: expected a name of 1 to {_ID_BYTES} "
                    f"bytes, found {value!r:.40}"
                )
    for sender, kind in zip(transmitter, model, strict=True):
        phones.model.setdefault(str(sender), str(kind))
    n = len(rows)
    names = [str(sender).encode().ljust(_ID_BYTES, b"\0") for sender in transmitter]
    metres: NDArray[np.float32] = np.array(
        [np.nan if d is None else d for d in distance], np.float32
    )
    return Sightings(
        observer=np.fromiter((phones.of(str(r)) for r in receiver), np.int32, n),
        time_ms=np.array([round(t * 1000) for t in time], np.int64),
        identifier=np.frombuffer(b"".join(names), np.uint8).reshape(n, _ID_BYTES).copy(),
        rssi_dbm=np.array([round(r) for r in rssi], np.int16),
        protocol="gaen",
        true_sender=np.fromiter((phones.of(str(t)) for t in transmitter), np.int32, n),
        distance_m=metres,
    )
