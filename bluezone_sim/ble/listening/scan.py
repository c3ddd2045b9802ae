"""``bluezone-sim ble scan``: a live table of what is on air, a recording, lines of JSON."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ... import protocols as known_protocols
from ...errors import InputError
from .clock import ClockStep, SteadyClock
from .listener import Listener, Sink
from .on_air import OnAir, SeenPhone
from .recorder import Recorder

_REFRESH_S = 1.0


@dataclass(frozen=True)
class Summary:
    """How a scan went.

    Attributes:
        phones: on air at the end, strongest first.
        packets: decoded.
        dropped: packets that came faster than they were stored.
        rejected: packets left out, by reason.
        reads: GATT reads by outcome.
        restarts: how often scanning had to be started anew.
        rows: rows of the recording.
        seconds: listened.
        ended_us: when it ended, by the clock of the packets.
        clock_steps: what the computer's clock did meanwhile; packets are stamped by one that does not.
    """

    phones: list[SeenPhone]
    packets: int
    dropped: int
    rejected: dict[str, int]
    reads: dict[str, int]
    restarts: int
    rows: int
    seconds: float
    ended_us: int
    clock_steps: list[ClockStep]

    def to_dict(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {
            "seconds": round(self.seconds, 2),
            "packets": self.packets,
            "dropped": self.dropped,
            "rejected": self.rejected,
            "gatt_reads": self.reads,
            "restarts": self.restarts,
            "recorded_rows": self.rows,
            "clock_steps": [asdict(step) for step in self.clock_steps],
            "phones": [p.to_dict(self.ended_us) for p in self.phones],
        }

    def lines(self) -> list[str]:
        """For people."""
        out = [f"{self.packets:,} packets of {len(self.phones):,} phones in {self.seconds:.0f} s"]
        if self.dropped:
            out.append(f"{self.dropped:,} packets DROPPED: they came faster than they were stored")
        out += [f"{n:,} left out: {why}" for why, n in sorted(self.rejected.items())]
        if self.reads:
            reads = ", ".join(f"{n} {what}" for what, n in sorted(self.reads.items()))
            out.append(f"GATT: {reads}")
        if self.restarts:
            out.append(f"scanning was started anew {self.restarts} times")
        out += [f"{step}; packets are stamped by one that was not" for step in self.clock_steps]
        return out


def check_protocols(names: list[str]) -> frozenset[str]:
    """Names of protocols.

    Raises:
        InputError: one is none.
    """
    for name in names:
        known_protocols.get(name)
    return frozenset(names)


async def scan(
    stop: asyncio.Event,
    *,
    adapter: str | None = None,
    protocols: frozenset[str] = frozenset(),
    seconds: float | None = None,
    record: Path | None = None,
    read: bool = True,
    refresh: Callable[[list[SeenPhone], int], None] = lambda phones, now_us: None,
    say: Callable[[str], None] = lambda text: None,
    sinks: Sequence[Sink] = (),
) -> Summary:
    """Listens until ``seconds`` are over or ``stop`` is set.

    Args:
        stop: ends the scan.
        adapter: Linux's name, or None for the first that can scan.
        protocols: phones of these only; empty for all. A recording holds every packet.
        seconds: how long, or None for until stopped.
        record: file to write, by its ending.
        read: also read identifiers over GATT.
        refresh: called once a second with the phones and the time.
        say: told of troubles.
        sinks: what else wants packets.

    Raises:
        InputError: the file cannot be written.
        AdapterError: there is no adapter, or it was lost for good; what was recorded is in the file.
    """
    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds {seconds:g}: expected more than 0")
    air = OnAir(protocols)
    began = time.monotonic()
    clock = SteadyClock()
    lost: BaseException | None = None
    with contextlib.ExitStack() as files:
        all_sinks: list[Sink] = [air, *sinks]
        recorder = None
        if record is not None:
            recorder = files.enter_context(Recorder(record, clock))
            for part in recorder.parts:
                say(str(part))
            all_sinks.append(recorder)
        listener = Listener(adapter, all_sinks, read=read, say=say, clock=clock)
        async with listener:
            try:
                await _listen(listener, air, stop, seconds, refresh)
            except BaseException as error:  # what was heard until then is kept
                lost = error
    if lost is not None:
        raise lost
    return Summary(
        phones=air.phones(),
        packets=listener.pipeline.packets,
        dropped=listener.pipeline.dropped,
        rejected=dict(listener.pipeline.decoder.rejected),
        reads=dict(listener.reader.outcomes) if read else {},
        restarts=listener.restarts,
        rows=recorder.rows if recorder is not None else 0,
        seconds=time.monotonic() - began,
        ended_us=clock.now_us(),
        clock_steps=clock.steps,
    )


async def _listen(
    listener: Listener,
    air: OnAir,
    stop: asyncio.Event,
    seconds: float | None,
    refresh: Callable[[list[SeenPhone], int], None],
) -> None:
    until = None if seconds is None else time.monotonic() + seconds
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            left = _REFRESH_S if until is None else min(_REFRESH_S, until - time.monotonic())
            if left <= 0:
                break
            await _until(listener, stopping, left)
            now_us = listener.clock.now_us()
            air.settle(now_us)
            refresh(air.phones(), now_us)
    finally:
        stopping.cancel()


async def _until(listener: Listener, stopping: asyncio.Task[Any], seconds: float) -> None:
    waiting = asyncio.create_task(listener.wait(seconds))
    await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        waiting.result()
    else:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
