"""What simulated phones heard, as packets that a capture file can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import protocols
from ...captures.formats.pcapng import PcapngWriter
from ...captures.packets import ADV_IND, ADV_NONCONN_IND, Packets
from ...kernels import rng
from ...kernels.radio.link_budget import IDENTIFIER, OVERFLOW
from ...protocols import ad
from ...protocols.bluezone import wire as bluezone
from ...protocols.protocol import FixedId
from ...radio.events import Run
from ...scenario.schema.profile import RadioProfile

#: 16-bit services that phones name in the open where the identifier is read over GATT.
_SERVICES = {"dp3t": 0xFD68, "tcn": 0xC019, "robert": 0xFD64}


def packets_of(
    run: Run,
    profile: RadioProfile,
    seed: int,
    start_ms: int,
    identifier: Callable[[int, int], tuple[bytes, bytes]],
) -> Packets:
    """The log of a run, byte for byte as on air.

    Args:
        run: from :func:`bluezone_sim.radio.events.simulate`, with ``log_packets``.
        profile: its radio.
        seed: of the addresses.
        start_ms: unix milliseconds at which the run started.
        identifier: (person, unix ms) to identifier and other payload bytes.

    Returns:
        Packets in order of time; ``observer`` is the index of the phone that heard.
    """
    log = run.log
    order = np.argsort(log.time_us, kind="stable")
    time_us = start_ms * 1000 + log.time_us[order]
    sender, form = log.sender[order], log.form[order]
    life = _lives(run, profile, sender, time_us // 1000)
    rotation_ms = round(profile.identifier.rotation_s * 1000)
    aired_ms = _aired_ms(run, profile, sender, life, time_us // 1000)
    made: dict[tuple[int, int, int], bytes] = {}
    data = np.zeros((len(order), ad.MAX_BYTES), np.uint8)
    size = np.zeros(len(order), np.int32)
    for row, (who, kind, time) in enumerate(
        zip(sender.tolist(), form.tolist(), aired_ms.tolist(), strict=True)
    ):
        key = (who, kind, time // rotation_ms if rotation_ms else 0)
        if key not in made:
            made[key] = _advertisement(profile, kind, identifier(int(run.people[who]), time))
        size[row] = len(made[key])
        data[row, : size[row]] = np.frombuffer(made[key], np.uint8)
    return Packets(
        time_us=time_us,
        observer=log.phone[order].astype(np.int32),
        address=_addresses(seed, run.people[sender], life, connectable=profile.gatt is not None),
        address_random=np.ones(len(order), np.bool_),
        rssi_dbm=np.floor(log.rssi_dbm[order] + 0.5).astype(np.int16),
        channel=log.channel[order].astype(np.uint8),
        kind=np.full(len(order), ADV_NONCONN_IND if profile.gatt is None else ADV_IND, np.uint8),
        size=size,
        data=data,
    )


def write_cases(
    path: Path, runs: Sequence[Run], profile: RadioProfile, seed: int, start_ms: int
) -> int:
    """Writes what the first phone of each run heard, an interface a run; how many packets that are.

    Identifiers are drawn; they belong to no key.

    Raises:
        InputError: the file cannot be written.
    """
    name = "dp3t-lowcost" if profile.protocol == "dp3t" else profile.protocol
    system = protocols.get(name)
    rotation_ms = round(profile.identifier.rotation_s * 1000)
    extra = system.wire.payload_bytes[0]

    def identifier(person: int, time_ms: int) -> tuple[bytes, bytes]:
        interval = time_ms // rotation_ms if rotation_ms else 0
        key = rng.key(seed, "base_id", person, interval)
        if isinstance(system.keys, FixedId):
            return system.fixed_ids(rng.draws(key, np.zeros(1, np.int64)))[0].tobytes(), b""
        drawn = rng.draws(key, np.arange(9)).tobytes()
        return drawn[: system.id_size], drawn[-extra:] if extra else b""

    count = 0
    with PcapngWriter(path) as capture:
        for i, run in enumerate(runs):
            packets = packets_of(run, profile, seed, start_ms, identifier)
            packets = packets.take(np.flatnonzero(packets.observer == 0))
            capture.write(replace(packets, observer=np.full(len(packets), i, np.int32)))
            count += len(packets)
    return count


def _lives(
    run: Run, profile: RadioProfile, sender: NDArray[np.int64], time_ms: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``int64[n]``: which of its addresses the sender has."""
    own = profile.identifier.on_air_s is not None
    if profile.address.with_identifier and profile.identifier.rotation_s and not own:
        return time_ms // round(profile.identifier.rotation_s * 1000)
    out = np.zeros(len(sender), np.int64)
    for who in np.unique(sender):
        rows = np.flatnonzero(sender == who)
        out[rows] = np.searchsorted(run.address_ms[who], time_ms[rows], side="right")
    return out


def _aired_ms(
    run: Run,
    profile: RadioProfile,
    sender: NDArray[np.int64],
    life: NDArray[np.int64],
    time_ms: NDArray[np.int64],
) -> NDArray[np.int64]:
    """``int64[n]``: a time of the interval whose identifier was sent: where it stays until the address
    changes, when it went on the air; of what was there as the run began, a whole life before its end."""
    if profile.identifier.on_air_s is None:
        return time_ms
    out = time_ms.copy()
    longest_ms = round(profile.identifier.on_air_s[1] * 1000)
    for who in np.unique(sender):
        rows, changes = np.flatnonzero(sender == who), run.address_ms[who]
        if changes:
            began = np.array([changes[0] - longest_ms, *changes])
            out[rows] = began[life[rows]]
    return out


def _addresses(
    seed: int, person: NDArray[np.int64], life: NDArray[np.int64], *, connectable: bool
) -> NDArray[np.uint64]:
    """``uint64[n]``: random private addresses, resolvable (01) or not (00), Core spec Vol 6 Part B."""
    who = rng.draws(rng.key(seed, "address"), person)
    with np.errstate(over="ignore"):
        pair = (who + life.astype(np.uint64) * np.uint64(rng.GOLDEN)).view(np.int64)
    low = rng.draws(rng.key(seed, "address", 1), pair) >> np.uint64(18)
    return np.asarray(low | np.uint64(1 << 46) if connectable else low)


def _advertisement(profile: RadioProfile, form: int, sent: tuple[bytes, bytes]) -> bytes:
    identifier, payload = sent
    if form == OVERFLOW:
        return bluezone.ios_overflow()
    name = profile.protocol
    if form == IDENTIFIER or name == "bluetrace":
        system = protocols.get("dp3t-lowcost" if name == "dp3t" else name)
        return system.advertisement(identifier, payload)
    if name in _SERVICES:
        return ad.build(
            [(ad.FLAGS, b"\x1a"), (ad.UUIDS_16[1], _SERVICES[name].to_bytes(2, "little"))]
        )
    return bluezone.ios_advertisement()
