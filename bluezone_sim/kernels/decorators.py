"""Decorators of kernels: compiled once, kept in Numba's cache until any kernel changes.

Numba's own cache asks whether the file of a function has changed, and not that of a function that it
calls: a caller would go on with a callee of yesterday, or end in a traceback where a type that both name
has moved. Here the names of the cache's files hold a digest of all sources in ``kernels``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb
from numba import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache

_SOURCES = Path(__file__).parent


def _digest() -> str:
    found = hashlib.sha256()
    for path in sorted(_SOURCES.rglob("*.py")):
        found.update(path.relative_to(_SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


DIGEST = _digest()


class _Files(CompileResultCacheImpl):
    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return f"{super().get_filename_base(fullname, abiflags)}-{DIGEST}"


class _Cache(FunctionCache):
    _impl_class = _Files


def kernel(*signatures: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A function that Numba compiles, now for signatures, else when it is called; without the lock."""

    def decorate(function: Callable[..., Any]) -> Any:
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            return function
        dispatcher = nb.njit(nogil=True, **options)(function)
        dispatcher._cache = _Cache(function)
        for signature in signatures:
            dispatcher.compile(signature)
        if signatures:
            dispatcher.disable_compile()
        return dispatcher

    return decorate


#: Numba counts no references to the arrays of a kernel that allocates nothing: in the innermost loops of
#: the look-up the counting took longer than the look-up itself.
_BARE: Any = {"_nrt": False}
#: Options of an overload that is part of such a kernel, compiled into its caller.
INLINED: Any = {**_BARE, "forceinline": True}

#: Compiled on its own.
compiled: Any = kernel()
#: The same, and it allocates, also where a kernel that allocates nothing calls it: Numba would hand that
#: one's options down to it, and refuse whichever of the two came second in a new cache.
allocating: Any = kernel(_nrt=True)
#: The same, and it allocates nothing.
bare: Any = kernel(**_BARE)
#: The same, compiled into its callers.
inlined: Any = kernel(**INLINED)
