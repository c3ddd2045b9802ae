"""Exposure Notification as a value."""

from __future__ import annotations

from importlib.resources import files

from ..protocol import DAY_S, KeyFormat, Keys, Protocol, Wire
from . import wire

_HERE = files(__package__)

GAEN = Protocol(
    name="gaen",
    title="Exposure Notification",
    source="Apple and Google: cryptography v1.2, Bluetooth v1.2, April 2020",
    id_bytes=wire.ID_BYTES,
    interval_s=wire.INTERVAL_S,
    retention_s=14 * DAY_S,
    keys=Keys(
        bytes=wire.KEY_BYTES,
        per_key=wire.PER_KEY,
        tolerance_s=7200,  # cryptography v1.2: a phone's clock may be off by two hours
        identifiers="bluezone_sim.protocols.gaen.keys:identifiers",
        units="bluezone_sim.protocols.gaen.keys:units",
        payload="bluezone_sim.protocols.gaen.keys:payload",
        attenuation="bluezone_sim.protocols.gaen.keys:attenuation",
        fused="bluezone_sim.kernels.lookup.fused:gaen",
    ),
    wire=Wire(
        services=(wire.SERVICE_UUID,),
        payload_bytes=(wire.METADATA_BYTES,),
        connectable=False,
        build=wire.build,
        parse=wire.parse,
    ),
    radio=_HERE / "radio.toml",
    record_mib=0.062,
    files=(
        KeyFormat(
            "an export",
            ".bin",
            sniff="bluezone_sim.protocols.gaen.archive:is_export",
            read="bluezone_sim.protocols.gaen.archive:read_keys",
            write="bluezone_sim.protocols.gaen.files:write_export",
            told="bluezone_sim.protocols.gaen.archive:told",
            verify="bluezone_sim.protocols.gaen.archive:verify",
            report_types=wire.REPORT_TYPES,
            report_types_mean=wire.REPORT_TYPES_MEAN,
        ),
    ),
    vectors=_HERE / "vectors.json",
    rule="cwa",
)
