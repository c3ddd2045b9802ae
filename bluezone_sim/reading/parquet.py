"""Parquet that others wrote, as tables of Arrow.

A column of a billion equal values takes some bytes in the file and eight gigabytes in memory, and one of
equal texts any number: so texts stay what the file has, indices into a dictionary, and the size that a
table will have is reckoned from the file's own description first.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import FormatError, InputError
from .bounded import reading_as, said, size
from .packed import RATIO

#: Bytes of a table in memory, whatever its file has. A sighting takes sixty, and a measured RSSI and time
#: do not shrink below half a byte.
_ALWAYS = 256 << 20
#: Bytes of a value in memory by its physical type.
_WIDTH = {
    "BOOLEAN": 1,
    "INT32": 4,
    "INT64": 8,
    "INT96": 8,
    "FLOAT": 4,
    "DOUBLE": 8,
    "BYTE_ARRAY": 8,
}


@contextmanager
def arrow(source: Path | str, what: str = "Parquet that can be read") -> Iterator[None]:
    """While Arrow works on a file: what it raises is the file's fault.

    Raises:
        FormatError: the file is not ``what``.
    """
    try:
        with reading_as(what, source):
            yield
    except OSError as error:  # so Arrow calls damage, too
        raise FormatError(f"{source}: not {what} ({said(error)})") from None


def read_metadata(path: Path) -> dict[bytes, bytes]:
    """Keys and values that a file's writer added.

    Raises:
        InputError: it cannot be read.
        FormatError: it is no Parquet.
    """
    import pyarrow.parquet as pq

    with _opened(path) as stream, arrow(path):
        return dict(pq.read_metadata(stream).metadata or {})


def read_parquet(
    file: Path | bytes, source: Path | str, columns: Sequence[str] | None = None
) -> Any:
    """A file of flat columns; texts and bytes are dictionaries.

    Args:
        file: the file, or its bytes.
        source: what messages call it.
        columns: those to read, of which some may not be there; None: all.

    Raises:
        InputError: it cannot be read.
        FormatError: it is no Parquet, has lists in its columns, or is larger than makes sense.
    """
    import pyarrow.parquet as pq

    with _opened(file) as stream, arrow(source):
        packed = stream.seek(0, io.SEEK_END)
        found = pq.ParquetFile(stream)
        schema, names = found.schema, found.schema_arrow.names
        texts, width = [], 0
        for k in range(len(schema)):
            column = schema.column(k)
            if column.max_repetition_level or column.path != column.name:
                raise FormatError(f"{source}: column {column.path}: lists and tables are not read")
            if columns is None or column.name in columns:
                width += _WIDTH.get(column.physical_type, column.length)
            if column.physical_type == "BYTE_ARRAY":
                texts.append(column.name)
        needed = width * found.metadata.num_rows
        if needed > (most := max(_ALWAYS, RATIO * packed)):
            raise FormatError(
                f"{source}: its {found.metadata.num_rows:,} rows need {size(needed)}, expected at most "
                f"{size(most)} of a file of {size(packed)}"
            )
        stream.seek(0)
        wanted = None if columns is None else [name for name in columns if name in names]
        if not found.num_row_groups:  # which PyArrow 18 cannot read
            return found.schema_arrow.empty_table().select(names if wanted is None else wanted)
        # Without Arrow's threads: where Python ends while one still holds the stream, it ends by SIGABRT.
        return pq.ParquetFile(stream, read_dictionary=texts).read(wanted, use_threads=False)


def _opened(file: Path | bytes) -> IO[bytes]:
    if isinstance(file, bytes):
        return io.BytesIO(file)
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from None
