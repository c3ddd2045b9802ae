"""Identifiers that have to be read over a connection, as iPhones with Bluezone, and BlueTrace, have it.

As the Android app does it: one phone at a time, connect, discover, read, disconnect, ten seconds in
all; an answer is good while the identifier's interval lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Any

from ... import protocols
from ...captures.gatt_reads import characteristics, identifier_in
from ...errors import BluezoneSimError, FormatError
from .clock import SteadyClock

#: The app's timeout for one read.
TIMEOUT_S = 10.0
#: A phone that failed is tried again after so long (iOS app: 5 s at the earliest).
_RETRY_S = 5.0
_QUEUE_MOST = 256
_CACHE_MOST = 4096
_LOG_MOST = 10_000


class ReadError(BluezoneSimError):
    """A phone could not be read; ``step`` is connect, discover or read."""

    exit_code = 1

    def __init__(self, step: str, message: str):
        super().__init__(f"{step}: {message}")
        self.step = step


@dataclass(frozen=True)
class Answer:
    """What a phone answered.

    Attributes:
        protocol: whose characteristic it was.
        identifier: as the protocol has it.
        connect_s, read_s: until connected with services known; from there until the value.
    """

    protocol: str
    identifier: bytes
    connect_s: float
    read_s: float


async def read_identifier(
    device: Any, *, adapter: str | None = None, timeout_s: float = TIMEOUT_S
) -> Answer:
    """Connects, reads, disconnects.

    Args:
        device: bleak's device, or an address.
        adapter: which of Linux's adapters.
        timeout_s: for all of it.

    Raises:
        ReadError: it failed, or took too long.
        FormatError: the phone answered something else.
    """
    from bleak import BleakClient
    from bleak.exc import BleakError

    known = {str(uuid): system for uuid, system in characteristics().items()}
    step, began = "connect", time.monotonic()
    # bleak's own timeout does not cover a read that hangs.
    client = BleakClient(device, timeout=timeout_s, **_options(adapter))
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect()
            connected = time.monotonic()
            step = "discover"
            uuid = next((u for u in known if client.services.get_characteristic(u)), None)
            if uuid is None:
                titles = ", ".join(system.title for system in known.values())
                raise ReadError(step, f"the phone has no characteristic of these: {titles}")
            step = "read"
            value = bytes(await client.read_gatt_char(uuid))
            done = time.monotonic()
    except TimeoutError:
        raise ReadError(step, f"no answer in {timeout_s:g} s") from None
    except (BleakError, OSError, EOFError) as error:
        raise ReadError(step, str(error) or type(error).__name__) from None
    finally:
        with contextlib.suppress(Exception):  # the link is gone already
            async with asyncio.timeout(2.0):
                await client.disconnect()
    system = known[uuid]
    return Answer(system.name, identifier_in(value, system), connected - began, done - connected)


def _options(adapter: str | None) -> dict[str, Any]:
    return {} if adapter is None else {"bluez": {"adapter": adapter}}


@dataclass(frozen=True)
class ReadResult:
    """One read: when it ended, the identifier or empty, seconds from connecting to the value."""

    time_us: int
    identifier: bytes
    seconds: float


class Reader:
    """Reads phones one at a time, as they are asked for.

    Attributes:
        identifiers: what was read, by address, while it is good. Other threads may read it.
        outcomes: reads by outcome: "read", or the step that failed.
        good_s: an answer is good for so long; None: until its interval ends.
        log: the last reads, by address.
    """

    def __init__(
        self,
        adapter: str | None,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: SteadyClock | None = None,
    ) -> None:
        self.identifiers: dict[int, bytes] = {}
        self.outcomes: Counter[str] = Counter()
        self.good_s: float | None = None
        self.log: deque[tuple[int, ReadResult]] = deque(maxlen=_LOG_MOST)
        self._clock = clock or SteadyClock()
        self._adapter = adapter
        self._timeout_s = timeout_s
        self._queue: OrderedDict[int, Any] = OrderedDict()
        self._not_before_s: OrderedDict[int, float] = OrderedDict()
        self._wake = asyncio.Event()
        self._forgotten = 0

    def _now_s(self) -> float:
        return self._clock.now_us() / 1e6

    def want(self, wanted: dict[int, Any]) -> None:
        """Queues phones, by address; those known, queued or failed just now are passed over."""
        now = self._now_s()
        for address, device in wanted.items():
            if now < self._not_before_s.get(address, 0.0) or address in self._queue:
                continue
            if len(self._queue) >= _QUEUE_MOST:
                self.outcomes["queue full"] += 1
                continue
            self._queue[address] = device
            self._wake.set()

    async def run(self) -> None:
        """Works the queue until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                address, device = next(iter(self._queue.items()))
                await self._read(address, device)
                self._queue.pop(address, None)

    async def _read(self, address: int, device: Any) -> None:
        began, forgotten = time.monotonic(), self._forgotten

        def book(identifier: bytes) -> None:
            read = ReadResult(self._clock.now_us(), identifier, time.monotonic() - began)
            self.log.append((address, read))

        try:
            answer = await read_identifier(device, adapter=self._adapter, timeout_s=self._timeout_s)
        except ReadError as error:
            self.outcomes[f"{error.step} failed"] += 1
            book(b"")
            self._remember(address, self._now_s() + _RETRY_S)
            return
        except FormatError:
            self.outcomes["other value"] += 1
            book(b"")
            self._remember(address, self._now_s() + _RETRY_S)
            return
        self.outcomes["read"] += 1
        book(answer.identifier)
        if forgotten != self._forgotten:
            return
        self.identifiers[address] = answer.identifier
        now = self._now_s()
        # After the identifier's interval an answer is stale.
        interval_s = protocols.get(answer.protocol).interval_s
        ends = (now // interval_s + 1) * interval_s if interval_s else math.inf
        self._remember(address, ends if self.good_s is None else min(ends, now + self.good_s))

    def _remember(self, address: int, until_s: float) -> None:
        self._not_before_s[address] = until_s
        self._not_before_s.move_to_end(address)
        if len(self._not_before_s) > _CACHE_MOST:
            old, _ = self._not_before_s.popitem(last=False)
            self.identifiers.pop(old, None)

    def forget(self) -> None:
        """Drops all answers, of reads under way too: other phones have the addresses now."""
        self._forgotten += 1
        self._not_before_s.clear()
        self.identifiers.clear()

    def expire(self) -> None:
        """Drops answers whose interval is over."""
        now = self._now_s()
        for address in [a for a in list(self.identifiers) if self._not_before_s.get(a, 0.0) <= now]:
            del self.identifiers[address]
