"""A folder of a few small files that appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError


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
