"""What captures come packed in: gzip, Android's bug report, the text of one, the sysdiagnose of iOS.

Unpacked to files on disk, so that memory does not grow with them, and no further than a bound.
"""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from ...errors import FormatError, InputError
from ...reading.packed import GZIP, ZIP, Budget, Readable, member_of, unpacking, zip_of
from ..cut_off import set_aside
from . import btsnooz, csv_rows
from .frames import Damage

#: More than any log that phones keep.
MOST_BYTES = 4 << 30
_STEP = 1 << 20
#: How far into a text a btsnooz is looked for.
_SEARCHED = 64 << 20
#: Android's log in a bug report, wherever the vendor keeps it: FS/data/misc/bluetooth/logs,
#: FS/data/log/bt, …; ``.last`` and the like are earlier parts.
_LOG = re.compile(r"(^|/)(btsnoop|btsnooz)_hci[^/]*\.(log|cfa)[^/]*$", re.IGNORECASE)
_PACKETLOG = re.compile(r"(^|/)logs/Bluetooth/[^/]*\.pklg$", re.IGNORECASE)
#: The report's own text, which may hold a btsnooz.
_TEXT = re.compile(r"(^|/)(bugreport|dumpstate|dumpsys|main_entry)[^/]*\.txt$", re.IGNORECASE)


#: Members of a tar; a sysdiagnose has some thousand.
_MOST_MEMBERS = 200_000
#: Bytes of a gzip at fault that are unpacked at once: those with the fault in them are lost.
_SMALL = 512


@contextmanager
def unpacked(path: Path, damage: Damage | None = None) -> Iterator[list[tuple[str, Path]]]:
    """What a file holds: (its name for people, a file); itself where it is not packed.

    Logs in a bug report are in order of time, the earlier part first.

    Args:
        path: the file.
        damage: told of a gzip at fault, of which all before the fault is given; None: that is an error.

    Raises:
        InputError: it cannot be read.
        FormatError: the packing is at fault, holds no log, or holds too much.
    """
    head = head_of(path)
    budget = Budget(path, path.stat().st_size, MOST_BYTES)
    with TemporaryDirectory(prefix="bluezone-sim-") as folder:
        inner = Path(folder)
        if head.startswith(GZIP):
            out = inner / "unpacked"
            _gunzip(path, out, budget, damage)
            if head_of(out)[:2] == GZIP:
                raise FormatError(f"{path}: gzip inside gzip")
            if _is_tar(out):
                yield _of_sysdiagnose(out, inner, budget)
                return
            with unpacked(out) as found:
                yield [(str(path), file) for _, file in found]
        elif head.startswith(ZIP):
            yield _of_report(path, inner, budget)
        elif is_report_text(path, head):
            with path.open("rb") as stream:
                yield [(str(path), _of_text(stream, inner / "text", str(path)))]
        else:
            yield [(str(path), path)]


def _gunzip(path: Path, out: Path, budget: Budget, damage: Damage | None) -> None:
    """A gzip to a file; with ``damage`` what is before a fault of it."""
    try:
        with unpacking(path), gzip.open(path) as stream:
            _copy(stream, out, budget)
    except FormatError as error:
        if damage is None or budget.spent or not _before_fault(path, out):
            raise
        damage.note(f"unpacked as far as can be ({error})")


def _before_fault(path: Path, out: Path) -> int:
    """Unpacks a gzip up to where it is cut or damaged; how many bytes that gives."""
    inflate, n = zlib.decompressobj(31), 0
    budget = Budget(path, path.stat().st_size, MOST_BYTES)
    with path.open("rb") as stream, out.open("wb") as file, suppress(zlib.error):
        while step := stream.read(_SMALL):
            found = inflate.decompress(step)
            budget.take(len(found))
            n += file.write(found)
    return n


def _is_tar(path: Path) -> bool:
    with unpacking(path):
        return tarfile.is_tarfile(path)


def head_of(path: Path, size: int = 512) -> bytes:
    """The first bytes of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if os.path.isdir(path):
            raise InputError(f"{path}: is a folder; expected a file")
        with path.open("rb") as stream:
            return stream.read(size)
    except FileNotFoundError as error:
        if (part := set_aside(path)) is not None:
            raise InputError(f"{part}; give that file") from None
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def is_report_text(path: Path, head: bytes) -> bool:
    """Text of a bug report, or other text that holds a btsnooz, such as what ``dumpsys`` prints."""
    if head.lstrip().startswith((btsnooz.BEGIN, b"=" * 56 + b"\n== dumpstate")):
        return True
    line = head.split(b"\n")[0]
    if not head.strip() or b"\0" in head or b"\t" in line or csv_rows.is_rows(line):
        return False
    before = b""
    with path.open("rb") as stream:
        for _ in range(_SEARCHED // _STEP):
            step = stream.read(_STEP)
            if btsnooz.BEGIN in before + step:
                return True
            before = step[-len(btsnooz.BEGIN) :]
            if not step:
                break
    return False


def logs_in_report(path: Path) -> list[str]:
    """Names of the logs in a zip, or of the text that may hold one; none where it is no bug report.

    Raises:
        FormatError: no zip.
    """
    with zip_of(path, path) as archive:
        names = [info.filename for info in archive.infolist() if info.file_size]
    logs = [name for name in names if _LOG.search(name)]
    # What Android filtered has no values in it; it is read where there is nothing else.
    whole = [name for name in logs if "filtered" not in name]
    return sorted(whole or logs, key=lambda name: (not name.endswith((".last", ".old")), name)) or [
        name for name in names if _TEXT.search(name)
    ]


def _of_report(path: Path, folder: Path, budget: Budget) -> list[tuple[str, Path]]:
    out: list[tuple[str, Path]] = []
    names = logs_in_report(path)
    if not names:
        raise FormatError(
            f"{path}: a zip without Bluetooth log; expected a bug report of Android with "
            "btsnoop_hci.log. Was the HCI snoop log switched on?"
        )
    with zip_of(path, path) as archive:
        for k, name in enumerate(names):
            label, file = f"{path}, {name}", folder / str(k)
            try:
                with member_of(archive, archive.getinfo(name), label) as stream:
                    if _LOG.search(name):
                        _copy(stream, file, budget)
                        out.append((label, file))
                    else:
                        out.append((label, _of_text(stream, file, label)))
            except FormatError:
                # Of several texts one holds the log.
                if _LOG.search(name) or (not out and name == names[-1]):
                    raise
    return out


def _of_sysdiagnose(archive: Path, folder: Path, budget: Budget) -> list[tuple[str, Path]]:
    """The logs in a sysdiagnose of iOS: ``logs/Bluetooth/bluetoothd-hci-….pklg``, the latest one last."""
    out, label = [], str(budget.source)
    try:
        with unpacking(label), tarfile.open(archive) as tar:
            # The earlier ones have the time in their name.
            for k, member in enumerate(
                sorted(_packetlogs(tar, label), key=lambda m: ("latest" in m.name, m.name))
            ):
                stream, file = tar.extractfile(member), folder / f"log{k}"
                assert stream is not None
                _copy(stream, file, budget)
                out.append((f"{label}, {member.name}", file))
    except tarfile.TarError as error:
        raise FormatError(f"{label}: cannot be unpacked ({error}); is it truncated?") from None
    if not out:
        raise FormatError(
            f"{label}: holds no logs/Bluetooth/….pklg; was the Bluetooth profile installed?"
        )
    return out


def _packetlogs(tar: tarfile.TarFile, label: str) -> list[tarfile.TarInfo]:
    found = []
    for n, member in enumerate(tar):
        if n >= _MOST_MEMBERS:
            raise FormatError(f"{label}: more than {_MOST_MEMBERS:,} members")
        if member.isreg() and not member.issparse() and member.size:
            found += [member] * bool(_PACKETLOG.search(member.name))
    return found


def _of_text(stream: IO[bytes], file: Path, label: str) -> Path:
    try:
        lines = iter(lambda: stream.readline(_STEP), b"")
        file.write_bytes(btsnooz.to_btsnoop(lines))
    except FormatError as error:
        raise FormatError(f"{label}: {error}") from None
    return file


def _copy(stream: Readable, file: Path, budget: Budget) -> None:
    with file.open("wb") as out:
        budget.copy(stream, out)
