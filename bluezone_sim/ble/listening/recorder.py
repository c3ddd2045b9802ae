"""What was heard, as tables and as files: captures that Wireshark opens, sightings that match."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ...captures.decode import sightings_of
from ...captures.formats.btsnoop import BtsnoopWriter
from ...captures.formats.parquet import SightingsWriter
from ...captures.formats.pcapng import PcapngWriter
from ...captures.packets import ADV_IND, ADV_NONCONN_IND, Packets
from ...errors import FormatError, InputError
from ...protocols import ad
from ...tables.rows import UNBROKEN, Listening, Sightings
from .reports import AdvertisingReport

#: File endings that can be recorded to.
ENDINGS = (".pcapng", ".btsnoop", ".parquet")
#: BlueZ does not tell the channel, and a capture has to name one.
_CHANNEL = 37
#: Rows of sightings that are written together.
_ROWS = 50_000


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


class Recorder:
    """Writes a recording as it arrives; the file appears when it is whole.

    As a context manager it finishes the file, also where an interrupt ends the scan.

    Raises:
        InputError: the file's ending is none of :data:`ENDINGS`, or it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows = 0
        self._pending: list[tuple[list[AdvertisingReport], dict[int, bytes]]] = []
        self._n_pending = 0
        ending = path.suffix.lower()
        self._file: Any
        if ending == ".pcapng":
            self._file = PcapngWriter(path)
        elif ending == ".btsnoop":
            self._file = BtsnoopWriter(path)
        elif ending == ".parquet":
            self._file = SightingsWriter(path)
        else:
            raise InputError(
                f"--record {path}: expected a file that ends in {', '.join(ENDINGS)}; .pcapng and "
                ".btsnoop open in Wireshark, .parquet also holds identifiers read over GATT"
            )

    def take(self, heard: list[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        """Appends packets."""
        if not heard:
            return
        if isinstance(self._file, SightingsWriter):
            # Only those of these packets: a quiet air fills a block of rows in hours of small rounds.
            read = {h.address: i for h in heard if (i := identifiers.get(h.address)) is not None}
            self._pending.append((heard, read))
            self._n_pending += len(heard)
            if self._n_pending >= _ROWS:
                self._flush()
        else:
            self._file.write(packets_of(heard))
            self.rows += len(heard)

    def _flush(self) -> None:
        """Sightings of the same protocol go together, so that row groups are few."""
        for heard, identifiers in self._pending:
            for table in sightings_of_reports(heard, identifiers):
                self._file.write(table)
                self.rows += len(table)
        self._pending, self._n_pending = [], 0

    def __enter__(self) -> Self:
        self._file.__enter__()
        self._began_ms = time.time_ns() // 1_000_000
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        whole = kind is None or issubclass(kind, KeyboardInterrupt)
        if whole and isinstance(self._file, SightingsWriter):
            self._flush()
            self._file.note(
                Listening(
                    observer=np.zeros(1, np.int32),
                    start_ms=np.array([self._began_ms]),
                    end_ms=np.array([time.time_ns() // 1_000_000]),
                    known=np.full(1, UNBROKEN, np.uint8),
                )
            )
        self._file.__exit__(None if whole else kind, None if whole else error, trace)


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
