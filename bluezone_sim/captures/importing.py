"""Files of any kind that holds sightings, told by their content, read into :class:`Sightings`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..errors import FormatError, InputError
from ..tables.rows import Listening, Sightings
from .decode import SightingDecoder, concatenate_sightings
from .file_report import FileReport
from .formats import csv_rows, microg, ramble
from .formats import dp3t_sqlite as measurements
from .formats import parquet as sightings_file
from .formats.containers import unpacked
from .formats.frames import Damage, Frames, in_order
from .formats.hci import ADAPTER, HciReader, by_adapter
from .formats.link_layer import LINK_LAYER, read_link_layer
from .gatt_reads import GattReader
from .listening import ListeningFollower, merged
from .log_parts import Continuation, in_parts
from .phones import PhoneNumbers
from .sources import PACKED, READERS, told_by_content

_HCI = (187, 201, 254, 1001, 1002, 2001)
_TRACE_BYTES = 1 << 22


@dataclass
class Import:
    """Files that are read together: what is known of a phone goes on from one to the next.

    Attributes:
        phones: an observer each file, or adapter or interface of one, or receiver of a measurement; the
            parts of one phone's log are one.
        partial: pass over what is at fault in a capture, note it in the report, and go on.
        protocol: whose identifiers a file holds that does not tell it.
        continued: logs that go on in others.
    """

    phones: PhoneNumbers = field(default_factory=PhoneNumbers)
    partial: bool = False
    protocol: str | None = None
    continued: list[Continuation] = field(default_factory=list)
    _hci: HciReader = field(default_factory=HciReader)
    _gatt: GattReader = field(default_factory=GattReader)
    _decoder: SightingDecoder = field(default_factory=SightingDecoder)
    _follower: ListeningFollower = field(default_factory=ListeningFollower)
    _known: list[Listening] = field(default_factory=list)
    _owner: dict[Path, str] = field(default_factory=dict)

    def in_order(self, files: Sequence[Path]) -> list[Path]:
        """The files as they are to be read: parts of one phone's log one after the other, in order of
        time, where the first of them stood.

        Raises:
            InputError: a file cannot be read.
        """
        ordered, self.continued = in_parts(files)
        for link in reversed(self.continued):  # the last part gives the phone its name
            self._owner[link.earlier] = self._owner.get(link.later, str(link.later))
        return ordered

    def read(self, path: Path) -> tuple[FileReport, Iterator[Sightings]]:
        """What a file holds, window by window, and a report that grows as they are read.

        The iterator raises FormatError at a fault, after all that came before it, and notes it in the
        report.
        """
        report = FileReport(path, told_by_content(path))
        return report, self._counted(report)

    def listening(self) -> Listening | None:
        """When the phones listened, of those read by now of which it is known; None: of none."""
        tables = [self._follower.listening(), *self._known]
        rows = [
            (int(w), int(a), int(b), int(k))
            for t in tables
            for w, a, b, k in zip(t.observer, t.start_ms, t.end_ms, t.known, strict=True)
        ]
        return merged(rows) if rows else None

    def document(self, out: Path, reports: Sequence[FileReport]) -> dict[str, Any]:
        """What was read, as ``bluezone-sim import --json`` prints it.

        Args:
            out: the table that was written.
            reports: of the files, all of them read.
        """
        return {
            "out": str(out),
            "n_sightings": sum(sum(r.n_sightings.values()) for r in reports),
            "files": [r.to_dict() for r in reports],
            "phones": [
                {
                    "observer": number,
                    "name": name,
                    "model": self.phones.model.get(name),
                    "listened": self._listened(number),
                }
                for name, number in self.phones.number.items()
            ],
            "continued": [
                {"earlier": str(c.earlier), "later": str(c.later), "gap_s": round(c.gap_s, 3)}
                for c in self.continued
            ],
        }

    def _listened(self, number: int) -> dict[str, Any] | None:
        """How long a phone listened, where that is known."""
        listening = self.listening()
        mine = None if listening is None else listening.take(listening.observer == number)
        if mine is None or not len(mine):
            return None
        return {
            "seconds": float((mine.end_ms - mine.start_ms).sum()) / 1000,
            "n_scans": len(mine),
            "first_unix_ms": int(mine.start_ms[0]),
            "last_unix_ms": int(mine.end_ms[-1]),
        }

    def _counted(self, report: FileReport) -> Iterator[Sightings]:
        try:
            for table in self._tables(report):
                report.add(table)
                yield table
        except FormatError as error:
            text = str(error)
            report.fault = text if text.startswith(str(report.path)) else f"{report.path}: {text}"
            raise FormatError(report.fault) from None

    def _tables(self, report: FileReport) -> Iterator[Sightings]:
        readers: dict[str, Callable[[FileReport, Path], Iterator[Sightings]]] = {
            **{kind: partial(self._capture, kind) for kind in READERS},
            "sqlite": self._measurement,
            "ramble": self._ramble,
            "microg": self._microg,
            "parquet": self._parquet,
            "data_trace": self._trace,
            "csv": self._csv,
        }
        with unpacked(report.path, report.damage if self.partial else None) as parts:
            for label, file in parts:
                kind = told_by_content(file)
                if kind in PACKED:
                    raise FormatError(f"{label}: {kind} inside {report.format}")
                if report.format in PACKED:
                    report.format = f"{kind} in {report.format}"
                try:
                    yield from readers[kind](report, file)
                except FormatError as error:
                    # What was unpacked has a name that tells nobody anything.
                    text = str(error).replace(str(file), label)
                    raise FormatError(
                        text if text.startswith(label) else f"{label}: {text}"
                    ) from None

    # -- captures ------------------------------------------------------------------------------------

    def _capture(self, kind: str, report: FileReport, file: Path) -> Iterator[Sightings]:
        hci, decoder = self._hci, self._decoder
        hci.n_malformed = hci.n_fragments = hci.n_stale = 0
        decoder.n_gatt = dict(report.n_gatt)
        damage = report.damage if self.partial else None
        before = report.n_records
        try:
            with file.open("rb") as stream:
                for frames, n_back in self._frames(kind, report, stream, damage):
                    report.n_records += len(frames) + frames.n_untimed
                    report.n_backwards += n_back
                    report.n_cut += frames.n_cut
                    report.n_untimed += frames.n_untimed
                    yield from self._window(report, frames)
                    report.n_gatt = decoder.n_gatt
            hci.end()
        finally:
            report.n_malformed += hci.n_malformed
            report.n_fragments += hci.n_fragments
            report.n_stale += hci.n_stale
        if report.n_records == before:
            raise FormatError("holds no packets")

    def _frames(
        self, kind: str, report: FileReport, stream: BinaryIO, damage: Damage | None
    ) -> Iterator[tuple[Frames, int]]:
        """Records in order, each observer with its number among all phones."""
        records = (by_adapter(part) for part in READERS[kind](stream, damage))
        for frames, n_back in in_order(records, damage):
            yield replace(frames, observer=self._numbers(report, frames.observer)), n_back

    def _window(self, report: FileReport, frames: Frames) -> Iterator[Sightings]:
        decoder, follower = self._decoder, self._follower
        rows = np.flatnonzero(np.isin(frames.link, _HCI))
        if len(rows):
            part = frames.take(rows)
            packets, own = self._hci.read(part)
            follower.follow(part, sniffs=False)
            follower.hear(packets)
            report.n_advertisements += len(packets)
            report.own += decoder.identifiers(own)
            yield from decoder.sightings(packets, own, self._gatt.read(part))
        rows = np.flatnonzero(np.isin(frames.link, LINK_LAYER))
        if len(rows):
            part = frames.take(rows)
            packets, _, n_broken = read_link_layer(part)
            follower.follow(part, sniffs=True)
            report.n_advertisements += len(packets)
            report.n_malformed += n_broken
            yield from decoder.sightings(packets)

    def _numbers(self, report: FileReport, observer: NDArray[np.int32]) -> NDArray[np.int32]:
        """Numbers of a file's interfaces and adapters among all phones; in the file's order, silent
        interfaces as well."""
        if not len(observer):
            return observer
        name = self._owner.get(report.path, str(report.path))
        adapter, interface = np.divmod(observer, ADAPTER)
        found: dict[int, int] = {}
        for k in range(int(interface.max()) + 1):
            adapters = np.unique(adapter[interface == k]).tolist() or [0]
            for number in adapters:
                which = f", interface {k}" if k else ""
                which += f", adapter hci{number}" if number else ""
                found[number * ADAPTER + k] = self.phones.of(name + which)
        kinds, inverse = np.unique(observer, return_inverse=True)
        return np.array([found[k] for k in kinds.tolist()], np.int32)[inverse]

    # -- tables --------------------------------------------------------------------------------------

    def _rows(self, report: FileReport, tables: Iterable[Sightings]) -> Iterator[Sightings]:
        for table in tables:
            report.n_records += len(table)
            report.n_advertisements += len(table)
            yield table

    def _measurement(self, report: FileReport, file: Path) -> Iterator[Sightings]:
        pass_over = report.damage.note if self.partial else None
        return self._rows(report, measurements.read_measurements(file, self.phones, pass_over))

    def _microg(self, report: FileReport, file: Path) -> Iterator[Sightings]:
        number = self.phones.of(str(report.path))
        return self._rows(report, microg.read_exposures(file, number))

    def _csv(self, report: FileReport, file: Path) -> Iterator[Sightings]:
        number = self.phones.of(str(report.path))
        pass_over = report.damage.note if self.partial else None
        told = report.columns_not_used.extend
        return self._rows(report, csv_rows.read_rows(file, number, self.protocol, pass_over, told))

    def _ramble(self, report: FileReport, file: Path) -> Iterator[Sightings]:
        number = self.phones.of(str(report.path))
        for packets in ramble.read_heard(file):
            report.n_records += len(packets)
            report.n_advertisements += len(packets)
            mine = replace(packets, observer=np.full(len(packets), number, np.int32))
            yield from self._decoder.sightings(mine)

    def _parquet(self, report: FileReport, file: Path) -> Iterator[Sightings]:
        known, names = sightings_file.read_listening(file)
        for table in sightings_file.read_sightings(file).values():
            number = self._row_numbers(report, table.observer, names)
            yield from self._rows(report, [replace(table, observer=number)])
        if known is not None:
            number = self._row_numbers(report, known.observer, names)
            self._known.append(replace(known, observer=number))

    def _row_numbers(
        self, report: FileReport, observer: NDArray[np.int32], names: dict[int, str]
    ) -> NDArray[np.int32]:
        kinds, inverse = np.unique(observer, return_inverse=True)
        numbers = [
            self.phones.of(f"{report.path}, {names.get(k, f'observer {k}')}")
            for k in kinds.tolist()
        ]
        return np.array(numbers, np.int32)[inverse]

    def _trace(self, report: FileReport, file: Path) -> Iterator[Sightings]:
        from ..protocols.bluezone.files import parse_history

        number = self.phones.of(str(report.path))
        last: int | None = None
        with file.open("rb") as stream:
            while lines := stream.readlines(_TRACE_BYTES):
                table, found = parse_history(
                    b"".join(lines), str(file), first_row=report.n_records + 1
                )
                report.n_records += found.n_rows
                report.n_advertisements += found.n_rows
                report.n_backwards += found.n_out_of_order
                report.n_backwards += int(last is not None and table.time_ms[0] < last)
                last = int(table.time_ms[-1])
                yield replace(table, observer=np.full(len(table), number, np.int32))


def import_file(path: Path, phones: PhoneNumbers) -> tuple[FileReport, Iterator[Sightings]]:
    """What one file holds; see :meth:`Import.read`."""
    return Import(phones).read(path)


@dataclass(frozen=True)
class History:
    """What the phones of some files heard of one protocol.

    Attributes:
        sightings: all of them.
        n_out_of_order: records that are earlier than the one before.
        listening: when the phones listened, as far as it is known.
        phones: their names, by observer.
        left_out: what was passed over of files at fault, in words.
        not_used: columns of tables that say nothing here, in words.
    """

    sightings: Sightings
    n_out_of_order: int = 0
    listening: Listening | None = None
    phones: dict[int, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    not_used: tuple[str, ...] = ()


def history_of(paths: Path | Sequence[Path], protocol: str, *, partial: bool = False) -> History:
    """All sightings of one protocol in some files.

    Where protocols look alike on air, sightings of one are those of another.

    Args:
        paths: the files; parts of one phone's log are one phone.
        protocol: whose sightings.
        partial: pass over what is at fault in a capture, and go on.

    Raises:
        InputError: a file cannot be read, or they hold sightings of other protocols only.
        FormatError: a file is at fault; what was read before the fault is told.
    """
    paths = [paths] if isinstance(paths, Path) else paths
    alike = protocols.get(protocol).looks_like
    reading = Import(protocol=protocol, partial=partial)
    found: list[Sightings] = []
    left_out: list[str] = []
    not_used: list[str] = []
    held: dict[str, int] = {}
    n_back = 0
    for path in reading.in_order(paths):
        report, tables = reading.read(path)
        try:
            found += [t for t in tables if t.protocol in alike]
        except FormatError as error:
            kept = (
                f"\nRead before the fault: {report.n_records:,} records; --partial keeps them, and what "
                "can be read behind it"
            )
            raise FormatError(f"{error}{kept if report.n_records else ''}") from None
        n_back += report.n_backwards
        left_out += [f"{path}: {fault}" for fault in report.damage.told]
        if report.columns_not_used:
            not_used.append(f"{path}: not used: {', '.join(report.columns_not_used)}")
        for name, n in report.n_sightings.items():
            held[name] = held.get(name, 0) + n
    if not found and held:
        text = ", ".join(f"{n:,} of {name}" for name, n in sorted(held.items()))
        names = ", ".join(map(str, paths))
        raise InputError(f"{names}: holds no sightings of {protocol}, the keys' system, but {text}")
    return History(
        concatenate_sightings(found, protocol),
        n_back,
        reading.listening(),
        reading.phones.names(),
        tuple(left_out),
        tuple(not_used),
    )
