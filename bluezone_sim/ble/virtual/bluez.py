"""``org.bluez``, enough of it for unmodified bleak and for :mod:`bluezone_sim.ble`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from dbus_fast import Message, MessageType, Variant

from . import advertising
from .advertising import Airing
from .discovery import AdapterState, Discovery
from .gatt_server import ADAPTER, CHARACTERISTIC, DEVICE, GattTree
from .objects import PROPERTIES, Call, ObjectTree

ADVERTISER = "org.bluez.LEAdvertisingManager1"
MONITOR = "org.bluez.AdvertisementMonitorManager1"
GATT_MANAGER = "org.bluez.GattManager1"


class VirtualBluez(Discovery):
    """The daemon. All methods run on its event loop.

    Attributes:
        instances: advertisements that an adapter takes at a time.
        rssi_dbm: of advertisements looped between adapters; called with (sending, hearing adapter).
    """

    def __init__(self, *, instances: int = 5, device_timeout_s: float = 30.0) -> None:
        super().__init__(device_timeout_s)
        self.instances = instances
        self.rssi_dbm: Callable[[str, str], int] = lambda sender, hearer: -60

    # -- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes the name ``org.bluez`` on the system bus."""
        await self.open()
        self.bus.add_message_handler(self._handle)
        await self.bus.request_name("org.bluez")
        self._spawn(self._forget_devices())

    async def restart(self, down_s: float = 0.2) -> None:
        """What happens when bluetoothd is restarted: its clients' state is gone, adapters return."""
        adapters = {
            path: dict(self._objects[path][ADAPTER])
            for path in self._state
            if path in self._objects
        }
        for path in adapters:
            self.remove_adapter(path.rsplit("/", 1)[1])
        await self.bus.release_name("org.bluez")
        await asyncio.sleep(down_s)
        await self.bus.request_name("org.bluez")
        for path, props in adapters.items():
            self.add_adapter(path.rsplit("/", 1)[1], props["Address"].value)

    def add_adapter(self, name: str, address: str, *, powered: bool = True) -> str:
        """Plugs an adapter in; returns its object path."""
        path = f"/org/bluez/{name}"
        self._state[path] = AdapterState()
        self._add(
            path,
            {
                ADAPTER: {
                    "Address": Variant("s", address),
                    "AddressType": Variant("s", "public"),
                    "Name": Variant("s", name),
                    "Alias": Variant("s", name),
                    "Powered": Variant("b", powered),
                    "Discovering": Variant("b", False),
                    "Discoverable": Variant("b", False),
                    "Roles": Variant("as", ["central", "peripheral"]),
                    "UUIDs": Variant("as", []),
                    "Manufacturer": Variant("q", 2),
                    "Version": Variant("y", 9),
                },
                ADVERTISER: {
                    "ActiveInstances": Variant("y", 0),
                    "SupportedInstances": Variant("y", self.instances),
                    "SupportedIncludes": Variant("as", ["tx-power", "appearance", "local-name"]),
                    "SupportedFeatures": Variant("as", ["HardwareOffload"]),
                },
                MONITOR: {
                    "SupportedMonitorTypes": Variant("as", ["or_patterns"]),
                    "SupportedFeatures": Variant("as", []),
                },
                GATT_MANAGER: {},
            },
        )
        return path

    def remove_adapter(self, name: str) -> None:
        """Unplugs an adapter: its devices go first, as in BlueZ."""
        path = f"/org/bluez/{name}"
        state = self._state.pop(path, None)
        if state is None:
            return
        for airing in state.airings.values():
            airing.task.cancel()
        for child in [p for p in self._objects if p.startswith(path + "/")]:
            self._remove(child)
        self._remove(path)

    # -- calls ---------------------------------------------------------------------------------------

    def _handle(self, message: Message) -> Message | bool | None:
        path = message.path or ""
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if path != "/" and not path.startswith("/org/bluez"):
            return None
        m = Call(message, path, message.sender or "", message.body)
        if message.member == "GetManagedObjects":
            return m.answer("a{oa{sa{sv}}}", [self._objects])
        if path not in self._objects:
            return m.error("org.freedesktop.DBus.Error.UnknownObject", f"no object {path}")
        name = f"{message.interface}.{message.member}"
        answer = self._answers.get((message.interface or "", message.member or ""))
        if answer is None:
            return m.error("org.freedesktop.DBus.Error.UnknownMethod", name)
        out = answer(self, m)
        if isinstance(out, Message):
            return out
        self._spawn(self._later(m, out))
        return True

    async def _later(self, m: Call, work: Coroutine[Any, Any, Message]) -> None:
        try:
            self.bus.send(await work)
        except KeyError as error:  # its object was removed in the meantime
            self.bus.send(m.error("org.bluez.Error.Failed", str(error)))

    async def _register_advertisement(self, m: Call) -> Message:
        state = self._state[m.path]
        if self.faults.advertise:
            return m.error(self.faults.advertise, "injected")
        if (m.sender, m.body[0]) in state.airings:
            return m.error("org.bluez.Error.AlreadyExists", "Already Exists")
        if len(state.airings) >= self.instances:
            return m.error("org.bluez.Error.NotPermitted", "Maximum advertisements reached")
        props = await self._client_properties(m, "org.bluez.LEAdvertisement1")
        if props is None:
            return m.error("org.bluez.Error.Failed", "Failed to parse advertisement.")
        try:
            wanted = advertising.parse({k: v.value for k, v in props.items()})
        except advertising.RefusedError as refused:
            return m.error(refused.name, str(refused))
        airing = Airing(wanted, m.sender)
        state.airings[m.sender, m.body[0]] = airing
        airing.task = self._spawn(self._air(m.path, airing))
        self._count_instances(m.path)
        return m.answer()

    def _unregister_advertisement(self, m: Call) -> Message:
        airing = self._state[m.path].airings.pop((m.sender, m.body[0]), None)
        if airing is None:
            return m.error("org.bluez.Error.DoesNotExist", "Does Not Exist")
        airing.task.cancel()
        self._count_instances(m.path)
        return m.answer()

    def _count_instances(self, path: str) -> None:
        active = len(self._state[path].airings)
        self._set(
            path,
            ADVERTISER,
            {
                "ActiveInstances": Variant("y", active),
                "SupportedInstances": Variant("y", self.instances - active),
            },
        )

    async def _air(self, path: str, airing: Airing) -> None:
        sender = path.rsplit("/", 1)[1]
        wanted = airing.wanted
        address = self._objects[path][ADAPTER]["Address"].value
        kind = "public"
        if wanted.broadcast:
            address, kind = advertising.fresh_address(), "random"
        while True:
            for other in list(self._state):
                if other != path:
                    name = other.rsplit("/", 1)[1]
                    self.hear(
                        name,
                        address,
                        self.rssi_dbm(sender, name),
                        manufacturer=wanted.manufacturer,
                        service_data=wanted.service_data,
                        uuids=wanted.uuids,
                        name=wanted.name,
                        flags=None if wanted.broadcast else b"\x06",
                        address_type=kind,
                    )
            await asyncio.sleep(wanted.interval_s)

    _answers: Mapping[
        tuple[str, str],
        Callable[[VirtualBluez, Call], Message | Coroutine[Any, Any, Message]],
    ] = {
        (PROPERTIES, "GetAll"): ObjectTree._get_all,
        (PROPERTIES, "Get"): ObjectTree._get,
        (PROPERTIES, "Set"): ObjectTree._set_property,
        (ADAPTER, "SetDiscoveryFilter"): Discovery._set_filter,
        (ADAPTER, "StartDiscovery"): Discovery._start_discovery,
        (ADAPTER, "StopDiscovery"): Discovery._stop_discovery,
        (ADAPTER, "RemoveDevice"): Discovery._remove_device,
        (MONITOR, "RegisterMonitor"): Discovery._register_monitor,
        (MONITOR, "UnregisterMonitor"): Discovery._unregister_monitor,
        (ADVERTISER, "RegisterAdvertisement"): _register_advertisement,
        (ADVERTISER, "UnregisterAdvertisement"): _unregister_advertisement,
        (GATT_MANAGER, "RegisterApplication"): GattTree._register_application,
        (GATT_MANAGER, "UnregisterApplication"): GattTree._unregister_application,
        (DEVICE, "Connect"): GattTree._connect,
        (DEVICE, "Disconnect"): GattTree._disconnect,
        (CHARACTERISTIC, "ReadValue"): GattTree._read,
    }
