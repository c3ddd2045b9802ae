"""Keys of DP-3T's three designs (white paper of 25 May 2020; DP-3T/reference_implementation).

Low-cost: a day's key gives the next day's; the day's EphIDs are sent in shuffled order. Hybrid: a seed a
window of four hours; its EphIDs are shuffled inside the window. Unlinkable: a random seed an epoch; what
is published is a cuckoo filter of hashed EphIDs. A key is then the seed of one epoch: where seeds are at
hand, as in a simulation, they match like any key; a phone that has only the filter asks
:class:`bluezone_sim.protocols.dp3t.files.CuckooFilter`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ...kernels.crypto.aes import aes256_key_stream
from ...kernels.crypto.sha256 import check_bytes, hmac_sha256, ratchet, sha256_short

EPOCH_S = 900


def lowcost_identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """EphIDs of day keys before the shuffle."""
    _stream(keys, b"broadcast key", out, threads)


def hybrid_identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """EphIDs of window seeds before the shuffle."""
    _stream(keys, b"DP3T-HYBRID", out, threads)


def _stream(keys: NDArray[np.uint8], label: bytes, out: NDArray[np.uint8], threads: int) -> None:
    """AES-256-CTR key stream under HMAC-SHA256(key, label), cut into EphIDs."""
    prf = hmac_sha256(keys, label, threads=threads)
    aes256_key_stream(prf, out.shape[1], out, threads=threads)


def unlinkable_identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """First 16 bytes of SHA-256 of each seed.

    Raises:
        TableError: more than one of a seed.
    """
    if out.shape[1] > 1:
        raise TableError(f"count: a seed gives one EphID, found {out.shape[1]}")
    if out.shape[1]:
        out[:, 0] = sha256_short(keys, threads=threads)[:, : out.shape[2]]


def next_keys(base: NDArray[np.uint8], days: int, *, threads: int = 1) -> NDArray[np.uint8]:
    """SK_0, then a SHA-256 a day."""
    return ratchet(base, days - 1, threads=threads)


def observations(identifier: NDArray[np.uint8], time_s: NDArray[np.int64]) -> NDArray[np.uint8]:
    """``uint8[n, 32]``: what a phone stores instead of an EphID, SHA-256(EphID || be32(epoch)).

    Args:
        identifier: ``uint8[n, 16]``.
        time_s: ``int64[n]``, unix seconds; the epoch is time // 900.
    """
    identifier = check_bytes("identifier", identifier, 16)
    epoch = (np.asarray(time_s, np.int64) // EPOCH_S).astype(">u4")
    return sha256_short(np.concatenate([identifier, epoch.view(np.uint8).reshape(-1, 4)], 1))
