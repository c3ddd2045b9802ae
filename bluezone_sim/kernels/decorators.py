"""Decorators of kernels: compiled once for a processor, and kept until what they hang on changes.

A kernel comes in two forms, each when it is asked for: a part of the kernels that call it, see
:mod:`.compiling.parts`, and whole, with a wrapper and kept on disk, where Python calls it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from numba import config, typeof
from numba.core.registry import CPUDispatcher

from .compiling.cache import CodeCache
from .compiling.parts import PartCompiler
from .compiling.stamp import SOURCES

#: Names all kernels' sources, short enough for a symbol.
DIGEST = SOURCES[:12]
_OPTIONS: Any = {"nopython": True, "nogil": True, "boundscheck": None, "no_cfunc_wrapper": True}


class _Whole(CPUDispatcher):
    """A kernel that Python calls."""

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None):  # noqa: A002
        super().__init__(py_func, locals, {**targetoptions, "no_cpython_wrapper": False})
        self._cache = CodeCache(py_func)

    def compile(self, sig: Any) -> Any:
        """Code of a signature, from the disk where it is there."""
        try:
            return super().compile(sig)
        finally:
            self._cache.done()


class Kernel(CPUDispatcher):
    """A function that kernels call, and Python; arguments as of Numba's class, which pickles it so."""

    _making = threading.Lock()

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None):  # noqa: A002
        options = {**targetoptions, "no_cpython_wrapper": True}
        super().__init__(py_func, locals, options, pipeline_class=PartCompiler)
        self._made: _Whole | None = None

    @property
    def whole(self) -> _Whole:
        """What Python calls."""
        with self._making:
            if self._made is None:
                self._made = _Whole(self.py_func, self.locals, self.targetoptions)
            return self._made

    def __call__(self, *args: Any) -> Any:
        return (self._made or self.whole)(*args)


def entry(function: Any, *examples: Any) -> Callable[..., Any]:
    """A kernel's code for arguments of the types of these, which is called without a look at them.

    Numba looks the types of arguments up at each call, which takes ten times as long as handing them over
    where there are tuples of arrays. Whoever calls this code answers for the types: arrays of the same
    dtypes and dimensions, contiguous and aligned; those that are only read need not be writable.
    """
    if not isinstance(function, Kernel):  # Numba is switched off
        return function
    whole: Any = function.whole
    code: Callable[..., Any] = whole.compile(tuple(map(typeof, examples)))
    return code


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A function that Numba compiles when it is called; without the lock."""

    def decorate(function: Callable[..., Any]) -> Any:
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            return function
        return Kernel(function, None, {**_OPTIONS, **options})

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
