"""One writer a directory: a lock that the system drops when its process dies, however it dies."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError
from ..files import disk, take_lock

#: What a file system says that has no locks (NFS without its lock daemon, some FUSE and cluster mounts).
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds ``path``.

    Raises:
        InputError: another process holds it, or it cannot be made or locked.
    """
    try:
        stream = disk.DISK.open_lock(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be made ({error.strerror or error})") from None
    with stream:
        try:
            mine = take_lock(stream)
        except OSError as error:
            raise _unlocked(path, error) from None
        if not mine:
            stream.seek(0)
            holder = stream.read(200).decode(errors="replace").strip() or "another process"
            raise InputError(
                f"{path.parent}: in use by {holder}; wait for it, or give another --out"
            )
        with suppress(OSError):  # a full disk: the lock holds, only its label is missing
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {platform.node()}".encode())
        yield


def _unlocked(path: Path, error: OSError) -> InputError:
    why = error.strerror or error
    if error.errno not in _NO_LOCKS:
        return InputError(f"{path}: cannot be locked ({why}); give an --out on another file system")
    return InputError(
        f"{path.parent}: the file system there has no locks ({why}), and without one two sweeps could "
        "write into each other's results; give an --out on a disk of this machine, and move it later"
    )
