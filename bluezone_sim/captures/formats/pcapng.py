"""pcapng (IETF draft-ietf-opsawg-pcapng): blocks, and a writer that Wireshark reads with RSSI.

Advertisements are written with link type 256: ten bytes of radio header, then the packet as on air from
its access address to its CRC (tcpdump.org, LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR).
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..packets import ADV_EXT_IND, LEGACY_BYTES, NO_RSSI, Packets, as_bytes, check_writable, spread
from ..recording import Recording

SECTION, INTERFACE, OBSOLETE, SIMPLE, STATISTICS, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 5, 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
LINKTYPE_LE_LL_WITH_PHDR = 256

#: Access address of the advertising channels, and what their CRC starts from.
ADVERTISING_ACCESS = 0x8E89BED6
_CRC_START = 0xAAAAAA  # 0x555555, first bit last
_CRC_TAPS = 0xDA6000
#: Header flags: dewhitened, signal power valid, reference access address valid, CRC checked and valid.
DEWHITENED, SIGNAL_VALID, REFERENCE_VALID, CRC_CHECKED, CRC_VALID = 1, 2, 0x10, 0x400, 0x800
#: RF channel of each advertising channel: 2402, 2426 and 2480 MHz.
RF_CHANNELS = {37: 0, 38: 12, 39: 39}


def _crc_table() -> NDArray[np.uint32]:
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = np.where(state & 1, state >> 1 ^ _CRC_TAPS, state >> 1).astype(np.uint32)
    return state


_CRC_TABLE = _crc_table()


def crc24(pdu: NDArray[np.uint8], size: NDArray[np.integer]) -> NDArray[np.uint32]:
    """CRC of advertising PDUs, as on air, its first byte lowest.

    Args:
        pdu: ``uint8[n, width]``, header and payload.
        size: ``int[n]``, bytes of each.

    Returns:
        ``uint32[n]``, 24 bits (volume 6, part B, section 3.1.1).
    """
    state = np.full(len(pdu), _CRC_START, np.uint32)
    for column in range(pdu.shape[1]):
        after = state >> np.uint32(8) ^ _CRC_TABLE[(state ^ pdu[:, column]) & np.uint32(0xFF)]
        state = np.where(column < size, after, state)
    return state


def block(kind: int, body: bytes) -> bytes:
    """One block, its body padded to four bytes."""
    body += b"\0" * (-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def option(code: int, value: bytes) -> bytes:
    """One option, padded."""
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


class PcapngWriter(Recording):
    """Writes advertisements, an interface an observer, in the order given.

    ::

        with PcapngWriter(path) as capture:
            capture.write(packets)
    """

    def __init__(self, path: Path):
        super().__init__(path)
        body = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
        self.stream.write(block(SECTION, body + option(4, b"bluezone-sim") + option(0, b"")))
        self._interfaces = 0

    def write(self, packets: Packets) -> None:
        """Appends packets as heard.

        Raises:
            TableError: extended advertisements, a channel that is none, or a row out of range.
        """
        check_writable(packets, LEGACY_BYTES)
        channel = np.full(256, 255, np.uint8)
        for number, position in RF_CHANNELS.items():
            channel[number] = position
        rf = channel[packets.channel]
        for name, bad, expected in (
            ("channel", np.flatnonzero(rf == 255), "37, 38 or 39"),
            ("kind", np.flatnonzero(packets.kind >= ADV_EXT_IND), "a legacy advertisement"),
        ):
            if len(bad):
                found = getattr(packets, name)[bad[0]]
                raise TableError(
                    f"packets.{name}: row {bad[0]}: expected {expected}, found {found}"
                )
        while self._interfaces <= packets.observer.max(initial=-1):
            self._describe_interface()
        self.stream.write(_blocks(packets, rf))

    def write_note(self, time_us: int, text: str) -> None:
        """Appends a remark, as the comment of a block of statistics: readers of packets pass over it."""
        if not self._interfaces:
            self._describe_interface()
        body = struct.pack("<III", 0, time_us >> 32, time_us & 0xFFFFFFFF)
        self.stream.write(block(STATISTICS, body + option(1, text.encode()) + option(0, b"")))

    def _describe_interface(self) -> None:
        label = f"observer {self._interfaces}".encode()
        body = struct.pack("<HHI", LINKTYPE_LE_LL_WITH_PHDR, 0, 0) + option(2, label)
        self.stream.write(block(INTERFACE, body + option(0, b"")))
        self._interfaces += 1

    def finish(self) -> None:
        """Names an interface also where nothing was heard: a capture of nothing is a capture."""
        if not self._interfaces:
            self._describe_interface()


def _blocks(packets: Packets, rf: NDArray[np.uint8]) -> bytes:
    """Enhanced packet blocks."""
    n, size = len(packets), packets.size.astype(np.int64)
    pdu = np.zeros((n, 8 + packets.data.shape[1]), np.uint8)
    pdu[:, 0] = packets.kind | packets.address_random.astype(np.uint8) << np.uint8(6)
    pdu[:, 1] = 6 + size
    pdu[:, 2:8] = as_bytes(packets.address, "<u8", 6)
    pdu[:, 8:] = packets.data
    told = packets.rssi_dbm != NO_RSSI
    flags = DEWHITENED | REFERENCE_VALID | CRC_CHECKED | CRC_VALID | np.where(told, SIGNAL_VALID, 0)
    radio = np.zeros((n, 4), np.uint8)
    radio[:, 0] = rf
    radio[:, 1] = np.where(told, packets.rssi_dbm, 0).astype(np.int8).view(np.uint8)
    access = np.full(n, ADVERTISING_ACCESS)
    captured = 10 + 4 + 8 + size + 3
    padding = -captured % 4
    total = as_bytes(28 + captured + padding + 4, "<u4")
    fields: list[tuple[NDArray[np.uint8], NDArray[np.integer] | None]] = [
        (as_bytes(np.full(n, ENHANCED), "<u4"), None),
        (total, None),
        (as_bytes(packets.observer, "<u4"), None),
        (as_bytes(packets.time_us >> 32, "<u4"), None),
        (as_bytes(packets.time_us & 0xFFFFFFFF, "<u4"), None),
        (as_bytes(captured, "<u4"), None),
        (as_bytes(captured, "<u4"), None),
        (radio, None),
        (as_bytes(access, "<u4"), None),
        (as_bytes(flags, "<u2"), None),
        (as_bytes(access, "<u4"), None),
        (pdu, 8 + size),
        (as_bytes(crc24(pdu, 8 + size), "<u4", 3), None),
        (np.zeros((n, 3), np.uint8), padding),
        (total, None),
    ]
    return spread([f for f, _ in fields], [s for _, s in fields])
