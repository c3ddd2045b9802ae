"""What was heard, as tables and as files: captures that Wireshark opens, sightings that match."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ...captures.cut_off import Part, set_aside, set_aside_in
from ...captures.decode import concatenate_sightings, sightings_of
from ...captures.formats.btsnoop import BtsnoopWriter
from ...captures.formats.pcapng import PcapngWriter
from ...captures.packets import ADV_IND, ADV_NONCONN_IND, Packets
from ...captures.sightings_recording import SightingsRecording
from ...errors import FormatError, InputError
from ...protocols import ad
from ...tables.rows import UNBROKEN, Listening, Sightings
from .clock import SteadyClock
from .reports import AdvertisingReport

#: File endings that can be recorded to.
ENDINGS = (".pcapng", ".btsnoop", ".parquet")
#: BlueZ does not tell the channel, and a capture has to name one.
_CHANNEL = 37
#: Rows of sightings that are written together.
_ROWS = 50_000
#: A table of sightings is made whole after so many seconds, and this share of those it has been written
#: for: each time it tells anew of all that it holds.
_WHOLE_S, _WHOLE_SHARE = 10.0, 0.05


def packets_of(heard: Sequence[AdvertisingReport]) -> Packets:
    """Reports as a table. Connectable or not is told by the flags, since BlueZ hides the PDU type."""
    n = len(heard)
    size = np.fromiter((len(h.decoded.data) for h in heard), np.int32, n)
    data = b"".join(h.decoded.data.ljust(ad.MAX_BYTES, b"\0") for h in heard)
    return Packets(
        time_us=np.fromiter((h.time_us for h in heard), np.int64, n),
        observer=np.zeros(n, np.int32),
        address=np.fromiter((h.address for h in heard), np.uint64, n),
        address_random=np.fromiter((h.address_random for h in heard), np.bool_, n),
        rssi_dbm=np.fromiter((h.rssi_dbm for h in heard), np.int16, n),
        channel=np.full(n, _CHANNEL, np.uint8),
        kind=np.fromiter(
            (ADV_IND if h.decoded.data[:1] == b"\x02" else ADV_NONCONN_IND for h in heard),
            np.uint8,
            n,
        ),
        size=size,
        data=np.frombuffer(data, np.uint8).reshape(n, ad.MAX_BYTES).copy(),
    )


def sightings_of_reports(
    heard: Sequence[AdvertisingReport],
    identifiers: Mapping[int, bytes],
    protocol: str | None = None,
) -> list[Sightings]:
    """Reports whose identifier is known; see :func:`bluezone_sim.captures.decode.sightings_of`."""
    found = [h.decoded.found for h in heard]
    return sightings_of(packets_of(heard), found, identifiers, protocol)


class RecordingEndedError(InputError):
    """A recording ended early; the message says what of it is kept."""


class Recorder:
    """Writes a recording as it arrives; the file appears when it ends.

    As a context manager it finishes the file, also where an interrupt or a lost adapter ends the scan, or
    the disk is full: what was recorded by then is kept. Nothing is left where nothing was heard before an
    error.

    Args:
        path: file to write.
        clock: that of the packets.

    Attributes:
        rows: written so far.
        parts: what killed recordings had left in this folder, now with names of their own.

    Raises:
        InputError: the file's ending is none of :data:`ENDINGS`, or it cannot be written.
        RecordingEndedError: at the end, where something could not be written.
    """

    def __init__(self, path: Path, clock: SteadyClock | None = None):
        self.path = path
        self.rows = 0
        self.parts: list[Part] = []
        self._clock = clock or SteadyClock()
        self._began_us = self._last_us = self._clock.now_us()
        self._n_steps = 0
        self._pending: list[tuple[list[AdvertisingReport], dict[int, bytes]]] = []
        self._n_pending = 0
        self._whole_s = 0.0
        self._fault: BaseException | None = None
        makes = {
            ".pcapng": PcapngWriter,
            ".btsnoop": BtsnoopWriter,
            ".parquet": SightingsRecording,
        }.get(path.suffix.lower())
        if makes is None:
            raise InputError(
                f"--record {path}: expected a file that ends in {', '.join(ENDINGS)}; .pcapng and "
                ".btsnoop open in Wireshark, .parquet also holds identifiers read over GATT"
            )
        if path.parent.is_dir():
            # Of this name first: what cannot be set aside would give way to what is recorded now.
            if (mine := set_aside(path)) is not None:
                self.parts.append(mine)
            self.parts += set_aside_in(path.parent)
        self._file: Any = makes(path)

    def take(self, heard: list[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        """Appends packets.

        Raises:
            InputError: they cannot be written; the recording ends with those before.
        """
        if self._fault is not None:
            return
        try:
            if isinstance(self._file, SightingsRecording):
                self._gather(heard, identifiers)
            else:
                self._write(heard)
        except (InputError, OSError) as error:
            self._fault = error
            raise

    def _write(self, heard: list[AdvertisingReport]) -> None:
        for step in self._clock.steps[self._n_steps :]:
            self._file.write_note(step.time_us, f"bluezone-sim: {step}")
            self._n_steps += 1
        if heard:
            self._file.write(packets_of(heard))
        self._file.mark()
        self.rows += len(heard)
        self._last_us = self._clock.now_us()

    def _gather(self, heard: list[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        if heard:
            # Only those of these packets: a quiet air fills a block of rows in hours of small rounds.
            read = {h.address: i for h in heard if (i := identifiers.get(h.address)) is not None}
            self._pending.append((heard, read))
            self._n_pending += len(heard)
        if self._n_pending >= _ROWS:
            self._flush()
        seconds = (self._clock.now_us() - self._began_us) / 1e6
        if seconds - self._whole_s >= max(_WHOLE_S, _WHOLE_SHARE * seconds):
            self._whole_s = seconds
            self._make_whole()

    def _flush(self) -> None:
        """Sightings of one protocol with the same columns go together, so that row groups are few."""
        pending, self._pending, self._n_pending = self._pending, [], 0
        alike: dict[Any, list[Sightings]] = {}
        for heard, identifiers in pending:
            for table in sightings_of_reports(heard, identifiers):
                alike.setdefault(_columns_of(table), []).append(table)
        for (name, *_), tables in alike.items():
            self._file.write(concatenate_sightings(tables, name))
        self.rows = self._file.rows
        self._last_us = self._clock.now_us()

    def _make_whole(self) -> None:
        self._flush()
        listening = Listening(
            observer=np.zeros(1, np.int32),
            start_ms=np.array([self._began_us // 1000]),
            end_ms=np.array([self._clock.now_us() // 1000]),
            known=np.full(1, UNBROKEN, np.uint8),
        )
        steps = [(step.time_us, step.by_us, step.slept) for step in self._clock.steps]
        self._file.note(listening, steps)
        self._file.mark()

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopped = kind is None or issubclass(kind, KeyboardInterrupt)
        if self._fault is None and (stopped or self.rows or self._n_pending):
            try:
                self._clock.watch()
                self._end_whole()
            except (InputError, OSError) as found:
                self._fault = found
        fault = self._fault
        try:
            if fault is not None:
                self._file.__exit__(type(fault), fault, None)
            elif stopped or self.rows:
                self._file.__exit__(None, None, None)
            else:
                self._file.__exit__(kind, error, trace)
        except (InputError, OSError) as found:
            fault = found
        if fault is not None:
            raise self._ended(fault) from None

    def _end_whole(self) -> None:
        if isinstance(self._file, SightingsRecording):
            self._make_whole()
        else:
            self._write([])

    def _ended(self, fault: BaseException) -> RecordingEndedError:
        why = str(fault).removeprefix(f"{self.path}: ")
        if isinstance(fault, OSError):
            why = f"cannot be written ({fault.strerror or fault})"
        if isinstance(self._file, SightingsRecording):
            self.rows = self._file.rows
        if not self.path.exists() or not self.rows:
            return RecordingEndedError(f"{self.path}: {why}; nothing was recorded before")
        seconds = (self._last_us - self._began_us) / 1e6
        what = "rows" if isinstance(self._file, SightingsRecording) else "packets"
        return RecordingEndedError(
            f"{self.path}: {why}; the recording ends there, and what it had is kept: {self.rows:,} "
            f"{what} of {in_words(seconds)}"
        )


def _columns_of(table: Sightings) -> tuple[Any, ...]:
    """Protocol, and which columns of which width there are."""
    columns = ((f.name, getattr(table, f.name)) for f in fields(table))
    return (table.protocol, *((n, c.shape[1:]) for n, c in columns if isinstance(c, np.ndarray)))


def in_words(seconds: float) -> str:
    """A duration as people say it: 12 s, 34 min, 5.6 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextlib.contextmanager
def _named(label: str) -> Iterator[None]:
    """Faults name the file."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{label}: {error}") from None


def read_packets(path: Path) -> Packets:
    """The advertisements of a capture, whole.

    Raises:
        InputError: it cannot be read.
        FormatError: it is at fault, or a file of another kind.
    """
    from ...captures.formats.containers import unpacked
    from ...captures.formats.frames import in_order
    from ...captures.formats.hci import HciReader, by_adapter, concatenate
    from ...captures.formats.link_layer import LINK_LAYER, read_link_layer
    from ...captures.sources import READERS, told_by_content

    hci, parts = HciReader(), []
    with unpacked(path) as files:
        for label, file in files:
            kind = told_by_content(file)
            if kind not in READERS:
                raise FormatError(
                    f"{label}: {kind}; expected {', '.join(READERS)}, which hold packets"
                )
            with _named(label), file.open("rb") as stream:
                records = (by_adapter(part) for part in READERS[kind](stream))
                for frames, _ in in_order(records):
                    link_layer = np.isin(frames.link, LINK_LAYER)
                    if link_layer.any():
                        parts.append(read_link_layer(frames.take(np.flatnonzero(link_layer)))[0])
                    if not link_layer.all():
                        parts.append(hci.read(frames.take(np.flatnonzero(~link_layer)))[0])
    return concatenate(parts) if parts else packets_of([])
