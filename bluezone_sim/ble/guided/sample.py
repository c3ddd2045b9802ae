"""One step of a guided session: a while of listening, as a table of packets."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...captures.packets import Packets
from ..listening.buffer import PacketBuffer
from ..listening.clock import SteadyClock
from ..listening.gatt_client import ReadResult
from ..listening.listener import Listener
from ..listening.recorder import packets_of
from .prompt import Say


@dataclass(frozen=True)
class Sample:
    """What was heard in a while.

    Attributes:
        packets: of the protocol.
        reads: GATT reads, (address, read).
        began_ms, ended_ms: unix milliseconds.
    """

    packets: Packets
    reads: list[tuple[int, ReadResult]]
    began_ms: int
    ended_ms: int

    @property
    def seconds(self) -> float:
        """How long it was listened."""
        return (self.ended_ms - self.began_ms) / 1000


async def sample(
    stop: asyncio.Event,
    protocol: str,
    seconds: float,
    *,
    adapter: str | None,
    say: Say,
    read: bool = False,
) -> Sample:
    """Listens for so long, or until stopped.

    Raises:
        AdapterError: there is no adapter.
    """
    keeper = PacketBuffer(protocol)
    clock = SteadyClock()
    began = clock.now_us() // 1000
    reads: list[tuple[int, ReadResult]] = []
    async with Listener(adapter, [keeper], read=read, say=say, clock=clock) as listener:
        stopping = asyncio.create_task(stop.wait())
        waiting = asyncio.create_task(listener.wait(seconds))
        try:
            await asyncio.wait([stopping, waiting], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
        finally:
            for task in (stopping, waiting):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(stopping, waiting, return_exceptions=True)
        if read:
            reads = list(listener.reader.log)
    ended = clock.now_us() // 1000
    return Sample(packets_of(keeper.heard), reads, began, ended)


def strongest(packets: Packets) -> NDArray[np.int64]:
    """Rows of the phone, by address, with the strongest mean RSSI."""
    addresses, which = np.unique(packets.address, return_inverse=True)
    if not len(addresses):
        return np.empty(0, np.int64)
    which = which.reshape(-1)
    mean = np.bincount(which, packets.rssi_dbm) / np.bincount(which)
    return np.flatnonzero(which == np.argmax(mean))
