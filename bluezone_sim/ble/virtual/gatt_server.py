"""GATT of the virtual bench: phones that can be connected to, and applications of its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message, MessageType, Variant

from .objects import MANAGER, Call, ObjectTree

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"

#: What answers a GATT read: a function that gives an awaitable of bytes.
Value = Callable[[], Coroutine[Any, Any, bytes]]


@dataclass
class VirtualPhone:
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


class GattTree(ObjectTree):
    """Devices with services.

    Attributes:
        phones: by address.
        faults: what goes wrong.
    """

    def __init__(self) -> None:
        super().__init__()
        self.phones: dict[str, VirtualPhone] = {}
        self.faults = Faults()

    async def _register_application(self, m: Call) -> Message:
        reply = await self.bus.call(
            Message(
                destination=m.sender,
                path=m.body[0],
                interface=MANAGER,
                member="GetManagedObjects",
            )
        )
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            return m.error("org.bluez.Error.InvalidArguments", "no objects")
        service, characteristics = "", {}
        for path, interfaces in reply.body[0].items():
            if SERVICE in interfaces:
                service = interfaces[SERVICE]["UUID"].value
            if CHARACTERISTIC in interfaces:
                uuid = interfaces[CHARACTERISTIC]["UUID"].value
                characteristics[uuid] = self._remote_reader(m.sender, path)
        address = self._objects[m.path][ADAPTER]["Address"].value
        self.phones[address] = VirtualPhone(service, characteristics)
        return m.answer()

    def _unregister_application(self, m: Call) -> Message:
        self.phones.pop(self._objects[m.path][ADAPTER]["Address"].value, None)
        return m.answer()

    def _remote_reader(self, owner: str, path: str) -> Value:
        async def read() -> bytes:
            reply = await self.bus.call(
                Message(
                    destination=owner,
                    path=path,
                    interface=CHARACTERISTIC,
                    member="ReadValue",
                    signature="a{sv}",
                    body=[{}],
                )
            )
            if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
                raise KeyError(path)
            return bytes(reply.body[0])

        return read

    async def _connect(self, m: Call) -> Message:
        address = self._objects[m.path][DEVICE]["Address"].value
        phone = self.phones.get(address)
        if self.faults.connect or phone is None:
            text = self.faults.connect or "le-connection-abort-by-local"
            return m.error("org.bluez.Error.Failed", text)
        self._set(m.path, DEVICE, {"Connected": Variant("b", True)})
        service = f"{m.path}/service0001"
        self._add(
            service,
            {
                SERVICE: {
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
                    CHARACTERISTIC: {
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
        return m.answer()

    def _disconnect(self, m: Call) -> Message:
        self._set(m.path, DEVICE, {"ServicesResolved": Variant("b", False)})
        for child in [p for p in self._objects if p.startswith(m.path + "/")]:
            self._remove(child)
        self._set(m.path, DEVICE, {"Connected": Variant("b", False)})
        return m.answer()

    async def _read(self, m: Call) -> Message:
        if self.faults.read_hangs:
            await asyncio.Event().wait()
        device = m.path.split("/service", 1)[0]
        address = self._objects[device][DEVICE]["Address"].value
        uuid = self._objects[m.path][CHARACTERISTIC]["UUID"].value
        value = await self.phones[address].characteristics[uuid]()
        return m.answer("ay", [value])
