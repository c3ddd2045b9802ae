"""BlueTrace as a value."""

from __future__ import annotations

from importlib.resources import files

from ..protocol import DAY_S, Gatt, Protocol, ServerIds, Wire
from . import wire

BLUETRACE = Protocol(
    name="bluetrace",
    title="BlueTrace",
    source="BlueTrace white paper; OpenTrace (opentrace-community)",
    id_bytes=wire.ID_BYTES,
    interval_s=900,
    retention_s=21 * DAY_S,  # OpenTrace purges after 21 days
    keys=ServerIds(
        make="bluezone_sim.protocols.bluetrace.keys:make",
        read="bluezone_sim.protocols.bluetrace.keys:read",
    ),
    wire=Wire(
        services=wire.SERVICES,
        companies=(wire.COMPANY_ID,),
        gatt=Gatt(
            wire.SERVICE,
            wire.CHARACTERISTIC,
            wire.answer,
            written=wire.written,
            also=(wire.COVIDSAFE_CHARACTERISTIC,),
        ),
        payload_bytes=(3,),
        build=wire.build,
        parse=wire.parse,
    ),
    radio=files(__package__) / "radio.toml",
    record_mib=0.042,
    rule="covidsafe",
    confirmed_by="tracer",
)
