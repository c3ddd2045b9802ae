"""Identifiers that have to be read: iPhones with Bluezone, and BlueTrace.

As the Android app does it: one phone at a time, connect, discover, read, disconnect, ten seconds in
all; an answer is good while the identifier's interval lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from base64 import b64decode
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Any

from ...errors import BluezoneSimError, FormatError
from ...protocols.bluetrace import wire as bluetrace
from ...protocols.bluezone import wire as bluezone

#: The app's timeout for one read.
TIMEOUT_S = 10.0
#: A phone that failed is tried again after so long (iOS app: 5 s at the earliest).
_RETRY_S = 5.0
_QUEUE_MOST = 256
_CACHE_MOST = 4096
_LOG_MOST = 10_000
#: The app's 15-minute interval, after whose end an answer is stale.
_INTERVAL_S = bluezone.INTERVAL_S


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


def identifier_of(uuid: str, value: bytes) -> tuple[str, bytes]:
    """(protocol, identifier) of a characteristic's value.

    Raises:
        FormatError: the value is not what the protocol says.
    """
    if uuid == str(bluezone.IOS_CHARACTERISTIC):
        size = bluezone.ID_BYTES
        if len(value) != size:
            raise FormatError(
                f"Bluezone's characteristic: expected {size} bytes, found {len(value)}"
            )
        return "bluezone", value
    message = bluetrace.parse_exchange(value, "BlueTrace's characteristic")
    try:
        raw = b64decode(message["id"], validate=True)
    except ValueError:
        raise FormatError("BlueTrace's characteristic: id: not base64") from None
    if len(raw) != bluetrace.ID_BYTES:
        raise FormatError(f"BlueTrace's characteristic: id: {len(raw)} bytes")
    return "bluetrace", raw


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

    known = [str(bluezone.IOS_CHARACTERISTIC), str(bluetrace.CHARACTERISTIC)]
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
                raise ReadError(
                    step, "the phone has neither Bluezone's nor BlueTrace's characteristic"
                )
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
    protocol, identifier = identifier_of(uuid, value)
    return Answer(protocol, identifier, connected - began, done - connected)


def _options(adapter: str | None) -> dict[str, Any]:
    return {} if adapter is None else {"bluez": {"adapter": adapter}}


@dataclass(frozen=True)
class Read:
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

    def __init__(self, adapter: str | None, *, timeout_s: float = TIMEOUT_S) -> None:
        self.identifiers: dict[int, bytes] = {}
        self.outcomes: Counter[str] = Counter()
        self.good_s: float | None = None
        self.log: deque[tuple[int, Read]] = deque(maxlen=_LOG_MOST)
        self._adapter = adapter
        self._timeout_s = timeout_s
        self._queue: OrderedDict[int, Any] = OrderedDict()
        self._not_before_s: OrderedDict[int, float] = OrderedDict()
        self._wake = asyncio.Event()
        self._forgotten = 0

    def want(self, wanted: dict[int, Any]) -> None:
        """Queues phones, by address; those known, queued or failed just now are passed over."""
        now = time.time()
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
            read = Read(time.time_ns() // 1000, identifier, time.monotonic() - began)
            self.log.append((address, read))

        try:
            answer = await read_identifier(device, adapter=self._adapter, timeout_s=self._timeout_s)
        except ReadError as error:
            self.outcomes[f"{error.step} failed"] += 1
            book(b"")
            self._remember(address, time.time() + _RETRY_S)
            return
        except FormatError:
            self.outcomes["other value"] += 1
            book(b"")
            self._remember(address, time.time() + _RETRY_S)
            return
        self.outcomes["read"] += 1
        book(answer.identifier)
        if forgotten != self._forgotten:
            return
        self.identifiers[address] = answer.identifier
        now = time.time()
        ends = (now // _INTERVAL_S + 1) * _INTERVAL_S
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
        now = time.time()
        for address in [a for a in list(self.identifiers) if self._not_before_s.get(a, 0.0) <= now]:
            del self.identifiers[address]
