"""Compiled code of a kernel on disk: a file a signature, compiled by one process at a time.

A file says for what it was made, so that another's by the same name is compiled as if it were not there.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import IO, Any

from numba.core import serialize
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult

from ...files import take_lock
from . import watch
from .folders import folders
from .stamp import of_function

#: Another process compiles a kernel within this, or is taken to hang, s.
_PATIENCE_S = 120.0
_POLL_S = 0.02


class CodeCache(NullCache):
    """What Numba asks for code, and hands code that it made."""

    def __init__(self, function: Any):
        self._function = function
        self._folders = folders(of_function(inspect.getfile(function)))
        self._lock: IO[bytes] | None = None
        self._compiling: int | None = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Code of a signature; None says that this process shall compile it."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        found = self._read(key)
        if found is None:
            self._compiling = threading.get_ident()
            # A helper that is started now has to know the folder.
            folder = self._folders.writing
            watch.tell(True)
            found = self._read(key) if folder and self._wait(folder, self._name(key)) else None
        return None if found is None else CompileResult._rebuild(target_context, *found)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps code."""
        if _can_be_kept(data):
            key = self._key(sig, data.codegen)
            self._folders.keep(self._name(key), serialize.dumps((key, data._reduce())))

    def done(self) -> None:
        """Others may go on: the code is there, or it cannot be compiled."""
        if self._compiling != threading.get_ident():
            return  # another thread has it, or had it
        self._compiling = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        watch.tell(False)

    def _key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        cells = self._function.__closure__ or ()
        held = serialize.dumps(tuple(cell.cell_contents for cell in cells))
        body = hashlib.sha256(_place(self._function.__code__) + held).hexdigest()
        where = f"{self._function.__module__}.{self._function.__qualname__}"
        return where, body, sig, codegen.magic_tuple()

    def _name(self, key: tuple[Any, ...]) -> str:
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        where = re.sub(r"[^\w.]", "", key[0].removeprefix("bluezone_sim.kernels."))[:80]
        return f"{where}-{digest}.code"

    def _read(self, key: tuple[Any, ...]) -> Any:
        for content in self._folders.kept(self._name(key)):
            made_for, found = pickle.loads(content)
            if made_for == key:
                return found
        return None

    def _wait(self, folder: Path, name: str) -> bool:
        """Waits until no other process compiles the same, and keeps others from it until it is done."""
        until = time.monotonic() + _PATIENCE_S
        with suppress(OSError):  # no locks there: two may compile the same
            lock = (folder / f"{name}.lock").open("ab")
            while not take_lock(lock):
                if time.monotonic() > until:
                    lock.close()
                    return False
                time.sleep(_POLL_S)
            self._lock = lock
        return True


def _place(code: CodeType) -> bytes:
    """Tells a function from all others of its file, some of which have no name."""
    plain = [x for x in code.co_consts if not isinstance(x, CodeType)]
    return repr((list(code.co_positions()), code.co_code, plain)).encode()


def _can_be_kept(made: Any) -> bool:
    """Code that knows an address is good for this process only."""
    return not (made.lifted or made.library.has_dynamic_globals)
