"""DP-3T's three designs as values (white paper of 25 May 2020; DP-3T/reference_implementation)."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from ..protocol import KeyFormat, Keys, Protocol
from .wire import HYBRID_KEY, ID_BYTES, LOWCOST_KEY, RETENTION_S, UNLINKABLE_KEY, WIRE

_HERE = files(__package__)
_LIST = KeyFormat(
    "a list of keys",
    ".json",
    sniff="bluezone_sim.protocols.dp3t.files:is_lowcost_list",
    read="bluezone_sim.protocols.dp3t.files:read_lowcost_list",
    write="bluezone_sim.protocols.dp3t.files:write_list",
    timed="bluezone_sim.protocols.dp3t.files:walked_until",
)

LOWCOST = Protocol(
    name="dp3t-lowcost",
    title="DP-3T, low-cost design",
    source="DP-3T white paper, 25 May 2020; DP-3T/reference_implementation",
    id_bytes=ID_BYTES,
    interval_s=900,
    retention_s=RETENTION_S,
    keys=Keys(
        *LOWCOST_KEY,
        made="ratchet",
        order="shuffled",
        publishes="first",
        identifiers="bluezone_sim.protocols.dp3t.keys:lowcost_identifiers",
        next_keys="bluezone_sim.protocols.dp3t.keys:next_keys",
    ),
    wire=WIRE,
    radio=_HERE / "radio.toml",
    record_mib=0.031,
    files=(_LIST,),
    vectors=_HERE / "lowcost_vectors.json",
    rule="dp3t-sdk",  # SwissCovid weighs attenuations, which only Exposure Notification tells
)

HYBRID = replace(
    LOWCOST,
    name="dp3t-hybrid",
    title="DP-3T, hybrid design",
    keys=Keys(
        *HYBRID_KEY,
        order="shuffled",
        identifiers="bluezone_sim.protocols.dp3t.keys:hybrid_identifiers",
    ),
    files=(
        replace(
            _LIST,
            sniff="bluezone_sim.protocols.dp3t.files:is_hybrid_list",
            read="bluezone_sim.protocols.dp3t.files:read_hybrid_list",
            timed=None,
        ),
    ),
    vectors=_HERE / "hybrid_vectors.json",
)

UNLINKABLE = replace(
    LOWCOST,
    name="dp3t-unlinkable",
    title="DP-3T, unlinkable design",
    keys=Keys(
        *UNLINKABLE_KEY,
        identifiers="bluezone_sim.protocols.dp3t.keys:unlinkable_identifiers",
    ),
    files=(
        KeyFormat(
            "a cuckoo filter",
            ".cuckoo",
            sniff="bluezone_sim.protocols.dp3t.files:is_filter",
            read="bluezone_sim.protocols.dp3t.files:keys_of_filter",
            write="bluezone_sim.protocols.dp3t.files:write_filter",
            filter="bluezone_sim.protocols.dp3t.files:read_filter",
        ),
    ),
    vectors=_HERE / "unlinkable_vectors.json",
)
