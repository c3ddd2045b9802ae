"""Sightings in Parquet as they come: a file that is whole again and again while it grows.

Parquet tells at its end what it holds, so a file that is cut off before holds nothing. Here each table is
written as row groups of their own, and now and then what they all are is written behind them. What comes
later goes behind that, and so does what is then told of all; readers go by the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ..tables.rows import Listening, Sightings
from .formats.parquet import MAGIC, as_table, notes, schema
from .recording import Recording

#: Zeros by which Arrow is led to where in the file its next row group stands.
_ZEROS = bytes(1 << 20)


class _Behind:
    """A stream as Arrow sees it, which counts from its own beginning; hushed, it lets nothing through."""

    closed = False

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self.hushed = True

    def write(self, data: bytes) -> int:
        return len(data) if self.hushed else self._stream.write(data)

    def flush(self) -> None:
        """Nothing is held here."""

    def close(self) -> None:
        """It is not Arrow's to close."""


class SightingsRecording(Recording):
    """Writes sightings table by table; :meth:`mark` makes the file whole.

    ::

        with SightingsRecording(path) as out:
            out.write(sightings)
            out.mark()
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self.stream.write(MAGIC)
        self._notes: dict[str, str] = {}
        #: What Arrow says of each table, and the bytes of the file with it.
        self._parts: list[tuple[Any, int]] = []
        self.rows = 0
        self._rows_whole = 0

    def write(self, sightings: Sightings) -> None:
        """Appends a table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not len(sightings):
            return
        told: list[Any] = []
        behind, at = _Behind(self.stream), self.stream.tell()
        sink = pa.PythonFile(behind, mode="w")
        # Its magic and its own footer are not written; in between are the row groups.
        out = pq.ParquetWriter(sink, schema(), compression="zstd", metadata_collector=told)
        try:
            zeros = pa.py_buffer(_ZEROS)
            while (gap := at - sink.tell()) > 0:
                sink.write(zeros.slice(0, min(gap, len(zeros))))
            behind.hushed = False
            out.write_table(as_table(sightings))
        finally:
            behind.hushed = True
            with suppress(Exception):  # of a table that was not written
                out.close()
        self.stream.flush()
        self._parts.append((told[0], self.stream.tell()))
        self.rows += len(sightings)

    def note(self, listening: Listening, clock: Iterable[tuple[int, int, bool]]) -> None:
        """Notes when the phone listened, and the steps of its wall clock; the next mark writes it."""
        self._notes = notes(listening, {}, clock)

    def mark(self) -> None:
        """Writes what the file holds behind it, and makes it whole."""
        self.stream.write(self._footer())
        super().mark()
        self._rows_whole = self.rows

    def _footer(self) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        told: list[Any] = []
        with pq.ParquetWriter(pa.BufferOutputStream(), schema(), metadata_collector=told) as empty:
            empty.add_key_value_metadata(self._notes)
        (whole,) = told
        for part, _ in self._parts:
            whole.append_row_groups(part)
        out = pa.BufferOutputStream()
        whole.write_metadata_file(out)
        footer: bytes = out.getvalue().to_pybytes()
        return footer[len(MAGIC) :]

    def cut(self) -> None:
        """Keeps the tables that are there where there is room to tell of them, else what was whole."""
        marked, parts = self._whole, list(self._parts)
        while parts and parts[-1][1] > marked:
            self._parts, self._whole = parts, parts[-1][1]
            super().cut()
            try:
                self.stream.write(self._footer())
                self.stream.flush()
            except OSError:
                parts.pop()
                continue
            self._whole = self.stream.tell()
            self.rows = sum(part.num_rows for part, _ in parts)
            return
        self._parts, self._whole, self.rows = parts, marked, self._rows_whole
        super().cut()

    def finish(self) -> None:
        """Makes it whole for the last time."""
        self.mark()
