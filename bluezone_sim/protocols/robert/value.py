"""ROBERT as a value."""

from __future__ import annotations

from importlib.resources import files

from ..protocol import DAY_S, Protocol, ServerIds, Wire
from . import wire

ROBERT = Protocol(
    name="robert",
    title="ROBERT",
    source="Inria and Fraunhofer, ROBERT specification v1.1",
    id_bytes=wire.ID_BYTES,
    interval_s=900,
    retention_s=14 * DAY_S,
    keys=ServerIds(
        make="bluezone_sim.protocols.robert.keys:make",
        read="bluezone_sim.protocols.robert.keys:read",
    ),
    wire=Wire(
        services=(wire.SERVICE_UUID,),
        payload_bytes=wire.TAIL_BYTES,
        build=wire.build,
        parse=wire.parse,
    ),
    radio=files(__package__) / "radio.toml",
    record_mib=0.044,
    rule="tousanticovid",
)
