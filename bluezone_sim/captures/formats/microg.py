"""``exposure.db`` of microG, the free Exposure Notification of phones without Google's services.

microg/GmsCore, play-services-nearby, ExposureDatabase.kt: table ``advertisements``, a row an identifier
while it lives: identifier, metadata, unix milliseconds of the first packet, mean RSSI in dBm, and
milliseconds until the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError
from ...showing.visible import quoted
from ...tables.fields import RSSI_DBM, TIME_MS
from ...tables.rows import Sightings
from .sqlite_files import check_columns, opened

TABLE = "advertisements"
_COLUMNS = ("rpi", "aem", "timestamp", "rssi", "duration")
_CHUNK_ROWS = 50_000
#: An identifier is kept for two hours more than it lives, at the longest.
_MOST_DURATION_MS = 3 * 3_600_000


def read_exposures(path: Path, observer: int) -> Iterator[Sightings]:
    """Rows as sightings: one at the first packet, and one at the last where that is another.

    Raises:
        InputError: the file cannot be read.
        FormatError: no sqlite, no table of that name, a missing column, or a row at fault, which is
            named.
    """
    with opened(path) as database:
        check_columns(database, path, TABLE, _COLUMNS)
        cursor = database.execute(
            f"SELECT rowid, {', '.join(_COLUMNS)} FROM {TABLE} ORDER BY timestamp, rowid"
        )
        while rows := cursor.fetchmany(_CHUNK_ROWS):
            for row in rows:
                _check(row, path)
            yield _sightings(rows, observer)


def _check(row: tuple[Any, ...], path: Path) -> None:
    number, rpi, aem, time, rssi, duration = row
    for name, value, good, expected in (
        ("rpi", rpi, isinstance(rpi, bytes) and len(rpi) == 16, "16 bytes"),
        ("aem", aem, isinstance(aem, bytes) and len(aem) == 4, "4 bytes"),
        ("timestamp", time, _within(time, TIME_MS.low, TIME_MS.high), "unix milliseconds"),
        ("rssi", rssi, _within(rssi, -200, 20), "-200 to 20 dBm"),
        ("duration", duration, _within(duration, 0, _MOST_DURATION_MS), "milliseconds up to 3 h"),
    ):
        if not good:
            raise FormatError(
                f"{path}: table {TABLE}, row {number}: {name}: expected {expected}, found "
                f"{quoted(value, 40)}"
            )


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int) and low <= value <= high


def _sightings(rows: list[tuple[Any, ...]], observer: int) -> Sightings:
    _, rpi, aem, time, rssi, duration = zip(*rows, strict=True)
    first = np.array(time, np.int64)
    last = first + np.array(duration, np.int64)
    row = np.concatenate([np.arange(len(rows)), np.flatnonzero(last > first)])
    when = np.concatenate([first, last[last > first]])
    order = np.argsort(when, kind="stable")
    row, when = row[order], when[order]
    return Sightings(
        observer=np.full(len(row), observer, np.int32),
        time_ms=when,
        identifier=np.frombuffer(b"".join(rpi), np.uint8).reshape(-1, 16)[row],
        rssi_dbm=np.maximum(np.array(rssi, np.int64), int(RSSI_DBM.low)).astype(np.int16)[row],
        protocol="gaen",
        payload=np.frombuffer(b"".join(aem), np.uint8).reshape(-1, 4)[row],
    )
