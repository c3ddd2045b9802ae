"""DP-3T on air: service UUID FD68 and its service data, the EphID; the designs look alike."""

from __future__ import annotations

from .. import ad
from ..ad import Sent
from ..protocol import DAY_S, Wire

#: Registered to Ubique Innovation AG for the DP-3T apps.
SERVICE_UUID = 0xFD68
_FLAGS = 0x02
ID_BYTES = 16
#: White paper; the reference code keeps 21 days.
RETENTION_S = 14 * DAY_S
#: Bytes of a key, and EphIDs that it gives: a day's; a window's (white paper: between ten minutes and a
#: day; four hours here); an epoch's.
LOWCOST_KEY, HYBRID_KEY, UNLINKABLE_KEY = (32, 96), (16, 16), (32, 1)


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Flags, service UUID FD68, its service data."""
    return ad.with_service_data(SERVICE_UUID, identifier, flags=_FLAGS)


def parse(structures: list[tuple[int, bytes]]) -> Sent | None:
    """The EphID, or None. The three designs cannot be told apart."""
    return ad.service_sent(structures, SERVICE_UUID, ID_BYTES)


WIRE = Wire(
    services=(SERVICE_UUID,),
    siblings=("dp3t-lowcost", "dp3t-unlinkable", "dp3t-hybrid"),
    build=build,
    parse=parse,
)
