"""``bluezone-sim ble advertise``: simulated phones on air, their identifiers rotating."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...protocols.protocol import called
from ..adapters.bus import AdapterError
from .crowd import SendingPhones
from .transmit import READ_TURN_S, BluezTransmitter, Transmission, Transmitter, parallel, until

_REFUSALS_MOST = 5


def transmitter(backend: str, adapter: str | None) -> AbstractAsyncContextManager[Transmitter]:
    """What sends.

    Raises:
        InputError: there is no such backend.
    """
    if backend == "bluez":
        return BluezTransmitter(adapter)
    if backend == "bumble":
        from .bumble import BumbleTransmitter

        return BumbleTransmitter(adapter)
    raise InputError(f"--backend {backend!r}: expected bluez or bumble")


#: A phone's number, and what it sends.
_Due = tuple[int, Transmission]


def _some(phones: list[_Due], most: int, number: int) -> list[_Due]:
    """At most so many; the next ones at each number."""
    n = len(phones)
    return phones if n <= most else [phones[(number * most + k) % n] for k in range(most)]


class SlotScheduler:
    """Phones taking turns on a transmitter's slots.

    ``wanted`` says what phone ``i`` sends at a time, or None where it is off air.
    """

    def __init__(self, transmit: Transmitter) -> None:
        self._transmit = transmit
        self._on: dict[int, _Due] = {}
        self.refused = 0

    def answers(self) -> set[bytes]:
        """Identifiers that are on air to be read."""
        return {sending.answer for _, sending in self._on.values() if sending.answer}

    def _due(self, number: int, up: list[_Due]) -> list[_Due]:
        """Who of those that want to be on air is so at turn ``number``."""
        t = self._transmit
        read = [u for u in up if u[1].answer]
        turns = max(1, round(READ_TURN_S / t.slice_s))
        read = _some(read, t.readable, number // turns)
        up = [u for u in up if not u[1].answer or u in read]
        slots = parallel(t, len(up))
        others = [u for u in up if not u[1].answer]
        if len(up) <= slots or not read or len(read) > 1:
            return _some(up, slots, number)
        # One that is read stays until it has been; where there is one slot, every other turn is its.
        if slots > 1:
            return read + _some(others, slots - 1, number)
        return _some(others, 1, number // 2) if number % 2 else read

    async def turn(self, number: int, wanted: Sequence[Transmission | None]) -> None:
        """Puts on air who is due at turn ``number``.

        Raises:
            AdapterError: the adapter refuses the only phone, or again and again.
        """
        up = self._due(number, [(i, s) for i, s in enumerate(wanted) if s is not None])
        keep = {slot: on for slot, on in self._on.items() if on in up}
        for slot in [s for s in self._on if s not in keep]:
            await self._transmit.clear(slot)
        free = [s for s in range(len(keep) + len(up)) if s not in keep]
        self._on = keep
        for phone in [p for p in up if p not in keep.values()]:
            slot = free.pop(0)
            try:
                await self._transmit.put(slot, phone[1])
            except AdapterError:
                # With others on air this may pass: another program's advertisement took the place.
                self.refused += 1
                if not self._on or self.refused >= _REFUSALS_MOST:
                    raise
                continue
            self._on[slot] = phone
            self.refused = 0


@dataclass(frozen=True)
class AdvertiserLog:
    """How advertising went: seconds on air, identifiers sent, keys in the file."""

    seconds: float
    identifiers: int
    keys: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "seconds": round(self.seconds, 2),
            "identifiers": self.identifiers,
            "keys": self.keys,
        }


async def advertise(
    stop: asyncio.Event,
    crowd: SendingPhones,
    transmit: Transmitter,
    keys: Path,
    *,
    ios: bool = False,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda text: None,
    show: Callable[[list[str]], None] = lambda identifiers: None,
) -> AdvertiserLog:
    """Keeps a crowd on air until ``seconds`` are over or ``stop`` is set.

    Args:
        stop: ends it.
        crowd: the phones.
        transmit: what sends.
        keys: file of the keys used, in the protocol's own format; complete at every moment.
        ios: one iPhone: the identifier is read over GATT.
        seconds: how long, or None for until stopped.
        say: told what limits apply.
        show: told the identifiers whenever they rotate.

    Raises:
        InputError: iPhones of another protocol, or more than one.
        AdapterError: the adapter refuses.
    """
    wire = crowd.protocol.wire
    gatt = wire.gatt if ios else None
    iphone = None if gatt is None or gatt.build is None else called(gatt.build)()
    if ios and (iphone is None or crowd.phones != 1):
        raise InputError(
            "--platform ios: one Bluezone phone an adapter; its GATT table is the adapter's"
        )
    connectable, interval_ms = wire.connectable, wire.interval_ms
    # Non-connectable, BlueZ gives each an address of its own; nobody has to connect to these.
    connectable = connectable and crowd.phones == 1
    for line in transmit.limits(crowd.phones, connectable=connectable, iphones=int(ios)):
        say(line)
    rota = SlotScheduler(transmit)
    began, turn, sent = time.monotonic(), 0, 0
    rotates_s = 0.0
    wanted: list[Transmission | None] = []
    sending: list[tuple[bytes, bytes]] = []
    try:
        while seconds is None or time.monotonic() - began < seconds:
            now = time.time()
            if now >= rotates_s:
                rotates_s = min(crowd.slot(now, i)[1] for i in range(crowd.phones))
                before = sending
                sending = [crowd.identifier(i, now) for i in range(crowd.phones)]
                wanted = [
                    Transmission(
                        iphone or crowd.protocol.advertisement(*what),
                        connectable,
                        interval_ms,
                        what[0] if iphone else b"",
                        gatt,
                    )
                    for what in sending
                ]
                sent += sum(what not in before for what in sending)
                write_keys(keys, crowd)
                show([identifier.hex() for identifier, _ in sending])
            await rota.turn(turn, wanted)
            turn += 1
            pause = rotates_s - time.time()
            if crowd.phones > parallel(transmit, crowd.phones):
                pause = min(pause, transmit.slice_s)
            if seconds is not None:
                pause = min(pause, seconds - (time.monotonic() - began))
            if await until(stop, pause):
                break
    finally:
        if crowd.was_on_air:
            write_keys(keys, crowd)
    n_keys = len(crowd.published()) if crowd.was_on_air else 0
    return AdvertiserLog(time.monotonic() - began, sent, n_keys)


def write_keys(path: Path, crowd: SendingPhones) -> None:
    """Replaces the key file, whole; it is the owner's alone."""
    from ...files import write_file

    write_file(path, crowd.key_file(), private=True)
