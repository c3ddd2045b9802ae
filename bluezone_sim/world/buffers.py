"""Buffers of contacts, and tables of many."""

from __future__ import annotations

import numpy as np

from ..kernels.contacts import meetings as kernel
from ..tables.rows import Contacts


def empty_rows(n: int) -> kernel.ContactBuffers:
    """Buffers for ``n`` rows."""
    return kernel.ContactBuffers(
        contact=np.empty(n, np.uint64),
        group=np.empty(n, np.int64),
        a=np.empty(n, np.int32),
        b=np.empty(n, np.int32),
        start_s=np.empty(n, np.int64),
        duration_s=np.empty(n, np.int32),
        distance_m=np.empty(n, np.float32),
        setting=np.empty(n, np.uint8),
    )


def concatenate(chunks: list[Contacts]) -> Contacts:
    """One table of many."""
    if not chunks:
        return Contacts(*empty_rows(0))
    return Contacts(
        *(
            np.concatenate([getattr(c, name) for c in chunks])
            for name in kernel.ContactBuffers._fields
        )
    )
