"""One writer a directory: a lock that the system drops when its process dies, however it dies."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import InputError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds ``path``.

    Raises:
        InputError: another process holds it, or it cannot be made.
    """
    try:
        stream = path.open("a+b", buffering=0)
    except OSError as error:
        raise InputError(f"{path}: cannot be made ({error.strerror or error})") from None
    with stream:
        if not _take(stream):
            stream.seek(0)
            holder = stream.read(200).decode(errors="replace").strip() or "another process"
            raise InputError(
                f"{path.parent}: in use by {holder}; wait for it, or give another --out"
            )
        with suppress(OSError):  # a full disk: the lock holds, only its label is missing
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {platform.node()}".encode())
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(stream: IO[bytes]) -> bool:
        stream.seek(1 << 20)  # beyond the label, which others read
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(stream: IO[bytes]) -> bool:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
