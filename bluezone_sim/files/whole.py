"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import InputError
from . import disk
from .digests import DIGESTS, Digests
from .disk import named
from .writing import Writing, check_absent, check_place, make_folder, place_of


@contextmanager
def whole_folder(
    path: Path, holds: str, *, replace: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """A folder that takes its name only when it is whole and on the disk, with the digests of its files;
    an earlier one stays until then.

    ::

        with whole_folder(path, "run") as part:
            (part / "numbers.json").write_bytes(data)

    Folders above it are made. An exception leaves nothing of it; an OSError is told as an InputError.

    Args:
        path: of the folder.
        holds: what its digests call it.
        replace: an earlier folder gives way, unless this raises something when it is given it; without
            it there must be none.

    Raises:
        InputError: there is one already, another process writes it, or it cannot be written.
    """
    if os.path.exists(path) and not path.is_dir():
        raise InputError(f"{path}: is a file; give the name of a folder")
    if replace is None:
        check_absent(path)
    make_folder(place_of(path).parent)
    writing = Writing(path)
    try:
        with named(path):
            disk.DISK.make_folder(writing.new)
            yield writing.new
            (writing.new / DIGESTS).write_bytes(Digests.of(writing.new, holds).text())
            _sync_tree(writing.new)
            if replace is None:
                check_absent(path)
            writing.put(replace)
    finally:
        writing.end()


def _sync_tree(folder: Path) -> None:
    for at in sorted(folder.iterdir()):
        if at.is_dir():
            _sync_tree(at)
        else:
            disk.DISK.sync(at)
    disk.DISK.sync(folder)


def write_folder(out: Path, files: Mapping[str, bytes], holds: str) -> Path:
    """Writes files by name, and their digests, into a folder that must not exist yet.

    Raises:
        InputError: the folder exists, or cannot be made.
    """
    with whole_folder(out, holds) as part:
        for name, data in files.items():
            (part / name).write_bytes(data)
    return out


class WholeFile:
    """A binary file that takes its name only when it is whole and on the disk; an earlier one stays
    until then.

    As a context manager it is put in place at the end, and leaves nothing behind where an exception
    ends it. Its mode follows the umask.

    Args:
        path: of the file.
        private: nobody but the owner may read it, whatever the umask.

    Raises:
        InputError: there is no such folder, it cannot be written to, or another process writes the
            same file.
    """

    def __init__(self, path: Path, *, private: bool = False):
        self.path = Path(path)
        _check_plain(self.path)
        self._writing = Writing(self.path)
        try:
            with named(self.path):
                mode = 0o600 if private else 0o666
                self.stream: BinaryIO = disk.DISK.create(self._writing.new, mode, self.path)
        except BaseException:
            self._writing.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with named(self.path):
                    self.finish()
                    self.stream.flush()
                    disk.DISK.sync(self.stream)
                    self.stream.close()
                    self._writing.put()
            else:
                with suppress(OSError, InputError):  # such as the full disk that ended it
                    self.abandon()
        finally:
            with suppress(OSError, InputError):
                self.stream.close()
            self._writing.end()

    def finish(self) -> None:
        """Writes what ends the file; nothing by default."""

    def abandon(self) -> None:
        """Lets go of what the file will not hold; nothing by default."""


def _check_plain(path: Path) -> None:
    if os.path.exists(path) and not path.is_file():
        what = "a folder" if path.is_dir() else "no plain file"
        raise InputError(f"{path}: cannot be written (it is {what}); give the name of a file")


def check_file(path: Path) -> None:
    """Raises InputError if a file cannot be written there; called before the work starts."""
    _check_plain(path)
    check_place(path)
    with named(path):
        if not place_of(path).parent.is_dir():
            raise FileNotFoundError(2, "No such file or directory")


def write_file(path: Path, data: bytes | str, *, private: bool = False) -> Path:
    """Writes a file, whole or not at all; text as UTF-8, its line ends as they are.

    Raises:
        InputError: as of :class:`WholeFile`.
    """
    with WholeFile(path, private=private) as file:
        file.stream.write(data.encode() if isinstance(data, str) else data)
    return path
