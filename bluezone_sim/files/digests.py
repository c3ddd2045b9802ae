"""``digests.json``: the SHA-256 of every file that the program has written into a folder.

::

    {"schema_version": 1, "bluezone_sim": "1.0", "holds": "run",
     "files": {"manifest.json": "9f86…", "report.html": "2c26…"},
     "changing": {"report.html": "fcde…"},
     "sha256": "…"}

``changing`` has files that are being replaced or added: until they are settled, each may be what
``files`` says of it (or absent, where that says nothing) or what ``changing`` says, so that a writer that
is killed at any moment leaves no folder that looks damaged. The last key is the digest of the document
without it, so that damage to the list itself is told as that. A file that is not listed is somebody
else's: it is no damage, and never removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from .._version import SCHEMA_VERSION, __version__
from ..errors import FolderWarning, FormatError, InputError
from ..reading.documents import parse_json

#: The file's name, also what documents of folders say under ``digests``.
DIGESTS = "digests.json"
#: Faults that are told of one folder.
_TOLD = 5
_HEX = frozenset("0123456789abcdef")


def digest_of(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Fault:
    """A file that is not as it was written: its place in the folder, and what is wrong."""

    name: str
    what: str


@dataclass(frozen=True)
class Digests:
    """What a folder should hold.

    Attributes:
        holds: what it is, such as ``run`` or ``sweep``.
        files: SHA-256 by place in the folder, with slashes.
        changing: SHA-256 that a file may have instead, while it is being written.
    """

    holds: str
    files: Mapping[str, str] = field(default_factory=dict)
    changing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, holds: str) -> Self:
        """Of all files that are in a folder."""
        places = (path for path in sorted(folder.rglob("*")) if path.is_file())
        files = {path.relative_to(folder).as_posix(): _digest_at(path) for path in places}
        return cls(holds, {name: digest for name, digest in files.items() if name != DIGESTS})

    @property
    def what(self) -> str:
        """What it holds, with its article."""
        return f"{'an' if self.holds[:1] in 'aeiou' else 'a'} {self.holds}"

    @property
    def names(self) -> set[str]:
        """Every file that is the program's, the list itself too."""
        return {*self.files, *self.changing, DIGESTS}

    def allows(self, name: str, digest: str | None) -> bool:
        """Whether a file may have this digest, or be absent (None)."""
        return digest in ({self.files.get(name)} | ({self.changing.get(name)} - {None}))

    def announced(self, new: Mapping[str, str]) -> Self:
        """With files that are about to be written."""
        return replace(self, changing={**self.changing, **new})

    def changed(self, new: Mapping[str, str], gone: Collection[str] = ()) -> Self:
        """With files that are there now, and without some that are to go."""
        left = {name: digest for name, digest in self.files.items() if name not in gone}
        waiting = {n: d for n, d in self.changing.items() if n not in new and n not in gone}
        return replace(self, files={**left, **new}, changing=waiting)

    def settled(self, folder: Path) -> Self:
        """With what a writer that was cut off has left, one way or the other."""
        found = {name: _found(folder / name) for name in self.changing}
        right = {n: d for n, d in found.items() if d and self.allows(n, d)}
        absent = {n for n, d in found.items() if d is None and self.allows(n, d)}
        return self.changed(right, absent)

    def text(self) -> bytes:
        """The file's bytes."""
        return _rendered(
            {
                "schema_version": SCHEMA_VERSION,
                "bluezone_sim": __version__,
                "holds": self.holds,
                "files": dict(sorted(self.files.items())),
                "changing": dict(sorted(self.changing.items())),
            }
        )


def _rendered(document: Mapping[str, Any]) -> bytes:
    whole = {**document, "sha256": digest_of(_lines(document))}
    return _lines(whole) + b"\n"


def _lines(document: Mapping[str, Any]) -> bytes:
    """An entry a line; ``indent`` would be ten times as slow."""
    return json.dumps(document, separators=(",\n", ": ")).encode()


def read_digests(folder: Path) -> Digests | None:
    """The list of a folder; None where it has none, as all that earlier versions have written.

    Raises:
        FormatError: it is damaged, or of a later version.
        InputError: it cannot be read.
    """
    path = folder / DIGESTS
    try:
        data = plain(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    try:
        whole = dict(parse_json(data, path))
        del whole["sha256"]
        version, holds = whole["schema_version"], whole["holds"]
        files, changing = whole["files"], whole["changing"]
        right = _rendered(whole) == data and isinstance(holds, str)
        right &= all(_is_place(n) and _is_digest(d) for n, d in [*files.items(), *changing.items()])
    except (FormatError, ValueError, KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise FormatError(f"{path}: damaged, or not this program's")
    if version > SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema version {version}, and this reads {SCHEMA_VERSION}; use the version of "
            f"bluezone-sim that wrote it ({whole.get('bluezone_sim')})"
        )
    return Digests(holds, files, changing)


def _is_place(name: str) -> bool:
    """Inside the folder, a name that a file can have, and not the list itself."""
    place = PurePosixPath(name)
    try:
        name.encode()
    except UnicodeEncodeError:  # half a letter
        return False
    return (
        bool(name)
        and "\0" not in name
        and not place.is_absolute()
        and ".." not in place.parts
        and name != DIGESTS
    )


def _is_digest(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= _HEX


def plain(path: Path) -> Path:
    """The path of a file that ends: a pipe would be waited for, and a device may have no end.

    Raises:
        OSError: it is neither a file nor a folder.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OSError("no plain file")
    return path


def _digest_at(path: Path) -> str:
    with plain(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _found(path: Path) -> str | None:
    try:
        return _digest_at(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _never(name: str) -> bool:
    return False


def faults_of(
    folder: Path, listed: Digests, passing_over: Callable[[str], bool] = _never
) -> list[Fault]:
    """Files that are not as they were written, by name.

    Args:
        folder: where they are.
        listed: what they should be.
        passing_over: files whose state does not matter.
    """
    out = []
    for name in sorted(listed.names - {DIGESTS}):
        if passing_over(name):
            continue
        try:
            found = _found(folder / name)
        except OSError as error:
            out.append(Fault(name, f"cannot be read ({error.strerror or error})"))
            continue
        if not listed.allows(name, found):
            size = (folder / name).stat().st_size if found else 0
            damaged = f"damaged (its {size:,} bytes are not those that were written)"
            out.append(Fault(name, damaged if found else "missing"))
    return out


def check_digests(
    folder: Path,
    of: str,
    document: str,
    remedy: Callable[[str], str],
    passing_over: Callable[[str], bool] = _never,
) -> Digests | None:
    """Checks a folder before it is read.

    Args:
        folder: where it is.
        of: what it should hold, such as ``run``.
        document: name of its JSON, which says ``digests`` where there should be a list.
        remedy: what to do, by the first file at fault.
        passing_over: files whose state does not matter.

    Returns:
        The list; None for a folder of an earlier version, of which a FolderWarning tells.

    Raises:
        FormatError: a file is damaged or missing; it is named, with what to do.
        InputError: the folder holds something else, or a file cannot be read.
    """
    try:
        listed = read_digests(folder)
    except FormatError as error:
        raise FormatError(f"{error}; {remedy(DIGESTS)}") from None
    if listed is None:
        _tell_none(folder, document, remedy)
        return None
    if listed.holds != of:
        raise InputError(f"{folder}: holds {listed.what}, not a {of}")
    faults = faults_of(folder, listed, passing_over)
    if faults:
        again = read_digests(folder)
        if again != listed and again is not None:  # a writer came between
            listed, faults = again, faults_of(folder, again, passing_over)
    if faults:
        lines = [f"{folder / fault.name}: {fault.what}" for fault in faults[:_TOLD]]
        if len(faults) > _TOLD:
            lines.append(f"and {len(faults) - _TOLD:,} more")
        raise FormatError("; ".join(lines) + f"; {remedy(faults[0].name)}")
    return listed


def promises(document: Path) -> bool | None:
    """Whether a folder's JSON says that there is a list beside it; None where it is not one of ours."""
    try:
        return DIGESTS in parse_json(plain(document).read_bytes(), document).values()
    except (OSError, FormatError, AttributeError, TypeError):
        return None


def _tell_none(folder: Path, document: str, remedy: Callable[[str], str]) -> None:
    promised = promises(folder / document)
    if promised is None:
        return  # whoever reads the document tells what it is
    if promised:
        raise FormatError(f"{folder / DIGESTS}: missing; {remedy(DIGESTS)}")
    warnings.warn(
        f"{folder}: has no {DIGESTS}, being of an earlier version, so damage to it would not be told",
        FolderWarning,
        stacklevel=4,
    )


def others_in(folder: Path, names: Collection[str]) -> list[str]:
    """Files and folders that are somebody else's: all but these files and the folders they are in.

    Raises:
        OSError: the folder cannot be read.
    """
    above = {str(p) for name in names for p in PurePosixPath(name).parents}
    return sorted(_others(folder, "", set(names), above))


def _others(folder: Path, inside: str, names: set[str], above: set[str]) -> Iterator[str]:
    for entry in os.scandir(folder):
        place = f"{inside}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if place in above:
                yield from _others(folder / entry.name, f"{place}/", names, above)
            else:
                yield f"{place}/"
        elif place not in names:
            yield place
