"""What kind of file it is, told by its content."""

from __future__ import annotations

from pathlib import Path

from ..errors import FormatError
from ..reading.packed import GZIP, ZIP
from .formats import btsnoop, csv_rows, dp3t_sqlite, microg, parquet, ramble, sqlite_files
from .formats.containers import head_of, is_report_text, logs_in_report
from .formats.frames import Reader
from .formats.pcapng_blocks import read_pcapng
from .formats.records import (
    PCAP_MAGICS,
    packetlogger_order,
    read_btsnoop,
    read_packetlogger,
    read_pcap,
)

_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
#: Those that hold packets, by the name of the format.
READERS: dict[str, Reader] = {
    "btsnoop": read_btsnoop,
    "pcap": read_pcap,
    "pcapng": read_pcapng,
    "pklg": read_packetlogger,
}
#: Those that hold one of the others.
PACKED = ("gzip", "bugreport", "btsnooz")
FORMATS = (*READERS, "sqlite", "ramble", "microg", "parquet", "data_trace", "csv", *PACKED)


def told_by_content(path: Path) -> str:
    """Which of :data:`FORMATS` a file is in.

    Raises:
        InputError: it cannot be read.
        FormatError: it is empty, or none of them.
    """
    head = head_of(path)
    for magic, name in (
        (btsnoop.MAGIC, "btsnoop"),
        (_PCAPNG_MAGIC, "pcapng"),
        *((magic, "pcap") for magic in PCAP_MAGICS),
        (sqlite_files.MAGIC, "sqlite"),
        (parquet.MAGIC, "parquet"),
        (GZIP, "gzip"),
    ):
        # A file cut inside its magic is still told; its reader says what is missing.
        if head and head.startswith(magic[: len(head)]):
            return _sqlite_kind(path) if name == "sqlite" and len(head) > len(magic) else name
    if not head.strip():
        raise FormatError(f"{path}: empty; expected a capture, a measurement or a history")
    if head.startswith(ZIP) and logs_in_report(path):
        return "bugreport"
    line = head.split(b"\n")[0]
    if csv_rows.is_rows(line):
        return "csv"
    if b"\t" in line and all(c in b"\t\r-" or 0x20 < c < 0x7F for c in line):
        return "data_trace"
    if packetlogger_order(head):
        return "pklg"
    if is_report_text(path, head):
        return "btsnooz"
    raise FormatError(
        f"{path}: not a file of sightings; expected btsnoop, pcap, pcapng, PacketLogger, a bug report of "
        "Android, sightings in Parquet, the sqlite of a measurement, of RaMBLE or of microG, a "
        "data_trace.txt, or a CSV whose header names time and identifier; it starts with "
        f"{head[:8].hex()}"
    )


def _sqlite_kind(path: Path) -> str:
    found = sqlite_files.tables(path)
    if dp3t_sqlite.TABLE in found:
        return "sqlite"
    if found.issuperset(ramble.TABLES):
        return "ramble"
    if microg.TABLE in found:
        return "microg"
    raise FormatError(
        f"{path}: expected a table {dp3t_sqlite.TABLE!r} (a measurement of DP-3T), tables "
        f"{' and '.join(ramble.TABLES)} (RaMBLE) or {microg.TABLE!r} (microG), found "
        f"{', '.join(sorted(found)) or 'no table'}"
    )
