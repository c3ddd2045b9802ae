"""A second process that compiles beside this one, into the same folder.

Nothing depends on it: what it has compiled is found there, what it compiles at the moment is waited for
as for any other process's, and what it has not come to is compiled here. Where no process can be started
there is none. It ends with this one, however that ends: its standard input closes.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from numba import config

from . import folders

_CODE = (
    "import sys; sys.path[:] = {path!r}; "
    "from bluezone_sim.kernels.compiling.helper import serve; serve({work!r}, {argument!r})"
)
_PATIENCE_S = 5.0


class Helper:
    """Calls ``work`` ("module:function") with ``argument`` in a process of its own, once started."""

    def __init__(self, work: str, argument: str):
        self._work, self._argument = work, argument
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = False

    def start(self) -> None:
        """Starts it, the first time that it is asked for."""
        if self._begun or not _is_python(sys.executable):
            return
        self._begun = True
        folder = str(config.CACHE_DIR or "")  # type: ignore[attr-defined]
        code = _CODE.format(path=sys.path, work=self._work, argument=self._argument)
        with suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **({"NUMBA_CACHE_DIR": folder} if folder else {})},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def end(self) -> None:
        """Ends it, wherever it is."""
        process = self._process
        if process is None:
            return
        self._process = None
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_python(executable: str | None) -> bool:
    """A program that holds Python inside itself would start itself again."""
    if not executable or getattr(sys, "frozen", False):
        return False
    name = re.split(r"[\\/]", executable)[-1].lower()
    return re.fullmatch(r"python[\d.]*[dt]*w?(\.exe)?", name) is not None


def serve(work: str, argument: str) -> None:
    """The process: calls, and ends when its standard input does, or when it is done."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # it is for the other process to say what that means

    # Nobody would remove it where this process is ended.
    folders.Folders.temporary_allowed = False

    def follow() -> None:
        with suppress(OSError):
            while os.read(0, 1):
                pass
        os._exit(0)

    threading.Thread(target=follow, daemon=True).start()
    module, _, name = work.partition(":")
    found: Any = getattr(importlib.import_module(module), name)
    found(argument)
    os._exit(0)
