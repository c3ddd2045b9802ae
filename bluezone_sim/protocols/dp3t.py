"""DP-3T's three designs (white paper of 25 May 2020; DP-3T/reference_implementation)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import PublishedKeys
from . import ad
from .ad import Advertisement
from .protocol import DAY_S, KeyProtocol, Unrolled, check_published, unroll_days, unroll_single

#: Registered to Ubique Innovation AG for the DP-3T apps.
SERVICE_UUID = 0xFD68
EPOCH_S = 900
EPOCHS_PER_DAY = DAY_S // EPOCH_S
#: The designs look alike on air.
_DESIGNS = ("dp3t-lowcost", "dp3t-unlinkable", "dp3t-hybrid")


class _Dp3t(KeyProtocol):
    id_size = 16
    interval_s = EPOCH_S
    tolerance_s = 0
    #: White paper; the reference code keeps 21 days.
    retention_s = 14 * DAY_S

    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """Service UUID FD68 and its service data, the EphID."""
        ad.check_identifier(identifier, self.id_size)
        return ad.with_service_data(SERVICE_UUID, identifier, flags=_FLAGS)

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """The EphID, or None. The three designs cannot be told apart."""
        found = ad.walk(data)
        sent = None if found is None else ad.service_data(found, SERVICE_UUID)
        if sent is None or len(sent) != self.id_size:
            return None
        return Advertisement(_DESIGNS, sent)


_FLAGS = 0x02


class LowCost(_Dp3t):
    """Low-cost: a day's key gives the next day's; the day's EphIDs are sent in shuffled order.

    A sighting therefore matches anywhere in the day of its key.
    """

    name = "dp3t-lowcost"
    key_size = 32
    intervals_per_key = EPOCHS_PER_DAY

    def daily_keys(
        self, base: NDArray[np.uint8], days: int, *, threads: int = 1
    ) -> NDArray[np.uint8]:
        """``uint8[n, days, 32]``: SK_0, then a SHA-256 a day."""
        from ..kernels.crypto.sha256 import ratchet

        if days < 1:
            raise TableError(f"days: expected at least 1, found {days}")
        return ratchet(base, days - 1, threads=threads)

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """EphIDs of day keys before the shuffle; see :meth:`KeyProtocol.identifiers`."""
        return _stream(keys, b"broadcast key", self, count, out, threads)

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """A unit a day from the published (SK_t, t) on."""
        check_published(published, self.key_size)
        per_day = np.full(len(published), EPOCHS_PER_DAY, np.int64)
        return unroll_days(published, per_day, self.daily_keys, shuffled=True)


class Hybrid(_Dp3t):
    """Hybrid: a seed a window of four hours; its EphIDs are shuffled inside the window."""

    name = "dp3t-hybrid"
    key_size = 16
    #: White paper: a window between ten minutes and a day; four hours here.
    intervals_per_key = 16

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """EphIDs of window seeds before the shuffle; see :meth:`KeyProtocol.identifiers`."""
        return _stream(keys, b"DP3T-HYBRID", self, count, out, threads)

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """Each seed is a unit; a sighting matches anywhere in its window."""
        check_published(published, self.key_size, self.intervals_per_key)
        return unroll_single(published, 0, 1000 * EPOCH_S * self.intervals_per_key)


class Unlinkable(_Dp3t):
    """Unlinkable: a random seed an epoch. What is published is a cuckoo filter of hashed EphIDs.

    A key here is the seed of one epoch. Where seeds are at hand, as in a simulation, they match like
    any key; a phone that has only the filter asks
    :class:`bluezone_sim.protocols.dp3t_files.CuckooFilter`.
    """

    name = "dp3t-unlinkable"
    key_size = 32
    intervals_per_key = 1

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """First 16 bytes of SHA-256 of each seed; see :meth:`KeyProtocol.identifiers`."""
        from ..kernels.crypto.sha256 import check_bytes, output, sha256_short

        if count not in (None, 0, 1):
            raise TableError(f"count: a seed gives one EphID, found {count}")
        keys = check_bytes("keys", keys, self.key_size)
        out = output(out, (len(keys), 1 if count is None else count, self.id_size))
        if out.shape[1]:
            out[:, 0] = sha256_short(keys, threads=threads)[:, : self.id_size]
        return out

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """Each seed is a unit of one epoch."""
        check_published(published, self.key_size, self.intervals_per_key)
        return unroll_single(published, 1000 * EPOCH_S, 1000 * EPOCH_S)

    def observations(
        self, identifier: NDArray[np.uint8], time_s: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """``uint8[n, 32]``: what a phone stores instead of an EphID, SHA-256(EphID || be32(epoch)).

        Args:
            identifier: ``uint8[n, 16]``.
            time_s: ``int64[n]``, unix seconds; the epoch is time // 900.
        """
        from ..kernels.crypto.sha256 import check_bytes, sha256_short

        identifier = check_bytes("identifier", identifier, self.id_size)
        epoch = (np.asarray(time_s, np.int64) // EPOCH_S).astype(">u4")
        return sha256_short(np.concatenate([identifier, epoch.view(np.uint8).reshape(-1, 4)], 1))


def _stream(
    keys: NDArray[np.uint8],
    label: bytes,
    design: _Dp3t,
    count: int | None,
    out: NDArray[np.uint8] | None,
    threads: int,
) -> NDArray[np.uint8]:
    """AES-256-CTR key stream under HMAC-SHA256(key, label), cut into EphIDs."""
    from ..kernels.crypto.aes import aes256_key_stream
    from ..kernels.crypto.sha256 import check_bytes, hmac_sha256

    keys = check_bytes("keys", keys, design.key_size)
    n = design.intervals_per_key if count is None else count
    return aes256_key_stream(hmac_sha256(keys, label, threads=threads), n, out, threads=threads)
