"""Bluezone's two generations as values."""

from __future__ import annotations

from importlib.resources import files

from ..protocol import DAY_S, FixedId, Gatt, KeyFormat, Keys, Protocol, Wire
from . import wire

_HERE = files(__package__)

BLUEZONE = Protocol(
    name="bluezone",
    title="Bluezone v2",
    source="published sources of the app (BluezoneGlobal/react-native-bluetooth-scan, July 2020 on)",
    id_bytes=wire.ID_BYTES,
    interval_s=wire.INTERVAL_S,
    retention_s=14 * DAY_S,  # white paper; the app's code deletes nothing
    keys=Keys(
        bytes=32,
        per_key=96,  # sub-keys a day unless the server says otherwise
        made="ratchet",
        publishes="first",
        identifiers="bluezone_sim.protocols.bluezone.keys:identifiers",
        next_keys="bluezone_sim.protocols.bluezone.keys:next_keys",
        units="bluezone_sim.protocols.bluezone.keys:units",
        fused="bluezone_sim.kernels.lookup.fused:bluezone",
    ),
    wire=Wire(
        services=(wire.SERVICE_UUID, wire.IOS_SERVICE),
        companies=(wire.COMPANY_ID, wire.APPLE_ID),
        gatt=Gatt(wire.IOS_SERVICE, wire.IOS_CHARACTERISTIC, wire.answer, wire.ios_advertisement),
        interval_ms=100,
        build=wire.build,
        parse=wire.parse,
    ),
    radio=_HERE / "radio.toml",
    record_mib=0.03,
    files=(
        KeyFormat(
            "a message",
            ".json",
            sniff="bluezone_sim.protocols.bluezone.files:is_message",
            read="bluezone_sim.protocols.bluezone.files:parse_f0_message",
            write="bluezone_sim.protocols.bluezone.files:write_f0_message",
        ),
    ),
    vectors=_HERE / "vectors.json",
    rule="any-match",  # the app hands in whatever matches
    confirmed_by="authority",  # which makes it an F1, or does not
)

BLUEZONE_V1 = Protocol(
    name="bluezone-v1",
    title="Bluezone v1",
    # The white paper gives the identifier and not the bytes around it: they are taken to be those of
    # version 2 (assumed).
    source="white paper, May 2020",
    id_bytes=wire.V1_ID_BYTES,
    interval_s=0,
    retention_s=14 * DAY_S,
    keys=FixedId("bluezone_sim.protocols.bluezone.keys:fixed"),
    wire=Wire(
        services=(wire.SERVICE_UUID,),
        companies=(wire.COMPANY_ID,),
        build=wire.build_v1,
        parse=wire.parse_v1,
    ),
    radio=_HERE / "radio_v1.toml",
    record_mib=0.03,
)
