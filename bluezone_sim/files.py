"""A folder of a few small files that appears whole or not at all, and the JSON that tells what it is."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ._version import SCHEMA_VERSION
from .errors import FormatError, InputError


def check_absent(out: Path) -> None:
    """Raises InputError if the folder exists; called before the work starts."""
    if out.exists():
        raise InputError(f"{out}: exists already; remove it, or give another --out")


def write_folder(out: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files by name into a folder that must not exist yet.

    Raises:
        InputError: the folder exists, or cannot be made.
    """
    check_absent(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        part.chmod(0o755)
        try:
            for name, data in files.items():
                (part / name).write_bytes(data)
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error})") from None
    return out


def write_file(path: Path, data: bytes) -> Path:
    """Writes a file that appears whole or not at all; an earlier one stays until then.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    with WholeFile(path) as file:
        file.stream.write(data)
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


class WholeFile:
    """A binary file that takes its name only when it is whole; an earlier one stays until then.

    As a context manager it is put in place at the end, and leaves nothing behind where an exception
    ends it.

    Raises:
        InputError: there is no such folder, or it cannot be written to.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            if self.path.is_dir():
                raise IsADirectoryError(None, "is a folder")
            handle, part = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
        self.part = Path(part)
        self.stream: BinaryIO = os.fdopen(handle, "wb")

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
                self.finish()
            else:
                self.abandon()
            self.stream.close()
            if kind is None:
                self.part.chmod(0o644)
                self.part.replace(self.path)
        except OSError as fault:
            raise InputError(f"{self.path}: cannot be written ({fault})") from None
        finally:
            self.part.unlink(missing_ok=True)

    def finish(self) -> None:
        """Writes what ends the file; nothing by default."""

    def abandon(self) -> None:
        """Lets go of what the file will not hold; nothing by default."""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _move(part: Path, out: Path) -> None:
    """Puts the whole directory in place; an earlier one is there until the new one is whole."""
    if not out.exists():
        part.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(old / out.name)
    try:
        part.rename(out)
    except BaseException:
        (old / out.name).rename(out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
