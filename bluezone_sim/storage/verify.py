"""Folders that the program has written, checked against their digests."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._version import SCHEMA_VERSION
from ..errors import FormatError, InputError, NothingToRunError
from ..files import DIGESTS, Fault, faults_of, others_in, promises, read_digests, recover


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        path: of the folder.
        holds: what it is, such as ``run`` or ``sweep``.
        n_files: files that the program has written.
        n_bytes: of those that are there.
        faults: files that are damaged or missing.
        changing: files that a writer, which was cut off or lives, has announced; old or new is right.
        others: what is not listed, which is no damage and was not checked: files of others, and the last
            of a sweep that was killed.
    """

    path: Path
    holds: str
    n_files: int
    n_bytes: int
    faults: tuple[Fault, ...]
    changing: tuple[str, ...]
    others: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "path": str(self.path)}

    def summary(self) -> list[str]:
        """Lines: the faults, what was checked, what was not."""
        lines = [f"{self.path / fault.name}: {fault.what}" for fault in self.faults]
        lines += [f"{self.path / name}: is being written" for name in self.changing]
        lines += [f"{self.path / name}: not listed, so not checked" for name in self.others]
        found = f"{len(self.faults):,} at fault" if self.faults else "all as they were written"
        n = f"{self.n_files:,} file{'s' if self.n_files != 1 else ''}"
        return [*lines, f"{self.path}: {self.holds}, {n}, {self.n_bytes:,} bytes: {found}"]


def verify(path: str | Path) -> Verification:
    """Checks every file of a folder that the program has written.

    Raises:
        InputError: there is no such folder, or it cannot be read.
        FormatError: its list of digests is damaged or missing.
        NothingToRunError: it has none, being of an earlier version, or not the program's.
    """
    path = Path(path)
    recover(path)
    if not os.path.isdir(path):
        raise InputError(f"{path}: no such directory; expected one that this program has written")
    listed = read_digests(path)
    if listed is None:
        for document in sorted(path.glob("*.json")):
            if promises(document):
                raise FormatError(
                    f"{path / DIGESTS}: missing, and {document.name} says that there is one; copy it "
                    "again from where it came"
                )
        raise NothingToRunError(
            f"{path}: has no {DIGESTS}, so nothing can be checked; earlier versions wrote none"
        )
    try:
        sizes = [os.path.getsize(path / n) for n in listed.names if os.path.isfile(path / n)]
        return Verification(
            path,
            listed.holds,
            len(listed.files),
            sum(sizes),
            tuple(faults_of(path, listed)),
            tuple(sorted(listed.changing)),
            tuple(n for n in others_in(path, {*listed.names, "lock"}) if not _is_empty(path / n)),
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _is_empty(path: Path) -> bool:
    return os.path.isdir(path) and not os.listdir(path)
