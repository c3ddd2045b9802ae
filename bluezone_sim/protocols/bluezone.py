"""Bluezone (Bkav, Vietnam): identifiers and advertisements of both generations.

Version 2 is read from the app's published sources (BluezoneIdGenerator and BluezoneIdTrace of
BluezoneGlobal/react-native-bluetooth-scan). A phone makes a random 32-byte base id on day D0; the
daily key is hashed once a day, each day's sub-keys are a SHA-256 chain from it, and 12 bytes of a
sub-key are on air for 15 minutes. Version 1 (white paper, May 2020) had one fixed identifier.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.rows import PublishedKeys
from . import ad
from .ad import Advertisement
from .protocol import DAY_S, KeyProtocol, Protocol, Unrolled, check_published, unroll_days

#: Sub-keys a day unless the server says otherwise.
SUBKEYS_PER_DAY = 96
#: Company id of the manufacturer data, and the 16-bit service UUID ("VN").
COMPANY_ID = 0x22B5
SERVICE_UUID = 0x4E56
#: An iPhone's service, and the characteristic that answers with its identifier.
IOS_SERVICE = UUID("00004e56-73f5-4bc4-a12f-17d1ad07a667")
IOS_CHARACTERISTIC = UUID("00004e56-73f5-4bc4-a12f-17d1ad07a689")
#: An iPhone in the background: Apple's company id, and the app's bit in the overflow area.
APPLE_ID = 0x004C
OVERFLOW_AREA = b"\x01\x08" + bytes(15)
#: LE general discoverable, as Android's connectable advertisements say.
_FLAGS = 0x02


class Bluezone(KeyProtocol):
    """Bluezone v2."""

    name = "bluezone"
    key_size = 32
    id_size = 12
    interval_s = DAY_S // SUBKEYS_PER_DAY
    intervals_per_key = SUBKEYS_PER_DAY
    #: A sighting matches within the identifier's own interval, both ends included.
    tolerance_s = 0
    #: White paper; the app's code deletes nothing.
    retention_s = 14 * DAY_S

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.uint8]:
        """Identifiers of daily keys; see :meth:`KeyProtocol.identifiers`. Starts are not needed."""
        from ..kernels.crypto.sha256 import bluezone_identifiers

        n = self.intervals_per_key if count is None else count
        return bluezone_identifiers(keys, n, out, threads=threads)

    def daily_keys(
        self, base: NDArray[np.uint8], days: int, *, threads: int = 1
    ) -> NDArray[np.uint8]:
        """``uint8[n, days, 32]``: the base id as the key of day 0, then a SHA-256 a day.

        Raises:
            TableError: ``base`` is not ``uint8[n, 32]``, or ``days`` is below 1.
        """
        from ..kernels.crypto.sha256 import ratchet

        if days < 1:
            raise TableError(f"days: expected at least 1, found {days}")
        return ratchet(base, days - 1, threads=threads)

    def unroll(self, published: PublishedKeys) -> Unrolled:
        """One unit a day: the published key, then its hashes.

        ``meta["max"]``, where given, is the server's number of sub-keys a day. As in the app, the
        first sub-key's interval starts at the published start and an interval lasts
        86,400,000 // max milliseconds.
        """
        check_published(published, self.key_size)
        n = len(published)
        per_day: NDArray[Any] = published.meta.get("max", np.full(n, SUBKEYS_PER_DAY))
        bad = np.flatnonzero((per_day < 1) | (per_day > DAY_S))
        if len(bad):
            raise TableError(
                f'published.meta["max"]: row {bad[0]} is {per_day[bad[0]]}, expected 1 to {DAY_S}'
            )
        return unroll_days(published, per_day.astype(np.int64), self.daily_keys, shuffled=False)

    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """An Android phone's: flags, service UUID 4E56, manufacturer data 22B5 with the identifier."""
        ad.check_identifier(identifier, self.id_size)
        return _android(identifier)

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """Android's form with the identifier, an iPhone's, or an iPhone's in the background."""
        found = ad.walk(data)
        if found is None:
            return None
        if ad.has_uuid(found, SERVICE_UUID):
            identifier = ad.manufacturer_data(found, COMPANY_ID)
            if identifier is None or len(identifier) != self.id_size:
                return None
            return Advertisement((self.name,), identifier)
        if ad.has_uuid(found, IOS_SERVICE):
            return Advertisement((self.name,), gatt=True)
        if ad.manufacturer_data(found, APPLE_ID) == OVERFLOW_AREA:
            return Advertisement((self.name,), gatt=True, overflow=True)
        return None


def _android(identifier: bytes) -> bytes:
    return ad.build(
        [
            (ad.FLAGS, bytes([_FLAGS])),
            (ad.UUIDS_16[1], SERVICE_UUID.to_bytes(2, "little")),
            (ad.MANUFACTURER, COMPANY_ID.to_bytes(2, "little") + identifier),
        ]
    )


def ios_advertisement() -> bytes:
    """An iPhone's in the foreground: the service and no identifier. The name is in the scan response."""
    return ad.build([(ad.FLAGS, b"\x1a"), (ad.UUIDS_128[1], IOS_SERVICE.bytes[::-1])])


def ios_overflow() -> bytes:
    """An iPhone's in the background: the service is a bit of Apple's overflow area."""
    apple = APPLE_ID.to_bytes(2, "little") + OVERFLOW_AREA
    return ad.build([(ad.FLAGS, b"\x1a"), (ad.MANUFACTURER, apple)])


#: Digits of a version 1 identifier.
V1_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class BluezoneV1(Protocol):
    """Bluezone v1: one fixed identifier of six characters a phone; a case publishes it as it is.

    The white paper gives the identifier and not the bytes around it: they are taken to be those of
    version 2 (assumed).
    """

    name = "bluezone-v1"
    id_size = 6
    retention_s = 14 * DAY_S

    def identifier(self, words: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """``uint8[n, 6]``: fixed identifiers from random words.

        Args:
            words: ``uint64[n]``, uniform; the bias of taking them modulo 62 to the 6th is below 2**-28.
        """
        left = np.asarray(words, np.uint64)
        digits = np.frombuffer(V1_DIGITS, np.uint8)
        out = np.empty((len(left), self.id_size), np.uint8)
        for i in range(self.id_size):
            out[:, i] = digits[(left % np.uint64(62)).astype(np.int64)]
            left = left // np.uint64(62)
        return out

    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """Advertising data with the fixed identifier."""
        ad.check_identifier(identifier, self.id_size)
        if any(c not in V1_DIGITS for c in identifier):
            raise TableError(f"identifier: expected letters and digits, found {identifier!r}")
        return _android(identifier)

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """The fixed identifier in advertising data, or None."""
        found = ad.walk(data)
        if found is None or not ad.has_uuid(found, SERVICE_UUID):
            return None
        identifier = ad.manufacturer_data(found, COMPANY_ID)
        if identifier is None or len(identifier) != self.id_size:
            return None
        if any(c not in V1_DIGITS for c in identifier):
            return None
        return Advertisement((self.name,), identifier)
