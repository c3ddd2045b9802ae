"""The calls by which anything is written: steps, faults that name the file, the lock of a writer."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from ..errors import InputError

if sys.platform == "win32":
    import msvcrt

    def take_lock(stream: IO[bytes]) -> bool:
        """Locks a file until it is closed or its process ends; False where another has it.

        Raises:
            OSError: files cannot be locked there.
        """
        stream.seek(1 << 20)  # beyond the label, which others read
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def take_lock(stream: IO[bytes]) -> bool:
        """Locks a file until it is closed or its process ends; False where another has it.

        Raises:
            OSError: files cannot be locked there.
        """
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True


class Disk:
    """The calls by which a write changes the disk: a step each, between which a test can cut it."""

    def make_folder(self, path: Path) -> None:
        """Makes a folder in one that is there."""
        path.mkdir()

    def open_lock(self, path: Path) -> IO[bytes]:
        """A file that others open as well."""
        return path.open("a+b", buffering=0)

    def write_lock(self, stream: IO[bytes], text: bytes) -> None:
        """Says who holds it."""
        stream.truncate(0)
        stream.write(text)

    def create(self, path: Path, mode: int, name: Path) -> BinaryIO:
        """A new file of this mode, less the umask; ``name`` is what errors call it."""
        return io.BufferedWriter(_NamedFile(path, mode, name))

    def sync(self, file: BinaryIO | Path) -> None:
        """Waits until a file's bytes, or a folder's names where the platform can, are on the disk."""
        if not isinstance(file, Path):
            os.fsync(file.fileno())
            return
        folder = file.is_dir()
        if folder and sys.platform == "win32":
            return
        handle = os.open(file, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if not (folder and error.errno in (errno.EINVAL, errno.ENOTSUP)):
                raise
        finally:
            os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        """Moves a file or folder; an earlier file gives way in the same instant."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Removes a file, a link or a whole folder."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def remove_empty(self, path: Path) -> None:
        """Removes a folder that holds nothing; one into which another writer has put a lock stays."""
        path.rmdir()


#: Through which everything is written; callers look it up each time, so that a test can cut it.
DISK = Disk()


class _NamedFile(io.FileIO):
    """A new file whose faults are told by the name that it will have."""

    def __init__(self, path: Path, mode: int, name: Path):
        super().__init__(path, "xb", opener=lambda file, flags: os.open(file, flags, mode))
        self._name = name

    def write(self, data: Any, /) -> int:
        with named(self._name):
            return super().write(data)


def absolute(path: Path) -> Path:
    """The path from the root of its file system on.

    Raises:
        InputError: it begins at the working folder, and that has been removed, or replaced by another.
    """
    try:
        return path.absolute()
    except FileNotFoundError:
        raise InputError(
            f"{path}: cannot be found from here (this folder has been removed or replaced); change to "
            "one that is there, or give the whole path"
        ) from None


def unwritable(path: Path, error: OSError) -> InputError:
    """What could not be written, why, and the remedy."""
    parent = absolute(path).parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "make room, or give another place"
    elif not os.path.isdir(parent):
        remedy = f"there is no folder {parent}; make it, or give another place"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "give a shorter name"
    else:
        remedy = "give a place that can be written to"
    return InputError(f"{path}: cannot be written ({error.strerror or error}); {remedy}")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Tells faults of the disk as an InputError that names this path."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from None
