"""``org.bluez``, enough of it for unmodified bleak and for :mod:`bluezone_sim.ble`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import Message, MessageType, Variant

from . import advertising
from .advertising import Airing
from .gatt import ADAPTER, CHARACTERISTIC, DEVICE, GattTree
from .objects import PROPERTIES, Call, ObjectTree, Props

ADVERTISER = "org.bluez.LEAdvertisingManager1"
MONITOR = "org.bluez.AdvertisementMonitorManager1"
GATT_MANAGER = "org.bluez.GattManager1"


@dataclass
class _Monitor:
    sender: str
    path: str
    patterns: list[tuple[int, int, bytes]]


@dataclass
class _State:
    """What one adapter does."""

    scanning: dict[str, bool] = field(default_factory=dict)  # client: duplicates wanted
    monitors: list[_Monitor] = field(default_factory=list)
    airings: dict[tuple[str, str], Airing] = field(default_factory=dict)
    reported_s: dict[str, float] = field(default_factory=dict)
    seen_s: dict[str, float] = field(default_factory=dict)


class VirtualBluez(GattTree):
    """The daemon. All methods run on its event loop.

    Attributes:
        instances: advertisements that an adapter takes at a time.
        rssi_dbm: of advertisements looped between adapters; called with (sending, hearing adapter).
        device_timeout_s: unconnected devices are forgotten after so long, as bluetoothd does.
    """

    def __init__(self, *, instances: int = 5, device_timeout_s: float = 30.0) -> None:
        super().__init__()
        self.instances = instances
        self.device_timeout_s = device_timeout_s
        self.rssi_dbm: Callable[[str, str], int] = lambda sender, hearer: -60
        self._state: dict[str, _State] = {}
        self._filters: dict[str, Props] = {}

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
        self._state[path] = _State()
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

    async def _forget_devices(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.device_timeout_s / 4))
            now = time.monotonic()
            for state in list(self._state.values()):
                for path, seen in list(state.seen_s.items()):
                    connected = self._objects.get(path, {}).get(DEVICE, {}).get("Connected")
                    if now - seen > self.device_timeout_s and not (connected and connected.value):
                        self._remove(path)
                        state.seen_s.pop(path, None)
                        state.reported_s.pop(path, None)

    # -- air -----------------------------------------------------------------------------------------

    def hear(
        self,
        adapter: str,
        address: str,
        rssi_dbm: int,
        *,
        manufacturer: Mapping[int, bytes] | None = None,
        service_data: Mapping[str, bytes] | None = None,
        uuids: Sequence[str] = (),
        name: str | None = None,
        tx_power_dbm: int | None = None,
        flags: bytes | None = None,
        address_type: str = "random",
    ) -> None:
        """What bluetoothd does with one advertising report; ``adapter`` is a name such as hci0."""
        path = f"/org/bluez/{adapter}"
        state = self._state.get(path)
        if state is None:
            return
        device = f"{path}/dev_{address.replace(':', '_')}"
        finders = [m for m in state.monitors if _fits(m, manufacturer or {}, service_data or {})]
        if not state.scanning and not finders:
            return
        now = time.monotonic()
        state.seen_s[device] = now
        if device in self._objects and state.scanning and not any(state.scanning.values()):
            # Without duplicate data BlueZ lets about one report a second through.
            if now - state.reported_s.get(device, 0.0) < 1.0:
                return
            state.reported_s[device] = now
        props: Props = {"RSSI": Variant("n", rssi_dbm)}
        if manufacturer:
            props["ManufacturerData"] = Variant(
                "a{qv}", {k: Variant("ay", v) for k, v in manufacturer.items()}
            )
        if service_data:
            props["ServiceData"] = Variant(
                "a{sv}", {k: Variant("ay", v) for k, v in service_data.items()}
            )
        if flags is not None:
            props["AdvertisingFlags"] = Variant("ay", flags)
        if name is not None:
            props["Name"] = Variant("s", name)
        if tx_power_dbm is not None:
            props["TxPower"] = Variant("n", tx_power_dbm)
        if device in self._objects:
            # BlueZ accumulates service UUIDs by address, stale ones included.
            known = self._objects[device][DEVICE]["UUIDs"].value
            if any(u not in known for u in uuids):
                props["UUIDs"] = Variant("as", sorted({*known, *uuids}))
            self._set(device, DEVICE, props)
        else:
            self._add(
                device,
                {
                    DEVICE: {
                        "Address": Variant("s", address),
                        "AddressType": Variant("s", address_type),
                        "Alias": Variant("s", name or address.replace(":", "-")),
                        "Adapter": Variant("o", path),
                        "Paired": Variant("b", False),
                        "Connected": Variant("b", False),
                        "Trusted": Variant("b", False),
                        "Blocked": Variant("b", False),
                        "ServicesResolved": Variant("b", False),
                        "UUIDs": Variant("as", list(uuids)),
                        **props,
                    }
                },
            )
        for monitor in finders:
            self.bus.send(
                Message(
                    destination=monitor.sender,
                    path=monitor.path,
                    interface="org.bluez.AdvertisementMonitor1",
                    member="DeviceFound",
                    signature="o",
                    body=[device],
                )
            )

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

    def _set_filter(self, m: Call) -> Message:
        self._filters[m.sender] = m.body[0]
        return m.answer()

    def _start_discovery(self, m: Call) -> Message:
        if not self._objects[m.path][ADAPTER]["Powered"].value:
            return m.error("org.bluez.Error.NotReady", "Resource Not Ready")
        wanted = self._filters.get(m.sender, {}).get("DuplicateData")
        self._state[m.path].scanning[m.sender] = bool(wanted.value) if wanted else True
        self._set(m.path, ADAPTER, {"Discovering": Variant("b", True)})
        return m.answer()

    def _stop_discovery(self, m: Call) -> Message:
        if self._state[m.path].scanning.pop(m.sender, None) is None:
            return m.error("org.bluez.Error.Failed", "No discovery started")
        left = bool(self._state[m.path].scanning)
        self._set(m.path, ADAPTER, {"Discovering": Variant("b", left)})
        return m.answer()

    def _remove_device(self, m: Call) -> Message:
        self._remove(m.body[0])
        return m.answer()

    async def _register_monitor(self, m: Call) -> Message:
        self._spawn(self._activate(m))
        return m.answer()

    async def _activate(self, m: Call) -> None:
        # bleak exports its monitor only after this call has returned
        for _ in range(100):
            await asyncio.sleep(0.01)
            props = await self._client_properties(m, "org.bluez.AdvertisementMonitor1")
            if props is not None and "Patterns" in props:
                patterns = [(s, t, bytes(c)) for s, t, c in props["Patterns"].value]
                self._state[m.path].monitors.append(_Monitor(m.sender, m.body[0], patterns))
                return

    def _unregister_monitor(self, m: Call) -> Message:
        state = self._state[m.path]
        state.monitors = [x for x in state.monitors if (x.sender, x.path) != (m.sender, m.body[0])]
        return m.answer()

    async def _client_properties(self, m: Call, interface: str) -> Props | None:
        reply = await self.bus.call(
            Message(
                destination=m.sender,
                path=m.body[0],
                interface=PROPERTIES,
                member="GetAll",
                signature="s",
                body=[interface],
            )
        )
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            return None
        found: Props = reply.body[0]
        return found

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
        (ADAPTER, "SetDiscoveryFilter"): _set_filter,
        (ADAPTER, "StartDiscovery"): _start_discovery,
        (ADAPTER, "StopDiscovery"): _stop_discovery,
        (ADAPTER, "RemoveDevice"): _remove_device,
        (MONITOR, "RegisterMonitor"): _register_monitor,
        (MONITOR, "UnregisterMonitor"): _unregister_monitor,
        (ADVERTISER, "RegisterAdvertisement"): _register_advertisement,
        (ADVERTISER, "UnregisterAdvertisement"): _unregister_advertisement,
        (GATT_MANAGER, "RegisterApplication"): GattTree._register_application,
        (GATT_MANAGER, "UnregisterApplication"): GattTree._unregister_application,
        (DEVICE, "Connect"): GattTree._connect,
        (DEVICE, "Disconnect"): GattTree._disconnect,
        (CHARACTERISTIC, "ReadValue"): GattTree._read,
    }


def _fits(
    monitor: _Monitor, manufacturer: Mapping[int, bytes], service_data: Mapping[str, bytes]
) -> bool:
    """A pattern (start, AD type, bytes) of a monitor is in the advertisement."""
    found: list[tuple[int, bytes]] = [
        (0xFF, k.to_bytes(2, "little") + v) for k, v in manufacturer.items()
    ]
    for uuid, data in service_data.items():
        with contextlib.suppress(ValueError):
            found.append((0x16, int(uuid[4:8], 16).to_bytes(2, "little") + data))
    return any(
        kind == have and data[at : at + len(wanted)] == wanted
        for at, kind, wanted in monitor.patterns
        for have, data in found
    )
