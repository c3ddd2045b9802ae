"""The table of packets that captures hold, and files that appear whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import Columns

#: PDU types of advertising (Bluetooth Core Specification, volume 6, part B, section 2.3).
ADV_IND, ADV_DIRECT_IND, ADV_NONCONN_IND = 0, 1, 2
SCAN_RSP, ADV_SCAN_IND, ADV_EXT_IND = 4, 6, 7
#: Stands for "not told" in ``rssi_dbm``, as HCI has it.
NO_RSSI = 127
#: Stands for "not told" in ``channel``.
NO_CHANNEL = 255
#: Most bytes of a legacy PDU's advertising data.
LEGACY_BYTES = 31


@dataclass(frozen=True, slots=True, repr=False)
class Packets(Columns):
    """Advertisements as heard: one row a packet, in the order of the capture.

    Attributes:
        time_us: ``int64[n]``, unix microseconds.
        observer: ``int32[n]``, who heard: the interface of a pcapng, 0 in a phone's own log.
        address: ``uint64[n]``, the advertiser's 48-bit address.
        address_random: ``bool[n]``.
        rssi_dbm: ``int16[n]``, :data:`NO_RSSI` where it is not told.
        channel: ``uint8[n]``, 37, 38 or 39; :data:`NO_CHANNEL` where it is not told.
        kind: ``uint8[n]``, PDU type, such as :data:`ADV_NONCONN_IND`.
        size: ``int32[n]``, bytes of advertising data.
        data: ``uint8[n, width]``, advertising data, zeros beyond ``size``.
    """

    time_us: NDArray[np.int64]
    observer: NDArray[np.int32]
    address: NDArray[np.uint64]
    address_random: NDArray[np.bool_]
    rssi_dbm: NDArray[np.int16]
    channel: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    size: NDArray[np.int32]
    data: NDArray[np.uint8]

    def __post_init__(self) -> None:
        self._check_lengths()


def check_writable(packets: Packets, most: int) -> None:
    """Raises TableError unless every row fits a file: times, addresses, and data of ``most`` bytes."""
    if packets.data.ndim != 2 or packets.data.dtype != np.uint8:
        raise TableError(
            f"packets.data: expected uint8[n, width], found {packets.data.dtype}"
            f"{list(packets.data.shape)}"
        )
    faults = (
        ("time_us", packets.time_us < 0, "unix microseconds"),
        ("observer", packets.observer < 0, "0 or more"),
        ("address", packets.address >= np.uint64(1 << 48), "48 bits"),
        ("rssi_dbm", (packets.rssi_dbm < -127) | (packets.rssi_dbm > 127), "-127 to 127"),
        (
            "size",
            (packets.size < 0) | (packets.size > min(most, packets.data.shape[1])),
            f"0 to {min(most, packets.data.shape[1])} bytes",
        ),
    )
    for name, wrong, expected in faults:
        bad = np.flatnonzero(wrong)
        if len(bad):
            found = getattr(packets, name)[bad[0]]
            raise TableError(f"packets.{name}: row {bad[0]}: expected {expected}, found {found}")


def spread(fields: list[NDArray[np.uint8]], sizes: list[NDArray[np.integer] | None]) -> bytes:
    """Rows of variable length as one run of bytes.

    Args:
        fields: ``uint8[n, width]`` each, side by side.
        sizes: how many leading bytes of each field a row has, ``int[n]``; None: all of them.
    """
    wanted = [
        np.ones(field.shape, bool)
        if size is None
        else np.arange(field.shape[1]) < np.asarray(size)[:, None]
        for field, size in zip(fields, sizes, strict=True)
    ]
    flat: NDArray[np.uint8] = np.concatenate(fields, axis=1)[np.concatenate(wanted, axis=1)]
    return flat.tobytes()


def as_bytes(values: NDArray[np.generic], kind: str, size: int | None = None) -> NDArray[np.uint8]:
    """``uint8[n, size]``: numbers in the byte order of ``kind`` (such as ``"<u4"``), cut to ``size``."""
    raw = np.ascontiguousarray(values.astype(kind)).view(np.uint8).reshape(len(values), -1)
    return raw if size is None else raw[:, :size]
