"""Where arrays lie: on large pages, so that random look-ups miss the translation cache less often, or
from the beginning of a cache line on, so that registers of lanes do not lie across two."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Size of a large page of x86-64 and of most Arm systems, bytes.
LARGE_PAGE = 2 << 20
#: Smaller arrays stay on ordinary pages.
_SMALLEST = 128 << 10
#: Bytes of a line of the cache, and of the widest register.
LINE = 64


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


def line_aligned(n: int, dtype: DTypeLike) -> NDArray[Any]:
    """``dtype[n]`` of zeros that begins with a line of the cache."""
    size = n * np.dtype(dtype).itemsize
    raw = np.zeros(size + LINE, np.uint8)
    begin = -raw.ctypes.data % LINE
    return raw[begin : begin + size].view(dtype)
