"""Sightings in Parquet: one file, one row a record, any number of protocols.

Identifiers have one size a protocol, so they are variable in the file; columns that a row does not have
are null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import protocols
from ..._version import SCHEMA_VERSION, __version__
from ...errors import FormatError, TableError
from ...files import WholeFile
from ...reading.bounded import reading_as
from ...reading.documents import parse_json
from ...reading.parquet import arrow, read_metadata, read_parquet
from ...showing.visible import quoted, visible
from ...tables.fields import SIGHTINGS
from ...tables.rows import HEARD, Listening, Sightings

if TYPE_CHECKING:
    import pyarrow as pa

#: First bytes of a Parquet file.
MAGIC = b"PAR1"
_VERSION_KEY = b"bluezone_sim.schema_version"
_LISTENING_KEY = b"bluezone_sim.listening"
_BYTES = ("identifier", "payload", "own_identifier")
_TEXTS = ("protocol", *_BYTES)
_REQUIRED = ("protocol", "observer", "time_ms", "identifier", "rssi_dbm")


def schema() -> pa.Schema:
    """Columns of a file of sightings."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("protocol", pa.dictionary(pa.int8(), pa.string()), nullable=False),
            pa.field("observer", pa.int32(), nullable=False),
            pa.field("time_ms", pa.int64(), nullable=False),
            pa.field("identifier", pa.binary(), nullable=False),
            pa.field("rssi_dbm", pa.int16(), nullable=False),
            pa.field("payload", pa.binary()),
            pa.field("transport", pa.uint8()),
            pa.field("rssi_max_dbm", pa.int16()),
            pa.field("packets", pa.int32()),
            pa.field("own_identifier", pa.binary()),
            pa.field("address", pa.uint64()),
            pa.field("true_sender", pa.int32()),
            pa.field("distance_m", pa.float32()),
        ],
        metadata={_VERSION_KEY: str(SCHEMA_VERSION), b"bluezone_sim.version": __version__},
    )


class SightingsWriter(WholeFile):
    """Writes sightings table by table.

    ::

        with SightingsWriter(path) as out:
            out.write(sightings)
    """

    def __init__(self, path: Path):
        import pyarrow.parquet as pq

        super().__init__(path, private=True)  # it has other people's identifiers
        self._out = pq.ParquetWriter(self.stream, schema(), compression="zstd")

    def write(self, sightings: Sightings) -> None:
        """Appends a table."""
        if len(sightings):
            self._out.write_table(as_table(sightings))

    def note(self, listening: Listening | None, phones: Mapping[int, str] | None = None) -> None:
        """Notes when the phones listened, and their names; :func:`read_listening` gives both."""
        self._out.add_key_value_metadata(notes(listening, phones or {}))

    def finish(self) -> None:
        """Writes Parquet's footer."""
        self._out.close()

    abandon = finish


def as_table(sightings: Sightings) -> pa.Table:
    """Sightings with the columns of :func:`schema`."""
    import pyarrow as pa

    n = len(sightings)
    text = sightings.protocol.encode()
    ends = np.array([0, len(text)], np.int32)
    names = pa.StringArray.from_buffers(1, pa.py_buffer(ends), pa.py_buffer(text))
    zeros = _plain(np.zeros(n, np.int8), pa.int8())
    columns: list[Any] = [pa.DictionaryArray.from_arrays(zeros, names)]
    for field in schema():
        if field.name == "protocol":
            continue
        values = getattr(sightings, field.name)
        if values is None:
            columns.append(pa.nulls(n, field.type))
        elif field.name in _BYTES:
            columns.append(_binary(values))
        else:
            columns.append(_plain(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema())


def notes(
    listening: Listening | None,
    phones: Mapping[int, str],
    clock: Iterable[tuple[int, int, bool]] = (),
) -> dict[str, str]:
    """What a file tells beside its rows: when phones listened, their names, steps of the wall clock."""
    rows: list[list[int]] = []
    if listening is not None:
        columns = (listening.observer, listening.start_ms, listening.end_ms, listening.known)
        rows = [list(row) for row in zip(*(c.tolist() for c in columns), strict=True)]
    names = {str(number): name for number, name in phones.items()}
    document: dict[str, Any] = {"listening": rows, "phones": names}
    if steps := [{"unix_us": at, "by_us": by, "machine_slept": slept} for at, by, slept in clock]:
        document["wall_clock"] = steps
    return {_LISTENING_KEY.decode(): json.dumps(document)}


def _plain(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """A column of numbers, NaN as null; from its bytes, since Arrow's own way imports pandas."""
    import pyarrow as pa

    fixed = np.ascontiguousarray(values, "float32" if str(kind) == "float" else str(kind))
    valid = None
    if fixed.dtype.kind == "f":
        valid = pa.py_buffer(np.packbits(~np.isnan(fixed), bitorder="little"))
    return pa.Array.from_buffers(kind, len(fixed), [valid, pa.py_buffer(fixed)])


def _binary(rows: NDArray[np.uint8]) -> pa.Array:
    import pyarrow as pa

    flat = np.ascontiguousarray(rows).reshape(-1)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(flat)]
    ).cast(pa.binary())


def write_sightings(path: Path, tables: Iterable[Sightings]) -> None:
    """Writes a file of sightings, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    with SightingsWriter(path) as out:
        for table in tables:
            out.write(table)


def read_listening(path: Path) -> tuple[Listening | None, dict[int, str]]:
    """When the phones of a file of sightings listened, None where it does not tell, and their names.

    Raises:
        InputError: the file cannot be read.
        FormatError: not Parquet, or what it tells of that makes no sense.
    """
    text = read_metadata(path).get(_LISTENING_KEY)
    if text is None:
        return None, {}
    with reading_as("what this program writes there", f"{path}: {_LISTENING_KEY.decode()}"):
        document = parse_json(text, path)
        names = {int(number): str(name) for number, name in document["phones"].items()}
        table = np.array(document["listening"], np.int64).reshape(-1, 4)
        if len(table) and not (
            table.min() >= 0
            and (table[:, 1] <= table[:, 2]).all()
            and table[:, 3].max() <= HEARD
            and table[:, 0].max() <= SIGHTINGS["observer"].high
        ):
            raise ValueError("numbers that make no sense")
        listening = Listening(
            table[:, 0].astype(np.int32), table[:, 1], table[:, 2], table[:, 3].astype(np.uint8)
        )
    return (listening if len(listening) else None), names


def read_sightings(path: Path) -> dict[str, Sightings]:
    """Reads a file of sightings: a table a protocol, rows in the file's order.

    A column that some rows of a protocol lack is left out, as where captures and measurements were
    imported into one file; distances are NaN there. So are payloads of several sizes.

    Raises:
        InputError: the file cannot be read.
        FormatError: not Parquet, a column is missing, or a row is at fault.
    """
    import pyarrow as pa

    table = read_parquet(path, path, schema().names)
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise FormatError(
            f"{path}: not a table of sightings: it has no column {', '.join(missing)}"
        )
    with arrow(path, "a file of sightings"):
        version = (table.schema.metadata or {}).get(_VERSION_KEY, b"0")
        if not version.isdigit() or int(version) > SCHEMA_VERSION:
            raise FormatError(
                f"{path}: schema version {visible(version[:20].decode('latin-1'))}, this program knows "
                f"{SCHEMA_VERSION}"
            )
        plain = [f for f in schema() if f.name in table.column_names and f.name not in _TEXTS]
        columns = {f.name: table[f.name].cast(f.type) for f in plain}
        texts = {n: _dictionary(table[n]) for n in _TEXTS if n in table.column_names}
        name_of = texts.pop("protocol")
        if name_of.null_count:
            raise FormatError(f"{path}: protocol: {name_of.null_count} rows are null")
        numbers, names = name_of.indices.to_numpy(), name_of.dictionary.to_pylist()
        found: dict[str, Sightings] = {}
        for k in dict.fromkeys(numbers.tolist()):
            name, mine = names[k].decode("utf-8", "replace"), columns | texts
            rows = np.flatnonzero(numbers == k)
            if len(rows) < len(numbers):
                mine = {field: column.take(pa.array(rows)) for field, column in mine.items()}
            found[name] = _sightings(name, mine, str(path))
        return found


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Texts or bytes of a column, each once, and which of them each row has."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.binary()).dictionary_encode()
    column = column.unify_dictionaries()
    chunks = [
        pa.DictionaryArray.from_arrays(c.indices.cast(pa.int32()), c.dictionary.cast(pa.binary()))
        for c in column.chunks
    ]
    if not chunks:
        return pa.array([], pa.dictionary(pa.int32(), pa.binary()))
    return pa.chunked_array(chunks).combine_chunks()


def _sightings(name: str, columns: dict[str, Any], source: str) -> Sightings:
    if name not in protocols.names():
        raise FormatError(
            f"{source}: protocol {quoted(name)}: expected one of {', '.join(protocols.names())}"
        )
    out: dict[str, Any] = {}
    for field, column in columns.items():
        n_null = column.null_count
        if field == "distance_m" and n_null < len(column):
            metres = column.combine_chunks().to_numpy(zero_copy_only=False).astype(np.float32)
            out[field] = _within(field, metres, source)
        elif n_null and field in _REQUIRED:
            raise FormatError(f"{source}: {field}: {n_null} rows are null")
        elif n_null or field == "distance_m":
            continue
        elif field == "payload":
            if (size := _size_of_all(column)) is not None:
                out[field] = _rows(column, size, field, source)
        elif field in _BYTES:
            out[field] = _rows(column, protocols.get(name).id_size, field, source)
        else:
            out[field] = _within(field, column.combine_chunks().to_numpy().copy(), source)
    try:
        return Sightings(protocol=name, **out)
    except (TypeError, TableError) as error:
        raise FormatError(f"{source}: {error}") from None


def _within(field: str, values: NDArray[Any], source: str) -> NDArray[Any]:
    """The values, of which each is what the field can be."""
    bad = SIGHTINGS[field].outside(values)
    if len(bad):
        more = f"; {len(bad) - 1:,} more rows are so" if len(bad) > 1 else ""
        raise FormatError(
            f"{source}: {field}: row {bad[0] + 1}: expected {SIGHTINGS[field]}, found "
            f"{values[bad[0]]}{more}"
        )
    return values


def _lengths(column: pa.DictionaryArray) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    sizes = pc.binary_length(column.dictionary).to_numpy(zero_copy_only=False)
    found: NDArray[np.int64] = np.asarray(sizes)[column.indices.to_numpy()]
    return found


def _size_of_all(column: pa.DictionaryArray) -> int | None:
    sizes = np.unique(_lengths(column))
    return int(sizes[0]) if len(sizes) == 1 else None


def _rows(column: pa.DictionaryArray, size: int, name: str, source: str) -> NDArray[np.uint8]:
    """A binary column whose rows have one size."""
    lengths = _lengths(column)
    bad = np.flatnonzero(lengths != size)
    if len(bad):
        raise FormatError(
            f"{source}: {name}: row {bad[0] + 1}: expected {size} bytes, found {lengths[bad[0]]}"
        )
    values = [v if len(v) == size else bytes(size) for v in column.dictionary.to_pylist()]
    table = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), size)
    out: NDArray[np.uint8] = table[column.indices.to_numpy()]
    return out
