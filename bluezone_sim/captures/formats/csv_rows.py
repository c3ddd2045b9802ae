"""Identifiers with times in a CSV, as people's own scripts write it.

A header names the columns: one of :data:`TIME`, one of :data:`IDENTIFIER`, and where they are there
:data:`RSSI`, :data:`PAYLOAD`, :data:`PROTOCOL`. Others are not used. Nothing is told by position.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import TextIO

import numpy as np

from ... import protocols
from ...errors import FormatError
from ...reading.bounded import csv_rows as split
from ...showing.visible import quoted
from ...tables.fields import RSSI_DBM, TIME_MS, UNKNOWN_RSSI_DBM
from ...tables.rows import Sightings

#: Names of columns; the protocol that a name of an identifier alone tells.
TIME = ("time", "timestamp", "unix_s", "unix_ms", "time_ms", "time_s", "datetime")
IDENTIFIER = {"identifier": "", "id": "", "rpi": "gaen", "tcn": "tcn", "hello": "robert"}
RSSI = ("rssi", "rssi_dbm")
PAYLOAD = ("payload", "aem")
PROTOCOL = ("protocol",)
_CHUNK_ROWS = 50_000
_MOST_LINE = 1 << 16
#: Unix times from here on are milliseconds: seconds of the year 5138.
_MILLISECONDS = 100_000_000_000


def is_rows(line: bytes) -> bool:
    """A first line that names a time and an identifier."""
    names = _names(line.decode("utf-8-sig", "replace"))
    return bool(set(names) & set(TIME)) and bool(set(names) & set(IDENTIFIER))


def _names(line: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in line.strip().split(_delimiter(line))]


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def read_rows(
    path: Path,
    observer: int,
    protocol: str | None = None,
    pass_over: Callable[[str], None] | None = None,
    not_used: Callable[[Iterable[str]], None] | None = None,
) -> Iterator[Sightings]:
    """Rows as sightings, a table a protocol and some ten thousand rows; without RSSI they are never near.

    Args:
        path: the file.
        observer: number of the phone.
        protocol: of identifiers, where neither a column nor the name of one tells it.
        pass_over: told of each row at fault, which is then left out; None: the first one is an error.
        not_used: told of the columns that say nothing here.

    Raises:
        FormatError: a column that is missing or named twice, or a row at fault, which is named.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline(_MOST_LINE)
            columns = _Columns(path, _names(first), protocol)
            if not_used is not None:
                not_used(columns.not_used())
            kept: dict[tuple[str, int], list[tuple[int, bytes, int, bytes]]] = {}
            for number, cells in enumerate(
                split(_lines(stream, path), _delimiter(first), path, count(2)), 2
            ):
                if not any(cell.strip() for cell in cells):
                    continue
                try:
                    name, row = columns.row(number, cells)
                except FormatError as fault:
                    if pass_over is None:
                        raise
                    pass_over(str(fault))
                    continue
                rows = kept.setdefault((name, len(row[3])), [])
                rows.append(row)
                if len(rows) >= _CHUNK_ROWS:
                    yield _table(name, rows, observer)
                    rows.clear()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: byte {error.start:,}: not UTF-8") from None
    for (name, _), rows in kept.items():
        if rows:
            yield _table(name, rows, observer)


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    while line := stream.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise FormatError(f"{path}: a line of more than {_MOST_LINE:,} characters")
        yield line


class _Columns:
    def __init__(self, path: Path, names: list[str], protocol: str | None) -> None:
        self.path, self.names = path, names
        twice = [name for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise FormatError(f"{path}: column {twice[0]!r} is there twice")
        self.time, self.identifier = self._one(TIME), self._one(tuple(IDENTIFIER))
        if self.time is None or self.identifier is None:
            wanted = TIME if self.time is None else tuple(IDENTIFIER)
            raise FormatError(
                f"{path}: expected a column {' or '.join(wanted)}, found {', '.join(names)}"
            )
        self.rssi, self.payload = self._one(RSSI), self._one(PAYLOAD)
        self.protocol = self._one(PROTOCOL)
        told = IDENTIFIER[names[self.identifier]] or protocol
        if told is None and self.protocol is None:
            raise FormatError(
                f"{path}: nothing tells whose identifiers these are; say it with --protocol, or add a "
                f"column protocol with one of {', '.join(protocols.names())}"
            )
        self.told = told or ""

    def not_used(self) -> list[str]:
        """Names of the columns that say nothing here."""
        used = (self.time, self.identifier, self.rssi, self.payload, self.protocol)
        return [name or "(no name)" for i, name in enumerate(self.names) if i not in used]

    def _one(self, wanted: tuple[str, ...]) -> int | None:
        found = [i for i, name in enumerate(self.names) if name in wanted]
        if len(found) > 1:
            both = " and ".join(self.names[i] for i in found)
            raise FormatError(f"{self.path}: columns {both}: expected one of them")
        return found[0] if found else None

    def row(self, number: int, cells: list[str]) -> tuple[str, tuple[int, bytes, int, bytes]]:
        if len(cells) != len(self.names):
            raise self._fault(number, f"expected {len(self.names)} columns, found {len(cells)}")
        assert self.time is not None
        assert self.identifier is not None
        name = self.told if self.protocol is None else cells[self.protocol].strip()
        if name not in protocols.names():
            raise self._fault(
                number, f"protocol: {quoted(name)} is none of {', '.join(protocols.names())}"
            )
        identifier = self._bytes(number, self.identifier, cells)
        size = protocols.get(name).id_bytes
        payload = b"" if self.payload is None else self._bytes(number, self.payload, cells)
        if (
            len(identifier) > size and not payload
        ):  # as on the air: the payload behind the identifier
            identifier, payload = identifier[:size], identifier[size:]
        if len(identifier) != size:
            raise self._fault(
                number,
                f"{self.names[self.identifier]}: expected {size} bytes of {name}, found "
                f"{len(identifier)}",
            )
        rssi = UNKNOWN_RSSI_DBM if self.rssi is None else self._rssi(number, cells[self.rssi])
        return name, (self._time(number, cells[self.time].strip()), identifier, rssi, payload)

    def _fault(self, number: int, what: str) -> FormatError:
        return FormatError(f"{self.path}: row {number}: {what}")

    def _bytes(self, number: int, at: int, cells: list[str]) -> bytes:
        text = cells[at].strip().replace("-", "").replace(":", "").removeprefix("0x")
        with_hex = len(text) % 2 == 0 and all(c in "0123456789abcdefABCDEF" for c in text)
        try:
            return bytes.fromhex(text) if with_hex else base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise self._fault(
                number,
                f"{self.names[at]}: expected hexadecimal digits or base64, found {quoted(text, 40)}",
            ) from None

    def _rssi(self, number: int, text: str) -> int:
        if not text.strip():
            return UNKNOWN_RSSI_DBM
        try:
            value = round(float(text))
        except (ValueError, OverflowError):
            value = 999
        if not RSSI_DBM.holds(value):
            raise self._fault(number, f"rssi: expected {RSSI_DBM}, found {quoted(text, 40)}")
        return value

    def _time(self, number: int, text: str) -> int:
        name = self.names[self.time or 0]
        try:
            value = float(text)
        except ValueError:
            return self._iso(number, text)
        in_ms = name.endswith("_ms") or (not name.endswith("_s") and value >= _MILLISECONDS)
        ms = value if in_ms else 1000 * value
        if not TIME_MS.holds(ms):
            raise self._fault(number, f"{name}: expected a unix time, found {quoted(text, 40)}")
        return round(ms)

    def _iso(self, number: int, text: str) -> int:
        try:
            when = dt.datetime.fromisoformat(text)
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            raise self._fault(
                number,
                f"{self.names[self.time or 0]}: expected a unix time, or an ISO time with its offset "
                f"from UTC, found {quoted(text, 40)}",
            )
        ms = round(when.timestamp() * 1000)
        if not TIME_MS.holds(ms):
            raise self._fault(number, f"time: expected one since 1970, found {quoted(text, 40)}")
        return ms


def _table(name: str, rows: list[tuple[int, bytes, int, bytes]], observer: int) -> Sightings:
    time, identifier, rssi, payload = zip(*rows, strict=True)
    n = len(rows)
    return Sightings(
        observer=np.full(n, observer, np.int32),
        time_ms=np.array(time, np.int64),
        identifier=np.frombuffer(b"".join(identifier), np.uint8).reshape(n, -1).copy(),
        rssi_dbm=np.array(rssi, np.int16),
        protocol=name,
        payload=np.frombuffer(b"".join(payload), np.uint8).reshape(n, -1).copy()
        if payload[0]
        else None,
    )
