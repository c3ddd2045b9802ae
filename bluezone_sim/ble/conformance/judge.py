"""``bluezone-sim ble conformance``: one phone on the bench against a profile."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..._version import SCHEMA_VERSION, __version__
from ...captures.decode import SightingDecoder
from ...captures.key_sets import KeySet
from ...captures.packets import Packets
from ...errors import InputError, NothingToRunError
from ...tables.table import Column, Table
from ..listening.buffer import _PACKETS_MOST, _READ_AGAIN_S, PacketBuffer
from ..listening.clock import SteadyClock
from ..listening.gatt_client import Reader, ReadResult
from ..listening.listener import Listener, Sink
from ..listening.recorder import Recorder, packets_of
from ..listening.reports import address_text, parse_address
from .evidence import ERROR, FAIL, NOT_MEASURED, PASS, Evidence, Measurement
from .limits import ConformanceLimits
from .measurements import measure
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
        """A limit was missed, could not be computed, or what is required was not measured."""
        return any(m.failed for m in self.measurements)

    @property
    def verdict(self) -> str:
        """In words: "passed 5 of 10, 5 not measured"."""
        parts = [f"passed {self.count(PASS)} of {len(self.measurements)}"]
        for outcome, word in (
            (FAIL, "failed"),
            (ERROR, "in error"),
            (NOT_MEASURED, "not measured"),
        ):
            if n := self.count(outcome):
                parts.append(f"{n} {word}")
        if lost := [m.name for m in self.measurements if m.failed and m.outcome == NOT_MEASURED]:
            parts.append(f"of which required: {', '.join(lost)}")
        return ", ".join(parts)

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
            "verdict": self.verdict,
            "measurements": [m.to_dict() for m in self.measurements],
        }


@dataclass(frozen=True)
class Heard:
    """What was heard of a protocol.

    Attributes:
        packets: of it; of a recording, all.
        reads: GATT reads by address.
        names: local names by address.
        seconds: listened; None: as long as the phone's packets span.
        ended_us: when listening ended, unix microseconds.
        strangers: packets of other protocols, by name, where they are not among the packets.
    """

    packets: Packets
    reads: Mapping[int, Sequence[ReadResult]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    seconds: float | None = None
    ended_us: int = 0
    strangers: Mapping[str, int] = field(default_factory=dict)


def recorded(packets: Packets) -> Heard:
    """What a recording holds; it ends with its last packet, whosever that is."""
    return Heard(packets, ended_us=int(packets.time_us.max(initial=0)))


async def listen(
    stop: asyncio.Event,
    profile: ConformanceLimits,
    *,
    adapter: str | None,
    seconds: float,
    record: Path | None,
    say: Callable[[str], None],
    progress: Callable[[float, str], None] = lambda done, stage: None,
) -> Heard:
    """Listens to everybody of a protocol.

    Raises:
        AdapterError: there is no adapter.
    """
    keeper = PacketBuffer(profile.protocol)
    began, clock = time.monotonic(), SteadyClock()
    reader: Reader | None = None
    with contextlib.ExitStack() as files:
        sinks: list[Sink] = [keeper]
        if record is not None:
            recorder = files.enter_context(Recorder(record, clock))
            sinks.append(recorder)
            for part in recorder.parts:
                say(str(part))
        gatt = profile.transport == "gatt"
        listener = Listener(adapter, sinks, read=gatt, say=say, clock=clock)
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
    return Heard(
        packets=packets_of(keeper.heard),
        reads=reads,
        names=names,
        seconds=time.monotonic() - began,
        ended_us=clock.now_us(),
        strangers=keeper.strangers,
    )


def target_of(text: str) -> int | None:
    """The address that ``--target`` names, or None for the first phone.

    Raises:
        InputError: it is none.
    """
    address = None if text == "first" else parse_address(text)
    if text != "first" and address is None:
        raise InputError(f"--target {text}: expected an address, or first")
    return address


def required_of(given: Sequence[str], profile: ConformanceLimits) -> frozenset[str]:
    """The measurements that ``--require`` names, or all of the profile.

    Raises:
        InputError: the profile has no such measurement.
    """
    names = {name.strip() for text in given for name in text.split(",")}
    for name in names - {"all", *profile.limits}:
        near = get_close_matches(name, profile.limits, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"--require {name}: expected all, or some of {', '.join(profile.limits)}{hint}"
        )
    return frozenset(profile.limits) if "all" in names else frozenset(names)


def judge(
    profile_name: str,
    profile: ConformanceLimits,
    heard: Heard,
    *,
    target: int | None = None,
    required: Collection[str] = (),
    keys: KeySet | None = None,
    source: str = "air",
) -> ConformanceReport:
    """Measures one phone.

    Args:
        profile_name, profile: the limits.
        heard: from :func:`listen` or :func:`recorded`.
        target: an address that the phone has at some time; None: the first phone heard.
        required: measurements that have to be measured.
        keys: the phone's published keys.
        source: where the packets are from.

    Raises:
        NothingToRunError: the phone was not heard; which protocols were heard instead is told.
    """
    trail = follow(heard.packets, profile.protocol, target)
    if trail is None:
        which = "no phone" if target is None else f"no phone at {address_text(target)}"
        raise NothingToRunError(
            f"{which} advertised as {profile.protocol} in {len(heard.packets):,} packets; "
            + _instead(heard, profile.protocol)
        )
    addresses = list(dict.fromkeys(trail.packets.address.tolist()))
    first_us, last_us = int(trail.packets.time_us[0]), int(trail.packets.time_us[-1])
    own = [(a, r) for a in addresses for r in heard.reads.get(a, ())]
    evidence = Evidence(
        profile=profile,
        trail=trail,
        seconds=(last_us - first_us) / 1e6 if heard.seconds is None else heard.seconds,
        end_s=(max(last_us, heard.ended_us) - first_us) / 1e6,
        reads=sorted(own, key=lambda read: read[1].time_us),
        keys=keys,
    )
    return ConformanceReport(
        profile_name=profile_name,
        profile=profile,
        measurements=measure(evidence, required),
        trail=trail,
        addresses=[address_text(a) for a in addresses[:8]],
        name=next((n for a in addresses if (n := heard.names.get(a))), ""),
        seconds=evidence.seconds,
        began=dt.datetime.fromtimestamp(first_us / 1e6, dt.UTC).isoformat(timespec="seconds"),
        others=trail.others,
        source=source,
    )


def _instead(heard: Heard, protocol: str) -> str:
    strangers = heard.strangers or _strangers(heard.packets, protocol)
    if not strangers:
        return "is the app open, Bluetooth on, the phone near?"
    held = ", ".join(f"{n:,} of {name}" for name, n in sorted(strangers.items()))
    return (
        f"heard of other protocols: {held}. Is the profile the phone's, which asks for {protocol}?"
    )


def _strangers(packets: Packets, protocol: str) -> Counter[str]:
    """Packets of other protocols, by name."""
    decoder = SightingDecoder()
    rows = zip(packets.data, packets.size, strict=True)
    found = (decoder.look(row[:size].tobytes()) for row, size in rows)
    return Counter(f.protocols[0] for f in found if f is not None and protocol not in f.protocols)


_COLOURS = {"pass": "green", "fail": "bold red", "error": "bold magenta"}


def table(measurements: Sequence[Measurement]) -> Table:
    """A row a measurement."""
    heads = (
        Column("measurement", left=True),
        Column("value"),
        Column("unit", left=True),
        Column("limits", left=True),
        Column("outcome", left=True, style=lambda outcome: _COLOURS.get(outcome, "yellow")),
        Column("detail", left=True, wrap=True),
    )
    rows = tuple(
        (m.name, m.value_text(), m.unit, m.limit.text(), m.outcome, m.detail) for m in measurements
    )
    return Table("", heads, rows)
