"""btsnoop, the log that Android's Bluetooth stack keeps: HCI packets as a phone and its controller
exchange them (H4).

RFC 1761 with Bluetooth's own link types: magic, version, link type; then records of original length,
kept length, flags (1 received, 2 command or event), drops, and microseconds since the year 0.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ...errors import TableError
from ..packets import (
    ADV_DIRECT_IND,
    ADV_EXT_IND,
    ADV_IND,
    ADV_NONCONN_IND,
    ADV_SCAN_IND,
    LEGACY_BYTES,
    SCAN_RSP,
    Packets,
    as_bytes,
    check_writable,
    spread,
)
from ..recording import Recording

MAGIC = b"btsnoop\0"
#: Link type of H4: each packet begins with its kind.
H4 = 1002
#: Microseconds from the year 0 to 1970.
EPOCH_US = 0x00DCDDB30F2F8000
_RECEIVED, _COMMAND_OR_EVENT = 1, 2

#: Event type of an LE advertising report, by PDU type (volume 4, part E, section 7.7.65.2).
REPORT_TYPES = {ADV_IND: 0, ADV_DIRECT_IND: 1, ADV_SCAN_IND: 2, ADV_NONCONN_IND: 3, SCAN_RSP: 4}


class BtsnoopWriter(Recording):
    """Writes one phone's log: what it hears as LE advertising reports, what it sends as commands.

    ::

        with BtsnoopWriter(path) as log:
            log.write_own(time_us, data)
            log.write(packets)
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self.stream.write(MAGIC + struct.pack(">II", 1, H4))

    def write(self, packets: Packets) -> None:
        """Appends packets as heard, each an LE advertising report of its own.

        Raises:
            TableError: more than one observer, extended advertisements, or a row out of range.
        """
        check_writable(packets, LEGACY_BYTES)
        if len(np.unique(packets.observer)) > 1:
            raise TableError("packets.observer: a btsnoop log is of one phone")
        bad = np.flatnonzero(~np.isin(packets.kind, list(REPORT_TYPES)))
        if len(bad):
            raise TableError(
                f"packets.kind: row {bad[0]}: expected a legacy advertisement, found "
                f"{packets.kind[bad[0]]}"
            )
        table = np.zeros(ADV_EXT_IND + 1, np.uint8)
        for kind, report in REPORT_TYPES.items():
            table[kind] = report
        n, size = len(packets), packets.size
        # H4 event, LE meta event, its length, advertising report, one report
        head = np.tile(np.array([0x04, 0x3E, 0, 0x02, 1], np.uint8), (n, 1))
        head[:, 2] = size + 12
        length = as_bytes(size + 15, ">u4")
        flags = np.full(n, _RECEIVED | _COMMAND_OR_EVENT)
        fields = [
            length,
            length,
            as_bytes(flags, ">u4"),
            np.zeros((n, 4), np.uint8),
            as_bytes(packets.time_us + EPOCH_US, ">i8"),
            head,
            table[packets.kind][:, None],
            as_bytes(packets.address_random, "u1"),
            as_bytes(packets.address, "<u8", 6),
            as_bytes(size, "u1"),
            packets.data,
            as_bytes(packets.rssi_dbm.astype(np.int8), "i1"),
        ]
        self.stream.write(spread(fields, [size if f is packets.data else None for f in fields]))

    def write_note(self, time_us: int, text: str) -> None:
        """Appends a remark of up to 255 bytes, as a vendor's event: the format has no place for one."""
        body = b"\x04\xff" + bytes([len(text.encode())]) + text.encode()
        flags = _RECEIVED | _COMMAND_OR_EVENT
        head = struct.pack(">IIIIq", len(body), len(body), flags, 0, time_us + EPOCH_US)
        self.stream.write(head + body)

    def write_own(self, time_us: int, data: bytes) -> None:
        """Appends the command by which the phone sets what it sends from then on.

        Raises:
            TableError: more than 31 bytes.
        """
        if len(data) > LEGACY_BYTES:
            raise TableError(f"data: expected at most {LEGACY_BYTES} bytes, found {len(data)}")
        # H4 command, LE set advertising data, 32 bytes of parameters
        body = b"\x01\x08\x20\x20" + bytes([len(data)]) + data.ljust(LEGACY_BYTES, b"\0")
        head = struct.pack(">IIIIq", len(body), len(body), _COMMAND_OR_EVENT, 0, time_us + EPOCH_US)
        self.stream.write(head + body)
