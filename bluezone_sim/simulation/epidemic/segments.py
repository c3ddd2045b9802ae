"""Contacts as kernels read them."""

from __future__ import annotations

import numpy as np

from ...kernels.contacts.transmission import Segments
from ...tables.rows import Contacts


def segments_of(contacts: Contacts) -> Segments:
    """The columns that tell how surely a segment infects."""
    return Segments(*(np.ascontiguousarray(getattr(contacts, name)) for name in Segments._fields))
