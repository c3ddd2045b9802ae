"""Listening: bleak's scanner kept alive, and a worker that decodes and stores what it hears.

The scanner's callback appends to a queue and does nothing else. A thread takes what has gathered,
decodes it and hands it to what wants it: the table of phones, files, the queue of GATT reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from ..adapters.bus import AdapterError, Bluez
from ..adapters.inventory import Adapter, choose
from .clock import SteadyClock
from .gatt_client import Reader
from .reports import AdvertisingReport, Decoder

#: Reports that may wait for the worker: twenty seconds of 10,000 a second, 300 MiB. More are dropped and
#: counted.
_WAITING_MOST = 200_000
#: Reports that are worked off together: what a round makes of them takes more memory than they do.
_ROUND_MOST = 4096
_DRAIN_S = 0.05
#: How long a lost adapter or daemon is waited for: a dongle that resets is back within seconds.
PATIENCE_S = 30.0
_RETRY_S = 0.5
#: Where the operating system's scanner keeps every address it saw, it is started anew after so many.
_ADDRESSES_MOST = 100_000
_STEP_S = 10.0


class Sink(Protocol):
    """What wants packets."""

    def take(self, heard: list[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        """Takes the packets of one round, and the identifiers read over GATT by then."""


class Pipeline:
    """From callbacks to sinks, on a thread of its own.

    Attributes:
        decoder: what was rejected, and why.
        packets: decoded so far.
        dropped: reports that found the queue full.
    """

    def __init__(self, sinks: Sequence[Sink], clock: SteadyClock | None = None) -> None:
        self.decoder = Decoder()
        self.clock = clock or SteadyClock()
        self.packets = 0
        self.dropped = 0
        self.failure: BaseException | None = None
        self.reader: Reader | None = None
        self._sinks = sinks
        self._waiting: deque[tuple[int, Any, Any]] = deque()
        self._ending = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.failed = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name="ble-decoder", daemon=True)

    def push(self, device: Any, data: Any) -> None:
        """The scanner's callback: no formatting, no decoding, no files."""
        if len(self._waiting) < _WAITING_MOST:
            self._waiting.append((self.clock.now_us(), device, data))
        else:
            self.dropped += 1

    def start(self) -> None:
        """Starts the worker."""
        self._thread.start()

    async def finish(self) -> None:
        """Works off what waits, then ends the worker."""
        self._ending.set()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        try:
            while not self._ending.wait(_DRAIN_S):
                self.clock.watch()
                self._work_off()
            self._work_off()
        except BaseException as error:  # handed to the program's own thread
            self.failure = error
            self._loop.call_soon_threadsafe(self.failed.set)

    def _work_off(self) -> None:
        while waiting := len(self._waiting):
            self._round(min(waiting, _ROUND_MOST))
            if waiting <= _ROUND_MOST:
                break

    def _round(self, size: int) -> None:
        reports = [self._waiting.popleft() for _ in range(size)]
        heard = self.decoder.decode(reports)
        self.packets += len(heard)
        identifiers: dict[int, bytes] = {}
        if self.reader is not None:
            identifiers = self.reader.identifiers
            wanted = {
                h.address: h.device
                for h in heard
                if h.decoded.found is not None
                and h.decoded.found.gatt
                and h.address not in identifiers
            }
            if wanted:
                self._loop.call_soon_threadsafe(self.reader.want, wanted)
        for sink in self._sinks:
            sink.take(heard, identifiers)


class Listener:
    """A scan, as an async context manager, kept alive through restarts of its daemon.

    Args:
        adapter: Linux's name of the adapter, or None for the first that can scan.
        sinks: what wants packets.
        read: also read identifiers over GATT.
        say: told of what goes wrong and what is done about it.
        clock: that stamps the packets.

    Raises:
        AdapterError: there is no adapter, or scanning is refused.
    """

    def __init__(
        self,
        adapter: str | None,
        sinks: Sequence[Sink],
        *,
        read: bool = True,
        say: Callable[[str], None] = lambda text: None,
        patience_s: float = PATIENCE_S,
        clock: SteadyClock | None = None,
    ) -> None:
        self.clock = clock or SteadyClock()
        self._name = adapter
        self._sinks = sinks
        self.reads = read
        self._say = say
        self._patience_s = patience_s
        self._scanner: Any = None
        self._trouble = asyncio.Event()
        self._reason = ""
        self._tasks: list[asyncio.Task[None]] = []
        self.restarts = 0

    async def __aenter__(self) -> Self:
        self.adapter: Adapter = await choose(self._name)
        self.pipeline = Pipeline(self._sinks, self.clock)
        await self._start()
        self.pipeline.start()
        if self.reads:
            self.reader = Reader(self._bleak_name(), clock=self.clock)
            self.pipeline.reader = self.reader
            self._tasks.append(asyncio.create_task(self.reader.run()))
        self._tasks.append(asyncio.create_task(self._keep_alive()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop()
        await self.pipeline.finish()
        if self.pipeline.failure is not None:
            raise self.pipeline.failure

    def _bleak_name(self) -> str | None:
        return None if self.adapter.name == "default" else self.adapter.name

    async def wait(self, seconds: float | None) -> None:
        """Listens for so long, or until an interrupt.

        Raises:
            AdapterError: the adapter was lost and did not come back.
            Exception: what a sink raised: it cannot take more.
        """
        failed = asyncio.create_task(self.pipeline.failed.wait())
        try:
            done, _ = await asyncio.wait(
                [failed, self._tasks[-1]], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            failed.cancel()
        if self.pipeline.failure is not None:
            raise self.pipeline.failure
        if self._tasks[-1] in done:
            self._tasks[-1].result()

    async def _start(self) -> None:
        from bleak import BleakScanner
        from bleak.exc import BleakError

        options: dict[str, Any] = {}
        name = self._bleak_name()
        if name is not None:
            # Without duplicates BlueZ 5.82 lets about one report a second through.
            options["bluez"] = {"adapter": name, "filters": {"DuplicateData": True}}
        scanner = BleakScanner(self.pipeline.push, scanning_mode="active", **options)
        try:
            async with asyncio.timeout(_STEP_S):
                await scanner.start()
        except (BleakError, OSError, EOFError, TimeoutError) as error:
            raise AdapterError(
                f"adapter {self.adapter.name}: scanning does not start ({error or 'no answer'})"
            ) from None
        self._scanner = scanner

    async def _stop(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            # What is stopped may be gone already, in any way.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2.0):
                    await scanner.stop()

    def _lost(self, reason: str) -> None:
        if not self._trouble.is_set():
            self._reason = reason
            self._trouble.set()

    async def _keep_alive(self) -> None:
        while True:
            self._trouble.clear()
            async with contextlib.AsyncExitStack() as stack:
                bluez = None
                if sys.platform.startswith("linux"):
                    bluez = await stack.enter_async_context(Bluez())
                    await bluez.watch(self.adapter.path, self._lost)
                    # It may have gone between the start of the scan and the watch.
                    if not await bluez.is_on(self.adapter.path):
                        self._lost("the adapter went away")
                while not self._trouble.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._trouble.wait(), 1.0)
                    if self.reads:
                        self.reader.expire()
                    if self._crowded():
                        self._lost("")
                    if bluez is not None and not bluez.bus.connected:
                        self._lost("the system D-Bus went away")
            if self._reason:
                self._say(f"{self._reason}; waiting for it to come back")
            await self._stop()
            await self._revive()

    def _crowded(self) -> bool:
        """Only BlueZ forgets addresses by itself."""
        if sys.platform.startswith("linux"):
            return False
        return len(self._scanner.discovered_devices) > _ADDRESSES_MOST

    async def _revive(self) -> None:
        began = time.monotonic()
        while True:
            try:
                self.adapter = await choose(self.adapter.name)
                await self._start()
                break
            except AdapterError as error:
                if time.monotonic() - began > self._patience_s:
                    raise AdapterError(
                        f"{self._reason} and did not come back in {self._patience_s:g} s: {error}"
                    ) from None
            await asyncio.sleep(_RETRY_S)
        self.restarts += 1
        if self._reason:
            self._say(f"scanning again after {time.monotonic() - began:.1f} s")


async def close_bleak() -> None:
    """Closes the D-Bus connection that bleak keeps for the running event loop."""
    if not sys.platform.startswith("linux"):
        return
    from bleak.backends.bluezdbus import manager

    known = getattr(manager, "_global_instances", {})
    mine = known.pop(asyncio.get_running_loop(), None)
    bus = getattr(mine, "_bus", None)
    if bus is not None and bus.connected:
        watcher = getattr(mine, "_bus_watcher_task", None)
        if watcher is not None:
            watcher.cancel()
        bus.disconnect()
