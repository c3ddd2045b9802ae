"""Files of any kind that holds sightings, told by their content, read into :class:`Sightings`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..errors import FormatError, InputError
from ..tables.rows import Sightings
from .decode import SightingDecoder, concatenate_sightings
from .formats import btsnoop
from .formats import dp3t_sqlite as measurements
from .formats import parquet as sightings_file
from .formats.dp3t_sqlite import PhoneNumbers
from .formats.frames import PCAP_MAGICS, READERS, in_order
from .formats.hci import HciReader, Own, concatenate
from .formats.link_layer import LINK_LAYER, read_link_layer
from .gatt_reads import GattRead, GattReader
from .packets import Packets

_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_HCI = (187, 201, 254, 1001, 1002, 2001)
_TRACE_BYTES = 1 << 22

FORMATS = ("btsnoop", "pcap", "pcapng", "sqlite", "parquet", "data_trace")


@dataclass
class FileReport:
    """What a file held.

    Attributes:
        path: the file.
        format: one of :data:`FORMATS`.
        n_records: records, blocks or rows read.
        n_advertisements: advertisements among them, of any kind; in tables every row is one.
        n_sightings: rows by protocol.
        identifiers: the distinct ones, by protocol.
        n_gatt: advertisements by protocol whose identifier is read over a connection.
        own: (unix microseconds, protocol, identifier) of what the phone itself set to send.
        n_backwards: records a little earlier than the one before.
        n_cut: records of which the file holds a part only.
        n_malformed: packets whose lengths do not add up, or whose CRC is wrong.
        n_fragments: reports that were joined to others.
        n_without_rssi: sightings whose RSSI is not told.
        first_ms, last_ms: earliest and latest sighting, unix milliseconds; None where there is none.
        fault: why reading ended early; empty where it did not.
    """

    path: Path
    format: str
    n_records: int = 0
    n_advertisements: int = 0
    n_sightings: dict[str, int] = field(default_factory=dict)
    identifiers: dict[str, set[bytes]] = field(default_factory=dict)
    n_gatt: dict[str, int] = field(default_factory=dict)
    own: list[tuple[int, str, bytes]] = field(default_factory=list)
    n_backwards: int = 0
    n_cut: int = 0
    n_malformed: int = 0
    n_fragments: int = 0
    n_without_rssi: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    fault: str = ""

    def add(self, sightings: Sightings) -> None:
        """Counts a table."""
        if not len(sightings):
            return
        name = sightings.protocol
        self.n_sightings[name] = self.n_sightings.get(name, 0) + len(sightings)
        ids = np.ascontiguousarray(sightings.identifier)
        whole = ids.view(np.dtype((np.void, ids.shape[1])))[:, 0]
        self.identifiers.setdefault(name, set()).update(whole.tolist())
        self.n_without_rssi += int(np.count_nonzero(sightings.rssi_dbm == -128))
        first, last = int(sightings.time_ms.min()), int(sightings.time_ms.max())
        self.first_ms = first if self.first_ms is None else min(self.first_ms, first)
        self.last_ms = last if self.last_ms is None else max(self.last_ms, last)

    def to_dict(self) -> dict[str, Any]:
        """As ``bluezone-sim import --json`` prints it."""
        return {
            "file": str(self.path),
            "format": self.format,
            "n_records": self.n_records,
            "n_advertisements": self.n_advertisements,
            "protocols": {
                name: {"n_sightings": n, "n_identifiers": len(self.identifiers[name])}
                for name, n in sorted(self.n_sightings.items())
            },
            "n_read_over_gatt": dict(sorted(self.n_gatt.items())),
            "own_identifiers": [
                {"unix_ms": time // 1000, "protocol": name, "identifier": identifier.hex()}
                for time, name, identifier in self.own
            ],
            "n_backwards": self.n_backwards,
            "n_cut": self.n_cut,
            "n_malformed": self.n_malformed,
            "n_fragments": self.n_fragments,
            "n_without_rssi": self.n_without_rssi,
            "first_unix_ms": self.first_ms,
            "last_unix_ms": self.last_ms,
            "fault": self.fault or None,
        }


def told_by_content(path: Path) -> str:
    """Which of :data:`FORMATS` a file is in.

    Raises:
        InputError: it cannot be read.
        FormatError: it is empty, or none of them.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; expected a file")
        with path.open("rb") as stream:
            head = stream.read(256)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    for magic, name in (
        (btsnoop.MAGIC, "btsnoop"),
        (_PCAPNG_MAGIC, "pcapng"),
        *((magic, "pcap") for magic in PCAP_MAGICS),
        (measurements.MAGIC, "sqlite"),
        (sightings_file.MAGIC, "parquet"),
    ):
        # A file cut inside its magic is still told; its reader says what is missing.
        if head and head.startswith(magic[: len(head)]):
            return name
    if not head.strip():
        raise FormatError(f"{path}: empty; expected a capture, a measurement or a history")
    line = head.split(b"\n")[0]
    if b"\t" in line and all(c in b"\t\r-" or 0x20 < c < 0x7F for c in line):
        return "data_trace"
    raise FormatError(
        f"{path}: not a file of sightings; expected btsnoop, pcap, pcapng, sightings in Parquet, the "
        f"sqlite of a measurement, or a data_trace.txt; it starts with {head[:8].hex()}"
    )


def import_file(path: Path, phones: PhoneNumbers) -> tuple[FileReport, Iterator[Sightings]]:
    """What a file holds, window by window, and a report that grows as they are read.

    Args:
        path: the file; told by its content.
        phones: numbers the phones of all files: an observer each file, or interface of a pcapng, or
            receiver of a measurement.

    The iterator raises FormatError at a fault, after all that came before it, and notes it in the
    report.
    """
    report = FileReport(path, told_by_content(path))
    readers: dict[str, Callable[[FileReport, PhoneNumbers], Iterator[Sightings]]] = {
        **dict.fromkeys(READERS, _capture),
        "sqlite": _measurement,
        "parquet": _parquet,
        "data_trace": _trace,
    }
    return report, _counted(report, readers[report.format](report, phones))


def _counted(report: FileReport, tables: Iterator[Sightings]) -> Iterator[Sightings]:
    try:
        for table in tables:
            report.add(table)
            yield table
    except FormatError as error:
        text = str(error)
        report.fault = text if text.startswith(str(report.path)) else f"{report.path}: {text}"
        raise FormatError(report.fault) from None


def _capture(report: FileReport, phones: PhoneNumbers) -> Iterator[Sightings]:
    hci, gatt, decoder = HciReader(), GattReader(), SightingDecoder()
    with report.path.open("rb") as stream:
        for frames, n_back in in_order(READERS[report.format](stream)):
            report.n_records += len(frames)
            report.n_backwards += n_back
            report.n_cut += frames.n_cut
            parts: list[Packets] = []
            own: list[Own] = []
            reads: list[GattRead] = []
            n_broken = 0
            rows = np.flatnonzero(np.isin(frames.link, _HCI))
            if len(rows):
                packets, own = hci.read(frames.take(rows))
                reads = gatt.read(frames.take(rows))
                parts.append(packets)
            rows = np.flatnonzero(np.isin(frames.link, LINK_LAYER))
            if len(rows):
                packets, _, n_broken = read_link_layer(frames.take(rows))
                parts.append(packets)
            report.n_malformed += n_broken
            if not parts:
                continue
            packets = concatenate(parts)
            report.n_advertisements += len(packets)
            report.own += decoder.identifiers(own)
            who = np.array([read.observer for read in reads], np.int32)
            numbers = _numbers(report, who, phones).tolist()
            reads = [replace(read, observer=k) for read, k in zip(reads, numbers, strict=True)]
            packets = replace(packets, observer=_numbers(report, packets.observer, phones))
            yield from decoder.reads(packets, reads)
            yield from decoder.sightings(packets, own)
            report.n_gatt = decoder.n_gatt
    report.n_malformed += hci.n_malformed
    report.n_fragments = hci.n_fragments
    if not report.n_records:
        raise FormatError("holds no packets")


def _numbers(
    report: FileReport, observer: NDArray[np.int32], phones: PhoneNumbers
) -> NDArray[np.int32]:
    """Numbers of a file's interfaces among all phones; in the file's order, silent ones as well."""
    names = [str(report.path)] + [
        f"{report.path}, interface {k}" for k in range(1, int(observer.max(initial=0)) + 1)
    ]
    return np.array([phones.of(name) for name in names], np.int32)[observer]


def _measurement(report: FileReport, phones: PhoneNumbers) -> Iterator[Sightings]:
    for table in measurements.read_measurements(report.path, phones):
        report.n_records += len(table)
        report.n_advertisements += len(table)
        yield table


def _parquet(report: FileReport, phones: PhoneNumbers) -> Iterator[Sightings]:
    for table in sightings_file.read_sightings(report.path).values():
        report.n_records += len(table)
        report.n_advertisements += len(table)
        kinds, inverse = np.unique(table.observer, return_inverse=True)
        numbers = [phones.of(f"{report.path}, observer {k}") for k in kinds.tolist()]
        yield replace(table, observer=np.array(numbers, np.int32)[inverse])


def _trace(report: FileReport, phones: PhoneNumbers) -> Iterator[Sightings]:
    from ..protocols.bluezone.files import parse_history

    number = phones.of(str(report.path))
    last: int | None = None
    with report.path.open("rb") as stream:
        while lines := stream.readlines(_TRACE_BYTES):
            table, found = parse_history(
                b"".join(lines), str(report.path), first_row=report.n_records + 1
            )
            report.n_records += found.n_rows
            report.n_advertisements += found.n_rows
            report.n_backwards += found.n_out_of_order
            report.n_backwards += int(last is not None and table.time_ms[0] < last)
            last = int(table.time_ms[-1])
            yield replace(table, observer=np.full(len(table), number, np.int32))


def history_of(path: Path, protocol: str) -> tuple[Sightings, int]:
    """All sightings of one protocol in a file, and how many records are earlier than the one before.

    Where protocols look alike on air, sightings of one are those of another.

    Raises:
        InputError: the file cannot be read, or holds sightings of other protocols only.
        FormatError: the file is at fault; what was read before the fault is told.
    """
    report, tables = import_file(path, PhoneNumbers())
    alike = protocols.get(protocol).looks_like
    try:
        found = [t for t in tables if t.protocol in alike]
    except FormatError as error:
        kept = (
            f"\nRead before the fault: {report.n_records:,} records; `bluezone-sim import --partial` "
            "keeps them, and its file is a history too"
        )
        raise FormatError(f"{error}{kept if report.n_records else ''}") from None
    if not found and report.n_sightings:
        held = ", ".join(f"{n:,} of {name}" for name, n in sorted(report.n_sightings.items()))
        raise InputError(f"{path}: holds no sightings of {protocol}, the keys' system, but {held}")
    return concatenate_sightings(found, protocol), report.n_backwards
