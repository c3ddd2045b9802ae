"""What was heard, as tables and as files: captures that Wireshark opens, sightings that match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...captures.formats.btsnoop import BtsnoopWriter
from ...captures.formats.parquet import SightingsWriter
from ...captures.formats.pcapng import PcapngWriter
from ...captures.packets import ADV_IND, ADV_NONCONN_IND, Packets
from ...errors import FormatError, InputError
from ...protocols import ad
from ...tables.rows import TRANSPORT_ADVERTISEMENT, TRANSPORT_GATT, Sightings
from .reports import Heard

#: File endings that can be recorded to.
ENDINGS = (".pcapng", ".btsnoop", ".parquet")
#: BlueZ does not tell the channel, and a capture has to name one.
_CHANNEL = 37
#: Rows of sightings that are written together.
_ROWS = 50_000
#: Protocols whose payload has one size, so that it fits a column.
_WITH_PAYLOAD = {"gaen": 4}


def packets_of(heard: Sequence[Heard]) -> Packets:
    """Packets as a table. Connectable or not is told by the flags, since BlueZ hides the PDU type."""
    n = len(heard)
    size = np.fromiter((len(h.known.data) for h in heard), np.int32, n)
    data = b"".join(h.known.data.ljust(ad.MAX_BYTES, b"\0") for h in heard)
    return Packets(
        time_us=np.fromiter((h.time_us for h in heard), np.int64, n),
        observer=np.zeros(n, np.int32),
        address=np.fromiter((h.address for h in heard), np.uint64, n),
        address_random=np.fromiter((h.address_random for h in heard), np.bool_, n),
        rssi_dbm=np.fromiter((h.rssi_dbm for h in heard), np.int16, n),
        channel=np.full(n, _CHANNEL, np.uint8),
        kind=np.fromiter(
            (ADV_IND if h.known.data[:1] == b"\x02" else ADV_NONCONN_IND for h in heard),
            np.uint8,
            n,
        ),
        size=size,
        data=np.frombuffer(data, np.uint8).reshape(n, ad.MAX_BYTES).copy(),
    )


def sightings_of(heard: Sequence[Heard], identifiers: dict[int, bytes]) -> list[Sightings]:
    """Packets whose identifier is known, a table a protocol, one row a packet.

    Args:
        heard: packets.
        identifiers: those read over GATT, by address.
    """
    rows: dict[tuple[str, int], list[tuple[Heard, bytes, bytes, bool]]] = defaultdict(list)
    for h in heard:
        found = h.known.found
        if found is None:
            continue
        identifier = found.identifier or identifiers.get(h.address, b"")
        if identifier:
            name = found.protocols[0]
            payload = found.payload if len(found.payload) == _WITH_PAYLOAD.get(name, -1) else b""
            rows[name, len(identifier)].append((h, identifier, payload, found.gatt))
    return [_sightings(name, table) for (name, _), table in rows.items()]


def _sightings(name: str, rows: list[tuple[Heard, bytes, bytes, bool]]) -> Sightings:
    n = len(rows)

    def matrix(parts: list[bytes]) -> NDArray[np.uint8]:
        return np.frombuffer(b"".join(parts), np.uint8).reshape(n, -1).copy()

    return Sightings(
        observer=np.zeros(n, np.int32),
        time_ms=np.fromiter((h.time_us // 1000 for h, *_ in rows), np.int64, n),
        identifier=matrix([i for _, i, _, _ in rows]),
        rssi_dbm=np.fromiter((h.rssi_dbm for h, *_ in rows), np.int16, n),
        protocol=name,
        payload=matrix([p for _, _, p, _ in rows]) if name in _WITH_PAYLOAD else None,
        transport=np.fromiter(
            (TRANSPORT_GATT if gatt else TRANSPORT_ADVERTISEMENT for *_, gatt in rows), np.uint8, n
        ),
        packets=np.ones(n, np.int32),
        address=np.fromiter((h.address for h, *_ in rows), np.uint64, n),
    )


class Recorder:
    """Writes a recording as it arrives; the file appears when it is whole.

    As a context manager it finishes the file, also where an interrupt ends the scan.

    Raises:
        InputError: the file's ending is none of :data:`ENDINGS`, or it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows = 0
        self._pending: list[tuple[list[Heard], dict[int, bytes]]] = []
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

    def take(self, heard: list[Heard], identifiers: dict[int, bytes]) -> None:
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
            for table in sightings_of(heard, identifiers):
                self._file.write(table)
                self.rows += len(table)
        self._pending, self._n_pending = [], 0

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        whole = kind is None or issubclass(kind, KeyboardInterrupt)
        if whole and self._pending:
            self._flush()
        self._file.__exit__(None if whole else kind, None if whole else error, trace)


def read_packets(path: Path) -> Packets:
    """The advertisements of a capture, whole.

    Raises:
        InputError: it cannot be read.
        FormatError: it is at fault, or a file of another kind.
    """
    from ...captures.formats.frames import READERS, in_order
    from ...captures.formats.hci import HciReader, concatenate
    from ...captures.formats.link_layer import LINK_LAYER, read_link_layer
    from ...captures.importing import told_by_content

    kind = told_by_content(path)
    if kind not in READERS:
        raise FormatError(f"{path}: {kind}; expected {', '.join(READERS)}, which hold packets")
    hci, parts = HciReader(), []
    with path.open("rb") as stream:
        for frames, _ in in_order(READERS[kind](stream)):
            link_layer = np.isin(frames.link, LINK_LAYER)
            if link_layer.any():
                parts.append(read_link_layer(frames.take(np.flatnonzero(link_layer)))[0])
            if not link_layer.all():
                parts.append(hci.read(frames.take(np.flatnonzero(~link_layer)))[0])
    return concatenate(parts) if parts else packets_of([])
