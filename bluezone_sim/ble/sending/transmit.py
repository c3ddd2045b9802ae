"""Sending: advertisements through BlueZ, and a characteristic that answers with an identifier."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import dataclass
from typing import Any, Protocol, Self

from ...errors import InputError
from ...protocols import Gatt, ad
from ...protocols.ad import long_uuid
from ..adapters.bus import ADVERTISER, GATT_MANAGER, AdapterError, Bluez
from ..adapters.inventory import Adapter, choose

_BASE_PATH = "/bluezone_sim"
#: Phones that are read, and cannot be on air at once, are so for this long: found, connected to, read.
READ_TURN_S = 5.0
_names = itertools.count(1)


@dataclass(frozen=True)
class Transmission:
    """What one phone has on air.

    Attributes:
        data: AD structures, flags included where the protocol has them.
        connectable: phones may connect.
        interval_ms: between advertisements.
        answer: identifier that a GATT read gives, as an iPhone's; empty where it is in ``data``.
        gatt: where it is read.
    """

    data: bytes
    connectable: bool
    interval_ms: int
    answer: bytes = b""
    gatt: Gatt | None = None


class Transmitter(Protocol):
    """What puts phones on air.

    Attributes:
        slots: phones that it holds on air at once.
        slice_s: where there are more phones than slots, each is on air so long in turn.
        readable: of these, phones whose identifier is read.
    """

    slots: int
    slice_s: float
    readable: int

    async def put(self, slot: int, sending: Transmission) -> None:
        """Replaces what a slot sends."""

    async def clear(self, slot: int) -> None:
        """Takes a slot off air."""

    def limits(self, phones: int, *, connectable: bool, iphones: int = 0) -> list[str]:
        """What the user should know, for so many phones, of which some are read over GATT."""


class BluezTransmitter:
    """BlueZ's advertising manager, as an async context manager.

    Raises:
        AdapterError: no adapter can advertise.
    """

    slice_s = 1.0
    #: Phones that can be connected to have the adapter's address, and one GATT table.
    readable = 1

    def __init__(self, adapter: str | None) -> None:
        self._name = adapter
        self._answer: bytes | None = None
        self._live: dict[int, tuple[str, Any]] = {}

    async def __aenter__(self) -> Self:
        self.adapter: Adapter = await choose(self._name, advertise=True)
        self._bluez = await Bluez().__aenter__()
        self.slots = self.adapter.instances
        return self

    async def __aexit__(self, *_: object) -> None:
        # BlueZ drops what a client that leaves the bus had registered; this is only sooner.
        for slot in list(self._live):
            with contextlib.suppress(AdapterError):
                await self.clear(slot)
        await self._bluez.__aexit__()

    async def put(self, slot: int, sending: Transmission) -> None:
        """Registers an advertisement anew: that is how BlueZ changes one.

        Raises:
            AdapterError: BlueZ refused.
        """
        await self.clear(slot)
        if sending.gatt is not None:
            await self._serve(sending.gatt, sending.answer)
        path = f"{_BASE_PATH}/advertisement{next(_names)}"
        advertisement = _advertisement(sending)
        self._bluez.bus.export(path, advertisement)
        try:
            await self._bluez.call(
                self.adapter.path, ADVERTISER, "RegisterAdvertisement", "oa{sv}", [path, {}]
            )
        except BaseException:
            self._bluez.bus.unexport(path, advertisement)
            raise
        self._live[slot] = (path, advertisement)

    async def clear(self, slot: int) -> None:
        """Takes a slot off air."""
        live = self._live.pop(slot, None)
        if live is None:
            return
        path, advertisement = live
        try:
            await self._bluez.call(
                self.adapter.path, ADVERTISER, "UnregisterAdvertisement", "o", [path]
            )
        except AdapterError as error:
            if not error.name.endswith("DoesNotExist"):
                raise
        finally:
            self._bluez.bus.unexport(path, advertisement)

    async def _serve(self, gatt: Gatt, answer: bytes) -> None:
        """An iPhone's service, registered once; its characteristic gives the answer of the moment."""
        from .dbus_objects import Characteristic, Service

        registered, self._answer = self._answer is not None, answer
        if registered:
            return
        root = f"{_BASE_PATH}/application{next(_names)}"
        service = f"{root}/service0"
        self._bluez.bus.export(service, Service(gatt.service))
        characteristic = Characteristic(service, gatt.characteristic, lambda: self._answer or b"")
        self._bluez.bus.export(f"{service}/char0", characteristic)
        await self._bluez.call(
            self.adapter.path, GATT_MANAGER, "RegisterApplication", "oa{sv}", [root, {}]
        )

    def limits(self, phones: int, *, connectable: bool, iphones: int = 0) -> list[str]:
        """What BlueZ and the adapter do to timing and addresses."""
        a, out = self.adapter, []
        if phones > iphones and connectable:
            out.append(
                f"a connectable phone has {a.name}'s own address {a.address}, also when its identifier "
                "rotates; --backend bumble rotates both"
            )
        elif phones > iphones:
            out.append(
                "phones are sent non-connectable, each under a random address that changes with its "
                "identifier"
            )
            if not a.offload:
                out.append(
                    f"{a.name} sends them every 100 to 150 ms, whatever their protocol says: the kernel "
                    "does so on controllers without extended advertising"
                )
        if iphones:
            out.append(
                f"an iPhone has {a.name}'s own address {a.address} and its one GATT table"
                + (
                    f": {iphones} are on air one at a time, {READ_TURN_S:g} s each, and a phone that "
                    "remembers addresses reads the first alone; --backend bumble gives each its own"
                    if iphones > 1
                    else ""
                )
            )
        slots = parallel(self, phones)
        if phones > slots:
            cycle = phones / slots * self.slice_s
            out.append(
                f"{phones} phones on {slots} advertising instance{'s' if slots > 1 else ''}: each is "
                f"on air {self.slice_s:g} s in {cycle:g} s"
                + ("" if a.offload else f"; {a.name} has no extended advertising")
            )
        return out


def parallel(transmitter: Transmitter, phones: int) -> int:
    """Slots to use for so many phones.

    An adapter that sends one instance at a time takes turns by itself, 2 s each; a phone that is on air
    for less than a round would never be sent. So its phones go through one slot, in turns of ours.
    """
    adapter: Adapter | None = getattr(transmitter, "adapter", None)
    if adapter is None or adapter.offload:
        return min(phones, transmitter.slots)
    return 1


def round_s(transmitter: Transmitter, phones: int, iphones: int) -> float:
    """Time in which each of so many phones, some of which are read, has had its turn; 0: none waits."""
    slots = parallel(transmitter, phones)
    turns = phones / slots * transmitter.slice_s if phones > slots else 0.0
    if transmitter.readable > 1 or not iphones:
        return turns
    others = phones - iphones
    if slots == 1 and others:
        turns = 2 * others * transmitter.slice_s
    elif phones > slots > 1:
        turns = others / (slots - 1) * transmitter.slice_s
    return max(turns, iphones * READ_TURN_S if iphones > 1 else 0.0)


def _advertisement(sending: Transmission) -> Any:
    """An ``LEAdvertisement1`` of AD structures.

    Raises:
        InputError: a structure that BlueZ has no property for.
    """
    from .dbus_objects import Fields, advertisement

    found = ad.walk(sending.data)
    if found is None:
        raise InputError("advertising data: a truncated AD structure")
    uuids: list[str] = []
    services: dict[str, bytes] = {}
    companies: dict[int, bytes] = {}
    name = ""
    for kind, data in found:
        if kind in ad.UUIDS_16:
            parts = [data[i : i + 2] for i in range(0, len(data), 2)]
            uuids += [long_uuid(int.from_bytes(p, "little")) for p in parts]
        elif kind in ad.UUIDS_128:
            uuids += [_uuid_128(data[i : i + 16]) for i in range(0, len(data), 16)]
        elif kind == ad.SERVICE_DATA_16:
            services[long_uuid(int.from_bytes(data[:2], "little"))] = data[2:]
        elif kind == ad.MANUFACTURER:
            companies[int.from_bytes(data[:2], "little")] = data[2:]
        elif kind in ad.NAMES:
            name = data.decode("utf-8", "replace")
        elif kind != ad.FLAGS:  # BlueZ refuses flags of one's own, and sets them itself
            raise InputError(f"advertising data: AD type 0x{kind:02X} cannot be sent through BlueZ")

    return advertisement(
        Fields(sending.connectable, uuids, services, companies, name, sending.interval_ms)
    )


def _uuid_128(data: bytes) -> str:
    from uuid import UUID

    return str(UUID(bytes=data[::-1]))


async def until(stop: asyncio.Event, seconds: float) -> bool:
    """Waits; True where it was stopped."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))
    return stop.is_set()
