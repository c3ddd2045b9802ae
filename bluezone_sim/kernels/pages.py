"""Arrays on large pages, so that random look-ups in them miss the translation cache less often."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Size of a large page of x86-64 and of most Arm systems, bytes.
LARGE_PAGE = 2 << 20
#: Smaller arrays stay on ordinary pages.
_SMALLEST = 128 << 10


def zeros(n: int, dtype: DTypeLike) -> NDArray[Any]:
    """``dtype[n]`` of zeros, on large pages where the system has them to give."""
    size = n * np.dtype(dtype).itemsize
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if size < _SMALLEST or advice is None:
        return np.zeros(n, dtype)
    whole = -(-size // LARGE_PAGE) * LARGE_PAGE
    # Private: shared memory gets no large pages.
    memory = mmap.mmap(-1, whole + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(advice)
    except OSError:  # a kernel without them
        return np.zeros(n, dtype)
    raw = np.frombuffer(memory, np.uint8)
    begin = -raw.ctypes.data % LARGE_PAGE
    return raw[begin : begin + size].view(dtype)
