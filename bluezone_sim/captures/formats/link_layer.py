"""Packets as a sniffer hears them on the advertising channels, to advertisements.

Bluetooth Core Specification, volume 6, part B, section 2.3. Link types 251 (access address to CRC), 256
(the same behind ten bytes of radio header), 272 and before it 157 (behind 17 bytes of the nRF sniffer)
and 192 (behind the PPI header of Ubertooth).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..packets import ADV_DIRECT_IND, ADV_EXT_IND, NO_CHANNEL, NO_RSSI, SCAN_RSP, Packets
from .frames import Frames
from .hci import new_packets, rows_of, u8, word
from .pcapng import ADVERTISING_ACCESS, CRC_CHECKED, CRC_VALID, RF_CHANNELS, SIGNAL_VALID

LINK_LAYER = (157, 192, 251, 256, 272)
#: nRF sniffer (tcpdump.org, LINKTYPE_NORDIC_BLE): board, lengths, version, counter of two bytes, kind of
#: message; then length, flags, channel, minus RSSI, event counter and time of the packet. Messages 2 (an
#: advertisement, from version 2 on) and 6 (a packet) carry what was on the air. Captures of link type 157
#: (USER10) have the same, or before version 1 of the sniffer a head that begins with BE EF, with the kind
#: of message at another place (Wireshark, packet-nordic_ble.c).
_NORDIC_BYTES = 17
_NORDIC_PACKETS = (2, 6)
_NORDIC_CRC_OK = 1
_NORDIC_PHY = 0x70
_NORDIC_KIND, _NORDIC_OLD_KIND = 6, 2
#: PPI (CACE, 2007): version, flags, length of the header, link type; then fields of type and length.
#: Ubertooth's field (libbtbb, pcap.c): version, MHz, two clocks, RSSI: strongest, weakest, mean, count.
_PPI_BTLE, _PPI_HEAD = 30006, 12
_MHZ = {2402: 37, 2426: 38, 2480: 39}

#: PDU types that carry advertising data, and sizes of the fields that an extended header may hold, in
#: their order: advertiser, target, CTE info, data info, auxiliary pointer, sync info, TX power.
_WITH_DATA = (0, 2, SCAN_RSP, 6)
_EXTENDED_FIELDS = (6, 6, 1, 2, 3, 18, 1)


def read_link_layer(frames: Frames) -> tuple[Packets, int, int]:
    """(advertisements, packets that are none, packets that are broken) of frames of :data:`LINK_LAYER`.

    A packet is broken where its CRC was checked and is wrong, or where its lengths do not add up.
    """
    data, n = frames.data, len(frames)
    with_header, nordic = frames.link == 256, np.isin(frames.link, (157, 272))
    ppi = frames.link == 192
    head = u8(data, frames.at + 2).astype(np.int64) | u8(data, frames.at + 3).astype(np.int64) << 8
    before = (with_header, 10), (nordic, _NORDIC_BYTES), (ppi, head)
    at = frames.at + np.select([rows for rows, _ in before], [size for _, size in before], 0)
    end = frames.at + frames.size
    whole = at + 6 <= end
    access = np.zeros(n, np.uint64)
    access[whole] = word(data, at[whole], 4)
    rssi_dbm, channel, wrong = _radio(frames, with_header, nordic)
    _ppi(frames, np.flatnonzero(ppi), rssi_dbm, channel, wrong)
    if nordic.any():
        kind, flags = _nordic_kind(frames), u8(data, frames.at + 8)
        # Only on the 1M PHY does the packet follow its access address at once.
        access[nordic & (~np.isin(kind, _NORDIC_PACKETS) | ((flags & _NORDIC_PHY) != 0))] = 0
    header, length = u8(data, at + 4), u8(data, at + 5).astype(np.int64)
    pdu = at + 6
    # The CRC may be missing where a sniffer leaves it out.
    broken = wrong | ~whole | (pdu + length > end)
    ours = ~broken & (access == ADVERTISING_ACCESS)
    kind = header & np.uint8(15)
    legacy = ours & np.isin(kind, (*_WITH_DATA, ADV_DIRECT_IND)) & (length >= 6)
    begin, size, advertiser = pdu + 6, length - 6, pdu.copy()
    size[kind == ADV_DIRECT_IND] = 0
    extended = np.flatnonzero(ours & (kind == ADV_EXT_IND) & (length >= 2))
    told, begin[extended], size[extended] = _extended(data, pdu[extended], length[extended])
    advertiser[extended] = pdu[extended] + 2
    broken[extended[size[extended] < 0]] = True
    wanted = legacy.copy()
    wanted[extended] = told & (size[extended] >= 0)
    rows = np.flatnonzero(wanted)
    out = new_packets(len(rows), int(size[rows].max(initial=0)))
    out.time_us[:], out.observer[:] = frames.time_us[rows], frames.observer[rows]
    out.address[:] = word(data, advertiser[rows], 6)
    out.address_random[:] = (header[rows] & 0x40) != 0
    out.rssi_dbm[:], out.channel[:] = rssi_dbm[rows], channel[rows]
    out.kind[:] = kind[rows]
    out.size[:] = size[rows]
    out.data[:] = rows_of(data, begin[rows], size[rows])
    n_broken = int(np.count_nonzero(broken))
    return out, n - n_broken - len(rows), n_broken


def _radio(
    frames: Frames, with_header: NDArray[np.bool_], nordic: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.bool_]]:
    """(RSSI, channel, its CRC was checked and is wrong) as the headers before the packets tell them."""
    data, at = frames.data, frames.at
    rssi_dbm = np.full(len(frames), NO_RSSI, np.int16)
    channel = np.full(len(frames), NO_CHANNEL, np.uint8)
    wrong = np.zeros(len(frames), np.bool_)
    row = np.flatnonzero(with_header)
    flags = u8(data, at[row] + 8).astype(np.int64) | u8(data, at[row] + 9).astype(np.int64) << 8
    heard = (flags & SIGNAL_VALID) != 0
    rssi_dbm[row] = np.where(heard, u8(data, at[row] + 1).view(np.int8), NO_RSSI)
    wrong[row] = ((flags & CRC_CHECKED) != 0) & ((flags & CRC_VALID) == 0)
    number_at = np.full(256, NO_CHANNEL, np.uint8)
    for number, position in RF_CHANNELS.items():
        number_at[position] = number
    channel[row] = number_at[u8(data, at[row])]
    row = np.flatnonzero(nordic)
    rssi_dbm[row] = -u8(data, at[row] + 10).astype(np.int16)
    channel[row] = u8(data, at[row] + 9)
    wrong[row] = np.isin(_nordic_kind(frames)[row], _NORDIC_PACKETS) & (
        (u8(data, at[row] + 8) & _NORDIC_CRC_OK) == 0
    )
    return rssi_dbm, channel, wrong


def _nordic_kind(frames: Frames) -> NDArray[np.uint8]:
    """Kind of message of the nRF sniffer."""
    data, at = frames.data, frames.at
    old = (frames.link == 157) & (u8(data, at) == 0xBE) & (u8(data, at + 1) == 0xEF)
    return u8(data, at + np.where(old, _NORDIC_OLD_KIND, _NORDIC_KIND))


def _ppi(
    frames: Frames,
    rows: NDArray[np.int64],
    rssi_dbm: NDArray[np.int16],
    channel: NDArray[np.uint8],
    wrong: NDArray[np.bool_],
) -> None:
    """Writes what the PPI headers of some rows tell; a row without Ubertooth's field is wrong."""
    data, at = frames.data, frames.at[rows]

    def two(place: NDArray[np.int64]) -> NDArray[np.int64]:
        return u8(data, place).astype(np.int64) | u8(data, place + 1).astype(np.int64) << 8

    field, told = at + _PPI_HEAD, u8(data, at + _PPI_HEAD + 11) > 0
    wrong[rows] = (two(at + 8) != _PPI_BTLE) | (two(at + 2) < _PPI_HEAD + 12)
    rssi_dbm[rows] = np.where(told, u8(data, field + 10).view(np.int8), NO_RSSI)
    mhz = two(field + 1)
    for value, number in _MHZ.items():
        channel[rows[mhz == value]] = number


def _extended(
    data: NDArray[np.uint8], pdu: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """(names its advertiser and carries data, where its data are, their size or -1 where broken)."""
    header = (u8(data, pdu) & 63).astype(np.int64)
    flags = np.where(header > 0, u8(data, pdu + 1), 0).astype(np.int64)
    needed = 1 + sum(
        np.where(flags >> bit & 1, size, 0) for bit, size in enumerate(_EXTENDED_FIELDS)
    )
    broken = (header > 0) & (needed > header) | (1 + header > length)
    begin = pdu + 1 + header
    size = np.where(broken, -1, length - 1 - header)
    return (flags & 1).astype(bool) & (size > 0), begin, size
