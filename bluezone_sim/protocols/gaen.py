"""Exposure Notification (Apple and Google): cryptography v1.2, Bluetooth v1.2, April 2020."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import PublishedKeys
from . import ad
from .ad import Advertisement
from .protocol import DAY_S, KeyProtocol, Unrolled, check_published, unroll_single

SERVICE_UUID = 0xFD6F
#: Flags of the Bluetooth specification v1.2.
_FLAGS = 0x1A
#: Version 1.0 of the metadata, its first byte.
METADATA_VERSION = 0x40
METADATA_BYTES = 4


class Gaen(KeyProtocol):
    """Google and Apple Exposure Notification."""

    name = "gaen"
    key_size = 16
    id_size = 16
    interval_s = 600
    intervals_per_key = 144
    #: Cryptography v1.2: a phone's clock may be off by two hours.
    tolerance_s = 7200
    retention_s = 14 * DAY_S

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64],
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """Rolling proximity identifiers; see :meth:`KeyProtocol.identifiers`."""
        from ..kernels.crypto.aes import gaen_identifiers

        n = self.intervals_per_key if count is None else count
        numbers = np.asarray(starts_s, np.int64) // self.interval_s
        return gaen_identifiers(keys, numbers, n, out, threads=threads)

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """Each key is a unit; its count is its rolling period.

        Raises:
            TableError: a period is above 144, or a start is not the start of an interval.
        """
        check_published(published, self.key_size, self.intervals_per_key)
        # NumPy divides by a constant many times faster than it takes a remainder.
        whole = published.start_s // self.interval_s * self.interval_s
        bad = np.flatnonzero(whole != published.start_s)
        if len(bad):
            raise TableError(
                f"published.start_s: row {bad[0]}: {published.start_s[bad[0]]} is not a multiple of "
                f"{self.interval_s}"
            )
        return unroll_single(published, 1000 * self.interval_s, 1000 * self.interval_s)

    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """Flags, service UUID FD6F, service data: identifier and encrypted metadata."""
        ad.check_identifier(identifier, self.id_size)
        if len(payload) != METADATA_BYTES:
            raise TableError(f"payload: expected {METADATA_BYTES} bytes, found {len(payload)}")
        return ad.with_service_data(SERVICE_UUID, identifier + payload, flags=_FLAGS)

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """Identifier and encrypted metadata, or None."""
        found = ad.walk(data)
        if found is None or not ad.has_uuid(found, SERVICE_UUID):
            return None
        sent = ad.service_data(found, SERVICE_UUID)
        if sent is None or len(sent) != self.id_size + METADATA_BYTES:
            return None
        return Advertisement((self.name,), sent[: self.id_size], sent[self.id_size :])

    def attenuation_db(
        self,
        keys: NDArray[np.uint8],
        identifier: NDArray[np.uint8],
        payload: NDArray[np.uint8] | None,
        rssi_dbm: NDArray[np.int16],
    ) -> NDArray[np.float32] | None:
        """TX power, which the key decrypts, less RSSI. None where metadata was not recorded."""
        if payload is None:
            return None
        metadata = crypt_metadata(keys, identifier, payload)
        return attenuation_db(metadata[:, 1].view(np.int8), rssi_dbm)


def metadata(tx_power_dbm: NDArray[np.integer] | int) -> NDArray[np.uint8]:
    """``uint8[n, 4]``: version 1.0, TX power, two reserved zeros.

    Raises:
        TableError: a TX power is outside -127 .. 127 dBm.
    """
    power = np.atleast_1d(np.asarray(tx_power_dbm))
    if np.any((power < -127) | (power > 127)):
        raise TableError("tx_power_dbm: expected -127 to 127")
    out = np.zeros((len(power), METADATA_BYTES), np.uint8)
    out[:, 0] = METADATA_VERSION
    out[:, 1] = power.astype(np.int8).view(np.uint8)
    return out


def crypt_metadata(
    keys: NDArray[np.uint8], identifiers: NDArray[np.uint8], data: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Encrypts or decrypts associated metadata (the same operation).

    Args:
        keys: ``uint8[n, 16]`` temporary exposure keys.
        identifiers: ``uint8[n, 16]``, the identifier it travels with.
        data: ``uint8[n, 4]``.

    Returns:
        ``uint8[n, 4]``.
    """
    from ..kernels.crypto.aes import gaen_metadata_key_stream

    data = np.asarray(data)
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != METADATA_BYTES:
        raise TableError(
            f"metadata: expected uint8[n, {METADATA_BYTES}], found {data.dtype}{list(data.shape)}"
        )
    return gaen_metadata_key_stream(keys, identifiers) ^ data


def attenuation_db(
    tx_power_dbm: NDArray[np.integer],
    rssi_dbm: NDArray[np.integer],
    rx_correction_db: float | NDArray[np.floating] = 0.0,
) -> NDArray[np.float32]:
    """TX power - (RSSI + RX correction), dB (Exposure Notification API, attenuation)."""
    received = rssi_dbm.astype(np.float32) + np.float32(rx_correction_db)
    return np.asarray(tx_power_dbm.astype(np.float32) - received, np.float32)
