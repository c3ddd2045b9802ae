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
from ...errors import FormatError, InputError, TableError
from ...files import WholeFile
from ...tables.rows import HEARD, Listening, Sightings

if TYPE_CHECKING:
    import pyarrow as pa

#: First bytes of a Parquet file.
MAGIC = b"PAR1"
_VERSION_KEY = b"bluezone_sim.schema_version"
_LISTENING_KEY = b"bluezone_sim.listening"
_BYTES = ("identifier", "payload", "own_identifier")
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

        super().__init__(path)
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with Path(path).open("rb") as stream:
            text = (pq.read_metadata(stream).metadata or {}).get(_LISTENING_KEY)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (pa.ArrowException, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else "no reason given"
        raise FormatError(f"{path}: not Parquet that can be read ({said})") from None
    if text is None:
        return None, {}
    try:
        document = json.loads(text)
        names = {int(number): str(name) for number, name in document["phones"].items()}
        table = np.array(document["listening"], np.int64).reshape(-1, 4)
        if len(table) and not (
            table.min() >= 0 and (table[:, 1] <= table[:, 2]).all() and table[:, 3].max() <= HEARD
        ):
            raise ValueError
        listening = Listening(
            table[:, 0].astype(np.int32), table[:, 1], table[:, 2], table[:, 3].astype(np.uint8)
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise FormatError(
            f"{path}: {_LISTENING_KEY.decode()}: not what this program writes there"
        ) from None
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
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with Path(path).open("rb") as stream:
            table = pq.read_table(stream)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (pa.ArrowException, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else "no reason given"
        raise FormatError(f"{path}: not Parquet that can be read ({said})") from None
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise FormatError(
            f"{path}: not a table of sightings: it has no column {', '.join(missing)}"
        )
    version = (table.schema.metadata or {}).get(_VERSION_KEY, b"0")
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema version {int(version)}, this program knows {SCHEMA_VERSION}"
        )
    try:
        known = schema()
        table = table.select([f.name for f in known if f.name in table.column_names])
        table = table.cast(pa.schema([known.field(name) for name in table.column_names]))
        names = pc.unique(table["protocol"].cast(pa.string())).to_pylist()
        text = table["protocol"].cast(pa.string())
        return {
            name: _sightings(name, table.filter(pc.equal(text, name)), str(path)) for name in names
        }
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{path}: not a file of sightings ({error})") from None


def _sightings(name: str | None, table: pa.Table, source: str) -> Sightings:
    import pyarrow.compute as pc

    if name not in protocols.names():
        raise FormatError(
            f"{source}: protocol {name!r}: expected one of {', '.join(protocols.names())}"
        )
    size = protocols.get(name).id_size
    columns: dict[str, Any] = {}
    for field in table.schema:
        column = table[field.name].combine_chunks()
        if field.name == "protocol":
            continue
        if field.name == "distance_m":
            if column.null_count < len(column):
                columns[field.name] = column.to_numpy(zero_copy_only=False).astype(np.float32)
            continue
        if column.null_count:
            if field.name in _REQUIRED:
                raise FormatError(f"{source}: {field.name}: {column.null_count} rows are null")
            continue
        if field.name == "payload":
            sizes = np.unique(pc.binary_length(column).to_numpy())
            if len(sizes) == 1:
                columns[field.name] = _rows(column, int(sizes[0]), field.name, source)
        elif field.name in _BYTES:
            columns[field.name] = _rows(column, size, field.name, source)
        else:
            columns[field.name] = column.to_numpy().copy()
    try:
        return Sightings(protocol=name, **columns)
    except (TypeError, TableError) as error:
        raise FormatError(f"{source}: {error}") from None


def _rows(column: pa.Array, size: int, name: str, source: str) -> NDArray[np.uint8]:
    """A binary column whose rows have one size."""
    import pyarrow.compute as pc

    lengths = pc.binary_length(column).to_numpy()
    bad = np.flatnonzero(lengths != size)
    if len(bad):
        raise FormatError(
            f"{source}: {name}: row {bad[0] + 1}: expected {size} bytes, found {lengths[bad[0]]}"
        )
    data = b"".join(column.to_pylist())
    return np.frombuffer(data, np.uint8).reshape(len(lengths), size).copy()
