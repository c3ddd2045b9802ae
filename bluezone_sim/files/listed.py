"""Folders that grow file by file, with a list of digests that is right at every moment.

A file that is added or replaced is announced in the list, then written, then settled there: a writer that
is killed at any step leaves the old file or the new one, and a list that allows for both.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..errors import InputError, InUseError
from .digests import DIGESTS, Digests, digest_of, read_digests
from .whole import WholeFile, write_file
from .writing import check_place, in_words, make_folder, place_of

#: How long another process may take to change the list, seconds, and how often that is looked at.
_PATIENCE_S, _PAUSE_S = 10.0, 0.02


def check_growing(folder: Path, holds: str, names: Collection[str]) -> None:
    """Raises InputError where these files may not be written into a folder: it is of something else, or
    some are there that the program has not written; called before the work starts."""
    if os.path.exists(folder) and not folder.is_dir():
        raise InputError(f"{folder}: is a file; expected a directory")
    if os.path.exists(folder):
        place_of(folder)
    else:
        check_place(folder)
    listed = read_digests(folder)
    if listed is not None and listed.holds != holds:
        raise InputError(f"{folder}: holds {listed.what}; give another folder")
    known = listed.names if listed is not None else set()
    others = sorted(n for n in names if n not in known and os.path.lexists(folder / n))
    if others:
        raise InputError(
            f"{folder}: holds {in_words(others)}, which is not listed as this program's; move it away, "
            "or give another folder"
        )


def write_listed(
    folder: Path, files: Mapping[str, bytes], holds: str, *, private: Collection[str] = ()
) -> list[Path]:
    """Writes files into a folder and its list, each whole or not at all.

    Args:
        folder: made where it is not there.
        files: bytes by place in the folder, with slashes.
        holds: what its list calls it.
        private: files that nobody but the owner may read.

    Raises:
        InputError: as of :func:`check_growing`, or it cannot be written.
        FormatError: the list is damaged.
    """
    check_growing(folder, holds, files)
    make_folder(folder)
    digests = {name: digest_of(data) for name, data in files.items()}
    _update(folder, holds, lambda listed: listed.announced(digests))
    for name, data in files.items():
        make_folder((folder / name).parent)
        write_file(folder / name, data, private=name in private)
    list_files(folder, digests, holds)
    return [folder / name for name in files]


def list_files(
    folder: Path, new: Mapping[str, str], holds: str, *, gone: Collection[str] = ()
) -> None:
    """Lists files that are there, and takes out those that are to go.

    Args:
        folder: where they are.
        new: SHA-256 by place in the folder.
        holds: what the list calls the folder.
        gone: places that are no longer listed.
    """
    _update(folder, holds, lambda listed: listed.changed(new, gone))


def _update(folder: Path, holds: str, change: Callable[[Digests], Digests]) -> None:
    """Reads the list, changes and writes it, while nobody else does."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            file = WholeFile(folder / DIGESTS)
            break
        except InUseError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
    with file:
        listed = read_digests(folder) or Digests(holds)
        file.stream.write(change(listed.settled(folder)).text())
