"""Exposure Notification on air: flags, service UUID FD6F, identifier and encrypted metadata."""

from __future__ import annotations

from .. import ad
from ..ad import Sent

SERVICE_UUID = 0xFD6F
#: Flags of the Bluetooth specification v1.2.
_FLAGS = 0x1A
ID_BYTES, METADATA_BYTES = 16, 4
#: Bytes of a key, identifiers that it gives, and how long each is on air, seconds (cryptography v1.2).
KEY_BYTES, PER_KEY, INTERVAL_S = 16, 144, 600
#: ``report_type`` by number (google/exposure-notifications-server, export.proto). A key that tells none
#: is of the first; one of the last is taken back.
REPORT_TYPES = (
    "unknown",
    "confirmed-test",
    "confirmed-clinical-diagnosis",
    "self-report",
    "recursive",
    "revoked",
)
#: What they mean where it is not what their names say: (region of an export, meaning).
REPORT_TYPES_MEAN = (
    (
        "DE",
        "Corona-Warn-App codes its transmission risk levels in them: recursive 1-2, self-report 3-4, "
        "confirmed-clinical-diagnosis 5-6, confirmed-test 7-8 (cwa-server, transmission-risk-encoding)",
    ),
)


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Flags, service UUID FD6F, service data: identifier and encrypted metadata."""
    return ad.with_service_data(SERVICE_UUID, identifier + payload, flags=_FLAGS)


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """Identifier and encrypted metadata, or None."""
    if not ad.has_uuid(structures, SERVICE_UUID):
        return None
    return ad.service_sent(structures, SERVICE_UUID, ID_BYTES)
