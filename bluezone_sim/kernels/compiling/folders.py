"""Folders that keep compiled code: of the stamps of late, and elsewhere where none can be written.

``NUMBA_CACHE_DIR`` where it is set, else ``__pycache__`` of the kernels and the user's cache. Code is
read from both of these, so a service without a home runs what its installer compiled; it is written to
the first that can be, and to a temporary folder where none can, which this process removes when it ends.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from numba import config

from .stamp import KERNELS

#: Each stamp's folder in a cache begins with this.
_PREFIX = "bluezone_sim-"
#: Stamps whose code is kept: versions, settings and processors that take turns.
_KEPT = 8
#: A file that is still not whole after this was left by a process that was killed, s.
_KILLED_S = 3600
_PROBE = b"\0" * 4096
_DIGEST = 32
_LOG = logging.getLogger("bluezone_sim")


def _users() -> Path | None:
    """The user's cache, as each system has it; None without a home."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if not home.is_absolute():
        return None
    usual = {"darwin": home / "Library/Caches", "win32": home / "AppData/Local"}
    chosen = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    return Path(chosen) if chosen else usual.get(sys.platform, home / ".cache")


def _places() -> list[Path]:
    given = str(config.CACHE_DIR or "")  # type: ignore[attr-defined]
    if given:
        return [Path(given)]
    users = _users()
    return [KERNELS / "__pycache__", *([users] if users else [])]


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(_PROBE)
    except OSError:
        return False
    return True


def _tidy(used: Path) -> None:
    """Removes the folders beside it that were used longest ago, and parts of files that a kill left."""
    with suppress(OSError):
        os.utime(used)
        ages = [(path.stat().st_mtime, path) for path in used.parent.glob(f"{_PREFIX}*")]
        for _, path in sorted(ages, reverse=True)[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)
        for part in used.glob("*.part"):
            if time.time() - part.stat().st_mtime > _KILLED_S:
                part.unlink()
        if used.is_relative_to(KERNELS):
            for old in KERNELS.rglob("__pycache__/*.nb[ic]"):  # Numba's own, of earlier versions
                old.unlink()


class Folders:
    """Where code of a stamp is read, and where it is written."""

    temporary_allowed = True

    def __init__(self, stamp: str):
        self._name = _PREFIX + stamp
        self.reading = [place / self._name for place in _places()]
        for folder in self.reading:
            with suppress(OSError):  # there is none yet, or it is another's
                os.utime(folder)
        self._lock = threading.Lock()
        self._writing: Path | None = None

    @property
    def writing(self) -> Path | None:
        """The folder to write to; None where not even a temporary one can be."""
        with self._lock:
            if self._writing is None:
                self._writing = self._first() or self._temporary()
            return self._writing

    def _first(self) -> Path | None:
        for folder in self.reading:
            if _can_write(folder):
                _tidy(folder)
                return folder
        return None

    def _temporary(self) -> Path | None:
        place = temporary() if self.temporary_allowed else None
        if place is None:
            return None
        folder = place / self._name
        self.reading.append(folder)
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
        return folder

    def kept(self, name: str) -> Iterator[bytes]:
        """What files of a name hold, wherever one is; one that is damaged is as if it were not there."""
        for folder in self.reading:
            with suppress(OSError):
                content = (folder / name).read_bytes()
                if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
                    yield content[_DIGEST:]

    def keep(self, name: str, content: bytes) -> None:
        """Writes a file, whole, whoever else does the same; where none can be written there is none."""
        folder = self.writing
        while folder is not None:
            try:
                _replace(folder / name, hashlib.sha256(content).digest() + content)
                return
            except OSError:  # the disk is full, or the folder went away
                folder = self._gave_out()

    def _gave_out(self) -> Path | None:
        """The folder can be written no longer; another one to write to, if there is one."""
        with self._lock:
            other = self._temporary()
            self._writing = None if other == self._writing else other
            return self._writing


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@cache
def folders(stamp: str) -> Folders:
    """Of a stamp, made once."""
    return Folders(stamp)


@cache
def temporary() -> Path | None:
    """A folder for this process and those that it starts, removed when it ends; says so once."""
    _LOG.warning(
        "bluezone-sim: no folder for compiled code can be written, so each run compiles anew; set "
        "NUMBA_CACHE_DIR to one that can"
    )
    try:
        place = Path(tempfile.mkdtemp(prefix="bluezone-sim-code-"))
    except OSError:
        return None
    owner = os.getpid()
    # Worker processes read it too.
    os.environ["NUMBA_CACHE_DIR"] = config.CACHE_DIR = str(place)  # type: ignore[attr-defined]

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(place, ignore_errors=True)

    atexit.register(remove)
    return place
