"""Arrow columns made of their buffers.

``pyarrow.array`` asks of whatever it is given whether it is pandas', and imports pandas for that where it
is installed: half a second of every run that writes its tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers(values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> Any:
    """``pyarrow.Array`` of numbers or truth values.

    Args:
        values: ``[n]``; its dtype is the column's type.
        missing: ``bool[n]``, rows that are null; None: none is.
    """
    import pyarrow as pa

    kind = pa.from_numpy_dtype(values.dtype)
    data = _bits(values) if values.dtype == np.bool_ else pa.py_buffer(np.ascontiguousarray(values))
    there = None if missing is None or not missing.any() else _bits(~missing)
    return pa.Array.from_buffers(kind, len(values), [there, data])


def optional_floats(values: Sequence[float | None]) -> Any:
    """``pyarrow.DoubleArray``, null where there is no number."""
    missing = np.array([v is None for v in values], np.bool_)
    return numbers(np.array([0.0 if v is None else v for v in values], np.float64), missing)


def words(values: Sequence[str]) -> Any:
    """``pyarrow.StringArray``."""
    import pyarrow as pa

    each = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, each)]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(each), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(each))]
    )


def coded(codes: NDArray[np.integer], names: Sequence[str], missing: int | None = None) -> Any:
    """``pyarrow.DictionaryArray`` of a few words.

    Args:
        codes: ``[n]``, indices of ``names``.
        names: the words, at most 127.
        missing: the code of a row that is null.
    """
    import pyarrow as pa

    null = None if missing is None else codes == missing
    return pa.DictionaryArray.from_arrays(numbers(codes.astype(np.int8), null), words(names))


def _bits(values: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(values, bitorder="little"))
