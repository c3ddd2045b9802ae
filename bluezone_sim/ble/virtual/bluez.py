"""``org.bluez``, enough of it for unmodified bleak and for :mod:`bluezone_sim.ble`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from . import advertising
from .advertising import Airing

_MANAGER = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
ADVERTISER = "org.bluez.LEAdvertisingManager1"
MONITOR = "org.bluez.AdvertisementMonitorManager1"
GATT_MANAGER = "org.bluez.GattManager1"
_SERVICE = "org.bluez.GattService1"
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"

Props = dict[str, Variant]
#: What answers a GATT read: bytes, or an awaitable that gives them.
Value = Callable[[], Coroutine[Any, Any, bytes]]


@dataclass
class Phone:
    """A phone that can be connected to.

    Attributes:
        service: UUID of its GATT service.
        characteristics: value readers by UUID.
    """

    service: str
    characteristics: Mapping[str, Value]


@dataclass
class Faults:
    """What goes wrong from now on.

    Attributes:
        connect: D-Bus error text of every connection, or "" for none.
        read_hangs: a GATT read never answers.
        advertise: D-Bus error name of every advertisement, or "".
    """

    connect: str = ""
    read_hangs: bool = False
    advertise: str = ""


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


class VirtualBluez:
    """The daemon. All methods run on its event loop.

    Attributes:
        instances: advertisements that an adapter takes at a time.
        rssi_dbm: of advertisements looped between adapters; called with (sending, hearing adapter).
        device_timeout_s: unconnected devices are forgotten after so long, as bluetoothd does.
        faults: what goes wrong.
    """

    def __init__(self, *, instances: int = 5, device_timeout_s: float = 30.0) -> None:
        self.instances = instances
        self.device_timeout_s = device_timeout_s
        self.rssi_dbm: Callable[[str, str], int] = lambda sender, hearer: -60
        self.faults = Faults()
        self.phones: dict[str, Phone] = {}
        self.applications: dict[str, tuple[str, str]] = {}
        self._objects: dict[str, dict[str, Props]] = {}
        self._state: dict[str, _State] = {}
        self._filters: dict[str, Props] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes the name ``org.bluez`` on the system bus."""
        self.bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        self.bus._writer.sock = _PatientSocket(self.bus._writer.sock)
        self.bus.add_message_handler(self._handle)
        await self.bus.request_name("org.bluez")
        self._spawn(self._forget_devices())

    async def stop(self) -> None:
        """Leaves the bus."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.bus.disconnect()

    async def restart(self, down_s: float = 0.2) -> None:
        """What happens when bluetoothd is restarted: its clients' state is gone, adapters return."""
        adapters = {
            path: dict(self._objects[path][ADAPTER]) for path in self._state if path in self._objects
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

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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

    # -- objects -------------------------------------------------------------------------------------

    async def posted(self) -> None:
        """Waits until everything is with the D-Bus daemon."""
        while self.bus._writer.messages or self.bus._writer.buf is not None:
            await asyncio.sleep(0.001)

    def _signal(self, path: str, interface: str, member: str, sign: str, body: list[Any]) -> None:
        self.bus.send(Message.new_signal(path, interface, member, sign, body))

    def _add(self, path: str, interfaces: dict[str, Props]) -> None:
        self._objects[path] = interfaces
        self._signal("/", _MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def _remove(self, path: str) -> None:
        interfaces = self._objects.pop(path, None)
        if interfaces is not None:
            self._signal("/", _MANAGER, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def _set(self, path: str, interface: str, changed: Props) -> None:
        if path in self._objects:
            self._objects[path][interface].update(changed)
            self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, []])

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

    def _handle(self, m: Message) -> Message | bool | None:
        if m.message_type is not MessageType.METHOD_CALL:
            return None
        if m.path != "/" and not (m.path or "").startswith("/org/bluez"):
            return None
        if m.member == "GetManagedObjects":
            return Message.new_method_return(m, "a{oa{sa{sv}}}", [self._objects])
        if m.path not in self._objects:
            return _error(m, "org.freedesktop.DBus.Error.UnknownObject", f"no object {m.path}")
        answer = self._answers.get((m.interface or "", m.member or ""))
        if answer is None:
            return _error(
                m, "org.freedesktop.DBus.Error.UnknownMethod", f"{m.interface}.{m.member}"
            )
        out = answer(self, m)
        if isinstance(out, Message):
            return out
        self._spawn(self._later(m, out))
        return True

    async def _later(self, m: Message, work: Coroutine[Any, Any, Message]) -> None:
        try:
            self.bus.send(await work)
        except KeyError as error:  # its object was removed in the meantime
            self.bus.send(_error(m, "org.bluez.Error.Failed", str(error)))

    def _get_all(self, m: Message) -> Message:
        return Message.new_method_return(m, "a{sv}", [self._objects[m.path].get(m.body[0], {})])

    def _get(self, m: Message) -> Message:
        value = self._objects[m.path].get(m.body[0], {}).get(m.body[1])
        if value is None:
            return _error(m, "org.freedesktop.DBus.Error.InvalidArgs", f"no {m.body[1]}")
        return Message.new_method_return(m, "v", [value])

    def _set_property(self, m: Message) -> Message:
        self._set(m.path, m.body[0], {m.body[1]: m.body[2]})
        return Message.new_method_return(m)

    def _set_filter(self, m: Message) -> Message:
        self._filters[m.sender] = m.body[0]
        return Message.new_method_return(m)

    def _start_discovery(self, m: Message) -> Message:
        if not self._objects[m.path][ADAPTER]["Powered"].value:
            return _error(m, "org.bluez.Error.NotReady", "Resource Not Ready")
        wanted = self._filters.get(m.sender, {}).get("DuplicateData")
        self._state[m.path].scanning[m.sender] = bool(wanted.value) if wanted else True
        self._set(m.path, ADAPTER, {"Discovering": Variant("b", True)})
        return Message.new_method_return(m)

    def _stop_discovery(self, m: Message) -> Message:
        if self._state[m.path].scanning.pop(m.sender, None) is None:
            return _error(m, "org.bluez.Error.Failed", "No discovery started")
        left = bool(self._state[m.path].scanning)
        self._set(m.path, ADAPTER, {"Discovering": Variant("b", left)})
        return Message.new_method_return(m)

    def _remove_device(self, m: Message) -> Message:
        self._remove(m.body[0])
        return Message.new_method_return(m)

    async def _register_monitor(self, m: Message) -> Message:
        self._spawn(self._activate(m))
        return Message.new_method_return(m)

    async def _activate(self, m: Message) -> None:
        # bleak exports its monitor only after this call has returned
        for _ in range(100):
            await asyncio.sleep(0.01)
            props = await self._client_properties(m, "org.bluez.AdvertisementMonitor1")
            if props is not None and "Patterns" in props:
                patterns = [(s, t, bytes(c)) for s, t, c in props["Patterns"].value]
                self._state[m.path].monitors.append(_Monitor(m.sender, m.body[0], patterns))
                return

    def _unregister_monitor(self, m: Message) -> Message:
        state = self._state[m.path]
        state.monitors = [x for x in state.monitors if (x.sender, x.path) != (m.sender, m.body[0])]
        return Message.new_method_return(m)

    async def _client_properties(self, m: Message, interface: str) -> Props | None:
        reply = await self.bus.call(
            Message(
                destination=m.sender,
                path=m.body[0],
                interface=_PROPERTIES,
                member="GetAll",
                signature="s",
                body=[interface],
            )
        )
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            return None
        found: Props = reply.body[0]
        return found

    async def _register_advertisement(self, m: Message) -> Message:
        state = self._state[m.path]
        if self.faults.advertise:
            return _error(m, self.faults.advertise, "injected")
        if (m.sender, m.body[0]) in state.airings:
            return _error(m, "org.bluez.Error.AlreadyExists", "Already Exists")
        if len(state.airings) >= self.instances:
            return _error(m, "org.bluez.Error.NotPermitted", "Maximum advertisements reached")
        props = await self._client_properties(m, "org.bluez.LEAdvertisement1")
        if props is None:
            return _error(m, "org.bluez.Error.Failed", "Failed to parse advertisement.")
        try:
            wanted = advertising.parse({k: v.value for k, v in props.items()})
        except advertising.RefusedError as refused:
            return _error(m, refused.name, str(refused))
        airing = Airing(wanted, m.sender)
        state.airings[m.sender, m.body[0]] = airing
        airing.task = self._spawn(self._air(m.path, airing))
        self._count_instances(m.path)
        return Message.new_method_return(m)

    def _unregister_advertisement(self, m: Message) -> Message:
        airing = self._state[m.path].airings.pop((m.sender, m.body[0]), None)
        if airing is None:
            return _error(m, "org.bluez.Error.DoesNotExist", "Does Not Exist")
        airing.task.cancel()
        self._count_instances(m.path)
        return Message.new_method_return(m)

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

    # -- GATT ----------------------------------------------------------------------------------------

    async def _register_application(self, m: Message) -> Message:
        reply = await self.bus.call(
            Message(
                destination=m.sender,
                path=m.body[0],
                interface=_MANAGER,
                member="GetManagedObjects",
            )
        )
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            return _error(m, "org.bluez.Error.InvalidArguments", "no objects")
        service, characteristics = "", {}
        for path, interfaces in reply.body[0].items():
            if _SERVICE in interfaces:
                service = interfaces[_SERVICE]["UUID"].value
            if _CHARACTERISTIC in interfaces:
                uuid = interfaces[_CHARACTERISTIC]["UUID"].value
                characteristics[uuid] = self._remote_reader(m.sender, path)
        address = self._objects[m.path][ADAPTER]["Address"].value
        self.phones[address] = Phone(service, characteristics)
        return Message.new_method_return(m)

    def _unregister_application(self, m: Message) -> Message:
        self.phones.pop(self._objects[m.path][ADAPTER]["Address"].value, None)
        return Message.new_method_return(m)

    def _remote_reader(self, owner: str, path: str) -> Value:
        async def read() -> bytes:
            reply = await self.bus.call(
                Message(
                    destination=owner,
                    path=path,
                    interface=_CHARACTERISTIC,
                    member="ReadValue",
                    signature="a{sv}",
                    body=[{}],
                )
            )
            if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
                raise KeyError(path)
            return bytes(reply.body[0])

        return read

    async def _connect(self, m: Message) -> Message:
        address = self._objects[m.path][DEVICE]["Address"].value
        phone = self.phones.get(address)
        if self.faults.connect or phone is None:
            text = self.faults.connect or "le-connection-abort-by-local"
            return _error(m, "org.bluez.Error.Failed", text)
        self._set(m.path, DEVICE, {"Connected": Variant("b", True)})
        service = f"{m.path}/service0001"
        self._add(
            service,
            {
                _SERVICE: {
                    "UUID": Variant("s", phone.service),
                    "Primary": Variant("b", True),
                    "Device": Variant("o", m.path),
                    "Includes": Variant("ao", []),
                }
            },
        )
        for i, uuid in enumerate(phone.characteristics):
            self._add(
                f"{service}/char{i + 2:04x}",
                {
                    _CHARACTERISTIC: {
                        "UUID": Variant("s", uuid),
                        "Service": Variant("o", service),
                        "Flags": Variant("as", ["read"]),
                        "Value": Variant("ay", b""),
                        "Notifying": Variant("b", False),
                        "MTU": Variant("q", 185),
                    }
                },
            )
        self._set(m.path, DEVICE, {"ServicesResolved": Variant("b", True)})
        return Message.new_method_return(m)

    def _disconnect(self, m: Message) -> Message:
        self._set(m.path, DEVICE, {"ServicesResolved": Variant("b", False)})
        for child in [p for p in self._objects if p.startswith(m.path + "/")]:
            self._remove(child)
        self._set(m.path, DEVICE, {"Connected": Variant("b", False)})
        return Message.new_method_return(m)

    async def _read(self, m: Message) -> Message:
        if self.faults.read_hangs:
            await asyncio.Event().wait()
        device = m.path.split("/service", 1)[0]
        address = self._objects[device][DEVICE]["Address"].value
        uuid = self._objects[m.path][_CHARACTERISTIC]["UUID"].value
        value = await self.phones[address].characteristics[uuid]()
        return Message.new_method_return(m, "ay", [value])

    _answers: Mapping[
        tuple[str, str],
        Callable[[VirtualBluez, Message], Message | Coroutine[Any, Any, Message]],
    ] = {
        (_PROPERTIES, "GetAll"): _get_all,
        (_PROPERTIES, "Get"): _get,
        (_PROPERTIES, "Set"): _set_property,
        (ADAPTER, "SetDiscoveryFilter"): _set_filter,
        (ADAPTER, "StartDiscovery"): _start_discovery,
        (ADAPTER, "StopDiscovery"): _stop_discovery,
        (ADAPTER, "RemoveDevice"): _remove_device,
        (MONITOR, "RegisterMonitor"): _register_monitor,
        (MONITOR, "UnregisterMonitor"): _unregister_monitor,
        (ADVERTISER, "RegisterAdvertisement"): _register_advertisement,
        (ADVERTISER, "UnregisterAdvertisement"): _unregister_advertisement,
        (GATT_MANAGER, "RegisterApplication"): _register_application,
        (GATT_MANAGER, "UnregisterApplication"): _unregister_application,
        (DEVICE, "Connect"): _connect,
        (DEVICE, "Disconnect"): _disconnect,
        (_CHARACTERISTIC, "ReadValue"): _read,
    }


class _PatientSocket:
    """A full socket takes nothing; dbus-fast 5.2 would take the error for the end of the connection."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def send(self, data: memoryview) -> int:
        try:
            return int(self._sock.send(data))
        except BlockingIOError:
            return 0


def _error(m: Message, name: str, text: str) -> Message:
    return Message.new_error(m, name, text)


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
