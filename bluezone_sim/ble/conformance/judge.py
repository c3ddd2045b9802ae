"""``bluezone-sim ble conformance``: one phone on the bench against a profile."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._version import SCHEMA_VERSION, __version__
from ...captures.key_files import KeyFile
from ...captures.packets import Packets
from ...errors import InputError, NothingToRunError
from ...tables.table import Column, Table
from ...tables.words import DASH
from ..listening.buffer import _PACKETS_MOST, _READ_AGAIN_S, PacketBuffer
from ..listening.gatt_client import Reader, ReadResult
from ..listening.listener import Listener, Sink
from ..listening.recorder import Recorder, packets_of
from ..listening.reports import address_text, parse_address
from .limits import ConformanceLimits
from .measurements import ERROR, FAIL, Evidence, Measurement, measure
from .track import Trail, follow


@dataclass(frozen=True)
class ConformanceReport:
    """A phone's measurements.

    Attributes:
        profile_name, profile: measured against.
        measurements: in the profile's order.
        trail: the phone's packets.
        addresses: that the phone had, as text, the first ones.
        name: local name, printable.
        seconds: listened.
        began: when, ISO 8601.
        others: other phones of the protocol that were heard.
        source: "air" or the recording.
    """

    profile_name: str
    profile: ConformanceLimits
    measurements: list[Measurement]
    trail: Trail
    addresses: list[str]
    name: str
    seconds: float
    began: str
    others: int
    source: str

    @property
    def failed(self) -> bool:
        """A limit was missed, or could not be computed."""
        return any(m.outcome in (FAIL, ERROR) for m in self.measurements)

    def count(self, outcome: str) -> int:
        """Measurements with an outcome."""
        return sum(m.outcome == outcome for m in self.measurements)

    def to_dict(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "profile": self.profile_name,
            "source": self.source,
            "began": self.began,
            "seconds": round(self.seconds, 1),
            "packets": len(self.trail.packets),
            "addresses": self.addresses,
            "other_phones": self.others,
            "passed": not self.failed,
            "measurements": [m.to_dict() for m in self.measurements],
        }


async def listen(
    stop: asyncio.Event,
    profile: ConformanceLimits,
    *,
    adapter: str | None,
    seconds: float,
    record: Path | None,
    say: Callable[[str], None],
    progress: Callable[[float, str], None] = lambda done, stage: None,
) -> tuple[Packets, dict[int, list[ReadResult]], dict[int, str], float]:
    """Listens to everybody of a protocol.

    Returns:
        Packets, GATT reads by address, names by address, seconds listened.

    Raises:
        AdapterError: there is no adapter.
    """
    keeper = PacketBuffer(profile.protocol)
    began = time.monotonic()
    reader: Reader | None = None
    with contextlib.ExitStack() as files:
        sinks: list[Sink] = [keeper]
        if record is not None:
            sinks.append(files.enter_context(Recorder(record)))
        gatt = profile.transport == "gatt"
        listener = Listener(adapter, sinks, read=gatt, say=say)
        async with listener:
            if gatt:
                reader = listener.reader
                reader.good_s = _READ_AGAIN_S
            while not stop.is_set() and (done := time.monotonic() - began) < seconds:
                progress(done / seconds, f"{len(keeper.heard):,} packets")
                await listener.wait(min(0.5, seconds - done))
    if keeper.left_out:
        say(f"{keeper.left_out:,} packets beyond {_PACKETS_MOST:,} were left out")
    names = {h.address: h.decoded.name for h in keeper.heard if h.decoded.name}
    reads: dict[int, list[ReadResult]] = {}
    for address, read in reader.log if reader is not None else ():
        reads.setdefault(address, []).append(read)
    return packets_of(keeper.heard), reads, names, time.monotonic() - began


def target_of(text: str) -> int | None:
    """The address that ``--target`` names, or None for the first phone.

    Raises:
        InputError: it is none.
    """
    address = None if text == "first" else parse_address(text)
    if text != "first" and address is None:
        raise InputError(f"--target {text}: expected an address, or first")
    return address


def judge(
    profile_name: str,
    profile: ConformanceLimits,
    packets: Packets,
    *,
    target: int | None = None,
    seconds: float | None = None,
    reads: dict[int, list[ReadResult]] | None = None,
    names: dict[int, str] | None = None,
    keys: KeyFile | None = None,
    source: str = "air",
) -> ConformanceReport:
    """Measures one phone.

    Args:
        profile_name, profile: the limits.
        packets: what was heard.
        target: an address that the phone has at some time; None: the first phone heard.
        seconds: listened; None: as long as the packets span.
        reads, names: GATT reads and local names, by address.
        keys: the phone's published keys.
        source: where the packets are from.

    Raises:
        NothingToRunError: the phone was not heard.
    """
    trail = follow(packets, profile.protocol, target)
    if trail is None:
        which = "no phone" if target is None else f"no phone at {address_text(target)}"
        raise NothingToRunError(
            f"{which} advertised as {profile.protocol} in {len(packets):,} packets; is the app open, "
            "Bluetooth on, the phone near?"
        )
    addresses = list(dict.fromkeys(trail.packets.address.tolist()))
    span = (trail.packets.time_us[-1] - trail.packets.time_us[0]) / 1e6
    own = [(a, r) for a in addresses for r in (reads or {}).get(a, ())]
    evidence = Evidence(
        profile=profile,
        trail=trail,
        seconds=span if seconds is None else seconds,
        reads=sorted(own, key=lambda read: read[1].time_us),
        keys=keys,
    )
    name = next((n for a in addresses if (n := (names or {}).get(a))), "")
    return ConformanceReport(
        profile_name=profile_name,
        profile=profile,
        measurements=measure(evidence),
        trail=trail,
        addresses=[address_text(a) for a in addresses[:8]],
        name=name,
        seconds=evidence.seconds,
        began=dt.datetime.fromtimestamp(trail.packets.time_us[0] / 1e6, dt.UTC).isoformat(
            timespec="seconds"
        ),
        others=trail.others,
        source=source,
    )


_COLOURS = {"pass": "green", "fail": "bold red", "error": "bold magenta"}


def table(measurements: Sequence[Measurement]) -> Table:
    """A row a measurement."""
    heads = (
        Column("measurement", left=True),
        Column("value", lambda value: DASH if value is None else f"{value:g}"),
        Column("unit", left=True),
        Column("limits", left=True),
        Column("outcome", left=True, style=lambda outcome: _COLOURS.get(outcome, "yellow")),
        Column("detail", left=True, wrap=True),
    )
    rows = tuple(
        (m.name, m.value, m.unit, m.limit.text(), m.outcome, m.detail) for m in measurements
    )
    return Table("", heads, rows)
