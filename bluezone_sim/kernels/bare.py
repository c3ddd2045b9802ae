"""Decorators of kernels that allocate nothing.

Numba then counts no references to their arrays: in the innermost loops of the look-up the counting took
longer than the look-up itself.
"""

from __future__ import annotations

from typing import Any

import numba as nb

_BARE: Any = {"_nrt": False}
#: Options of an overload that is part of such a kernel, compiled into its caller.
INLINED: Any = {**_BARE, "forceinline": True}

#: Compiled on its own.
bare: Any = nb.njit(nogil=True, cache=True, **_BARE)
#: Compiled into its callers.
inlined: Any = nb.njit(nogil=True, cache=True, **INLINED)
