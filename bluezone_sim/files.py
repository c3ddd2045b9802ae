"""Files and folders that appear whole or not at all, and the JSON that tells what a folder holds.

Everything that the package writes goes through here. What is not whole yet stands in a working folder
beside its place, so that the last step is a rename within one file system::

    .NAME.bluezone-writing/.lock   who writes; the system drops its lock when that process ends
    .NAME.bluezone-writing/.new    the file or folder, until it is whole
    .NAME.bluezone-writing/.old    the folder that it replaces, from the one rename to the other

The steps are in this order: the working folder, its lock, what is new, its bytes to the disk; an earlier
folder to ``old``; ``new`` to its place, the names to the disk; then ``old``, the lock and the working
folder are removed. Each is a call of :data:`DISK`.

A process that is killed leaves its working folder. The next write to the same place takes the lock, which
it only can where that process has ended, and ends what was begun: where ``old`` and ``new`` are both
there and the place is empty, ``new`` is whole and goes to its place; all else is removed.
:func:`recover` does so before a folder is read. A folder of that name that holds anything else is not
touched.
"""

from __future__ import annotations

import errno
import io
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

from ._version import SCHEMA_VERSION
from .errors import FormatError, InputError

_SUFFIX = ".bluezone-writing"
#: Readers of a folder of Parquet files pass over what begins with a dot.
_LOCK, _NEW, _OLD = ".lock", ".new", ".old"
#: How the text of a lock begins.
_MARK = b"bluezone-sim "
#: How often a working folder may be removed by its writer while another one is about to take it.
_TRIES = 1000

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


#: Through which everything is written.
DISK = Disk()


class _NamedFile(io.FileIO):
    """A new file whose faults are told by the name that it will have."""

    def __init__(self, path: Path, mode: int, name: Path):
        super().__init__(path, "xb", opener=lambda file, flags: os.open(file, flags, mode))
        self._name = name

    def write(self, data: Any, /) -> int:
        with _named(self._name):
            return super().write(data)


def _unwritable(path: Path, error: OSError) -> InputError:
    parent = path.absolute().parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "make room, or give another place"
    elif not parent.is_dir():
        remedy = f"there is no folder {parent}; make it, or give another place"
    else:
        remedy = "give a place that can be written to"
    return InputError(f"{path}: cannot be written ({error.strerror or error}); {remedy}")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None


def _place(path: Path) -> Path:
    place = path.absolute()
    if place.name == "..":
        place = place.resolve()
    if not place.name:
        raise InputError(f"{path}: cannot be written (it has no name); give a place in a folder")
    return place


def _working_folder(place: Path) -> Path:
    return place.with_name(f".{place.name}{_SUFFIX}")


class _Writing:
    """The working folder of one write, held until :meth:`end`.

    Raises:
        InputError: another process writes to the same place, the folder's name is taken by something
            else, or it cannot be made.
    """

    def __init__(self, path: Path, keep: Callable[[Path], object] | None = None):
        self.path, self.place = path, _place(path)
        self.folder = _working_folder(self.place)
        self.new, self._old = self.folder / _NEW, self.folder / _OLD
        with _named(path):
            self._lock = self._take()
            try:
                if keep is not None and os.path.lexists(self.new):
                    keep(self.new)
                self._settle()
                mark = _MARK + f"process {os.getpid()} on {platform.node()}".encode()
                DISK.write_lock(self._lock, mark)
            except BaseException:
                self.end()
                raise

    def _take(self) -> IO[bytes]:
        ours = True
        for _ in range(_TRIES):
            try:
                DISK.make_folder(self.folder)
                made = True
            except FileExistsError:
                made = False
            # What stands there while others come and go is not seen at one instant: look again.
            ours = self._ours()
            if not ours:
                continue
            try:
                lock = DISK.open_lock(self.folder / _LOCK)
            except FileNotFoundError:
                continue  # another writer has just ended
            try:
                if self._got(lock, made):
                    return lock
            except BaseException:
                lock.close()
                raise
            lock.close()
        raise self._in_use("others, one after another") if ours else self._in_the_way()

    def _ours(self) -> bool:
        """The lock is the first thing in a working folder and the last: without it, it is none."""
        if self.folder.is_symlink():
            return False
        try:
            found = set(os.listdir(self.folder))
        except FileNotFoundError:
            return True  # another writer has just ended
        except NotADirectoryError:
            return False
        return not found or (_LOCK in found and found <= {_LOCK, _NEW, _OLD})

    def _got(self, lock: IO[bytes], made: bool) -> bool:
        """False where it is the lock of a folder that has been removed in the meantime."""
        try:
            mine = take_lock(lock)
        except OSError:  # no locks on this file system: whoever made the folder has it
            mine = made
        lock.seek(0)
        label = lock.read(200).strip(b"\0")
        if not mine:
            who = label.removeprefix(_MARK).decode(errors="replace").strip()
            raise self._in_use(who or "another process")
        if label and not label.startswith(_MARK):
            raise self._in_the_way()
        try:
            return os.path.samestat(os.fstat(lock.fileno()), (self.folder / _LOCK).stat())
        except FileNotFoundError:
            return False

    def _cut_off(self) -> bool:
        """Whether the earlier folder has gone aside, and the new one, which is whole, is not in place."""
        return (
            os.path.lexists(self._old)
            and os.path.lexists(self.new)
            and not os.path.lexists(self.place)
        )

    def _in_use(self, who: str) -> InputError:
        first = f"move {self.new} to {self.place} and " if self._cut_off() else ""
        return InputError(
            f"{self.path}: is being written by {who}; wait for it, or, if that has ended, {first}remove "
            f"{self.folder}"
        )

    def _in_the_way(self) -> InputError:
        return InputError(
            f"{self.path}: cannot be written ({self.folder} is in the way, and nothing that this "
            "program has written); move it away"
        )

    def _settle(self) -> None:
        """Ends what an earlier writer, or this one, has begun."""
        if self._cut_off():
            DISK.rename(self.new, self.place)
            DISK.sync(self.place.parent)
        for left in (self.new, self._old):
            if os.path.lexists(left):
                DISK.remove(left)

    def put(self, *, aside: bool = False) -> None:
        """Gives what is new its place; an earlier folder goes aside first."""
        if aside and os.path.lexists(self.place):
            DISK.sync(self.folder)
            DISK.rename(self.place, self._old)
            try:
                DISK.rename(self.new, self.place)
            except BaseException:
                DISK.rename(self._old, self.place)
                raise
        else:
            DISK.rename(self.new, self.place)
        DISK.sync(self.place.parent)

    def leave(self) -> None:
        """Lets go of the working folder as it is: what is new there cannot be put in place."""
        self._lock.close()

    def end(self) -> None:
        """Removes the working folder; what cannot be removed waits for the next write."""
        with self._lock, suppress(OSError):
            self._settle()
            if sys.platform == "win32":
                self._lock.close()  # an open file cannot be removed there
            DISK.remove(self.folder / _LOCK)
            DISK.remove_empty(self.folder)


def cut_off(path: Path, keep: Callable[[Path], object]) -> None:
    """Hands over what the writer of a file had when it was killed, before it is removed.

    Args:
        path: of the file.
        keep: called with what there is, if anything, which it may move.

    Raises:
        InputError: its writer lives.
    """
    if os.path.lexists(_working_folder(_place(path)) / _NEW):
        _Writing(path, keep).end()


def leftovers(folder: Path) -> list[Path]:
    """Places in a folder that somebody writes to, or did when they were killed."""
    return [folder / left.name[1 : -len(_SUFFIX)] for left in sorted(folder.glob(f".*{_SUFFIX}"))]


def recover(path: Path) -> None:
    """Ends the replacement of a folder that was cut off between its two renames.

    Raises:
        InputError: it cannot be ended, or its writer lives.
    """
    place = path.absolute()
    if not os.path.lexists(place) and os.path.lexists(_working_folder(place) / _OLD):
        _Writing(path).end()


def remove_leftovers(folder: Path) -> None:
    """Removes what killed processes have left of writes into a folder."""
    for place in leftovers(folder):
        with suppress(InputError):  # its writer lives, or it is somebody else's
            _Writing(place).end()


def make_folder(path: Path) -> None:
    """Makes a folder and those above it; one that is there stays.

    Raises:
        InputError: it cannot be made.
    """
    with _named(path):
        path.mkdir(parents=True, exist_ok=True)


def check_absent(out: Path) -> None:
    """Raises InputError if the folder exists; called before the work starts."""
    recover(out)
    if os.path.lexists(out):
        raise InputError(f"{out}: exists already; remove it, or give another --out")


@contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder that takes its name only when it is whole and on the disk; an earlier one stays until
    then.

    ::

        with whole_folder(path) as part:
            (part / "numbers.json").write_bytes(data)

    Folders above it are made. An exception leaves nothing of it; an OSError is told as an InputError.

    Args:
        path: of the folder.
        replace: an earlier folder gives way; else there must be none.

    Raises:
        InputError: there is one already, another process writes it, or it cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; give the name of a folder")
    if not replace:
        check_absent(path)
    make_folder(_place(path).parent)
    writing = _Writing(path)
    try:
        with _named(path):
            DISK.make_folder(writing.new)
            yield writing.new
            _sync_tree(writing.new)
            if not replace:
                check_absent(path)
            writing.put(aside=replace)
    finally:
        writing.end()


def _sync_tree(folder: Path) -> None:
    for at in sorted(folder.iterdir()):
        if at.is_dir():
            _sync_tree(at)
        else:
            DISK.sync(at)
    DISK.sync(folder)


def write_folder(out: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files by name into a folder that must not exist yet.

    Raises:
        InputError: the folder exists, or cannot be made.
    """
    with whole_folder(out) as part:
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
        if self.path.exists() and not self.path.is_file():
            what = "a folder" if self.path.is_dir() else "no plain file"
            raise InputError(f"{path}: cannot be written (it is {what}); give the name of a file")
        self._writing = _Writing(self.path)
        try:
            with _named(self.path):
                mode = 0o600 if private else 0o666
                self.stream: BinaryIO = DISK.create(self._writing.new, mode, self.path)
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
                with _named(self.path):
                    self.finish()
                    self.stream.flush()
                    DISK.sync(self.stream)
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


def write_file(path: Path, data: bytes | str, *, private: bool = False) -> Path:
    """Writes a file, whole or not at all; text as UTF-8, its line ends as they are.

    Raises:
        InputError: as of :class:`WholeFile`.
    """
    with WholeFile(path, private=private) as file:
        file.stream.write(data.encode() if isinstance(data, str) else data)
    return path


def read_document(path: Path, of: str) -> dict[str, Any]:
    """The JSON that says what a folder holds.

    Args:
        path: of the file.
        of: what the folder should be, for messages: "a run".

    Raises:
        InputError: it is not there, or cannot be read.
        FormatError: it is damaged, or of another schema version.
    """
    recover(path.parent)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["schema_version"]
    except FileNotFoundError:
        raise InputError(f"{path.parent}: is not {of} (there is no {path.name})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: not the JSON of {of} ({error!r:.200})") from None
    if version != SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema version {version}, and this reads {SCHEMA_VERSION}; use the version of "
            f"bluezone-sim that wrote it ({document.get('bluezone_sim')})"
        )
    return dict(document)
