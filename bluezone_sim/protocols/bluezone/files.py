"""Bluezone's own formats: the server's CHECK_CONTACT_F0 message and a phone's ``data_trace.txt``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ...errors import MOST_TOLD, FormatError, RowsError, listed
from ...reading.documents import parse_json
from ...showing.visible import quoted
from ...tables.fields import RSSI_DBM, UNKNOWN_RSSI_DBM
from ...tables.rows import PublishedKeys, Sightings
from ..protocol import DAY_S

#: The walk of one entry covers at most so many days: the longest history the app's code names.
MAX_DAYS = 180

#: A history of months has a million rows of 70 bytes.
MOST_HISTORY = 256 << 20

_HEX_KEY = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    daily_key: _HEX_KEY
    time_start: Annotated[int, Field(ge=0, lt=1 << 40)]
    time_end: Annotated[int, Field(ge=0, lt=1 << 40)]
    max: Annotated[int, Field(ge=1, le=DAY_S)] = 96


_ENTRIES = TypeAdapter(list[_Entry])
#: Entries that are validated together.
_AT_ONCE = 1000


def is_message(data: bytes) -> bool:
    """A JSON object that is no list of DP-3T; a message that is broken is still told for one."""
    return data.lstrip().startswith(b"{") and b'"exposed"' not in data[:4096]


def parse_f0_message(data: bytes, source: str = "message") -> PublishedKeys:
    """Reads a CHECK_CONTACT_F0 message.

    Args:
        data: JSON, ``{"data": [{"daily_key": hex64, "time_start": s, "time_end": s, "max": 96}]}``.
        source: name of the file, for errors.

    Returns:
        One row an entry; ``count`` is the number of intervals that the app's walk visits, it goes on
        while an interval's start is at or before ``time_end``; ``meta`` holds ``max`` and
        ``time_end_s``.

    Raises:
        RowsError: entries are at fault; the first ones are named.
        FormatError: not JSON, or no message.
    """
    if not data.strip():
        raise FormatError(f'{source}: empty; expected a message {{"data": [...]}}')
    entries, told, n_faults = _entries(parse_json(data, source), source)
    n = len(entries)
    start = np.array([e.time_start for e in entries], dtype=np.int64)
    end = np.array([e.time_end for e in entries], dtype=np.int64)
    per_day = np.array([e.max for e in entries], dtype=np.int64)
    key = bytes.fromhex("".join(e.daily_key for e in entries))
    published = PublishedKeys(
        key=np.frombuffer(key, np.uint8).reshape(n, 32).copy(),
        start_s=start,
        count=((end - start) * 1000 // (DAY_S * 1000 // per_day) + 1).astype(np.int32)
        if n
        else np.empty(0, np.int32),
        meta={"max": per_day, "time_end_s": end},
    )
    if n_faults:
        lines = listed(told, n_faults)
        raise RowsError(
            f"{source}: not a Bluezone key message\n{lines}", kept=published, n=n_faults
        )
    return published


def _entries(raw: Any, source: str) -> tuple[list[_Entry], list[str], int]:
    """The entries of a message that can be used, what is wrong with the first of the others, and how
    many they are.

    Raises:
        FormatError: the message itself is at fault.
    """
    given = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(given, list):
        fault = f"expected a table with data, found {quoted(raw)}"
        if isinstance(raw, dict):
            found = f"expected a list, found {quoted(given)}" if "data" in raw else "missing"
            fault = f"data: {found}"
        raise FormatError(f"{source}: not a Bluezone key message\n  - {fault}")
    entries: list[_Entry] = []
    told: list[str] = []
    n_faults = 0
    for i, entry in enumerate(_validated(given)):
        if isinstance(entry, _Entry) and not (fault := _span_fault(entry)):
            entries.append(entry)
            continue
        n_faults += 1
        if len(told) < MOST_TOLD:
            lines = _faults_of(entry) if isinstance(entry, ValidationError) else [fault]
            told.append("\n".join(f"  - data[{i}]{line}" for line in lines))
    return entries, told, n_faults


def _validated(given: list[Any]) -> Iterator[_Entry | ValidationError]:
    """Some thousand at once, where all of them are right: a message may have a million."""
    for at in range(0, len(given), _AT_ONCE):
        part = given[at : at + _AT_ONCE]
        try:
            yield from _ENTRIES.validate_python(part)
        except ValidationError:
            yield from map(_one, part)


def _one(given: Any) -> _Entry | ValidationError:
    try:
        return _Entry.model_validate(given)
    except ValidationError as error:
        return error


def _faults_of(error: ValidationError) -> list[str]:
    return [f"{_where(e['loc'])}: {_say(e)}" for e in error.errors()]


def _span_fault(entry: _Entry) -> str:
    """What is wrong with the days of an entry, whose numbers are right in themselves."""
    span_s = entry.time_end - entry.time_start
    if span_s < 0:
        return f".time_end: {entry.time_end} is before time_start {entry.time_start}"
    if span_s > MAX_DAYS * DAY_S:
        days = f"{span_s / DAY_S:.0f} days after time_start"
        return f".time_end: {days}, expected at most {MAX_DAYS}"
    return ""


def _where(loc: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc)


def _say(error: object) -> str:
    kind, found = error["type"], error.get("input")  # type: ignore[index,attr-defined]
    if kind == "missing":
        return "missing"
    if kind == "string_pattern_mismatch":
        text = str(found)
        if len(text) != 64:
            return f"expected 64 hexadecimal digits, found {len(text)} characters"
        return f"expected hexadecimal digits, found {quoted(text, 80)}"
    return f"{error['msg']}, found {quoted(found)}"  # type: ignore[index]


def write_f0_message(published: PublishedKeys) -> bytes:
    """The message that publishes these keys."""
    per_day = published.meta.get("max", np.full(len(published), 96))
    interval_s = DAY_S / per_day
    last = published.start_s + ((published.count - 1) * interval_s).astype(np.int64)
    end = published.meta.get("time_end_s", last)
    return json.dumps(
        {
            "data": [
                {
                    "daily_key": bytes(published.key[i]).hex().upper(),
                    "time_start": int(published.start_s[i]),
                    "time_end": int(end[i]),
                    "max": int(per_day[i]),
                }
                for i in range(len(published))
            ]
        }
    ).encode()


@dataclass(frozen=True)
class HistoryReport:
    """What a history held: rows, and how many are earlier than the row before (phone clocks step)."""

    n_rows: int
    n_out_of_order: int


_NIBBLE = np.full(256, 255, np.uint8)
for _i, _c in enumerate(b"0123456789"):
    _NIBBLE[_c] = _i
for _i, _c in enumerate(b"abcdef"):
    _NIBBLE[_c] = _NIBBLE[_c - 32] = 10 + _i


def parse_history(
    data: bytes, source: str = "history", *, first_row: int = 1
) -> tuple[Sightings, HistoryReport]:
    """Reads a phone's ``data_trace.txt``: own id, seen id, RSSI, unix ms, tab-separated.

    Args:
        data: the file's bytes.
        source: name of the file, for errors.
        first_row: number of the first row, for errors, where the bytes are a part of the file.

    Returns:
        Sightings of observer 0 in the file's order, and a report.

    Raises:
        FormatError: empty, truncated, odd columns, non-hex or wrong-sized ids, numbers out of range;
            the first faulty row is named.
    """
    if not data.strip():
        raise FormatError(f"{source}: empty; expected rows of own id, seen id, RSSI, unix ms")
    lines = data.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    cells = [line.split(b"\t") for line in lines]
    where = _Where(source, first_row, len(cells))
    for row, found in enumerate(cells):
        if len(found) != 4:
            raise where.fault(
                row,
                f"expected 4 tab-separated columns (own id, seen id, RSSI, unix ms), found {len(found)}",
            )
    own, seen = (
        _identifiers([c[k] for c in cells], name, where)
        for k, name in ((0, "own id"), (1, "seen id"))
    )
    rssi = _integers(
        [c[2] for c in cells], "RSSI", where, UNKNOWN_RSSI_DBM, int(RSSI_DBM.high), "dBm"
    )
    # Before 2001 a millisecond stamp has fewer digits: a file in seconds is caught here.
    time_ms = _integers([c[3] for c in cells], "time", where, 10**12, 10**13, "unix milliseconds")
    sightings = Sightings(
        observer=np.zeros(len(cells), np.int32),
        time_ms=time_ms,
        identifier=seen,
        rssi_dbm=rssi.astype(np.int16),
        own_identifier=own,
    )
    return sightings, HistoryReport(len(cells), int(np.count_nonzero(np.diff(time_ms) < 0)))


@dataclass(frozen=True)
class _Where:
    """Names rows in errors."""

    source: str
    first_row: int
    n_rows: int

    def fault(self, row: int, message: str) -> FormatError:
        hint = "; is the file truncated?" if row == self.n_rows - 1 else ""
        return FormatError(f"{self.source}: row {self.first_row + row}: {message}{hint}")


def _identifiers(cells: list[bytes], name: str, where: _Where) -> NDArray[np.uint8]:
    lengths = np.fromiter(map(len, cells), np.int64, len(cells))
    bad = np.flatnonzero(lengths != 24)
    if len(bad):
        row = int(bad[0])
        raise where.fault(
            row,
            f"{name}: expected 24 hexadecimal digits (12 bytes), found {lengths[row]} characters",
        )
    nibbles = _NIBBLE[np.frombuffer(b"".join(cells), np.uint8).reshape(-1, 24)]
    bad = np.flatnonzero((nibbles == 255).any(axis=1))
    if len(bad):
        row = int(bad[0])
        raise where.fault(
            row, f"{name}: {cells[row].decode('ascii', 'replace')!r} is not hexadecimal"
        )
    return np.ascontiguousarray(nibbles[:, ::2] << 4 | nibbles[:, 1::2])


def _integers(
    cells: list[bytes], name: str, where: _Where, low: int, high: int, unit: str
) -> NDArray[np.int64]:
    out = np.empty(len(cells), np.int64)
    for row, cell in enumerate(cells):
        try:
            value = int(cell)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise where.fault(
                row,
                f"{name}: expected {unit} between {low} and {high}, found "
                f"{cell.decode('ascii', 'replace')!r}",
            )
        out[row] = value
    return out
