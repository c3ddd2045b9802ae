"""Exposure Notification's keys (Apple and Google): cryptography v1.2, April 2020."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ...kernels.crypto.aes import gaen_identifiers, gaen_metadata_key_stream
from ...tables.rows import PublishedKeys
from ..protocol import Protocol
from ..units import UnitKeys, check_published, first_row, single_units
from .wire import INTERVAL_S, KEY_BYTES, METADATA_BYTES, PER_KEY

#: Version 1.0 of the metadata, its first byte.
METADATA_VERSION = 0x40


def identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """Rolling proximity identifiers."""
    gaen_identifiers(keys, starts_s, out.shape[1], out, interval=INTERVAL_S, threads=threads)


def units(published: PublishedKeys, protocol: Protocol) -> UnitKeys:
    """Each key is a unit; its count is its rolling period; see :func:`check_keys`."""
    check_keys(published)
    interval_ms = 1000 * INTERVAL_S
    return single_units(published, interval_ms, interval_ms)


def check_keys(published: PublishedKeys) -> None:
    """Raises TableError where a period is above 144, or a start is not the start of an interval."""
    check_published(published, KEY_BYTES, PER_KEY)
    # NumPy divides by a constant many times faster than it takes a remainder.
    whole = published.start_s // INTERVAL_S * INTERVAL_S
    row = first_row(whole != published.start_s)
    if row is not None:
        raise TableError(
            f"published.start_s: row {row}: {published.start_s[row]} is not a multiple of {INTERVAL_S}"
        )


def payload(
    keys: NDArray[np.uint8], identifiers: NDArray[np.uint8], tx_power_dbm: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """``uint8[n, 4]``: the encrypted metadata, which holds the calibrated TX power."""
    return crypt_metadata(np.ascontiguousarray(keys), identifiers, metadata(tx_power_dbm))


def attenuation(
    keys: NDArray[np.uint8],
    identifiers: NDArray[np.uint8],
    payload: NDArray[np.uint8],
    rssi_dbm: NDArray[np.int16],
) -> NDArray[np.float32]:
    """TX power, which the key decrypts, less RSSI."""
    plain = crypt_metadata(keys, identifiers, payload)
    return attenuation_db(plain[:, 1].view(np.int8), rssi_dbm)


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
