"""TCN as a value."""

from __future__ import annotations

from importlib.resources import files

from ..protocol import Gatt, KeyFormat, Keys, Protocol, Wire
from . import wire

_HERE = files(__package__)

TCN = Protocol(
    name="tcn",
    title="TCN",
    source="TCN Coalition, TCN protocol 0.4",
    id_bytes=wire.ID_BYTES,
    interval_s=900,  # what the apps used; the protocol leaves it open
    retention_s=wire.RETENTION_S,
    keys=Keys(
        bytes=64,
        per_key=96,
        made="own",
        publishes="first",
        identifiers="bluezone_sim.protocols.tcn.keys:identifiers",
        schedule="bluezone_sim.protocols.tcn.keys:Schedule",
        units="bluezone_sim.protocols.tcn.keys:units",
        expand="bluezone_sim.protocols.tcn.keys:expand",
    ),
    wire=Wire(
        services=(wire.SERVICE_UUID,),
        gatt=Gatt(wire.SERVICE, wire.CHARACTERISTIC, wire.answer),
        payload_bytes=wire.TAIL_BYTES,
        build=wire.build,
        parse=wire.parse,
    ),
    radio=_HERE / "radio.toml",
    record_mib=0.056,
    files=(
        KeyFormat(
            "reports",
            ".tcn",
            sniff="bluezone_sim.protocols.tcn.files:is_reports",
            read="bluezone_sim.protocols.tcn.files:read_reports",
            write="bluezone_sim.protocols.tcn.files:write_reports",
            timed="bluezone_sim.protocols.tcn.files:kept_at",
        ),
    ),
    vectors=_HERE / "vectors.json",
    rule="coepi",
)
