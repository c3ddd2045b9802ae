"""The sqlite file that RaMBLE exports (com.contextis.android.BLEScanner), a scanner for Android.

Table ``devices``, an advertiser a row: ``id``, ``address`` and ``service_data``, as ``fd6f:`` and
hexadecimal digits; table ``locations``, a row each time that it was heard: ``device_id``, ``timestamp``
in unix seconds, ``rssi`` in dBm. As mh-/corona-warn-companion-android (RambleDbOnDisk) reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError
from ...showing.visible import quoted
from ...tables.fields import RSSI_DBM, TIME_S
from ..packets import ADV_NONCONN_IND, NO_CHANNEL, Packets
from .sqlite_files import check_columns, opened

TABLES = ("devices", "locations")
_CHUNK_ROWS = 50_000
_SERVICE_DATA = re.compile(
    r"\b(?:0000)?([0-9a-fA-F]{4})(?:-[0-9a-fA-F-]+)?\s*[:=]\s*([0-9a-fA-F]+)"
)


def read_heard(path: Path) -> Iterator[Packets]:
    """What was heard, some ten thousand rows at a time, as packets with their service data alone.

    Raises:
        InputError: the file cannot be read.
        FormatError: no sqlite, a table or column is missing, or a row is at fault, which is named.
    """
    with opened(path) as database:
        check_columns(database, path, "devices", ("id", "address", "service_data"))
        check_columns(database, path, "locations", ("device_id", "timestamp", "rssi"))
        twice = database.execute("SELECT id FROM devices GROUP BY 1 HAVING count(*) > 1").fetchone()
        if twice is not None:  # joined, each row would be as many
            raise FormatError(f"{path}: table devices: id {quoted(twice[0], 40)} is there twice")
        cursor = database.execute(
            "SELECT l.rowid, l.timestamp, l.rssi, d.address, d.service_data FROM locations l "
            "JOIN devices d ON l.device_id = d.id ORDER BY l.timestamp, l.rowid"
        )
        while rows := cursor.fetchmany(_CHUNK_ROWS):
            yield _packets(rows, path)


def _packets(rows: list[tuple[Any, ...]], path: Path) -> Packets:
    for number, time, rssi, _, _ in rows:
        for name, value, can in (
            ("timestamp", time, TIME_S),
            ("rssi", rssi, RSSI_DBM),
        ):
            if not can.holds(value):
                raise FormatError(
                    f"{path}: table locations, row {number}: {name}: expected {can}, found "
                    f"{quoted(value, 40)}"
                )
    data = [_advertisement(str(text or "")) for *_, text in rows]
    size = np.array([len(d) for d in data], np.int32)
    width = int(size.max(initial=0))
    n = len(rows)
    return Packets(
        time_us=np.array([round(time * 1_000_000) for _, time, *_ in rows], np.int64),
        observer=np.zeros(n, np.int32),
        address=np.array([_address(row[3]) for row in rows], np.uint64),
        address_random=np.ones(n, np.bool_),
        rssi_dbm=np.array([round(row[2]) for row in rows], np.int16),
        channel=np.full(n, NO_CHANNEL, np.uint8),
        kind=np.full(n, ADV_NONCONN_IND, np.uint8),
        size=size,
        data=np.frombuffer(b"".join(d.ljust(width, b"\0") for d in data), np.uint8).reshape(
            n, width
        ),
    )


def _advertisement(text: str) -> bytes:
    """AD structures of service data: the list of services, and the data of each."""
    out = b""
    for uuid, content in _SERVICE_DATA.findall(text):
        name, value = bytes.fromhex(uuid)[::-1], bytes.fromhex(content[: len(content) // 2 * 2])
        if len(value) <= 250:
            out += b"\x03\x03" + name + bytes([len(value) + 3, 0x16]) + name + value
    return out


def _address(text: object) -> int:
    digits = str(text or "").replace(":", "")
    return int(digits, 16) if re.fullmatch(r"[0-9a-fA-F]{12}", digits) else 0
