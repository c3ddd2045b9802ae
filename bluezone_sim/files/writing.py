"""The working folder of one write, beside the place that it is for.

What is not whole yet stands there, so that the last step is a rename within one file system::

    .NAME.bluezone-writing/.lock   who writes; the system drops its lock when that process ends
    .NAME.bluezone-writing/.new    the file or folder, until it is whole
    .NAME.bluezone-writing/.old    the folder that it replaces, from the one rename to the other

The steps are in this order: the working folder, its lock, what is new, its bytes to the disk; an earlier
folder to ``old``; ``new`` to its place, the names to the disk; then ``old``, the lock and the working
folder are removed. Each is a call of :data:`bluezone_sim.files.disk.DISK`.

A process that is killed leaves its working folder. The next write to the same place takes the lock, which
it only can where that process has ended, and ends what was begun: where ``old`` and ``new`` are both
there and the place is empty, ``new`` is whole and goes to its place; all else is removed.
:func:`recover` does so before a folder is read. A folder of that name that holds anything else is not
touched, and of ``old`` nothing is removed that the program has not written.

A link is followed: what it leads to is replaced, and it stays.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..errors import FormatError, InputError, InUseError
from . import disk
from .digests import others_in, read_digests
from .disk import absolute, named, take_lock

_SUFFIX = ".bluezone-writing"
#: Readers of a folder of Parquet files pass over what begins with a dot.
_LOCK, _NEW, _OLD = ".lock", ".new", ".old"
#: How the text of a lock begins.
_MARK = b"bluezone-sim "
#: How often a working folder may be removed by its writer while another one is about to take it.
_TRIES = 1000
#: Bytes of the longest path within a folder that the program writes.
_DEEPEST = 128


def place_of(path: Path) -> Path:
    """Where a path is written to: absolute, behind the link where it is one.

    Raises:
        InputError: it has no name, one that is too long, or is a link that leads nowhere.
    """
    if "\0" in str(path):
        raise InputError(f"{str(path)!r}: cannot be written (a NUL in its name); give another name")
    place = absolute(path)
    if place.name == "..":
        place = place.resolve()
    if not place.name:
        raise InputError(f"{path}: cannot be written (it has no name); give a place in a folder")
    if os.path.islink(place):
        place = Path(os.path.realpath(place))
        if not os.path.exists(place):
            raise InputError(f"{path}: is a link to {place}, which is not there; remove the link")
    _check_names(path, place)
    return place


def _check_names(path: Path, place: Path) -> None:
    """So that a name that is too long is told before hours of work, and not after them."""
    there = next(folder for folder in place.parents if os.path.isdir(folder))
    most, whole = _limit(there, "PC_NAME_MAX", 255), _limit(there, "PC_PATH_MAX", 4096)
    for part in place.relative_to(there).parts:
        room = most - (len(f".{_SUFFIX}") if part == place.name else 0)
        if (size := len(os.fsencode(part))) > room:
            raise InputError(
                f"{path}: cannot be written (a name of {size} bytes, and the most is {room}); give a "
                "shorter name"
            )
    # What stands in the working folder, and within the new one there, has longer paths.
    if len(os.fsencode(_working_folder(place))) + _DEEPEST > whole:
        raise InputError(f"{path}: cannot be written (its path is too long); give a shorter one")


def _limit(folder: Path, name: str, usual: int) -> int:
    try:
        return os.pathconf(folder, name)
    except (AttributeError, OSError, ValueError):
        return usual


def _working_folder(place: Path) -> Path:
    return place.with_name(f".{place.name}{_SUFFIX}")


class Writing:
    """The working folder of one write, held until :meth:`end`.

    Raises:
        InputError: another process writes to the same place, the folder's name is taken by something
            else, or it cannot be made.
    """

    def __init__(self, path: Path, keep: Callable[[Path], object] | None = None):
        self.path, self.place = path, place_of(path)
        self.folder = _working_folder(self.place)
        self.new, self._old = self.folder / _NEW, self.folder / _OLD
        with named(path):
            self._lock = self._take()
            self._hand_over(keep)
            try:
                self._settle()
                mark = _MARK + f"process {os.getpid()} on {platform.node()}".encode()
                disk.DISK.write_lock(self._lock, mark)
            except BaseException:
                self.end()
                raise

    def _take(self) -> IO[bytes]:
        ours = True
        for _ in range(_TRIES):
            try:
                disk.DISK.make_folder(self.folder)
                made = True
            except FileExistsError:
                made = False
            # What stands there while others come and go is not seen at one instant: look again.
            ours = self._ours()
            if not ours:
                continue
            try:
                lock = disk.DISK.open_lock(self.folder / _LOCK)
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

    def _in_use(self, who: str) -> InUseError:
        first = f"move {self.new} to {self.place} and " if self._cut_off() else ""
        return InUseError(
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
            disk.DISK.rename(self.new, self.place)
            disk.DISK.sync(self.place.parent)
        for left in (self.new, self._old):
            if os.path.lexists(left):
                if left == self._old:
                    self._check_own(left)
                disk.DISK.remove(left)

    def _check_own(self, left: Path) -> None:
        """Raises InputError where somebody has put something into a folder that is to go."""
        try:
            listed = read_digests(left)
        except (FormatError, InputError):
            return
        others = others_in(left, listed.names) if listed is not None else []
        if others:
            raise InputError(
                f"{self.path}: {left} holds {in_words(others)}, which this program has not written; move "
                "it away"
            )

    def put(self, replace: Callable[[Path], None] | None = None) -> None:
        """Gives what is new its place.

        Args:
            replace: an earlier folder goes aside first, and is removed if this raises nothing when it
                is given it.
        """
        if replace is not None and os.path.lexists(self.place):
            disk.DISK.sync(self.folder)
            disk.DISK.rename(self.place, self._old)
            try:
                replace(self._old)
                disk.DISK.rename(self.new, self.place)
            except BaseException:
                disk.DISK.rename(self._old, self.place)
                raise
        else:
            disk.DISK.rename(self.new, self.place)
        disk.DISK.sync(self.place.parent)

    def _hand_over(self, keep: Callable[[Path], object] | None) -> None:
        """What cannot be kept stays where it is."""
        try:
            if keep is not None and os.path.lexists(self.new):
                keep(self.new)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Lets go of the working folder as it is: what is new there cannot be put in place."""
        self._lock.close()

    def end(self) -> None:
        """Removes the working folder; what cannot be removed waits for the next write."""
        with self._lock, suppress(OSError, InputError):
            self._settle()
            if sys.platform == "win32":
                self._lock.close()  # an open file cannot be removed there
            disk.DISK.remove(self.folder / _LOCK)
            disk.DISK.remove_empty(self.folder)


def cut_off(path: Path, keep: Callable[[Path], object]) -> None:
    """Hands over what the writer of a file had when it was killed, before it is removed.

    Args:
        path: of the file.
        keep: called with what there is, if anything, which it may move.

    Raises:
        InputError: its writer lives.
    """
    if os.path.lexists(_working_folder(place_of(path)) / _NEW):
        Writing(path, keep).end()


def leftovers(folder: Path) -> list[Path]:
    """Places in a folder that somebody writes to, or did when they were killed."""
    return [folder / left.name[1 : -len(_SUFFIX)] for left in sorted(folder.glob(f".*{_SUFFIX}"))]


def recover(path: Path) -> None:
    """Ends the replacement of a folder that was cut off between its two renames.

    Raises:
        InputError: it cannot be ended, or its writer lives.
    """
    place = Path(os.path.realpath(path)) if os.path.islink(path) else absolute(path)
    if place.name and not os.path.lexists(place) and os.path.lexists(_working_folder(place) / _OLD):
        Writing(place).end()


def remove_leftovers(folder: Path) -> None:
    """Removes what killed processes have left of writes into a folder, and of a folder's own write."""
    own = place_of(folder)
    for place in [own] * os.path.lexists(_working_folder(own)) + leftovers(folder):
        with suppress(InputError):  # its writer lives, or it is somebody else's
            Writing(place).end()


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, and their names last; one that is there stays.

    Raises:
        InputError: it cannot be made.
    """
    with named(path):
        place = absolute(path)
        missing = [p for p in (place, *place.parents) if not os.path.isdir(p)]
        for folder in reversed(missing):
            try:
                disk.DISK.make_folder(folder)
            except FileExistsError:
                if not folder.is_dir():  # else somebody else was first
                    raise
            disk.DISK.sync(folder.parent)


def check_place(path: Path) -> None:
    """Raises InputError if nothing can be written there; called before the work starts."""
    place = place_of(path)
    parent = next(p for p in place.parents if os.path.lexists(p))
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: cannot be made, {parent} is not a folder that can be written to")


def check_absent(out: Path) -> None:
    """Raises InputError if the folder exists or cannot be made; called before the work starts."""
    recover(out)
    if os.path.lexists(out):
        raise InputError(f"{out}: exists already; remove it, or give another --out")
    check_place(out)


def in_words(names: list[str], most: int = 3) -> str:
    """Names, the first few of many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
