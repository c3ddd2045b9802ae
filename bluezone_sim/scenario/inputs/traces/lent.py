"""Traces in memory: read once while their file stays as it is, or lent by the process that read them."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ....errors import FormatError
from ....tables.trace import Trace
from ...schema.trace import TraceTable
from .reader import read_trace
from .text import raw_bytes

#: Traces that came with a job, by what a scenario says of them.
_LENT: dict[tuple[TraceTable, str], Trace] = {}


def cached(table: TraceTable, timezone: str) -> Trace:
    """:func:`read_trace`, once for a file that stays as it is.

    Where the file is not there, the trace that was lent is it. Where another file is, it is refused.

    Raises:
        FormatError: there is no such file and none was lent, it cannot be read, or it is another one
            than ``sha256`` says.
    """
    lent = _LENT.get((table, timezone))
    try:
        state = tuple(_state(Path(p)) for p in (table.file, table.people) if p)
    except FormatError:
        if lent is not None:
            return lent
        raise
    for name, said, at in zip(
        (table.file, table.people), (table.sha256, table.people_sha256), state, strict=False
    ):
        assert name is not None
        if said is not None and (found := _digest(Path(name), at)) != said:
            raise FormatError(
                f"{name}: is another file here, on {platform.node()}, than the one that the scenario was "
                f"made with (SHA-256 {found[:16]}..., not {said[:16]}...); put that one there, or read "
                "the scenario anew"
            )
    unsaid = table.model_copy(update={"sha256": None, "people_sha256": None})
    return lent if lent is not None else _cached(unsaid, timezone, state)


@functools.lru_cache(maxsize=2)
def _cached(table: TraceTable, timezone: str, state: tuple[tuple[int, int], ...]) -> Trace:
    return read_trace(table, timezone)


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
    return found.st_mtime_ns, found.st_size


@functools.cache
def _digest(path: Path, state: tuple[int, int]) -> str:
    return hashlib.sha256(raw_bytes(path)).hexdigest()


def digests(table: TraceTable) -> tuple[str, str | None]:
    """SHA-256 of the file and of that of its people: as the scenario has them, else of what is there."""

    def of(name: str, said: str | None) -> str:
        return said or _digest(Path(name), _state(Path(name)))

    people = None if table.people is None else of(table.people, table.people_sha256)
    return of(table.file, table.sha256), people


@contextmanager
def lending(table: TraceTable | None, timezone: str, trace: Trace | None) -> Iterator[None]:
    """While it lasts, :func:`cached` gives ``trace`` where there is no such file."""
    if table is None or trace is None:
        yield
        return
    _LENT[table, timezone] = trace
    try:
        yield
    finally:
        del _LENT[table, timezone]
